//! A field that a fit is to become, in place of the distance of a mesh.

use crate::field::{NewtonStep, ScalarField};
use crate::geometry::Similarity;

/// A field as ground truth: what an expression over models is distilled from.
#[derive(Clone, Copy)]
pub struct Truth<'a> {
    field: &'a dyn ScalarField,
    /// From own units to the frame in which the field is asked.
    frame: Similarity,
    /// From own units to the frame in which questions come.
    seen_from: Similarity,
}

/// Steps along the gradient that lead from a mesh of a field's surface onto it: the mesh is off by less than a cell, of which the first
/// step leaves a few percent.
const STEPS: usize = 2;

/// A gradient shorter than this points nowhere.
const FLAT: f64 = 1e-3;

impl<'a> Truth<'a> {
    /// A field that is asked in the frame to which `frame` leads from own units.
    pub fn new(field: &'a dyn ScalarField, frame: Similarity) -> Self {
        Self {
            field,
            frame,
            seen_from: frame,
        }
    }

    /// The same, asked and answering in another frame.
    pub(super) fn seen_from(self, frame: Similarity) -> Self {
        Self {
            seen_from: frame,
            ..self
        }
    }

    /// Values `[N]` at points `[N, 3]`.
    pub(super) fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
        self.field.values(&self.in_its_frame(points), values);
        self.scale(values);
    }

    /// Gradients `[N, 3]`. They have no unit: every frame has the same.
    pub(super) fn gradients(&self, points: &[[f32; 3]]) -> Vec<[f32; 3]> {
        self.values_and_gradients(points).1
    }

    /// Points near the level 0 moved onto it, and its normals there, which are zero where there is none.
    pub(super) fn onto_level(&self, mut points: Vec<[f32; 3]>) -> (Vec<[f32; 3]>, Vec<[f32; 3]>) {
        let mut normals = Vec::new();
        for _ in 0..STEPS {
            let (values, gradients) = self.values_and_gradients(&points);
            let steps = values.into_iter().zip(gradients).map(|(value, gradient)| {
                let step = NewtonStep::new(value.into(), gradient.map(f64::from));
                step.filter(|step| step.steepness > FLAT)
            });
            let steps: Vec<Option<NewtonStep>> = steps.collect();
            for (point, step) in points.iter_mut().zip(&steps) {
                if let Some(step) = step {
                    let way = step.way(f64::INFINITY);
                    *point = std::array::from_fn(|k| (f64::from(point[k]) + way[k]) as f32);
                }
            }
            let normal = |step: Option<NewtonStep>| {
                step.map_or([0.0; 3], |step| step.direction.map(|x| x as f32))
            };
            normals = steps.into_iter().map(normal).collect();
        }
        (points, normals)
    }

    fn values_and_gradients(&self, points: &[[f32; 3]]) -> (Vec<f32>, Vec<[f32; 3]>) {
        let mut values = vec![0.0; points.len()];
        let mut gradients = vec![[0.0; 3]; points.len()];
        let points = self.in_its_frame(points);
        (self.field).values_and_gradients(&points, &mut values, &mut gradients);
        self.scale(&mut values);
        (values, gradients)
    }

    fn in_its_frame(&self, points: &[[f32; 3]]) -> Vec<[f32; 3]> {
        let moved = |&point: &[f32; 3]| {
            let own = self.seen_from.invert(point.map(f64::from));
            self.frame.apply(own).map(|x| x as f32)
        };
        points.iter().map(moved).collect()
    }

    fn scale(&self, values: &mut [f32]) {
        let factor = (self.seen_from.scale / self.frame.scale) as f32;
        values.iter_mut().for_each(|value| *value *= factor);
    }
}
