//! Tables of features by tensor operations.

use burn::tensor::backend::Backend;
use burn::tensor::{ElementConversion, IndexingUpdateOp, Int, Tensor};

use super::{LayerInput, blocks};
use crate::network::TensorSpec;
use crate::network::encoding::{GridLevel, Parts, coefficient};

/// Where points lie in every level.
pub(super) struct Tables<B: Backend> {
    features: usize,
    /// By level, those of its cells.
    corners: Vec<Vec<Corner<B>>>,
}

/// One corner of the cells that hold the points.
struct Corner<B: Backend> {
    /// Table rows, `[N]`.
    rows: Tensor<B, 1, Int>,
    /// What it weighs, `[N, 1]`.
    weight: Tensor<B, 2>,
    /// Their derivatives by the three axes, `[3 N, 1]`.
    weight_tangents: Option<Tensor<B, 2>>,
}

impl<B: Backend> Tables<B> {
    /// `points` is `[N, 3]`.
    pub(super) fn new(parts: &Parts, points: &Tensor<B, 2>, tangents: bool) -> Self {
        let corners = parts.levels.iter().map(|level| {
            let half = f64::from(level.resolution) / 2.0;
            let position = points.clone().add_scalar(1.0).mul_scalar(half);
            let last = f64::from(level.resolution - 1);
            let cell = position.clone().floor().clamp(0.0, last);
            let fraction = position.sub(cell.clone());
            let axes = Axis::all(parts.interpolation.taps(), &fraction, level.resolution);
            let cell = cell.int();
            let taps = 0..parts.interpolation.taps();
            let taps = taps.clone().flat_map(|z| {
                let row = taps.clone().map(move |y| [y, z]);
                row.flat_map(|[y, z]| taps.clone().map(move |x| [x, y, z]))
            });
            let corners = taps.map(|taps| Corner::new(level, &cell, &axes, taps, tangents));
            corners.collect()
        });
        Self {
            features: parts.features,
            corners: corners.collect(),
        }
    }

    /// `[N, levels × features]`, with their tangents if they are worked out.
    pub(super) fn features(&self, table: &Tensor<B, 2>) -> LayerInput<B> {
        let has_tangents = self.corners[0][0].weight_tangents.is_some();
        LayerInput {
            hidden: self.levels(|corner| corner.entries(table).mul(corner.weight.clone())),
            tangents: has_tangents.then(|| {
                self.levels(|corner| {
                    let entries = corner.entries(table).repeat(&[3, 1]);
                    entries.mul(corner.tangents().clone())
                })
            }),
        }
    }

    /// The sums over each level's corners, side by side.
    fn levels(&self, of_corner: impl Fn(&Corner<B>) -> Tensor<B, 2>) -> Tensor<B, 2> {
        let levels = self.corners.iter().map(|corners| {
            let terms = corners.iter().map(&of_corner);
            terms.reduce(Tensor::add).expect("a cell has corners")
        });
        Tensor::cat(levels.collect(), 1)
    }

    /// The gradient by the table, given the gradients by features and tangents.
    pub(super) fn backward(
        &self,
        by_features: Tensor<B, 2>,
        by_tangents: Option<Tensor<B, 2>>,
        table: &TensorSpec,
    ) -> Tensor<B, 2> {
        let shape = [table.shape[0], table.shape[1]];
        let mut gradient = Tensor::zeros(shape, &by_features.device());
        for (index, corners) in self.corners.iter().enumerate() {
            let level =
                |by: &Tensor<B, 2>| by.clone().narrow(1, index * self.features, self.features);
            for corner in corners {
                let mut by_entries = level(&by_features).mul(corner.weight.clone());
                if let Some(by_tangents) = &by_tangents {
                    let axes = blocks(&level(by_tangents).mul(corner.tangents().clone()));
                    by_entries = axes.into_iter().fold(by_entries, Tensor::add);
                }
                let rows = corner.rows.clone();
                gradient = gradient.select_assign(0, rows, by_entries, IndexingUpdateOp::Add);
            }
        }
        gradient
    }
}

/// What the vertices along one axis weigh, by their order.
struct Axis<B: Backend> {
    /// `[N, 1]`
    shares: Vec<Tensor<B, 2>>,
    /// Their derivatives by position, `[N, 1]`.
    slopes: Vec<Tensor<B, 2>>,
}

impl<B: Backend> Axis<B> {
    /// By axis, for `taps` vertices each; `places` within the cells are `[N, 3]`.
    fn all(taps: usize, places: &Tensor<B, 2>, resolution: u32) -> [Axis<B>; 3] {
        [0, 1, 2].map(|axis| {
            let place = places.clone().narrow(1, axis, 1);
            // Horner's rule, with powers from `first` on, each times its number.
            let sum = |tap: usize, first: usize, number: fn(usize) -> f32| {
                let mut sum = place.zeros_like();
                for power in (first..taps).rev() {
                    let next = number(power) * coefficient(taps, tap, power);
                    sum = sum.mul(place.clone()).add_scalar(next);
                }
                sum
            };
            let half = f64::from(resolution) / 2.0;
            Axis {
                shares: (0..taps).map(|tap| sum(tap, 0, |_| 1.0)).collect(),
                slopes: (0..taps)
                    .map(|tap| sum(tap, 1, |power| power as f32).mul_scalar(half))
                    .collect(),
            }
        })
    }
}

impl<B: Backend> Corner<B> {
    /// `taps` tells by axis which of the vertices it is.
    fn new(
        level: &GridLevel,
        cell: &Tensor<B, 2, Int>,
        axes: &[Axis<B>; 3],
        taps: [usize; 3],
        tangents: bool,
    ) -> Self {
        let share = |axis: usize| axes[axis].shares[taps[axis]].clone();
        let weight_tangents = tangents.then(|| {
            let slopes = (0..3).map(|axis| {
                let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
                let slope = axes[axis].slopes[taps[axis]].clone();
                share(u).mul(share(v)).mul(slope)
            });
            Tensor::cat(slopes.collect(), 0)
        });
        Self {
            rows: table_rows(level, cell, taps),
            weight: share(0).mul(share(1)).mul(share(2)),
            weight_tangents,
        }
    }

    fn entries(&self, table: &Tensor<B, 2>) -> Tensor<B, 2> {
        table.clone().select(0, self.rows.clone())
    }

    fn tangents(&self) -> &Tensor<B, 2> {
        self.weight_tangents.as_ref().expect("made with tangents")
    }
}

/// The table rows of one corner of each cell, `[N]`.
fn table_rows<B: Backend>(
    level: &GridLevel,
    cell: &Tensor<B, 2, Int>,
    taps: [usize; 3],
) -> Tensor<B, 1, Int> {
    let [x, y, z] = [0, 1, 2].map(|axis| {
        let column: Tensor<B, 1, Int> = cell.clone().narrow(1, axis, 1).squeeze_dim(1);
        column.add_scalar(taps[axis] as i64)
    });
    // In tables that are shared only the low bits count: the products then fit 32 bits.
    let mask = if level.dense {
        u32::MAX
    } else {
        level.entries - 1
    };
    let [sx, sy, sz] = level.strides.map(|stride| i64::from(stride & mask));
    let (x, y, z) = (x.mul_scalar(sx), y.mul_scalar(sy), z.mul_scalar(sz));
    let row = if level.dense {
        x.add(y).add(z)
    } else {
        let hash = x.bitwise_xor(y).bitwise_xor(z);
        hash.bitwise_and_scalar(i64::from(mask).elem())
    };
    row.add_scalar(i64::from(level.offset))
}
