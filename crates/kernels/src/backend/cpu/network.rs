//! A network whose parameters are laid out for the kernels, and gradients in the same layout.

use std::ops::Range;

use super::encoding::Grid;
use super::formulas::Formulas;
use super::matrix::Matrix;
use crate::network::activation::Activation;
use crate::network::encoding::PositionEncoding;
use crate::network::{Architecture, LayerSize, TensorSpec};

/// The parameters of a step, copied into the layouts that the kernels read. The table of the grid stays where it is.
pub(super) struct Network<'a> {
    /// Empty without a grid.
    pub table: &'a [f32],
    pub grid: Option<Grid>,
    pub formulas: Formulas,
    pub hidden: Vec<Layer>,
    pub output: OutputLayer,
    pub activation: Activation,
    /// Whether the way back needs the activation's slopes kept: the values of straight pieces tell them.
    pub keeps_slopes: bool,
    /// Points worked on at a time.
    pub tile: usize,
}

/// A hidden layer.
pub(super) struct Layer {
    /// Of what the layer before gives.
    pub weights: Weights,
    /// Of the encoded position, where a skip connection ends.
    pub of_encoded: Option<Weights>,
    /// `[out]`, padded.
    pub bias: Vec<f32>,
    pub omega: f32,
}

/// The weights of a layer, or of some of its inputs.
pub(super) struct Weights {
    /// `[in, out]`, what forward reads.
    pub forward: Matrix,
    /// `[out, in]`, what backward reads. Empty where only values are asked for.
    pub backward: Matrix,
}

impl Weights {
    /// Those of the inputs in a range.
    fn new(row_major: &[f32], size: LayerSize, inputs: &Range<usize>, back: bool) -> Self {
        let shape = [size.outputs, inputs.len()];
        let elements = &row_major[inputs.start..];
        Self {
            forward: Matrix::from_columns(elements, shape, size.inputs),
            backward: if back {
                Matrix::from_rows(elements, shape, size.inputs)
            } else {
                Matrix::default()
            },
        }
    }
}

impl Layer {
    pub(super) fn outputs(&self) -> usize {
        self.weights.forward.columns()
    }
}

/// The last layer, which has one output.
pub(super) struct OutputLayer {
    /// `[1, in]`
    pub weight: Matrix,
    pub bias: f32,
}

/// The gradient by the parameters, as one thread collects it.
#[derive(Clone, Debug)]
pub(super) struct Gradient {
    /// `[P]`: the grid's part is collected here at once, the perceptron's by [`collect`](Self::collect).
    pub flat: Vec<f32>,
    pub hidden: Vec<LayerGradient>,
    /// `[1, in]`
    pub output_weight: Matrix,
    pub output_bias: f32,
    /// Weight and bias of each layer, in order.
    specs: Vec<TensorSpec>,
}

/// The gradient by a hidden layer's parameters.
#[derive(Clone, Debug)]
pub(super) struct LayerGradient {
    /// `[out, in]`
    pub weight: Matrix,
    /// `[out, encoded]`, where a skip connection ends.
    pub of_encoded: Option<Matrix>,
    /// `[out]`, padded.
    pub bias: Vec<f32>,
}

/// Bytes that the activations of a tile may take, so that they stay in a core's own cache.
const TILE_BYTES: usize = 384 << 10;

/// Points in a tile: multiples of the product's six rows and of the sixteen points of a group.
const TILES: [usize; 2] = [96, 48];

