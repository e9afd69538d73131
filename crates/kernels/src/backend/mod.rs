//! The seam between the house and a device: what a Burn backend must do for a field.
//!
//! Everything above works on [`FieldBackend`]; everything that is fast lives in an implementation of it. The default
//! methods are composed of tensor operations and define the meaning; a backend overrides whichever it has a kernel for.
//! Parameters are one flat vector (see [`Architecture::tensors`]), so every operation has one parameter tensor.

mod autodiff;
mod batch_draw;
pub mod composed;
mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda_cards;
#[cfg(any(feature = "cuda", feature = "wgpu"))]
mod gpu;
#[cfg(any(feature = "cuda", feature = "wgpu"))]
pub mod kernel_cache;

pub use batch_draw::BatchDraw;

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use crate::loss::Loss;
use crate::network::Architecture;
use crate::optimizer::{MOMENTS, UpdateStep};

/// What is made small.
///
/// The field is what was known of it before, plus `unit` times the network's value: its error is `unit (value - wanted)`, where
/// `wanted` is a column of the samples, and so is that of its gradient, see [`Needs::columns`](crate::loss::Needs::columns). What is
/// minimised is the mean loss over the samples, divided by `unit`: so the network's gradient does not depend on
/// how much there is left to learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// The terms.
    pub loss: Loss,
    /// One unit of the network's value, in the unit frame.
    pub unit: f32,
}

/// How the sums of a batch are added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Summation {
    /// The same bits for the same batch every time.
    #[default]
    Exact,
    /// As fast as the device can, in whatever order terms come.
    Fast,
}

/// What one training step does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainStep {
    /// The batch.
    pub draw: BatchDraw,
    /// What is made small.
    pub objective: Objective,
    /// How the parameters move against its gradient.
    pub update: UpdateStep,
    /// How the gradient is summed.
    pub summation: Summation,
}

/// Parameters on a device with what their rule keeps of earlier steps, each `[P]`.
#[derive(Clone, Debug)]
pub struct OptimizerState<B: Backend> {
    /// The flat parameter vector.
    pub parameters: Tensor<B, 1>,
    /// Such as running means of the gradient and its square.
    pub moments: [Tensor<B, 1>; MOMENTS],
}

impl<B: Backend> OptimizerState<B> {
    /// Before the first step: all moments are zero.
    pub fn new(parameters: Tensor<B, 1>) -> Self {
        let (shape, device) = (parameters.dims(), parameters.device());
        Self {
            parameters,
            moments: std::array::from_fn(|_| zeros(shape, &device)),
        }
    }
}

/// Zeros that are copied to a device: a kernel that makes them would have to be compiled there first.
pub fn zeros<B: Backend, const D: usize>(shape: [usize; D], device: &B::Device) -> Tensor<B, D> {
    let numbers = vec![0.0f32; shape.iter().product()];
    Tensor::from_data(TensorData::new(numbers, shape), device)
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

    /// The objective over a batch, `[1]`, and its gradient by the parameters, `[P]`.
    ///
    /// `samples` is `[N, columns]`, as [`Needs::columns`](crate::loss::Needs::columns) has it.
    fn loss_and_gradient(
        architecture: &Architecture,
        parameters: Tensor<Self, 1>,
        samples: Tensor<Self, 2>,
        objective: Objective,
    ) -> (Tensor<Self, 1>, Tensor<Self, 1>) {
        composed::loss_and_gradient(architecture, parameters, samples, objective)
    }

    /// The product of two matrices, to the accuracy of their numbers: what is composed is made of these.
    fn product(left: Tensor<Self, 2>, right: Tensor<Self, 2>) -> Tensor<Self, 2> {
        left.matmul(right)
    }

    /// One step of the rule for single parameters. An element whose gradient is exactly zero keeps its value and its moments.
    ///
    /// So a grid entry that no sample of the batch touched costs no update and does not drift (as in Müller et al. 2022).
    fn update(
        state: OptimizerState<Self>,
        gradient: Tensor<Self, 1>,
        step: UpdateStep,
    ) -> OptimizerState<Self> {
        composed::update(state, gradient, step)
    }

    /// Writes samples, row after row, into a pool, `[capacity, columns]`, from row `at` on.
    ///
    /// # Panics
    /// Panics if they do not fit.
    fn store(pool: Tensor<Self, 2>, at: usize, rows: &[f32]) -> Tensor<Self, 2> {
        let columns = pool.dims()[1];
        let count = rows.len() / columns;
        let rows = TensorData::new(rows.to_vec(), [count, columns]);
        let rows = Tensor::from_data(rows, &pool.device());
        pool.slice_assign([at..at + count, 0..columns], rows)
    }

    /// What a learner keeps between steps: buffers that a step need not allocate again.
    type Workspace: Default + Send;

    /// A whole training step: draws the batch, and moves the parameters against the gradient of its loss.
    ///
    /// `pool` is `[capacity, columns]`, as [`store`](Self::store) has it. Gives `losses`, `[1]`, with the objective before the
    /// step added to it, which callers read only now and then: on a graphics card reading it waits for the step.
    ///
    /// Whoever overrides this takes steps one parameter at a time; [`composed::train_step`] also those that look at the whole
    /// gradient.
    fn train_step(
        architecture: &Architecture,
        state: OptimizerState<Self>,
        _workspace: &mut Self::Workspace,
        pool: &Tensor<Self, 2>,
        step: TrainStep,
        losses: Option<Tensor<Self, 1>>,
    ) -> (OptimizerState<Self>, Tensor<Self, 1>) {
        composed::train_step(architecture, state, pool, step, losses)
    }
}

// The reference: f32 in use, f64 in the conformance tests.
impl FieldBackend for burn::backend::NdArray<f32> {
    type Workspace = ();
}
impl FieldBackend for burn::backend::NdArray<f64> {
    type Workspace = ();
}
