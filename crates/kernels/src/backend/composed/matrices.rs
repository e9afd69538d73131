//! Steps that look at the whole gradient: its length, levels that are asleep, and matrices as matrices.

use std::ops::Range;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::backend::{FieldBackend, OptimizerState};
use crate::network::{Architecture, TensorSpec};
use crate::optimizer::{Muon, UpdateStep};

/// One step of all parameters.
pub(super) fn moved<B: FieldBackend>(
    architecture: &Architecture,
    state: OptimizerState<B>,
    gradient: Tensor<B, 1>,
    step: UpdateStep,
) -> OptimizerState<B> {
    let gradient = without(gradient, architecture.asleep(step.awake));
    let gradient = match step.clip {
        Some(longest) => clipped(gradient, longest),
        None => gradient,
    };
    let Some(muon) = step.matrices else {
        return B::update(state, gradient, step);
    };
    let matrices = architecture.hidden_matrices();
    // The rule for single parameters leaves alone what has no gradient.
    let of_others = (matrices.iter()).fold(gradient.clone(), |others, matrix| {
        without(others, matrix.range())
    });
    let state = B::update(state, of_others, step);
    matrices.iter().fold(state, |state, matrix| {
        let gradient = gradient.clone().slice([matrix.range()]);
        moved_matrix(state, matrix, gradient, &muon, step.learning_rate)
    })
}

/// A gradient that is 0 there.
fn without<B: Backend>(gradient: Tensor<B, 1>, there: Range<usize>) -> Tensor<B, 1> {
    if there.is_empty() {
        return gradient;
    }
    let none = gradient.clone().slice([there.clone()]).zeros_like();
    gradient.slice_assign([there], none)
}

/// A gradient that is no longer than this.
fn clipped<B: Backend>(gradient: Tensor<B, 1>, longest: f64) -> Tensor<B, 1> {
    let length = gradient.clone().powi_scalar(2).sum().sqrt();
    // Where the length is 0 this is 1.
    let share = length.recip().mul_scalar(longest).clamp_max(1.0);
    gradient.mul(share)
}

/// One step of [`Muon`] with Nesterov's momentum. The first moment is the mean gradient, the second is not used.
fn moved_matrix<B: FieldBackend>(
    state: OptimizerState<B>,
    matrix: &TensorSpec,
    gradient: Tensor<B, 1>,
    muon: &Muon,
    learning_rate: f64,
) -> OptimizerState<B> {
    let OptimizerState {
        parameters,
        moments: [mean, unused],
    } = state;
    let (place, size) = ([matrix.range()], [matrix.shape[0], matrix.shape[1]]);
    let kept = f64::from(muon.momentum);
    let fresh = gradient.mul_scalar(1.0 - kept);
    let blend = |before: Tensor<B, 1>| before.mul_scalar(kept).add(fresh.clone());
    let after = blend(mean.clone().slice(place.clone()));
    let direction = orthogonal_factor(blend(after.clone()).reshape(size));
    let length = muon.length(size, learning_rate);
    let lost = learning_rate * f64::from(muon.weight_decay);
    let before = parameters.clone().slice(place.clone());
    let moved = (before.mul_scalar(1.0 - lost)).sub(direction.flatten(0, 1).mul_scalar(length));
    OptimizerState {
        parameters: parameters.slice_assign(place.clone(), moved),
        moments: [mean.slice_assign(place, after), unused],
    }
}

/// The orthogonal matrix nearest to a matrix, roughly: its singular values come to lie about 1.
fn orthogonal_factor<B: FieldBackend>(matrix: Tensor<B, 2>) -> Tensor<B, 2> {
    let [rows, columns] = matrix.dims();
    // The smaller of both products of the matrix with itself.
    let turned = |matrix: Tensor<B, 2>| match rows > columns {
        true => matrix.transpose(),
        false => matrix,
    };
    let length = matrix.clone().powi_scalar(2).sum().sqrt();
    let length = length.clamp_min(f32::MIN_POSITIVE).reshape([1, 1]);
    let [a, b, c] = Muon::QUINTIC;
    let mut factor = turned(matrix.div(length));
    for _ in 0..Muon::ITERATIONS {
        let square = B::product(factor.clone(), factor.clone().transpose());
        let fourth = B::product(square.clone(), square.clone());
        let mixed = square.mul_scalar(b).add(fourth.mul_scalar(c));
        factor = factor.clone().mul_scalar(a).add(B::product(mixed, factor));
    }
    turned(factor)
}

#[cfg(test)]
mod tests {
    use burn::backend::NdArray;
    use burn::tensor::TensorData;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;
    use crate::network::{Activation, Encoding, HashGrid, Identity, Mlp, Sine};
    use crate::optimizer::{Adam, Update};

    type Reference = NdArray<f64>;

    fn random(count: usize, seed: u64) -> Vec<f64> {
        let mut rng = Pcg64::seed_from_u64(seed);
        (0..count).map(|_| rng.random::<f64>() - 0.5).collect()
    }

