//! The second derivatives.

use super::{Formula, Local, Order};
use crate::calculus::Algebra;

/// `∂²f / ∂xᵢ∂xⱼ`
pub(super) struct Hessian;

impl Formula<6> for Hessian {
    const ORDER: Order = Order::Hessian;
    const LENGTH_POWER: i32 = -1;
    const COMPONENTS: [&'static str; 6] = ["xx", "xy", "xz", "yy", "yz", "zz"];

    fn at<A: Algebra>(_: &mut A, local: &Local<A::Number>) -> [A::Number; 6] {
        local.hessian.clone()
    }
}
