//! Formulas over the processor's vectors.

use pulp::Simd;

use super::exponential::{exponential, logarithm};
use super::sine::sine_and_cosine;
use crate::calculus::Algebra;

/// The algebra of whole vectors of `f32`, on the instruction set that was dispatched to.
pub(super) struct Vectors<S>(pub S);

impl<S: Simd> Algebra for Vectors<S> {
    type Number = S::f32s;

    #[inline(always)]
    fn constant(&mut self, value: f64) -> S::f32s {
        self.0.splat_f32s(value as f32)
    }

    #[inline(always)]
    fn add(&mut self, a: &S::f32s, b: &S::f32s) -> S::f32s {
        self.0.add_f32s(*a, *b)
    }

    #[inline(always)]
    fn sub(&mut self, a: &S::f32s, b: &S::f32s) -> S::f32s {
        self.0.sub_f32s(*a, *b)
    }

    #[inline(always)]
    fn mul(&mut self, a: &S::f32s, b: &S::f32s) -> S::f32s {
        self.0.mul_f32s(*a, *b)
    }

    #[inline(always)]
    fn div(&mut self, a: &S::f32s, b: &S::f32s) -> S::f32s {
        self.0.div_f32s(*a, *b)
    }

    #[inline(always)]
    fn exp(&mut self, x: &S::f32s) -> S::f32s {
        exponential(self.0, *x)
    }

    #[inline(always)]
    fn ln(&mut self, x: &S::f32s) -> S::f32s {
        logarithm(self.0, *x)
    }

    #[inline(always)]
    fn sqrt(&mut self, x: &S::f32s) -> S::f32s {
        self.0.sqrt_f32s(*x)
    }

    #[inline(always)]
    fn sin(&mut self, x: &S::f32s) -> S::f32s {
        sine_and_cosine(self.0, *x).0
    }

    #[inline(always)]
    fn cos(&mut self, x: &S::f32s) -> S::f32s {
        sine_and_cosine(self.0, *x).1
    }

    /// From 2²³ on floats are whole: adding and taking away so much rounds.
    #[inline(always)]
    fn round(&mut self, x: &S::f32s) -> S::f32s {
        let whole = self.0.splat_f32s(12_582_912.0);
        self.0.sub_f32s(self.0.add_f32s(*x, whole), whole)
    }

    #[inline(always)]
    fn select_greater(&mut self, a: &S::f32s, b: &S::f32s, yes: &S::f32s, no: &S::f32s) -> S::f32s {
        let is_greater = self.0.greater_than_f32s(*a, *b);
        self.0.select_f32s(is_greater, *yes, *no)
    }

    // One instruction less than the comparison.
    #[inline(always)]
    fn max(&mut self, a: &S::f32s, b: &S::f32s) -> S::f32s {
        self.0.max_f32s(*a, *b)
    }
}
