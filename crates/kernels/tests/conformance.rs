//! One suite that every backend passes: the reference is proved against finite differences in f64, everything else against
//! the reference.

use std::process::Command;

use burn::backend::{Autodiff, Flex, NdArray};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use overfit_kernels::backend::{
    BatchDraw, FieldBackend, Objective, OptimizerState, Summation, TrainStep, composed,
};
use overfit_kernels::instruction_set;
use overfit_kernels::loss::{Loss, Needs};
use overfit_kernels::network::{
    Activation, Architecture, DenseGrid, Encoding, Fourier, HashGrid, Identity, Interpolation,
    Joined, Mlp, Positional, Relu, Sine, Tanh, TriPlane, initial_parameters,
};
use overfit_kernels::optimizer::{Adam, Muon, Update, UpdateStep};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// The reference: composed tensor operations in f64.
type Reference = NdArray<f64>;

/// Every encoding with every activation, dense and hashed levels, widths that fill a kernel's blocks and widths that do not.
fn architectures() -> Vec<Architecture> {
    let hash_grid_of = |features, finest_resolution, interpolation| {
        Encoding::HashGrid(HashGrid {
            levels: 3,
            features,
            log2_entries: 9,
            base_resolution: 3,
            finest_resolution,
            interpolation,
        })
    };
    let hash_grid = |features, finest| hash_grid_of(features, finest, Interpolation::Linear);
    let quadratic = Interpolation::Quadratic;
    let mlp = |hidden_width, hidden_layers, activation| Mlp {
        hidden_width,
        hidden_layers,
        activation,
        skip: 0,
    };
    let skipping = |skip, mlp| Mlp { skip, ..mlp };
    let sine = Activation::Sine(Sine {
        first_omega: 8.0,
        omega: 5.0,
    });
    let relu = Activation::Relu(Relu {});
    let identity = Encoding::Identity(Identity {});
    let positional = Encoding::Positional(Positional { octaves: 5 });
    let fourier = |waves| Encoding::Fourier(Fourier { waves, scale: 2.0 });
    let dense_grid = Encoding::DenseGrid(DenseGrid {
        levels: 2,
        features: 2,
        base_resolution: 3,
        finest_resolution: 6,
        interpolation: quadratic,
    });
    let tri_plane = |features| {
        Encoding::TriPlane(TriPlane {
            levels: 2,
            features,
            base_resolution: 4,
            finest_resolution: 11,
            interpolation: Interpolation::Linear,
        })
    };
    let joined = Encoding::Joined(Joined {
        parts: vec![identity.clone(), hash_grid(4, 19), fourier(7), tri_plane(4)],
    });
    let tanh = Activation::Tanh(Tanh {});
    let all = Activation::all().into_iter();
    let all = all.map(|activation| (hash_grid(2, 9), mlp(21, 2, activation)));
    [
        (hash_grid(4, 24), mlp(64, 2, relu)),
        (hash_grid(1, 5), mlp(19, 1, relu)),
        (hash_grid(2, 40), mlp(16, 3, sine)),
        (hash_grid(8, 17), mlp(32, 1, relu)),
        (identity.clone(), mlp(64, 3, sine)),
        (identity.clone(), mlp(37, 2, relu)),
        (identity.clone(), mlp(80, 2, sine)),
        (positional, mlp(24, 2, relu)),
        (fourier(19), mlp(33, 2, tanh)),
        (dense_grid, mlp(21, 1, relu)),
        (hash_grid_of(4, 19, quadratic), mlp(33, 2, relu)),
        (hash_grid_of(8, 17, quadratic), mlp(18, 1, tanh)),
        (tri_plane(1), mlp(19, 2, tanh)),
        (joined.clone(), mlp(37, 2, tanh)),
        (joined, skipping(2, mlp(21, 3, relu))),
        (hash_grid(4, 24), skipping(1, mlp(70, 2, tanh))),
        (identity, skipping(1, mlp(19, 3, sine))),
    ]
    .into_iter()
    .chain(all)
    .map(|(encoding, mlp)| Architecture { encoding, mlp })
    .collect()
}

