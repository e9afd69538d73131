//! Lids that close an open surface, so that its winding number can be counted.
//!
//! The lids are fans of triangles from the middle of each border to its edges. Together with them the surface is closed
//! and has whole winding numbers, which are counted exactly; the winding number of the lids alone, which are few and
//! mostly far away, is taken off again. (Integrals along the border serve the same end in Martens and Bessmeltsev 2025,
//! "One-shot method for computing generalized winding numbers".)

use std::collections::HashMap;
use std::f64::consts::TAU;

use rayon::prelude::*;

use super::build::build;
use super::bvh::{Bvh, WIDTH};
use super::triangle::larger;
use super::winding::{Expansions, Pending};
use crate::CancelToken;
use crate::geometry::on_lattice;

/// The lids of one surface.
#[derive(Debug)]
pub(super) struct Closing {
    pub lids: Bvh,
    expansions: Expansions,
    /// From this squared distance on the lids turn by less than one half.
    far: f32,
}

/// More lids than this share of the triangles are no help.
const TOO_MANY: usize = 4;

impl Closing {
    /// Closes the surface of `triangles` with vertices at `positions`, which lie on the lattice.
    ///
    /// `None` if it is closed, if so much of it is border that lids would not help, or if `cancel` is set.
    pub fn of(
        positions: &[[f32; 3]],
        triangles: &[[u32; 3]],
        cancel: &CancelToken,
    ) -> Option<Closing> {
        let border = Border::of(positions, triangles);
        if border.edges.is_empty() || border.edges.len() > triangles.len() / TOO_MANY {
            return None;
        }
        let (corners, fans) = border.fans();
        let lids = build(&corners, &fans, cancel)?;
        // A surface seen from a distance covers no more than its area over the square of the distance; one half is 2π.
        let area: f64 = fans
            .iter()
            .map(|fan| area(fan.map(|corner| corners[corner as usize])))
            .sum();
        Some(Closing {
            expansions: Expansions::of(&lids),
            lids,
            far: (1.001 * area / TAU) as f32,
        })
    }

    /// A lower bound of the squared distance from `point` to the lids.
    #[inline(always)]
    pub fn squared_distance(&self, point: [f32; 3]) -> f32 {
        let root = &self.lids.nodes[0];
        let mut smallest = f32::INFINITY;
        for lane in 0..WIDTH {
            let mut squared = 0.0;
            for (axis, x) in point.into_iter().enumerate() {
                let outside = larger(root.lo[axis][lane] - x, x - root.hi[axis][lane]);
                let outside = larger(outside, 0.0);
                squared += outside * outside;
            }
            smallest = if squared < smallest {
                squared
            } else {
                smallest
            };
        }
        smallest
    }

    /// Whether the open surface turns around `point` by more than one half, if the closed one does so `winding` times.
    /// `squared` is what [`squared_distance`](Self::squared_distance) says.
    #[inline(always)]
    pub fn is_inside(
        &self,
        point: [f32; 3],
        squared: f32,
        winding: i32,
        pending: &mut Pending,
    ) -> bool {
        if squared > self.far {
            return winding != 0;
        }
        let lids = self.expansions.winding_number(&self.lids, point, pending);
        (winding as f32 - lids).abs() > 0.5
    }
}

/// The edges that triangles run along more often in one direction than in the other.
struct Border {
    /// Places of vertices on it.
    places: Vec<[f32; 3]>,
    /// From one place to another; several times if the difference is larger than one.
    edges: Vec<[u32; 2]>,
}

impl Border {
    fn of(positions: &[[f32; 3]], triangles: &[[u32; 3]]) -> Border {
        let mut edges: Vec<u64> = triangles
            .par_iter()
            .flat_map_iter(|&[a, b, c]| [(a, b), (b, c), (c, a)])
            .map(|(from, to)| directed_edge(from, to))
            .collect();
        edges.par_sort_unstable();
        let loose = unbalanced(&edges);

        // What is left may still be a seam of vertices that lie at one place.
        let mut numbers: HashMap<[u32; 3], u32> = HashMap::new();
        let mut places = Vec::new();
        let mut number = |vertex: u32| {
            // Adding zero makes the negative zero positive.
            let place = positions[vertex as usize].map(|x| x + 0.0);
            *numbers.entry(place.map(f32::to_bits)).or_insert_with(|| {
                places.push(place);
                places.len() as u32 - 1
            })
        };
        let mut edges: Vec<u64> = loose
            .into_iter()
            .map(|[from, to]| [number(from), number(to)])
            .filter(|[from, to]| from != to)
            .map(|[from, to]| directed_edge(from, to))
            .collect();
        edges.sort_unstable();
        Border {
            edges: unbalanced(&edges),
            places,
        }
    }

