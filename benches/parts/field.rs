//! Both kinds of network: a training step and evaluation, on points that lie ready.

use criterion::{Criterion, Throughput};
use overfit::field::{
    Activation, AdamStep, Architecture, DeviceChoice, Encoding, HashGrid, Learner, Loss, Mlp,
    initial_parameters, open_engine,
};

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
        let mut learner = engine.learner(&architecture, &parameters);
        let mut step = 0;
        group.bench_function(format!("{name}/train"), |bencher| {
            bencher.iter(|| {
                step += 1;
                train(&mut *learner, step, &points[..BATCH])
            });
        });

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

/// A training step towards a sphere.
pub(crate) fn train(learner: &mut dyn Learner, step: u64, points: &[[f32; 3]]) -> f32 {
    let radius = |point: &[f32; 3]| point.iter().map(|x| x * x).sum::<f32>().sqrt();
    let targets: Vec<f32> = points.iter().map(|point| radius(point) - 0.7).collect();
    let adam = AdamStep {
        step,
        learning_rate: 1e-3,
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-15,
    };
    learner.step(points, &targets, Loss::L1, adam)
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
        }),
        mlp: Mlp {
            hidden_width: 64,
            hidden_layers: 2,
            activation: Activation::Relu,
        },
    }
}

/// Four sine layers.
fn siren() -> Architecture {
    Architecture {
        encoding: Encoding::Identity,
        mlp: Mlp {
            hidden_width: 256,
            hidden_layers: 4,
            activation: Activation::Sine {
                first_omega: 30.0,
                omega: 30.0,
            },
        },
    }
}
