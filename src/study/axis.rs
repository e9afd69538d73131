//! Logarithmic axes: their ranges, round numbers on them, and how these are written.

use std::ops::Range;

/// The range of an axis: all values with some room, over a factor of 3 at least.
pub(super) fn range(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, 0.0f64), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low > high {
        return 1.0..10.0;
    }
    let room = (high / low).powf(0.07).max((3.0 * low / high).sqrt());
    low / room..high * room
}

/// Round numbers in a range: four at least, and as few as that allows.
pub(super) fn ticks(range: &Range<f64>) -> Vec<f64> {
    const STEPS: [&[f64]; 4] = [
        &[1.0],
        &[1.0, 3.0],
        &[1.0, 2.0, 5.0],
        &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0],
    ];
    let [low, high] = [range.start, range.end].map(|x| x.log10().floor() as i32);
    let within = |steps: &&[f64]| -> Vec<f64> {
        let decades = low..=high;
        // Dividing keeps 0.003 what it is.
        let number = |step: f64, decade: i32| match decade {
            0.. => step * 10f64.powi(decade),
            _ => step / 10f64.powi(-decade),
        };
        let numbers = decades.flat_map(|decade| steps.iter().map(move |&s| number(s, decade)));
        numbers.filter(|number| range.contains(number)).collect()
    };
    let mut choices = STEPS.iter().map(within);
    let fine = STEPS.last().map(within).unwrap_or_default();
    choices.find(|ticks| ticks.len() >= 4).unwrap_or(fine)
}

/// `3e-4`
pub(super) fn scientific(value: f64) -> String {
    format!("{value:.1e}").replace(".0e", "e")
}

/// As few digits as tell it.
pub(super) fn plain(value: f64) -> String {
    let rounded = format!("{value:.4}");
    rounded
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

pub(super) fn bytes(value: f64) -> String {
    match value {
        1e9.. => format!("{} GB", plain(value / 1e9)),
        1e6.. => format!("{} MB", plain(value / 1e6)),
        1e3.. => format!("{} KB", plain(value / 1e3)),
        _ => format!("{} B", plain(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_numbers() {
        assert_eq!(ticks(&(0.9e-4..1.1e-1)), [1e-4, 1e-3, 1e-2, 1e-1]);
        assert_eq!(ticks(&(0.9..12.0)), [1.0, 2.0, 5.0, 10.0]);
        assert_eq!(ticks(&(1.2..3.5)), [1.5, 2.0, 3.0]);
        assert_eq!([3e-4, 1.5e-3].map(scientific), ["3e-4", "1.5e-3"]);
        assert_eq!([0.05, 30.0].map(plain), ["0.05", "30"]);
        assert_eq!([300.0, 3e4, 1.5e6].map(bytes), ["300 B", "30 KB", "1.5 MB"]);
    }
}
