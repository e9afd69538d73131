//! The connected parts of a surface, triangle by triangle.

use std::collections::HashMap;

use super::weld::first_at_same_place;
use super::{Bounds, Mesh};

/// Which connected part of a surface each triangle belongs to.
///
/// Vertices at exactly the same place are one, and parts that touch in a vertex are connected, as
/// [`Topology`](super::Topology) counts bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Components {
    /// `[F]`: the number of the triangle's part. Parts are numbered in the order of their first triangles.
    pub of_triangle: Vec<u32>,
    /// How many parts there are.
    pub count: u32,
}

impl Components {
    /// The parts of `mesh`: about 30 ms for 100,000 triangles, most of it to find vertices at the same place.
    ///
    /// # Panics
    /// If a triangle names a vertex that does not exist.
    pub fn of(mesh: &Mesh) -> Components {
        let place = first_at_same_place(&mesh.positions);
        Components::joined(&mesh.triangles, place)
    }

    /// The parts of a mesh whose pieces meet only nearly: vertices that are at most `gap / 2` apart along each axis are
    /// one, those farther apart than `gap` are not, and between that either may be.
    ///
    /// # Panics
    /// If a triangle names a vertex that does not exist.
    pub fn of_pieces(mesh: &Mesh, gap: f64) -> Components {
        let mut parent: Vec<u32> = (0..mesh.positions.len() as u32).collect();
        // What is near each other shares a cell of at least one of eight lattices, each moved by half a cell.
        for shift in 0..8_u32 {
            let mut first = HashMap::with_capacity(mesh.positions.len());
            for (vertex, position) in mesh.positions.iter().enumerate() {
                let cell: [i64; 3] = std::array::from_fn(|axis| {
                    let moved = f64::from(shift >> axis & 1) / 2.0;
                    (position[axis] / gap + moved).floor() as i64
                });
                let other = *first.entry(cell).or_insert(vertex as u32);
                join(&mut parent, vertex as u32, other);
            }
        }
        Components::joined(&mesh.triangles, parent)
    }

    /// The parts of an indexed surface none of whose vertices lie at the same place, such as an extracted one.
    ///
    /// # Panics
    /// If a triangle names a vertex that does not exist.
    pub fn of_indexed(triangles: &[[u32; 3]], vertices: usize) -> Components {
        Components::joined(triangles, (0..vertices as u32).collect())
    }

    /// The box around each part of the surface that these are the parts of.
    pub fn boxes(&self, triangles: &[[u32; 3]], positions: &[[f64; 3]]) -> Vec<Bounds> {
        let mut boxes = vec![Bounds::EMPTY; self.count as usize];
        for (triangle, &part) in triangles.iter().zip(&self.of_triangle) {
            let own = &mut boxes[part as usize];
            for corner in triangle.map(|vertex| positions[vertex as usize]) {
                own.include(corner);
            }
        }
        boxes
    }

    /// The parts of a surface some of whose vertices are one: `parent` leads from each to a smaller one, or to itself.
    pub(super) fn joined(triangles: &[[u32; 3]], mut parent: Vec<u32>) -> Components {
        for &[a, b, c] in triangles {
            join(&mut parent, a, b);
            join(&mut parent, a, c);
        }
        const UNSEEN: u32 = u32::MAX;
        let mut number = vec![UNSEEN; parent.len()];
        let mut count = 0;
        let of_triangle = triangles
            .iter()
            .map(|triangle| {
                let number = &mut number[root(&mut parent, triangle[0]) as usize];
                if *number == UNSEEN {
                    *number = count;
                    count += 1;
                }
                *number
            })
            .collect();
        Components { of_triangle, count }
    }
}

/// Makes the parts of two vertices one.
fn join(parent: &mut [u32], one: u32, other: u32) {
    let (one, other) = (root(parent, one), root(parent, other));
    parent[one.max(other) as usize] = one.min(other);
}

/// The smallest vertex of a part. Halving the path keeps later walks short.
fn root(parent: &mut [u32], mut at: u32) -> u32 {
    while parent[at as usize] != at {
        let above = parent[at as usize];
        parent[at as usize] = parent[above as usize];
        at = parent[at as usize];
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Topology, shapes};

    #[test]
    fn every_triangle_knows_its_part_whatever_the_order_and_the_repetition_of_vertices() {
        let ball = shapes::icosphere(2, 1.0);
        let faces = ball.triangles.len();
        let mut mesh = ball.clone();
        for part in 1..5 {
            mesh = mesh.joined(&ball.clone().translated([3.0 * f64::from(part), 0.0, 0.0]));
        }
        let components = Components::of(&mesh);
        assert_eq!(u64::from(components.count), Topology::of(&mesh).bodies);
        for (triangle, part) in components.of_triangle.iter().enumerate() {
            assert_eq!(*part as usize, triangle / faces);
        }
        assert_eq!(
            Components::of_indexed(&mesh.triangles, mesh.positions.len()),
            components
        );
        assert_eq!(Components::of_pieces(&mesh, 1e-6), components);
        let boxes = components.boxes(&mesh.triangles, &mesh.positions);
        for (part, own) in boxes.iter().enumerate() {
            let moved = [3.0 * part as f64, 0.0, 0.0];
            assert_eq!(*own, ball.clone().translated(moved).bounds());
        }
        let mut soup = Mesh::default();
        for index in (0..mesh.triangles.len()).rev() {
            let first = soup.positions.len() as u32;
            soup.positions.extend(mesh.corners(index));
            soup.triangles.push([first, first + 1, first + 2]);
        }
        assert_eq!(Components::of(&soup).count, 5);
        let apart = Components::of_indexed(&soup.triangles, soup.positions.len());
        assert_eq!(apart.count as usize, mesh.triangles.len());
    }

    #[test]
    fn pieces_that_meet_but_for_rounding_are_one_part() {
        let mut soup = Mesh::default();
        let ball = shapes::icosphere(3, 1.0);
        for index in 0..ball.triangles.len() {
            let first = soup.positions.len() as u32;
            // Moved by up to 1e-9, each differently.
            let off = |axis: usize| ((index * 7 + axis * 3) % 11) as f64 * 1e-10;
            let corners = ball.corners(index);
            soup.positions
                .extend(corners.map(|p| std::array::from_fn(|axis| p[axis] + off(axis))));
            soup.triangles.push([first, first + 1, first + 2]);
        }
        assert!(Components::of(&soup).count > 100);
        assert_eq!(Components::of_pieces(&soup, 1e-6).count, 1);
    }
}
