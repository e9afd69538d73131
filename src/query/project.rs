//! The points of a level set that are nearest to given ones, in the mesh's own units.

mod foot;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::{LoadedModel, SettingOutOfRange};
use crate::CancelToken;
use crate::field::{NewtonStep, ScalarField};
use crate::geometry::Similarity;
use crate::geometry::vector::{length, minus};
use foot::Level;

/// How points are projected. Start from [`Default`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProjectSettings {
    /// The level, own units: 0 is the surface itself, positive values lie outside it.
    pub iso: f64,
    /// How far the value at a projected point may be from the level, as a share of the longest side.
    pub tolerance: f64,
    /// How often a foot point is moved along the surface, at most. 0 leaves it where the gradient led.
    pub refinements: u32,
}

impl Default for ProjectSettings {
    fn default() -> Self {
        ProjectSettings {
            iso: 0.0,
            tolerance: 2e-6,
            refinements: 4,
        }
    }
}

/// Why points cannot be projected.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProjectError {
    /// A point is none.
    #[error(
        "point {index} (counted from 0) is at {point:?}: every coordinate must be a finite number"
    )]
    NotFinite {
        /// Which.
        index: usize,
        /// Where.
        point: [f64; 3],
    },
    /// A setting is out of range.
    #[error(transparent)]
    Setting(#[from] SettingOutOfRange),
    /// The field has no value there.
    #[error("the model's value at {point:?} is not finite: its file is damaged, fit it again")]
    NoValue {
        /// The point, own units.
        point: [f64; 3],
    },
    /// The token was set.
    #[error("cancelled")]
    Cancelled,
}

/// Where a point was projected to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Foot {
    /// The place, own units.
    pub point: [f64; 3],
    /// How far that is from the point that was projected, own units; negative if that is within the level set.
    pub distance: f64,
    /// The field's gradient at the place at unit length; all 0 where there is none.
    pub normal: [f32; 3],
    /// What the value at the place is off the level, own units.
    pub residual: f64,
    /// Whether the residual is within the tolerance: if not, the place is the best that was met, and no point of the level set.
    pub converged: bool,
}

/// Where points were projected to, and what that took.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// `[N]`, in the order of the points.
    pub feet: Vec<Foot>,
    /// Points at which the field was evaluated.
    pub evaluations: u64,
    /// How far the gradient's length is from that of a distance, on the surface; `None` if no point got there.
    pub drift: Option<GradientDrift>,
}

/// How far the lengths of gradients are from 1, as those of distances are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GradientDrift {
    /// The mean of | |∇f| - 1 |.
    pub mean: f64,
    /// What 99 % are below.
    pub percentile_99: f64,
}

/// Points handed to the field in one call.
const BATCH: usize = 1 << 14;

/// Projects points onto a level set of a model.
///
/// The foot is a point of the level set towards which the way from the point is along the normal: the nearest one, unless the field leads
/// to another part of the surface that is about as near.
///
/// # Errors
/// A point that is not finite, a setting out of range, or cancellation. Points that do not arrive are flagged.
pub fn project_points(
    loaded: &LoadedModel,
    points: &[[f64; 3]],
    settings: &ProjectSettings,
    cancel: &CancelToken,
) -> Result<Projection, ProjectError> {
    let shape = loaded.shape();
    let side = shape.bounds.longest_side();
    project(
        loaded.unit_field(),
        shape.frame,
        side,
        points,
        settings,
        cancel,
    )
}

fn project(
    field: &dyn ScalarField,
    frame: Similarity,
    side: f64,
    points: &[[f64; 3]],
    settings: &ProjectSettings,
    cancel: &CancelToken,
) -> Result<Projection, ProjectError> {
    settings.check()?;
    let finite = |point: &[f64; 3]| point.iter().all(|x| x.is_finite());
    if let Some(index) = points.iter().position(|point| !finite(point)) {
        let point = points[index];
        return Err(ProjectError::NotFinite { index, point });
    }
    let mut level = Level {
        field,
        iso: settings.iso * frame.scale,
        tolerance: settings.tolerance * side * frame.scale,
        cancel,
        evaluations: 0,
    };
    let mut feet = Vec::with_capacity(points.len());
    let mut drifts = Vec::with_capacity(points.len());
    for points in points.chunks(BATCH) {
        let unit: Vec<[f64; 3]> = points.iter().map(|&point| frame.apply(point)).collect();
        for (&point, landed) in points.iter().zip(level.feet(&unit, settings.refinements)?) {
            if landed.off.is_infinite() {
                return Err(ProjectError::NoValue { point });
            }
            let step = NewtonStep::new(landed.off, landed.gradient);
            let place = frame.invert(landed.at);
            let way = length(minus(place, point));
            feet.push(Foot {
                point: place,
                distance: if landed.from_inside { -way } else { way },
                normal: step.map_or([0.0; 3], |step| step.direction.map(|x| x as f32)),
                residual: landed.off / frame.scale,
                converged: landed.off <= level.tolerance,
            });
            if landed.off <= level.tolerance {
                drifts.push((length(landed.gradient) - 1.0).abs());
            }
        }
    }
    Ok(Projection {
        feet,
        evaluations: level.evaluations,
        drift: GradientDrift::of(drifts),
    })
}

impl ProjectSettings {
    fn check(&self) -> Result<(), SettingOutOfRange> {
        if !self.iso.is_finite() {
            return Err(SettingOutOfRange::new("iso", self.iso, "a finite length"));
        }
        if !(1e-7..=1e-2).contains(&self.tolerance) {
            let expected = "from 1e-7 to 0.01 of the longest side";
            let error = SettingOutOfRange::new("tolerance", self.tolerance, expected);
            return Err(error);
        }
        match self.refinements {
            0..=100 => Ok(()),
            many => Err(SettingOutOfRange::new("refinements", many, "at most 100")),
        }
    }
}

impl GradientDrift {
    fn of(mut drifts: Vec<f64>) -> Option<GradientDrift> {
        let count = drifts.len();
        let mean = drifts.iter().sum::<f64>() / count as f64;
        (count > 0).then(|| {
            let (_, &mut percentile_99, _) =
                drifts.select_nth_unstable_by((count - 1) * 99 / 100, f64::total_cmp);
            GradientDrift {
                mean,
                percentile_99,
            }
        })
    }
}
