//! One tile through the network and back for both outputs, value and gradient by position.
//!
//! Forward carries three tangents through the layers, one an axis: they become the gradient by position. Every quantity
//! is thus four matrices of a tile's rows, which share the weights. Backward needs the activation's second derivative,
//! because the tangents were multiplied by a slope that itself depends on the parameters.

use pulp::Simd;

use super::activation::{Activate, BackThroughTangents, BackThroughValues, Keep, Sums};
use super::matrix::{AddTo, Left, Matrix, multiply};
use super::network::{Gradient, Network};
use super::points::Points;
use super::tile::{add_column_sums, dot};

/// Values, then their derivatives by the three axes.
type WithTangents = [Matrix; 4];

/// Buffers for one tile.
pub(super) struct Workspace {
    pub points: Points,
    /// The input of the first layer, `[tile, in]`; on the way back the gradient by it.
    encoded: WithTangents,
    hidden: Vec<HiddenLayer>,
    /// Tangents that go into the layer at work, `[tile, in]`: worked out again on the way back, so that no layer keeps
    /// them twice.
    tangents_in: [Matrix; 3],
    /// The gradient by the slopes of the layer at work, `[tile, out]`.
    by_slopes: Matrix,
    /// The network's value and its derivatives by the axes, `[tile]` each.
    pub outputs: [Vec<f32>; 4],
    /// The gradient by both outputs, `[tile, 1]`.
    by_output: WithTangents,
}

/// What a hidden layer keeps.
struct HiddenLayer {
    /// Its output, `[tile, out]`.
    values: Matrix,
    /// Slopes of the activation, then the tangents before it, `[tile, out]`. On the way back the gradients by the values
    /// and by the tangents before the activation take their place.
    before: WithTangents,
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
        let with_tangents = |columns| [0, 1, 2, 3].map(|_| Matrix::zeros(tile, columns));
        let mut encoded = with_tangents(inputs);
        if network.grid.is_none() {
            // The coordinates' own tangents, which stay.
            for (axis, tangents) in encoded[1..].iter_mut().enumerate() {
                for row in 0..tile {
                    let place = tangents.place(row, axis);
                    tangents.elements_mut()[place] = 1.0;
                }
            }
        }
        let hidden = network.hidden.iter().map(|layer| HiddenLayer {
            values: Matrix::zeros(tile, layer.size.outputs),
            before: with_tangents(layer.size.outputs),
            curvatures: Matrix::zeros(tile, layer.size.outputs),
        });
        Self {
            points: Points::new(tile),
            encoded,
            hidden: hidden.collect(),
            tangents_in: [0, 1, 2].map(|_| Matrix::zeros(tile, width)),
            by_slopes: Matrix::zeros(tile, width),
            outputs: [0, 1, 2, 3].map(|_| vec![0.0; tile]),
            by_output: with_tangents(1),
        }
    }

    /// Works out the tangents that go into layer `index`, unless it is the first.
    #[inline(always)]
    fn set_tangents_in<S: Simd>(&mut self, simd: S, index: usize) {
        if index == 0 {
            return;
        }
        let [slopes, before @ ..] = &self.hidden[index - 1].before;
        let (slopes, _) = S::as_simd_f32s(slopes.elements());
        for (tangents, before) in self.tangents_in.iter_mut().zip(before) {
            let (tangents, _) = S::as_mut_simd_f32s(tangents.elements_mut());
            let (before, _) = S::as_simd_f32s(before.elements());
            for ((tangent, &before), &slope) in tangents.iter_mut().zip(before).zip(slopes) {
                *tangent = simd.mul_f32s(slope, before);
            }
        }
    }
}

