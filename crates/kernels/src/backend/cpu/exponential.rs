//! Exponential and logarithm of a whole vector.

use std::f32::consts::{LN_2, LOG2_E};

use pulp::Simd;

use super::sine::{ROUNDING, polynomial};

/// ln 2 in two parts: products of the first with whole numbers below 2⁹ are exact (Cody and Waite 1980).
const LN_2_PARTS: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// Taylor coefficients of `eʳ`, enough for |r| ≤ ln 2 / 2.
const EXPONENTIAL: [f32; 8] = [
    1.0,
    1.0,
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
];

/// Beyond these arguments the result is 0, or that of the largest: products with numbers that are almost none would be slow.
const RANGE: [f32; 2] = [-80.0, 88.0];

/// Bits of the mantissa.
const MANTISSA: u32 = 23;

/// `eˣ`, within 2e-7 of itself for -80 < x ≤ 88; 0 below and 1.7e38 above.
#[inline(always)]
pub(super) fn exponential<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let least = simd.splat_f32s(RANGE[0]);
    let is_within = simd.greater_than_f32s(x, least);
    let x = simd.max_f32s(x, least);
    let x = simd.min_f32s(x, simd.splat_f32s(RANGE[1]));
    let rounding = simd.splat_f32s(ROUNDING);
    let shifted = simd.mul_add_e_f32s(x, simd.splat_f32s(LOG2_E), rounding);
    let power = simd.sub_f32s(shifted, rounding);
    let mut r = x;
    for part in LN_2_PARTS {
        r = simd.negate_mul_add_e_f32s(power, simd.splat_f32s(part), r);
    }
    // The whole number's bits are the lowest of the sum: moved up, they are added to the exponent.
    let power = simd.transmute_u32s_f32s(shifted);
    let power = simd.wrapping_dyn_shl_u32s(power, simd.splat_u32s(MANTISSA));
    let rest = simd.transmute_u32s_f32s(polynomial(simd, r, &EXPONENTIAL));
    let result = simd.transmute_f32s_u32s(simd.add_u32s(rest, power));
    simd.select_f32s(is_within, result, simd.splat_f32s(0.0))
}

/// Coefficients of `artanh s / s` in s².
const ARTANH: [f32; 5] = [1.0, 1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0];

/// Bits of √½ and of 1.
const ROOT_OF_HALF: u32 = 0x3f35_04f3;
const ONE: u32 = 0x3f80_0000;

/// 2²³, and its bits: a whole number below it is the lowest bits of their sum.
const WHOLE: f32 = 8_388_608.0;
const WHOLE_BITS: u32 = 0x4b00_0000;

/// `ln x` of normal, positive numbers, within 2e-7 of itself or 1e-7.
#[inline(always)]
pub(super) fn logarithm<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // x = 2ᵉ m with √½ ≤ m < √2.
    let bits = simd.transmute_u32s_f32s(x);
    let moved = simd.add_u32s(bits, simd.splat_u32s(ONE - ROOT_OF_HALF));
    let exponent = simd.wrapping_dyn_shr_u32s(moved, simd.splat_u32s(MANTISSA));
    let exponent = simd.or_u32s(exponent, simd.splat_u32s(WHOLE_BITS));
    let exponent = simd.transmute_f32s_u32s(exponent);
    let exponent = simd.sub_f32s(exponent, simd.splat_f32s(WHOLE + 127.0));
    let mantissa = simd.and_u32s(moved, simd.splat_u32s((1 << MANTISSA) - 1));
    let mantissa = simd.add_u32s(mantissa, simd.splat_u32s(ROOT_OF_HALF));
    let mantissa = simd.transmute_f32s_u32s(mantissa);
    // ln m = 2 artanh s
    let above = simd.sub_f32s(mantissa, simd.splat_f32s(1.0));
    let below = simd.add_f32s(mantissa, simd.splat_f32s(1.0));
    let s = simd.div_f32s(above, below);
    let square = simd.mul_f32s(s, s);
    let twice = simd.add_f32s(s, s);
    let of_mantissa = simd.mul_f32s(twice, polynomial(simd, square, &ARTANH));
    simd.mul_add_e_f32s(exponent, simd.splat_f32s(LN_2), of_mantissa)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, WithSimd};

    /// The largest relative errors of the exponential and, for numbers off 1, of the logarithm.
    struct WorstErrors;

    impl WithSimd for WorstErrors {
        type Output = [f64; 2];

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> [f64; 2] {
            let mut worst = [0.0f64; 2];
            for index in -79_900..=87_900i32 {
                let x = index as f32 * 0.001;
                // Of equal lanes the largest is each.
                let lane = |v: S::f32s| f64::from(simd.reduce_max_f32s(v));
                let exact = f64::from(x).exp();
                let found = lane(exponential(simd, simd.splat_f32s(x)));
                worst[0] = worst[0].max((found / exact - 1.0).abs());
                let number = exact as f32;
                let exact = f64::from(number).ln();
                let found = lane(logarithm(simd, simd.splat_f32s(number)));
                worst[1] = worst[1].max((found - exact).abs() / exact.abs().max(0.5));
            }
            worst
        }
    }

    #[test]
    fn stay_within_the_stated_bounds_on_every_instruction_set() {
        for arch in [Arch::Scalar, Arch::new()] {
            let worst = arch.dispatch(WorstErrors);
            assert!(
                worst.iter().all(|&worst| worst < 2e-7),
                "{arch:?}: {worst:?}"
            );
        }
    }

    #[test]
    fn what_is_beyond_the_range_is_its_end() {
        struct Ends;
        impl WithSimd for Ends {
            type Output = [f32; 2];

            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) -> [f32; 2] {
                [-1e30, 1e30].map(|x| {
                    let found = exponential(simd, simd.splat_f32s(x));
                    simd.reduce_max_f32s(found)
                })
            }
        }
        let [low, high] = Arch::new().dispatch(Ends);
        assert!(low == 0.0 && high > 1e38 && high.is_finite());
    }
}
