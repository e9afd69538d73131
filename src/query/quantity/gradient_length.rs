//! How fast the field changes.

use super::surface::dot;
use super::{Formula, Local, Order};
use crate::calculus::Algebra;

/// `|∇f|`
pub(super) struct GradientLength;

impl Formula<1> for GradientLength {
    const ORDER: Order = Order::Gradient;
    const LENGTH_POWER: i32 = 0;
    const COMPONENTS: [&'static str; 1] = [""];

    fn at<A: Algebra>(a: &mut A, local: &Local<A::Number>) -> [A::Number; 1] {
        let square = dot(a, &local.gradient, &local.gradient);
        [a.sqrt(&square)]
    }
}
