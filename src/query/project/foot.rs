//! The way of points to their feet on a level set of the unit frame.
//!
//! Newton's method along the gradient leads to the level set; then the foot point is moved along the surface until the way to it is along the
//! normal (Hartmann 1999, "On the curvature of curves and surfaces defined by normalforms"): a field's gradient far away points only nearly at
//! the nearest point.

use rayon::prelude::*;

use super::ProjectError;
use crate::CancelToken;
use crate::field::{NewtonStep, ScalarField};
use crate::geometry::vector::{dot, length, minus};

/// Newton steps before a point is given up.
const MOST_STEPS: u32 = 24;

/// A step is at most so many times the value: where the gradient is short, the way is not known to be long.
const LONGEST_STEP: f64 = 1.5;

/// Unit lengths that a foot point is moved along the surface at once, at most.
const LONGEST_MOVE: f64 = 0.2;

/// A way that is so nearly along the normal leads to the nearest point: sine of the angle between them.
const ALONG_THE_NORMAL: f64 = 1e-3;

/// Beyond so many unit lengths a point is looked for from nearer by: the square of its distance must be a number.
const FAR: f64 = 1e3;

/// A level set over the unit frame.
pub(super) struct Level<'a> {
    pub field: &'a dyn ScalarField,
    pub iso: f64,
    /// How far a value may be from it.
    pub tolerance: f64,
    pub cancel: &'a CancelToken,
    /// Points at which the field was evaluated.
    pub evaluations: u64,
}

/// The best place that a point was led to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Landed {
    pub at: [f64; 3],
    /// How far the value there is from the level.
    pub off: f64,
    pub gradient: [f64; 3],
    /// Whether the point that was led there lies within the level set.
    pub from_inside: bool,
}

/// A value and gradient at a place.
type Known = (f64, [f64; 3]);

impl Level<'_> {
    /// The feet of points.
    pub(super) fn feet(
        &mut self,
        points: &[[f64; 3]],
        refinements: u32,
    ) -> Result<Vec<Landed>, ProjectError> {
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
    let step = NewtonStep::new(value, gradient);
    step.map_or([0.0; 3], |step| step.way(LONGEST_STEP * value.abs()))
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
