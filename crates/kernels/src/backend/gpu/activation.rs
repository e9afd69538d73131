//! Activations in kernels: formulas write their code while a kernel is expanded.

use cubecl::prelude::*;

use super::Lanes;
use super::code::{Code, Number};
use crate::calculus::{Folded, MaybeKnown};
use crate::network::activation::{
    Activation, ActivationFunction, WithActivation, value_and_change, value_slope_curvature,
};

/// `f(z)`
#[cube]
#[allow(unused_variables)]
pub(super) fn value(z: Lanes, omega: Lanes, #[comptime] activation: Activation) -> Lanes {
    intrinsic!(|scope| activation.visit(Value { scope, z, omega }))
}

/// By how much `f(z)` changes where `z` changes by `by`.
#[cube]
#[allow(unused_variables)]
pub(super) fn change(
    z: Lanes,
    by: Lanes,
    omega: Lanes,
    #[comptime] activation: Activation,
) -> Lanes {
    intrinsic!(|scope| activation.visit(Change {
        scope,
        z,
        by,
        omega
    }))
}

/// `f'(z)` and `f''(z)`.
#[derive(CubeType)]
pub(super) struct Derivatives {
    pub slope: Lanes,
    pub curvature: Lanes,
}

/// The derivatives at `z`.
#[cube]
#[allow(unused_variables)]
pub(super) fn derivatives(
    z: Lanes,
    omega: Lanes,
    #[comptime] activation: Activation,
) -> Derivatives {
    intrinsic!(|scope| activation.visit(Second { scope, z, omega }))
}

struct Value<'a> {
    scope: &'a mut Scope,
    z: Number,
    omega: Number,
}

impl WithActivation for Value<'_> {
    type Output = Number;

    fn with<F: ActivationFunction>(self, function: &F) -> Number {
        let mut code = Code(self.scope);
        let mut folded = Folded(&mut code);
        let [z, omega] = [self.z, self.omega].map(MaybeKnown::Number);
        let value = function.apply(&mut folded, &z, &omega);
        folded.number(&value)
    }
}

struct Change<'a> {
    scope: &'a mut Scope,
    z: Number,
    by: Number,
    omega: Number,
}

impl WithActivation for Change<'_> {
    type Output = Number;

    fn with<F: ActivationFunction>(self, function: &F) -> Number {
        let mut code = Code(self.scope);
        let mut folded = Folded(&mut code);
        let [z, by, omega] = [self.z, self.by, self.omega].map(MaybeKnown::Number);
        let (_, change) = value_and_change(&mut folded, function, &z, &by, &omega);
        folded.number(&change)
    }
}

struct Second<'a> {
    scope: &'a mut Scope,
    z: Number,
    omega: Number,
}

impl WithActivation for Second<'_> {
    type Output = DerivativesExpand;

    fn with<F: ActivationFunction>(self, function: &F) -> DerivativesExpand {
        let mut code = Code(self.scope);
        let mut folded = Folded(&mut code);
        let [z, omega] = [self.z, self.omega].map(MaybeKnown::Number);
        let [_, slope, curvature] = value_slope_curvature(&mut folded, function, &z, &omega);
        DerivativesExpand {
            slope: folded.number(&slope),
            curvature: folded.number(&curvature),
        }
    }
}
