//! One tile of points through the network and back, in buffers that stay in cache.
//!
//! Nothing of size batch × width is written to memory: a tile's activations live in a [`Workspace`] that is used again for
//! the next tile. On the way back the gradient by a layer's preactivations takes the place of what forward left there.

use pulp::Simd;

use super::activation::{Activate, BackThroughSlopes, Keep, Sums};
use super::matrix::{AddTo, Left, Matrix, multiply, vector_at, vector_at_mut};
use super::network::{Gradient, Layer, Network};
use super::pieces::{BackIntoLastPieces, BackIntoPieces, StraightLayer};
use super::points::Points;

/// Buffers for one tile.
pub(super) struct Workspace {
    pub points: Points,
    /// The input of the first layer, `[tile, in]`; on the way back the gradient by it.
    encoded: Matrix,
    /// The gradient by the encoded positions that comes back through a skip connection, `[tile, in]`. None without one.
    skipped: Option<Matrix>,
    /// Output of each hidden layer, `[tile, out]`.
    hidden: Vec<Matrix>,
    /// Slope of each hidden layer's activation, `[tile, out]`; empty for activations whose output tells it, and where
    /// nobody asks.
    slopes: Vec<Matrix>,
    /// The network's values, `[tile]`.
    pub values: Vec<f32>,
}

impl Workspace {
    pub(super) fn new(network: &Network<'_>) -> Self {
        let tile = network.tile;
        let inputs = network.inputs_of(0);
        let matrices = || {
            network
                .hidden
                .iter()
                .map(|layer| Matrix::zeros(tile, layer.outputs()))
        };
        Self {
            points: Points::new(tile),
            encoded: Matrix::zeros(tile, inputs),
            skipped: network.skips().then(|| Matrix::zeros(tile, inputs)),
            hidden: matrices().collect(),
            slopes: match network.keeps_slopes {
                true => matrices().collect(),
                false => Vec::new(),
            },
            values: vec![0.0; tile],
        }
    }

    /// Where backward leaves the gradient by the preactivations of each hidden layer.
    fn by_preactivations(&self) -> &[Matrix] {
        if self.slopes.is_empty() {
            &self.hidden
        } else {
            &self.slopes
        }
    }
}

