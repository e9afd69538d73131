//! What a loss is told of a sample, and how samples lie in memory.

use crate::calculus::Algebra;

/// What a term looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Needs {
    /// How far the value is from the exact distance.
    Error,
    /// The exact distance, too.
    Distance,
    /// The gradients, too.
    Gradient,
}

/// Where a number of a sample lies in its row.
pub mod column {
    /// The point, three columns.
    pub const POINT: usize = 0;
    /// What the network's value is to be.
    pub const VALUE: usize = 3;
    /// The exact distance.
    pub const DISTANCE: usize = 4;
    /// What the network's gradient is to be, three columns.
    pub const SLOPES: usize = 5;
    /// The exact distance's gradient, three columns: of length 1, or 0 where it has none.
    pub const GRADIENT: usize = 8;
}

impl Needs {
    /// Columns of a sample's row: a point in the unit frame and the value that the network is to have there; with
    /// [`Distance`](Self::Distance) the exact distance, too; with [`Gradient`](Self::Gradient) then the gradient that the network
    /// is to have, and the exact distance's gradient, three columns each.
    ///
    /// The network's value and gradient are in the unit of an [`Objective`](crate::backend::Objective); distances, and their
    /// gradients, are the unit frame's.
    pub fn columns(self) -> usize {
        match self {
            Needs::Error => column::DISTANCE,
            Needs::Distance => column::SLOPES,
            Needs::Gradient => column::GRADIENT + 3,
        }
    }

    /// Columns of the network's output that take part: its value, and with gradients their components.
    pub fn outputs(self) -> usize {
        if self == Needs::Gradient { 4 } else { 1 }
    }
}

/// A field at a sample, in the unit frame.
#[derive(Clone)]
pub struct Sample<N> {
    /// The field's value less the exact distance.
    pub error: N,
    /// The exact distance.
    pub distance: N,
    /// The field's gradient less the exact one.
    pub slope_errors: [N; 3],
    /// The exact distance's gradient, of length 1: from the nearest point of the surface, or the surface's normal on it. Zero
    /// where it has none.
    pub gradient: [N; 3],
}

impl<N: Clone> Sample<N> {
    /// The field's value.
    #[inline(always)]
    pub fn value<A: Algebra<Number = N>>(&self, a: &mut A) -> N {
        a.add(&self.distance, &self.error)
    }

    /// The field's gradient.
    #[inline(always)]
    pub fn slopes<A: Algebra<Number = N>>(&self, a: &mut A) -> [N; 3] {
        let [gx, gy, gz] = &self.gradient;
        let [ex, ey, ez] = &self.slope_errors;
        [a.add(gx, ex), a.add(gy, ey), a.add(gz, ez)]
    }

    /// 1 where the exact gradient is known, elsewhere 0.
    #[inline(always)]
    pub fn has_gradient<A: Algebra<Number = N>>(&self, a: &mut A) -> N {
        dot(a, &self.gradient, &self.gradient)
    }

    /// `yes` on the surface, elsewhere `no`.
    #[inline(always)]
    pub fn on_surface<A: Algebra<Number = N>>(&self, a: &mut A, yes: &N, no: &N) -> N {
        let away = a.abs(&self.distance);
        let zero = a.constant(0.0);
        a.select_greater(&away, &zero, no, yes)
    }

    /// -1 inside, 1 outside, and 0 on the surface.
    #[inline(always)]
    pub fn side<A: Algebra<Number = N>>(&self, a: &mut A) -> N {
        let [inside, surface, outside] = [a.constant(-1.0), a.constant(0.0), a.constant(1.0)];
        let below = a.select_greater(&surface, &self.distance, &inside, &surface);
        a.select_greater(&self.distance, &surface, &outside, &below)
    }
}

/// The inner product.
#[inline(always)]
pub fn dot<A: Algebra>(a: &mut A, u: &[A::Number; 3], v: &[A::Number; 3]) -> A::Number {
    let (x, y, z) = (
        a.mul(&u[0], &v[0]),
        a.mul(&u[1], &v[1]),
        a.mul(&u[2], &v[2]),
    );
    let xy = a.add(&x, &y);
    a.add(&xy, &z)
}

/// The length. Not exactly that of a vector of length 0, where it would have no derivative.
#[inline(always)]
pub fn length<A: Algebra>(a: &mut A, u: &[A::Number; 3]) -> A::Number {
    let squared = dot(a, u, u);
    let least = a.constant(1e-12);
    let squared = a.add(&squared, &least);
    a.sqrt(&squared)
}
