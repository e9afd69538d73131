//! A network that corrects a spline.

use std::sync::Arc;

use super::engine::SharedField;
use super::scalar_field::ScalarField;
use super::spline::SplineField;

/// `spline + scale × network`: the spline is what is known before training, the network learns what it leaves.
pub struct Corrected {
    /// What is known.
    pub spline: Arc<SplineField>,
    /// What was learned.
    pub network: SharedField,
    /// Of the network's values.
    pub scale: f32,
}

impl ScalarField for Corrected {
    fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
        self.network.values(points, values);
        for value in &mut *values {
            *value *= self.scale;
        }
        self.spline.add(points, values, None);
    }

    fn values_and_gradients(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        gradients: &mut [[f32; 3]],
    ) {
        self.network.values_and_gradients(points, values, gradients);
        for (value, gradient) in values.iter_mut().zip(&mut *gradients) {
            *value *= self.scale;
            *gradient = gradient.map(|slope| slope * self.scale);
        }
        self.spline.add(points, values, Some(gradients));
    }
}
