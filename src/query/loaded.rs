//! A field on a device, asked in own units.

use std::sync::Arc;

use super::far::Place;
use crate::combine::{CombineError, Combined, Expression, Part, Quality};
use crate::field::{BoundedBelow, Engine, Extended, Model, ScalarField, Shape};

/// A model, or an expression over models, that is ready to be asked. Points, values and gradients are in own units: the mesh's, or
/// those of the expression.
#[derive(Clone)]
pub struct LoadedModel {
    part: Part,
    quality: Quality,
    warnings: Arc<[String]>,
}

impl LoadedModel {
    /// Moves a model's parameters to the engine's device.
    pub fn new(model: Arc<Model>, engine: &dyn Engine) -> Self {
        let field = model.unit_field(engine);
        let bounds = model.frame.apply_to_bounds(&model.bounds);
        Self {
            part: Part {
                field: Arc::new(Extended::new(
                    BoundedBelow::new(field, &bounds),
                    model.outer.as_ref(),
                )),
                shape: Arc::new(Shape::of(&model)),
            },
            quality: Quality::EXACT,
            warnings: Arc::default(),
        }
    }

    /// Puts models together: `load` gives the one of each name in the expression, and is asked for each once.
    ///
    /// # Errors
    /// What `load` fails with, and [`CombineError`] for an expression that is no shape.
    pub fn combine<E: From<CombineError>>(
        expression: &Expression,
        mut load: impl FnMut(&str) -> Result<LoadedModel, E>,
    ) -> Result<Self, E> {
        let combined = Combined::new::<E>(expression, |name| Ok(load(name)?.part))?;
        Ok(Self {
            quality: combined.quality(),
            warnings: combined.warnings().into(),
            part: Part {
                shape: Arc::new(combined.shape().clone()),
                field: Arc::new(combined),
            },
        })
    }

    /// What is known of the shape: its frame and bounds above all.
    pub fn shape(&self) -> &Shape {
        &self.part.shape
    }

    /// How far it still is a distance. A model counts as one.
    pub fn quality(&self) -> Quality {
        self.quality
    }

    /// What a user should know of how it is put together, a sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The field in the unit frame, kept positive far from the shape's bounding box and continued beyond the frame's border:
    /// what extraction takes.
    pub fn unit_field(&self) -> &dyn ScalarField {
        &*self.part.field
    }

    /// Signed distances `[N]` at points `[N, 3]`, and on request their gradients `[N, 3]`, which have no unit.
    ///
    /// Points are taken as `f64`, so that nothing is lost far from the origin. A distance that `f32` has no number for is infinite.
    pub fn evaluate(
        &self,
        points: &[[f64; 3]],
        gradient: bool,
    ) -> (Vec<f32>, Option<Vec<[f32; 3]>>) {
        let frame = &self.shape().frame;
        let (unit, factors) = Place::all(points, frame);
        let mut values = vec![0.0; unit.len()];
        let field = self.unit_field();
        // The frame scales distances and positions alike: gradients stay as they are.
        let gradients = if gradient {
            let mut gradients = vec![[0.0; 3]; unit.len()];
            field.values_and_gradients(&unit, &mut values, &mut gradients);
            Some(gradients)
        } else {
            field.values(&unit, &mut values);
            None
        };
        for (value, factor) in values.iter_mut().zip(factors) {
            *value = (f64::from(*value) * factor / frame.scale) as f32;
        }
        (values, gradients)
    }
}

#[cfg(test)]
mod tests;
