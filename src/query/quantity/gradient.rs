//! The first derivatives.

use super::{Formula, Local, Order};
use crate::calculus::Algebra;

/// `∇f`
pub(super) struct Gradient;

impl Formula<3> for Gradient {
    const ORDER: Order = Order::Gradient;
    const LENGTH_POWER: i32 = 0;
    const COMPONENTS: [&'static str; 3] = ["x", "y", "z"];

    fn at<A: Algebra>(_: &mut A, local: &Local<A::Number>) -> [A::Number; 3] {
        local.gradient.clone()
    }
}
