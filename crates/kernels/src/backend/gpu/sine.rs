//! Sine and cosine to the accuracy that training needs: what devices offer may be as coarse as 2⁻¹¹.

use std::f32::consts::FRAC_1_PI;

use cubecl::prelude::*;

use super::Lanes;

/// π in three parts: products of the first two with whole numbers below 2¹² are exact (Cody and Waite 1980).
#[allow(clippy::excessive_precision, clippy::approx_constant)]
const PI_PARTS: [f32; 3] = [
    3.140_625,
    9.670_257_568_359_375e-4,
    6.277_114_152_908_325e-7,
];

/// Sine of `x`; see [`cosine()`] for the bound.
#[cube]
pub(super) fn sine(x: Lanes) -> Lanes {
    let turns = half_turns(x);
    let r = remainder(x, turns);
    let square = r * r;
    // Taylor coefficients of sin r / r in r².
    let mut sum = Lanes::new(-1.0 / 39_916_800.0);
    sum = fma(sum, square, Lanes::new(1.0 / 362_880.0));
    sum = fma(sum, square, Lanes::new(-1.0 / 5_040.0));
    sum = fma(sum, square, Lanes::new(1.0 / 120.0));
    sum = fma(sum, square, Lanes::new(-1.0 / 6.0));
    sum = fma(sum, square, Lanes::new(1.0));
    sum * r * sign(turns)
}

/// Cosine of `x`, within 1e-6 for |x| ≤ 4096; the error grows with |x| beyond.
#[cube]
pub(super) fn cosine(x: Lanes) -> Lanes {
    let turns = half_turns(x);
    let r = remainder(x, turns);
    let square = r * r;
    // Taylor coefficients of cos r in r².
    let mut sum = Lanes::new(1.0 / 479_001_600.0);
    sum = fma(sum, square, Lanes::new(-1.0 / 3_628_800.0));
    sum = fma(sum, square, Lanes::new(1.0 / 40_320.0));
    sum = fma(sum, square, Lanes::new(-1.0 / 720.0));
    sum = fma(sum, square, Lanes::new(1.0 / 24.0));
    sum = fma(sum, square, Lanes::new(-0.5));
    sum = fma(sum, square, Lanes::new(1.0));
    sum * sign(turns)
}

/// The nearest whole number of half turns.
#[cube]
fn half_turns(x: Lanes) -> Lanes {
    fma(x, Lanes::new(FRAC_1_PI), Lanes::new(0.5)).floor()
}

/// `x` less so many half turns: |result| ≤ π / 2.
#[cube]
fn remainder(x: Lanes, turns: Lanes) -> Lanes {
    let mut r = fma(turns, Lanes::new(comptime!(-PI_PARTS[0]).runtime()), x);
    r = fma(turns, Lanes::new(comptime!(-PI_PARTS[1]).runtime()), r);
    fma(turns, Lanes::new(comptime!(-PI_PARTS[2]).runtime()), r)
}

/// -1 for an odd number of half turns, 1 for an even one.
#[cube]
fn sign(turns: Lanes) -> Lanes {
    let pairs = (turns * Lanes::new(0.5)).floor();
    fma(
        fma(pairs, Lanes::new(-2.0), turns),
        Lanes::new(-2.0),
        Lanes::new(1.0),
    )
}
