//! A field that a fit is to become, in place of the distance of a mesh.

use crate::field::ScalarField;
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
const FLAT: f32 = 1e-3;

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
            for ((point, gradient), value) in points.iter_mut().zip(&gradients).zip(values) {
                let square = gradient.iter().map(|x| x * x).sum::<f32>();
                if square > FLAT * FLAT {
                    *point =
                        std::array::from_fn(|axis| point[axis] - value * gradient[axis] / square);
                }
            }
            normals = gradients;
        }
        for normal in &mut normals {
            let length = normal.iter().map(|x| x * x).sum::<f32>().sqrt();
            *normal = match length > FLAT {
                true => normal.map(|x| x / length),
                false => [0.0; 3],
            };
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
