//! Vertices moved onto a level set.

use super::ExtractError;
use super::lattice::Sampler;
use crate::field::NewtonStep;
use crate::geometry::Similarity;
use rayon::prelude::*;

/// What points were before they were moved.
pub(super) struct Projected {
    /// How far each was from the level set, own units; about.
    pub off: Vec<f64>,
    /// The direction of the gradient there; zero where it has none.
    pub directions: Vec<[f32; 3]>,
}

/// Moves points, own units, along the gradient onto the level set: one step of Newton's method, of half a `cell` at most.
pub(super) fn project(
    points: &mut [[f64; 3]],
    cell: f64,
    frame: &Similarity,
    sampler: &mut Sampler,
) -> Result<Projected, ExtractError> {
    let unit: Vec<[f32; 3]> = points
        .par_iter()
        .map(|&point| frame.apply(point).map(|x| x as f32))
        .collect();
    let (values, gradients) = sampler.values_and_gradients(&unit)?;
    let moved = (points, &values, &gradients)
        .into_par_iter()
        .map(|(point, &value, gradient)| {
            let value = f64::from(value);
            let Some(step) = NewtonStep::new(value, gradient.map(f64::from)) else {
                return (value.abs() / frame.scale, [0.0; 3]);
            };
            let way = step.way(0.5 * cell * frame.scale);
            (0..3).for_each(|k| point[k] += way[k] / frame.scale);
            (
                step.off.abs() / frame.scale,
                step.direction.map(|x| x as f32),
            )
        });
    let (off, directions) = moved.unzip();
    Ok(Projected { off, directions })
}
