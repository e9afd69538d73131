//! Formulas in `f64`, one number at a time.

use super::Algebra;

/// The algebra of `f64`: what is asked of a field at a point is computed in it, and it is the independent reference of all others.
pub struct Plain;

impl Algebra for Plain {
    type Number = f64;

    fn constant(&mut self, value: f64) -> f64 {
        value
    }

    fn add(&mut self, a: &f64, b: &f64) -> f64 {
        a + b
    }

    fn sub(&mut self, a: &f64, b: &f64) -> f64 {
        a - b
    }

    fn mul(&mut self, a: &f64, b: &f64) -> f64 {
        a * b
    }

    fn div(&mut self, a: &f64, b: &f64) -> f64 {
        a / b
    }

    fn exp(&mut self, x: &f64) -> f64 {
        x.exp()
    }

    fn ln(&mut self, x: &f64) -> f64 {
        x.ln()
    }

    fn sqrt(&mut self, x: &f64) -> f64 {
        x.sqrt()
    }

    fn sin(&mut self, x: &f64) -> f64 {
        x.sin()
    }

    fn cos(&mut self, x: &f64) -> f64 {
        x.cos()
    }

    fn round(&mut self, x: &f64) -> f64 {
        x.round()
    }

    fn select_greater(&mut self, a: &f64, b: &f64, yes: &f64, no: &f64) -> f64 {
        if a > b { *yes } else { *no }
    }
}
