//! The hash grid of a tile: features in, gradients back.
//!
//! Where points lie in a level is worked out for sixteen of them at a time and again on the way back: that costs less than
//! keeping it, since the entries have to be fetched one by one either way.

use pulp::Simd;

use super::matrix::Matrix;
use super::points::{GROUP, Points};
use crate::field::architecture::{GridLevel, HashGrid};

/// One number for each point of a group.
type Lanes<T> = [T; GROUP];

/// The grid with its levels worked out. `features` is 1, 2, 4 or 8: architectures are validated.
pub(super) struct Grid {
    levels: Vec<GridLevel>,
    features: usize,
    /// Rows of the table.
    entries: usize,
}

impl Grid {
    pub(super) fn new(grid: &HashGrid) -> Self {
        let levels = grid.grid_levels();
        let entries = levels.iter().map(|level| level.entries as usize).sum();
        Self {
            levels,
            features: grid.features as usize,
            entries,
        }
    }

    /// Length of the table in the parameter vector.
    pub(super) fn parameters(&self) -> usize {
        self.entries * self.features
    }

    /// Writes the features of each point, `[N, levels × features]`.
    #[inline(always)]
    pub(super) fn encode<S: Simd>(
        &self,
        simd: S,
        table: &[f32],
        points: &Points,
        features: &mut Matrix,
    ) {
        match self.features {
            1 => self.encode_features::<S, 1>(simd, table, points, features),
            2 => self.encode_features::<S, 2>(simd, table, points, features),
            4 => self.encode_features::<S, 4>(simd, table, points, features),
            _ => self.encode_features::<S, 8>(simd, table, points, features),
        }
    }

    #[inline(always)]
    fn encode_features<S: Simd, const F: usize>(
        &self,
        _simd: S,
        table: &[f32],
        points: &Points,
        features: &mut Matrix,
    ) {
        let table = &table.as_chunks::<F>().0[..self.entries];
        for (index, level) in self.levels.iter().enumerate() {
            for (group, count) in points.groups() {
                let cells = Cells::of(level, points.group(group));
                let (rows, weights) = (cells.rows(level), cells.weights());
                for lane in 0..count {
                    let mut sum = [0.0; F];
                    for corner in 0..8 {
                        let row = rows[corner][lane] as usize;
                        debug_assert!(row < table.len());
                        // SAFETY: `Cells::rows` stays within the level's entries, and the table has those of all levels.
                        let entry = unsafe { table.get_unchecked(row) };
                        for feature in 0..F {
                            let weight = weights[corner][lane];
                            sum[feature] = multiply_add::<S>(weight, entry[feature], sum[feature]);
                        }
                    }
                    let place = features.place(group * GROUP + lane, index * F);
                    features.elements_mut()[place..place + F].copy_from_slice(&sum);
                }
            }
        }
    }

    /// Adds the gradient by the table, given the gradient by the features, `[N, levels × features]`.
    #[inline(always)]
    pub(super) fn scatter<S: Simd>(
        &self,
        simd: S,
        points: &Points,
        by_features: &Matrix,
        table_gradient: &mut [f32],
    ) {
        match self.features {
            1 => self.scatter_features::<S, 1>(simd, points, by_features, table_gradient),
            2 => self.scatter_features::<S, 2>(simd, points, by_features, table_gradient),
            4 => self.scatter_features::<S, 4>(simd, points, by_features, table_gradient),
            _ => self.scatter_features::<S, 8>(simd, points, by_features, table_gradient),
        }
    }

    #[inline(always)]
    fn scatter_features<S: Simd, const F: usize>(
        &self,
        _simd: S,
        points: &Points,
        by_features: &Matrix,
        table_gradient: &mut [f32],
    ) {
        let table_gradient = &mut table_gradient.as_chunks_mut::<F>().0[..self.entries];
        for (index, level) in self.levels.iter().enumerate() {
            for (group, count) in points.groups() {
                let cells = Cells::of(level, points.group(group));
                let (rows, weights) = (cells.rows(level), cells.weights());
                for lane in 0..count {
                    let place = by_features.place(group * GROUP + lane, index * F);
                    let gradient: &[f32; F] = by_features.elements()[place..]
                        .first_chunk()
                        .expect("features of a level lie together");
                    for corner in 0..8 {
                        let row = rows[corner][lane] as usize;
                        debug_assert!(row < table_gradient.len());
                        // SAFETY: `Cells::rows` stays within the level's entries, and the table has those of all levels.
                        let entry = unsafe { table_gradient.get_unchecked_mut(row) };
                        for feature in 0..F {
                            let weight = weights[corner][lane];
                            entry[feature] =
                                multiply_add::<S>(weight, gradient[feature], entry[feature]);
                        }
                    }
                }
            }
        }
    }

    /// The gradient by position of each point, given the gradient by the features, `[N, levels × features]`.
    #[inline(always)]
    pub(super) fn position_gradient<S: Simd>(
        &self,
        _simd: S,
        table: &[f32],
        points: &Points,
        by_features: &Matrix,
        gradients: &mut [[f32; 3]],
    ) {
        let features = self.features;
        gradients.fill([0.0; 3]);
        for (index, level) in self.levels.iter().enumerate() {
            for (group, count) in points.groups() {
                let cells = Cells::of(level, points.group(group));
                let rows = cells.rows(level);
                let mut pulls = [[0.0; GROUP]; 8];
                for lane in 0..count {
                    let place = by_features.place(group * GROUP + lane, index * features);
                    let upstream = &by_features.elements()[place..place + features];
                    for corner in 0..8 {
                        let entry = &table[rows[corner][lane] as usize * features..][..features];
                        pulls[corner][lane] = entry.iter().zip(upstream).map(|(a, b)| a * b).sum();
                    }
                }
                let slopes = cells.weighted_slopes(level, &pulls);
                for lane in 0..count {
                    for axis in 0..3 {
                        gradients[group * GROUP + lane][axis] += slopes[axis][lane];
                    }
                }
            }
        }
    }
}

