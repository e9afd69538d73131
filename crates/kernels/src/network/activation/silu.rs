//! `z / (1 + exp(-z))` (Elfwing et al. 2018, "Sigmoid-weighted linear units for neural network function approximation").

use serde::{Deserialize, Serialize};

use super::{ActivationFunction, Start};
use crate::calculus::Algebra;

/// `z / (1 + exp(-z))`
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Silu {}

impl ActivationFunction for Silu {
    const NETWORK: &'static str = "silu";
    const SMOOTHNESS: u32 = u32::MAX;
    const RECTIFIER: bool = true;

    #[inline(always)]
    fn apply<A: Algebra>(&self, a: &mut A, z: &A::Number, _omega: &A::Number) -> A::Number {
        let share = sigmoid(a, z);
        a.mul(z, &share)
    }

    fn start(&self, _layer: usize, inputs: usize) -> Start {
        Start::he(inputs)
    }
}

/// `1 / (1 + exp(-x))`, with `exp(-|x|)`, which cannot overflow, above the line or below it.
#[inline(always)]
pub(super) fn sigmoid<A: Algebra>(a: &mut A, x: &A::Number) -> A::Number {
    let (zero, one) = (a.constant(0.0), a.constant(1.0));
    let size = a.abs(x);
    let minus = a.negate(&size);
    let falling = a.exp(&minus);
    let below = a.add(&one, &falling);
    let above = a.select_greater(x, &zero, &one, &falling);
    a.div(&above, &below)
}
