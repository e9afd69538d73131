//! One tile through the network and back for both outputs, value and gradient by position.
//!
//! The gradient by the parameters of `a f + v ∇f`, with numbers `a` and vectors `v` that do not depend on them, is that of
//! `a f` and of the derivative of `f` along `v`: so one tangent, along each point's own `v`, goes through the layers beside the
//! values, and shares their weights. Backward needs the activation's second derivative, because the tangent was
//! multiplied by a slope that itself depends on the parameters.

use pulp::Simd;

use super::activation::{Activate, BackThroughTangent, BackThroughValues, Keep, Sums};
use super::matrix::{AddTo, Left, Matrix, multiply};
use super::network::{Gradient, Network};
use super::points::Points;
use super::tile::add_column_sums;

/// Values, then their derivatives along the directions.
type WithTangent = [Matrix; 2];

/// Buffers for one tile.
pub(super) struct Workspace {
    pub points: Points,
    /// `v` of each point.
    pub directions: Points,
    /// The input of the first layer, `[tile, in]`; on the way back the gradient by it.
    encoded: WithTangent,
    /// The gradient by the encoded positions that comes back through a skip connection, `[tile, in]`. None without one.
    skipped: Option<WithTangent>,
    hidden: Vec<HiddenLayer>,
    /// The tangent that goes into the layer at work, `[tile, in]`: worked out again on the way back, so that no layer keeps
    /// it twice.
    tangent_in: Matrix,
    /// The gradient by the slopes of the layer at work, `[tile, out]`.
    by_slopes: Matrix,
    /// The gradient by the value, and by the derivative along the direction, which is 1: `[tile, 1]`.
    by_output: WithTangent,
}

/// What a hidden layer keeps.
struct HiddenLayer {
    /// Its output, `[tile, out]`.
    values: Matrix,
    /// Slopes of the activation, then the tangent before it, `[tile, out]`. On the way back the gradients by the values
    /// and by the tangent before the activation take their place.
    before: WithTangent,
    /// Second derivatives of the activation, `[tile, out]`.
    curvatures: Matrix,
}

impl Workspace {
    /// For a network that was made to be asked for gradients.
    pub(super) fn new(network: &Network<'_>) -> Self {
        let tile = network.tile;
        let inputs = network.inputs_of(0);
        // All hidden layers are as wide as each other.
        let width = network.inputs_of(network.hidden.len());
        let with_tangent = |columns| [0, 1].map(|_| Matrix::zeros(tile, columns));
        let hidden = network.hidden.iter().map(|layer| HiddenLayer {
            values: Matrix::zeros(tile, layer.outputs()),
            before: with_tangent(layer.outputs()),
            curvatures: Matrix::zeros(tile, layer.outputs()),
        });
        let mut by_output = with_tangent(1);
        for row in 0..tile {
            let place = by_output[1].place(row, 0);
            by_output[1].elements_mut()[place] = 1.0;
        }
        Self {
            points: Points::new(tile),
            directions: Points::new(tile),
            encoded: with_tangent(inputs),
            skipped: network.skips().then(|| with_tangent(inputs)),
            hidden: hidden.collect(),
            tangent_in: Matrix::zeros(tile, width),
            by_slopes: Matrix::zeros(tile, width),
            by_output,
        }
    }

    /// Works out the tangent that goes into layer `index`, unless it is the first.
    #[inline(always)]
    fn set_tangent_in<S: Simd>(&mut self, simd: S, index: usize) {
        if index == 0 {
            return;
        }
        let [slopes, before] = &self.hidden[index - 1].before;
        let (slopes, _) = S::as_simd_f32s(slopes.elements());
        let (before, _) = S::as_simd_f32s(before.elements());
        let (tangents, _) = S::as_mut_simd_f32s(self.tangent_in.elements_mut());
        for ((tangent, &before), &slope) in tangents.iter_mut().zip(before).zip(slopes) {
            *tangent = simd.mul_f32s(slope, before);
        }
    }
}

