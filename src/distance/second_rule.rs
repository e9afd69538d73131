//! A second answer to the question what is inside, which owes nothing to the first.
//!
//! The rule in use and the second one cannot be wrong for the same reason: winding numbers believe the directions of faces
//! and forgive holes, crossings do not look at directions and forgive no holes. So where both are sure and contradict each
//! other, the sign is in doubt.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::groups::Scratch;
use super::sign::SignRule;
use super::signed_distance::{FAR_AWAY, RUN, SignedDistance};
use crate::geometry::on_lattice;
use crate::instruction_set::instruction_set;

/// Closer to the surface than this, in the unit frame, rounding decides about the side.
const TOO_CLOSE: f32 = 1e-6;

/// Rays along the axes, one each way, and how many of them may contradict the others where the surface is open: one leaves
/// through a hole.
const RAYS: usize = 6;
const ASTRAY: usize = 1;

/// Where the surface turns around a point more often than this, bodies overlap, which parity knows nothing of.
const OVERLAP: f32 = 1.25;

/// A winding number that is further than this from a whole number is no sure answer.
const UNSURE: f32 = 0.25;

impl SignedDistance {
    /// Whether a second rule is sure that the sign of each distance is wrong: `distances` are those of `points`.
    ///
    /// Where the sign comes from winding numbers, the second rule is the number of crossings of rays along the axes, which
    /// must agree but for one where the surface is open; it has nothing to say where bodies overlap, since the union of
    /// two has an even number. Where the sign is that of parity, the second rule is a winding number close to a whole one.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn contradicted(&self, points: &[[f32; 3]], distances: &[f32]) -> Vec<bool> {
        assert_eq!(points.len(), distances.len(), "one distance a point");
        let mut contradicted = vec![false; points.len()];
        if self.rule == SignRule::Unsigned {
            return contradicted;
        }
        let runs = points.par_chunks(RUN).zip(distances.par_chunks(RUN));
        let runs = runs.zip(contradicted.par_chunks_mut(RUN));
        let arch = instruction_set();
        runs.for_each_init(Scratch::default, |scratch, ((points, distances), out)| {
            arch.dispatch(Run {
                oracle: self,
                points,
                distances,
                out,
                scratch,
            });
        });
        contradicted
    }

    #[inline(always)]
    fn is_contradicted<S: Simd>(
        &self,
        simd: S,
        point: [f32; 3],
        inside: bool,
        scratch: &mut Scratch,
    ) -> bool {
        if self.rule == SignRule::Parity {
            let winding = self.winding(point, scratch);
            let sure = (winding - winding.round()).abs() < UNSURE;
            if !sure || (winding.abs() > 0.5) == inside {
                return false;
            }
            // Where all rays agree, it is the faces that do not.
            return self.surface.closed
                || self.rays_for(simd, point, inside, RAYS, scratch) < RAYS - ASTRAY;
        }
        let contradicted = if self.surface.closed {
            self.rays_for(simd, point, inside, 1, scratch) == 0
        } else {
            self.rays_for(simd, point, inside, RAYS, scratch) <= ASTRAY
        };
        // Two bodies have crossings in even number, and yet an inside.
        contradicted && !(inside && self.winding(point, scratch).abs() > OVERLAP)
    }

    /// How many of so many `rays` cross the surface an odd number of times if `inside`, or else an even number of times.
    #[inline(always)]
    fn rays_for<S: Simd>(
        &self,
        simd: S,
        point: [f32; 3],
        inside: bool,
        rays: usize,
        scratch: &mut Scratch,
    ) -> usize {
        // Outside of the box there is nothing to cross.
        if self.bvh.is_outside(point) {
            return if inside { 0 } else { rays };
        }
        let point = [
            on_lattice(point[0]),
            on_lattice(point[1]),
            on_lattice(point[2]),
        ];
        let shortest = self.bvh.shortest_way(point);
        let mut count = 0;
        for ray in 0..rays {
            // The rule in use takes the shortest way: this one begins with others.
            let mut way = self.bvh.shorter_way(point, (shortest.axis + 1 + ray) % 3);
            way.forward ^= ray >= 3;
            count += usize::from(self.is_odd(simd, point, way, scratch) == inside);
            // Most points need no more: they are not in doubt.
            if self.rule != SignRule::Parity && count > ASTRAY {
                break;
            }
        }
        count
    }

    #[inline(always)]
    fn winding(&self, point: [f32; 3], scratch: &mut Scratch) -> f32 {
        self.expansions()
            .winding_number(&self.bvh, point, &mut scratch.winding)
    }
}

/// The answers about some points.
struct Run<'a> {
    oracle: &'a SignedDistance,
    points: &'a [[f32; 3]],
    distances: &'a [f32],
    out: &'a mut [bool],
    scratch: &'a mut Scratch,
}

impl WithSimd for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let oracle = self.oracle;
        let too_close = f64::from(TOO_CLOSE) / oracle.frame.scale;
        for ((point, &distance), out) in self.points.iter().zip(self.distances).zip(self.out) {
            let unit = oracle.to_frame(*point);
            let reachable = unit.iter().all(|x| x.abs() <= FAR_AWAY);
            *out = reachable
                && f64::from(distance.abs()) > too_close
                && oracle.is_contradicted(simd, unit, distance < 0.0, self.scratch);
        }
    }
}
