//! What becomes of a product's sums in a hidden layer, forward and back, while they are still in registers.

use pulp::{NullaryFnOnce, Simd};

use super::matrix::{Matrix, Output, vector_at, vector_at_mut};
use super::vectors::Vectors;
use crate::network::activation::{
    Activation, ActivationFunction, WithActivation, value_and_change, value_slope_curvature,
};

/// `z`, for activations that follow in a pass of their own.
pub(super) struct Sums<'a> {
    /// `[out]`, padded. None where `hidden` holds sums already.
    pub bias: Option<&'a [f32]>,
    /// `[N, out]`
    pub hidden: &'a mut Matrix,
}

impl<S: Simd> Output<S> for Sums<'_> {
    #[inline(always)]
    fn start(&self, _simd: S, place: usize, column: usize) -> S::f32s {
        match self.bias {
            Some(bias) => vector_at::<S>(bias, column),
            None => vector_at::<S>(self.hidden.elements(), place),
        }
    }

    #[inline(always)]
    fn finish(&mut self, _simd: S, place: usize, sums: S::f32s) {
        *vector_at_mut::<S>(self.hidden.elements_mut(), place) = sums;
    }
}

/// `f(z)` in the place of `z`, and as many of its derivatives as there is room for, slopes first.
///
/// A pass over a tile that is in cache, because its code is small: within the product each activation would need one of its
/// own for each instruction set, which take minutes to compile, for 2 % of the time.
pub(super) struct Activate<'a, S, const DERIVATIVES: usize> {
    pub simd: S,
    pub omega: f32,
    /// Rows that there are.
    pub count: usize,
    /// `[N, out]`
    pub hidden: &'a mut Matrix,
    /// `[N, out]` each.
    pub derivatives: [&'a mut Matrix; DERIVATIVES],
}

/// A function of its own in the instruction set that was dispatched to, as products are: inlined, all activations' code would
/// crowd the encoding's out of the registers.
struct Pass<'a, S, const DERIVATIVES: usize> {
    activation: Activation,
    activate: Activate<'a, S, DERIVATIVES>,
}

impl<S: Simd, const DERIVATIVES: usize> NullaryFnOnce for Pass<'_, S, DERIVATIVES> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.activation.visit(self.activate);
    }
}

impl<S: Simd, const DERIVATIVES: usize> Activate<'_, S, DERIVATIVES> {
    /// Activates the tile.
    #[inline(always)]
    pub(super) fn run(self, activation: Activation) {
        let simd = self.simd;
        simd.vectorize(Pass {
            activation,
            activate: self,
        });
    }
}

impl<S: Simd, const DERIVATIVES: usize> WithActivation for Activate<'_, S, DERIVATIVES> {
    type Output = ();

    #[inline(always)]
    fn with<F: ActivationFunction>(self, function: &F) {
        let Self {
            simd,
            omega,
            count,
            hidden,
            derivatives,
        } = self;
        let (one, omega) = (simd.splat_f32s(1.0), simd.splat_f32s(omega));
        let mut vectors = Vectors(simd);
        for range in hidden.first_rows(count) {
            let mut place = range.start;
            while place < range.end {
                let hidden = vector_at_mut::<S>(hidden.elements_mut(), place);
                let z = *hidden;
                // Each is computed with what it needs and no more.
                if DERIVATIVES == 0 {
                    *hidden = function.apply(&mut vectors, &z, &omega);
                } else if DERIVATIVES == 1 {
                    let (value, slope) = value_and_change(&mut vectors, function, &z, &one, &omega);
                    *hidden = value;
                    *vector_at_mut::<S>(derivatives[0].elements_mut(), place) = slope;
                } else {
                    let [value, slope, curvature] =
                        value_slope_curvature(&mut vectors, function, &z, &omega);
                    *hidden = value;
                    *vector_at_mut::<S>(derivatives[0].elements_mut(), place) = slope;
                    *vector_at_mut::<S>(derivatives[1].elements_mut(), place) = curvature;
                }
                place += S::F32_LANES;
            }
        }
    }
}

/// Back through any activation whose slopes were kept: the gradient by `z` takes their place.
pub(super) struct BackThroughSlopes<'a>(pub &'a mut Matrix);

impl<S: Simd> Output<S> for BackThroughSlopes<'_> {
    #[inline(always)]
    fn start(&self, simd: S, _place: usize, _column: usize) -> S::f32s {
        simd.splat_f32s(0.0)
    }

    #[inline(always)]
    fn finish(&mut self, simd: S, place: usize, sums: S::f32s) {
        let slopes = vector_at_mut::<S>(self.0.elements_mut(), place);
        *slopes = simd.mul_f32s(*slopes, sums);
    }
}

/// Back through the tangent of an activation, which is `slope × tangent before it`.
pub(super) struct BackThroughTangent<'a> {
    /// `[N, out]`
    pub slopes: &'a Matrix,
    /// The tangent before the activation, `[N, out]`: the gradient by it takes its place.
    pub tangent: &'a mut Matrix,
    /// The gradient by the slopes comes here, `[N, out]`.
    pub by_slopes: &'a mut Matrix,
}

impl<S: Simd> Output<S> for BackThroughTangent<'_> {
    #[inline(always)]
    fn start(&self, simd: S, _place: usize, _column: usize) -> S::f32s {
        simd.splat_f32s(0.0)
    }

    #[inline(always)]
    fn finish(&mut self, simd: S, place: usize, sums: S::f32s) {
        let tangent = vector_at_mut::<S>(self.tangent.elements_mut(), place);
        let by_slopes = vector_at_mut::<S>(self.by_slopes.elements_mut(), place);
        *by_slopes = simd.mul_f32s(sums, *tangent);
        *tangent = simd.mul_f32s(vector_at::<S>(self.slopes.elements(), place), sums);
    }
}

/// Back through an activation whose slopes and curvatures were kept, once the gradient by its slopes is known.
pub(super) struct BackThroughValues<'a> {
    /// `[N, out]`: the gradient by `z` takes their place.
    pub slopes: &'a mut Matrix,
    /// `[N, out]`
    pub curvatures: &'a Matrix,
    /// `[N, out]`
    pub by_slopes: &'a Matrix,
}

impl<S: Simd> Output<S> for BackThroughValues<'_> {
    #[inline(always)]
    fn start(&self, simd: S, _place: usize, _column: usize) -> S::f32s {
        simd.splat_f32s(0.0)
    }

    #[inline(always)]
    fn finish(&mut self, simd: S, place: usize, sums: S::f32s) {
        let curvatures = vector_at::<S>(self.curvatures.elements(), place);
        let by_slopes = vector_at::<S>(self.by_slopes.elements(), place);
        let slopes = vector_at_mut::<S>(self.slopes.elements_mut(), place);
        *slopes = simd.mul_add_e_f32s(*slopes, sums, simd.mul_f32s(curvatures, by_slopes));
    }
}

/// Keeps the sums as they are.
pub(super) struct Keep<'a>(pub &'a mut Matrix);

impl<S: Simd> Output<S> for Keep<'_> {
    #[inline(always)]
    fn start(&self, simd: S, _place: usize, _column: usize) -> S::f32s {
        simd.splat_f32s(0.0)
    }

    #[inline(always)]
    fn finish(&mut self, _simd: S, place: usize, sums: S::f32s) {
        *vector_at_mut::<S>(self.0.elements_mut(), place) = sums;
    }
}
