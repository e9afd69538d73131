//! How the faces of a mesh hang together.

use rayon::prelude::*;

use super::weld::first_at_same_place;
use super::{Components, Mesh};

/// Edges and bodies of a mesh, its vertices taken as one where they lie at exactly the same place.
///
/// So a mesh whose vertices are repeated, by texture seams or because every triangle brings its own, counts as closed
/// if its surface is. Triangles with two corners at one place have no part in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topology {
    /// Edges of one face only.
    pub boundary_edges: u64,
    /// Edges of more than two faces.
    pub non_manifold_edges: u64,
    /// Whether any two faces that share an edge run along it in opposite directions (at an edge of more than two faces:
    /// half of them each way).
    pub consistently_wound: bool,
    /// Whether every edge is run along as often in one direction as in the other. Then the winding number is a whole
    /// number at every point, and any ray tells it, even if edges are shared by four faces.
    pub closed: bool,
    /// Connected parts of the surface; parts that touch in a vertex are connected.
    pub bodies: u64,
}

impl Topology {
    /// The topology of `mesh`. Sorts all edges: about 10 ms for 100,000 triangles on two cores.
    ///
    /// # Panics
    /// If a triangle names a vertex that does not exist, or there are 2³¹ vertices or more.
    pub fn of(mesh: &Mesh) -> Topology {
        assert!(
            mesh.positions.len() < super::validate::COUNT_LIMIT,
            "fewer than 2^31 vertices"
        );
        let place = first_at_same_place(&mesh.positions);
        let faces: Vec<[u32; 3]> = mesh
            .triangles
            .par_iter()
            .map(|triangle| triangle.map(|vertex| place[vertex as usize]))
            .filter(|[a, b, c]| a != b && b != c && c != a)
            .collect();
        let mut edges: Vec<u64> = faces
            .par_iter()
            .flat_map_iter(|&[a, b, c]| {
                [
                    directed_edge(a, b),
                    directed_edge(b, c),
                    directed_edge(c, a),
                ]
            })
            .collect();
        edges.par_sort_unstable();

        let mut topology = Topology {
            boundary_edges: 0,
            non_manifold_edges: 0,
            consistently_wound: true,
            closed: !edges.is_empty(),
            bodies: 0,
        };
        for shared in edges.chunk_by(|a, b| a >> 1 == b >> 1) {
            let faces = shared.len();
            let backward = shared.iter().filter(|&edge| edge & 1 == 1).count();
            let balanced = backward * 2 == faces;
            topology.closed &= balanced;
            match faces {
                1 => topology.boundary_edges += 1,
                2 => topology.consistently_wound &= balanced,
                _ => {
                    topology.non_manifold_edges += 1;
                    topology.consistently_wound &= backward.abs_diff(faces - backward) <= faces % 2;
                }
            }
        }
        topology.bodies = u64::from(Components::joined(&faces, place).count);
        topology
    }

    /// Whether every edge belongs to exactly two faces.
    pub fn watertight(&self) -> bool {
        self.boundary_edges == 0 && self.non_manifold_edges == 0 && self.bodies > 0
    }
}

/// An edge as one number: the smaller vertex, the larger one, and a last bit that tells the direction.
fn directed_edge(from: u32, to: u32) -> u64 {
    let (low, high) = (from.min(to), from.max(to));
    (u64::from(low) << 32) | (u64::from(high) << 1) | u64::from(from > to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes;

    #[test]
    fn a_soup_of_triangles_is_as_closed_as_its_surface() {
        let sphere = shapes::icosphere(2, 1.0);
        let mut soup = Mesh::default();
        for index in 0..sphere.triangles.len() {
            let first = soup.positions.len() as u32;
            soup.positions.extend(sphere.corners(index));
            soup.triangles.push([first, first + 1, first + 2]);
        }
        assert_eq!(Topology::of(&soup), Topology::of(&sphere));
        assert!(Topology::of(&soup).watertight());
    }

    #[test]
    fn a_hole_is_three_boundary_edges() {
        let mut sphere = shapes::icosphere(2, 1.0);
        sphere.triangles.pop();
        let topology = Topology::of(&sphere);
        assert_eq!(topology.boundary_edges, 3);
        assert!(!topology.watertight() && !topology.closed && topology.consistently_wound);
    }

    #[test]
    fn one_turned_face_is_inconsistent_but_leaves_no_hole() {
        let mut sphere = shapes::icosphere(1, 1.0);
        sphere.triangles[7].swap(0, 1);
        let topology = Topology::of(&sphere);
        assert!(topology.watertight() && !topology.consistently_wound && !topology.closed);
    }

    #[test]
    fn boxes_that_touch_along_an_edge_are_closed_but_not_manifold() {
        let below = shapes::cuboid([0.0; 3], [1.0; 3]);
        let above = shapes::cuboid([1.0, 1.0, 0.0], [2.0, 2.0, 1.0]);
        let topology = Topology::of(&below.joined(&above));
        assert_eq!((topology.non_manifold_edges, topology.bodies), (1, 1));
        assert!(topology.closed && topology.consistently_wound && !topology.watertight());
    }

    #[test]
    fn bodies_are_counted_whatever_the_order_of_their_faces() {
        let mut mesh = Mesh::default();
        for body in 0..7 {
            let offset = [f64::from(body) * 3.0, 0.0, 0.0];
            mesh = mesh.joined(&shapes::torus(1.0, 0.2, 16, 8).translated(offset));
        }
        assert_eq!(Topology::of(&mesh).bodies, 7);
        mesh.triangles.reverse();
        assert_eq!(Topology::of(&mesh).bodies, 7);
    }
}
