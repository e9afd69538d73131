//! Bits with chances that are learned on the way (adaptive binary models), through constriction's range coder.

use std::borrow::Borrow;
use std::num::NonZeroU32;

use constriction::stream::model::{DecoderModel, EncoderModel, EntropyModel};
use constriction::stream::queue::{DefaultRangeDecoder, DefaultRangeEncoder};
use constriction::stream::{Decode, Encode};

/// Chances are told in 2⁻¹⁶.
const PRECISION: usize = 16;

/// The chance that a bit is 0, the mean of two that learn at different rates.
#[derive(Clone, Copy)]
pub(super) struct Chance {
    fast: u16,
    slow: u16,
}

impl Default for Chance {
    fn default() -> Self {
        Chance {
            fast: 1 << 15,
            slow: 1 << 15,
        }
    }
}

impl Chance {
    fn of_zero(self) -> u32 {
        let mean = (u32::from(self.fast) + u32::from(self.slow)) / 2;
        mean.clamp(64, (1 << PRECISION) - 64)
    }

    fn learn(&mut self, bit: bool) {
        for (chance, rate) in [(&mut self.fast, 4), (&mut self.slow, 7)] {
            match bit {
                false => *chance += (u16::MAX - *chance) >> rate,
                true => *chance -= *chance >> rate,
            }
        }
    }
}

/// A coin whose first side has a chance.
struct Coin {
    of_zero: u32,
}

impl EntropyModel<PRECISION> for Coin {
    type Symbol = bool;
    type Probability = u32;
}

impl Coin {
    /// Where a side begins, and its width.
    fn side(&self, bit: bool) -> (u32, NonZeroU32) {
        let (start, width) = match bit {
            false => (0, self.of_zero),
            true => (self.of_zero, (1 << PRECISION) - self.of_zero),
        };
        (start, NonZeroU32::new(width).expect("chances are clamped"))
    }
}

impl EncoderModel<PRECISION> for Coin {
    fn left_cumulative_and_probability(
        &self,
        symbol: impl Borrow<bool>,
    ) -> Option<(u32, NonZeroU32)> {
        Some(self.side(*symbol.borrow()))
    }
}

impl DecoderModel<PRECISION> for Coin {
    fn quantile_function(&self, quantile: u32) -> (bool, u32, NonZeroU32) {
        let bit = quantile >= self.of_zero;
        let (start, width) = self.side(bit);
        (bit, start, width)
    }
}

/// One way through data, to write it or to read it: what is written once cannot be read differently.
pub(super) trait Bits {
    /// Writes `bit` and gives it back, or reads one whatever `bit` is.
    fn bit(&mut self, chance: &mut Chance, bit: bool) -> bool;

    /// A bit that nothing is known of.
    fn fair(&mut self, bit: bool) -> bool;
}

/// Writes.
#[derive(Default)]
pub(super) struct Writing(DefaultRangeEncoder);

impl Writing {
    pub(super) fn into_words(self) -> Vec<u32> {
        self.0.into_compressed().expect("memory takes all")
    }

    fn put(&mut self, of_zero: u32, bit: bool) {
        let coin = Coin { of_zero };
        self.0
            .encode_symbol(bit, coin)
            .expect("both sides have a chance");
    }
}

impl Bits for Writing {
    fn bit(&mut self, chance: &mut Chance, bit: bool) -> bool {
        self.put(chance.of_zero(), bit);
        chance.learn(bit);
        bit
    }

    fn fair(&mut self, bit: bool) -> bool {
        self.put(1 << (PRECISION - 1), bit);
        bit
    }
}

/// Reads.
pub(super) struct Reading {
    decoder: DefaultRangeDecoder,
    /// Nothing that was written is read like this.
    pub(super) failed: bool,
}

impl Reading {
    pub(super) fn new(words: Vec<u32>) -> Self {
        Reading {
            decoder: DefaultRangeDecoder::from_compressed(words).expect("memory is read"),
            failed: false,
        }
    }

    fn take(&mut self, of_zero: u32) -> bool {
        let bit = self.decoder.decode_symbol(Coin { of_zero });
        self.failed |= bit.is_err();
        bit.unwrap_or(false)
    }
}

impl Bits for Reading {
    fn bit(&mut self, chance: &mut Chance, _: bool) -> bool {
        let bit = self.take(chance.of_zero());
        chance.learn(bit);
        bit
    }

    fn fair(&mut self, _: bool) -> bool {
        self.take(1 << (PRECISION - 1))
    }
}