impl Network<'_> {
    /// Adds the gradient by all parameters of the sum of `by_values` times the value and the derivative along the workspace's
    /// directions, at the workspace's points.
    #[inline(always)]
    pub(super) fn backward_along<S: Simd>(
        &self,
        simd: S,
        by_values: &[f32],
        workspace: &mut Workspace,
        gradient: &mut Gradient,
    ) {
        self.forward_along(simd, workspace);
        let count = by_values.len();
        gradient.output_bias += by_values.iter().sum::<f32>();
        let by_output = &mut workspace.by_output[0];
        for (row, &by) in by_values.iter().enumerate() {
            let place = by_output.place(row, 0);
            by_output.elements_mut()[place] = by;
        }
        for index in (0..=self.hidden.len()).rev() {
            workspace.set_tangent_in(simd, index);
            let (before, from) = workspace.hidden.split_at(index);
            let by_layer = from.first().map_or(&workspace.by_output, |l| &l.before);
            let (weight, mut of_encoded) = match gradient.hidden.get_mut(index) {
                None => (&mut gradient.output_weight, None),
                Some(layer) => {
                    add_column_sums(simd, &by_layer[0], count, &mut layer.bias);
                    (&mut layer.weight, layer.of_encoded.as_mut())
                }
            };
            let outputs = by_layer[0].columns();
            for (part, by) in by_layer.iter().enumerate() {
                let left = Left::Columns(by);
                let input = input(&workspace.encoded, before, &workspace.tangent_in, part);
                let shape = [outputs, count];
                multiply(simd, shape, left, input, outputs, &mut AddTo(weight));
                if let Some(weight) = &mut of_encoded {
                    let input = &workspace.encoded[part];
                    multiply(simd, shape, left, input, outputs, &mut AddTo(weight));
                }
            }
            if self.grid.is_some() {
                self.back_through_skip_along(simd, index, workspace);
            }
            if index > 0 {
                self.back_into_hidden(simd, index, workspace);
            } else if self.grid.is_some() {
                self.back_into_encoded(simd, workspace);
            }
        }
        if let Some(grid) = &self.grid {
            let table = &mut gradient.flat[..grid.parameters()];
            let (points, directions) = (&workspace.points, &workspace.directions);
            grid.scatter_along(simd, points, directions, &workspace.encoded, table);
        }
    }

    /// Through the hidden layers. The output layer's results are not asked for.
    #[inline(always)]
    fn forward_along<S: Simd>(&self, simd: S, workspace: &mut Workspace) {
        let (points, directions) = (&workspace.points, &workspace.directions);
        let encoded = &mut workspace.encoded;
        if let Some(grid) = &self.grid {
            grid.encode_along(simd, self.table, points, directions, encoded);
        }
        self.formulas
            .encode_along(simd, points, directions, encoded);
        let rows = self.tile;
        for (index, layer) in self.hidden.iter().enumerate() {
            workspace.set_tangent_in(simd, index);
            let count = workspace.points.count();
            let right = &layer.weights.forward;
            let shape = [count, right.rows()];
            let (before, from) = workspace.hidden.split_at_mut(index);
            let HiddenLayer {
                values,
                before: [slopes, tangent],
                curvatures,
            } = &mut from[0];
            let (encoded, tangent_in) = (&workspace.encoded, &workspace.tangent_in);
            let mut bias = Some(layer.bias.as_slice());
            if let Some(of_encoded) = &layer.of_encoded {
                let right = &of_encoded.forward;
                let shape = [count, right.rows()];
                let mut sums = Sums {
                    bias: bias.take(),
                    hidden: values,
                };
                let left = Left::Rows(&encoded[0]);
                multiply(simd, shape, left, right, rows, &mut sums);
                let left = Left::Rows(&encoded[1]);
                multiply(simd, shape, left, right, rows, &mut Keep(tangent));
            }
            let left = Left::Rows(input(encoded, before, tangent_in, 0));
            let hidden = &mut *values;
            multiply(simd, shape, left, right, rows, &mut Sums { bias, hidden });
            Activate {
                simd,
                omega: layer.omega,
                count,
                hidden: values,
                derivatives: [slopes, curvatures],
            }
            .run(self.activation);
            let left = Left::Rows(input(encoded, before, tangent_in, 1));
            match layer.of_encoded {
                None => multiply(simd, shape, left, right, rows, &mut Keep(tangent)),
                Some(_) => multiply(simd, shape, left, right, rows, &mut AddTo(tangent)),
            }
        }
    }

    /// From the gradients by what layer `index` computes to those by what the hidden layer below it does.
    #[inline(always)]
    fn back_into_hidden<S: Simd>(&self, simd: S, index: usize, workspace: &mut Workspace) {
        let (below, from) = workspace.hidden.split_at_mut(index);
        let (by_layer, right) = match from.first() {
            Some(layer) => (&layer.before, &self.hidden[index].weights.backward),
            None => (&workspace.by_output, &self.output.weight),
        };
        let HiddenLayer {
            before: [slopes, tangent],
            curvatures,
            ..
        } = &mut below[index - 1];
        let by_slopes = &mut workspace.by_slopes;
        let rows = self.tile;
        let shape = [workspace.points.count(), by_layer[0].columns()];
        // The values come last: they need what the tangent tells of the slopes, and their gradient takes the slopes' place.
        let mut output = BackThroughTangent {
            slopes,
            tangent,
            by_slopes,
        };
        let left = Left::Rows(&by_layer[1]);
        multiply(simd, shape, left, right, rows, &mut output);
        let mut output = BackThroughValues {
            slopes,
            curvatures,
            by_slopes,
        };
        let left = Left::Rows(&by_layer[0]);
        multiply(simd, shape, left, right, rows, &mut output);
    }

    /// From the gradients by what the first layer computes to those by the encoding.
    #[inline(always)]
    fn back_into_encoded<S: Simd>(&self, simd: S, workspace: &mut Workspace) {
        let (by_layer, right) = match workspace.hidden.first() {
            Some(layer) => (&layer.before, &self.hidden[0].weights.backward),
            None => (&workspace.by_output, &self.output.weight),
        };
        let rows = self.tile;
        let shape = [workspace.points.count(), by_layer[0].columns()];
        if let Some(skipped) = &mut workspace.skipped {
            std::mem::swap(&mut workspace.encoded, skipped);
        }
        let adds = workspace.skipped.is_some();
        for (by, encoded) in by_layer.iter().zip(&mut workspace.encoded) {
            let left = Left::Rows(by);
            match adds {
                false => multiply(simd, shape, left, right, rows, &mut Keep(encoded)),
                true => multiply(simd, shape, left, right, rows, &mut AddTo(encoded)),
            }
        }
    }

    /// From the gradients by what layer `index` computes to those by the encoding, if a skip connection ends there.
    #[inline(always)]
    fn back_through_skip_along<S: Simd>(&self, simd: S, index: usize, workspace: &mut Workspace) {
        let of_encoded = self.hidden.get(index).map(|layer| &layer.of_encoded);
        let (Some(Some(weights)), Some(skipped)) = (of_encoded, &mut workspace.skipped) else {
            return;
        };
        let by_layer = &workspace.hidden[index].before;
        let shape = [workspace.points.count(), by_layer[0].columns()];
        for (by, skipped) in by_layer.iter().zip(skipped) {
            let (left, right) = (Left::Rows(by), &weights.backward);
            multiply(simd, shape, left, right, self.tile, &mut Keep(skipped));
        }
    }
}

/// What goes into the layer behind the layers `before`: values for part 0, the tangent for part 1.
#[inline(always)]
fn input<'a>(
    encoded: &'a WithTangent,
    before: &'a [HiddenLayer],
    tangent_in: &'a Matrix,
    part: usize,
) -> &'a Matrix {
    match (before.last(), part) {
        (None, _) => &encoded[part],
        (Some(layer), 0) => &layer.values,
        (Some(_), _) => tangent_in,
    }
}
