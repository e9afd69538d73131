//! Matrices as the kernels want them, and the one product that forward, input gradient and weight gradient share.

use std::ops::Range;

use pulp::{NullaryFnOnce, Simd};

/// Columns of a full panel: four AVX-512 vectors, so that six rows of it fill the registers with sums.
const PANEL: usize = 64;

/// Columns are padded with zeros to a multiple of this, so that every instruction set works on whole vectors.
const PADDING: usize = 16;

/// A matrix cut into panels of up to 64 columns, each of which is row-major by itself.
///
/// The product walks down a panel row by row: in panels that is one stretch of memory, where the rows of a wide row-major
/// matrix would fall into few sets of the cache.
#[derive(Clone, Debug, Default)]
pub(super) struct Matrix {
    rows: usize,
    columns: usize,
    elements: Vec<f32>,
}

/// Columns from `start` on, `width` of them, padding included.
#[derive(Clone, Copy)]
struct Panel {
    start: usize,
    width: usize,
}

impl Matrix {
    pub(super) fn zeros(rows: usize, columns: usize) -> Self {
        Self {
            rows,
            columns,
            elements: vec![0.0; rows * Self::padded(columns)],
        }
    }

    /// Columns with their padding.
    #[inline(always)]
    pub(super) fn padded(columns: usize) -> usize {
        columns.next_multiple_of(PADDING)
    }

    /// From row-major elements, `[rows, columns]`, of rows that begin `apart` from each other.
    pub(super) fn from_rows(elements: &[f32], [rows, columns]: [usize; 2], apart: usize) -> Self {
        let mut matrix = Self::zeros(rows, columns);
        for row in 0..rows {
            for (start, panel) in matrix.pieces_of_row(row) {
                let length = panel.len();
                matrix.elements[panel].copy_from_slice(&elements[row * apart + start..][..length]);
            }
        }
        matrix
    }

    /// The transpose, `[columns, rows]`, of row-major elements, `[rows, columns]`, of rows that begin `apart` from each other.
    pub(super) fn from_columns(
        elements: &[f32],
        [rows, columns]: [usize; 2],
        apart: usize,
    ) -> Self {
        let mut matrix = Self::zeros(columns, rows);
        for column in 0..columns {
            for (start, panel) in matrix.pieces_of_row(column) {
                let rows = elements[start * apart + column..].iter().step_by(apart);
                for (element, of_row) in matrix.elements[panel].iter_mut().zip(rows) {
                    *element = *of_row;
                }
            }
        }
        matrix
    }

    /// Adds the elements to row-major ones, `[rows, columns]`, of rows that begin `apart` from each other, and clears them.
    pub(super) fn drain_into(&mut self, row_major: &mut [f32], apart: usize) {
        for row in 0..self.rows {
            for (start, panel) in self.pieces_of_row(row) {
                let sums = &mut row_major[row * apart + start..];
                for (sum, element) in sums.iter_mut().zip(&self.elements[panel]) {
                    *sum += element;
                }
            }
        }
        self.elements.fill(0.0);
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Where an element lies. Eight neighbours from a multiple of eight on lie together.
    #[inline(always)]
    pub(super) fn place(&self, row: usize, column: usize) -> usize {
        let panel = self.panel(column / PANEL);
        self.rows * panel.start + row * panel.width + column - panel.start
    }

    /// Where a column's first element lies, and how far apart its elements are.
    #[inline(always)]
    pub(super) fn column(&self, column: usize) -> (usize, usize) {
        let panel = self.panel(column / PANEL);
        (self.place(0, column), panel.width)
    }

    #[inline(always)]
    pub(super) fn elements(&self) -> &[f32] {
        &self.elements
    }

    #[inline(always)]
    pub(super) fn elements_mut(&mut self) -> &mut [f32] {
        &mut self.elements
    }

    /// Where the elements of the first `count` rows lie, padding included: a range a panel.
    #[inline(always)]
    pub(super) fn first_rows(&self, count: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let (rows, padded) = (self.rows, Self::padded(self.columns));
        (0..padded).step_by(PANEL).map(move |start| {
            let first = rows * start;
            first..first + count * (padded - start).min(PANEL)
        })
    }

    /// A row in pieces that lie together, a panel each, without padding: its first column, and where the piece lies.
    fn pieces_of_row(&self, row: usize) -> impl Iterator<Item = (usize, Range<usize>)> + use<> {
        let (rows, columns, padded) = (self.rows, self.columns, Self::padded(self.columns));
        (0..columns).step_by(PANEL).map(move |start| {
            let first = rows * start + row * (padded - start).min(PANEL);
            (start, first..first + (columns - start).min(PANEL))
        })
    }

    #[inline(always)]
    fn panel(&self, index: usize) -> Panel {
        let start = index * PANEL;
        let padded = Self::padded(self.columns);
        Panel {
            start,
            width: (padded - start).min(PANEL),
        }
    }

    #[inline(always)]
    fn panels(&self) -> impl Iterator<Item = Panel> + '_ {
        (0..self.columns.div_ceil(PANEL)).map(|index| self.panel(index))
    }

