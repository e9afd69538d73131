//! What the conformance suite is too small for: batches of many tiles a workgroup, layers of several passes.

use burn::backend::{Flex, Vulkan};
use burn::tensor::{Tensor, TensorData};

use crate::backend::{BatchDraw, FieldBackend, Objective, OptimizerState, Summation, TrainStep};
use crate::loss::{Loss, Needs};
use crate::network::{
    Activation, Architecture, Encoding, HashGrid, Mlp, Relu, Sine, initial_parameters,
};
use crate::optimizer::UpdateStep;

fn architecture(levels: u32, hidden_width: u32, activation: Activation) -> Architecture {
    let grid = HashGrid {
        levels,
        features: 2,
        log2_entries: 12,
        base_resolution: 4,
        finest_resolution: 64,
        ..HashGrid::default()
    };
    Architecture {
        encoding: Encoding::HashGrid(grid),
        mlp: Mlp {
            hidden_width,
            hidden_layers: 2,
            activation,
            skip: 0,
        },
    }
}

/// Points of a low-discrepancy sequence, with their distances from a sphere and as much more as a loss `needs`, row after row.
fn samples(count: usize, needs: Needs) -> Vec<f32> {
    let steps = [0.819_172_5, 0.671_043_6, 0.549_700_5];
    let sample = |index: usize| {
        let point = steps.map(|step: f64| ((index as f64 * step).fract() * 2.0 - 1.0) as f32);
        let radius = point.iter().map(|x| x * x).sum::<f32>().sqrt();
        let gradient = point.map(|x| x / radius.max(1e-6));
        let distance = radius - 0.5;
        let mut row = point.to_vec();
        row.extend([distance; 2].into_iter().chain(gradient).chain(gradient));
        row.truncate(needs.columns());
        row
    };
    (0..count).flat_map(sample).collect()
}

fn vector<B: FieldBackend>(elements: &[f32]) -> Tensor<B, 1> {
    let data = TensorData::new(elements.to_vec(), [elements.len()]);
    Tensor::from_data(data, &Default::default())
}

fn elements<B: FieldBackend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f32> {
    tensor.into_data().into_vec().expect("these are floats")
}

fn loss_and_gradient<B: FieldBackend>(
    architecture: &Architecture,
    loss: Loss,
    rows: &[f32],
) -> Vec<f32> {
    let columns = loss.needs().columns();
    let samples = vector::<B>(rows).reshape([rows.len() / columns, columns]);
    let parameters = vector::<B>(&initial_parameters(architecture, 2));
    let objective = Objective { loss, unit: 1.0 };
    let (loss, gradient) = B::loss_and_gradient(architecture, parameters, samples, objective);
    elements(Tensor::cat(vec![gradient, loss], 0))
}

/// Compares the two backends on a batch, a tensor of parameters at a time.
fn assert_agrees(architecture: &Architecture, loss: &str, count: usize) {
    let loss: Loss = loss.parse().unwrap();
    let rows = samples(count, loss.needs());
    let actual = loss_and_gradient::<Vulkan>(architecture, loss, &rows);
    let expected = loss_and_gradient::<Flex>(architecture, loss, &rows);
    for spec in architecture.tensors() {
        let range = spec.range();
        let scale = expected[range.clone()]
            .iter()
            .fold(0.0f32, |a, b| a.max(b.abs()));
        let pairs = actual[range.clone()].iter().zip(&expected[range]);
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(
            worst < 2e-4 * scale,
            "{architecture}, {}: {worst:e} of {scale:e}",
            spec.name
        );
    }
    let [loss, expected] = [&actual, &expected].map(|all| all[all.len() - 1]);
    assert!(
        (loss - expected).abs() < 1e-5 * expected,
        "{loss}, {expected}"
    );
}

#[test]
fn large_batches_and_wide_layers_agree_with_the_processor() {
    let sine = Activation::Sine(Sine {
        first_omega: 10.0,
        omega: 5.0,
    });
    for architecture in [
        architecture(5, 24, Activation::Relu(Relu {})),
        architecture(3, 100, Activation::Relu(Relu {})),
        architecture(2, 72, sine),
        architecture(8, 256, Activation::Relu(Relu {})),
        // Does not fit the 32 KiB of software Vulkan: tensor operations.
        architecture(1, 256, sine),
    ] {
        assert_agrees(&architecture, "l2", 40_000);
    }
    for architecture in [
        architecture(5, 24, Activation::Relu(Relu {})),
        architecture(2, 40, sine),
    ] {
        assert_agrees(&architecture, "l2,gradient=0.05", 20_000);
    }
}

#[test]
fn training_gives_the_same_bits_every_time() {
    let architecture = architecture(5, 32, Activation::Relu(Relu {}));
    let rows = samples(30_000, Needs::Error);
    let train = || {
        let pool = vector::<Vulkan>(&rows).reshape([rows.len() / 4, 4]);
        let mut state = OptimizerState::new(vector(&initial_parameters(&architecture, 2)));
        let mut workspace = Default::default();
        for step in 1..=5 {
            let draw = BatchDraw::of_step(3, step, 30_000, 20_000);
            let update = UpdateStep {
                step,
                learning_rate: 1e-3,
                ..UpdateStep::default()
            };
            let step = TrainStep {
                draw,
                objective: Objective {
                    loss: Loss::default(),
                    unit: 1.0,
                },
                update,
                summation: Summation::Exact,
            };
            (state, _) = <Vulkan as FieldBackend>::train_step(
                &architecture,
                state,
                &mut workspace,
                &pool,
                step,
                None,
            );
        }
        elements(state.parameters)
    };
    let first = train();
    assert_ne!(first, initial_parameters(&architecture, 2));
    for _ in 0..3 {
        assert_eq!(train(), first);
    }
}