    fn vector(numbers: &[f64]) -> Tensor<Reference, 1> {
        let data = TensorData::new(numbers.to_vec(), [numbers.len()]);
        Tensor::from_data(data, &Default::default())
    }

    fn numbers<const D: usize>(tensor: Tensor<Reference, D>) -> Vec<f64> {
        tensor.into_data().into_vec().unwrap()
    }

    #[test]
    fn every_direction_of_a_matrix_comes_to_about_one() {
        for [rows, columns] in [[12, 12], [20, 7], [5, 30]] {
            let matrix = vector(&random(rows * columns, 3)).reshape([rows, columns]);
            let factor = orthogonal_factor(matrix);
            let small = match rows > columns {
                true => factor.clone().transpose().matmul(factor),
                false => factor.clone().matmul(factor.transpose()),
            };
            // Singular values from 0.68 to 1.14: those of the product are their squares, whose mean is on the diagonal.
            let [size, _] = small.dims();
            let small = numbers(small);
            let trace: f64 = (0..size).map(|index| small[index * (size + 1)]).sum();
            let mean = trace / size as f64;
            assert!((0.68f64.powi(2)..1.14f64.powi(2)).contains(&mean), "{mean}");
            // The sum of the fourth powers over that of squares: no singular value is far from the others.
            let fourth: f64 = small.iter().map(|x| x * x).sum();
            assert!(fourth / trace < 1.3, "{}", fourth / trace);
        }
        let none = orthogonal_factor(vector(&[0.0; 6]).reshape([2, 3]));
        assert_eq!(numbers(none), [0.0; 6]);
    }

    #[test]
    fn long_gradients_are_shortened_and_short_ones_stay() {
        assert_eq!(numbers(clipped(vector(&[3.0, 4.0]), 2.5)), [1.5, 2.0]);
        assert_eq!(numbers(clipped(vector(&[3.0, 4.0]), 6.0)), [3.0, 4.0]);
        assert_eq!(numbers(clipped(vector(&[0.0, 0.0]), 6.0)), [0.0, 0.0]);
    }

    #[test]
    fn levels_that_sleep_stay_as_they_are() {
        let architecture = Architecture {
            encoding: Encoding::HashGrid(HashGrid::default()),
            mlp: Mlp {
                hidden_width: 4,
                hidden_layers: 1,
                activation: Activation::Sine(Sine::default()),
                skip: 0,
            },
        };
        let count = architecture.parameter_count();
        let step = UpdateStep {
            learning_rate: 0.1,
            awake: 0.3,
            ..UpdateStep::default()
        };
        let state = OptimizerState::new(vector(&vec![1.0; count]));
        let moved = moved(&architecture, state, vector(&random(count, 5)), step);
        let asleep = architecture.asleep(0.3);
        assert!(!asleep.is_empty());
        for (index, parameter) in numbers(moved.parameters).into_iter().enumerate() {
            assert_eq!(parameter == 1.0, asleep.contains(&index), "{index}");
        }
    }

    #[test]
    fn only_matrices_between_hidden_layers_move_as_matrices() {
        let architecture = Architecture {
            encoding: Encoding::Identity(Identity {}),
            mlp: Mlp {
                hidden_width: 6,
                hidden_layers: 3,
                activation: Activation::Sine(Sine::default()),
                skip: 0,
            },
        };
        let matrices = architecture.hidden_matrices();
        let names: Vec<&str> = matrices.iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(names, ["mlp.1.weight", "mlp.2.weight"]);
        let count = architecture.parameter_count();
        let gradient = vector(&random(count, 4));
        let step = UpdateStep {
            update: Update::Adam(Adam::default()),
            step: 1,
            learning_rate: 0.1,
            ..UpdateStep::default()
        };
        let state = || OptimizerState::new(vector(&vec![1.0; count]));
        let elements = numbers(moved(&architecture, state(), gradient.clone(), step).parameters);
        let muon = Muon {
            weight_decay: 0.5,
            ..Muon::default()
        };
        let with_matrices = UpdateStep {
            matrices: Some(muon),
            ..step
        };
        let moved = moved(&architecture, state(), gradient, with_matrices);
        let found = numbers(moved.parameters);
        for index in 0..count {
            let of_matrix = matrices.iter().any(|spec| spec.range().contains(&index));
            assert_eq!(found[index] == elements[index], !of_matrix, "{index}");
        }
        // The root of the mean square of an orthogonal matrix of 6 rows is 1/√6, so that a step is 0.2 times the rate in the mean.
        for matrix in matrices {
            let steps = matrix.range().map(|index| found[index] - 0.95);
            let square = steps.map(|x| x * x).sum::<f64>() / matrix.len() as f64;
            let mean = square.sqrt() / (0.2 * 0.1);
            assert!((0.68..1.14).contains(&mean), "{mean}");
        }
    }
}
