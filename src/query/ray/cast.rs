//! Many rays at once: each round asks the field once for all that are on their way.

use rayon::prelude::*;

use super::march::{Found, March, Next, Pace};
use super::{Hit, Ray, RayError, RayHits, RaySettings, RayStats};
use crate::CancelToken;
use crate::field::{ScalarField, box_with_slack};
use crate::geometry::vector::{dot, length};
use crate::geometry::{Bounds, Similarity};

/// Rays on their way at once. Enough to fill any device; few enough that a round ends soon after a cancel.
const ON_THEIR_WAY: usize = 1 << 15;

/// A gradient shorter than this has no direction.
const FLAT: f64 = 1e-6;

/// A level set over the unit frame.
pub(super) struct Scene<'a> {
    field: &'a dyn ScalarField,
    frame: Similarity,
    /// The box around the level set, unit frame.
    bounds: Bounds,
    /// Unit lengths.
    iso: f64,
    pace: Pace,
    settings: &'a RaySettings,
    thickness: f64,
}

/// What is collected on the way.
struct Collected {
    hits: Vec<(u32, Hit)>,
    starts_inside: Vec<bool>,
    evaluations: Vec<u32>,
    stats: RayStats,
}

impl<'a> Scene<'a> {
    /// The shape of `field` lies in `bounds`; these, `thickness` and the settings are in own units, from which `frame` leads to the field's.
    pub(super) fn new(
        field: &'a dyn ScalarField,
        frame: Similarity,
        bounds: &Bounds,
        thickness: f64,
        settings: &'a RaySettings,
    ) -> Scene<'a> {
        let [min, max] = box_with_slack(&frame.apply_to_bounds(bounds));
        let [min, max] = [min, max].map(|corner| corner.map(f64::from));
        let iso = settings.iso * frame.scale;
        Scene {
            field,
            frame,
            // A level outside the shape lies so much farther out.
            bounds: Bounds { min, max }.grown(iso.max(0.0)),
            iso,
            pace: Pace {
                gap: thickness * frame.scale,
                slope: settings.slope_bound,
                tolerance: settings.tolerance * bounds.longest_side() * frame.scale,
            },
            settings,
            thickness,
        }
    }

    pub(super) fn cast(&self, rays: &[Ray], cancel: &CancelToken) -> Result<RayHits, RayError> {
        check(rays)?;
        let mut found = Collected {
            hits: Vec::new(),
            starts_inside: vec![false; rays.len()],
            evaluations: vec![0; rays.len()],
            stats: RayStats {
                rays: rays.len() as u64,
                thickness: self.thickness,
                ..RayStats::default()
            },
        };
        let mut waiting = 0;
        let (mut walking, mut enclosing) = (Vec::new(), Vec::new());
        loop {
            while walking.len() < ON_THEIR_WAY && waiting < rays.len() {
                let upto = rays.len().min(waiting + ON_THEIR_WAY - walking.len());
                let some = (waiting..upto).into_par_iter();
                let started: Vec<March> =
                    some.filter_map(|ray| self.start(ray, &rays[ray])).collect();
                found.stats.rays_in_box += started.len() as u64;
                walking.extend(started);
                waiting = upto;
            }
            if cancel.is_cancelled() {
                return Err(RayError::Cancelled);
            }
            if !walking.is_empty() {
                self.step(&mut walking, &mut enclosing, &mut found)?;
            }
            // Few at a time would be asked for at many times.
            let enough = enclosing.len() >= ON_THEIR_WAY / 4 || walking.is_empty();
            if enough && !enclosing.is_empty() {
                self.enclose(&mut enclosing, &mut walking, rays, &mut found)?;
            }
            if walking.is_empty() && enclosing.is_empty() && waiting == rays.len() {
                return Ok(found.sorted());
            }
        }
    }

    /// A ray where it enters the box; `None` if it passes by, or does not get there.
    fn start(&self, index: usize, ray: &Ray) -> Option<March> {
        let direction = unit(ray.direction);
        let origin = self.frame.apply(ray.origin);
        let (enters, leaves) = self
            .bounds
            .stretch_within(origin, direction.map(|x| 1.0 / x))?;
        let end = leaves.min(self.settings.reach * self.frame.scale);
        (end >= enters).then(|| {
            let entry = std::array::from_fn(|k| origin[k] + enters * direction[k]);
            March::new(index as u32, entry, direction, end - enters)
        })
    }

    /// One round for the rays on their way.
    fn step(
        &self,
        walking: &mut Vec<March>,
        enclosing: &mut Vec<March>,
        found: &mut Collected,
    ) -> Result<(), RayError> {
        let points: Vec<[f32; 3]> = walking.par_iter().map(March::place).collect();
        let mut values = vec![0.0; points.len()];
        self.field.values(&points, &mut values);
        found.stats.evaluations += points.len() as u64;
        let answers = walking.par_iter_mut().zip(&values);
        let nexts = answers.map(|(march, &value)| match value.is_finite() {
            true => Ok(march.advance(f64::from(value) - self.iso, &self.pace)),
            false => Err(self.not_finite(march)),
        });
        let nexts: Vec<Next> = nexts.collect::<Result<_, _>>()?;
        let mut nexts = nexts.into_iter();
        walking.retain(|march| match nexts.next() {
            Some(Next::Value) => true,
            Some(Next::Gradient) => {
                enclosing.push(*march);
                false
            }
            _ => {
                found.end(march);
                false
            }
        });
        Ok(())
    }

    /// One round for the hits that are being enclosed.
    fn enclose(
        &self,
        enclosing: &mut Vec<March>,
        walking: &mut Vec<March>,
        rays: &[Ray],
        found: &mut Collected,
    ) -> Result<(), RayError> {
        let points: Vec<[f32; 3]> = enclosing.par_iter().map(March::place).collect();
        let mut values = vec![0.0; points.len()];
        let mut gradients = vec![[0.0; 3]; points.len()];
        self.field
            .values_and_gradients(&points, &mut values, &mut gradients);
        found.stats.evaluations += points.len() as u64;
        found.stats.gradient_evaluations += points.len() as u64;
        let answers = enclosing
            .par_iter_mut()
            .zip(values.par_iter().zip(&gradients));
        let hits = answers.map(|(march, (&value, gradient))| {
            if !value.is_finite() {
                return Err(self.not_finite(march));
            }
            let gradient = gradient.map(f64::from);
            let slope = dot(gradient, march.direction);
            let hit = march.enclose(f64::from(value) - self.iso, slope, &self.pace);
            let ray = &rays[march.ray as usize];
            Ok(hit.map(|hit| self.hit(march, ray, hit, gradient)))
        });
        let hits: Vec<Option<Hit>> = hits.collect::<Result<_, _>>()?;
        let mut hits = hits.into_iter();
        let most = self.settings.most_hits;
        enclosing.retain_mut(|march| {
            let Some(hit) = hits.next().flatten() else {
                return true;
            };
            found.hits.push((march.ray, hit));
            found.stats.rays_that_hit += u64::from(march.hits == 1);
            if march.hits == most {
                found.stats.rays_cut_short += u64::from(most > 1);
                found.end(march);
            } else {
                match march.go_on(&self.pace) {
                    Next::Done => found.end(march),
                    _ => walking.push(*march),
                }
            }
            false
        });
        Ok(())
    }

    fn hit(&self, march: &March, ray: &Ray, found: Found, gradient: [f64; 3]) -> Hit {
        let unit_point = std::array::from_fn(|k| march.origin[k] + found.at * march.direction[k]);
        let point = self.frame.invert(unit_point);
        let steepness = length(gradient);
        let distance = dot(
            std::array::from_fn(|k| point[k] - ray.origin[k]),
            march.direction,
        );
        Hit {
            distance: distance.max(0.0),
            point,
            normal: match steepness > FLAT {
                true => gradient.map(|x| (x / steepness) as f32),
                false => [0.0; 3],
            },
            enters: found.enters,
        }
    }

    fn not_finite(&self, march: &March) -> RayError {
        RayError::FieldNotFinite {
            point: self.frame.invert(march.place().map(f64::from)),
        }
    }
}

