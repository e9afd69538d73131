//! The first triangle that a ray hits.

use super::bvh::{Bvh, Child, Slot, Target, WIDTH};
use crate::geometry::Bounds;

impl Bvh {
    /// The first hit of the ray from `origin` along the unit vector `direction`: how far, and where.
    ///
    /// Both sides of a triangle count. Hits on a common edge are found in at least one of its triangles, up to rounding.
    pub fn first_hit(&self, origin: [f64; 3], direction: [f64; 3]) -> Option<(f64, Slot)> {
        let inverse = direction.map(|x| 1.0 / x);
        let mut nearest: Option<(f64, Slot)> = None;
        let mut pending = vec![(0.0, Child::new(Target::Node(0)))];
        while let Some((entry, child)) = pending.pop() {
            let limit = nearest.map_or(f64::INFINITY, |(distance, _)| distance);
            if entry > limit {
                continue;
            }
            match child.target() {
                Target::Node(index) => {
                    let node = &self.nodes[index];
                    let first = pending.len();
                    for lane in (0..WIDTH).filter(|&lane| node.lo[0][lane] <= node.hi[0][lane]) {
                        let bounds = Bounds {
                            min: node.lo.map(|axis| f64::from(axis[lane])),
                            max: node.hi.map(|axis| f64::from(axis[lane])),
                        };
                        let stretch = bounds.stretch_within(origin, inverse);
                        if let Some((entry, _)) = stretch.filter(|&(entry, _)| entry <= limit) {
                            pending.push((entry, node.children[lane]));
                        }
                    }
                    pending[first..].sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
                }
                Target::Leaf(index) => {
                    let leaf = &self.leaves[index];
                    for lane in (0..WIDTH).filter(|&lane| leaf.triangles[lane] != u32::MAX) {
                        let limit = nearest.map_or(f64::INFINITY, |(distance, _)| distance);
                        let hit = hit_triangle(leaf.triangle(lane), origin, direction);
                        if let Some(distance) = hit.filter(|&distance| distance < limit) {
                            let slot = Slot {
                                leaf: index as u32,
                                lane: lane as u32,
                            };
                            nearest = Some((distance, slot));
                        }
                    }
                }
            }
        }
        nearest
    }
}

/// How far a ray goes until it hits a triangle (Möller and Trumbore 1997).
fn hit_triangle(corners: [[f32; 3]; 3], origin: [f64; 3], direction: [f64; 3]) -> Option<f64> {
    // A hair's breadth beyond the edges, so that no ray slips between neighbours.
    const EDGE: f64 = 1e-12;
    let [a, b, c] = corners.map(|p| p.map(f64::from));
    let sub = |p: [f64; 3], q: [f64; 3]| -> [f64; 3] { std::array::from_fn(|i| p[i] - q[i]) };
    let dot = |p: [f64; 3], q: [f64; 3]| p[0] * q[0] + p[1] * q[1] + p[2] * q[2];
    let cross = |p: [f64; 3], q: [f64; 3]| {
        [
            p[1] * q[2] - p[2] * q[1],
            p[2] * q[0] - p[0] * q[2],
            p[0] * q[1] - p[1] * q[0],
        ]
    };
    let (u, v) = (sub(b, a), sub(c, a));
    let across = cross(direction, v);
    let determinant = dot(u, across);
    let from_a = sub(origin, a);
    let along_u = dot(from_a, across) / determinant;
    let turned = cross(from_a, u);
    let along_v = dot(direction, turned) / determinant;
    let distance = dot(v, turned) / determinant;
    // A ray parallel to the triangle divides by zero, and the result passes none of these.
    let hits =
        along_u >= -EDGE && along_v >= -EDGE && along_u + along_v <= 1.0 + EDGE && distance >= 0.0;
    (hits && distance.is_finite()).then_some(distance)
}
