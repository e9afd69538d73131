//! The hash grid of a tile: features in, gradients back.

use crate::field::architecture::{GridLevel, HashGrid};

/// Where a tile's points lie in every grid level, kept from forward to backward.
pub(super) struct Corners {
    /// Table rows of the eight corners, by level and point.
    rows: Vec<[u32; 8]>,
    /// Their weights.
    weights: Vec<[f32; 8]>,
    /// Position inside the cell, by level and point.
    fractions: Vec<[f32; 3]>,
}

/// The grid with its levels worked out. `features` is 1, 2, 4 or 8: architectures are validated.
pub(super) struct Grid {
    levels: Vec<GridLevel>,
    features: usize,
}

impl Grid {
    pub(super) fn new(grid: &HashGrid) -> Self {
        Self {
            levels: grid.grid_levels(),
            features: grid.features as usize,
        }
    }

    pub(super) fn corners(&self, tile: usize) -> Corners {
        let count = self.levels.len() * tile;
        Corners {
            rows: vec![[0; 8]; count],
            weights: vec![[0.0; 8]; count],
            fractions: vec![[0.0; 3]; count],
        }
    }

    /// Finds the corners of each point and writes the features, `[N, levels × features]`.
    #[inline(always)]
    pub(super) fn encode(
        &self,
        table: &[f32],
        points: &[[f32; 3]],
        corners: &mut Corners,
        encoded: &mut [f32],
    ) {
        match self.features {
            1 => self.encode_features::<1>(table, points, corners, encoded),
            2 => self.encode_features::<2>(table, points, corners, encoded),
            4 => self.encode_features::<4>(table, points, corners, encoded),
            _ => self.encode_features::<8>(table, points, corners, encoded),
        }
    }

    #[inline(always)]
    fn encode_features<const F: usize>(
        &self,
        table: &[f32],
        points: &[[f32; 3]],
        corners: &mut Corners,
        encoded: &mut [f32],
    ) {
        let width = self.levels.len() * F;
        let (table, _) = table.as_chunks::<F>();
        for (index, level) in self.levels.iter().enumerate() {
            let range = index * points.len()..(index + 1) * points.len();
            let rows = &mut corners.rows[range.clone()];
            let weights = &mut corners.weights[range.clone()];
            let fractions = &mut corners.fractions[range];
            for (sample, &point) in points.iter().enumerate() {
                let (row, fraction) = locate(level, point);
                let weight = corner_weights(fraction);
                let mut sum = [0.0; F];
                for corner in 0..8 {
                    let entry = &table[row[corner] as usize];
                    for feature in 0..F {
                        sum[feature] += weight[corner] * entry[feature];
                    }
                }
                encoded[sample * width + index * F..][..F].copy_from_slice(&sum);
                rows[sample] = row;
                weights[sample] = weight;
                fractions[sample] = fraction;
            }
        }
    }

    /// Adds the gradient by the table, given the gradient by the features of the last [`encode`](Self::encode).
    #[inline(always)]
    pub(super) fn scatter(
        &self,
        count: usize,
        corners: &Corners,
        encoded_gradient: &[f32],
        table_gradient: &mut [f32],
    ) {
        match self.features {
            1 => self.scatter_features::<1>(count, corners, encoded_gradient, table_gradient),
            2 => self.scatter_features::<2>(count, corners, encoded_gradient, table_gradient),
            4 => self.scatter_features::<4>(count, corners, encoded_gradient, table_gradient),
            _ => self.scatter_features::<8>(count, corners, encoded_gradient, table_gradient),
        }
    }

    #[inline(always)]
    fn scatter_features<const F: usize>(
        &self,
        count: usize,
        corners: &Corners,
        encoded_gradient: &[f32],
        table_gradient: &mut [f32],
    ) {
        let width = self.levels.len() * F;
        let (table_gradient, _) = table_gradient.as_chunks_mut::<F>();
        for index in 0..self.levels.len() {
            for sample in 0..count {
                let slot = index * count + sample;
                let start = sample * width + index * F;
                let gradient: &[f32; F] = encoded_gradient[start..]
                    .first_chunk()
                    .expect("rows have this width");
                for (&row, &weight) in corners.rows[slot].iter().zip(&corners.weights[slot]) {
                    let entry = &mut table_gradient[row as usize];
                    for feature in 0..F {
                        entry[feature] += weight * gradient[feature];
                    }
                }
            }
        }
    }