/// One network with everything that an operation takes, in f64.
struct Case {
    architecture: Architecture,
    parameters: Vec<f64>,
    points: Vec<f64>,
    /// One value and three gradient components a point.
    cotangent: Vec<f64>,
    count: usize,
}

impl Case {
    fn new(architecture: Architecture) -> Self {
        let count = 211;
        let mut rng = Pcg64::seed_from_u64(3);
        let mut uniform = |n: usize| -> Vec<f64> {
            // Exact in f32, so that every backend sees the same numbers.
            (0..n)
                .map(|_| f64::from(rng.random::<f32>() * 2.0 - 1.0))
                .collect()
        };
        let mut parameters: Vec<f64> = initial_parameters(&architecture, 1)
            .into_iter()
            .map(f64::from)
            .collect();
        // Features start at 1e-4: too small to test the grid by.
        for spec in architecture.tensors() {
            if spec.name == "encoding.grid" {
                let noise = uniform(spec.len());
                parameters[spec.range()].copy_from_slice(&noise);
            }
        }
        Self {
            parameters,
            points: uniform(count * 3),
            cotangent: uniform(count * 4),
            count,
            architecture,
        }
    }

    fn all() -> Vec<Case> {
        architectures().into_iter().map(Case::new).collect()
    }

    fn parameters<B: Backend>(&self, device: &B::Device) -> Tensor<B, 1> {
        tensor(&self.parameters, [self.parameters.len()], device)
    }

    fn points<B: Backend>(&self, device: &B::Device) -> Tensor<B, 2> {
        tensor(&self.points, [self.count, 3], device)
    }

    /// The first `columns` of 4.
    fn cotangent<B: Backend>(&self, columns: usize, device: &B::Device) -> Tensor<B, 2> {
        let all: Tensor<B, 2> = tensor(&self.cotangent, [self.count, 4], device);
        all.narrow(1, 0, columns)
    }

    /// Points, and drawn numbers for what is wanted there; gradients are of length 1, and a third of the points lie on the surface.
    fn samples<B: Backend>(&self, needs: Needs, device: &B::Device) -> Tensor<B, 2> {
        let mut rng = Pcg64::seed_from_u64(8);
        let mut rows = Vec::new();
        for (index, point) in self.points.chunks_exact(3).enumerate() {
            let mut number = || f64::from(rng.random::<f32>() - 0.5);
            let mut row: Vec<f64> = point.to_vec();
            row.push(number());
            let distance = 0.2 * number();
            row.push(if index % 3 == 0 { 0.0 } else { distance });
            row.extend([(); 3].map(|()| number()));
            let gradient = [(); 3].map(|()| number());
            let length = gradient.iter().map(|x| x * x).sum::<f64>().sqrt();
            row.extend(gradient.map(|x| f64::from((x / length) as f32)));
            rows.extend_from_slice(&row[..needs.columns()]);
        }
        tensor(&rows, [self.count, needs.columns()], device)
    }

    fn field<B: FieldBackend>(&self, device: &B::Device) -> Vec<f64> {
        let (parameters, points) = (self.parameters(device), self.points(device));
        vec_of(B::field(&self.architecture, parameters, points, true))
    }

    fn backward<B: FieldBackend>(&self, columns: usize, device: &B::Device) -> Vec<f64> {
        vec_of(B::field_backward(
            &self.architecture,
            self.parameters(device),
            self.points(device),
            self.cotangent(columns, device),
        ))
    }
}

fn tensor<B: Backend, const D: usize>(
    elements: &[f64],
    shape: [usize; D],
    device: &B::Device,
) -> Tensor<B, D> {
    Tensor::from_data(TensorData::new(elements.to_vec(), shape), device)
}

