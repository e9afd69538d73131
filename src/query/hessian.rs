//! Second derivatives of a finished field.

use crate::field::{ScalarField, Shape};

/// A field without second derivatives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "second derivatives of this field ({field}) jump or are undefined: it is put together from pieces. Leave the smoothing out, for their means over a small ball, or fit with the preset smooth for a field that has them"
)]
pub struct NotTwiceDifferentiable {
    field: String,
}

/// Checks that a field has second derivatives everywhere.
///
/// # Errors
/// [`NotTwiceDifferentiable`], which says what to do instead.
pub fn ensure_twice_differentiable(shape: &Shape) -> Result<(), NotTwiceDifferentiable> {
    match &shape.pieces {
        None => Ok(()),
        Some(field) => Err(NotTwiceDifferentiable {
            field: field.clone(),
        }),
    }
}

/// Distance of the outer two of the five samples of the difference stencil is twice this; unit frame.
///
/// Large enough that the rounding of `f32` gradients (some 1e-6) divided by it stays near 3e-4, small enough against the
/// waves of a SIREN with ω = 30 (length 0.2) that the stencil's own error stays below that.
const STEP: f32 = 4e-3;

/// Second derivatives `[N, 6]` of `field` at points `[N, 3]` of the unit frame, by central differences of its exact
/// gradient: the five-point formula along each axis, whose error falls with the fourth power of the step.
///
/// For a SIREN with ω = 30 the error is below 2e-3 (1 + |value|), as the tests check against its `f64` twin. Within 0.008 of
/// a place where the gradient jumps, such as the border of the unit frame, the result is that of a smoothed field; beyond the
/// frame it is that of the distance to interpolated nearest points, whose gradient jumps a little between cells.
pub(super) fn unit_hessians(field: &dyn ScalarField, points: &[[f32; 3]]) -> Vec<[f32; 6]> {
    // f' = (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12 h
    const STENCIL: [(f32, f32); 4] = [(-2.0, 1.0), (-1.0, -8.0), (1.0, 8.0), (2.0, -1.0)];
    let mut jacobians = vec![[[0.0f32; 3]; 3]; points.len()];
    let mut values = vec![0.0; points.len()];
    let mut gradients = vec![[0.0; 3]; points.len()];
    let mut moved = points.to_vec();
    for axis in 0..3 {
        for (steps, weight) in STENCIL {
            for (moved, point) in moved.iter_mut().zip(points) {
                *moved = *point;
                moved[axis] += steps * STEP;
            }
            field.values_and_gradients(&moved, &mut values, &mut gradients);
            for (jacobian, gradient) in jacobians.iter_mut().zip(&gradients) {
                for (sum, component) in jacobian[axis].iter_mut().zip(gradient) {
                    *sum += weight * component / (12.0 * STEP);
                }
            }
        }
    }
    jacobians.into_iter().map(upper_half).collect()
}

