//! Signed distances of neighbours along the curve, [`WIDTH`] at a time.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::bvh::{Slot, WIDTH};
use super::nearest::{self, Group};
use super::neighbours::Balls;
use super::signed_distance::{FAR_AWAY, RUN, SignedDistance};
use super::{crossings, winding};

impl SignedDistance {
    /// Signed distances, in the frame of the hierarchy, of `points` in that frame, which are taken in `order`. The bounds
    /// are in the units of the mesh.
    pub(super) fn distances_in_order(
        &self,
        arch: Arch,
        points: &[[f32; 3]],
        bounds: Option<&[f32]>,
        order: &[u32],
        out: &mut [f32],
    ) {
        let runs = order.par_chunks(RUN).zip(out.par_chunks_mut(RUN));
        runs.for_each_init(Scratch::default, |scratch, (order, out)| {
            if self.cancel.is_cancelled() {
                return;
            }
            arch.dispatch(Run {
                oracle: self,
                points,
                bounds,
                order,
                out,
                scratch,
            });
        });
    }

    /// Signed distances of at most [`WIDTH`] of `points`, those in `order`, which are neighbours.
    // One call, from the loop over groups: bundling what it passes on would only hide it.
    #[expect(clippy::too_many_arguments)]
    #[inline(always)]
    fn signed_distances<S: Simd>(
        &self,
        simd: S,
        order: &[u32],
        points: &[[f32; 3]],
        bounds: Option<&[f32]>,
        neighbours: &mut Neighbours,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) {
        let mut gathered = [[0.0; 3]; WIDTH];
        let mut lanes = [0; WIDTH];
        let mut count = 0;
        for (at, &index) in order.iter().enumerate() {
            let point = points[index as usize];
            if point.iter().all(|x| x.abs() <= FAR_AWAY) {
                gathered[count] = point;
                lanes[count] = at;
                count += 1;
            } else {
                out[at] = self.distance_to_box(point);
            }
        }
        if count == 0 {
            return;
        }
        let mut group = Group::new(&gathered[..count]);
        if let Some(slot) = neighbours.closest {
            group.measure(simd, &self.bvh.facets[slot.leaf as usize], slot);
        }
        if let Some(bounds) = bounds {
            for lane in 0..count {
                // The bound was computed in f32, and in another frame.
                let own = f64::from(bounds[order[lanes[lane]] as usize]);
                let bound = (own * self.frame.scale) as f32;
                group.bound(lane, (bound * 1.0001 + 1e-6).powi(2));
            }
        }
        self.bvh.search(simd, &mut group, &mut scratch.nearest);
        if group.forget_bounds() {
            self.bvh.search(simd, &mut group, &mut scratch.nearest);
        }
        neighbours.closest = group.slot(count - 1);
        let mut distances = group.distances(&self.bvh);
        let inside = self.are_inside(
            simd,
            &gathered[..count],
            &distances,
            &mut neighbours.balls,
            scratch,
        );
        if let Some(boundary) = &self.boundary {
            boundary.replace_inside(simd, &gathered[..count], &inside, &mut distances, scratch);
        }
        for lane in 0..count {
            let distance = distances[lane];
            out[lanes[lane]] = if inside[lane] { -distance } else { distance };
        }
    }

    /// The distance of a point that is too far for the search; NaN if it is not finite.
    fn distance_to_box(&self, point: [f32; 3]) -> f32 {
        let squared: f64 = (0..3)
            .map(|axis| {
                let nearest = point[axis].clamp(self.bvh.lo[axis], self.bvh.hi[axis]);
                (f64::from(point[axis]) - f64::from(nearest)).powi(2)
            })
            .sum();
        if squared.is_finite() {
            squared.sqrt() as f32
        } else {
            f32::NAN
        }
    }
}

/// Neighbours along the curve.
struct Run<'a> {
    oracle: &'a SignedDistance,
    points: &'a [[f32; 3]],
    bounds: Option<&'a [f32]>,
    order: &'a [u32],
    out: &'a mut [f32],
    scratch: &'a mut Scratch,
}

impl WithSimd for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut neighbours = Neighbours {
            closest: None,
            balls: Balls::NONE,
        };
        for (order, out) in self.order.chunks(WIDTH).zip(self.out.chunks_mut(WIDTH)) {
            self.oracle.signed_distances(
                simd,
                order,
                self.points,
                self.bounds,
                &mut neighbours,
                self.scratch,
                out,
            );
        }
    }
}

/// What a group of points takes over from the one before.
struct Neighbours {
    /// The triangle closest to one of them, a good place to begin.
    closest: Option<Slot>,
    balls: Balls,
}

/// What the searches of one thread reuse.
#[derive(Default)]
pub(super) struct Scratch {
    pub nearest: nearest::Pending,
    pub crossings: crossings::Pending,
    pub winding: winding::Pending,
}
