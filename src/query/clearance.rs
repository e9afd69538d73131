//! How near two shapes come to each other and where, in own units.
//!
//! In the middle of the shortest way between two solids both distances are half of it, and the larger of the two is less nowhere. Where
//! solids overlap, the larger is least in the middle of the largest ball that lies in both. So one search serves both: branch and bound
//! over boxes, of which those are left out that a field no steeper than a bound cannot be lower in (Piyavskii 1972, Shubert 1972). From
//! what is left, points are projected from one surface to the other and back until the way does not get shorter.

use serde::Serialize;

use super::project::{ProjectError, ProjectSettings, project_points};
use super::{LoadedModel, SettingOutOfRange};
use crate::CancelToken;
use crate::geometry::Bounds;
use crate::geometry::vector::{length, minus};

/// How the clearance is looked for. Start from [`Default`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClearanceSettings {
    /// How far the bound may be from what was found, as a share of the longest side of both shapes together.
    pub tolerance: f64,
    /// A bound on the fields' slopes: 1 for exact distances; fitted fields are a little steeper in places.
    pub slope_bound: f64,
}

impl Default for ClearanceSettings {
    fn default() -> Self {
        Self {
            tolerance: 4e-3,
            slope_bound: 1.1,
        }
    }
}

/// Where a way between two surfaces begins, and where it ends.
pub type Ends = [[f64; 3]; 2];

/// How near two shapes come to each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Clearance {
    /// The shortest way found between the surfaces; 0 where the shapes overlap.
    pub distance: f64,
    /// There is no shorter way than this, if the fields are no steeper than the bound and as long as distances.
    pub at_least: f64,
    /// The ends of the way: on the surface of the first shape, and of the second. None where they overlap.
    pub ends: Option<Ends>,
    /// What lies in both shapes, if anything does.
    pub overlap: Option<Overlap>,
    /// Points at which the fields were evaluated, both counted.
    pub evaluations: u64,
    /// What a user should know, a sentence each.
    pub warnings: Vec<String>,
}

/// The largest ball that was found in both of two shapes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Overlap {
    /// Its middle.
    pub center: [f64; 3],
    /// Its radius.
    pub radius: f64,
    /// No ball in both has a larger one than this, under the same conditions.
    pub at_most: f64,
}

/// Boxes that are looked at side by side, at most: some hundred megabytes.
const MOST_BOXES: usize = 1 << 21;

/// Boxes from which points are projected.
const STARTS: usize = 64;

/// Turns from one surface to the other and back.
const TURNS: usize = 40;

/// Points handed to the fields in one call.
const BATCH: usize = 1 << 14;

/// Boxes as large as each other that together hold every lowest place.
struct Boxes {
    middles: Vec<[f64; 3]>,
    /// The larger of both distances in the middle of each.
    values: Vec<f64>,
    /// Half a side.
    half: f64,
}

/// How near the shapes of two models come to each other.
///
/// # Errors
/// A setting out of range, a field without a value somewhere, or cancellation.
pub fn clearance(
    first: &LoadedModel,
    second: &LoadedModel,
    settings: &ClearanceSettings,
    cancel: &CancelToken,
) -> Result<Clearance, ProjectError> {
    check(settings)?;
    let models = [first, second];
    let corners = models.map(|model| [model.shape().bounds.min, model.shape().bounds.max]);
    let together = Bounds::around(corners.into_iter().flatten());
    let side = together.longest_side();
    let tolerance = settings.tolerance * side;
    let mut evaluations = 0;
    let mut boxes = Boxes {
        middles: vec![together.center()],
        values: Vec::new(),
        half: 0.5 * side,
    };
    let mut best = (f64::INFINITY, together.center());
    let mut warnings = Vec::new();
    let lowest = loop {
        boxes.values = values(models, &boxes.middles, cancel)?;
        evaluations += 2 * boxes.middles.len() as u64;
        for (&value, &middle) in boxes.values.iter().zip(&boxes.middles) {
            if value < best.0 {
                best = (value, middle);
            }
        }
        let reach = settings.slope_bound * 3f64.sqrt() * boxes.half;
        boxes.keep(|value| value - reach < best.0);
        // What was left out is nowhere lower than the best.
        let bounds = boxes.values.iter().map(|value| value - reach);
        let lowest = bounds.fold(best.0, f64::min);
        if best.0 - lowest <= 0.5 * tolerance {
            break lowest;
        }
        if 8 * boxes.middles.len() > MOST_BOXES {
            warnings.push(
                "The shapes are nearly as near to each other in very many places: the bound is wider than was asked for."
                    .to_owned(),
            );
            break lowest;
        }
        boxes.divide();
    };
    if best.0 < 0.0 {
        let overlap = Overlap {
            center: best.1,
            radius: -best.0,
            at_most: -lowest,
        };
        return Ok(Clearance {
            distance: 0.0,
            at_least: 0.0,
            ends: None,
            overlap: Some(overlap),
            evaluations,
            warnings,
        });
    }
    let mut starts = boxes.lowest_middles();
    starts.push(best.1);
    let (ends, more) = shortest_way(models, &starts, cancel)?;
    let distance = ends.map_or(2.0 * best.0, |[a, b]| length(minus(a, b)));
    if ends.is_none() {
        warnings.push("No point of one surface could be projected onto the other: a field is far from a distance.".to_owned());
    }
    Ok(Clearance {
        distance,
        at_least: (2.0 * lowest).clamp(0.0, distance),
        ends,
        overlap: None,
        evaluations: evaluations + more,
        warnings,
    })
}

