use super::*;
use crate::calculus::Plain;

/// `[f(z), f'(z), f''(z)]` in `f64`.
struct At {
    z: f64,
    omega: f64,
}

impl WithActivation for At {
    type Output = [f64; 3];

    fn with<F: ActivationFunction>(self, function: &F) -> [f64; 3] {
        let [value, slope, curvature] =
            value_slope_curvature(&mut Plain, function, &self.z, &self.omega);
        let (same, change) = value_and_change(&mut Plain, function, &self.z, &2.0, &self.omega);
        assert_eq!((same, change), (value, 2.0 * slope));
        [value, slope, curvature]
    }
}

#[test]
fn derivatives_are_those_of_central_differences() {
    for activation in Activation::all() {
        for layer in [0, 1] {
            let omega = f64::from(activation.omega(layer));
            let at = |z: f64| activation.visit(At { z, omega });
            // None of them at a corner.
            for index in -40..40 {
                let z = (f64::from(index) + 0.37) * 0.05;
                let step = 1e-6;
                let [_, slope, curvature] = at(z);
                let (low, high) = (at(z - step), at(z + step));
                let largest = 1.0 + omega * omega + curvature.abs();
                let found = (high[0] - low[0]) / (2.0 * step);
                assert!(
                    (found - slope).abs() < 1e-6 * largest,
                    "{activation:?} at {z}"
                );
                let found = (high[1] - low[1]) / (2.0 * step);
                assert!(
                    (found - curvature).abs() < 1e-6 * largest,
                    "{activation:?} at {z}"
                );
            }
        }
    }
}

#[test]
fn formulas_are_what_they_are_said_to_be() {
    let value = |activation: Activation, z: f64| {
        let omega = f64::from(activation.omega(0));
        activation.visit(At { z, omega })[0]
    };
    for z in [-3.0, -0.4, -0.01, 0.0, 0.02, 0.7, 2.5] {
        let expected = |found: f64, exact: f64| {
            assert!(
                (found - exact).abs() < 1e-7,
                "{found} and not {exact} at {z}"
            );
        };
        let of = |activation| value(activation, z);
        expected(of(Activation::Relu(Relu {})), z.max(0.0));
        expected(of(Activation::Sine(Sine::default())), (30.0 * z).sin());
        expected(
            of(Activation::Finer(Finer::default())),
            (30.0 * (z.abs() + 1.0) * z).sin(),
        );
        let gaussian = Gaussian { width: 0.5 };
        expected(of(Activation::Gaussian(gaussian)), (-2.0 * z * z).exp());
        let bell = (-100.0 * z * z).exp();
        expected(
            of(Activation::Wire(Wire::default())),
            (10.0 * z).cos() * bell,
        );
        let softplus = Softplus { sharpness: 4.0 };
        let exact = (4.0 * z).exp().ln_1p() / 4.0;
        expected(of(Activation::Softplus(softplus)), exact);
        expected(of(Activation::Silu(Silu {})), z / (1.0 + (-z).exp()));
        let cubic = 0.797_884_560_8 * (z + 0.044_715 * z * z * z);
        expected(
            of(Activation::Gelu(Gelu {})),
            0.5 * z * (1.0 + cubic.tanh()),
        );
        expected(of(Activation::Tanh(Tanh {})), z.tanh());
    }
}

#[test]
fn nothing_overflows_far_from_zero() {
    for activation in Activation::all() {
        for z in [-1e4, 1e4] {
            let omega = f64::from(activation.omega(0));
            let found = activation.visit(At { z, omega });
            assert!(
                found.iter().all(|x| x.is_finite()),
                "{activation:?}: {found:?}"
            );
        }
    }
}

#[test]
fn straight_pieces_keep_the_sign_and_their_slope() {
    for activation in Activation::all() {
        if !activation.is_piecewise_linear() {
            continue;
        }
        for z in [-2.0, -0.1, 0.3, 5.0] {
            let at = |z: f64| activation.visit(At { z, omega: 1.0 });
            let [value, slope, curvature] = at(z);
            assert_eq!((at(value)[1], curvature), (slope, 0.0));
        }
    }
}

#[test]
fn old_model_files_name_them_as_before() {
    let sine: Activation =
        serde_json::from_str(r#"{"kind":"sine","first_omega":20.0,"omega":10.0}"#).unwrap();
    let expected = Sine {
        first_omega: 20.0,
        omega: 10.0,
    };
    assert_eq!(sine, Activation::Sine(expected));
    let relu: Activation = serde_json::from_str(r#"{"kind":"relu"}"#).unwrap();
    assert_eq!(relu, Activation::Relu(Relu {}));
    for activation in Activation::all() {
        let text = serde_json::to_string(&activation).unwrap();
        let again: Activation = serde_json::from_str(&text).unwrap();
        assert_eq!(again, activation, "{text}");
        assert!(text.starts_with(r#"{"kind":""#), "{text}");
    }
}

#[test]
fn the_docs_show_a_file_as_it_is() {
    let page = include_str!("../../../../../docs/activations.md");
    assert!(page.contains(include_str!("tanh.rs")));
    for activation in Activation::all() {
        let written = serde_json::json!(activation);
        let kind = written["kind"].as_str().unwrap();
        assert!(page.contains(&format!("| `{kind}` |")), "{kind} has no row");
        for setting in activation.settings() {
            let default = format!("`{}` {}", setting.name, setting.value);
            assert!(page.contains(&default), "{default}");
        }
    }
}
