//! Inside or outside: the rules at work, and the report about them.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::bvh::{Lanes, WIDTH};
use super::crossings::Heading;
use super::groups::Scratch;
use super::neighbours::Balls;
use super::sign::{SignPolicy, SignReport, SignRule};
use super::signed_distance::SignedDistance;
use super::triangle::smaller;
use crate::geometry::on_lattice;
use crate::instruction_set::instruction_set;

/// Larger balls are not made use of: rounding would count in them.
const FARTHEST_SHARED: f32 = 4.0;

impl SignedDistance {
    /// Which rule gives the sign and how far it can be trusted. The first call compares the rules on
    /// [`SignReport::SAMPLES`] points; later ones are free.
    pub fn sign_report(&self) -> &SignReport {
        self.report.get_or_init(|| {
            let disagreement = match self.rule {
                SignRule::Unsigned => 0.0,
                _ => self.disagreement(),
            };
            SignReport {
                policy: self.policy,
                rule: self.rule,
                disagreement,
                warnings: self.warnings(disagreement),
            }
        })
    }

    /// Whether each of `points`, with these unsigned `distances`, lies inside; `before` is what neighbours told and what
    /// these points tell the next ones. At most [`WIDTH`] points.
    #[inline(always)]
    pub(super) fn are_inside<S: Simd>(
        &self,
        simd: S,
        points: &[[f32; 3]],
        distances: &Lanes,
        before: &mut Balls,
        scratch: &mut Scratch,
    ) -> [bool; WIDTH] {
        let mut inside = [false; WIDTH];
        if self.rule == SignRule::Unsigned {
            return inside;
        }
        let closing = self
            .closing
            .as_ref()
            .filter(|_| self.rule == SignRule::Winding);
        if !self.surface.closed && closing.is_none() {
            for (&point, inside) in points.iter().zip(&mut inside) {
                *inside = match self.rule {
                    SignRule::Parity => self.is_inside_by_parity(simd, point, scratch),
                    _ => self.is_inside_by_winding(simd, point, scratch),
                };
            }
            return inside;
        }
        // The balls must be free of lids as well.
        let mut free = distances.map(|distance| smaller(distance, FARTHEST_SHARED));
        let mut to_lids = [f32::INFINITY; WIDTH];
        if let Some(closing) = closing {
            for (lane, &point) in points.iter().enumerate() {
                to_lids[lane] = closing.squared_distance(point);
                free[lane] = smaller(free[lane], to_lids[lane].sqrt());
            }
        }
        let windings = self.whole_windings(simd, points, &free, before, scratch);
        for (lane, &point) in points.iter().enumerate() {
            let winding = windings[lane];
            inside[lane] = match closing {
                None if self.rule == SignRule::Parity => winding % 2 != 0,
                None => winding != 0,
                Some(closing) => {
                    closing.is_inside(point, to_lids[lane], winding, &mut scratch.winding)
                }
            };
        }
        inside
    }

    /// The winding numbers of `points` with respect to the closed surface, or the one closed by lids. The balls around
    /// the points with the radii `free` hold nothing of it.
    #[inline(always)]
    fn whole_windings<S: Simd>(
        &self,
        simd: S,
        points: &[[f32; 3]],
        free: &Lanes,
        before: &mut Balls,
        scratch: &mut Scratch,
    ) -> [i32; WIDTH] {
        let all = (1_u32 << points.len()) - 1;
        let mut balls = Balls::around(points, free);
        balls.learn_from(simd, before, all);
        balls.spread(simd, balls.known, all);
        while balls.known != all {
            // Nobody knows: the one with the largest ball is counted, and may tell others.
            let lanes = (0..points.len()).filter(|lane| balls.known >> lane & 1 == 0);
            let Some(lane) = lanes.max_by(|&a, &b| free[a].total_cmp(&free[b])) else {
                break;
            };
            let mut way = balls.way_from(points[lane], free[lane]);
            if let Some(other) = before.way_from(points[lane], free[lane])
                && way.is_none_or(|way| other.length() < way.length())
            {
                way = Some(other);
            }
            balls.windings[lane] = match way {
                Some(way) => {
                    way.winding + self.turns(simd, way.start, way.heading, way.end, scratch)
                }
                None => self.whole_winding(simd, points[lane], scratch),
            };
            balls.known |= 1 << lane;
            balls.spread(simd, 1 << lane, all);
        }
        *before = balls;
        before.windings
    }

    /// The winding number of `point` with respect to the closed surface, or the one closed by lids, counted exactly.
    #[inline(always)]
    fn whole_winding<S: Simd>(&self, simd: S, point: [f32; 3], scratch: &mut Scratch) -> i32 {
        if self.bvh.is_outside(point) {
            return 0;
        }
        let point = [
            on_lattice(point[0]),
            on_lattice(point[1]),
            on_lattice(point[2]),
        ];
        let way = self.bvh.shortest_way(point);
        self.turns(simd, point, way, way.infinity(), scratch)
    }

    // No closures here and below: they would not take on the instruction set that was dispatched to.
    /// How the winding number changes on a way along an axis from its end to `point`.
    #[inline(always)]
    fn turns<S: Simd>(
        &self,
        simd: S,
        point: [f32; 3],
        way: Heading,
        end: f32,
        scratch: &mut Scratch,
    ) -> i32 {
        let pending = &mut scratch.crossings;
        let mut turns = self.bvh.crossings(simd, point, way, end, pending).winding;
        if let Some(closing) = &self.closing {
            turns += closing
                .lids
                .crossings(simd, point, way, end, pending)
                .winding;
        }
        turns
    }

