//! Numbers as people write them.

/// A length with three digits, as short as it goes: `0.001`, `12.3`, `4570`.
pub(crate) fn length_in_words(length: f64) -> String {
    if length == 0.0 || !length.is_finite() {
        return length.to_string();
    }
    let magnitude = length.abs().log10().floor() as i32;
    let step = 10_f64.powi(magnitude - 2);
    let rounded = (length / step).round() * step;
    if !(-5..9).contains(&magnitude) {
        return format!("{rounded:.2e}");
    }
    let digits = (2 - magnitude).max(0) as usize;
    let text = format!("{rounded:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A noun with its number: `1 body`, `2 bodies`.
pub(crate) fn bodies_in_words(count: u64) -> String {
    match count {
        1 => "1 body".to_owned(),
        count => format!("{count} bodies"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_three_digits() {
        let cases = [
            (0.001, "0.001"),
            (0.00299999, "0.003"),
            (0.012345, "0.0123"),
            (1.0, "1"),
            (12.345, "12.3"),
            (4567.0, "4570"),
            (1e-9, "1.00e-9"),
            (0.0, "0"),
        ];
        for (length, words) in cases {
            assert_eq!(length_in_words(length), words);
        }
    }
}
