//! `tanh z`, the sigmoid of early networks.

use serde::{Deserialize, Serialize};

use super::{ActivationFunction, Start};
use crate::calculus::Algebra;

/// `tanh z`
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Tanh {}

impl ActivationFunction for Tanh {
    const NETWORK: &'static str = "tanh";
    const SMOOTHNESS: u32 = u32::MAX;

    /// As `±(1 - e) / (1 + e)` with `e = exp(-2 |z|)`, in which nothing overflows.
    #[inline(always)]
    fn apply<A: Algebra>(&self, a: &mut A, z: &A::Number, _omega: &A::Number) -> A::Number {
        let (zero, one, factor) = (a.constant(0.0), a.constant(1.0), a.constant(-2.0));
        let size = a.abs(z);
        let power = a.mul(&factor, &size);
        let falling = a.exp(&power);
        let above = a.sub(&one, &falling);
        let below = a.add(&one, &falling);
        let result = a.div(&above, &below);
        let minus = a.negate(&result);
        a.select_greater(z, &zero, &result, &minus)
    }

    /// Keeps the variance of what goes through its straight part (LeCun et al. 1998).
    fn start(&self, _layer: usize, inputs: usize) -> Start {
        Start {
            weight: (3.0 / inputs as f32).sqrt(),
            bias: 0.0,
        }
    }
}
