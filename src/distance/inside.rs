//! Inside or outside: the rules at work, and the report about them.

use rayon::prelude::*;

use super::crossings::on_lattice;
use super::sign::{SignPolicy, SignReport, SignRule};
use super::signed_distance::{Scratch, SignedDistance};

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

    #[inline(always)]
    pub(super) fn is_inside(&self, point: [f32; 3], scratch: &mut Scratch) -> bool {
        match self.rule {
            SignRule::Unsigned => false,
            SignRule::Parity => self.is_inside_by_parity(point, scratch),
            SignRule::Crossings | SignRule::Winding => self.is_inside_by_winding(point, scratch),
        }
    }

    #[inline(always)]
    fn is_inside_by_winding(&self, point: [f32; 3], scratch: &mut Scratch) -> bool {
        if self.surface.closed && self.rule != SignRule::Winding {
            !self.bvh.is_outside(point) && {
                let point = point.map(on_lattice);
                let way = self.bvh.shortest_way(point);
                self.bvh
                    .crossings(point, way, &mut scratch.crossings)
                    .winding
                    != 0
            }
        } else {
            self.expansions()
                .winding_number(&self.bvh, point, &mut scratch.winding)
                .abs()
                > 0.5
        }
    }

    #[inline(always)]
    fn is_inside_by_parity(&self, point: [f32; 3], scratch: &mut Scratch) -> bool {
        if self.bvh.is_outside(point) {
            return false;
        }
        let point = point.map(on_lattice);
        let mut is_odd =
            |way| self.bvh.crossings(point, way, &mut scratch.crossings).count % 2 == 1;
        if self.surface.closed {
            return is_odd(self.bvh.shortest_way(point));
        }
        let odd = (0..3).filter(|&axis| is_odd(self.bvh.shorter_way(point, axis)));
        odd.count() >= 2
    }

    /// The share of points on which winding number and parity disagree.
    fn disagreement(&self) -> f64 {
        let size: [f32; 3] = std::array::from_fn(|axis| self.bvh.hi[axis] - self.bvh.lo[axis]);
        let margin = 0.05 * size.into_iter().fold(0.0, f32::max);
        let differ = (0..SignReport::SAMPLES).into_par_iter().map_init(
            Scratch::default,
            |scratch, index| {
                let place = spread_evenly(index);
                let point = std::array::from_fn(|axis| {
                    self.bvh.lo[axis] - margin + place[axis] * (size[axis] + 2.0 * margin)
                });
                self.is_inside_by_winding(point, scratch)
                    != self.is_inside_by_parity(point, scratch)
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
                    "Bodies overlap: they count as one union ({share} would be outside by parity)."
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
        warnings
    }
}

/// The point number `index` of a sequence that fills the unit cube evenly (Roberts 2018, the R₃ sequence: multiples of
/// the powers of the root of x⁴ = x + 1).
fn spread_evenly(index: usize) -> [f32; 3] {
    const ROOT: f64 = 1.220_744_084_605_759_5;
    let step = |power: i32| (0.5 + index as f64 / ROOT.powi(power)).fract() as f32;
    [step(1), step(2), step(3)]
}
