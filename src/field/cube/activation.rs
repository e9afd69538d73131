//! Activations in kernels: formulas write their code while a kernel is expanded.

use cubecl::prelude::*;

use super::Lanes;
use super::sine::{cosine, sine};
use crate::calculus::{Algebra, Folded, MaybeKnown};
use crate::field::activation::{
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

/// Four samples' numbers in a kernel.
type Number = NativeExpand<Lanes>;

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

/// The algebra that writes a formula into the kernel that is being expanded.
struct Code<'a>(&'a mut Scope);

impl Algebra for Code<'_> {
    type Number = Number;

    fn constant(&mut self, value: f64) -> Number {
        let number: NativeExpand<f32> = (value as f32).into();
        Lanes::__expand_cast_from(self.0, number)
    }

    fn add(&mut self, a: &Number, b: &Number) -> Number {
        cubecl::frontend::add::expand(self.0, a.clone(), b.clone())
    }

    fn sub(&mut self, a: &Number, b: &Number) -> Number {
        cubecl::frontend::sub::expand(self.0, a.clone(), b.clone())
    }

    fn mul(&mut self, a: &Number, b: &Number) -> Number {
        cubecl::frontend::mul::expand(self.0, a.clone(), b.clone())
    }

    fn div(&mut self, a: &Number, b: &Number) -> Number {
        cubecl::frontend::div::expand(self.0, a.clone(), b.clone())
    }

    fn exp(&mut self, x: &Number) -> Number {
        Lanes::__expand_exp(self.0, x.clone())
    }

    fn ln(&mut self, x: &Number) -> Number {
        Lanes::__expand_ln(self.0, x.clone())
    }

    fn sin(&mut self, x: &Number) -> Number {
        sine::expand(self.0, x.clone())
    }

    fn cos(&mut self, x: &Number) -> Number {
        cosine::expand(self.0, x.clone())
    }

    fn max(&mut self, a: &Number, b: &Number) -> Number {
        cubecl::frontend::max::expand(self.0, a.clone(), b.clone())
    }

    fn select_greater(&mut self, a: &Number, b: &Number, yes: &Number, no: &Number) -> Number {
        select_greater::expand(self.0, a.clone(), b.clone(), yes.clone(), no.clone())
    }
}

/// `yes` where `a > b`, elsewhere `no`.
#[cube]
fn select_greater(a: Lanes, b: Lanes, yes: Lanes, no: Lanes) -> Lanes {
    select_many(a.greater_than(b), yes, no)
}