impl Network<'_> {
    /// Adds the gradient by all parameters, given the gradient by both outputs, value first, `[tile]` each, at each point of
    /// the last [`forward_with_tangents`](Self::forward_with_tangents).
    #[inline(always)]
    pub(super) fn backward_with_tangents<S: Simd>(
        &self,
        simd: S,
        by_outputs: &[Vec<f32>],
        workspace: &mut Workspace,
        gradient: &mut Gradient,
    ) {
        let count = workspace.points.count();
        gradient.output_bias += by_outputs[0][..count].iter().sum::<f32>();
        for (matrix, by) in workspace.by_output.iter_mut().zip(by_outputs) {
            for (row, &by) in by[..count].iter().enumerate() {
                let place = matrix.place(row, 0);
                matrix.elements_mut()[place] = by;
            }
        }
        for index in (0..=self.hidden.len()).rev() {
            // Those that go into the output layer are what forward left there.
            if index < self.hidden.len() {
                workspace.set_tangents_in(simd, index);
            }
            let (before, from) = workspace.hidden.split_at(index);
            let by_layer = from.first().map_or(&workspace.by_output, |l| &l.before);
            let weight = match gradient.hidden.get_mut(index) {
                None => &mut gradient.output_weight,
                Some(layer) => {
                    add_column_sums(simd, &by_layer[0], count, &mut layer.bias);
                    &mut layer.weight
                }
            };
            let outputs = by_layer[0].columns();
            for (part, by) in by_layer.iter().enumerate() {
                let left = Left::Columns(by);
                let input = input(&workspace.encoded, before, &workspace.tangents_in, part);
                let mut sum = AddTo(weight);
                multiply(simd, [outputs, count], left, input, outputs, &mut sum);
            }
            if index > 0 {
                self.back_into_hidden(simd, index, workspace);
            } else if self.grid.is_some() {
                self.back_into_encoded(simd, workspace);
            }
        }
        if let Some(grid) = &self.grid {
            let table = &mut gradient.flat[..grid.parameters()];
            grid.scatter_with_tangents(simd, &workspace.points, &workspace.encoded, table);
        }
    }

    /// The network's value and its derivatives by the axes at the points of the workspace, into `workspace.outputs`.
    #[inline(always)]
    pub(super) fn forward_with_tangents<S: Simd>(&self, simd: S, workspace: &mut Workspace) {
        match &self.grid {
            Some(grid) => {
                let (points, encoded) = (&workspace.points, &mut workspace.encoded);
                grid.encode_with_tangents(simd, self.table, points, encoded);
            }
            None => workspace.points.copy_into(&mut workspace.encoded[0]),
        }
        let rows = self.tile;
        for (index, layer) in self.hidden.iter().enumerate() {
            workspace.set_tangents_in(simd, index);
            let shape = [workspace.points.count(), layer.size.inputs];
            let right = &layer.forward;
            let (before, from) = workspace.hidden.split_at_mut(index);
            let HiddenLayer {
                values,
                before: [slopes, tangents @ ..],
                curvatures,
            } = &mut from[0];
            let left = Left::Rows(input(&workspace.encoded, before, &workspace.tangents_in, 0));
            let mut sums = Sums {
                bias: &layer.bias,
                hidden: values,
            };
            multiply(simd, shape, left, right, rows, &mut sums);
            Activate {
                simd,
                omega: layer.omega,
                count: workspace.points.count(),
                hidden: values,
                derivatives: [slopes, curvatures],
            }
            .run(self.activation);
            for (axis, tangents) in tangents.iter_mut().enumerate() {
                let input = input(&workspace.encoded, before, &workspace.tangents_in, 1 + axis);
                multiply(
                    simd,
                    shape,
                    Left::Rows(input),
                    right,
                    rows,
                    &mut Keep(tangents),
                );
            }
        }
        let last = self.hidden.len();
        workspace.set_tangents_in(simd, last);
        let bias = [self.output.bias, 0.0, 0.0, 0.0];
        for part in 0..4 {
            let (encoded, tangents) = (&workspace.encoded, &workspace.tangents_in);
            let input = input(encoded, &workspace.hidden, tangents, part);
            let count = workspace.points.count();
            let outputs = &mut workspace.outputs[part][..count];
            for (row, output) in outputs.iter_mut().enumerate() {
                *output = bias[part] + dot(simd, &self.output.weight, input, row);
            }
        }
    }

    /// From the gradients by what layer `index` computes to those by what the hidden layer below it does.
    #[inline(always)]
    fn back_into_hidden<S: Simd>(&self, simd: S, index: usize, workspace: &mut Workspace) {
        let (below, from) = workspace.hidden.split_at_mut(index);
        let (by_layer, right) = match from.first() {
            Some(layer) => (&layer.before, &self.hidden[index].backward),
            None => (&workspace.by_output, &self.output.weight),
        };
        let HiddenLayer {
            before: [slopes, tangents @ ..],
            curvatures,
            ..
        } = &mut below[index - 1];
        let by_slopes = &mut workspace.by_slopes;
        by_slopes.elements_mut().fill(0.0);
        let rows = self.tile;
        let shape = [workspace.points.count(), by_layer[0].columns()];
        // The values come last: they need what the tangents tell of the slopes, and their gradient takes the slopes' place.
        for (by_tangents, tangents) in by_layer[1..].iter().zip(tangents) {
            let left = Left::Rows(by_tangents);
            let mut output = BackThroughTangents {
                slopes,
                tangents,
                by_slopes,
            };
            multiply(simd, shape, left, right, rows, &mut output);
        }
        let mut output = BackThroughValues {
            slopes,
            curvatures,
            by_slopes,
        };
        multiply(
            simd,
            shape,
            Left::Rows(&by_layer[0]),
            right,
            rows,
            &mut output,
        );
    }

    /// From the gradients by what the first layer computes to those by the encoding.
    #[inline(always)]
    fn back_into_encoded<S: Simd>(&self, simd: S, workspace: &mut Workspace) {
        let (by_layer, right) = match workspace.hidden.first() {
            Some(layer) => (&layer.before, &self.hidden[0].backward),
            None => (&workspace.by_output, &self.output.weight),
        };
        let rows = self.tile;
        let shape = [workspace.points.count(), by_layer[0].columns()];
        for (by, encoded) in by_layer.iter().zip(&mut workspace.encoded) {
            multiply(simd, shape, Left::Rows(by), right, rows, &mut Keep(encoded));
        }
    }
}

/// What goes into the layer behind the layers `before`: values for part 0, otherwise tangents.
#[inline(always)]
fn input<'a>(
    encoded: &'a WithTangents,
    before: &'a [HiddenLayer],
    tangents_in: &'a [Matrix; 3],
    part: usize,
) -> &'a Matrix {
    match (before.last(), part) {
        (None, _) => &encoded[part],
        (Some(layer), 0) => &layer.values,
        (Some(_), _) => &tangents_in[part - 1],
    }
}
