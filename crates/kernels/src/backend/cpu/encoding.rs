//! The tables of a tile: features in, gradients back.
//!
//! Where points lie in a level is worked out for sixteen of them at a time and again on the way back: that costs less than
//! keeping it, since the entries have to be fetched one by one either way.

use pulp::{NullaryFnOnce, Simd};

use super::matrix::Matrix;
use super::points::{GROUP, Points};
use crate::network::encoding::{GridLevel, Interpolation, Parts, share_slopes, shares};

/// One number for each point of a group.
pub(super) type Lanes<T> = [T; GROUP];

/// The levels of an encoding. `features` is 1, 2, 4 or 8: architectures are validated.
pub(super) struct Grid {
    pub levels: Vec<GridLevel>,
    pub features: usize,
    pub interpolation: Interpolation,
    /// Rows of the table.
    pub entries: usize,
}

/// A pass over the points of a tile, with sizes that are known when it is compiled: features of an entry, vertices along an axis that take
/// part in a feature, and vertices of a cell, which are the cube of that.
pub(super) trait Pass<S: Simd> {
    fn run<const F: usize, const TAPS: usize, const CORNERS: usize>(self, simd: S, grid: &Grid);
}

/// A pass in a function of its own.
struct Apart<'a, S, P> {
    simd: S,
    grid: &'a Grid,
    pass: P,
}

impl<S: Simd, P: Pass<S>> NullaryFnOnce for Apart<'_, S, P> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.grid.by_features::<S, 3, 27>(self.simd, self.pass);
    }
}

impl Grid {
    /// None without tables.
    pub(super) fn new(parts: &Parts) -> Option<Self> {
        (!parts.levels.is_empty()).then(|| Self {
            levels: parts.levels.clone(),
            features: parts.features,
            interpolation: parts.interpolation,
            entries: parts.entries(),
        })
    }

    /// Length of the table in the parameter vector.
    pub(super) fn parameters(&self) -> usize {
        self.entries * self.features
    }

    /// Does a pass, with the sizes of this grid.
    #[inline(always)]
    pub(super) fn pass<S: Simd>(&self, simd: S, pass: impl Pass<S>) {
        match self.interpolation {
            Interpolation::Linear => self.by_features::<S, 2, 8>(simd, pass),
            // So that the usual one stays as small as if it were the only one.
            Interpolation::Quadratic => simd.vectorize(Apart {
                simd,
                grid: self,
                pass,
            }),
        }
    }

    #[inline(always)]
    fn by_features<S: Simd, const TAPS: usize, const CORNERS: usize>(
        &self,
        simd: S,
        pass: impl Pass<S>,
    ) {
        match self.features {
            1 => pass.run::<1, TAPS, CORNERS>(simd, self),
            2 => pass.run::<2, TAPS, CORNERS>(simd, self),
            4 => pass.run::<4, TAPS, CORNERS>(simd, self),
            _ => pass.run::<8, TAPS, CORNERS>(simd, self),
        }
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
        self.pass(
            simd,
            Encode {
                table,
                points,
                features,
            },
        );
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
        self.pass(
            simd,
            Scatter {
                points,
                by_features,
                table_gradient,
            },
        );
    }

    /// Adds the gradient by position of each point, given the gradient by the features, `[N, levels × features]`.
    #[inline(always)]
    pub(super) fn add_position_gradient<S: Simd>(
        &self,
        simd: S,
        table: &[f32],
        points: &Points,
        by_features: &Matrix,
        gradients: &mut [[f32; 3]],
    ) {
        self.pass(
            simd,
            PositionGradient {
                table,
                points,
                by_features,
                gradients,
            },
        );
    }
}

/// Features of points.
struct Encode<'a> {
    table: &'a [f32],
    points: &'a Points,
    features: &'a mut Matrix,
}

