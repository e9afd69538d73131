//! `z / (1 + exp(-2 √(2/π) (z + 0.044715 z³)))` (Hendrycks and Gimpel 2016, "Gaussian error linear units", the approximation of
//! section 2, which writes it with tanh).

use serde::{Deserialize, Serialize};

use super::silu::sigmoid;
use super::{ActivationFunction, Start};
use crate::calculus::Algebra;

/// `z Φ(z)` with the distribution of a normal variable, approximately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Gelu {}

impl ActivationFunction for Gelu {
    const NETWORK: &'static str = "gelu";
    const SMOOTHNESS: u32 = u32::MAX;
    const RECTIFIER: bool = true;

    #[inline(always)]
    fn apply<A: Algebra>(&self, a: &mut A, z: &A::Number, _omega: &A::Number) -> A::Number {
        // 2 √(2/π), alone and times 0.044715.
        let slope = a.constant(1.595_769_121_605_730_8);
        let bend = a.constant(0.071_354_816_272_600_25);
        let square = a.mul(z, z);
        let bent = a.mul(&bend, &square);
        let factor = a.add(&slope, &bent);
        let place = a.mul(&factor, z);
        let share = sigmoid(a, &place);
        a.mul(z, &share)
    }

    fn start(&self, _layer: usize, inputs: usize) -> Start {
        Start::he(inputs)
    }
}
