//! Numbers as people write them, and what others wrote as it can be shown.

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

/// Most letters of what a caller sent that an error quotes.
const QUOTED: usize = 200;

/// What a caller sent, as an error quotes it: the first 200 letters, see [`shown`].
pub(crate) fn quoted(text: &str) -> String {
    shown(text, QUOTED)
}

/// What the reader of a caller's text says of it. Such a message quotes the text between backticks or quotation marks: each stretch between these
/// is cut as [`quoted`] does it, and all of it at five times as many letters.
pub(crate) fn retold(message: &str) -> String {
    let stretches = message.split_inclusive(['`', '"', '\'']).map(quoted);
    shown_as_is(&stretches.collect::<String>(), 5 * QUOTED)
}

/// A text from elsewhere in about `most` letters at most. Those that would act on a terminal, a log or the order of what stands beside them are escaped:
/// controls, line breaks, and marks of direction.
pub(crate) fn shown(text: &str, most: usize) -> String {
    let (mut shown, mut letters) = (String::new(), 0);
    for letter in text.chars() {
        if letters >= most {
            return shown + "…";
        }
        if acts(letter) {
            let escaped = letter.escape_default();
            letters += escaped.len();
            shown.extend(escaped);
        } else {
            letters += 1;
            shown.push(letter);
        }
    }
    shown
}

fn shown_as_is(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Whether a letter does something else than to stand there.
fn acts(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
        )
        || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_cut_and_does_nothing() {
        assert_eq!(quoted("Würfel 立方体"), "Würfel 立方体");
        assert_eq!(quoted("a\x1b[31m\n\u{202e}b"), "a\\u{1b}[31m\\n\\u{202e}b");
        let long = quoted(&"ä".repeat(10_000_000));
        assert_eq!(long.chars().count(), 201);
        assert!(long.ends_with('…'));
        assert!(quoted(&"\u{202e}".repeat(1000)).len() < 220);
        let parsed = format!("unknown variant `{}`, expected `a`", "z".repeat(1_000_000));
        let parsed = retold(&parsed);
        assert!(parsed.starts_with("unknown variant `zz") && parsed.ends_with("expected `a`"));
        assert!(parsed.chars().count() < 300);
        assert!(retold(&"`\n".repeat(1_000_000)).chars().count() <= 1001);
    }

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
