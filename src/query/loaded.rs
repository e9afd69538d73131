//! A model on a device, asked in the mesh's own units.

use std::sync::Arc;

use crate::field::{BoundedBelow, Engine, Extended, Model, ScalarField, SharedField};

/// A model that is ready to be asked. Points, values and gradients are in the mesh's own units.
#[derive(Clone)]
pub struct LoadedModel {
    model: Arc<Model>,
    field: Arc<Extended<BoundedBelow<SharedField>>>,
}

impl LoadedModel {
    /// Moves a model's parameters to the engine's device.
    pub fn new(model: Arc<Model>, engine: &dyn Engine) -> Self {
        let field = model.unit_field(engine);
        let bounds = model.frame.apply_to_bounds(&model.bounds);
        Self {
            field: Arc::new(Extended::new(
                BoundedBelow::new(field, &bounds),
                model.outer.as_ref(),
            )),
            model,
        }
    }

    /// The model itself.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The field in the unit frame, kept positive far from the shape's bounding box and continued beyond the frame's border:
    /// what extraction takes.
    pub fn unit_field(&self) -> &dyn ScalarField {
        &*self.field
    }

    /// Signed distances `[N]` at points `[N, 3]`, and on request their gradients `[N, 3]`, which have no unit.
    ///
    /// Points are taken as `f64`, so that nothing is lost far from the origin.
    pub fn evaluate(
        &self,
        points: &[[f64; 3]],
        gradient: bool,
    ) -> (Vec<f32>, Option<Vec<[f32; 3]>>) {
        let frame = &self.model.frame;
        let unit: Vec<[f32; 3]> = points
            .iter()
            .map(|&point| frame.apply(point).map(|x| x as f32))
            .collect();
        let mut values = vec![0.0; unit.len()];
        // The frame scales distances and positions alike: gradients stay as they are.
        let gradients = if gradient {
            let mut gradients = vec![[0.0; 3]; unit.len()];
            self.field
                .values_and_gradients(&unit, &mut values, &mut gradients);
            Some(gradients)
        } else {
            self.field.values(&unit, &mut values);
            None
        };
        for value in &mut values {
            *value = (f64::from(*value) / frame.scale) as f32;
        }
        (values, gradients)
    }
}