impl Network<'_> {
    /// Inputs of hidden layer `index`, or of the output layer behind the last one.
    pub(super) fn inputs_of(&self, index: usize) -> usize {
        let layer = self.hidden.get(index);
        layer.map_or(self.output.weight.columns(), |layer| {
            layer.weights.forward.rows()
        })
    }

    /// Whether the encoded position goes past a layer.
    pub(super) fn skips(&self) -> bool {
        self.hidden.iter().any(|layer| layer.of_encoded.is_some())
    }

    /// The network at the points of the workspace, into `workspace.values`.
    #[inline(always)]
    pub(super) fn forward<S: Simd>(&self, simd: S, workspace: &mut Workspace) {
        self.encode(simd, workspace);
        let count = workspace.points.count();
        for (index, layer) in self.hidden.iter().enumerate() {
            let (before, after) = workspace.hidden.split_at_mut(index);
            let input = before.last().unwrap_or(&workspace.encoded);
            let hidden = &mut after[0];
            let mut bias = Some(layer.bias.as_slice());
            if let Some(weights) = &layer.of_encoded {
                let shape = [count, workspace.encoded.columns()];
                let left = Left::Rows(&workspace.encoded);
                let bias = bias.take();
                let mut sums = Sums { bias, hidden };
                multiply(simd, shape, left, &weights.forward, self.tile, &mut sums);
            }
            if self.activation.is_piecewise_linear() {
                self.activation.visit(StraightLayer {
                    simd,
                    weights: &layer.weights.forward,
                    bias,
                    input,
                    count,
                    rows: self.tile,
                    hidden,
                });
                continue;
            }
            let shape = [count, input.columns()];
            let mut sums = Sums { bias, hidden };
            let left = Left::Rows(input);
            let weights = &layer.weights.forward;
            multiply(simd, shape, left, weights, self.tile, &mut sums);
            let omega = layer.omega;
            match workspace.slopes.get_mut(index) {
                None => Activate {
                    simd,
                    omega,
                    count,
                    hidden,
                    derivatives: [],
                }
                .run(self.activation),
                Some(slopes) => Activate {
                    simd,
                    omega,
                    count,
                    hidden,
                    derivatives: [slopes],
                }
                .run(self.activation),
            }
        }
        let last = workspace.hidden.last().unwrap_or(&workspace.encoded);
        for (row, value) in workspace.values[..count].iter_mut().enumerate() {
            *value = self.output.bias + dot(simd, &self.output.weight, last, row);
        }
    }

    #[inline(always)]
    fn encode<S: Simd>(&self, simd: S, workspace: &mut Workspace) {
        let Workspace {
            points, encoded, ..
        } = workspace;
        if let Some(grid) = &self.grid {
            grid.encode(simd, self.table, points, encoded);
        }
        self.formulas.encode(simd, points, encoded);
    }

    /// Adds the gradient by all parameters, given the gradient by the values of the last [`forward`](Self::forward).
    #[inline(always)]
    pub(super) fn backward<S: Simd>(
        &self,
        simd: S,
        by_values: &[f32],
        workspace: &mut Workspace,
        gradient: &mut Gradient,
    ) {
        let count = by_values.len();
        gradient.output_bias += by_values.iter().sum::<f32>();
        self.output_weight_gradient(simd, by_values, workspace, gradient);
        self.back_through_output(simd, by_values, workspace);
        for (index, layer) in self.hidden.iter().enumerate().rev() {
            let by_preactivations = &workspace.by_preactivations()[index];
            let input = match index {
                0 => &workspace.encoded,
                _ => &workspace.hidden[index - 1],
            };
            let collected = &mut gradient.hidden[index];
            add_column_sums(simd, by_preactivations, count, &mut collected.bias);
            let rows = layer.outputs();
            let shape = [rows, count];
            let left = Left::Columns(by_preactivations);
            let mut sums = AddTo(&mut collected.weight);
            multiply(simd, shape, left, input, rows, &mut sums);
            if let Some(collected) = &mut collected.of_encoded {
                let input = &workspace.encoded;
                multiply(simd, shape, left, input, rows, &mut AddTo(collected));
            }
            if self.grid.is_some() {
                self.back_through_skip(simd, index, layer, workspace);
            }
            if index > 0 || self.grid.is_some() {
                self.back_through_layer(simd, index, layer, workspace);
            }
        }
        if let Some(grid) = &self.grid {
            let table = &mut gradient.flat[..grid.parameters()];
            grid.scatter(simd, &workspace.points, &workspace.encoded, table);
        }
    }

    /// The gradient by position at the points of the last [`forward`](Self::forward).
    #[inline(always)]
    pub(super) fn position_gradient<S: Simd>(
        &self,
        simd: S,
        workspace: &mut Workspace,
        gradients: &mut [[f32; 3]],
    ) {
        // The values' gradient by themselves; they have been taken by now.
        let mut ones = std::mem::take(&mut workspace.values);
        ones.fill(1.0);
        self.back_through_output(simd, &ones[..gradients.len()], workspace);
        workspace.values = ones;
        for (index, layer) in self.hidden.iter().enumerate().rev() {
            self.back_through_skip(simd, index, layer, workspace);
            self.back_through_layer(simd, index, layer, workspace);
        }
        let Workspace {
            points, encoded, ..
        } = workspace;
        gradients.fill([0.0; 3]);
        if let Some(grid) = &self.grid {
            grid.add_position_gradient(simd, self.table, points, encoded, gradients);
        }
        self.formulas
            .add_position_gradient(simd, points, encoded, gradients);
    }

    /// From the gradient by a hidden layer's preactivations to that by what comes before it.
    #[inline(always)]
    fn back_through_layer<S: Simd>(
        &self,
        simd: S,
        index: usize,
        layer: &Layer,
        workspace: &mut Workspace,
    ) {
        let rows = self.tile;
        let shape = [workspace.points.count(), layer.outputs()];
        let right = &layer.weights.backward;
        if index == 0 {
            let Workspace {
                encoded,
                skipped,
                hidden,
                slopes,
                ..
            } = workspace;
            let by_preactivations = slopes.first().unwrap_or(&hidden[0]);
            let left = Left::Rows(by_preactivations);
            if let Some(skipped) = skipped {
                std::mem::swap(encoded, skipped);
                multiply(simd, shape, left, right, rows, &mut AddTo(encoded));
            } else {
                multiply(simd, shape, left, right, rows, &mut Keep(encoded));
            }
        } else if workspace.slopes.is_empty() {
            let (before, after) = workspace.hidden.split_at_mut(index);
            self.activation.visit(BackIntoPieces {
                simd,
                shape,
                by_layer: &after[0],
                weights: right,
                rows,
                hidden: &mut before[index - 1],
            });
        } else {
            let (before, after) = workspace.slopes.split_at_mut(index);
            let mut output = BackThroughSlopes(&mut before[index - 1]);
            multiply(simd, shape, Left::Rows(&after[0]), right, rows, &mut output);
        }
    }

    /// From the gradient by a hidden layer's preactivations to that by the encoded positions, if a skip connection ends there.
    #[inline(always)]
    fn back_through_skip<S: Simd>(
        &self,
        simd: S,
        index: usize,
        layer: &Layer,
        workspace: &mut Workspace,
    ) {
        let Workspace {
            points,
            skipped,
            hidden,
            slopes,
            ..
        } = workspace;
        let (Some(weights), Some(skipped)) = (&layer.of_encoded, skipped) else {
            return;
        };
        let by_preactivations = slopes.get(index).unwrap_or(&hidden[index]);
        let shape = [points.count(), layer.outputs()];
        let left = Left::Rows(by_preactivations);
        let mut output = Keep(skipped);
        multiply(simd, shape, left, &weights.backward, self.tile, &mut output);
    }

    /// Adds Σ gradient by value × hidden value to the gradient of the output's weight.
    #[inline(always)]
    fn output_weight_gradient<S: Simd>(
        &self,
        simd: S,
        by_values: &[f32],
        workspace: &Workspace,
        gradient: &mut Gradient,
    ) {
        let last = workspace.hidden.last().unwrap_or(&workspace.encoded);
        let mut column = 0;
        while column < Matrix::padded(last.columns()) {
            let place = gradient.output_weight.place(0, column);
            let (start, step) = last.column(column);
            let mut sums = simd.splat_f32s(0.0);
            for (row, &by_value) in by_values.iter().enumerate() {
                let hidden = vector_at::<S>(last.elements(), start + row * step);
                sums = simd.mul_add_e_f32s(simd.splat_f32s(by_value), hidden, sums);
            }
            let collected = vector_at_mut::<S>(gradient.output_weight.elements_mut(), place);
            *collected = simd.add_f32s(*collected, sums);
            column += S::F32_LANES;
        }
    }

    /// From the gradient by the values to that by the preactivations of the last hidden layer.
    #[inline(always)]
    fn back_through_output<S: Simd>(&self, simd: S, by_values: &[f32], workspace: &mut Workspace) {
        let weight = &self.output.weight;
        let Some(slopes) = workspace.slopes.last_mut() else {
            let hidden = workspace.hidden.last_mut();
            return self.activation.visit(BackIntoLastPieces {
                simd,
                weight,
                by_values,
                hidden: hidden.expect("there is a hidden layer"),
            });
        };
        let mut column = 0;
        while column < Matrix::padded(weight.columns()) {
            let weights = vector_at::<S>(weight.elements(), weight.place(0, column));
            let (start, step) = slopes.column(column);
            for (row, &by_value) in by_values.iter().enumerate() {
                let slope = vector_at_mut::<S>(slopes.elements_mut(), start + row * step);
                let by_hidden = simd.mul_f32s(simd.splat_f32s(by_value), weights);
                *slope = simd.mul_f32s(*slope, by_hidden);
            }
            column += S::F32_LANES;
        }
    }
}