fn check(settings: &ClearanceSettings) -> Result<(), SettingOutOfRange> {
    let ClearanceSettings {
        tolerance,
        slope_bound,
    } = *settings;
    if !(1e-5..=0.1).contains(&tolerance) {
        let expected = "from 1e-5 to 0.1 of the longest side";
        return Err(SettingOutOfRange::new("tolerance", tolerance, expected));
    }
    if !(0.1..=1e3).contains(&slope_bound) {
        let expected = "from 0.1 to 1000 (1 for an exact distance)";
        return Err(SettingOutOfRange::new("slope_bound", slope_bound, expected));
    }
    Ok(())
}

/// The larger of both distances at points.
fn values(
    models: [&LoadedModel; 2],
    points: &[[f64; 3]],
    cancel: &CancelToken,
) -> Result<Vec<f64>, ProjectError> {
    let mut values = Vec::with_capacity(points.len());
    for points in points.chunks(BATCH) {
        if cancel.is_cancelled() {
            return Err(ProjectError::Cancelled);
        }
        let [first, second] = models.map(|model| model.evaluate(points, false).0);
        for ((a, b), &point) in first.into_iter().zip(second).zip(points) {
            if !(a.is_finite() && b.is_finite()) {
                return Err(ProjectError::NoValue { point });
            }
            values.push(f64::from(a.max(b)));
        }
    }
    Ok(values)
}

impl Boxes {
    /// Leaves out those whose value does not pass.
    fn keep(&mut self, passes: impl Fn(f64) -> bool) {
        let kept = |index: &usize| passes(self.values[*index]);
        let kept: Vec<usize> = (0..self.values.len()).filter(kept).collect();
        self.middles = kept.iter().map(|&index| self.middles[index]).collect();
        self.values = kept.iter().map(|&index| self.values[index]).collect();
    }

    /// Cuts each into eight.
    fn divide(&mut self) {
        self.half *= 0.5;
        let half = self.half;
        let corners = self.middles.iter().flat_map(|middle| {
            (0..8).map(move |corner| {
                std::array::from_fn(|axis| {
                    middle[axis] + if corner >> axis & 1 == 1 { half } else { -half }
                })
            })
        });
        self.middles = corners.collect();
        self.values.clear();
    }

    /// The middles with the lowest values, of a part of the boxes.
    fn lowest_middles(&self) -> Vec<[f64; 3]> {
        let mut order: Vec<usize> = (0..self.middles.len()).collect();
        order.sort_by(|&a, &b| self.values[a].total_cmp(&self.values[b]).then(a.cmp(&b)));
        // Half of them the lowest, half from all that is left: the shortest way may be elsewhere by a little.
        let spread = (order.len() / (STARTS / 2)).max(1);
        let lowest = order.iter().take(STARTS / 2);
        let others = order.iter().skip(STARTS / 2).step_by(spread);
        lowest
            .chain(others)
            .map(|&index| self.middles[index])
            .collect()
    }
}