fn vec_of<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f64> {
    tensor.into_data().convert::<f64>().into_vec().unwrap()
}

/// Differences as a share of the largest expected element.
fn assert_close(what: &str, case: &Case, actual: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len(), "{what} {}", case.architecture);
    let scale = expected.iter().fold(1e-12f64, |a, b| a.max(b.abs()));
    let pairs = actual.iter().zip(expected);
    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / scale;
    assert!(
        worst <= tolerance,
        "{what} of {}: off by {worst:e} of the largest",
        case.architecture
    );
}

/// The weighted sum that `field_backward` differentiates.
fn weighted_sum(case: &Case, parameters: &[f64], columns: usize) -> f64 {
    let device = Default::default();
    let values = Reference::field(
        &case.architecture,
        tensor(parameters, [parameters.len()], &device),
        case.points(&device),
        columns == 4,
    );
    vec_of(values.mul(case.cotangent(columns, &device)).sum())[0]
}

/// Compares the gradient by the parameters with central differences of `at`, along one direction through each whole tensor.
/// `tolerance` is a share of the derivative.
fn assert_is_gradient(
    what: &str,
    case: &Case,
    gradient: &[f64],
    at: impl Fn(&[f64]) -> f64,
    step: f64,
    tolerance: f64,
) {
    for spec in case.architecture.tensors() {
        let mut rng = Pcg64::seed_from_u64(9);
        let mut ends = [case.parameters.clone(), case.parameters.clone()];
        let mut expected = 0.0;
        for index in spec.range() {
            let direction = rng.random::<f64>() - 0.5;
            ends[0][index] -= step * direction;
            ends[1][index] += step * direction;
            expected += gradient[index] * direction;
        }
        let [low, high] = ends.map(|end| at(&end));
        let difference = (high - low) / (2.0 * step);
        let error = (difference - expected).abs();
        assert!(
            error < tolerance * expected.abs().max(1e-2),
            "{what} of {} {}: {difference} and {expected}",
            case.architecture,
            spec.name
        );
    }
}

#[test]
fn reference_gradients_by_parameters_match_central_differences_one_tensor_at_a_time() {
    let device = Default::default();
    for case in Case::all() {
        for columns in [1, 4] {
            let gradient = case.backward::<Reference>(columns, &device);
            let at = |parameters: &[f64]| weighted_sum(&case, parameters, columns);
            let what = format!("{columns} columns");
            assert_is_gradient(&what, &case, &gradient, at, 1e-7, 2e-5);
        }
    }
}

#[test]
fn reference_gradients_of_every_term_match_central_differences_one_tensor_at_a_time() {
    let device = Default::default();
    for case in Case::all() {
        for name in Loss::NAMES {
            let loss: Loss = format!("{name}=1").parse().unwrap();
            let objective = Objective { loss, unit: 0.25 };
            let at = |parameters: &[f64]| {
                let parameters = tensor::<Reference, 1>(parameters, [parameters.len()], &device);
                let samples = case.samples(loss.needs(), &device);
                let (architecture, objective) = (&case.architecture, objective);
                Reference::loss_and_gradient(architecture, parameters, samples, objective)
            };
            let gradient = vec_of(at(&case.parameters).1);
            let at = |parameters: &[f64]| vec_of(at(parameters).0)[0];
            // Short enough to seldom cross a corner.
            assert_is_gradient(name, &case, &gradient, at, 1e-8, 1e-4);
        }
    }
}

