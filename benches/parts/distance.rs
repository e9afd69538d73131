//! Exact distances: building the tree, and queries near the surface and anywhere.

use criterion::{Criterion, Throughput};
use overfit::distance::{SignPolicy, SignedDistance};

use crate::{near_points, shape, uniform_points};

const POINTS: usize = 1 << 16;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mesh = shape();
    let mut group = criterion.benchmark_group("distance");
    group.sample_size(10);
    group.throughput(Throughput::Elements(mesh.triangles.len() as u64));
    group.bench_function("build", |bencher| {
        bencher.iter(|| SignedDistance::new(&mesh, SignPolicy::Auto).expect("it has triangles"));
    });

    group.throughput(Throughput::Elements(POINTS as u64));
    let points = [
        ("uniform", uniform_points(POINTS)),
        ("near", near_points(&mesh, POINTS)),
    ];
    // The shape is closed, so `auto` counts crossings; open meshes pay for winding numbers.
    for (rule, policy) in [("", SignPolicy::Auto), (", winding", SignPolicy::Winding)] {
        let oracle = SignedDistance::new(&mesh, policy).expect("it has triangles");
        let mut distances = vec![0.0; POINTS];
        for (place, points) in &points {
            group.bench_function(format!("{place}{rule}"), |bencher| {
                bencher.iter(|| oracle.distances(points, &mut distances));
            });
        }
    }
}
