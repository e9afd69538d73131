//! The field on graphics cards: kernels in CubeCL, from one source for CUDA and Vulkan.
//!
//! A training step is two kernels and nothing comes back to the host: one from the samples to the gradient, one for the update. A
//! network that does not fit a device's shared memory is left to tensor operations.

mod activation;
mod code;
mod draw;
mod encoding;
mod evaluate;
mod fixed_point;
mod formulas;
mod gradient;
mod grid_sums;
mod layer_product;
mod network;
mod objective;
mod perceptron;
mod plan;
mod product;
mod sine;
mod tangents;
mod tensor_cores;
#[cfg(all(test, feature = "wgpu"))]
mod tests;
mod update;
mod weight_gradient;
mod weights;
mod workgroup;

use burn::tensor::{DType, Tensor, TensorPrimitive};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, CubeRuntime};
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

use super::composed;
use super::{FieldBackend, Objective, OptimizerState, Summation, TrainStep, UpdateStep, zeros};
use crate::network::Architecture;
use draw::BatchLaunch;
use network::{Network, UNITS};

pub use network::Workspace;

/// Four neighbouring samples.
type Lanes = Vector<f32, Const<4>>;

/// One word of each of four neighbouring samples.
type Words = Vector<u32, Const<4>>;

/// A backend of this room.
type Cube<R> = CubeBackend<R, f32, i32, u8>;

impl<R: CubeRuntime> FieldBackend for Cube<R> {
    /// The sums of a batch, ready for the next one.
    type Workspace = Workspace<R>;

    fn field(
        architecture: &Architecture,
        parameters: Tensor<Self, 1>,
        points: Tensor<Self, 2>,
        gradient: bool,
    ) -> Tensor<Self, 2> {
        let Some(network) = network_of(architecture, &parameters, 1) else {
            return composed::field(architecture, parameters, points, gradient);
        };
        let [count, _] = points.dims();
        let columns = if gradient { 4 } else { 1 };
        let output =
            Tensor::<Self, 2>::from_primitive(float(network.empty([count, columns], DType::F32)));
        if count > 0 {
            let output = primitive(output.clone());
            let parameters = primitive(parameters);
            evaluate::evaluate::launch::<R>(
                &network.client,
                network.cubes(count),
                network.dim(),
                network.plan.vector,
                array(&parameters),
                network.table(&parameters),
                array(&primitive(points)),
                network.constants(),
                array(&output),
                in_order(count),
                3,
                gradient,
                network.plan,
            );
        }
        output
    }

    fn field_backward(
        architecture: &Architecture,
        parameters: Tensor<Self, 1>,
        points: Tensor<Self, 2>,
        cotangent: Tensor<Self, 2>,
    ) -> Tensor<Self, 1> {
        let channels = channels(cotangent.dims()[1]);
        let Some(network) = network_of(architecture, &parameters, channels) else {
            return composed::field_backward(architecture, parameters, points, cotangent);
        };
        // Sums in fixed point are made for terms of order 1.
        let largest = cotangent.clone().abs().max().clamp_min(f32::MIN_POSITIVE);
        let scaled = cotangent.div(largest.clone().reshape([1, 1]));
        let samples = Tensor::cat(vec![points, scaled], 1);
        let (_, gradient) = network.gradient(parameters, samples, None, 1.0);
        gradient.mul(largest)
    }

    fn loss_and_gradient(
        architecture: &Architecture,
        parameters: Tensor<Self, 1>,
        samples: Tensor<Self, 2>,
        objective: Objective,
    ) -> (Tensor<Self, 1>, Tensor<Self, 1>) {
        let channels = channels(objective.loss.needs().outputs());
        let Some(network) = network_of(architecture, &parameters, channels) else {
            return composed::loss_and_gradient(architecture, parameters, samples, objective);
        };
        let share = 1.0 / samples.dims()[0] as f32;
        network.gradient(parameters, samples, Some(objective), share)
    }

    /// Tensor cores would take the matrices as TF32, which has 11 bits of the 24: so they are taken apart first.
    fn product(left: Tensor<Self, 2>, right: Tensor<Self, 2>) -> Tensor<Self, 2> {
        let ([left, left_rest], [right, right_rest]) = (parts(left), parts(right));
        let corrections = (left.clone().matmul(right_rest)).add(left_rest.matmul(right.clone()));
        left.matmul(right).add(corrections)
    }

    fn update(
        state: OptimizerState<Self>,
        gradient: Tensor<Self, 1>,
        step: UpdateStep,
    ) -> OptimizerState<Self> {
        let gradient = primitive(gradient);
        let [parameters, first, second] = writable(state);
        let (client, length) = (&gradient.client, gradient.meta.num_elements());
        let dim = CubeDim::new_1d(UNITS);
        update::step_by::launch::<R>(
            client,
            calculate_cube_count_elemwise(client, length, dim),
            dim,
            array(&parameters),
            array(&first),
            array(&second),
            array(&gradient),
            update::constants(step),
            step.update.rule(),
        );
        state_of([parameters, first, second])
    }