#[test]
fn reference_gradients_by_position_match_central_differences() {
    let device = Default::default();
    for case in Case::all() {
        let output = case.field::<Reference>(&device);
        let step = 1e-7;
        for axis in 0..3 {
            let at = |shift: f64| {
                let mut points = case.points.clone();
                points
                    .iter_mut()
                    .skip(axis)
                    .step_by(3)
                    .for_each(|x| *x += shift);
                let points = tensor::<Reference, 2>(&points, [case.count, 3], &device);
                let parameters = case.parameters(&device);
                vec_of(Reference::field(
                    &case.architecture,
                    parameters,
                    points,
                    false,
                ))
            };
            let (low, high) = (at(-step), at(step));
            for point in 0..case.count {
                let difference = (high[point] - low[point]) / (2.0 * step);
                let gradient = output[point * 4 + 1 + axis];
                assert!((difference - gradient).abs() < 1e-5 * gradient.abs().max(1.0));
            }
        }
    }
}

/// Everything that a backend must do, against the reference. `tolerance` is a share of the largest element.
fn conforms<B: FieldBackend>(device: &B::Device, tolerance: f64) {
    for part in 0..PARTS {
        conforms_in_part::<B>(part, device, tolerance);
    }
}

/// The suite's networks are spread over so many parts.
const PARTS: usize = 4;

fn conforms_in_part<B: FieldBackend>(part: usize, device: &B::Device, tolerance: f64) {
    let reference_device = Default::default();
    for case in Case::all().into_iter().skip(part).step_by(PARTS) {
        let expected = case.field::<Reference>(&reference_device);
        assert_close(
            "value and gradient",
            &case,
            &case.field::<B>(device),
            &expected,
            tolerance,
        );

        let (parameters, points) = (case.parameters(device), case.points(device));
        let values = vec_of(B::field(&case.architecture, parameters, points, false));
        let expected_values: Vec<f64> = expected.iter().step_by(4).copied().collect();
        assert_close("value", &case, &values, &expected_values, tolerance);

        for columns in [1, 4] {
            let expected = case.backward::<Reference>(columns, &reference_device);
            let actual = case.backward::<B>(columns, device);
            assert_close("backward", &case, &actual, &expected, tolerance);
        }
        // What networks are left to for which a device's kernels have no room.
        let (parameters, points) = (case.parameters::<B>(device), case.points(device));
        let cotangent = case.cotangent(4, device);
        let composed = composed::field_backward(&case.architecture, parameters, points, cotangent);
        let expected = case.backward::<Reference>(4, &reference_device);
        assert_close("composed", &case, &vec_of(composed), &expected, tolerance);
        for loss in losses() {
            let (actual, expected) = (
                loss_and_gradient::<B>(&case, loss, device),
                loss_and_gradient::<Reference>(&case, loss, &reference_device),
            );
            assert_close("loss", &case, &actual.0, &expected.0, tolerance);
            assert_close("loss gradient", &case, &actual.1, &expected.1, tolerance);
        }
        for update in rules() {
            let (actual, expected) = (
                updates::<B>(&case, update, device),
                updates::<Reference>(&case, update, &reference_device),
            );
            assert_close("update", &case, &actual, &expected, tolerance);
            let untouched = actual.iter().zip(&case.parameters).step_by(3);
            for (actual, start) in untouched.take(case.parameters.len() / 3) {
                assert_eq!(actual, start, "an element without gradient moved");
            }
        }
        let [value, both] = ["l2", "l2,gradient=0.05"].map(|terms| terms.parse().unwrap());
        let by_itself = UpdateStep::default();
        let whole = UpdateStep {
            matrices: Some(Muon::default()),
            clip: Some(0.05),
            ..by_itself
        };
        for summation in [Summation::Exact, Summation::Fast] {
            assert_trains_like_the_reference::<B>(&case, value, summation, by_itself, device);
        }
        assert_trains_like_the_reference::<B>(&case, both, Summation::Exact, by_itself, device);
        assert_trains_like_the_reference::<B>(&case, value, Summation::Exact, whole, device);
        assert_autodiff_agrees::<B>(&case, device, tolerance);

        for columns in [1, 4] {
            assert_eq!(
                case.backward::<B>(columns, device),
                case.backward::<B>(columns, device),
                "{}: not the same twice with {columns} columns",
                case.architecture
            );
        }
    }
}

