//! Fewer triangles for the same surface: large where it is flat, small where it bends.
//!
//! Edges are drawn together in the order of what that costs (Garland and Heckbert 1997, "Surface simplification using quadric error
//! metrics"): the sum of squared distances of the vertex that is left from the planes of all triangles that it stands for, so that edges and corners
//! stay. An edge is left alone where the surface would no longer be closed or manifold, would turn over, or would become needles.

mod shape;
mod web;

use super::ExtractError;
use crate::CancelToken;
use crate::geometry::Bounds;
use crate::geometry::vector::{dot, minus};
use rayon::prelude::*;
use shape::{ANY, Allowed, WELL};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use web::Web;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal {
    /// With so many triangles.
    pub triangles: usize,
    /// Before a vertex is so far from the plane of a triangle that it stands for, own units; about.
    pub error: f64,
}

/// Part of an edge's squared length that counts as a cost, so that flat parts are thinned out evenly.
const EVENNESS: f64 = 1e-4;

/// Edges drawn together between two looks at the token.
const STRIDE: usize = 1024;

/// Thins out the triangles; vertices that are left are numbered anew, in their old order.
pub(super) fn simplify(
    positions: &mut Vec<[f64; 3]>,
    triangles: &mut Vec<[u32; 3]>,
    goal: Goal,
    cancel: &CancelToken,
) -> Result<(), ExtractError> {
    let bounds = Bounds::around(positions.iter().copied());
    let centre = bounds.center();
    // Sums of squares are exact enough about the middle.
    let local: Vec<[f64; 3]> = positions.par_iter().map(|&p| minus(p, centre)).collect();
    let mut web = Web::new(local, std::mem::take(triangles));
    web.thin_out(goal, WELL, cancel)?;
    if goal.error.is_infinite() {
        // It takes thinner triangles to go on.
        web.thin_out(goal, ANY, cancel)?;
    }
    (*positions, *triangles) = web.finish(centre);
    Ok(())
}

/// An edge that may be drawn together.
struct Draw {
    cost: f64,
    /// The square of how far the place is from the planes.
    error: f64,
    ends: [u32; 2],
    stamps: [u32; 2],
    place: [f64; 3],
}

impl PartialEq for Draw {
    fn eq(&self, other: &Draw) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Draw {}

impl PartialOrd for Draw {
    fn partial_cmp(&self, other: &Draw) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Draw {
    /// The cheapest is the greatest; what costs the same goes by number, so that the result is one.
    fn cmp(&self, other: &Draw) -> Ordering {
        let by_cost = other.cost.total_cmp(&self.cost);
        by_cost.then(other.ends.cmp(&self.ends))
    }
}

impl Web {
    /// Draws edges together until the goal is met, or nothing more is allowed.
    fn thin_out(
        &mut self,
        goal: Goal,
        shape: Allowed,
        cancel: &CancelToken,
    ) -> Result<(), ExtractError> {
        if self.alive <= goal.triangles {
            return Ok(());
        }
        let mut queue: BinaryHeap<Draw> = self.all_draws().into();
        let most = goal.error * goal.error;
        for step in 0.. {
            if step % STRIDE == 0 && cancel.is_cancelled() {
                return Err(ExtractError::Cancelled);
            }
            let Some(draw) = queue.pop().filter(|_| self.alive > goal.triangles) else {
                break;
            };
            let [a, b] = draw.ends;
            let current = draw.stamps == [a, b].map(|v| self.stamps[v as usize]);
            if !current || draw.error > most || !self.allows(draw.ends, draw.place, shape) {
                continue;
            }
            self.draw(draw.ends, draw.place);
            let near = self.neighbours(a);
            queue.extend(near.into_iter().filter_map(|other| self.draw_of(a, other)));
        }
        Ok(())
    }

    fn all_draws(&self) -> Vec<Draw> {
        let vertices = 0..self.positions.len() as u32;
        let of = |vertex: u32| {
            let later = self
                .neighbours(vertex)
                .into_iter()
                .filter(move |&other| other > vertex);
            later.filter_map(move |other| self.draw_of(vertex, other))
        };
        vertices.into_par_iter().flat_map_iter(of).collect()
    }

