//! The seam between the house and a device: what a Burn backend must do for a field.
//!
//! Everything above works on [`FieldBackend`]; everything that is fast lives in an implementation of it. The default
//! methods are composed of tensor operations and define the meaning; a backend overrides whichever it has a kernel for.
//! Parameters are one flat vector (see [`Architecture::tensors`]), so every operation has one parameter tensor.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::architecture::Architecture;
use super::composed;

/// How a step's residuals become a loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loss {
    /// Mean |value - target|.
    #[default]
    L1,
    /// Mean (value - target)².
    L2,
}

/// Constants of one Adam step (Kingma and Ba 2015).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Number of this step, from 1.
    pub step: u64,
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
}

impl AdamStep {
    /// The factor of the first moment and the factor of the second moment that undo their start at zero.
    pub fn bias_corrections(&self) -> (f32, f32) {
        let undo = |beta: f32| {
            let power = f64::from(beta).powf(self.step as f64);
            (1.0 / (1.0 - power)) as f32
        };
        (undo(self.beta1), undo(self.beta2))
    }
}

/// Parameters and both moments of Adam on a device, each `[P]`.
#[derive(Clone, Debug)]
pub struct AdamState<B: Backend> {
    /// The flat parameter vector.
    pub parameters: Tensor<B, 1>,
    /// Running mean of the gradient.
    pub first: Tensor<B, 1>,
    /// Running mean of the squared gradient.
    pub second: Tensor<B, 1>,
}

impl<B: Backend> AdamState<B> {
    /// Both moments at zero.
    pub fn new(parameters: Tensor<B, 1>) -> Self {
        let zeros = parameters.zeros_like();
        Self {
            parameters,
            first: zeros.clone(),
            second: zeros,
        }
    }
}

/// A Burn backend that can evaluate and train fields.
pub trait FieldBackend: Backend {
    /// The network at each point.
    ///
    /// `parameters` is `[P]`, `points` `[N, 3]` in the unit frame. The result is `[N, 1]`: the value; with `gradient` it is
    /// `[N, 4]`: the value and its gradient by position.
    fn field(
        architecture: &Architecture,
        parameters: Tensor<Self, 1>,
        points: Tensor<Self, 2>,
        gradient: bool,
    ) -> Tensor<Self, 2> {
        composed::field(architecture, parameters, points, gradient)
    }

    /// The gradient by the parameters, `[P]`, of the sum of [`field`](Self::field)'s result times `cotangent`.
    ///
    /// `cotangent` is `[N, 1]`, or `[N, 4]` where the gradient by position takes part: this is the second-order term that
    /// eikonal and normal losses need.
    fn field_backward(
        architecture: &Architecture,
        parameters: Tensor<Self, 1>,
        points: Tensor<Self, 2>,
        cotangent: Tensor<Self, 2>,
    ) -> Tensor<Self, 1> {
        composed::field_backward(architecture, parameters, points, cotangent)
    }

    /// The loss over a batch, `[1]`, and its gradient by the parameters, `[P]`.
    ///
    /// `points` is `[N, 3]`, `targets` `[N, 1]`.
    fn loss_and_gradient(
        architecture: &Architecture,
        parameters: Tensor<Self, 1>,
        points: Tensor<Self, 2>,
        targets: Tensor<Self, 2>,
        loss: Loss,
    ) -> (Tensor<Self, 1>, Tensor<Self, 1>) {
        let values = Self::field(architecture, parameters.clone(), points.clone(), false);
        let (loss, cotangent) = composed::loss_and_cotangent(values, targets, loss);
        let gradient = Self::field_backward(architecture, parameters, points, cotangent);
        (loss, gradient)
    }

    /// One step of Adam.
    fn adam(state: AdamState<Self>, gradient: Tensor<Self, 1>, step: AdamStep) -> AdamState<Self> {
        composed::adam(state, gradient, step)
    }
}

// The reference: f32 in use, f64 in the conformance tests.
impl FieldBackend for burn::backend::NdArray<f32> {}
impl FieldBackend for burn::backend::NdArray<f64> {}

#[cfg(feature = "cuda")]
impl FieldBackend for burn::backend::Cuda {}

#[cfg(feature = "wgpu")]
impl FieldBackend for burn::backend::Vulkan {}