/// All terms of each need together: a kernel for each term would take minutes to compile.
fn losses() -> [Loss; 3] {
    let all = |least: Needs| {
        let names = Loss::NAMES.iter().copied();
        let names = names.filter(|name| name.parse::<Loss>().unwrap().needs() <= least);
        let terms: Vec<String> = names.map(|name| format!("{name}=0.5")).collect();
        terms.join(",").parse().unwrap()
    };
    [
        all(Needs::Error),
        all(Needs::Distance),
        all(Needs::Gradient),
    ]
}

fn loss_and_gradient<B: FieldBackend>(
    case: &Case,
    loss: Loss,
    device: &B::Device,
) -> (Vec<f64>, Vec<f64>) {
    let (loss, gradient) = B::loss_and_gradient(
        &case.architecture,
        case.parameters(device),
        case.samples(loss.needs(), device),
        Objective { loss, unit: 0.25 },
    );
    (vec_of(loss), vec_of(gradient))
}

fn updates<B: FieldBackend>(case: &Case, update: Update, device: &B::Device) -> Vec<f64> {
    let mut state = OptimizerState::<B>::new(case.parameters(device));
    // Drawn, not computed: elements whose gradient is rounding noise would step by its sign.
    let mut rng = Pcg64::seed_from_u64(4);
    for step in 1..=3 {
        // A third are exactly zero: those elements must stay as they are.
        let gradient: Vec<f64> = (0..case.parameters.len())
            .map(|index| match index % 3 {
                0 => 0.0,
                _ => f64::from(rng.random::<f32>() - 0.5),
            })
            .collect();
        let gradient = tensor(&gradient, [gradient.len()], device);
        let step = UpdateStep {
            update,
            step,
            learning_rate: 1e-2,
            ..UpdateStep::default()
        };
        state = B::update(state, gradient, step);
    }
    std::iter::once(state.parameters)
        .chain(state.moments)
        .flat_map(vec_of)
        .collect()
}

/// Every rule, and one with a decay of weights.
fn rules() -> Vec<Update> {
    let mut rules = Update::all();
    rules.push(Update::Adam(Adam {
        weight_decay: 0.3,
        ..Adam::default()
    }));
    rules
}

/// Whole training steps, batches drawn from a pool included: the losses of both paths coincide for as long as rounding
/// has not led them apart.
fn assert_trains_like_the_reference<B: FieldBackend>(
    case: &Case,
    loss: Loss,
    summation: Summation,
    update: UpdateStep,
    device: &B::Device,
) {
    let (actual, expected) = (
        training_losses::<B>(case, loss, summation, update, device),
        training_losses::<Reference>(case, loss, summation, update, &Default::default()),
    );
    for (step, (actual, expected)) in actual.iter().zip(&expected).enumerate() {
        assert!(
            (actual - expected).abs() < 5e-3 * expected,
            "loss {actual} at step {step} of {}, {expected} by the reference",
            case.architecture
        );
    }
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let (start, end) = (mean(&expected[..4]), mean(&expected[expected.len() - 4..]));
    assert!(end < 0.8 * start, "it did not learn: {expected:?}");
}

