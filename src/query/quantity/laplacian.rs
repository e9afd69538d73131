//! The trace of the second derivatives.

use super::{Formula, Local, Order};
use crate::calculus::Algebra;

/// `Δf = fxx + fyy + fzz`: twice the mean curvature where `|∇f|` is 1 everywhere.
pub(super) struct Laplacian;

impl Formula<1> for Laplacian {
    const ORDER: Order = Order::Hessian;
    const LENGTH_POWER: i32 = -1;
    const COMPONENTS: [&'static str; 1] = [""];

    fn at<A: Algebra>(a: &mut A, local: &Local<A::Number>) -> [A::Number; 1] {
        let [xx, _, _, yy, _, zz] = &local.hessian;
        let sum = a.add(xx, yy);
        [a.add(&sum, zz)]
    }
}
