//! One tile of points through the network and back, in buffers that stay in cache.
//!
//! Nothing of size batch × width is written to memory: a tile's activations live in a [`Workspace`] that is used again for
//! the next tile.

use pulp::Simd;

use super::encoding::{Corners, Grid};
use super::matrix::{Left, multiply_add, transposed};
use super::sine::sine_and_cosine;
use crate::field::architecture::{Activation, Architecture, Encoding, LayerSize, TensorSpec};

/// Points in a tile: a multiple of the micro-kernel's six rows.
pub(super) const TILE: usize = 96;

/// A network whose parameters are laid out for the kernels.
pub(super) struct Network<'a> {
    parameters: &'a [f32],
    grid: Option<Grid>,
    layers: Vec<Layer>,
    activation: Activation,
}

struct Layer {
    size: LayerSize,
    weight: TensorSpec,
    bias: TensorSpec,
    /// `[in, out]`, what forward reads; the parameters are `[out, in]`, what backward reads.
    weight_transposed: Vec<f32>,
}

/// Buffers for one tile.
pub(super) struct Workspace {
    corners: Option<Corners>,
    /// Inputs of each layer: the encoding, then each hidden layer's output, `[TILE, in]`.
    inputs: Vec<Vec<f32>>,
    /// Derivative of each hidden layer's output by its preactivation, `[TILE, out]`.
    slopes: Vec<Vec<f32>>,
    /// The network's values, `[TILE]`.
    pub(super) values: Vec<f32>,
    /// Gradients by the outputs of two neighbouring layers, in turn.
    upstream: Vec<f32>,
    downstream: Vec<f32>,
}

impl<'a> Network<'a> {
    pub(super) fn new(architecture: &Architecture, parameters: &'a [f32]) -> Self {
        let mut tensors = architecture.tensors().into_iter();
        let grid = match &architecture.encoding {
            Encoding::Identity => None,
            Encoding::HashGrid(grid) => {
                tensors.next();
                Some(Grid::new(grid))
            }
        };
        let layers = architecture.layers().into_iter().map(|size| {
            let weight = tensors.next().expect("each layer has a weight");
            let bias = tensors.next().expect("each layer has a bias");
            let weights = &parameters[weight.range()];
            Layer {
                size,
                weight_transposed: transposed(weights, size.outputs, size.inputs),
                weight,
                bias,
            }
        });
        Self {
            parameters,
            grid,
            layers: layers.collect(),
            activation: architecture.mlp.activation,
        }
    }

    pub(super) fn workspace(&self) -> Workspace {
        let hidden = &self.layers[..self.layers.len() - 1];
        let widest = self.layers.iter().map(|layer| layer.size.inputs).max();
        let widest = TILE * widest.unwrap_or(0);
        let slopes = hidden
            .iter()
            .map(|layer| vec![0.0; TILE * layer.size.outputs]);
        let inputs = self
            .layers
            .iter()
            .map(|layer| vec![0.0; TILE * layer.size.inputs]);
        Workspace {
            corners: self.grid.as_ref().map(|grid| grid.corners(TILE)),
            inputs: inputs.collect(),
            slopes: slopes.collect(),
            values: vec![0.0; TILE],
            upstream: vec![0.0; widest],
            downstream: vec![0.0; widest],
        }
    }

    /// The network at up to [`TILE`] points, into `workspace.values`.
    #[inline(always)]
    pub(super) fn forward<S: Simd>(&self, simd: S, points: &[[f32; 3]], workspace: &mut Workspace) {
        let count = points.len();
        match (&self.grid, &mut workspace.corners) {
            (Some(grid), Some(corners)) => {
                grid.encode(self.parameters, points, corners, &mut workspace.inputs[0]);
            }
            _ => workspace.inputs[0][..3 * count].copy_from_slice(points.as_flattened()),
        }
        let last = self.layers.len() - 1;
        for (index, layer) in self.layers[..last].iter().enumerate() {
            let (before, after) = workspace.inputs.split_at_mut(index + 1);
            let LayerSize { inputs, outputs } = layer.size;
            let output = &mut after[0][..count * outputs];
            for row in output.chunks_exact_mut(outputs) {
                row.copy_from_slice(&self.parameters[layer.bias.range()]);
            }
            let left = Left::Rows(&before[index], inputs);
            let shape = [count, outputs, inputs];
            multiply_add(simd, shape, left, &layer.weight_transposed, output);
            let slopes = &mut workspace.slopes[index][..count * outputs];
            let omega = self.activation.omega(index);
            match self.activation {
                Activation::Relu => relu(output, slopes),
                Activation::Sine { .. } => sine(simd, omega, output, slopes),
            }
        }
        let layer = &self.layers[last];
        let weights = &self.parameters[layer.weight.range()];
        let bias = self.parameters[layer.bias.offset];
        let rows = workspace.inputs[last].chunks_exact(layer.size.inputs);
        for (value, row) in workspace.values[..count].iter_mut().zip(rows) {
            *value = bias + dot(simd, weights, row);
        }
    }