fn training_losses<B: FieldBackend>(
    case: &Case,
    loss: Loss,
    summation: Summation,
    update: UpdateStep,
    device: &B::Device,
) -> Vec<f64> {
    let needs = loss.needs();
    let samples: Vec<f32> = case
        .points
        .chunks_exact(3)
        .flat_map(|point| {
            let radius = point.iter().map(|x| x * x).sum::<f64>().sqrt();
            let distance = radius - 0.5;
            let mut row = vec![point[0], point[1], point[2], distance, distance];
            let gradient = [0, 1, 2].map(|axis| point[axis] / radius);
            row.extend(gradient);
            row.extend(gradient);
            row.truncate(needs.columns());
            row.into_iter().map(|x| x as f32)
        })
        .collect();
    // Stored in two parts, with room left over that no draw may reach.
    let columns = needs.columns();
    let mut pool = Tensor::<B, 2>::full([case.count + 5, columns], f32::NAN, device);
    let (first, rest) = samples.split_at(100 * columns);
    pool = B::store(pool, 0, first);
    pool = B::store(pool, 100, rest);
    let mut workspace = B::Workspace::default();
    let mut state = OptimizerState::new(case.parameters(device));
    (1..=24)
        .map(|step| {
            let draw = BatchDraw::of_step(5, step, case.count, 128);
            let update = UpdateStep {
                // Gradients that are rounding noise would step by their sign.
                update: Update::Adam(Adam {
                    epsilon: 1e-8,
                    ..Adam::default()
                }),
                step,
                learning_rate: 1e-3,
                ..update
            };
            let before = state.clone();
            let step = TrainStep {
                draw,
                objective: Objective { loss, unit: 1.0 },
                update,
                summation,
            };
            // Losses are added up.
            let before_it = [0.0, 0.5][usize::from(step.update.step > 1)];
            let losses = (before_it != 0.0).then(|| tensor(&[before_it], [1], device));
            let architecture = &case.architecture;
            // As learners do it.
            let (after, loss) = match update.matrices {
                Some(_) => composed::train_step(architecture, before, &pool, step, losses),
                None => B::train_step(architecture, before, &mut workspace, &pool, step, losses),
            };
            state = after;
            vec_of(loss)[0] - before_it
        })
        .collect()
}

/// A loss of the user's own, through Burn's graph: the field is one differentiable operation there.
fn assert_autodiff_agrees<B: FieldBackend>(case: &Case, device: &B::Device, tolerance: f64) {
    let parameters = case.parameters::<Autodiff<B>>(device).require_grad();
    let output = Autodiff::<B>::field(
        &case.architecture,
        parameters.clone(),
        case.points(device),
        true,
    );
    let weighted = output.mul(case.cotangent(4, device)).sum();
    let gradient = parameters
        .grad(&weighted.backward())
        .expect("parameters are tracked");
    let expected = case.backward::<Reference>(4, &Default::default());
    assert_close("autodiff", case, &vec_of(gradient), &expected, tolerance);
}

#[test]
fn ndarray_conforms() {
    conforms::<NdArray<f32>>(&Default::default(), 1e-4);
}

#[test]
fn flex_conforms() {
    conforms::<Flex>(&Default::default(), 1e-4);
}

/// A process settles for one instruction set, so each gets a process of its own.
#[test]
fn flex_conforms_on_every_instruction_set_of_this_machine() {
    let this = std::env::current_exe().expect("a test runs from a file");
    for name in instruction_set::available() {
        let child = Command::new(&this)
            .args(["flex_conforms", "--exact"])
            .env(instruction_set::VARIABLE, name)
            .output()
            .expect("a test can start itself");
        let output = String::from_utf8_lossy(&child.stdout);
        let errors = String::from_utf8_lossy(&child.stderr);
        assert!(
            child.status.success() && output.contains("1 passed"),
            "{name}:\n{output}\n{errors}"
        );
    }
}

/// The suite on a card: in parts, because its kernels take minutes to compile, one after the other in a process.
#[cfg(any(feature = "cuda", feature = "wgpu"))]
macro_rules! card_conforms {
    ($backend:ty: $($part:ident $number:literal),*) => {
        $(
            #[test]
            fn $part() {
                super::conforms_in_part::<$backend>($number, &Default::default(), 1e-4);
            }
        )*
    };
}

#[cfg(feature = "wgpu")]
mod vulkan_conforms {
    card_conforms!(burn::backend::Vulkan: part_0 0, part_1 1, part_2 2, part_3 3);
}

#[cfg(feature = "cuda")]
mod cuda_conforms {
    card_conforms!(burn::backend::Cuda: part_0 0, part_1 1, part_2 2, part_3 3);
}
