//! The tables of a tile with one tangent: features and their derivatives along a direction in, gradients back.

use pulp::Simd;

use super::encoding::{Cells, Grid, Pass, add_scaled};
use super::matrix::Matrix;
use super::points::{GROUP, Points};

impl Grid {
    /// Writes the features of each point, then their derivatives along its direction, `[N, levels × features]` each.
    #[inline(always)]
    pub(super) fn encode_along<S: Simd>(
        &self,
        simd: S,
        table: &[f32],
        points: &Points,
        directions: &Points,
        encoded: &mut [Matrix; 2],
    ) {
        self.pass(
            simd,
            EncodeAlong {
                table,
                points,
                directions,
                encoded,
            },
        );
    }

    /// Adds the gradient by the table, given the gradients by the features and by their derivatives along each point's
    /// direction, `[N, levels × features]` each.
    #[inline(always)]
    pub(super) fn scatter_along<S: Simd>(
        &self,
        simd: S,
        points: &Points,
        directions: &Points,
        by_encoded: &[Matrix; 2],
        table_gradient: &mut [f32],
    ) {
        self.pass(
            simd,
            ScatterAlong {
                points,
                directions,
                by_encoded,
                table_gradient,
            },
        );
    }
}

/// Features of points, and their derivatives along directions.
struct EncodeAlong<'a> {
    table: &'a [f32],
    points: &'a Points,
    directions: &'a Points,
    encoded: &'a mut [Matrix; 2],
}

impl<S: Simd> Pass<S> for EncodeAlong<'_> {
    #[inline(always)]
    fn run<const F: usize, const TAPS: usize, const CORNERS: usize>(self, simd: S, grid: &Grid) {
        let table = &self.table.as_chunks::<F>().0[..grid.entries];
        for (index, level) in grid.levels.iter().enumerate() {
            let (start, step) = self.encoded[0].column(index * F);
            for (group, count) in self.points.groups() {
                let cells = Cells::<TAPS, CORNERS>::of(simd, level, self.points.group(group));
                let (rows, weights) = (cells.rows(level), cells.weights());
                let slopes = cells.slopes(level, self.directions.group(group));
                for lane in 0..count {
                    let mut sums = [[0.0; F]; 2];
                    for corner in 0..CORNERS {
                        let row = rows[corner][lane] as usize;
                        debug_assert!(row < table.len());
                        // SAFETY: `Cells::rows` stays within the level's entries, and the table has those of all levels.
                        let entry = unsafe { table.get_unchecked(row) };
                        sums[0] = add_scaled::<S, F>(sums[0], weights[corner][lane], *entry);
                        sums[1] = add_scaled::<S, F>(sums[1], slopes[corner][lane], *entry);
                    }
                    let place = start + (group * GROUP + lane) * step;
                    for (matrix, sum) in self.encoded.iter_mut().zip(&sums) {
                        matrix.elements_mut()[place..place + F].copy_from_slice(sum);
                    }
                }
            }
        }
    }
}

/// The gradient by the table.
struct ScatterAlong<'a> {
    points: &'a Points,
    directions: &'a Points,
    by_encoded: &'a [Matrix; 2],
    table_gradient: &'a mut [f32],
}

impl<S: Simd> Pass<S> for ScatterAlong<'_> {
    #[inline(always)]
    fn run<const F: usize, const TAPS: usize, const CORNERS: usize>(self, simd: S, grid: &Grid) {
        let table_gradient = &mut self.table_gradient.as_chunks_mut::<F>().0[..grid.entries];
        for (index, level) in grid.levels.iter().enumerate() {
            let (start, step) = self.by_encoded[0].column(index * F);
            for (group, count) in self.points.groups() {
                let cells = Cells::<TAPS, CORNERS>::of(simd, level, self.points.group(group));
                let (rows, weights) = (cells.rows(level), cells.weights());
                let slopes = cells.slopes(level, self.directions.group(group));
                for lane in 0..count {
                    let place = start + (group * GROUP + lane) * step;
                    let mut by = [[0.0; F]; 2];
                    for (by, matrix) in by.iter_mut().zip(self.by_encoded) {
                        by.copy_from_slice(&matrix.elements()[place..place + F]);
                    }
                    for corner in 0..CORNERS {
                        let row = rows[corner][lane] as usize;
                        debug_assert!(row < table_gradient.len());
                        // SAFETY: `Cells::rows` stays within the level's entries, and the table has those of all levels.
                        let entry = unsafe { table_gradient.get_unchecked_mut(row) };
                        let sum = add_scaled::<S, F>(*entry, weights[corner][lane], by[0]);
                        *entry = add_scaled::<S, F>(sum, slopes[corner][lane], by[1]);
                    }
                }
            }
        }
    }
}
