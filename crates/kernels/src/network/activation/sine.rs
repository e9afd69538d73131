//! `sin(ω z)` (Sitzmann et al. 2020, "Implicit neural representations with periodic activation functions": SIREN).

use serde::{Deserialize, Serialize};

use super::{ActivationFunction, Start};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `sin(ω z)`
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Sine {
    /// ω of the first layer.
    pub first_omega: f32,
    /// ω of the other hidden layers.
    pub omega: f32,
}

impl Default for Sine {
    fn default() -> Self {
        Sine {
            first_omega: 30.0,
            omega: 30.0,
        }
    }
}

impl ActivationFunction for Sine {
    const NETWORK: &'static str = "siren";
    const SMOOTHNESS: u32 = u32::MAX;

    #[inline(always)]
    fn apply<A: Algebra>(&self, a: &mut A, z: &A::Number, omega: &A::Number) -> A::Number {
        let angle = a.mul(omega, z);
        a.sin(&angle)
    }

    fn omega(&self, layer: usize) -> f32 {
        match layer {
            0 => self.first_omega,
            _ => self.omega,
        }
    }

    fn start(&self, layer: usize, inputs: usize) -> Start {
        Start::siren(layer, inputs, self.omega, 1.0 / (inputs as f32).sqrt())
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::positive("first_omega", self.first_omega, 1000.0),
            Setting::positive("omega", self.omega, 1000.0),
        ]
    }
}