    /// For each connected part a fan around its middle that runs along the edges the other way.
    fn fans(&self) -> (Vec<[f32; 3]>, Vec<[u32; 3]>) {
        let mut parent: Vec<u32> = (0..self.places.len() as u32).collect();
        for &[from, to] in &self.edges {
            let (from, to) = (root(&mut parent, from), root(&mut parent, to));
            parent[from.max(to) as usize] = from.min(to);
        }
        let mut sums = vec![([0.0; 3], 0.0); self.places.len()];
        for &[from, _] in &self.edges {
            let (sum, count): &mut ([f64; 3], f64) = &mut sums[root(&mut parent, from) as usize];
            for (sum, x) in sum.iter_mut().zip(self.places[from as usize]) {
                *sum += f64::from(x);
            }
            *count += 1.0;
        }
        let middles = sums
            .iter()
            .map(|(sum, count)| sum.map(|x| on_lattice(x / f64::max(*count, 1.0))));
        let corners = self.places.iter().copied().chain(middles).collect();
        let first_middle = self.places.len() as u32;
        let fans = self
            .edges
            .iter()
            .map(|&[from, to]| [to, from, first_middle + root(&mut parent, from)])
            .collect();
        (corners, fans)
    }
}

/// An edge as one number: the smaller vertex, the larger one, and a last bit that tells the direction.
fn directed_edge(from: u32, to: u32) -> u64 {
    let (low, high) = (from.min(to), from.max(to));
    (u64::from(low) << 32) | (u64::from(high) << 1) | u64::from(from > to)
}

/// Of sorted edges those that are run along more often in one direction, as often as they are.
fn unbalanced(edges: &[u64]) -> Vec<[u32; 2]> {
    let mut unbalanced = Vec::new();
    for shared in edges.chunk_by(|a, b| a >> 1 == b >> 1) {
        let [low, high] = [
            (shared[0] >> 32) as u32,
            (shared[0] >> 1) as u32 & 0x7fff_ffff,
        ];
        let backward = shared.iter().filter(|&edge| edge & 1 == 1).count();
        let forward = shared.len() - backward;
        let edge = if forward > backward {
            [low, high]
        } else {
            [high, low]
        };
        unbalanced.extend(std::iter::repeat_n(edge, forward.abs_diff(backward)));
    }
    unbalanced
}

/// The smallest vertex that `vertex` is known to be connected with; halves the way to it.
fn root(parent: &mut [u32], mut vertex: u32) -> u32 {
    while parent[vertex as usize] != vertex {
        let above = parent[parent[vertex as usize] as usize];
        parent[vertex as usize] = above;
        vertex = above;
    }
    vertex
}

fn area(corners: [[f32; 3]; 3]) -> f64 {
    let [a, b, c] = corners.map(|corner| corner.map(f64::from));
    let u: [f64; 3] = std::array::from_fn(|i| b[i] - a[i]);
    let v: [f64; 3] = std::array::from_fn(|i| c[i] - a[i]);
    let across = [
        u[1] * v[2] - u[2] * v[1],
        u[2] * v[0] - u[0] * v[2],
        u[0] * v[1] - u[1] * v[0],
    ];
    across.iter().map(|x| x * x).sum::<f64>().sqrt() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Mesh, shapes};

    fn border_of(mesh: &Mesh) -> Border {
        let positions: Vec<[f32; 3]> = mesh.positions.iter().map(|p| p.map(on_lattice)).collect();
        Border::of(&positions, &mesh.triangles)
    }

    #[test]
    fn lids_leave_no_border() {
        let two = shapes::hemisphere(0.5, 24, 8)
            .joined(&shapes::sheet(0.5, 0.5, 3, 5).translated([0.0, 0.0, 0.4]));
        // One triangle turned over: its neighbours run along its edges as it does.
        let mut turned = shapes::icosphere(2, 0.8);
        turned.triangles[7].swap(0, 1);
        for (mut mesh, edges) in [(two, 24 + 16), (turned, 6)] {
            let border = border_of(&mesh);
            assert_eq!(border.edges.len(), edges);
            let (corners, fans) = border.fans();
            let lids = Mesh {
                positions: corners.iter().map(|p| p.map(f64::from)).collect(),
                triangles: fans,
            };
            for p in &mut mesh.positions {
                *p = p.map(|x| f64::from(on_lattice(x)));
            }
            assert!(border_of(&mesh.joined(&lids)).edges.is_empty());
        }
    }

    #[test]
    fn seams_are_no_border() {
        let ball = shapes::icosphere(2, 0.8);
        let triangles = 0..ball.triangles.len() as u32;
        let soup = Mesh {
            positions: (triangles.clone())
                .flat_map(|index| ball.corners(index as usize))
                .collect(),
            triangles: triangles.map(|i| [3 * i, 3 * i + 1, 3 * i + 2]).collect(),
        };
        assert!(border_of(&soup).edges.is_empty());
    }
}
