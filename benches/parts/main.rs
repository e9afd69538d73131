//! `cargo bench`: the parts, each alone. `make bench` measures the whole beside other programs.
//!
//! All work on a sphere with waves, in the unit frame, on every core.

mod distance;
mod extraction;
mod field;

use criterion::{criterion_group, criterion_main};
use overfit::geometry::{Mesh, SurfaceSampler, shapes};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

criterion_group!(parts, field::bench, distance::bench, extraction::bench);
criterion_main!(parts);

/// A sphere with waves on it, so that distances are not those of a sphere: 81,920 triangles, 1.8 across.
fn shape() -> Mesh {
    let mut mesh = shapes::icosphere(6, 0.9);
    for position in &mut mesh.positions {
        let waves: f64 = position.iter().map(|x| (10.0 * x).sin()).product();
        *position = position.map(|x| x * (1.0 + 0.15 * waves));
    }
    mesh
}

/// Points in the cube that holds the shape.
fn uniform_points(count: usize) -> Vec<[f32; 3]> {
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    (0..count)
        .map(|_| std::array::from_fn(|_| rng.random_range(-0.95..0.95)))
        .collect()
}

/// Points about 0.01 from the surface.
fn near_points(mesh: &Mesh, count: usize) -> Vec<[f32; 3]> {
    let sampler = SurfaceSampler::new(mesh);
    let mut rng = Pcg64Mcg::seed_from_u64(2);
    (0..count)
        .map(|_| {
            let on_surface = sampler.sample(&mut rng).position;
            on_surface.map(|x| x + rng.random_range(-0.01..0.01))
        })
        .collect()
}
