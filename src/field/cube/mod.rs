//! The field on graphics cards: kernels in CubeCL, from one source for CUDA and Vulkan.
//!
//! A training step is two kernels and nothing comes back to the host: one from the samples to the gradient, one for Adam. A
//! network that does not fit a device's shared memory is left to tensor operations, and so is the gradient by the parameters
//! of the gradient by position.

mod adam;
mod draw;
mod encoding;
mod evaluate;
mod fixed_point;
mod gradient;
mod network;
mod perceptron;
mod plan;
mod product;
mod sine;
#[cfg(all(test, feature = "wgpu"))]
mod tests;
mod weight_gradient;
mod workgroup;

use burn::tensor::{DType, Tensor, TensorPrimitive};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, CubeRuntime};
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

use super::architecture::Architecture;
use super::backend::{AdamState, AdamStep, FieldBackend, Loss};
use super::batch_draw::BatchDraw;
use super::composed;
use gradient::Objective;
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
        let Some(network) = Network::<R>::new(architecture, &parameters.device()) else {
            return composed::field(architecture, parameters, points, gradient);
        };
        let [count, _] = points.dims();
        let columns = if gradient { 4 } else { 1 };
        let output =
            Tensor::<Self, 2>::from_primitive(float(network.empty([count, columns], DType::F32)));
        if count > 0 {
            let output = primitive(output.clone());
            evaluate::evaluate::launch::<R>(
                &network.client,
                network.cubes(count),
                network.dim(),
                array(&primitive(parameters)),
                array(&primitive(points)),
                array(&network.levels),
                array(&output),
                count as u32,
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
        let network = match cotangent.dims()[1] {
            1 => Network::<R>::new(architecture, &parameters.device()),
            _ => None,
        };
        let Some(network) = network else {
            return composed::field_backward(architecture, parameters, points, cotangent);
        };
        // Sums in fixed point are made for terms of order 1.
        let largest = cotangent.clone().abs().max().clamp_min(f32::MIN_POSITIVE);
        let scaled = cotangent.div(largest.clone().reshape([1, 1]));
        let samples = Tensor::cat(vec![points, scaled], 1);
        let (_, gradient) = network.gradient(parameters, samples, Objective::Given, 1.0);
        gradient.mul(largest)
    }

    fn loss_and_gradient(
        architecture: &Architecture,
        parameters: Tensor<Self, 1>,
        points: Tensor<Self, 2>,
        targets: Tensor<Self, 2>,
        loss: Loss,
    ) -> (Tensor<Self, 1>, Tensor<Self, 1>) {
        let Some(network) = Network::<R>::new(architecture, &parameters.device()) else {
            return composed::loss_and_gradient(architecture, parameters, points, targets, loss);
        };
        let share = 1.0 / points.dims()[0] as f32;
        let samples = Tensor::cat(vec![points, targets], 1);
        network.gradient(parameters, samples, loss.into(), share)
    }

    fn adam(state: AdamState<Self>, gradient: Tensor<Self, 1>, step: AdamStep) -> AdamState<Self> {
        let gradient = primitive(gradient);
        let [parameters, first, second] = writable(state);
        let (client, length) = (&gradient.client, gradient.meta.num_elements());
        let dim = CubeDim::new_1d(UNITS);
        adam::step_by::launch::<R>(
            client,
            calculate_cube_count_elemwise(client, length, dim),
            dim,
            array(&parameters),
            array(&first),
            array(&second),
            array(&gradient),
            constants(step),
        );
        state_of([parameters, first, second])
    }

    fn train_step(
        architecture: &Architecture,
        state: AdamState<Self>,
        workspace: &mut Self::Workspace,
        pool: &Tensor<Self, 2>,
        draw: BatchDraw,
        loss: Loss,
        step: AdamStep,
    ) -> (AdamState<Self>, Tensor<Self, 1>) {
        let Some(sums) = workspace.sums(architecture, &pool.device(), draw.count as usize) else {
            return composed::train_step(architecture, state, pool, draw, loss, step);
        };
        let network = &sums.network;
        let pool = primitive(pool.clone());
        let [parameters, first, second] = writable(state);
        sums.collect(&parameters, &pool, draw, loss.into());
        let output = network.empty([1], DType::F32);
        let dim = CubeDim::new_1d(UNITS);
        let length = parameters.meta.num_elements() + 1;
        adam::step::launch::<R>(
            &network.client,
            calculate_cube_count_elemwise(&network.client, length, dim),
            dim,
            array(&parameters),
            array(&first),
            array(&second),
            array(&sums.low),
            array(&sums.high),
            array(&sums.by_cube),
            array(&output),
            sums.cubes as u32,
            1.0 / draw.count as f32,
            constants(step),
            network.plan,
        );
        let loss = Tensor::from_primitive(float(output));
        (state_of([parameters, first, second]), loss)
    }
}

fn constants<R: CubeRuntime>(step: AdamStep) -> adam::ConstantsLaunch<R> {
    let (first_correction, second_correction) = step.bias_corrections();
    adam::ConstantsLaunch::new(
        step.beta1,
        step.beta2,
        step.epsilon,
        first_correction * step.learning_rate,
        second_correction,
    )
}

/// Parameters and moments that kernels may write. Copies where somebody still holds the tensor: a field that was handed out
/// does not change.
fn writable<R: CubeRuntime>(state: AdamState<Cube<R>>) -> [CubeTensor<R>; 3] {
    [state.parameters, state.first, state.second].map(|tensor| {
        let tensor = primitive(tensor);
        if tensor.can_mut() {
            tensor
        } else {
            tensor.copy()
        }
    })
}

fn state_of<R: CubeRuntime>(tensors: [CubeTensor<R>; 3]) -> AdamState<Cube<R>> {
    let [parameters, first, second] = tensors.map(|t| Tensor::from_primitive(float(t)));
    AdamState {
        parameters,
        first,
        second,
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