impl<S: Simd> Pass<S> for Encode<'_> {
    #[inline(always)]
    fn run<const F: usize, const TAPS: usize, const CORNERS: usize>(self, simd: S, grid: &Grid) {
        let table = &self.table.as_chunks::<F>().0[..grid.entries];
        for (index, level) in grid.levels.iter().enumerate() {
            let (start, step) = self.features.column(index * F);
            for (group, count) in self.points.groups() {
                let cells = Cells::<TAPS, CORNERS>::of(simd, level, self.points.group(group));
                let (rows, weights) = (cells.rows(level), cells.weights());
                for lane in 0..count {
                    let mut sum = [0.0; F];
                    for corner in 0..CORNERS {
                        let row = rows[corner][lane] as usize;
                        debug_assert!(row < table.len());
                        // SAFETY: `Cells::rows` stays within the level's entries, and the table has those of all levels.
                        let entry = unsafe { table.get_unchecked(row) };
                        sum = add_scaled::<S, F>(sum, weights[corner][lane], *entry);
                    }
                    let place = start + (group * GROUP + lane) * step;
                    self.features.elements_mut()[place..place + F].copy_from_slice(&sum);
                }
            }
        }
    }
}

/// The gradient by the table.
struct Scatter<'a> {
    points: &'a Points,
    by_features: &'a Matrix,
    table_gradient: &'a mut [f32],
}

impl<S: Simd> Pass<S> for Scatter<'_> {
    #[inline(always)]
    fn run<const F: usize, const TAPS: usize, const CORNERS: usize>(self, simd: S, grid: &Grid) {
        let table_gradient = &mut self.table_gradient.as_chunks_mut::<F>().0[..grid.entries];
        for (index, level) in grid.levels.iter().enumerate() {
            let (start, step) = self.by_features.column(index * F);
            for (group, count) in self.points.groups() {
                let cells = Cells::<TAPS, CORNERS>::of(simd, level, self.points.group(group));
                let (rows, weights) = (cells.rows(level), cells.weights());
                for lane in 0..count {
                    let place = start + (group * GROUP + lane) * step;
                    let gradient: [f32; F] = *self.by_features.elements()[place..]
                        .first_chunk()
                        .expect("features of a level lie together");
                    for corner in 0..CORNERS {
                        let row = rows[corner][lane] as usize;
                        debug_assert!(row < table_gradient.len());
                        // SAFETY: `Cells::rows` stays within the level's entries, and the table has those of all levels.
                        let entry = unsafe { table_gradient.get_unchecked_mut(row) };
                        *entry = add_scaled::<S, F>(*entry, weights[corner][lane], gradient);
                    }
                }
            }
        }
    }
}

/// Gradients by position.
struct PositionGradient<'a> {
    table: &'a [f32],
    points: &'a Points,
    by_features: &'a Matrix,
    gradients: &'a mut [[f32; 3]],
}

impl<S: Simd> Pass<S> for PositionGradient<'_> {
    #[inline(always)]
    fn run<const F: usize, const TAPS: usize, const CORNERS: usize>(self, simd: S, grid: &Grid) {
        let (features, table) = (F, self.table);
        for (index, level) in grid.levels.iter().enumerate() {
            for (group, count) in self.points.groups() {
                let cells = Cells::<TAPS, CORNERS>::of(simd, level, self.points.group(group));
                let rows = cells.rows(level);
                let mut pulls = [[0.0; GROUP]; CORNERS];
                for lane in 0..count {
                    let place = self
                        .by_features
                        .place(group * GROUP + lane, index * features);
                    let upstream = &self.by_features.elements()[place..place + features];
                    for corner in 0..CORNERS {
                        let entry = &table[rows[corner][lane] as usize * features..][..features];
                        pulls[corner][lane] = entry.iter().zip(upstream).map(|(a, b)| a * b).sum();
                    }
                }
                let slopes = cells.weighted_slopes(level, &pulls);
                for lane in 0..count {
                    for axis in 0..3 {
                        self.gradients[group * GROUP + lane][axis] += slopes[axis][lane];
                    }
                }
            }
        }
    }
}

