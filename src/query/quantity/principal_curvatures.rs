//! Principal curvatures of level sets.

use super::surface::InTangentPlane;
use super::{Formula, Local, Order};
use crate::calculus::Algebra;

/// The eigenvalues of the second derivatives in the tangent plane over `|∇f|`, the larger one first: positive where the level set
/// bends away from its outer side, as a sphere does.
pub(super) struct PrincipalCurvatures;

impl Formula<2> for PrincipalCurvatures {
    const ORDER: Order = Order::Hessian;
    const LENGTH_POWER: i32 = -1;
    const COMPONENTS: [&'static str; 2] = ["1", "2"];

    fn at<A: Algebra>(a: &mut A, local: &Local<A::Number>) -> [A::Number; 2] {
        let plane = InTangentPlane::of(a, local);
        let radius = plane.radius(a);
        [a.add(&plane.mean, &radius), a.sub(&plane.mean, &radius)]
    }
}
