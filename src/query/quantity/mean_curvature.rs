//! Mean curvature of level sets.

use super::surface::mean_curvature;
use super::{Formula, Local, Order};
use crate::calculus::Algebra;

/// `(|∇f|² Δf - ∇fᵀ H ∇f) / (2 |∇f|³)` (Goldman 2005, "Curvature formulas for implicit curves and surfaces"): half the divergence
/// of the unit normal, so positive for a sphere.
pub(super) struct MeanCurvature;

impl Formula<1> for MeanCurvature {
    const ORDER: Order = Order::Hessian;
    const LENGTH_POWER: i32 = -1;
    const COMPONENTS: [&'static str; 1] = [""];

    fn at<A: Algebra>(a: &mut A, local: &Local<A::Number>) -> [A::Number; 1] {
        [mean_curvature(a, local)]
    }
}