impl<'a> Network<'a> {
    /// `back` tells whether gradients will be asked for.
    pub(super) fn new(architecture: &Architecture, parameters: &'a [f32], back: bool) -> Self {
        let parts = architecture.encoding.parts();
        let grid = Grid::new(&parts);
        let table = &parameters[..grid.as_ref().map_or(0, Grid::parameters)];
        let sizes = architecture.layers();
        let specs = perceptron(architecture);
        let layers = sizes.iter().zip(specs.chunks_exact(2)).enumerate();
        let hidden = layers.take(sizes.len() - 1).map(|(index, (&size, specs))| {
            let weight = &parameters[specs[0].range()];
            let mut bias = parameters[specs[1].range()].to_vec();
            bias.resize(Matrix::padded(size.outputs), 0.0);
            let [before, encoded] = inputs(architecture, index, size);
            Layer {
                weights: Weights::new(weight, size, &before, back),
                of_encoded: (!encoded.is_empty())
                    .then(|| Weights::new(weight, size, &encoded, back)),
                bias,
                omega: architecture.mlp.activation.omega(index),
            }
        });
        let hidden: Vec<Layer> = hidden.collect();
        let [.., weight, bias] = specs.as_slice() else {
            unreachable!("there is an output layer");
        };
        let output = OutputLayer {
            weight: Matrix::from_rows(&parameters[weight.range()], [1, weight.len()], 0),
            bias: parameters[bias.offset],
        };
        let activation = architecture.mlp.activation;
        let keeps_slopes = back && !activation.is_piecewise_linear();
        let kept = 1 + usize::from(keeps_slopes);
        let skips = hidden.iter().filter(|layer| layer.of_encoded.is_some());
        let encoded = parts.width() * (1 + skips.count());
        let floats = encoded + kept * hidden.iter().map(Layer::outputs).sum::<usize>();
        let fits = |tile: &&usize| **tile * floats * size_of::<f32>() <= TILE_BYTES;
        Self {
            table,
            grid,
            formulas: Formulas::new(&parts),
            hidden,
            output,
            activation,
            keeps_slopes,
            tile: *TILES.iter().find(fits).unwrap_or(&TILES[TILES.len() - 1]),
        }
    }
}

impl Gradient {
    /// All zero.
    pub(super) fn zeros(architecture: &Architecture) -> Self {
        let mut sizes = architecture.layers();
        let output = sizes.pop().expect("there is an output layer");
        let hidden = sizes.iter().enumerate().map(|(index, &size)| {
            let [before, encoded] = inputs(architecture, index, size);
            LayerGradient {
                weight: Matrix::zeros(size.outputs, before.len()),
                of_encoded: (!encoded.is_empty())
                    .then(|| Matrix::zeros(size.outputs, encoded.len())),
                bias: vec![0.0; Matrix::padded(size.outputs)],
            }
        });
        Self {
            flat: vec![0.0; architecture.parameter_count()],
            hidden: hidden.collect(),
            output_weight: Matrix::zeros(1, output.inputs),
            output_bias: 0.0,
            specs: perceptron(architecture),
        }
    }

    /// Moves the perceptron's part into the flat vector.
    pub(super) fn collect(&mut self) {
        for (layer, specs) in self.hidden.iter_mut().zip(self.specs.chunks_exact(2)) {
            let weights = &mut self.flat[specs[0].range()];
            let inputs = weights.len() / layer.weight.rows();
            layer.weight.drain_into(weights, inputs);
            if let Some(of_encoded) = &mut layer.of_encoded {
                let others = &mut weights[layer.weight.columns()..];
                of_encoded.drain_into(others, inputs);
            }
            let biases = &mut self.flat[specs[1].range()];
            for (sum, bias) in biases.iter_mut().zip(&mut layer.bias) {
                *sum += std::mem::take(bias);
            }
        }
        let [.., weight, bias] = self.specs.as_slice() else {
            unreachable!("there is an output layer");
        };
        self.output_weight
            .drain_into(&mut self.flat[weight.range()], 0);
        self.flat[bias.offset] += std::mem::take(&mut self.output_bias);
    }
}

/// Which of a layer's inputs come from the layer before, and which from the encoding past it.
fn inputs(architecture: &Architecture, index: usize, size: LayerSize) -> [Range<usize>; 2] {
    let before = match architecture.mlp.skips_to(index) {
        true => size.inputs - architecture.encoded_width(),
        false => size.inputs,
    };
    [0..before, before..size.inputs]
}

/// Weight and bias of each layer, in order.
fn perceptron(architecture: &Architecture) -> Vec<TensorSpec> {
    let tensors = architecture.tensors();
    let encoding = tensors.len() - 2 * architecture.layers().len();
    tensors[encoding..].to_vec()
}
