//! The closest points of the surface for many points at once, as places on triangles.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::bvh::{Slot, WIDTH};
use super::nearest::{Group, Pending};
use super::query_order::along_curve;
use super::signed_distance::{FAR_AWAY, RUN, SignedDistance};
use super::triangle::{closest_weights, weighted};
use crate::geometry::Mesh;
use crate::instruction_set::instruction_set;

/// A point of a surface, and how far it is from the point that it is closest to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Index of a triangle that it lies on.
    pub triangle: u32,
    /// Weights of the triangle's corners; they sum to 1 and are not negative.
    pub weights: [f64; 3],
    /// The distance, in the units of the mesh, never negative.
    pub distance: f64,
}

impl SignedDistance {
    /// The closest points of the surface for `points`, `[N, 3]` in the units of the mesh. `mesh` is the one that this was
    /// built from.
    ///
    /// The triangle is searched in `f32`: of two whose distances differ by less than a millionth of the longest side it may
    /// be either. Weights and distances are computed in `f64`; of points that are not finite they mean nothing.
    pub fn closest_places(&self, mesh: &Mesh, points: &[[f64; 3]]) -> Vec<Place> {
        let to_frame = |point: &[f64; 3]| self.frame.apply(*point);
        let unit: Vec<[f64; 3]> = points.par_iter().map(to_frame).collect();
        // A point far away is searched from the border of what can be searched.
        let reachable = |x: f64| {
            if x.is_nan() {
                0.0
            } else {
                (x as f32).clamp(-FAR_AWAY, FAR_AWAY)
            }
        };
        let searched: Vec<[f32; 3]> = unit.par_iter().map(|point| point.map(reachable)).collect();
        let order = along_curve(&searched);
        let mut triangles = vec![0; points.len()];
        let runs = order.par_chunks(RUN).zip(triangles.par_chunks_mut(RUN));
        let arch = instruction_set();
        runs.for_each_init(Pending::default, |pending, (order, out)| {
            arch.dispatch(Run {
                oracle: self,
                points: &searched,
                order,
                out,
                pending,
            });
        });
        let place = |(&index, &triangle): (&u32, &u32)| {
            let point = unit[index as usize];
            let corners = mesh
                .corners(triangle as usize)
                .map(|corner| self.frame.apply(corner));
            let weights = closest_weights(corners, point);
            let on_surface = weighted(corners, weights);
            let away = |i: usize| point[i] - on_surface[i];
            let place = Place {
                triangle,
                weights,
                distance: away(0).hypot(away(1)).hypot(away(2)) / self.frame.scale,
            };
            (index, place)
        };
        let found: Vec<(u32, Place)> = order.par_iter().zip(&triangles).map(place).collect();
        let nowhere = Place {
            triangle: 0,
            weights: [0.0; 3],
            distance: f64::NAN,
        };
        let mut places = vec![nowhere; points.len()];
        for (index, place) in found {
            places[index as usize] = place;
        }
        places
    }
}

/// Neighbours along the curve.
struct Run<'a> {
    oracle: &'a SignedDistance,
    points: &'a [[f32; 3]],
    order: &'a [u32],
    /// Triangles of the points in `order`.
    out: &'a mut [u32],
    pending: &'a mut Pending,
}

impl WithSimd for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let bvh = &self.oracle.bvh;
        let mut start: Option<Slot> = None;
        for (order, out) in self.order.chunks(WIDTH).zip(self.out.chunks_mut(WIDTH)) {
            let mut gathered = [[0.0; 3]; WIDTH];
            for (point, &index) in gathered.iter_mut().zip(order) {
                *point = self.points[index as usize];
            }
            let mut group = Group::new(&gathered[..order.len()]);
            if let Some(slot) = start {
                group.measure(simd, &bvh.facets[slot.leaf as usize], slot);
            }
            bvh.search(simd, &mut group, self.pending);
            for (lane, triangle) in out.iter_mut().enumerate() {
                // A point that can be reached always has one.
                start = group.slot(lane).or(start);
                *triangle = start.map_or(0, |slot| bvh.triangle_index(slot));
            }
        }
    }
}
