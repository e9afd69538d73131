//! The field composed of tensor operations: slow, runs on every backend, and defines what the kernels must compute.
//!
//! Forward carries three tangents through the layers, one an axis, which become the gradient by position. Backward is
//! written out for both outputs, the second-order term of the gradient included: Burn has no double backward.

mod encoding;
mod formulas;
mod matrices;
mod objective;
mod tables;
mod tensors;
mod update;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::FieldBackend;
use crate::calculus::{Folded, MaybeKnown};
use crate::network::activation::{ActivationFunction, WithActivation, value_slope_curvature};
use crate::network::{Architecture, TensorSpec};
use encoding::Encoded;
use tensors::Tensors;

pub use objective::{batch, loss_and_gradient, objective_and_cotangent, train_step};
pub use update::update;

/// [`FieldBackend::field`] by tensor operations.
pub fn field<B: FieldBackend>(
    architecture: &Architecture,
    parameters: Tensor<B, 1>,
    points: Tensor<B, 2>,
    gradient: bool,
) -> Tensor<B, 2> {
    Forward::run(architecture, &parameters, &points, gradient).output()
}

/// [`FieldBackend::field_backward`] by tensor operations.
pub fn field_backward<B: FieldBackend>(
    architecture: &Architecture,
    parameters: Tensor<B, 1>,
    points: Tensor<B, 2>,
    cotangent: Tensor<B, 2>,
) -> Tensor<B, 1> {
    let with_gradient = cotangent.dims()[1] == 4;
    Forward::run(architecture, &parameters, &points, with_gradient).backward(cotangent)
}

/// What goes into a layer.
#[derive(Clone)]
struct LayerInput<B: Backend> {
    /// `[N, in]`
    hidden: Tensor<B, 2>,
    /// Derivatives of `hidden` by the three axes, one block of N rows each: `[3 N, in]`.
    tangents: Option<Tensor<B, 2>>,
}

impl<B: Backend> LayerInput<B> {
    /// With another's columns behind its own.
    fn beside(self, other: Self) -> Self {
        let beside = |one, other| Tensor::cat(vec![one, other], 1);
        Self {
            hidden: beside(self.hidden, other.hidden),
            tangents: self
                .tangents
                .zip(other.tangents)
                .map(|(one, other)| beside(one, other)),
        }
    }
}

/// A hidden layer on its way.
struct Activated<B: Backend> {
    /// First derivative of the activation, `[N, out]`.
    slope: Tensor<B, 2>,
    /// Second derivative of the activation, `[N, out]`.
    curvature: Tensor<B, 2>,
    /// Tangents before the activation, `[3 N, out]`.
    tangents: Option<Tensor<B, 2>>,
}

/// Everything that backward needs from forward.
struct Forward<'a, B: Backend> {
    architecture: &'a Architecture,
    specs: Vec<TensorSpec>,
    encoded: Encoded<B>,
    /// Weights as `[in, out]`.
    weights: Vec<Tensor<B, 2>>,
    /// One for each layer, then the network's output.
    inputs: Vec<LayerInput<B>>,
    /// One for each hidden layer.
    activated: Vec<Activated<B>>,
}

impl<'a, B: FieldBackend> Forward<'a, B> {
    fn run(
        architecture: &'a Architecture,
        parameters: &Tensor<B, 1>,
        points: &Tensor<B, 2>,
        gradient: bool,
    ) -> Self {
        let specs = architecture.tensors();
        let matrix = |spec: &TensorSpec| {
            let rows = if spec.shape.len() == 2 {
                spec.shape[0]
            } else {
                1
            };
            let flat = parameters.clone().slice([spec.range()]);
            flat.reshape([rows, spec.len() / rows])
        };
        let encoded = Encoded::new(&architecture.encoding, points, gradient);
        let (tables, layers) = specs.split_at(usize::from(encoded.has_tables()));
        let first = encoded.features(tables.first().map(matrix));
        let mut forward = Self {
            architecture,
            encoded,
            weights: Vec::new(),
            inputs: vec![first],
            activated: Vec::new(),
            specs: specs.clone(),
        };
        for layer in layers.chunks_exact(2) {
            forward.layer(matrix(&layer[0]).transpose(), matrix(&layer[1]));
        }
        forward
    }

    fn layer(&mut self, weight: Tensor<B, 2>, bias: Tensor<B, 2>) {
        let index = self.weights.len();
        let LayerInput { hidden, tangents } = &self.inputs[index];
        let preactivation = B::product(hidden.clone(), weight.clone()).add(bias);
        let tangents = tangents.clone().map(|t| B::product(t, weight.clone()));
        self.weights.push(weight);
        if index == self.architecture.mlp.hidden_layers as usize {
            self.inputs.push(LayerInput {
                hidden: preactivation,
                tangents,
            });
            return;
        }
        let activation = &self.architecture.mlp.activation;
        let omega = activation.omega(index);
        let [hidden, slope, curvature] = activation.visit(Activate {
            preactivation,
            omega,
        });
        let next = LayerInput {
            hidden,
            tangents: tangents
                .clone()
                .map(|t| t.mul(slope.clone().repeat(&[3, 1]))),
        };
        let next = match self.architecture.mlp.skips_to(index + 1) {
            true => next.beside(self.inputs[0].clone()),
            false => next,
        };
        self.inputs.push(next);
        self.activated.push(Activated {
            slope,
            curvature,
            tangents,
        });
    }