    fn draw_of(&self, a: u32, b: u32) -> Option<Draw> {
        if self.fixed[a as usize] || self.fixed[b as usize] {
            return None;
        }
        let [p, q] = [a, b].map(|v| self.positions[v as usize]);
        let middle = std::array::from_fn(|k| 0.5 * (p[k] + q[k]));
        let edge = minus(q, p);
        let mut quadric = self.quadrics[a as usize];
        quadric.add_scaled(&self.quadrics[b as usize], 1.0);
        let best = quadric.minimum_near(middle);
        // A place far outside is where planes are nearly parallel.
        let way = minus(best, middle);
        let place = if dot(way, way) <= dot(edge, edge) {
            best
        } else {
            middle
        };
        Some(Draw {
            cost: quadric.at(place) + EVENNESS * dot(edge, edge),
            // Where a surface bends evenly, the farthest plane is √3 times as far as the mean of the squares says.
            error: 3.0 * quadric.mean_at(place),
            ends: [a, b],
            stamps: [a, b].map(|v| self.stamps[v as usize]),
            place,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::extract::closed_forms::*;
    use crate::extract::{ExtractError, Grid, Resolution, SurfaceMode, SurfaceSettings};
    use crate::field::ScalarField;

    fn simplified(field: &dyn ScalarField, settings: SurfaceSettings) -> crate::extract::Surface {
        let grid = Grid::covering(&UNIT, Resolution::Cells(48), 0.0).unwrap();
        extract_with(field, &grid, &settings).unwrap()
    }

    #[test]
    fn few_triangles_hold_a_box_and_stay_closed() {
        let settings = SurfaceSettings {
            mode: SurfaceMode::Sharp,
            triangles: Some(60),
            ..Default::default()
        };
        let surface = simplified(&cuboid([0.7, 0.5, 0.6]), settings);
        assert_eq!(topology(&surface), closed(2));
        assert!(surface.triangles.len() <= 60);
        assert_eq!(
            surface.normals.as_ref().unwrap().len(),
            surface.positions.len()
        );
        let (volume, area) = volume_and_area(&surface);
        assert!((volume / (8.0 * 0.21) - 1.0).abs() < 1e-3, "{volume}");
        assert!(
            (area / (8.0 * (0.35 + 0.42 + 0.3)) - 1.0).abs() < 1e-3,
            "{area}"
        );
    }

    #[test]
    fn an_error_bounds_how_far_a_torus_is_cut_off() {
        let off = |p: &[f64; 3]| ((p[0].hypot(p[1]) - 0.55).hypot(p[2]) - 0.25).abs();
        let with = |error: Option<f64>| {
            let settings = SurfaceSettings {
                error,
                ..Default::default()
            };
            simplified(&torus(0.55, 0.25), settings)
        };
        let (all, few) = (with(None), with(Some(0.004)));
        assert_eq!(topology(&few), closed(0));
        assert!(
            few.triangles.len() < all.triangles.len() / 4,
            "{}",
            few.triangles.len()
        );
        let worst = few.positions.iter().map(off).fold(0.0, f64::max);
        assert!(worst < 0.008, "{worst}");
    }

    #[test]
    fn one_triangle_is_answered_with_as_few_as_are_closed() {
        let settings = SurfaceSettings {
            triangles: Some(1),
            ..Default::default()
        };
        let surface = simplified(&blobs(), settings);
        let found = topology(&surface);
        assert!(found.closed && found.manifold, "{found:?}");
        assert!(
            (4..100).contains(&surface.triangles.len()),
            "{}",
            surface.triangles.len()
        );
        let none = SurfaceSettings {
            triangles: Some(0),
            ..settings
        };
        assert!(matches!(none.check(), Err(ExtractError::Setting { .. })));
    }

    #[test]
    fn the_border_of_an_open_surface_stays() {
        let grid = Grid::covering(&UNIT, Resolution::Cells(30), 0.0).unwrap();
        let settings = SurfaceSettings {
            triangles: Some(10),
            ..Default::default()
        };
        let surface = extract_with(&sphere(1.1), &grid, &settings).unwrap();
        assert!(surface.stats.open() && topology(&surface).manifold);
    }
}
