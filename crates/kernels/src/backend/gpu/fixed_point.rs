//! Sums of many units' terms that do not depend on their order.
//!
//! Floats added atomically in the order in which units happen to arrive give other bits every time. Here terms are whole
//! numbers of a quantum, and the sum is a 64-bit integer in two words of 32, which every device can add to atomically. The
//! low word starts in its middle, so that the high one is touched only where a sum leaves ±8.

use cubecl::prelude::*;

/// Quanta in 1: terms are derivatives of a sample's value by a feature, which are of order 1.
const QUANTA: f32 = 268_435_456.0;

/// What the low word holds where the sum is 0.
pub(super) const LOW_ZERO: u32 = 1 << 31;

/// Quanta that carry into the high word.
const HIGH_UNIT: f32 = 4_294_967_296.0;

/// Terms from here on do not fit the low word.
const LARGE: f32 = 2_147_483_520.0;

/// The largest float below it.
const LARGEST_REST: f32 = 4_294_967_040.0;

/// Terms are cut off here: the high word still has room for a million of them.
const LARGEST_HIGH: f32 = 2048.0;

/// Adds `term` to sum number `index`.
#[cube]
pub(super) fn add_term(
    low: &mut Array<Atomic<u32>>,
    high: &mut Array<Atomic<u32>>,
    index: usize,
    term: f32,
) {
    let quanta = (term * QUANTA).round();
    if quanta != 0.0 {
        let fits = quanta.abs() < LARGE;
        let whole = i32::cast_from(quanta);
        let over = clamp((quanta / HIGH_UNIT).floor(), -LARGEST_HIGH, LARGEST_HIGH);
        let rest = clamp(quanta - over * HIGH_UNIT, 0.0, LARGEST_REST);
        let low_term = if fits {
            u32::reinterpret(whole)
        } else {
            u32::cast_from(rest)
        };
        let mut high_term = if fits {
            select(whole < 0, 0xffff_ffffu32, 0u32)
        } else {
            u32::reinterpret(i32::cast_from(over))
        };
        let before = low[index].fetch_add(low_term);
        if low_term > u32::MAX - before {
            high_term += 1u32;
        }
        if high_term != 0u32 {
            high[index].fetch_add(high_term);
        }
    }
}

/// Sum number `index`, which is 0 again afterwards.
#[cube]
pub(super) fn take_sum(low: &mut Array<u32>, high: &mut Array<u32>, index: usize) -> f32 {
    let low_word = low[index];
    let high_word = high[index];
    let mut sum = 0.0f32;
    if low_word != LOW_ZERO || high_word != 0u32 {
        low[index] = LOW_ZERO;
        high[index] = 0u32;
        let rest = f32::cast_from(i32::reinterpret(low_word - LOW_ZERO));
        let over = f32::cast_from(i32::reinterpret(high_word));
        sum = (over * HIGH_UNIT + rest) / QUANTA;
    }
    sum
}

#[cfg(all(test, feature = "wgpu"))]
mod tests {
    use cubecl::prelude::*;
    use cubecl::wgpu::{WgpuDevice, WgpuRuntime};

    use super::*;

    #[cube(launch)]
    fn add_all(terms: &Array<f32>, low: &mut Array<Atomic<u32>>, high: &mut Array<Atomic<u32>>) {
        if ABSOLUTE_POS < terms.len() {
            add_term(low, high, 0, terms[ABSOLUTE_POS]);
        }
    }

    #[cube(launch)]
    fn take_one(low: &mut Array<u32>, high: &mut Array<u32>, sums: &mut Array<f32>) {
        if ABSOLUTE_POS < sums.len() {
            // The second time there is nothing left.
            sums[0] = take_sum(low, high, 0);
            sums[1] = take_sum(low, high, 0);
        }
    }

    /// The sum, and what is left of it afterwards.
    fn sum(terms: &[f32]) -> [f32; 2] {
        let client = WgpuRuntime::client(&WgpuDevice::DefaultDevice);
        let [low, high] =
            [LOW_ZERO, 0].map(|word| client.create_from_slice(u32::as_bytes(&[word])));
        let input = client.create_from_slice(f32::as_bytes(terms));
        let output = client.create_from_slice(f32::as_bytes(&[0.0, 0.0]));
        let (dim, cubes) = (CubeDim::new_1d(64), terms.len().div_ceil(64) as u32);
        // SAFETY: every length is that of the buffer made above.
        let argument = |handle: &cubecl::server::Handle, length: usize| unsafe {
            ArrayArg::from_raw_parts(handle.clone(), length)
        };
        add_all::launch::<WgpuRuntime>(
            &client,
            CubeCount::Static(cubes, 1, 1),
            dim,
            argument(&input, terms.len()),
            argument(&low, 1),
            argument(&high, 1),
        );
        take_one::launch::<WgpuRuntime>(
            &client,
            CubeCount::new_single(),
            CubeDim::new_single(),
            argument(&low, 1),
            argument(&high, 1),
            argument(&output, 2),
        );
        let sums = client.read_one_unchecked(output);
        f32::from_bytes(&sums).try_into().expect("there are two")
    }

    #[test]
    fn sums_are_those_of_exact_arithmetic_whatever_carries() {
        let wave =
            |scale: f32| (0..1000).map(move |i| scale * ((i * 37 % 1000) as f32 / 499.5 - 1.0));
        let cases: [Vec<f32>; 7] = [
            vec![0.25, -0.5],
            wave(1.0).chain([3.0]).collect(),
            // Leaves the low word in both directions.
            vec![1.5; 500],
            vec![-1.5; 500],
            // Terms that do not fit the low word themselves.
            vec![1e4, -3e4, 7.0, 12.5, -9.25],
            wave(300.0).chain([-0.125]).collect(),
            vec![1e-3; 10_000],
        ];
        for terms in cases {
            let exact: f64 = terms.iter().map(|&term| f64::from(term)).sum();
            let [actual, left] = sum(&terms);
            // Half a quantum a term, and the result's own rounding.
            let bound = 0.5 / f64::from(QUANTA) * terms.len() as f64 + 1e-7 * exact.abs();
            assert!(
                (f64::from(actual) - exact).abs() <= bound,
                "{actual} and {exact}"
            );
            assert_eq!(left, 0.0);
        }
    }

    #[test]
    fn infinite_terms_do_not_wrap() {
        assert!(sum(&[f32::INFINITY, 1.0])[0] > 1e3);
        assert!(sum(&[f32::NEG_INFINITY, 1.0])[0] < -1e3);
    }
}