/// The cells of one level in which a group of points lies.
struct Cells {
    /// Lowest corner of each cell, by axis.
    corner: [Lanes<u32>; 3],
    /// Position inside the cell, by axis: 0 to 1, beyond for points outside the grid.
    fraction: [Lanes<f32>; 3],
}

impl Cells {
    /// The cells that hold points of `[-1, 1]³`.
    ///
    /// Points outside fall into the nearest cell: the interpolation then continues its line.
    #[inline(always)]
    fn of(level: &GridLevel, points: [&Lanes<f32>; 3]) -> Self {
        let half = level.resolution as f32 / 2.0;
        let last = (level.resolution - 1) as f32;
        let mut cells = Self {
            corner: [[0; GROUP]; 3],
            fraction: [[0.0; GROUP]; 3],
        };
        for axis in 0..3 {
            for lane in 0..GROUP {
                let position = (points[axis][lane] + 1.0) * half;
                // Compared in this order, a position that is not a number lands in cell 0.
                let above = if position > 0.0 { position } else { 0.0 };
                let within = if above < last { above } else { last };
                let floor = within.floor();
                cells.fraction[axis][lane] = position - floor;
                // Of a float from 2²³ on, the last bit of the significand is worth 1: no conversion is needed.
                cells.corner[axis][lane] = (floor + 8_388_608.0).to_bits() & 0x007f_ffff;
            }
        }
        cells
    }

    /// Table rows of the eight corners; corner `c` takes the upper side of axis `a` where bit `a` of `c` is set.
    #[inline(always)]
    fn rows(&self, level: &GridLevel) -> [Lanes<u32>; 8] {
        let mut rows = [[0; GROUP]; 8];
        if level.dense {
            let side = level.resolution + 1;
            for lane in 0..GROUP {
                let [x, y, z] = [0, 1, 2].map(|axis| self.corner[axis][lane]);
                let base = level.offset + x + side * (y + side * z);
                for (corner, rows) in rows.iter_mut().enumerate() {
                    let corner = corner as u32;
                    rows[lane] =
                        base + (corner & 1) + side * ((corner >> 1 & 1) + side * (corner >> 2));
                }
            }
        } else {
            let mask = level.entries - 1;
            let [_, prime_y, prime_z] = HashGrid::HASH_PRIMES;
            for lane in 0..GROUP {
                let x = self.corner[0][lane];
                let y = self.corner[1][lane].wrapping_mul(prime_y);
                let z = self.corner[2][lane].wrapping_mul(prime_z);
                let xs = [x, x + 1];
                let ys = [y, y.wrapping_add(prime_y)];
                let zs = [z, z.wrapping_add(prime_z)];
                for (corner, rows) in rows.iter_mut().enumerate() {
                    let hash = xs[corner & 1] ^ ys[corner >> 1 & 1] ^ zs[corner >> 2];
                    rows[lane] = level.offset + (hash & mask);
                }
            }
        }
        rows
    }

    /// Trilinear weights of the eight corners.
    #[inline(always)]
    fn weights(&self) -> [Lanes<f32>; 8] {
        let mut weights = [[0.0; GROUP]; 8];
        for lane in 0..GROUP {
            let sides = self.sides(lane);
            for (corner, weights) in weights.iter_mut().enumerate() {
                weights[lane] =
                    sides[0][corner & 1] * sides[1][corner >> 1 & 1] * sides[2][corner >> 2];
            }
        }
        weights
    }

    /// By axis: the sum over the corners of the weight's derivative by position times a factor.
    #[inline(always)]
    fn weighted_slopes(&self, level: &GridLevel, factors: &[Lanes<f32>; 8]) -> [Lanes<f32>; 3] {
        let half = level.resolution as f32 / 2.0;
        let mut slopes = [[0.0; GROUP]; 3];
        for lane in 0..GROUP {
            let sides = self.sides(lane);
            for (axis, slopes) in slopes.iter_mut().enumerate() {
                let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
                for corner in 0..8usize {
                    let sign = if corner >> axis & 1 == 1 { half } else { -half };
                    let weight = sides[u][corner >> u & 1] * sides[v][corner >> v & 1];
                    slopes[lane] += sign * weight * factors[corner][lane];
                }
            }
        }
        slopes
    }

    /// By axis: the share of the lower side and of the upper side.
    #[inline(always)]
    fn sides(&self, lane: usize) -> [[f32; 2]; 3] {
        [0, 1, 2].map(|axis| [1.0 - self.fraction[axis][lane], self.fraction[axis][lane]])
    }
}

/// `a b + c`, in one instruction where there is one.
#[inline(always)]
fn multiply_add<S: Simd>(a: f32, b: f32, c: f32) -> f32 {
    // Plain code would call a function that computes it without rounding in between.
    if S::F32_LANES == 1 {
        a * b + c
    } else {
        a.mul_add(b, c)
    }
}
