//! `exp(-z² / 2 w²)` (Ramasinghe and Lucey 2022, "Beyond periodicity: towards a unifying framework for activations in
//! coordinate-MLPs").

use serde::{Deserialize, Serialize};

use super::{ActivationFunction, Start};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `exp(-z² / 2 w²)`
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Gaussian {
    /// The standard deviation w of the bell.
    pub width: f32,
}

impl Default for Gaussian {
    fn default() -> Self {
        Gaussian { width: 0.1 }
    }
}

impl ActivationFunction for Gaussian {
    const NETWORK: &'static str = "gaussian";
    const SMOOTHNESS: u32 = u32::MAX;

    #[inline(always)]
    fn apply<A: Algebra>(&self, a: &mut A, z: &A::Number, _omega: &A::Number) -> A::Number {
        let width = f64::from(self.width);
        let factor = a.constant(-0.5 / (width * width));
        let square = a.mul(z, z);
        let power = a.mul(&factor, &square);
        a.exp(&power)
    }

    /// As linear layers start in PyTorch, with which the paper's networks were trained.
    fn start(&self, _layer: usize, inputs: usize) -> Start {
        let half_width = 1.0 / (inputs as f32).sqrt();
        Start {
            weight: half_width,
            bias: half_width,
        }
    }

    fn settings(&self) -> Vec<Setting> {
        vec![Setting::above("width", self.width, 1e-3, 100.0)]
    }
}