    fn train_step(
        architecture: &Architecture,
        state: OptimizerState<Self>,
        workspace: &mut Self::Workspace,
        pool: &Tensor<Self, 2>,
        step: TrainStep,
        losses: Option<Tensor<Self, 1>>,
    ) -> (OptimizerState<Self>, Tensor<Self, 1>) {
        let (device, count) = (pool.device(), step.draw.count as usize);
        let channels = channels(step.objective.loss.needs().outputs());
        let sums = workspace.sums(architecture, &device, channels, count, step.summation);
        let Some(sums) = sums else {
            return composed::train_step(architecture, state, pool, step, losses);
        };
        let network = &sums.network;
        let pool = primitive(pool.clone());
        let [parameters, first, second] = writable(state);
        sums.collect_objective(&parameters, &pool, step.draw, step.objective);
        let losses = own(losses.unwrap_or_else(|| zeros([1], &device)));
        update::step::launch::<R>(
            &network.client,
            update::cubes(&network.client, &network.plan),
            CubeDim::new_1d(UNITS),
            array(&parameters),
            array(&first),
            array(&second),
            array(&sums.low),
            array(&sums.high),
            array(&sums.floats),
            array(&sums.by_cube),
            array(&losses),
            sums.cubes as u32,
            1.0 / step.draw.count as f32,
            update::constants(step.update),
            step.update.update.rule(),
            network.plan,
        );
        let losses = Tensor::from_primitive(float(losses));
        (state_of([parameters, first, second]), losses)
    }
}

/// Columns that a sample takes of a tile, so many of whose network's outputs take part: see [`Plan`](plan::Plan).
fn channels(outputs: usize) -> usize {
    if outputs > 1 { 2 } else { 1 }
}

/// All of so many samples, in order.
fn in_order<R: CubeRuntime>(count: usize) -> BatchLaunch<R> {
    let count = count as u32;
    BatchLaunch::new(0, count, count)
}

/// The kernels that sum exactly, with `channels` columns a sample; none if they do not fit the device.
fn network_of<R: CubeRuntime>(
    architecture: &Architecture,
    parameters: &Tensor<Cube<R>, 1>,
    channels: usize,
) -> Option<Network<R>> {
    Network::new(
        architecture,
        &parameters.device(),
        channels,
        Summation::Exact,
    )
}

/// The leading 11 bits of each element, and the rest (Veltkamp 1968). Each operation is a kernel of its own, so that no
/// compiler puts two into one.
fn parts<R: CubeRuntime>(matrix: Tensor<Cube<R>, 2>) -> [Tensor<Cube<R>, 2>; 2] {
    const SPLITTER: f32 = 8193.0;
    let scaled = matrix.clone().mul_scalar(SPLITTER);
    let leading = scaled.clone().sub(scaled.sub(matrix.clone()));
    let rest = matrix.sub(leading.clone());
    [leading, rest]
}

/// Parameters and moments that kernels may write. Copies where somebody still holds the tensor: a field that was handed out
/// does not change.
fn writable<R: CubeRuntime>(state: OptimizerState<Cube<R>>) -> [CubeTensor<R>; 3] {
    let [first, second] = state.moments;
    [state.parameters, first, second].map(own)
}

fn own<R: CubeRuntime>(tensor: Tensor<Cube<R>, 1>) -> CubeTensor<R> {
    let tensor = primitive(tensor);
    if tensor.can_mut() {
        tensor
    } else {
        tensor.copy()
    }
}

fn state_of<R: CubeRuntime>(tensors: [CubeTensor<R>; 3]) -> OptimizerState<Cube<R>> {
    let [parameters, first, second] = tensors.map(|t| Tensor::from_primitive(float(t)));
    OptimizerState {
        parameters,
        moments: [first, second],
    }
}

/// A tensor whose elements lie one behind the other, as kernels read them.
fn primitive<R: CubeRuntime, const D: usize>(tensor: Tensor<Cube<R>, D>) -> CubeTensor<R> {
    into_contiguous(tensor.into_primitive().tensor())
}

fn float<R: CubeRuntime>(tensor: CubeTensor<R>) -> TensorPrimitive<Cube<R>> {
    TensorPrimitive::Float(tensor)
}

/// A tensor as a kernel's argument.
fn array<R: CubeRuntime>(tensor: &CubeTensor<R>) -> ArrayArg<R> {
    tensor.clone().binding().into_array_arg()
}
