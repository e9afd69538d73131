//! Sine and cosine of a whole vector.

use std::f32::consts::FRAC_1_PI;

use pulp::Simd;

/// π in three parts: products of the first two with whole numbers below 2¹² are exact (Cody and Waite 1980).
#[allow(clippy::excessive_precision, clippy::approx_constant)]
const PI_PARTS: [f32; 3] = [
    3.140_625,
    9.670_257_568_359_375e-4,
    6.277_114_152_908_325e-7,
];

/// Adding and subtracting it rounds to the nearest whole number, whose lowest bit is then the lowest bit of the sum.
pub(super) const ROUNDING: f32 = 12_582_912.0;

/// Taylor coefficients of `sin r / r` and `cos r` in r², enough for |r| ≤ π / 2.
const SINE: [f32; 6] = [
    1.0,
    -1.0 / 6.0,
    1.0 / 120.0,
    -1.0 / 5_040.0,
    1.0 / 362_880.0,
    -1.0 / 39_916_800.0,
];
const COSINE: [f32; 7] = [
    1.0,
    -0.5,
    1.0 / 24.0,
    -1.0 / 720.0,
    1.0 / 40_320.0,
    -1.0 / 3_628_800.0,
    1.0 / 479_001_600.0,
];

/// Sine and cosine, each within 4e-7 for |x| ≤ 4096; the error grows with |x| beyond.
#[inline(always)]
pub(super) fn sine_and_cosine<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let rounding = simd.splat_f32s(ROUNDING);
    let shifted = simd.mul_add_e_f32s(x, simd.splat_f32s(FRAC_1_PI), rounding);
    let turns = simd.sub_f32s(shifted, rounding);
    let mut r = x;
    for part in PI_PARTS {
        r = simd.negate_mul_add_e_f32s(turns, simd.splat_f32s(part), r);
    }
    // An odd number of half turns changes the sign of both: its lowest bit becomes the sign bit.
    let parity = simd.transmute_u32s_f32s(shifted);
    let flip = simd.wrapping_dyn_shl_u32s(parity, simd.splat_u32s(31));
    let square = simd.mul_f32s(r, r);
    let sine = simd.mul_f32s(r, polynomial(simd, square, &SINE));
    let cosine = polynomial(simd, square, &COSINE);
    (flipped(simd, sine, flip), flipped(simd, cosine, flip))
}

// Functions and not closures: closures do not take on the instruction set that was dispatched to.
/// The sum of `coefficients[k] xᵏ`.
#[inline(always)]
pub(super) fn polynomial<S: Simd>(simd: S, x: S::f32s, coefficients: &[f32]) -> S::f32s {
    let mut value = simd.splat_f32s(0.0);
    for &coefficient in coefficients.iter().rev() {
        value = simd.mul_add_e_f32s(value, x, simd.splat_f32s(coefficient));
    }
    value
}

/// `value` with the bits of `flip` turned over.
#[inline(always)]
fn flipped<S: Simd>(simd: S, value: S::f32s, flip: S::u32s) -> S::f32s {
    simd.transmute_f32s_u32s(simd.xor_u32s(simd.transmute_u32s_f32s(value), flip))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, WithSimd};

    struct WorstError;

    impl WithSimd for WorstError {
        type Output = f64;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f64 {
            let mut worst = 0.0f64;
            for index in -400_000..=400_000i32 {
                let x = index as f32 * 0.010_24;
                let (sine, cosine) = sine_and_cosine(simd, simd.splat_f32s(x));
                let (exact_sine, exact_cosine) = f64::from(x).sin_cos();
                // A sum of equal lanes over their number is one lane.
                let lane = |v: S::f32s| f64::from(simd.reduce_max_f32s(v));
                worst = worst.max((lane(sine) - exact_sine).abs());
                worst = worst.max((lane(cosine) - exact_cosine).abs());
            }
            worst
        }
    }

    #[test]
    fn stays_within_the_stated_bound_on_every_instruction_set() {
        for arch in [Arch::Scalar, Arch::new()] {
            let worst = arch.dispatch(WorstError);
            assert!(worst < 4e-7, "{arch:?}: {worst:e}");
        }
    }
}