    /// The panel's rows from `row` on, one after the other.
    #[inline(always)]
    fn rows_of(&self, panel: Panel, row: usize) -> &[f32] {
        let start = self.rows * panel.start;
        &self.elements[start + row * panel.width..start + self.rows * panel.width]
    }
}

/// The left factor of a product.
#[derive(Clone, Copy)]
pub(super) enum Left<'a> {
    /// The matrix itself.
    Rows(&'a Matrix),
    /// Its transpose.
    Columns(&'a Matrix),
}

/// What a product begins with and what becomes of its sums. `place` is where a vector's first element lies in a matrix
/// of the result's size, `column` its column.
pub(super) trait Output<S: Simd> {
    /// What the sums are added to.
    fn start(&self, simd: S, place: usize, column: usize) -> S::f32s;

    /// Takes the finished sums.
    fn finish(&mut self, simd: S, place: usize, sums: S::f32s);
}

/// `A B` for the first `m` rows of `A` and all of its `k` columns; `b` is `[k, n]`, and the result goes to `output`, which
/// has room for `rows` rows.
///
/// # Panics
/// Panics if a matrix is smaller than that.
// A function of its own in the instruction set that was dispatched to: inlined everywhere, its blocks would crowd each
// other out of the registers.
#[inline(always)]
pub(super) fn multiply<S: Simd>(
    simd: S,
    [m, k]: [usize; 2],
    a: Left<'_>,
    b: &Matrix,
    rows: usize,
    output: &mut impl Output<S>,
) {
    simd.vectorize(Multiply {
        simd,
        m,
        k,
        a,
        b,
        rows,
        output,
    });
}

struct Multiply<'a, S, O> {
    simd: S,
    m: usize,
    k: usize,
    a: Left<'a>,
    b: &'a Matrix,
    rows: usize,
    output: &'a mut O,
}

impl<S: Simd, O: Output<S>> NullaryFnOnce for Multiply<'_, S, O> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self {
            simd,
            m,
            k,
            a,
            b,
            rows,
            output,
        } = self;
        let lanes = S::F32_LANES;
        for panel in b.panels() {
            let block = Block { k, panel, rows, b };
            let mut column = 0;
            // 6 × 4 vectors of sums fill 32 registers, 6 × 2 fill 16.
            if S::REGISTER_COUNT >= 32 {
                while column + 4 * lanes <= panel.width {
                    block.column_block::<S, 4>(simd, m, a, column, output);
                    column += 4 * lanes;
                }
            }
            while column + 2 * lanes <= panel.width {
                block.column_block::<S, 2>(simd, m, a, column, output);
                column += 2 * lanes;
            }
            while column + lanes <= panel.width {
                block.column_block::<S, 1>(simd, m, a, column, output);
                column += lanes;
            }
        }
    }
}

/// What the blocks of one panel of the result have in common.
#[derive(Clone, Copy)]
struct Block<'a> {
    k: usize,
    panel: Panel,
    /// Rows that the result has room for.
    rows: usize,
    b: &'a Matrix,
}

impl Block<'_> {
    /// `V` vectors of columns, from `column` of the panel on, of the first `m` rows.
    #[inline(always)]
    fn column_block<S: Simd, const V: usize>(
        self,
        simd: S,
        m: usize,
        a: Left<'_>,
        column: usize,
        output: &mut impl Output<S>,
    ) {
        let mut row = 0;
        while row < m {
            // A row of blocks ends where a panel of the transposed factor ends.
            let end = match a {
                Left::Rows(_) => m,
                Left::Columns(_) => m.min((row / PANEL + 1) * PANEL),
            };
            while row + 6 <= end {
                self.register_block::<S, 6, V>(simd, a, [row, column], output);
                row += 6;
            }
            while row + 2 <= end {
                self.register_block::<S, 2, V>(simd, a, [row, column], output);
                row += 2;
            }
            if row < end {
                self.register_block::<S, 1, V>(simd, a, [row, column], output);
                row += 1;
            }
        }
    }

    /// `R` rows × `V` vectors, held in registers over the whole of `k`.
    #[inline(always)]
    fn register_block<S: Simd, const R: usize, const V: usize>(
        self,
        simd: S,
        a: Left<'_>,
        [row, column]: [usize; 2],
        output: &mut impl Output<S>,
    ) {
        let Panel { start, width } = self.panel;
        let place =
            |r: usize, v: usize| self.rows * start + (row + r) * width + column + v * S::F32_LANES;
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        for r in 0..R {
            for v in 0..V {
                let first = start + column + v * S::F32_LANES;
                sums[r][v] = output.start(simd, place(r, v), first);
            }
        }
        match a {
            Left::Rows(a) => {
                let mut done = 0;
                for panel in a.panels() {
                    let depth = panel.width.min(self.k - done);
                    let rows = &a.rows_of(panel, row)[..R * panel.width];
                    let right = &self.b.rows_of(self.panel, done)[column..];
                    sums = accumulate(simd, sums, rows, [panel.width, 1], right, width, depth);
                    done += depth;
                }
            }
            Left::Columns(a) => {
                let panel = a.panel(row / PANEL);
                let columns = &a.rows_of(panel, 0)[row - panel.start..];
                let right = &self.b.rows_of(self.panel, 0)[column..];
                sums = accumulate(simd, sums, columns, [1, panel.width], right, width, self.k);
            }
        }
        for r in 0..R {
            for v in 0..V {
                output.finish(simd, place(r, v), sums[r][v]);
            }
        }
    }
}

