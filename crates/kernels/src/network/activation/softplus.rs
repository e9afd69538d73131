//! `ln(1 + exp(β z)) / β` (Dugas et al. 2001, "Incorporating second-order functional knowledge for better option pricing").

use serde::{Deserialize, Serialize};

use super::{ActivationFunction, Start};
use crate::calculus::Algebra;
use crate::setting::Setting;

/// `ln(1 + exp(β z)) / β`
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Softplus {
    /// The sharpness β of the corner: a ReLU is the limit of large ones.
    pub sharpness: f32,
}

impl Default for Softplus {
    fn default() -> Self {
        // As in Gropp et al. 2020, "Implicit geometric regularization for learning shapes".
        Softplus { sharpness: 100.0 }
    }
}

impl ActivationFunction for Softplus {
    const NETWORK: &'static str = "softplus";
    const SMOOTHNESS: u32 = u32::MAX;
    const RECTIFIER: bool = true;

    /// As `max(z, 0) + ln(1 + exp(-β |z|)) / β`, in which nothing overflows.
    #[inline(always)]
    fn apply<A: Algebra>(&self, a: &mut A, z: &A::Number, _omega: &A::Number) -> A::Number {
        let sharpness = f64::from(self.sharpness);
        let (zero, one) = (a.constant(0.0), a.constant(1.0));
        let size = a.abs(z);
        let factor = a.constant(-sharpness);
        let power = a.mul(&factor, &size);
        let falling = a.exp(&power);
        let sum = a.add(&one, &falling);
        let logarithm = a.ln(&sum);
        let scale = a.constant(1.0 / sharpness);
        let round = a.mul(&scale, &logarithm);
        let straight = a.max(z, &zero);
        a.add(&straight, &round)
    }

    fn start(&self, _layer: usize, inputs: usize) -> Start {
        Start::he(inputs)
    }

    fn settings(&self) -> Vec<Setting> {
        vec![Setting::positive("sharpness", self.sharpness, 1e4)]
    }
}