/// Adds the sum of the first `count` rows to `sums`, `[columns]`, padded.
#[inline(always)]
pub(super) fn add_column_sums<S: Simd>(simd: S, matrix: &Matrix, count: usize, sums: &mut [f32]) {
    let mut column = 0;
    while column < sums.len() {
        let (start, step) = matrix.column(column);
        let mut sum = simd.splat_f32s(0.0);
        for row in 0..count {
            sum = simd.add_f32s(sum, vector_at::<S>(matrix.elements(), start + row * step));
        }
        let collected = vector_at_mut::<S>(sums, column);
        *collected = simd.add_f32s(*collected, sum);
        column += S::F32_LANES;
    }
}

/// The product of the one row of `weight` with a row of `matrix`.
#[inline(always)]
fn dot<S: Simd>(simd: S, weight: &Matrix, matrix: &Matrix, row: usize) -> f32 {
    let mut sum = simd.splat_f32s(0.0);
    let mut column = 0;
    while column < Matrix::padded(weight.columns()) {
        let a = vector_at::<S>(weight.elements(), weight.place(0, column));
        let b = vector_at::<S>(matrix.elements(), matrix.place(row, column));
        sum = simd.mul_add_e_f32s(a, b, sum);
        column += S::F32_LANES;
    }
    simd.reduce_sum_f32s(sum)
}
