//! `sin 2π (k·x + φ)`

use std::f64::consts::TAU;

use super::Formula;
use super::linear::Linear;
use crate::calculus::Algebra;

/// `sin 2π (k·x + φ)` with the constants `[kx, ky, kz, φ]`: `|k|` waves a unit of length, and a quarter of a wave of phase makes a cosine.
///
/// Whole waves are taken away before they are multiplied by 2π: what single precision leaves of many waves is theirs, not the product's.
pub struct Wave;

impl Formula for Wave {
    #[inline(always)]
    fn at<A: Algebra>(
        a: &mut A,
        position: &[A::Number; 3],
        constants: &[A::Number; 4],
    ) -> A::Number {
        let waves = Linear::at(a, position, constants);
        let whole = a.round(&waves);
        let rest = a.sub(&waves, &whole);
        let full_turn = a.constant(TAU);
        let angle = a.mul(&full_turn, &rest);
        a.sin(&angle)
    }
}