/// The six numbers of a symmetric matrix; each pair that should be equal is averaged.
fn upper_half(jacobian: [[f32; 3]; 3]) -> [f32; 6] {
    let mean = |row: usize, column: usize| 0.5 * (jacobian[row][column] + jacobian[column][row]);
    [
        mean(0, 0),
        mean(0, 1),
        mean(0, 2),
        mean(1, 1),
        mean(1, 2),
        mean(2, 2),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::field::{Degree, DeviceChoice, Model, SparseSpline, Training, open_engine};
    use crate::geometry::{Bounds, Similarity};
    use crate::network::{
        Activation, Architecture, Encoding, Identity, Mlp, Sine, initial_parameters,
    };
    use crate::query::{LoadedModel, Quantity, evaluate};
    use crate::train::Preset;

    fn siren() -> Architecture {
        Architecture {
            encoding: Encoding::Identity(Identity {}),
            mlp: Mlp {
                hidden_width: 24,
                hidden_layers: 2,
                activation: Activation::Sine(Sine::default()),
                skip: 0,
            },
        }
    }

    fn model(architecture: Architecture) -> Model {
        Model {
            spline: None,
            parameters: initial_parameters(&architecture, 3),
            architecture,
            frame: Similarity::IDENTITY,
            bounds: Bounds {
                min: [-0.9; 3],
                max: [0.9; 3],
            },
            outer: None,
            training: Training::default(),
        }
    }

    /// Value and gradient of the network in f64, as its definition says: sin(omega (W x + b)), then a linear output.
    fn reference(architecture: &Architecture, parameters: &[f32], point: [f64; 3]) -> [f64; 3] {
        let specs = architecture.tensors();
        let mut activations = point.to_vec();
        let mut jacobian: Vec<[f64; 3]> = vec![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        for (layer, size) in architecture.layers().into_iter().enumerate() {
            let weight = &parameters[specs[2 * layer].range()];
            let bias = &parameters[specs[2 * layer + 1].range()];
            let is_last = size.outputs == 1;
            let omega = f64::from(architecture.mlp.activation.omega(layer));
            let (mut next, mut next_jacobian) = (Vec::new(), Vec::new());
            for (row, &bias) in weight.chunks_exact(size.inputs).zip(bias) {
                let mut z = f64::from(bias);
                let mut slope = [0.0; 3];
                for ((&w, a), j) in row.iter().zip(&activations).zip(&jacobian) {
                    z += f64::from(w) * a;
                    slope = std::array::from_fn(|axis| slope[axis] + f64::from(w) * j[axis]);
                }
                let factor = if is_last {
                    1.0
                } else {
                    omega * (omega * z).cos()
                };
                next.push(if is_last { z } else { (omega * z).sin() });
                next_jacobian.push(slope.map(|s| s * factor));
            }
            (activations, jacobian) = (next, next_jacobian);
        }
        jacobian[0]
    }

    #[test]
    fn a_siren_agrees_with_its_f64_twin_in_own_units() {
        let architecture = siren();
        let parameters = initial_parameters(&architecture, 3);
        let frame = Similarity {
            center: [5.0, 0.0, -1.0],
            scale: 0.5,
        };
        let model = Model {
            frame,
            bounds: Bounds {
                min: [3.0, -2.0, -3.0],
                max: [7.0, 2.0, 1.0],
            },
            ..model(architecture.clone())
        };
        let engine = open_engine(DeviceChoice::Auto).unwrap();
        let loaded = LoadedModel::new(Arc::new(model), &*engine);
        let points = [[5.3, 0.2, -1.4], [4.1, -0.9, 0.2], [6.0, 1.0, -2.0]];
        let found = evaluate(&loaded, &points, &[Quantity::Hessian]);
        let (found, _) = found[0].numbers.as_chunks::<6>();
        // Differences of f64 gradients with a tiny step: right to eight digits.
        let step = 1e-5;
        for (point, found) in points.iter().zip(found) {
            let unit = frame.apply(*point).map(|x| f64::from(x as f32));
            let mut index = 0;
            for row in 0..3 {
                let [mut low, mut high] = [unit; 2];
                low[row] -= step;
                high[row] += step;
                let (low, high) = (
                    reference(&architecture, &parameters, low),
                    reference(&architecture, &parameters, high),
                );
                for column in row..3 {
                    let exact = (high[column] - low[column]) / (2.0 * step) * frame.scale;
                    let error = (f64::from(found[index]) - exact).abs();
                    assert!(
                        error < 2e-3 * (1.0 + exact.abs()),
                        "{error} at {point:?}, exact {exact}"
                    );
                    index += 1;
                }
            }
        }
    }

    #[test]
    fn only_smooth_fields_pass() {
        let ensured = |model: &Model| ensure_twice_differentiable(&Shape::of(model));
        let smooth = model(siren());
        assert_eq!(ensured(&smooth), Ok(()));
        let preset = |preset: Preset| model(preset.settings().architecture);
        assert_eq!(ensured(&preset(Preset::Smooth)), Ok(()));
        let with_spline = |degree| Model {
            spline: Some(Arc::new(SparseSpline {
                degree,
                levels: Vec::new(),
            })),
            ..smooth.clone()
        };
        assert!(ensured(&with_spline(Degree::Cubic)).is_ok());
        for refused in [with_spline(Degree::Quadratic), preset(Preset::Standard)] {
            let words = ensured(&refused).unwrap_err().to_string();
            assert!(words.contains("preset smooth"), "{words}");
        }
    }
}