/// Adds to `sums` the product of an `[R, depth]` block, whose element `(r, k)` lies at `r · row_step + k · depth_step` of
/// `left`, with a `[depth, V vectors]` block, whose rows lie `width` apart in `right`.
///
/// # Panics
/// Panics if a slice ends before its block does.
#[inline(always)]
fn accumulate<S: Simd, const R: usize, const V: usize>(
    simd: S,
    mut sums: [[S::f32s; V]; R],
    left: &[f32],
    [row_step, depth_step]: [usize; 2],
    right: &[f32],
    width: usize,
    depth: usize,
) -> [[S::f32s; V]; R] {
    if depth == 0 {
        return sums;
    }
    assert!(left.len() > (R - 1) * row_step + (depth - 1) * depth_step);
    assert!(right.len() >= (depth - 1) * width + V * S::F32_LANES);
    let (mut left, mut right) = (left.as_ptr(), right.as_ptr());
    // Bounds checks inside would keep the sums in memory: the assertions above stand for all of them.
    for _ in 0..depth {
        // SAFETY: `right` points to row `k` of its block, of which `V` vectors were asserted to exist; plain floats may be
        // read as vectors of floats, unaligned.
        let vectors: [S::f32s; V] = unsafe { right.cast::<[S::f32s; V]>().read_unaligned() };
        for r in 0..R {
            // SAFETY: element `(r, k)` was asserted to exist.
            let factor = simd.splat_f32s(unsafe { *left.add(r * row_step) });
            for v in 0..V {
                sums[r][v] = simd.mul_add_e_f32s(factor, vectors[v], sums[r][v]);
            }
        }
        // One step beyond the end after the last round: never read, so computed without claiming that it is in bounds.
        left = left.wrapping_add(depth_step);
        right = right.wrapping_add(width);
    }
    sums
}

/// The vector of `elements` that begins at `place`.
#[inline(always)]
pub(super) fn vector_at<S: Simd>(elements: &[f32], place: usize) -> S::f32s {
    S::as_simd_f32s(&elements[place..place + S::F32_LANES]).0[0]
}

/// The same, to be written.
#[inline(always)]
pub(super) fn vector_at_mut<S: Simd>(elements: &mut [f32], place: usize) -> &mut S::f32s {
    &mut S::as_mut_simd_f32s(&mut elements[place..place + S::F32_LANES]).0[0]
}

/// Adds the product to the elements of a matrix.
pub(super) struct AddTo<'a>(pub &'a mut Matrix);

impl<S: Simd> Output<S> for AddTo<'_> {
    #[inline(always)]
    fn start(&self, _simd: S, place: usize, _column: usize) -> S::f32s {
        vector_at::<S>(&self.0.elements, place)
    }

    #[inline(always)]
    fn finish(&mut self, _simd: S, place: usize, sums: S::f32s) {
        *vector_at_mut::<S>(&mut self.0.elements, place) = sums;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, WithSimd};
    use rand::{RngExt, SeedableRng};

    struct Product<'a>([usize; 2], Left<'a>, &'a Matrix, &'a mut Matrix);

    impl WithSimd for Product<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let rows = self.3.rows;
            multiply(simd, self.0, self.1, self.2, rows, &mut AddTo(self.3));
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
            [130, 200, 150],
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
            let rows = Matrix::from_rows(&a, [m, k], k);
            let columns = Matrix::from_columns(&a, [m, k], k);
            let b = Matrix::from_rows(&b, [k, n], n);
            for left in [Left::Rows(&rows), Left::Columns(&columns)] {
                for arch in [Arch::Scalar, Arch::new()] {
                    let mut c = Matrix::from_rows(&start, [m, n], n);
                    arch.dispatch(Product([m, k], left, &b, &mut c));
                    let mut result = vec![0.0; m * n];
                    c.drain_into(&mut result, n);
                    for (value, expected) in result.iter().zip(&expected) {
                        assert!((f64::from(*value) - expected).abs() < 1e-5, "{m} {n} {k}");
                    }
                }
            }
        }
    }
}
