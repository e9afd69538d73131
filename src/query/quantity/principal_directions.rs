//! The directions of the principal curvatures.

use super::surface::{InTangentPlane, combined};
use super::{Formula, Local, Order};
use crate::calculus::Algebra;

/// Unit eigenvectors of the second derivatives in the tangent plane: that of the larger principal curvature, then that of the
/// smaller one, which together with the normal are right-handed. A direction and its opposite mean the same. Where both curvatures
/// are equal (umbilics) every tangent is one: any two at right angles are given.
pub(super) struct PrincipalDirections;

impl Formula<6> for PrincipalDirections {
    const ORDER: Order = Order::Hessian;
    const LENGTH_POWER: i32 = 0;
    const COMPONENTS: [&'static str; 6] = ["1x", "1y", "1z", "2x", "2y", "2z"];

    fn at<A: Algebra>(a: &mut A, local: &Local<A::Number>) -> [A::Number; 6] {
        let plane = InTangentPlane::of(a, local);
        let radius = plane.radius(a);
        // Of two forms of the same vector, the one whose parts do not cancel.
        let zero = a.constant(0.0);
        let (straight, turned) = {
            let half = &plane.half_difference;
            (a.add(&radius, half), a.sub(&radius, half))
        };
        let along = a.select_greater(&zero, &plane.half_difference, &plane.shear, &straight);
        let across = a.select_greater(&zero, &plane.half_difference, &turned, &plane.shear);
        let squares = [a.mul(&along, &along), a.mul(&across, &across)];
        let square = a.add(&squares[0], &squares[1]);
        // At an umbilic there is nothing to choose by.
        let one = a.constant(1.0);
        let least = a.constant(f64::MIN_POSITIVE);
        let along = a.select_greater(&square, &least, &along, &one);
        let across = a.select_greater(&square, &least, &across, &zero);
        let square = a.select_greater(&square, &least, &square, &one);
        let length = a.sqrt(&square);
        let (cosine, sine) = (a.div(&along, &length), a.div(&across, &length));
        let [u, v] = &plane.tangents;
        let minus_sine = a.negate(&sine);
        let [x1, y1, z1] = combined(a, &cosine, u, &sine, v);
        let [x2, y2, z2] = combined(a, &minus_sine, u, &cosine, v);
        [x1, y1, z1, x2, y2, z2]
    }
}