    #[inline(always)]
    fn is_inside_by_winding<S: Simd>(
        &self,
        simd: S,
        point: [f32; 3],
        scratch: &mut Scratch,
    ) -> bool {
        if self.surface.closed {
            return self.whole_winding(simd, point, scratch) != 0;
        }
        if let Some(closing) = &self.closing {
            let winding = self.whole_winding(simd, point, scratch);
            let squared = closing.squared_distance(point);
            return closing.is_inside(point, squared, winding, &mut scratch.winding);
        }
        let winding = self
            .expansions()
            .winding_number(&self.bvh, point, &mut scratch.winding);
        winding.abs() > 0.5
    }

    #[inline(always)]
    fn is_inside_by_parity<S: Simd>(
        &self,
        simd: S,
        point: [f32; 3],
        scratch: &mut Scratch,
    ) -> bool {
        if self.bvh.is_outside(point) {
            return false;
        }
        let point = [
            on_lattice(point[0]),
            on_lattice(point[1]),
            on_lattice(point[2]),
        ];
        if self.surface.closed {
            let way = self.bvh.shortest_way(point);
            return self.is_odd(simd, point, way, scratch);
        }
        let mut odd = 0;
        for axis in 0..3 {
            let way = self.bvh.shorter_way(point, axis);
            odd += u32::from(self.is_odd(simd, point, way, scratch));
        }
        odd >= 2
    }

    #[inline(always)]
    pub(super) fn is_odd<S: Simd>(
        &self,
        simd: S,
        point: [f32; 3],
        way: Heading,
        scratch: &mut Scratch,
    ) -> bool {
        let (end, pending) = (way.infinity(), &mut scratch.crossings);
        self.bvh.crossings(simd, point, way, end, pending).count % 2 == 1
    }

    /// The share of points on which winding number and parity disagree.
    fn disagreement(&self) -> f64 {
        let size: [f32; 3] = std::array::from_fn(|axis| self.bvh.hi[axis] - self.bvh.lo[axis]);
        let margin = 0.05 * size.into_iter().fold(0.0, f32::max);
        let arch = instruction_set();
        let differ = (0..SignReport::SAMPLES).into_par_iter().map_init(
            Scratch::default,
            |scratch, index| {
                if self.cancel.is_cancelled() {
                    return false;
                }
                let place = spread_evenly(index);
                let point = std::array::from_fn(|axis| {
                    self.bvh.lo[axis] - margin + place[axis] * (size[axis] + 2.0 * margin)
                });
                arch.dispatch(Differ {
                    oracle: self,
                    point,
                    scratch,
                })
            },
        );
        differ.filter(|&differ| differ).count() as f64 / SignReport::SAMPLES as f64
    }

    fn warnings(&self, disagreement: f64) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.policy == SignPolicy::None {
            return warnings;
        }
        let share = format!("{:.1}% of the volume", 100.0 * disagreement);
        let differ = disagreement > 0.001;
        if self.surface.flat {
            warnings.push(
                "The mesh lies in one plane and has no inside: no distance is negative.".into(),
            );
        } else if self.surface.closed {
            if self.surface.inverted {
                warnings.push(
                    "The faces look inwards; their inside is taken as inside all the same.".into(),
                );
            }
            if differ && self.rule == SignRule::Parity {
                warnings.push(format!(
                    "Bodies overlap: what two of them share counts as outside ({share})."
                ));
            } else if differ {
                warnings.push(format!(
                    "Bodies overlap: they count as one union, without the walls inside it ({share} would be outside by parity)."
                ));
            }
        } else {
            let doubt = if differ {
                format!(" (winding number and parity disagree about {share})")
            } else {
                String::new()
            };
            warnings.push(match self.rule {
                SignRule::Parity => {
                    format!("A ray that leaves through a hole is miscounted{doubt}.")
                }
                _ => format!(
                    "Inside is where the winding number is beyond one half; near holes that is a guess{doubt}."
                ),
            });
        }
        if self.tangled {
            warnings.push(
                "So many triangles cross each other that walls inside were not cut out: distances inside refer to them, too."
                    .into(),
            );
        }
        warnings
    }
}

/// Whether winding number and parity disagree about a point.
struct Differ<'a> {
    oracle: &'a SignedDistance,
    point: [f32; 3],
    scratch: &'a mut Scratch,
}

impl WithSimd for Differ<'_> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> bool {
        let Differ {
            oracle,
            point,
            scratch,
        } = self;
        oracle.is_inside_by_winding(simd, point, scratch)
            != oracle.is_inside_by_parity(simd, point, scratch)
    }
}

/// The point number `index` of a sequence that fills the unit cube evenly (Roberts 2018, the R₃ sequence: multiples of
/// the powers of the root of x⁴ = x + 1).
fn spread_evenly(index: usize) -> [f32; 3] {
    const ROOT: f64 = 1.220_744_084_605_759_5;
    let step = |power: i32| (0.5 + index as f64 / ROOT.powi(power)).fract() as f32;
    [step(1), step(2), step(3)]
}