    /// The gradient by position, given the gradient by the features of the last [`encode`](Self::encode).
    #[inline(always)]
    pub(super) fn position_gradient(
        &self,
        table: &[f32],
        corners: &Corners,
        encoded_gradient: &[f32],
        gradients: &mut [[f32; 3]],
    ) {
        let (features, width) = (self.features, self.levels.len() * self.features);
        let count = gradients.len();
        gradients.fill([0.0; 3]);
        for (index, level) in self.levels.iter().enumerate() {
            let half_resolution = level.resolution as f32 / 2.0;
            for (sample, gradient) in gradients.iter_mut().enumerate() {
                let slot = index * count + sample;
                let upstream = &encoded_gradient[sample * width + index * features..][..features];
                let fraction = corners.fractions[slot];
                for (corner, &row) in corners.rows[slot].iter().enumerate() {
                    let entry = &table[row as usize * features..][..features];
                    let pull: f32 = entry.iter().zip(upstream).map(|(a, b)| a * b).sum();
                    let part = |axis: usize| {
                        if corner >> axis & 1 == 1 {
                            fraction[axis]
                        } else {
                            1.0 - fraction[axis]
                        }
                    };
                    for (axis, gradient) in gradient.iter_mut().enumerate() {
                        let sign = if corner >> axis & 1 == 1 { 1.0 } else { -1.0 };
                        let slope = sign * part((axis + 1) % 3) * part((axis + 2) % 3);
                        *gradient += pull * slope * half_resolution;
                    }
                }
            }
        }
    }
}

/// The table rows of the corners of the cell that holds a point of `[-1, 1]³`, and where in the cell it lies.
///
/// Points outside fall into the nearest cell: the interpolation then continues its line.
#[inline(always)]
fn locate(level: &GridLevel, point: [f32; 3]) -> ([u32; 8], [f32; 3]) {
    let resolution = level.resolution as f32;
    let position = point.map(|x| (x + 1.0) * (resolution / 2.0));
    // `as` saturates, so a point that is not a number lands in a cell, too.
    let cell = position.map(|p| (p as u32).min(level.resolution - 1));
    let fraction = std::array::from_fn(|axis| position[axis] - cell[axis] as f32);
    let offset = level.offset;
    let rows = if level.dense {
        let side = level.resolution + 1;
        let base = offset + cell[0] + side * (cell[1] + side * cell[2]);
        std::array::from_fn(|corner| {
            let corner = corner as u32;
            base + (corner & 1) + side * ((corner >> 1 & 1) + side * (corner >> 2))
        })
    } else {
        let mask = level.entries - 1;
        let hashed: [[u32; 2]; 3] = std::array::from_fn(|axis| {
            let prime = HashGrid::HASH_PRIMES[axis];
            [
                cell[axis].wrapping_mul(prime),
                (cell[axis] + 1).wrapping_mul(prime),
            ]
        });
        std::array::from_fn(|corner| {
            let hash = hashed[0][corner & 1] ^ hashed[1][corner >> 1 & 1] ^ hashed[2][corner >> 2];
            offset + (hash & mask)
        })
    };
    (rows, fraction)
}

/// Trilinear weights; corner `c` takes the upper side of axis `a` where bit `a` of `c` is set.
#[inline(always)]
fn corner_weights([x, y, z]: [f32; 3]) -> [f32; 8] {
    let xs = [1.0 - x, x];
    let ys = [1.0 - y, y];
    let zs = [1.0 - z, z];
    std::array::from_fn(|corner| xs[corner & 1] * ys[corner >> 1 & 1] * zs[corner >> 2])
}