    /// Back from the gradient by the values to the gradient by the encoding, which is left in `workspace.upstream`.
    ///
    /// With `parameter_gradient`, also adds the gradient by the perceptron's parameters to it.
    #[inline(always)]
    fn backward_layers<S: Simd>(
        &self,
        simd: S,
        value_gradient: &[f32],
        workspace: &mut Workspace,
        mut parameter_gradient: Option<&mut [f32]>,
        to_encoding: bool,
    ) {
        let count = value_gradient.len();
        workspace.upstream[..count].copy_from_slice(value_gradient);
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let LayerSize { inputs, outputs } = layer.size;
            if index < workspace.slopes.len() {
                let slopes = &workspace.slopes[index][..count * outputs];
                multiply(simd, &mut workspace.upstream[..count * outputs], slopes);
            }
            let upstream = &workspace.upstream[..count * outputs];
            if let Some(gradient) = parameter_gradient.as_deref_mut() {
                let input = &workspace.inputs[index][..count * inputs];
                let weights = &mut gradient[layer.weight.range()];
                let left = Left::Columns(upstream, outputs);
                multiply_add(simd, [outputs, inputs, count], left, input, weights);
                let biases = &mut gradient[layer.bias.range()];
                for row in upstream.chunks_exact(outputs) {
                    add(simd, biases, row);
                }
            }
            if index == 0 && !to_encoding {
                return;
            }
            let downstream = &mut workspace.downstream[..count * inputs];
            downstream.fill(0.0);
            let weights = &self.parameters[layer.weight.range()];
            let left = Left::Rows(upstream, outputs);
            multiply_add(simd, [count, inputs, outputs], left, weights, downstream);
            std::mem::swap(&mut workspace.upstream, &mut workspace.downstream);
        }
    }

    /// Adds the gradient by all parameters, given the gradient by the values of the last [`forward`](Self::forward).
    #[inline(always)]
    pub(super) fn backward<S: Simd>(
        &self,
        simd: S,
        value_gradient: &[f32],
        workspace: &mut Workspace,
        parameter_gradient: &mut [f32],
    ) {
        let to_encoding = self.grid.is_some();
        self.backward_layers(
            simd,
            value_gradient,
            workspace,
            Some(parameter_gradient),
            to_encoding,
        );
        if let (Some(grid), Some(corners)) = (&self.grid, &workspace.corners) {
            let count = value_gradient.len();
            grid.scatter(count, corners, &workspace.upstream, parameter_gradient);
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
        let ones = [1.0; TILE];
        self.backward_layers(simd, &ones[..gradients.len()], workspace, None, true);
        match (&self.grid, &workspace.corners) {
            (Some(grid), Some(corners)) => {
                grid.position_gradient(self.parameters, corners, &workspace.upstream, gradients);
            }
            _ => {
                let flat = gradients.as_flattened_mut();
                flat.copy_from_slice(&workspace.upstream[..flat.len()]);
            }
        }
    }
}

/// `max(0, z)` in place, and its slope.
// Left to the compiler's vectoriser, inside the instruction set that was dispatched to.
#[inline(always)]
fn relu(values: &mut [f32], slopes: &mut [f32]) {
    for (value, slope) in values.iter_mut().zip(slopes) {
        *slope = if *value > 0.0 { 1.0 } else { 0.0 };
        *value *= *slope;
    }
}

/// `sin(ω z)` in place, and its slope `ω cos(ω z)`.
#[inline(always)]
fn sine<S: Simd>(simd: S, omega: f32, values: &mut [f32], slopes: &mut [f32]) {
    let (heads, tail) = S::as_mut_simd_f32s(values);
    let (slope_heads, slope_tail) = S::as_mut_simd_f32s(slopes);
    let factor = simd.splat_f32s(omega);
    for (value, slope) in heads.iter_mut().zip(slope_heads) {
        let (sine, cosine) = sine_and_cosine(simd, simd.mul_f32s(factor, *value));
        *value = sine;
        *slope = simd.mul_f32s(factor, cosine);
    }
    for (value, slope) in tail.iter_mut().zip(slope_tail) {
        let (sine, cosine) = (omega * *value).sin_cos();
        *value = sine;
        *slope = omega * cosine;
    }
}

#[inline(always)]
fn multiply<S: Simd>(simd: S, values: &mut [f32], factors: &[f32]) {
    let (heads, tail) = S::as_mut_simd_f32s(values);
    let (factor_heads, factor_tail) = S::as_simd_f32s(factors);
    for (value, factor) in heads.iter_mut().zip(factor_heads) {
        *value = simd.mul_f32s(*value, *factor);
    }
    for (value, factor) in tail.iter_mut().zip(factor_tail) {
        *value *= factor;
    }
}

#[inline(always)]
fn add<S: Simd>(simd: S, sums: &mut [f32], terms: &[f32]) {
    let (heads, tail) = S::as_mut_simd_f32s(sums);
    let (term_heads, term_tail) = S::as_simd_f32s(terms);
    for (sum, term) in heads.iter_mut().zip(term_heads) {
        *sum = simd.add_f32s(*sum, *term);
    }
    for (sum, term) in tail.iter_mut().zip(term_tail) {
        *sum += term;
    }
}

#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let (a_heads, a_tail) = S::as_simd_f32s(a);
    let (b_heads, b_tail) = S::as_simd_f32s(b);
    let mut sum = simd.splat_f32s(0.0);
    for (a, b) in a_heads.iter().zip(b_heads) {
        sum = simd.mul_add_e_f32s(*a, *b, sum);
    }
    let tail: f32 = a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum();
    simd.reduce_sum_f32s(sum) + tail
}
