//! The exact distance's gradients, and how far a field's are from them.

use rayon::prelude::*;

use super::samples::{Cancelled, SampleSource, Samples};
use crate::CancelToken;
use crate::geometry::UNIT_LONGEST_SIDE;

/// Nearer to the surface a direction is made of rounding errors.
const GRADIENT_FROM: f32 = (1e-4 * UNIT_LONGEST_SIDE) as f32;

/// Distances that differ by less are taken for the same.
const SAME_DISTANCE: f32 = 1e-5;

impl SampleSource<'_> {
    /// The exact distance's gradients at `samples`, `[N, 3]`, from the closest points of the surface. Zero where there is
    /// none to speak of: on the surface, and where a wall inside is closer than the surface that distances refer to.
    pub(super) fn gradients(
        &self,
        samples: &Samples,
        cancel: &CancelToken,
    ) -> Result<Vec<[f32; 3]>, Cancelled> {
        if let Some(truth) = self.truth {
            return samples.in_chunks(cancel, |points, _| truth.gradients(points));
        }
        let gradient = |(&point, &distance): (&[f32; 3], &f32)| {
            let closest = self.oracle.closest(point).expect("samples are finite");
            let same = (closest.distance - distance.abs()).abs() < SAME_DISTANCE;
            if !same || distance.abs() < GRADIENT_FROM {
                return [0.0; 3];
            }
            std::array::from_fn(|axis| (point[axis] - closest.point[axis]) / distance)
        };
        samples.in_chunks(cancel, |points, distances| {
            points.par_iter().zip(distances).map(gradient).collect()
        })
    }
}

/// How far gradients are from the exact ones.
#[derive(Clone, Copy)]
pub(super) struct GradientError {
    /// Of the angles, in degrees.
    pub median: f64,
    pub mean: f64,
    /// Mean of | |gradient| - 1 |.
    pub length: f64,
}

impl GradientError {
    /// `None` if no point has an exact gradient.
    pub(super) fn of(found: &[[f32; 3]], exact: &[[f32; 3]]) -> Option<Self> {
        let dot = |a: &[f32; 3], b: &[f32; 3]| -> f64 {
            (0..3).map(|i| f64::from(a[i]) * f64::from(b[i])).sum()
        };
        let pairs = found.iter().zip(exact);
        let pairs = pairs.filter(|(_, exact)| dot(exact, exact) > 0.0);
        let (mut angles, mut length) = (Vec::with_capacity(exact.len()), 0.0);
        for (found, exact) in pairs {
            let found_length = dot(found, found).sqrt();
            length += (found_length - 1.0).abs();
            let cosine = dot(found, exact) / (found_length * dot(exact, exact).sqrt()).max(1e-30);
            angles.push(cosine.clamp(-1.0, 1.0).acos().to_degrees());
        }
        let count = angles.len();
        if count == 0 {
            return None;
        }
        let mean = angles.iter().sum::<f64>() / count as f64;
        let (_, &mut median, _) = angles.select_nth_unstable_by(count / 2, f64::total_cmp);
        Some(Self {
            median,
            mean,
            length: length / count as f64,
        })
    }
}
