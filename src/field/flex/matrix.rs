//! The matrix products of a tile: one register-blocked micro-kernel for forward, input gradient and weight gradient.

use pulp::Simd;

/// The left factor `A` of a product, `[M, K]`, in either of the layouts that a perceptron needs.
#[derive(Clone, Copy)]
pub(super) enum Left<'a> {
    /// Row-major: element `(m, k)` at `m · stride + k`.
    Rows(&'a [f32], usize),
    /// Transposed: element `(m, k)` at `k · stride + m`.
    Columns(&'a [f32], usize),
}

/// `C += A B`: `b` is row-major `[K, N]`, `c` row-major `[M, N]`.
///
/// # Panics
/// Panics if a slice is shorter than its shape.
#[inline(always)]
pub(super) fn multiply_add<S: Simd>(
    simd: S,
    [m, n, k]: [usize; 3],
    a: Left<'_>,
    b: &[f32],
    c: &mut [f32],
) {
    let (b, c) = (&b[..k * n], &mut c[..m * n]);
    let lanes = S::F32_LANES;
    let mut column = 0;
    // 6 × 4 vectors of accumulators fill 32 registers, 6 × 2 fill 16.
    if S::REGISTER_COUNT >= 32 {
        while column + 4 * lanes <= n {
            column_block::<S, 4>(simd, [m, n, k], a, b, c, column);
            column += 4 * lanes;
        }
    }
    while column + 2 * lanes <= n {
        column_block::<S, 2>(simd, [m, n, k], a, b, c, column);
        column += 2 * lanes;
    }
    while column + lanes <= n {
        column_block::<S, 1>(simd, [m, n, k], a, b, c, column);
        column += lanes;
    }
    for column in column..n {
        for row in 0..m {
            let sum: f32 = (0..k).map(|k| element(a, row, k) * b[k * n + column]).sum();
            c[row * n + column] += sum;
        }
    }
}

#[inline(always)]
fn element(a: Left<'_>, row: usize, k: usize) -> f32 {
    match a {
        Left::Rows(a, stride) => a[row * stride + k],
        Left::Columns(a, stride) => a[k * stride + row],
    }
}

/// All rows of a block of `V` vectors of columns.
#[inline(always)]
fn column_block<S: Simd, const V: usize>(
    simd: S,
    shape: [usize; 3],
    a: Left<'_>,
    b: &[f32],
    c: &mut [f32],
    column: usize,
) {
    let m = shape[0];
    let mut row = 0;
    while row + 6 <= m {
        register_block::<S, 6, V>(simd, shape, a, b, c, row, column);
        row += 6;
    }
    while row + 2 <= m {
        register_block::<S, 2, V>(simd, shape, a, b, c, row, column);
        row += 2;
    }
    if row < m {
        register_block::<S, 1, V>(simd, shape, a, b, c, row, column);
    }
}

/// `R` rows × `V` vectors of `C`, held in registers over the whole of `K`.
#[inline(always)]
fn register_block<S: Simd, const R: usize, const V: usize>(
    simd: S,
    [_, n, k]: [usize; 3],
    a: Left<'_>,
    b: &[f32],
    c: &mut [f32],
    row: usize,
    column: usize,
) {
    let width = V * S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    match a {
        Left::Rows(a, stride) => {
            let rows: [&[f32]; R] = std::array::from_fn(|r| &a[(row + r) * stride..][..k]);
            for (index, b_row) in b.chunks_exact(n).enumerate() {
                let left = std::array::from_fn(|r| rows[r][index]);
                accumulate(simd, &mut sums, left, &b_row[column..column + width]);
            }
        }
        Left::Columns(a, stride) => {
            for (a_row, b_row) in a.chunks(stride).zip(b.chunks_exact(n)) {
                let left: &[f32; R] = a_row[row..].first_chunk().expect("rows lie inside");
                accumulate(simd, &mut sums, *left, &b_row[column..column + width]);
            }
        }
    }
    for (r, row_sums) in sums.iter().enumerate() {
        let start = (row + r) * n + column;
        let (vectors, _) = S::as_mut_simd_f32s(&mut c[start..start + width]);
        for (vector, sum) in vectors.iter_mut().zip(row_sums) {
            *vector = simd.add_f32s(*vector, *sum);
        }
    }
}

/// Adds the outer product of `left` and `V` vectors of `right`.
// A function and not a closure: closures do not take on the instruction set that was dispatched to.
#[inline(always)]
fn accumulate<S: Simd, const R: usize, const V: usize>(
    simd: S,
    sums: &mut [[S::f32s; V]; R],
    left: [f32; R],
    right: &[f32],
) {
    let (vectors, _) = S::as_simd_f32s(right);
    let vectors: &[S::f32s; V] = vectors.first_chunk().expect("V vectors long");
    for r in 0..R {
        let factor = simd.splat_f32s(left[r]);
        for v in 0..V {
            sums[r][v] = simd.mul_add_e_f32s(factor, vectors[v], sums[r][v]);
        }
    }
}

/// `[rows, columns]` to `[columns, rows]`.
pub(super) fn transposed(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..rows * columns)
        .map(|index| matrix[(index % rows) * columns + index / rows])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, WithSimd};
    use rand::{RngExt, SeedableRng};

    struct Product<'a>([usize; 3], Left<'a>, &'a [f32], &'a mut [f32]);

    impl WithSimd for Product<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            multiply_add(simd, self.0, self.1, self.2, self.3);
        }
    }

    #[test]
    fn every_block_and_remainder_matches_f64() {
        let mut rng = rand_pcg::Pcg64::seed_from_u64(5);
        for [m, n, k] in [
            [1, 1, 1],
            [6, 64, 32],
            [7, 65, 3],
            [96, 64, 64],
            [64, 32, 96],
            [13, 31, 17],
            [1, 64, 9],
        ] {
            let mut random = |count: usize| -> Vec<f32> {
                (0..count).map(|_| rng.random::<f32>() - 0.5).collect()
            };
            let (a, b, start) = (random(m * k), random(k * n), random(m * n));
            let expected: Vec<f64> = (0..m * n)
                .map(|index| {
                    let (row, column) = (index / n, index % n);
                    let products =
                        (0..k).map(|k_| f64::from(a[row * k + k_]) * f64::from(b[k_ * n + column]));
                    f64::from(start[index]) + products.sum::<f64>()
                })
                .collect();
            let columns = transposed(&a, m, k);
            for left in [Left::Rows(&a, k), Left::Columns(&columns, m)] {
                for arch in [Arch::Scalar, Arch::new()] {
                    let mut c = start.clone();
                    arch.dispatch(Product([m, n, k], left, &b, &mut c));
                    for (value, expected) in c.iter().zip(&expected) {
                        assert!((f64::from(*value) - expected).abs() < 1e-5, "{m} {n} {k}");
                    }
                }
            }
        }
    }
}