    /// `[N, 1]`, or `[N, 4]` with tangents.
    fn output(self) -> Tensor<B, 2> {
        let LayerInput { hidden, tangents } = self
            .inputs
            .into_iter()
            .next_back()
            .expect("there is an output");
        match tangents {
            None => hidden,
            Some(tangents) => {
                let columns = blocks(&tangents);
                Tensor::cat(std::iter::once(hidden).chain(columns).collect(), 1)
            }
        }
    }

    /// The gradient by the parameters, `[P]`.
    fn backward(self, cotangent: Tensor<B, 2>) -> Tensor<B, 1> {
        let with_gradient = cotangent.dims()[1] == 4;
        let mut by_hidden = cotangent.clone().narrow(1, 0, 1);
        let mut by_tangents = with_gradient.then(|| {
            let columns = (1..4).map(|column| cotangent.clone().narrow(1, column, 1));
            Tensor::cat(columns.collect(), 0)
        });
        // What a skip connection brings past the layers between.
        let mut skipped: Option<(Tensor<B, 2>, Option<Tensor<B, 2>>)> = None;
        // Collected from the last tensor to the first.
        let mut gradients: Vec<Tensor<B, 1>> = Vec::new();
        for (index, weight) in self.weights.iter().enumerate().rev() {
            if let Some(activated) = self.activated.get(index) {
                let mut through = by_hidden.mul(activated.slope.clone());
                if let (Some(by), Some(tangents)) = (by_tangents.take(), &activated.tangents) {
                    // Tangents were multiplied by the slope, which itself depends on the preactivation.
                    let by_slope = blocks(&by.clone().mul(tangents.clone()))
                        .into_iter()
                        .reduce(Tensor::add)
                        .expect("there are three axes");
                    through = through.add(by_slope.mul(activated.curvature.clone()));
                    by_tangents = Some(by.mul(activated.slope.clone().repeat(&[3, 1])));
                }
                by_hidden = through;
            }
            let input = &self.inputs[index];
            let bias = by_hidden.clone().sum_dim(0);
            let mut by_weight = B::product(by_hidden.clone().transpose(), input.hidden.clone());
            let transposed = weight.clone().transpose();
            if let (Some(by), Some(tangents)) = (by_tangents.take(), &input.tangents) {
                let by_tangent_weight = B::product(by.clone().transpose(), tangents.clone());
                by_weight = by_weight.add(by_tangent_weight);
                by_tangents = Some(B::product(by, transposed.clone()));
            }
            by_hidden = B::product(by_hidden, transposed);
            if self.architecture.mlp.skips_to(index) {
                let width = self.architecture.mlp.hidden_width as usize;
                let [hidden, encoded] = split(by_hidden, width);
                let tangents = by_tangents.map(|by| split(by, width));
                let (by_below, by_encoded) = match tangents {
                    None => (None, None),
                    Some([below, encoded]) => (Some(below), Some(encoded)),
                };
                skipped = Some((encoded, by_encoded));
                (by_hidden, by_tangents) = (hidden, by_below);
            }
            gradients.push(flat(bias));
            gradients.push(flat(by_weight));
        }
        if let Some((encoded, tangents)) = skipped {
            by_hidden = by_hidden.add(encoded);
            by_tangents = by_tangents.zip(tangents).map(|(by, more)| by.add(more));
        }
        let table = self
            .encoded
            .backward(by_hidden, by_tangents, &self.specs[0]);
        gradients.extend(table.map(flat));
        gradients.reverse();
        Tensor::cat(gradients, 0)
    }
}

/// What an activation makes of `[N, out]`: values, slopes and curvatures.
struct Activate<B: Backend> {
    preactivation: Tensor<B, 2>,
    omega: f32,
}

impl<B: Backend> WithActivation for Activate<B> {
    type Output = [Tensor<B, 2>; 3];

    fn with<F: ActivationFunction>(self, function: &F) -> Self::Output {
        let mut tensors = Tensors::like(&self.preactivation);
        let mut folded = Folded(&mut tensors);
        let omega = MaybeKnown::Known(f64::from(self.omega));
        let z = MaybeKnown::Number(self.preactivation);
        let results = value_slope_curvature(&mut folded, function, &z, &omega);
        results.map(|number| folded.number(&number))
    }
}

fn flat<B: Backend>(matrix: Tensor<B, 2>) -> Tensor<B, 1> {
    let [rows, columns] = matrix.dims();
    matrix.reshape([rows * columns])
}

/// The first `columns` columns, and the others.
fn split<B: Backend>(matrix: Tensor<B, 2>, columns: usize) -> [Tensor<B, 2>; 2] {
    let others = matrix.dims()[1] - columns;
    [
        matrix.clone().narrow(1, 0, columns),
        matrix.narrow(1, columns, others),
    ]
}

/// The three blocks of N rows of a `[3 N, …]` tensor.
fn blocks<B: Backend>(stacked: &Tensor<B, 2>) -> [Tensor<B, 2>; 3] {
    let count = stacked.dims()[0] / 3;
    [0, 1, 2].map(|axis| stacked.clone().narrow(0, axis * count, count))
}
