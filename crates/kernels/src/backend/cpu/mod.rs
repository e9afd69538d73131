//! The field on the processor: one fused pass a tile, on AVX-512, AVX2, NEON or plain code, chosen at run time by `pulp`.

// Kernels count lanes, rows and axes over several arrays at once: counters say that plainer than zipped iterators.
#![allow(clippy::needless_range_loop)]

mod activation;
mod batch;
mod encoding;
mod encoding_along;
mod exponential;
mod formulas;
mod matrix;
mod network;
mod objective;
mod pieces;
mod points;
mod second_order;
mod sine;
mod tile;
mod update;
mod vectors;

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Tensor, TensorData, TensorPrimitive};

use super::{FieldBackend, Objective, OptimizerState, TrainStep, UpdateStep};
use crate::network::Architecture;
use batch::{Batch, Rows};
use network::Gradient;

impl FieldBackend for Flex {
    /// One gradient a thread, zero between steps.
    type Workspace = Gradients;

    fn field(
        architecture: &Architecture,
        parameters: Tensor<Self, 1>,
        points: Tensor<Self, 2>,
        gradient: bool,
    ) -> Tensor<Self, 2> {
        let (parameters, points) = (primitive(parameters), primitive(points));
        let points = rows_of_three(&points);
        let count = points.len();
        let mut values = vec![0.0; count];
        if !gradient {
            batch::evaluate(architecture, slice(&parameters), points, &mut values, None);
            return tensor(values, [count, 1]);
        }
        let mut gradients = vec![[0.0; 3]; count];
        let output = Some(gradients.as_mut_slice());
        batch::evaluate(
            architecture,
            slice(&parameters),
            points,
            &mut values,
            output,
        );
        let rows = values.iter().zip(gradients);
        let flat = rows.flat_map(|(&value, [x, y, z])| [value, x, y, z]);
        tensor(flat.collect(), [count, 4])
    }

    fn field_backward(
        architecture: &Architecture,
        parameters: Tensor<Self, 1>,
        points: Tensor<Self, 2>,
        cotangent: Tensor<Self, 2>,
    ) -> Tensor<Self, 1> {
        let columns = cotangent.dims()[1];
        let [parameters, points, cotangent] = [
            primitive(parameters),
            primitive(points),
            primitive(cotangent),
        ];
        let batch = Batch::Cotangent(rows_of_three(&points), rows(&cotangent, columns));
        let (_, gradient) = batch::gradient(architecture, slice(&parameters), batch);
        let length = gradient.len();
        tensor(gradient, [length])
    }

    fn loss_and_gradient(
        architecture: &Architecture,
        parameters: Tensor<Self, 1>,
        samples: Tensor<Self, 2>,
        objective: Objective,
    ) -> (Tensor<Self, 1>, Tensor<Self, 1>) {
        let columns = samples.dims()[1];
        let [parameters, samples] = [primitive(parameters), primitive(samples)];
        let batch = Batch::Samples(objective, rows(&samples, columns), None);
        let (loss, gradient) = batch::gradient(architecture, slice(&parameters), batch);
        let length = gradient.len();
        (tensor(vec![loss], [1]), tensor(gradient, [length]))
    }

    fn update(
        state: OptimizerState<Self>,
        gradient: Tensor<Self, 1>,
        step: UpdateStep,
    ) -> OptimizerState<Self> {
        let mut gradient = primitive(gradient);
        updated(state, &mut [gradient.storage_mut()], step)
    }

    fn store(pool: Tensor<Self, 2>, at: usize, rows: &[f32]) -> Tensor<Self, 2> {
        let columns = pool.dims()[1];
        let mut pool = primitive(pool);
        let numbers: &mut [f32] = pool.storage_mut();
        numbers[columns * at..][..rows.len()].copy_from_slice(rows);
        from_primitive(pool)
    }

    fn train_step(
        architecture: &Architecture,
        state: OptimizerState<Self>,
        workspace: &mut Self::Workspace,
        pool: &Tensor<Self, 2>,
        step: TrainStep,
        losses: Option<Tensor<Self, 1>>,
    ) -> (OptimizerState<Self>, Tensor<Self, 1>) {
        let columns = pool.dims()[1];
        let pool = primitive(pool.clone());
        let parameters = primitive(state.parameters.clone());
        let batch = Batch::Samples(step.objective, rows(&pool, columns), Some(step.draw));
        let gradients = &mut workspace.0;
        let loss = batch::backward(architecture, slice(&parameters), batch, gradients);
        drop(parameters);
        let mut gradients: Vec<&mut [f32]> = gradients
            .iter_mut()
            .map(|gradient| gradient.flat.as_mut_slice())
            .collect();
        let losses = match losses {
            None => tensor(vec![loss], [1]),
            Some(losses) => losses.add_scalar(loss),
        };
        (updated(state, &mut gradients, step.update), losses)
    }
}

/// One gradient a thread, zero between steps.
#[derive(Default)]
pub struct Gradients(Vec<Gradient>);

/// One step by the sum of `gradients`, which are cleared.
fn updated(
    state: OptimizerState<Flex>,
    gradients: &mut [&mut [f32]],
    step: UpdateStep,
) -> OptimizerState<Flex> {
    let mut parameters = primitive(state.parameters);
    let [mut first, mut second] = state.moments.map(primitive);
    // Copies first where somebody still holds the tensor: a field that was handed out does not change.
    update::update(
        parameters.storage_mut(),
        [first.storage_mut(), second.storage_mut()],
        gradients,
        step,
    );
    OptimizerState {
        parameters: from_primitive(parameters),
        moments: [first, second].map(from_primitive),
    }
}

/// A contiguous tensor of exactly its elements, which is what the kernels read.
fn primitive<const D: usize>(tensor: Tensor<Flex, D>) -> FlexTensor {
    let primitive = tensor.into_primitive().tensor();
    let whole = primitive.storage::<f32>().len() == primitive.layout().num_elements();
    if whole && primitive.is_contiguous() {
        primitive
    } else {
        primitive.to_contiguous()
    }
}

fn from_primitive<const D: usize>(primitive: FlexTensor) -> Tensor<Flex, D> {
    Tensor::from_primitive(TensorPrimitive::Float(primitive))
}

fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("made contiguous by `primitive`")
}

fn rows(tensor: &FlexTensor, columns: usize) -> Rows<'_> {
    Rows {
        numbers: slice(tensor),
        columns,
    }
}

fn rows_of_three(points: &FlexTensor) -> &[[f32; 3]] {
    slice(points).as_chunks().0
}

fn tensor<const D: usize>(elements: Vec<f32>, shape: [usize; D]) -> Tensor<Flex, D> {
    Tensor::from_data(TensorData::new(elements, shape), &Default::default())
}
