//! The field itself.

use super::{Formula, Local, Order};
use crate::calculus::Algebra;

/// `f`
pub(super) struct Value;

impl Formula<1> for Value {
    const ORDER: Order = Order::Value;
    const LENGTH_POWER: i32 = 1;
    const COMPONENTS: [&'static str; 1] = [""];

    fn at<A: Algebra>(_: &mut A, local: &Local<A::Number>) -> [A::Number; 1] {
        [local.value.clone()]
    }
}