/// The cells of one level in which a group of points lies: `TAPS` vertices along an axis take part in a feature, `CORNERS` in all.
pub(super) struct Cells<const TAPS: usize, const CORNERS: usize> {
    /// Lowest corner of each cell, by axis.
    corner: [Lanes<u32>; 3],
    /// Position inside the cell, by axis: 0 to 1, beyond for points outside the grid.
    fraction: [Lanes<f32>; 3],
}

impl<const TAPS: usize, const CORNERS: usize> Cells<TAPS, CORNERS> {
    /// The cells that hold points of `[-1, 1]³`.
    ///
    /// Points outside fall into the nearest cell: the interpolation then continues its line or parabola.
    #[inline(always)]
    pub(super) fn of<S: Simd>(simd: S, level: &GridLevel, points: [&Lanes<f32>; 3]) -> Self {
        let mut cells = Self {
            corner: [[0; GROUP]; 3],
            fraction: [[0.0; GROUP]; 3],
        };
        for axis in 0..3 {
            let (coordinates, _) = S::as_simd_f32s(points[axis]);
            let (corners, _) = S::as_mut_simd_u32s(&mut cells.corner[axis]);
            let (fractions, _) = S::as_mut_simd_f32s(&mut cells.fraction[axis]);
            let places = coordinates.iter().zip(corners).zip(fractions);
            for ((&coordinate, corner), fraction) in places {
                (*corner, *fraction) = cell_along_axis(simd, level, coordinate);
            }
        }
        cells
    }

    /// The vertex of a corner along each axis, counted from the cell's lowest corner.
    #[inline(always)]
    const fn taps(corner: usize) -> [usize; 3] {
        [corner % TAPS, corner / TAPS % TAPS, corner / (TAPS * TAPS)]
    }

    /// Table rows of the corners, the first axis fastest.
    #[inline(always)]
    pub(super) fn rows(&self, level: &GridLevel) -> [Lanes<u32>; CORNERS] {
        let mut rows = [[0; GROUP]; CORNERS];
        let [sx, sy, sz] = level.strides;
        if level.dense {
            for lane in 0..GROUP {
                let [x, y, z] = [0, 1, 2].map(|axis| self.corner[axis][lane]);
                let base = level.offset + sx * x + sy * y + sz * z;
                for (corner, rows) in rows.iter_mut().enumerate() {
                    let [x, y, z] = Self::taps(corner).map(|tap| tap as u32);
                    rows[lane] = base + (sx * x + sy * y + sz * z);
                }
            }
        } else {
            let mask = level.entries - 1;
            for lane in 0..GROUP {
                let mut products = [[0; TAPS]; 3];
                for axis in 0..3 {
                    let mut product = self.corner[axis][lane].wrapping_mul(level.strides[axis]);
                    for along in &mut products[axis] {
                        *along = product;
                        product = product.wrapping_add(level.strides[axis]);
                    }
                }
                for (corner, rows) in rows.iter_mut().enumerate() {
                    let [x, y, z] = Self::taps(corner);
                    let hash = products[0][x] ^ products[1][y] ^ products[2][z];
                    rows[lane] = level.offset + (hash & mask);
                }
            }
        }
        rows
    }

    /// What the corners weigh.
    #[inline(always)]
    pub(super) fn weights(&self) -> [Lanes<f32>; CORNERS] {
        let mut weights = [[0.0; GROUP]; CORNERS];
        for lane in 0..GROUP {
            let shares = self.shares(lane);
            for (corner, weights) in weights.iter_mut().enumerate() {
                let [x, y, z] = Self::taps(corner);
                weights[lane] = shares[0][x] * shares[1][y] * shares[2][z];
            }
        }
        weights
    }

    /// By axis: the sum over the corners of the weight's derivative by position times a factor.
    #[inline(always)]
    fn weighted_slopes(
        &self,
        level: &GridLevel,
        factors: &[Lanes<f32>; CORNERS],
    ) -> [Lanes<f32>; 3] {
        let half = level.resolution as f32 / 2.0;
        let mut slopes = [[0.0; GROUP]; 3];
        for lane in 0..GROUP {
            let (shares, changes) = (self.shares(lane), self.changes(lane, [half; 3]));
            for (axis, slopes) in slopes.iter_mut().enumerate() {
                let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
                for corner in 0..CORNERS {
                    let taps = Self::taps(corner);
                    let weight = shares[u][taps[u]] * shares[v][taps[v]];
                    slopes[lane] += changes[axis][taps[axis]] * weight * factors[corner][lane];
                }
            }
        }
        slopes
    }

