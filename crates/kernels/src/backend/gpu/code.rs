//! Formulas in kernels: they write their code while a kernel is expanded.

use cubecl::prelude::*;

use super::Lanes;
use super::sine::{cosine, sine};
use crate::calculus::Algebra;

/// Four samples' numbers in a kernel.
pub(super) type Number = NativeExpand<Lanes>;

/// The algebra that writes a formula into the kernel that is being expanded.
pub(super) struct Code<'a>(pub &'a mut Scope);

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

    fn sqrt(&mut self, x: &Number) -> Number {
        Lanes::__expand_sqrt(self.0, x.clone())
    }

    fn sin(&mut self, x: &Number) -> Number {
        sine::expand(self.0, x.clone())
    }

    fn cos(&mut self, x: &Number) -> Number {
        cosine::expand(self.0, x.clone())
    }

    fn round(&mut self, x: &Number) -> Number {
        Lanes::__expand_round(self.0, x.clone())
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
