//! Which way is out.

use super::surface::unit_normal;
use super::{Formula, Local, Order};
use crate::calculus::Algebra;

/// `∇f / |∇f|`
pub(super) struct Normal;

impl Formula<3> for Normal {
    const ORDER: Order = Order::Gradient;
    const LENGTH_POWER: i32 = 0;
    const COMPONENTS: [&'static str; 3] = ["x", "y", "z"];

    fn at<A: Algebra>(a: &mut A, local: &Local<A::Number>) -> [A::Number; 3] {
        unit_normal(a, local)
    }
}
