//! `max(0, z)` (Nair and Hinton 2010, "Rectified linear units improve restricted Boltzmann machines").

use serde::{Deserialize, Serialize};

use super::{ActivationFunction, Start};
use crate::calculus::Algebra;

/// `max(0, z)`
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Relu {}

impl ActivationFunction for Relu {
    const NETWORK: &'static str = "mlp";
    const SMOOTHNESS: u32 = 0;
    const RECTIFIER: bool = true;
    const PIECEWISE_LINEAR: bool = true;

    #[inline(always)]
    fn apply<A: Algebra>(&self, a: &mut A, z: &A::Number, _omega: &A::Number) -> A::Number {
        let zero = a.constant(0.0);
        a.max(z, &zero)
    }

    fn start(&self, _layer: usize, inputs: usize) -> Start {
        Start::he(inputs)
    }
}
