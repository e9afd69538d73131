//! `sin(ω (|z| + 1) z)` (Liu et al. 2024, "FINER: flexible spectral-bias tuning in implicit neural representation by
//! variable-periodic activation functions").

use serde::{Deserialize, Serialize};

use super::{ActivationFunction, Start};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `sin(ω (|z| + 1) z)`: a sine that is the faster the farther from 0. Wide biases in the first layer spread its units over slow
/// and fast places.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Finer {
    /// ω of the first layer.
    pub first_omega: f32,
    /// ω of the other hidden layers.
    pub omega: f32,
    /// Biases of the first layer start uniform in ± this.
    pub first_bias: f32,
}

impl Default for Finer {
    fn default() -> Self {
        Finer {
            first_omega: 30.0,
            omega: 30.0,
            first_bias: 1.0,
        }
    }
}

impl ActivationFunction for Finer {
    const NETWORK: &'static str = "finer";
    // The second derivative of z |z| jumps at 0.
    const SMOOTHNESS: u32 = 1;

    #[inline(always)]
    fn apply<A: Algebra>(&self, a: &mut A, z: &A::Number, omega: &A::Number) -> A::Number {
        let one = a.constant(1.0);
        let size = a.abs(z);
        let period = a.add(&size, &one);
        let place = a.mul(&period, z);
        let angle = a.mul(omega, &place);
        a.sin(&angle)
    }

    fn omega(&self, layer: usize) -> f32 {
        match layer {
            0 => self.first_omega,
            _ => self.omega,
        }
    }

    fn start(&self, layer: usize, inputs: usize) -> Start {
        let bias = match layer {
            0 => self.first_bias,
            _ => 1.0 / (inputs as f32).sqrt(),
        };
        Start::siren(layer, inputs, self.omega, bias)
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::positive("first_omega", self.first_omega, 1000.0),
            Setting::positive("omega", self.omega, 1000.0),
            Setting::positive("first_bias", self.first_bias, 100.0),
        ]
    }
}
