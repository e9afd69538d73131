//! Objectives by tensor operations: from outputs to loss and cotangent, from samples to the gradient, and a whole step.

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};

use super::matrices::moved;
use super::tensors::Tensors;
use crate::backend::{BatchDraw, FieldBackend, Objective, OptimizerState, TrainStep};
use crate::calculus::{Folded, MaybeKnown};
use crate::loss::{Needs, Sample, column};
use crate::network::Architecture;

/// The objective `[1]` and its derivative by the network's outputs, which are `[N, 1]`, or `[N, 4]` where the loss looks at
/// gradients.
pub fn objective_and_cotangent<B: Backend>(
    outputs: Tensor<B, 2>,
    samples: Tensor<B, 2>,
    objective: Objective,
) -> (Tensor<B, 1>, Tensor<B, 2>) {
    let Objective { loss, unit } = objective;
    let needs = loss.needs();
    let known = |least: Needs, at: usize| match needs >= least {
        true => MaybeKnown::Number(samples.clone().narrow(1, at, 1)),
        false => MaybeKnown::Known(0.0),
    };
    let error = |least: Needs, output: usize, wanted: usize| match needs >= least {
        true => {
            let wanted = samples.clone().narrow(1, wanted, 1);
            let left = outputs.clone().narrow(1, output, 1).sub(wanted);
            MaybeKnown::Number(left.mul_scalar(unit))
        }
        false => MaybeKnown::Known(0.0),
    };
    let axes = [0, 1, 2];
    let sample = Sample {
        error: error(Needs::Error, 0, column::VALUE),
        distance: known(Needs::Distance, column::DISTANCE),
        slope_errors: axes.map(|axis| error(Needs::Gradient, 1 + axis, column::SLOPES + axis)),
        gradient: axes.map(|axis| known(Needs::Gradient, column::GRADIENT + axis)),
    };
    let mut tensors = Tensors::like(&outputs.clone().narrow(1, 0, 1));
    let mut folded = Folded(&mut tensors);
    let at = loss.at(&mut folded, &sample);
    let total = folded.number(&at.loss).mean().div_scalar(unit);
    let by_outputs = [at.by_value].into_iter().chain(at.by_slopes);
    let by_outputs = by_outputs.take(needs.outputs());
    let by_outputs: Vec<Tensor<B, 2>> = by_outputs.map(|by| folded.number(&by)).collect();
    let count = outputs.dims()[0] as f64;
    (total, Tensor::cat(by_outputs, 1).div_scalar(count))
}

/// [`FieldBackend::loss_and_gradient`] out of the backend's own field and its backward.
pub fn loss_and_gradient<B: FieldBackend>(
    architecture: &Architecture,
    parameters: Tensor<B, 1>,
    samples: Tensor<B, 2>,
    objective: Objective,
) -> (Tensor<B, 1>, Tensor<B, 1>) {
    let points = samples.clone().narrow(1, column::POINT, 3);
    let gradient = objective.loss.needs() == Needs::Gradient;
    let outputs = B::field(architecture, parameters.clone(), points.clone(), gradient);
    let (loss, cotangent) = objective_and_cotangent(outputs, samples, objective);
    let gradient = B::field_backward(architecture, parameters, points, cotangent);
    (loss, gradient)
}

/// [`FieldBackend::train_step`] out of the backend's own gradient and update, steps that look at the whole gradient included.
pub fn train_step<B: FieldBackend>(
    architecture: &Architecture,
    state: OptimizerState<B>,
    pool: &Tensor<B, 2>,
    step: TrainStep,
    losses: Option<Tensor<B, 1>>,
) -> (OptimizerState<B>, Tensor<B, 1>) {
    let batch = batch(pool.clone(), step.draw);
    let parameters = state.parameters.clone();
    let (loss, gradient) = B::loss_and_gradient(architecture, parameters, batch, step.objective);
    let losses = match losses {
        None => loss,
        Some(losses) => losses.add(loss),
    };
    (moved(architecture, state, gradient, step.update), losses)
}

/// The samples of a batch, `[count, columns]`, out of a pool, `[capacity, columns]`.
pub fn batch<B: Backend>(pool: Tensor<B, 2>, draw: BatchDraw) -> Tensor<B, 2> {
    let rows: Vec<i32> = (0..draw.count)
        .map(|place| draw.index(place) as i32)
        .collect();
    let count = rows.len();
    let rows = Tensor::<B, 1, Int>::from_data(TensorData::new(rows, [count]), &pool.device());
    pool.select(0, rows)
}
