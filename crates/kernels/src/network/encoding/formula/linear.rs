//! `k·x + φ`

use super::Formula;
use crate::calculus::Algebra;

/// `k·x + φ` with the constants `[kx, ky, kz, φ]`.
pub struct Linear;

impl Formula for Linear {
    #[inline(always)]
    fn at<A: Algebra>(
        a: &mut A,
        [x, y, z]: &[A::Number; 3],
        [kx, ky, kz, phase]: &[A::Number; 4],
    ) -> A::Number {
        let along_x = a.mul(kx, x);
        let along_y = a.mul(ky, y);
        let along_z = a.mul(kz, z);
        let in_plane = a.add(&along_x, &along_y);
        let sum = a.add(&in_plane, &along_z);
        a.add(&sum, phase)
    }
}