    /// The derivatives of the corners' weights along a direction.
    #[inline(always)]
    pub(super) fn slopes(
        &self,
        level: &GridLevel,
        direction: [&Lanes<f32>; 3],
    ) -> [Lanes<f32>; CORNERS] {
        let half = level.resolution as f32 / 2.0;
        let mut slopes = [[0.0; GROUP]; CORNERS];
        for lane in 0..GROUP {
            let shares = self.shares(lane);
            let along = [0, 1, 2].map(|axis| half * direction[axis][lane]);
            let changes = self.changes(lane, along);
            for axis in 0..3 {
                let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
                for (corner, slopes) in slopes.iter_mut().enumerate() {
                    let taps = Self::taps(corner);
                    let weight = shares[u][taps[u]] * shares[v][taps[v]];
                    slopes[lane] += changes[axis][taps[axis]] * weight;
                }
            }
        }
        slopes
    }

    /// By axis: what each vertex weighs.
    #[inline(always)]
    fn shares(&self, lane: usize) -> [[f32; TAPS]; 3] {
        [0, 1, 2].map(|axis| shares::<TAPS>(self.fraction[axis][lane]))
    }

    /// By axis: how what each vertex weighs changes with the place within the cell, times the factor of that axis.
    #[inline(always)]
    fn changes(&self, lane: usize, factors: [f32; 3]) -> [[f32; TAPS]; 3] {
        [0, 1, 2].map(|axis| {
            let slopes = share_slopes::<TAPS>(self.fraction[axis][lane]);
            slopes.map(|slope| slope * factors[axis])
        })
    }
}

/// The cell of a coordinate along one axis, and where in it the coordinate lies.
#[inline(always)]
fn cell_along_axis<S: Simd>(simd: S, level: &GridLevel, coordinate: S::f32s) -> (S::u32s, S::f32s) {
    let (one, zero) = (simd.splat_f32s(1.0), simd.splat_f32s(0.0));
    let last = simd.splat_f32s((level.resolution - 1) as f32);
    let half = simd.splat_f32s(level.resolution as f32 / 2.0);
    let position = simd.mul_f32s(simd.add_f32s(coordinate, one), half);
    // Selected in this order, a position that is not a number lands in cell 0.
    let above = simd.select_f32s(simd.greater_than_f32s(position, zero), position, zero);
    let within = simd.select_f32s(simd.less_than_f32s(above, last), above, last);
    // From 2²³ on floats are whole, and the last bit of their significand is worth 1: adding it rounds, and the bits of
    // the sum are the whole number.
    let whole = simd.splat_f32s(8_388_608.0);
    let rounded = simd.sub_f32s(simd.add_f32s(within, whole), whole);
    let too_high = simd.greater_than_f32s(rounded, within);
    let floor = simd.select_f32s(too_high, simd.sub_f32s(rounded, one), rounded);
    let bits = simd.transmute_u32s_f32s(simd.add_f32s(floor, whole));
    let corner = simd.and_u32s(bits, simd.splat_u32s(0x007f_ffff));
    (corner, simd.sub_f32s(position, floor))
}

/// `sum + weight × vector`, in one instruction where there is one.
#[inline(always)]
pub(super) fn add_scaled<S: Simd, const F: usize>(
    sum: [f32; F],
    weight: f32,
    vector: [f32; F],
) -> [f32; F] {
    let mut result = [0.0; F];
    for feature in 0..F {
        // Plain code would call a function that computes `mul_add` without rounding in between.
        result[feature] = if S::F32_LANES == 1 {
            sum[feature] + weight * vector[feature]
        } else {
            weight.mul_add(vector[feature], sum[feature])
        };
    }
    result
}
