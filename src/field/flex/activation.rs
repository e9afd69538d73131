//! What becomes of a product's sums in a hidden layer, forward and back, while they are still in registers.

use pulp::Simd;

use super::matrix::{Matrix, Output, vector_at, vector_at_mut};
use super::sine::sine_and_cosine;

/// `max(0, z)`
pub(super) struct Relu<'a> {
    /// `[out]`, padded.
    pub bias: &'a [f32],
    /// `[N, out]`
    pub hidden: &'a mut Matrix,
}

impl<S: Simd> Output<S> for Relu<'_> {
    #[inline(always)]
    fn start(&self, _simd: S, _place: usize, column: usize) -> S::f32s {
        vector_at::<S>(self.bias, column)
    }

    #[inline(always)]
    fn finish(&mut self, simd: S, place: usize, sums: S::f32s) {
        *vector_at_mut::<S>(self.hidden.elements_mut(), place) =
            simd.max_f32s(sums, simd.splat_f32s(0.0));
    }
}

/// `max(0, z)`, and its slope 0 or 1.
pub(super) struct ReluWithSlope<'a> {
    /// `[out]`, padded.
    pub bias: &'a [f32],
    /// `[N, out]`
    pub hidden: &'a mut Matrix,
    /// `[N, out]`
    pub slopes: &'a mut Matrix,
}

impl<S: Simd> Output<S> for ReluWithSlope<'_> {
    #[inline(always)]
    fn start(&self, _simd: S, _place: usize, column: usize) -> S::f32s {
        vector_at::<S>(self.bias, column)
    }

    #[inline(always)]
    fn finish(&mut self, simd: S, place: usize, sums: S::f32s) {
        let zero = simd.splat_f32s(0.0);
        let passes = simd.greater_than_f32s(sums, zero);
        let slope = simd.select_f32s(passes, simd.splat_f32s(1.0), zero);
        *vector_at_mut::<S>(self.hidden.elements_mut(), place) = simd.max_f32s(sums, zero);
        *vector_at_mut::<S>(self.slopes.elements_mut(), place) = slope;
    }
}

/// `sin(ω z)`
pub(super) struct SineValue<'a> {
    /// `[out]`, padded.
    pub bias: &'a [f32],
    /// ω
    pub omega: f32,
    /// `[N, out]`
    pub hidden: &'a mut Matrix,
}

impl<S: Simd> Output<S> for SineValue<'_> {
    #[inline(always)]
    fn start(&self, _simd: S, _place: usize, column: usize) -> S::f32s {
        vector_at::<S>(self.bias, column)
    }

    #[inline(always)]
    fn finish(&mut self, simd: S, place: usize, sums: S::f32s) {
        let omega = simd.splat_f32s(self.omega);
        let (sine, _) = sine_and_cosine(simd, simd.mul_f32s(omega, sums));
        *vector_at_mut::<S>(self.hidden.elements_mut(), place) = sine;
    }
}

/// `sin(ω z)`, and its slope `ω cos(ω z)`.
pub(super) struct Sine<'a> {
    /// `[out]`, padded.
    pub bias: &'a [f32],
    /// ω
    pub omega: f32,
    /// `[N, out]`
    pub hidden: &'a mut Matrix,
    /// `[N, out]`
    pub slopes: &'a mut Matrix,
}

impl<S: Simd> Output<S> for Sine<'_> {
    #[inline(always)]
    fn start(&self, _simd: S, _place: usize, column: usize) -> S::f32s {
        vector_at::<S>(self.bias, column)
    }

    #[inline(always)]
    fn finish(&mut self, simd: S, place: usize, sums: S::f32s) {
        let omega = simd.splat_f32s(self.omega);
        let (sine, cosine) = sine_and_cosine(simd, simd.mul_f32s(omega, sums));
        *vector_at_mut::<S>(self.hidden.elements_mut(), place) = sine;
        *vector_at_mut::<S>(self.slopes.elements_mut(), place) = simd.mul_f32s(omega, cosine);
    }
}

/// Back through `max(0, z)`: the gradient by `z` takes the place of the hidden values, which tell where the slope is 0.
pub(super) struct BackThroughRelu<'a>(pub &'a mut Matrix);

impl<S: Simd> Output<S> for BackThroughRelu<'_> {
    #[inline(always)]
    fn start(&self, simd: S, _place: usize, _column: usize) -> S::f32s {
        simd.splat_f32s(0.0)
    }

    #[inline(always)]
    fn finish(&mut self, simd: S, place: usize, sums: S::f32s) {
        let hidden = vector_at_mut::<S>(self.0.elements_mut(), place);
        let zero = simd.splat_f32s(0.0);
        let passes = simd.greater_than_f32s(*hidden, zero);
        *hidden = simd.select_f32s(passes, sums, zero);
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

/// Back through the tangents of an activation, which are `slope × tangent before it`.
pub(super) struct BackThroughTangents<'a> {
    /// `[N, out]`
    pub slopes: &'a Matrix,
    /// Tangents before the activation, `[N, out]`: the gradient by them takes their place.
    pub tangents: &'a mut Matrix,
    /// What the gradient by the slopes is added to, `[N, out]`.
    pub by_slopes: &'a mut Matrix,
}

impl<S: Simd> Output<S> for BackThroughTangents<'_> {
    #[inline(always)]
    fn start(&self, simd: S, _place: usize, _column: usize) -> S::f32s {
        simd.splat_f32s(0.0)
    }

    #[inline(always)]
    fn finish(&mut self, simd: S, place: usize, sums: S::f32s) {
        let tangents = vector_at_mut::<S>(self.tangents.elements_mut(), place);
        let by_slopes = vector_at_mut::<S>(self.by_slopes.elements_mut(), place);
        *by_slopes = simd.mul_add_e_f32s(sums, *tangents, *by_slopes);
        *tangents = simd.mul_f32s(vector_at::<S>(self.slopes.elements(), place), sums);
    }
}

/// Back through an activation whose second derivative is its value times `curvature`, once the gradient by its slopes
/// is known.
pub(super) struct BackThroughValues<'a> {
    /// `[N, out]`: the gradient by `z` takes their place.
    pub slopes: &'a mut Matrix,
    /// The activation's values, `[N, out]`.
    pub values: &'a Matrix,
    /// `[N, out]`
    pub by_slopes: &'a Matrix,
    /// -ω² for `sin(ω z)`, 0 for `max(0, z)`.
    pub curvature: f32,
}

impl<S: Simd> Output<S> for BackThroughValues<'_> {
    #[inline(always)]
    fn start(&self, simd: S, _place: usize, _column: usize) -> S::f32s {
        simd.splat_f32s(0.0)
    }

    #[inline(always)]
    fn finish(&mut self, simd: S, place: usize, sums: S::f32s) {
        let values = vector_at::<S>(self.values.elements(), place);
        let by_slopes = vector_at::<S>(self.by_slopes.elements(), place);
        let second = simd.mul_f32s(simd.splat_f32s(self.curvature), values);
        let slopes = vector_at_mut::<S>(self.slopes.elements_mut(), place);
        *slopes = simd.mul_add_e_f32s(*slopes, sums, simd.mul_f32s(second, by_slopes));
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
