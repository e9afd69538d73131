//! Points moved onto a level set.

use super::integrals::Vertex;
use crate::CancelToken;
use crate::extract::ExtractError;
use crate::field::{NewtonStep, ScalarField};
use crate::geometry::Similarity;
use crate::geometry::vector::{dot, minus};

/// Points handed to the field in one call.
const BATCH: usize = 1 << 15;

/// A level set of a field over the unit frame.
pub(super) struct Level<'a> {
    pub field: &'a dyn ScalarField,
    /// Unit lengths.
    pub iso: f64,
    pub frame: Similarity,
    pub cancel: &'a CancelToken,
    /// Points at which the field was evaluated.
    pub evaluations: u64,
}

/// Where the way to the level set begins, and what it may not lead away from.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub at: [f64; 3],
    /// What stands for the point if it does not get there.
    pub middle: [f64; 3],
    /// How far from the middle it may end.
    pub reach: f64,
    /// The way from the middle to an end, where it is the middle of a side; else 0.
    pub half: [f64; 3],
}

/// How far what lies between two ends may come near one of them, as a share of the way from the middle: beyond, the surface would fold.
const BETWEEN: f64 = 0.8;

impl Start {
    /// Whether the way may end there.
    fn allows(&self, end: [f64; 3]) -> bool {
        let way = minus(end, self.middle);
        let along = dot(way, self.half).abs();
        dot(way, way) <= self.reach * self.reach
            && (along == 0.0 || along <= BETWEEN * dot(self.half, self.half))
    }
}

/// A point that was moved onto the level set.
pub(super) struct Landed {
    pub vertex: Vertex,
    /// Whether it got there: otherwise it is the middle.
    pub landed: bool,
}

impl Level<'_> {
    /// Moves points of the unit frame onto the level set, along its gradient (Newton, twice).
    ///
    /// # Errors
    /// A field that is not finite, or cancellation.
    pub(super) fn landed(&mut self, starts: &[Start]) -> Result<Vec<Landed>, ExtractError> {
        let mut landed = Vec::with_capacity(starts.len());
        for starts in starts.chunks(BATCH) {
            let points: Vec<[f64; 3]> = starts.iter().map(|start| start.at).collect();
            let first = self.steps(&points)?;
            let moved: Vec<[f64; 3]> = first.iter().map(|step| step.to).collect();
            let second = self.steps(&moved)?;
            let steps = first.into_iter().zip(second);
            landed.extend(starts.iter().zip(steps).map(|(start, (first, second))| {
                let got_there = second.off <= first.off && start.allows(second.to);
                let (position, normal) = match got_there {
                    true => (second.to, second.normal),
                    false => (start.middle, first.normal),
                };
                Landed {
                    vertex: Vertex { position, normal },
                    landed: got_there,
                }
            }));
        }
        Ok(landed)
    }

    /// How far the field is from the level at points of the unit frame.
    ///
    /// # Errors
    /// As [`landed`](Self::landed).
    pub(super) fn offs(&mut self, points: &[[f64; 3]]) -> Result<Vec<f64>, ExtractError> {
        let mut offs = Vec::with_capacity(points.len());
        for points in points.chunks(BATCH) {
            if self.cancel.is_cancelled() {
                return Err(ExtractError::Cancelled);
            }
            let unit: Vec<[f32; 3]> = points.iter().map(|p| p.map(|x| x as f32)).collect();
            let mut values = vec![0.0; unit.len()];
            self.field.values(&unit, &mut values);
            self.evaluations += unit.len() as u64;
            offs.extend(
                values
                    .into_iter()
                    .map(|value| (f64::from(value) - self.iso).abs()),
            );
        }
        Ok(offs)
    }

    fn steps(&mut self, points: &[[f64; 3]]) -> Result<Vec<Step>, ExtractError> {
        if self.cancel.is_cancelled() {
            return Err(ExtractError::Cancelled);
        }
        // Steps are taken from the places at which the field was asked.
        let points: Vec<[f32; 3]> = points.iter().map(|p| p.map(|x| x as f32)).collect();
        let mut values = vec![0.0; points.len()];
        let mut gradients = vec![[0.0; 3]; points.len()];
        self.field
            .values_and_gradients(&points, &mut values, &mut gradients);
        self.evaluations += points.len() as u64;
        let steps = points.iter().zip(values.iter().zip(&gradients));
        steps
            .map(|(&point, (&value, &gradient))| {
                let point = point.map(f64::from);
                if !value.is_finite() || gradient.iter().any(|x| !x.is_finite()) {
                    return Err(ExtractError::NotFinite {
                        point: self.frame.invert(point),
                    });
                }
                Ok(Step::new(
                    point,
                    f64::from(value) - self.iso,
                    gradient.map(f64::from),
                ))
            })
            .collect()
    }
}

/// One step towards the level set.
struct Step {
    to: [f64; 3],
    /// How far the value was off.
    off: f64,
    normal: [f64; 3],
}

impl Step {
    fn new(point: [f64; 3], value: f64, gradient: [f64; 3]) -> Step {
        let step = NewtonStep::new(value, gradient);
        let way = step.map_or([0.0; 3], |step| step.way(f64::INFINITY));
        Step {
            to: std::array::from_fn(|k| point[k] + way[k]),
            off: value.abs(),
            normal: step.map_or([0.0; 3], |step| step.direction),
        }
    }
}