/// The ends of the shortest of the ways to which points lead, and at how many points fields were evaluated.
fn shortest_way(
    models: [&LoadedModel; 2],
    starts: &[[f64; 3]],
    cancel: &CancelToken,
) -> Result<(Option<Ends>, u64), ProjectError> {
    let settings = ProjectSettings::default();
    let mut evaluations = 0;
    let mut onto = |model: usize, points: &[[f64; 3]]| {
        let found = project_points(models[model], points, &settings, cancel)?;
        evaluations += found.evaluations;
        Ok::<_, ProjectError>(found.feet)
    };
    let mut best: Option<(f64, Ends)> = None;
    let mut on_first = onto(0, starts)?;
    for _ in 0..TURNS {
        let points: Vec<[f64; 3]> = on_first.iter().map(|foot| foot.point).collect();
        let on_second = onto(1, &points)?;
        let before = best.map_or(f64::INFINITY, |best| best.0);
        for (a, b) in on_first.iter().zip(&on_second) {
            let way = length(minus(a.point, b.point));
            if a.converged && b.converged && best.is_none_or(|best| way < best.0) {
                best = Some((way, [a.point, b.point]));
            }
        }
        let after = best.map_or(f64::INFINITY, |best| best.0);
        if before - after < 1e-9 * after {
            break;
        }
        let points: Vec<[f64; 3]> = on_second.iter().map(|foot| foot.point).collect();
        on_first = onto(0, &points)?;
    }
    Ok((best.map(|best| best.1), evaluations))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combine::{CombineError, Cuboid, Expression, Sphere, Torus};

    fn solid(expression: Expression) -> LoadedModel {
        LoadedModel::combine::<CombineError>(&expression, |_| unreachable!("no models")).unwrap()
    }

    fn ball(center: [f64; 3], radius: f64) -> LoadedModel {
        solid(Expression::Sphere(Sphere { center, radius }))
    }

    fn found(first: &LoadedModel, second: &LoadedModel) -> Clearance {
        clearance(
            first,
            second,
            &ClearanceSettings::default(),
            &CancelToken::new(),
        )
        .unwrap()
    }

    #[test]
    fn solids_that_do_not_meet_are_as_far_apart_as_their_closed_forms() {
        let (small, large) = (ball([10.0, 0.0, 3.0], 0.5), ball([13.0, 4.0, 3.0], 2.0));
        let apart = found(&small, &large);
        assert!((apart.distance - 2.5).abs() < 1e-5, "{apart:?}");
        assert!(apart.at_least > 2.4 && apart.at_least <= apart.distance);
        let [a, b] = apart.ends.unwrap();
        let on_the_line = |distance: f64| [10.0 + 0.6 * distance, 0.8 * distance, 3.0];
        assert!(length(minus(a, on_the_line(0.5))) < 1e-3, "{a:?}");
        assert!(length(minus(b, on_the_line(3.0))) < 1e-3, "{b:?}");
        // The other way round the ends change places.
        assert!(length(minus(found(&large, &small).ends.unwrap()[0], b)) < 1e-3);
        // A ball in the hole of a ring, off its middle: nearest on the side that it is nearer to.
        let ring = solid(Expression::Torus(Torus {
            center: [0.0; 3],
            axis: [0.0, 0.0, 1.0],
            radius: 2.0,
            tube: 0.3,
        }));
        let within = found(&ring, &ball([0.5, 0.0, 0.0], 0.4));
        assert!((within.distance - 0.8).abs() < 1e-5, "{within:?}");
        assert!(within.ends.unwrap()[0][0] > 1.6);
    }

    #[test]
    fn walls_that_face_each_other_are_near_everywhere() {
        let block = |min, max| solid(Expression::Box(Cuboid { min, max }));
        let left = block([0.0; 3], [1.0, 1.0, 1.0]);
        let right = block([1.05, 0.2, 0.2], [2.0, 0.8, 0.8]);
        let apart = found(&left, &right);
        assert!((apart.distance - 0.05).abs() < 1e-5, "{apart:?}");
        assert!(apart.at_least > 0.03, "{apart:?}");
        let touching = found(&left, &block([1.0, 0.2, 0.2], [2.0, 0.8, 0.8]));
        assert!(touching.distance < 1e-5 && touching.at_least == 0.0);
    }

    #[test]
    fn solids_that_overlap_have_a_ball_in_common() {
        let both = found(&ball([0.0; 3], 1.0), &ball([1.5, 0.0, 0.0], 1.0));
        let overlap = both.overlap.unwrap();
        assert!((overlap.radius - 0.25).abs() < 0.01, "{overlap:?}");
        assert!(overlap.at_most >= 0.25 - 1e-9);
        assert!(length(minus(overlap.center, [0.75, 0.0, 0.0])) < 0.02);
        assert_eq!((both.distance, both.ends), (0.0, None));
        // One within the other.
        let inner = found(&ball([0.0; 3], 1.0), &ball([0.2, 0.0, 0.0], 0.3));
        assert!((inner.overlap.unwrap().radius - 0.3).abs() < 0.01);
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        let one = ball([0.0; 3], 1.0);
        for (tolerance, slope_bound, words) in [
            (0.0, 1.1, "tolerance is 0"),
            (f64::NAN, 1.1, "tolerance is NaN"),
            (0.01, 0.0, "slope_bound is 0"),
        ] {
            let settings = ClearanceSettings {
                tolerance,
                slope_bound,
            };
            let refused = clearance(&one, &one, &settings, &CancelToken::new());
            let message = refused.unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
        let cancel = CancelToken::new();
        cancel.cancel();
        let cancelled = clearance(&one, &one, &ClearanceSettings::default(), &cancel);
        assert_eq!(cancelled, Err(ProjectError::Cancelled));
    }
}
