//! `cos(ω z) exp(-(s z)²)` (Saragadam et al. 2023, "WIRE: wavelet implicit neural representations"), the real wavelet.

use serde::{Deserialize, Serialize};

use super::{ActivationFunction, Start};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `cos(ω z) exp(-(s z)²)`: a wave in a bell, local in place and in frequency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Wire {
    /// ω of the first layer.
    pub first_omega: f32,
    /// ω of the other hidden layers.
    pub omega: f32,
    /// The spread s: the bell's width is 1 / s.
    pub spread: f32,
}

impl Default for Wire {
    fn default() -> Self {
        Wire {
            first_omega: 10.0,
            omega: 10.0,
            spread: 10.0,
        }
    }
}

impl ActivationFunction for Wire {
    const NETWORK: &'static str = "wire";
    const SMOOTHNESS: u32 = u32::MAX;

    #[inline(always)]
    fn apply<A: Algebra>(&self, a: &mut A, z: &A::Number, omega: &A::Number) -> A::Number {
        let spread = f64::from(self.spread);
        let factor = a.constant(-spread * spread);
        let square = a.mul(z, z);
        let power = a.mul(&factor, &square);
        let bell = a.exp(&power);
        let angle = a.mul(omega, z);
        let wave = a.cos(&angle);
        a.mul(&wave, &bell)
    }

    fn omega(&self, layer: usize) -> f32 {
        match layer {
            0 => self.first_omega,
            _ => self.omega,
        }
    }

    /// As a SIREN's: from wide starts, such as PyTorch's, most units begin beyond their bell, where nothing moves them.
    fn start(&self, layer: usize, inputs: usize) -> Start {
        Start::siren(layer, inputs, self.omega, 1.0 / (inputs as f32).sqrt())
    }

    fn settings(&self) -> Vec<Setting> {
        vec![
            Setting::positive("first_omega", self.first_omega, 1000.0),
            Setting::positive("omega", self.omega, 1000.0),
            Setting::positive("spread", self.spread, 1000.0),
        ]
    }
}
