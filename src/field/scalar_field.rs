//! The one way in which the rest of the house sees a field: points in, values and gradients out.

use std::sync::Arc;

/// A scalar field over R³ that can be evaluated at many points at once.
///
/// Extraction and queries take this trait, so that they run alike on a trained network, on an exact distance and on
/// a closed form in a test.
pub trait ScalarField: Sync {
    /// Writes the value at each point.
    ///
    /// `points` is `[N, 3] f32`, `values` is `[N] f32`. Callers pass batches of thousands; implementations spread
    /// them over cores or a device by themselves.
    ///
    /// # Panics
    /// Panics if the lengths differ.
    fn values(&self, points: &[[f32; 3]], values: &mut [f32]);

    /// Writes the value and the gradient by position at each point; `gradients` is `[N, 3] f32`.
    ///
    /// # Panics
    /// Panics if the lengths differ.
    fn values_and_gradients(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        gradients: &mut [[f32; 3]],
    );
}

impl<F: ScalarField + Send + ?Sized> ScalarField for Arc<F> {
    fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
        (**self).values(points, values);
    }

    fn values_and_gradients(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        gradients: &mut [[f32; 3]],
    ) {
        (**self).values_and_gradients(points, values, gradients);
    }
}
