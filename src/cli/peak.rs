//! What the machine can do at most: the measure for how much of it our kernels use.

use std::hint::black_box;

use pulp::{Simd, WithSimd};

use crate::instruction_set::instruction_set;

/// Independent sums: enough for two multiply-adds a cycle that take four cycles each, few enough for sixteen registers.
const SUMS: usize = 12;

/// Turns of the loop of multiply-adds: about a millisecond.
const TURNS: usize = 1 << 19;

/// Times that a round reads the table.
const READS: usize = 64;

/// Numbers of the table that is read: as large as the hash grid's, 4 MiB, which lies in the last cache or the one before.
pub(super) const TABLE: usize = 1 << 20;

/// Multiplies and adds in registers, on every thread of the pool. Gives the number of floating-point operations.
pub(super) fn multiply_add() -> usize {
    rayon::broadcast(|_| instruction_set().dispatch(MultiplyAdd))
        .into_iter()
        .sum()
}

/// Reads a table from end to end, every thread of the pool all of it. Gives the number of bytes.
pub(super) fn read(table: &[f32]) -> usize {
    rayon::broadcast(|_| {
        for _ in 0..READS {
            black_box(instruction_set().dispatch(Read(black_box(table))));
        }
        READS * size_of_val(table)
    })
    .into_iter()
    .sum()
}

struct MultiplyAdd;

impl WithSimd for MultiplyAdd {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        // The sums run towards 1, so that no number becomes extreme.
        let (factor, term) = black_box((0.75_f32, 0.25_f32));
        let (factor, term) = (simd.splat_f32s(factor), simd.splat_f32s(term));
        let mut sums: [S::f32s; SUMS] = std::array::from_fn(|sum| simd.splat_f32s(sum as f32));
        for _ in 0..TURNS {
            for sum in &mut sums {
                *sum = simd.mul_add_f32s(*sum, factor, term);
            }
        }
        for sum in sums {
            black_box(simd.reduce_sum_f32s(sum));
        }
        2 * TURNS * SUMS * S::F32_LANES
    }
}

struct Read<'a>(&'a [f32]);

impl WithSimd for Read<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (vectors, _) = S::as_simd_f32s(self.0);
        let (groups, _) = vectors.as_chunks::<SUMS>();
        let mut sums: [S::f32s; SUMS] = std::array::from_fn(|_| simd.splat_f32s(0.0));
        for group in groups {
            for (sum, &vector) in sums.iter_mut().zip(group) {
                *sum = simd.add_f32s(*sum, vector);
            }
        }
        sums.into_iter().map(|sum| simd.reduce_sum_f32s(sum)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_of_the_pool_counts() {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(3)
            .build()
            .unwrap();
        let table = vec![1.0; 1000];
        assert_eq!(pool.install(|| read(&table)), 3 * READS * 4000);
        let operations = multiply_add() / rayon::current_num_threads();
        assert_eq!(pool.install(multiply_add), 3 * operations);
        assert_eq!(operations % (2 * TURNS * SUMS), 0);
    }

    #[test]
    fn reading_reads_every_number() {
        let table: Vec<f32> = (0..SUMS * 64).map(|number| number as f32).collect();
        let sum = instruction_set().dispatch(Read(&table));
        assert_eq!(sum, table.iter().sum::<f32>());
    }
}
