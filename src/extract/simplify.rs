//! Fewer triangles for the same surface: large where it is flat, small where it bends.
//!
//! Edges are drawn together in the order of what that costs (Garland and Heckbert 1997, "Surface simplification using quadric error
//! metrics"): the sum of squared distances of the vertex that is left from the planes of all triangles that it stands for, so that edges and corners
//! stay. An edge is left alone where the surface would no longer be closed or manifold, would turn over, or would become needles.

use super::ExtractError;
use super::quadric::Quadric;
use crate::CancelToken;
use crate::geometry::Bounds;
use crate::geometry::vector::{cross, dot, length, minus};
use rayon::prelude::*;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

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

/// What triangles may become.
#[derive(Clone, Copy, Debug)]
struct Allowed {
    /// Cosine of the angle by which they may turn in one step.
    turn: f64,
    /// How thin they may become unless they were (see [`roundness`]).
    roundness: f64,
}

const WELL: Allowed = Allowed {
    turn: 0.3,
    roundness: 0.08,
};

const ANY: Allowed = Allowed {
    turn: 0.05,
    roundness: 1e-4,
};

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

/// A mesh whose edges are drawn together.
struct Web {
    positions: Vec<[f64; 3]>,
    triangles: Vec<[u32; 3]>,
    /// By vertex: its triangles; none for one that is gone.
    faces: Vec<Vec<u32>>,
    quadrics: Vec<Quadric>,
    /// By vertex: how often it was changed.
    stamps: Vec<u32>,
    /// Vertices on edges of one triangle, which stay where they are.
    fixed: Vec<bool>,
    alive: usize,
}

impl Web {
    fn new(positions: Vec<[f64; 3]>, triangles: Vec<[u32; 3]>) -> Web {
        let mut faces = vec![Vec::new(); positions.len()];
        let mut quadrics = vec![Quadric::default(); positions.len()];
        let mean_area = triangles
            .iter()
            .map(|t| area(t.map(|v| positions[v as usize])))
            .sum::<f64>()
            / triangles.len().max(1) as f64;
        for (face, triangle) in (0..).zip(&triangles) {
            let corners @ [a, b, c] = triangle.map(|v| positions[v as usize]);
            let normal = cross(minus(b, a), minus(c, a));
            let size = length(normal);
            for vertex in triangle.map(|v| v as usize) {
                faces[vertex].push(face);
                if size > 0.0 {
                    let weight = area(corners) / mean_area;
                    quadrics[vertex].add(a, normal.map(|x| x / size), weight);
                }
            }
        }
        let mut web = Web {
            alive: triangles.len(),
            stamps: vec![0; positions.len()],
            fixed: Vec::new(),
            positions,
            triangles,
            faces,
            quadrics,
        };
        let open = |vertex: u32| {
            let near = web.neighbours(vertex);
            near.len() != web.faces[vertex as usize].len()
        };
        web.fixed = (0..web.positions.len() as u32)
            .into_par_iter()
            .map(open)
            .collect();
        web
    }

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
            if !current || draw.error > most || !self.allows(&draw, shape) {
                continue;
            }
            self.draw(&draw);
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

    /// Vertices joined to one by an edge.
    fn neighbours(&self, vertex: u32) -> Vec<u32> {
        let faces = self.faces[vertex as usize].iter();
        let corners = faces.flat_map(|&face| self.triangles[face as usize]);
        let mut near: Vec<u32> = corners.filter(|&other| other != vertex).collect();
        near.sort_unstable();
        near.dedup();
        near
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

    /// Whether the surface stays what it is.
    fn allows(&self, draw: &Draw, shape: Allowed) -> bool {
        let [a, b] = draw.ends;
        let (near_a, near_b) = (self.neighbours(a), self.neighbours(b));
        let mut common = near_a.iter().filter(|v| near_b.binary_search(v).is_ok());
        // The link condition (Dey et al. 1999): what both have around them in common is what is around the edge.
        let (Some(&c), Some(&d), None) = (common.next(), common.next(), common.next()) else {
            return false;
        };
        let joined = |vertex: u32| {
            let faces = self.faces[vertex as usize].iter();
            let mut corners = faces.map(|&face| self.triangles[face as usize]);
            corners.any(|corners| corners.contains(&c) && corners.contains(&d))
        };
        if joined(a) && joined(b) {
            return false;
        }
        [(a, b), (b, a)].into_iter().all(|(from, other)| {
            self.faces[from as usize].iter().all(|&face| {
                let triangle = self.triangles[face as usize];
                if triangle.contains(&other) {
                    return true;
                }
                let before = triangle.map(|v| self.positions[v as usize]);
                let after = triangle.map(|v| match v == from {
                    true => draw.place,
                    false => self.positions[v as usize],
                });
                stays(before, after, shape)
            })
        })
    }

    /// Draws an edge together into its first end.
    fn draw(&mut self, draw: &Draw) {
        let [a, b] = draw.ends;
        self.positions[a as usize] = draw.place;
        let other = self.quadrics[b as usize];
        self.quadrics[a as usize].add_scaled(&other, 1.0);
        self.stamps[a as usize] += 1;
        self.stamps[b as usize] += 1;
        for face in std::mem::take(&mut self.faces[b as usize]) {
            let triangle = self.triangles[face as usize];
            if triangle.contains(&a) {
                for vertex in triangle.into_iter().filter(|&v| v != b) {
                    self.faces[vertex as usize].retain(|&f| f != face);
                }
                self.alive -= 1;
            } else {
                self.triangles[face as usize] = triangle.map(|v| if v == b { a } else { v });
                self.faces[a as usize].push(face);
            }
        }
    }

    /// What is left.
    fn finish(self, centre: [f64; 3]) -> (Vec<[f64; 3]>, Vec<[u32; 3]>) {
        let mut numbers = vec![u32::MAX; self.positions.len()];
        let mut positions = Vec::new();
        let mut is_left = vec![false; self.triangles.len()];
        for (vertex, faces) in self.faces.iter().enumerate().filter(|(_, f)| !f.is_empty()) {
            numbers[vertex] = positions.len() as u32;
            positions.push(std::array::from_fn(|k| {
                centre[k] + self.positions[vertex][k]
            }));
            faces.iter().for_each(|&face| is_left[face as usize] = true);
        }
        let left = self.triangles.iter().zip(is_left).filter(|(_, left)| *left);
        let triangles = left.map(|(triangle, _)| triangle.map(|v| numbers[v as usize]));
        (positions, triangles.collect())
    }
}

/// Whether a triangle that is moved stays the right way round, and no needle.
fn stays(before: [[f64; 3]; 3], after: [[f64; 3]; 3], shape: Allowed) -> bool {
    let normal = |[a, b, c]: [[f64; 3]; 3]| cross(minus(b, a), minus(c, a));
    let (old, new) = (normal(before), normal(after));
    let upright = dot(old, new) >= shape.turn * length(old) * length(new);
    let round = roundness(after);
    upright && round >= shape.roundness.min(roundness(before)) && round >= ANY.roundness
}

/// 1 for an equilateral triangle, 0 for three corners on a line.
fn roundness([a, b, c]: [[f64; 3]; 3]) -> f64 {
    let (u, v, w) = (minus(b, a), minus(c, a), minus(c, b));
    let sides = dot(u, u) + dot(v, v) + dot(w, w);
    match sides > 0.0 {
        true => 12.0_f64.sqrt() * length(cross(u, v)) / sides,
        false => 0.0,
    }
}

fn area([a, b, c]: [[f64; 3]; 3]) -> f64 {
    0.5 * length(cross(minus(b, a), minus(c, a)))
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