impl Collected {
    /// Takes what a ray leaves behind.
    fn end(&mut self, march: &March) {
        let ray = march.ray as usize;
        self.starts_inside[ray] = march.starts_inside;
        self.evaluations[ray] = march.evaluations;
        self.stats.steepest_slope = self.stats.steepest_slope.max(march.steepest);
    }

    fn sorted(mut self) -> RayHits {
        self.hits.par_sort_unstable_by(|(a, hit), (b, other)| {
            a.cmp(b).then(hit.distance.total_cmp(&other.distance))
        });
        let mut first = vec![0; self.starts_inside.len() + 1];
        for &(ray, _) in &self.hits {
            first[ray as usize + 1] += 1;
        }
        for ray in 1..first.len() {
            first[ray] += first[ray - 1];
        }
        RayHits {
            hits: self.hits.into_iter().map(|(_, hit)| hit).collect(),
            first,
            starts_inside: self.starts_inside,
            evaluations: self.evaluations,
            stats: self.stats,
        }
    }
}

fn check(rays: &[Ray]) -> Result<(), RayError> {
    let wrong = |ray: &Ray| {
        let numbers = ray.origin.iter().chain(&ray.direction);
        let finite = { numbers }.all(|x| x.is_finite());
        !finite || ray.direction == [0.0; 3]
    };
    let Some(index) = rays.par_iter().position_first(wrong) else {
        return Ok(());
    };
    let Ray { origin, direction } = rays[index];
    Err(match direction == [0.0; 3] {
        true => RayError::NoDirection { ray: index },
        false => RayError::NotFinite {
            ray: index,
            origin,
            direction,
        },
    })
}

/// A direction at unit length, however long or short it was.
fn unit(direction: [f64; 3]) -> [f64; 3] {
    let most = direction.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let scaled = direction.map(|x| x / most);
    let length = length(scaled);
    scaled.map(|x| x / length)
}
