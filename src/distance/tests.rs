//! The oracle against closed forms and against brute force.

mod boundary;
mod distances;
mod orientation;
mod second_rule;
mod signs;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::{SignPolicy, SignedDistance};
use crate::geometry::Mesh;

fn oracle(mesh: &Mesh, policy: SignPolicy) -> SignedDistance {
    SignedDistance::new(mesh, policy).unwrap()
}

/// Points in the bounding box, grown by a quarter of its longest side.
fn points_around(mesh: &Mesh, count: usize, seed: u64) -> Vec<[f64; 3]> {
    let bounds = mesh.bounds();
    let bounds = bounds.grown(bounds.longest_side() / 4.0);
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    (0..count)
        .map(|_| std::array::from_fn(|i| rng.random_range(bounds.min[i]..bounds.max[i])))
        .collect()
}

fn narrow(points: &[[f64; 3]]) -> Vec<[f32; 3]> {
    points.iter().map(|p| p.map(|x| x as f32)).collect()
}

/// Triangles of all sizes at random places, slivers and single points among them.
fn soup(count: u32, seed: u64) -> Mesh {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut mesh = Mesh::default();
    for index in 0..count {
        let center: [f64; 3] = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
        let size = 10_f64.powf(rng.random_range(-3.0..0.0));
        let mut corners = [0; 3].map(|_| center.map(|x| x + size * rng.random_range(-1.0..1.0)));
        match index % 7 {
            0 => {
                corners[2] =
                    std::array::from_fn(|i| corners[0][i] * 0.7 + corners[1][i] * 0.3 + 1e-7)
            }
            1 => corners[1] = corners[0],
            _ => {}
        }
        mesh.positions.extend(corners);
        mesh.triangles
            .push([3 * index, 3 * index + 1, 3 * index + 2]);
    }
    mesh
}
