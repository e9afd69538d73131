//! Both kinds of network: a training step and evaluation, on points that lie ready.

use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData};
use criterion::{Criterion, Throughput};
use overfit::backend::{BatchDraw, FieldBackend, Objective, Summation, TrainStep};
use overfit::field::{DeviceChoice, Engine, Learner, open_engine};
use overfit::loss::{Loss, Needs};
use overfit::network::{
    Activation, Architecture, Encoding, HashGrid, Identity, Mlp, Relu, Sine, initial_parameters,
};
use overfit::optimizer::UpdateStep;

use crate::uniform_points;

const POINTS: usize = 1 << 16;

/// Samples of a training step.
const BATCH: usize = 1 << 14;

pub(crate) fn bench(criterion: &mut Criterion) {
    let engine = open_engine(DeviceChoice::Auto).expect("the processor is there");
    let points = uniform_points(POINTS);
    let mut group = criterion.benchmark_group("field");
    group.sample_size(10);
    for (name, architecture) in [("hash-grid", hash_grid()), ("siren", siren())] {
        let parameters = initial_parameters(&architecture, 0);
        group.throughput(Throughput::Elements(BATCH as u64));
        let mut learner = learner(&*engine, &architecture, &points);
        let mut step = 0;
        group.bench_function(format!("{name}/train"), |bencher| {
            bencher.iter(|| {
                step += 1;
                train(&mut *learner, step, POINTS);
                learner.mean_loss()
            });
        });

        for (outputs, columns) in [("values", 1), ("values and gradients", 4)] {
            group.bench_function(format!("{name}/backward through {outputs}"), |bencher| {
                bencher.iter(|| backward(&architecture, &parameters, &points[..BATCH], columns));
            });
        }

        group.throughput(Throughput::Elements(POINTS as u64));
        let field = engine.load(&architecture, &parameters);
        let (mut values, mut gradients) = (vec![0.0; POINTS], vec![[0.0; 3]; POINTS]);
        group.bench_function(format!("{name}/values"), |bencher| {
            bencher.iter(|| field.values(&points, &mut values));
        });
        group.bench_function(format!("{name}/values and gradients"), |bencher| {
            bencher.iter(|| field.values_and_gradients(&points, &mut values, &mut gradients));
        });
    }
}

/// A network about to learn a sphere from points that lie in its pool.
pub(crate) fn learner(
    engine: &dyn Engine,
    architecture: &Architecture,
    points: &[[f32; 3]],
) -> Box<dyn Learner> {
    let rows: Vec<f32> = points
        .iter()
        .flat_map(|&[x, y, z]| [x, y, z, (x * x + y * y + z * z).sqrt() - 0.7])
        .collect();
    let parameters = initial_parameters(architecture, 0);
    let mut learner = engine.learner(architecture, &parameters, Needs::Error, points.len());
    learner.store(0, &rows);
    learner
}

/// A training step on samples out of the first `kept` of the pool.
pub(crate) fn train(learner: &mut dyn Learner, step: u64, kept: usize) {
    let update = UpdateStep {
        step,
        learning_rate: 1e-3,
        ..UpdateStep::default()
    };
    learner.step(TrainStep {
        draw: BatchDraw::of_step(0, step, kept, BATCH),
        objective: Objective {
            loss: Loss::default(),
            unit: 1.0,
        },
        update,
        summation: Summation::Fast,
    });
}

/// The gradient by the parameters on the processor, for a loss of the user's own on values or on all four outputs.
fn backward(
    architecture: &Architecture,
    parameters: &[f32],
    points: &[[f32; 3]],
    columns: usize,
) -> Tensor<Flex, 1> {
    let device = Default::default();
    let tensor = TensorData::new(points.as_flattened().to_vec(), [points.len(), 3]);
    Flex::field_backward(
        architecture,
        Tensor::from_data(TensorData::from(parameters), &device),
        Tensor::from_data(tensor, &device),
        Tensor::ones([points.len(), columns], &device),
    )
}

/// Eight grids of four features, a small perceptron behind them.
pub(crate) fn hash_grid() -> Architecture {
    Architecture {
        encoding: Encoding::HashGrid(HashGrid {
            levels: 8,
            features: 4,
            log2_entries: 15,
            base_resolution: 16,
            finest_resolution: 256,
            ..HashGrid::default()
        }),
        mlp: Mlp {
            hidden_width: 64,
            hidden_layers: 2,
            activation: Activation::Relu(Relu {}),
            skip: 0,
        },
    }
}

/// Four sine layers.
fn siren() -> Architecture {
    Architecture {
        encoding: Encoding::Identity(Identity {}),
        mlp: Mlp {
            hidden_width: 256,
            hidden_layers: 4,
            activation: Activation::Sine(Sine::default()),
            skip: 0,
        },
    }
}
