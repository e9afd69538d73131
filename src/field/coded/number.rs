//! Whole numbers as bits: how long, which sign, and the digits below the first.

use super::bits::{Bits, Chance};

/// Most digits of a number.
const DIGITS: usize = 24;

/// What is learned of numbers of one kind.
#[derive(Clone)]
pub(super) struct Chances {
    /// By length: whether it is longer.
    longer: [Chance; DIGITS],
    /// The two digits below the first, by length and by the digit between.
    digits: [[Chance; 3]; DIGITS],
}

impl Default for Chances {
    fn default() -> Self {
        Chances {
            longer: [Chance::default(); DIGITS],
            digits: [[Chance::default(); 3]; DIGITS],
        }
    }
}

/// Largest number either way.
pub(super) const MOST: i32 = (1 << DIGITS) - 1;

/// A number of at most [`MOST`] either way. Each that is not 0 takes a bit at least: its sign.
pub(super) fn number(bits: &mut impl Bits, chances: &mut Chances, value: i32) -> i32 {
    let size = magnitude(bits, chances, value.unsigned_abs());
    match size {
        0 => 0,
        size if bits.fair(value < 0) => -(size as i32),
        size => size as i32,
    }
}

/// A number that is not negative.
pub(super) fn magnitude(bits: &mut impl Bits, chances: &mut Chances, size: u32) -> u32 {
    let given = (u32::BITS - size.leading_zeros()) as usize;
    let mut length = 0;
    while length < DIGITS && bits.bit(&mut chances.longer[length], given > length) {
        length += 1;
    }
    let mut read = u32::from(length > 0);
    for place in (0..length.saturating_sub(1)).rev() {
        let digit = size >> place & 1 == 1;
        let below_first = length - 2 - place;
        let known = &mut chances.digits[length - 1];
        let digit = match below_first {
            0 => bits.bit(&mut known[0], digit),
            1 => bits.bit(&mut known[1 + (read & 1) as usize], digit),
            _ => bits.fair(digit),
        };
        read = read << 1 | u32::from(digit);
    }
    read
}

#[cfg(test)]
mod tests {
    use super::super::bits::{Reading, Writing};
    use super::*;

    #[test]
    fn numbers_come_back() {
        let numbers: Vec<i32> = (0..2000)
            .map(|index: i32| match index % 7 {
                0 => index * index % 5003 - 2500,
                1 => MOST - index,
                2 => index - MOST,
                _ => index % 3 - 1,
            })
            .collect();
        let (mut writing, mut chances) = (Writing::default(), Chances::default());
        for &value in &numbers {
            assert_eq!(number(&mut writing, &mut chances, value), value);
        }
        let words = writing.into_words();
        let (mut reading, mut chances) = (Reading::new(words), Chances::default());
        for &value in &numbers {
            assert_eq!(number(&mut reading, &mut chances, 0), value);
        }
        assert!(!reading.failed);
    }

    #[test]
    fn what_is_rare_costs_little_and_what_is_common_less() {
        let (mut writing, mut chances) = (Writing::default(), Chances::default());
        for index in 0..100_000 {
            number(&mut writing, &mut chances, i32::from(index % 100 == 0));
        }
        // The entropy of one in a hundred is 0.081 bits, and a sign each.
        let bits = 32 * writing.into_words().len();
        assert!((9_000..11_000).contains(&bits), "{bits}");
    }
}
