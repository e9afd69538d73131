//! The points of a level set that are nearest to given ones, in the mesh's own units.
//!
//! Newton's method along the gradient leads to the level set; then the foot point is moved along the surface until the way to it is along the
//! normal (Hartmann 1999, "On the curvature of curves and surfaces defined by normalforms"): a field's gradient far away points only nearly at
//! the nearest point.

use rayon::prelude::*;
use serde::Serialize;

use super::LoadedModel;
use crate::CancelToken;
use crate::field::ScalarField;
use crate::geometry::Similarity;
use crate::geometry::vector::{dot, length, minus};

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
    #[error("{name} is {value}: it must be {expected}")]
    Setting {
        /// Which.
        name: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        expected: &'static str,
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

/// Newton steps before a point is given up.
const MOST_STEPS: u32 = 24;

/// A gradient shorter than this leads nowhere.
const FLAT: f64 = 1e-6;

/// A step is at most so many times the value: where the gradient is short, the way is not known to be long.
const LONGEST_STEP: f64 = 1.5;

/// Unit lengths that a foot point is moved along the surface at once, at most.
const LONGEST_MOVE: f64 = 0.2;

/// A way that is so nearly along the normal leads to the nearest point: sine of the angle between them.
const ALONG_THE_NORMAL: f64 = 1e-3;

/// Beyond so many unit lengths a point is looked for from nearer by: the square of its distance must be a number.
const FAR: f64 = 1e3;

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
            let steepness = length(landed.gradient);
            let place = frame.invert(landed.at);
            let way = length(minus(place, point));
            feet.push(Foot {
                point: place,
                distance: if landed.from_inside { -way } else { way },
                normal: match steepness > FLAT {
                    true => landed.gradient.map(|x| (x / steepness) as f32),
                    false => [0.0; 3],
                },
                residual: landed.off / frame.scale,
                converged: landed.off <= level.tolerance,
            });
            if landed.off <= level.tolerance {
                drifts.push((steepness - 1.0).abs());
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
    fn check(&self) -> Result<(), ProjectError> {
        let refused = |name, value, expected| {
            Err(ProjectError::Setting {
                name,
                value,
                expected,
            })
        };
        if !self.iso.is_finite() {
            return refused("iso", self.iso, "a finite length");
        }
        if !(1e-7..=1e-2).contains(&self.tolerance) {
            let expected = "from 1e-7 to 0.01 of the longest side";
            return refused("tolerance", self.tolerance, expected);
        }
        match self.refinements <= 100 {
            true => Ok(()),
            false => refused("refinements", self.refinements.into(), "at most 100"),
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

/// A level set over the unit frame.
struct Level<'a> {
    field: &'a dyn ScalarField,
    iso: f64,
    tolerance: f64,
    cancel: &'a CancelToken,
    evaluations: u64,
}

/// The best place that a point was led to.
#[derive(Clone, Copy, Debug)]
struct Landed {
    at: [f64; 3],
    /// How far the value there is from the level.
    off: f64,
    gradient: [f64; 3],
    from_inside: bool,
}

/// A value and gradient at a place.
type Known = (f64, [f64; 3]);

impl Level<'_> {
    /// The feet of points.
    fn feet(&mut self, points: &[[f64; 3]], refinements: u32) -> Result<Vec<Landed>, ProjectError> {
        let reachable = |point: &[f64; 3]| match point.iter().all(|x| x.abs() <= FAR) {
            true => *point,
            false => point.map(|x| x.clamp(-2.0, 2.0)),
        };
        let starts: Vec<[f64; 3]> = points.iter().map(reachable).collect();
        let mut feet = self.landed(&starts)?;
        // By point: the share of the way along the surface that is tried next.
        let mut shares = vec![0.6; points.len()];
        let mut moving: Vec<usize> = (0..points.len()).collect();
        for _ in 0..refinements {
            moving.retain(|&index| {
                feet[index].off <= self.tolerance && sideways(points[index], &feet[index]).is_some()
            });
            if moving.is_empty() {
                break;
            }
            let moved = moving.iter().map(|&index| {
                let way = sideways(points[index], &feet[index]).unwrap_or_default();
                std::array::from_fn(|k| feet[index].at[k] + shares[index] * way[k])
            });
            let tried = self.landed(&moved.collect::<Vec<_>>())?;
            for (&index, tried) in moving.iter().zip(tried) {
                let foot = &mut feet[index];
                let away = |at| length(minus(at, points[index]));
                if tried.off <= self.tolerance && away(tried.at) < away(foot.at) {
                    foot.at = tried.at;
                    (foot.off, foot.gradient) = (tried.off, tried.gradient);
                } else {
                    shares[index] *= 0.3;
                }
            }
        }
        Ok(feet)
    }

    /// Points led to the level set along the gradient: by Newton steps that are taken back by halves where they lead away from it.
    fn landed(&mut self, starts: &[[f64; 3]]) -> Result<Vec<Landed>, ProjectError> {
        let mut landed: Vec<Landed> = Vec::with_capacity(starts.len());
        let known = self.known(starts)?;
        for (&at, (value, gradient)) in starts.iter().zip(known) {
            landed.push(Landed {
                at,
                off: value.abs(),
                gradient,
                from_inside: value < 0.0,
            });
        }
        // Where each tries next, from its best place; the value there, with its sign, leads.
        let values: Vec<f64> = landed
            .iter()
            .map(|l| if l.from_inside { -l.off } else { l.off })
            .collect();
        let mut ways: Vec<[f64; 3]> = landed
            .iter()
            .zip(values)
            .map(|(l, value)| newton(value, l.gradient))
            .collect();
        let mut on_their_way: Vec<usize> = (0..starts.len()).collect();
        for _ in 0..MOST_STEPS {
            on_their_way
                .retain(|&index| landed[index].off > self.tolerance && ways[index] != [0.0; 3]);
            if on_their_way.is_empty() {
                break;
            }
            let places = on_their_way
                .iter()
                .map(|&index| std::array::from_fn(|k| landed[index].at[k] + ways[index][k]));
            let places: Vec<[f64; 3]> = places.collect();
            let known = self.known(&places)?;
            for ((&index, at), (value, gradient)) in on_their_way.iter().zip(places).zip(known) {
                if value.abs() < landed[index].off {
                    let from_inside = landed[index].from_inside;
                    landed[index] = Landed {
                        at,
                        off: value.abs(),
                        gradient,
                        from_inside,
                    };
                    ways[index] = newton(value, gradient);
                } else {
                    ways[index] = ways[index].map(|x| 0.5 * x);
                }
            }
        }
        Ok(landed)
    }

    /// Values relative to the level, and gradients. A place where the field is not finite is infinitely far from it.
    fn known(&mut self, places: &[[f64; 3]]) -> Result<Vec<Known>, ProjectError> {
        if self.cancel.is_cancelled() {
            return Err(ProjectError::Cancelled);
        }
        let points: Vec<[f32; 3]> = places.iter().map(|p| p.map(|x| x as f32)).collect();
        let mut values = vec![0.0; points.len()];
        let mut gradients = vec![[0.0; 3]; points.len()];
        self.field
            .values_and_gradients(&points, &mut values, &mut gradients);
        self.evaluations += points.len() as u64;
        let known = values.par_iter().zip(&gradients).map(|(&value, gradient)| {
            let finite = value.is_finite() && gradient.iter().all(|x| x.is_finite());
            match finite {
                true => (f64::from(value) - self.iso, gradient.map(f64::from)),
                false => (f64::INFINITY, [0.0; 3]),
            }
        });
        Ok(known.collect())
    }
}

/// The way to where the field would be at the level if its gradient stayed as it is; none where there is no gradient.
fn newton(value: f64, gradient: [f64; 3]) -> [f64; 3] {
    let square = dot(gradient, gradient);
    if square < FLAT * FLAT || !value.is_finite() {
        return [0.0; 3];
    }
    // |way| = |value| / |gradient|
    let shortening = (LONGEST_STEP * square.sqrt()).min(1.0);
    gradient.map(|x| -value * x / square * shortening)
}

/// The part along the surface of the way from a foot to its point; `None` where that is next to nothing.
fn sideways(point: [f64; 3], foot: &Landed) -> Option<[f64; 3]> {
    let steepness = length(foot.gradient);
    let way = minus(point, foot.at);
    let normal = foot.gradient.map(|x| x / steepness);
    let along = dot(way, normal);
    let sideways: [f64; 3] = std::array::from_fn(|k| way[k] - along * normal[k]);
    let far = length(sideways);
    // Not so where there is no normal.
    if far > ALONG_THE_NORMAL * length(way) && far > 1e-6 {
        let shortening = (LONGEST_MOVE / far).min(1.0);
        return Some(sideways.map(|x| x * shortening));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::closed_forms::{Closed, cuboid, sphere, torus};

    /// Neither the origin nor the unit of the field.
    const FRAME: Similarity = Similarity {
        center: [10.0, -20.0, 5.0],
        scale: 0.5,
    };

    fn projected(field: &dyn ScalarField, points: &[[f64; 3]]) -> Projection {
        let settings = ProjectSettings::default();
        project(field, FRAME, 3.6, points, &settings, &CancelToken::new()).unwrap()
    }

    /// Points all over the frame and beyond, own units.
    fn points(count: usize) -> Vec<[f64; 3]> {
        let place = |n: usize, prime: usize| ((n * prime + 1) % 1009) as f64 / 1009.0 * 3.0 - 1.5;
        let unit = (0..count).map(|n| [place(n, 317), place(n, 577), place(n, 839)]);
        unit.map(|p| FRAME.invert(p)).collect()
    }

    #[test]
    fn feet_are_those_of_closed_forms() {
        let points = points(500);
        let ball = projected(&sphere(0.6), &points);
        for (&point, foot) in points.iter().zip(&ball.feet) {
            let away = length(FRAME.apply(point));
            assert!(foot.converged && foot.residual < 1e-5, "{foot:?}");
            assert!((foot.distance - (away - 0.6) / FRAME.scale).abs() < 1e-5);
            let normal = minus(foot.point, FRAME.center).map(|x| x * FRAME.scale / 0.6);
            assert!((0..3).all(|k| (normal[k] - f64::from(foot.normal[k])).abs() < 1e-4));
        }
        assert!(ball.drift.unwrap().percentile_99 < 1e-4, "{:?}", ball.drift);
        for field in [
            &torus(0.6, 0.2) as &dyn ScalarField,
            &cuboid([0.7, 0.4, 0.2]),
        ] {
            let unit: Vec<[f32; 3]> = points
                .iter()
                .map(|&p| FRAME.apply(p).map(|x| x as f32))
                .collect();
            let mut values = vec![0.0; unit.len()];
            field.values(&unit, &mut values);
            for (foot, value) in projected(field, &points).feet.iter().zip(values) {
                let off = foot.distance - f64::from(value) / FRAME.scale;
                assert!(foot.converged && off.abs() < 2e-5, "{foot:?}: {off}");
            }
        }
    }

    #[test]
    fn a_field_that_is_no_distance_leads_to_the_nearest_point_all_the_same() {
        // An ellipsoid as its quadratic form, whose gradient points elsewhere.
        let axes = [0.8, 0.5, 0.4];
        let form =
            move |p: [f64; 3]| 0.3 * ((0..3).map(|k| (p[k] / axes[k]).powi(2)).sum::<f64>() - 1.0);
        let from = [0.9, 0.5, 0.3];
        let found = projected(&Closed(form), &[FRAME.invert(from)]).feet[0];
        let nearest = (0..4_000_000)
            .map(|n| {
                let (u, v) = (f64::from(n / 2000) / 2000.0, f64::from(n % 2000) / 2000.0);
                let (polar, turn) = (
                    u * std::f64::consts::FRAC_PI_2,
                    v * std::f64::consts::FRAC_PI_2,
                );
                let at = [
                    axes[0] * polar.sin() * turn.cos(),
                    axes[1] * polar.sin() * turn.sin(),
                    axes[2] * polar.cos(),
                ];
                length(minus(at, from))
            })
            .fold(f64::INFINITY, f64::min);
        assert!(found.converged);
        assert!(
            (found.distance * FRAME.scale / nearest - 1.0).abs() < 1e-3,
            "{found:?} {nearest}"
        );
    }

    #[test]
    fn what_cannot_arrive_is_flagged_and_far_points_do() {
        // No level set at all.
        let nowhere = projected(&Closed(|_| 0.5), &points(10));
        assert!(
            nowhere
                .feet
                .iter()
                .all(|foot| !foot.converged && foot.residual == 1.0)
        );
        assert!(nowhere.drift.is_none());
        let far = [[1e30, 0.0, 0.0], [-1e12, 3e11, 2e12]];
        for foot in projected(&sphere(0.6), &far).feet {
            assert!(foot.converged, "{foot:?}");
        }
        // In the middle of a ball every way is as good.
        let middle = projected(&sphere(0.6), &[FRAME.center]).feet[0];
        assert!(middle.point.iter().all(|x| x.is_finite()));
        let wrong = [[0.0; 3], [f64::NAN, 0.0, 0.0]];
        let settings = ProjectSettings::default();
        let refused = project(
            &sphere(0.6),
            FRAME,
            3.6,
            &wrong,
            &settings,
            &CancelToken::new(),
        );
        assert!(matches!(
            refused,
            Err(ProjectError::NotFinite { index: 1, .. })
        ));
    }
}
