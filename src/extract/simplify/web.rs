//! A mesh whose edges are drawn together, one after the other.

use rayon::prelude::*;

use super::shape::{Allowed, stays};
use crate::extract::quadric::Quadric;
use crate::geometry::vector::{cross, length, minus};

/// A mesh whose edges are drawn together.
pub(super) struct Web {
    pub positions: Vec<[f64; 3]>,
    triangles: Vec<[u32; 3]>,
    /// By vertex: its triangles; none for one that is gone.
    faces: Vec<Vec<u32>>,
    pub quadrics: Vec<Quadric>,
    /// By vertex: how often it was changed.
    pub stamps: Vec<u32>,
    /// Vertices on edges of one triangle, which stay where they are.
    pub fixed: Vec<bool>,
    /// Triangles that are left.
    pub alive: usize,
}

impl Web {
    pub(super) fn new(positions: Vec<[f64; 3]>, triangles: Vec<[u32; 3]>) -> Web {
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

    /// Vertices joined to one by an edge.
    pub(super) fn neighbours(&self, vertex: u32) -> Vec<u32> {
        let faces = self.faces[vertex as usize].iter();
        let corners = faces.flat_map(|&face| self.triangles[face as usize]);
        let mut near: Vec<u32> = corners.filter(|&other| other != vertex).collect();
        near.sort_unstable();
        near.dedup();
        near
    }

    /// Whether the surface stays what it is if an edge is drawn together at `place`.
    pub(super) fn allows(&self, [a, b]: [u32; 2], place: [f64; 3], shape: Allowed) -> bool {
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
                    true => place,
                    false => self.positions[v as usize],
                });
                stays(before, after, shape)
            })
        })
    }

    /// Draws an edge together into its first end, which moves to `place`.
    pub(super) fn draw(&mut self, [a, b]: [u32; 2], place: [f64; 3]) {
        self.positions[a as usize] = place;
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
    pub(super) fn finish(self, centre: [f64; 3]) -> (Vec<[f64; 3]>, Vec<[u32; 3]>) {
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

fn area([a, b, c]: [[f64; 3]; 3]) -> f64 {
    0.5 * length(cross(minus(b, a), minus(c, a)))
}
