//! Gaussian curvature of level sets.

use super::surface::gaussian_curvature;
use super::{Formula, Local, Order};
use crate::calculus::Algebra;

/// `∇fᵀ adj(H) ∇f / |∇f|⁴` (Goldman 2005): the product of the principal curvatures.
pub(super) struct GaussianCurvature;

impl Formula<1> for GaussianCurvature {
    const ORDER: Order = Order::Hessian;
    const LENGTH_POWER: i32 = -2;
    const COMPONENTS: [&'static str; 1] = [""];

    fn at<A: Algebra>(a: &mut A, local: &Local<A::Number>) -> [A::Number; 1] {
        [gaussian_curvature(a, local)]
    }
}
