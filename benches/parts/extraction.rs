//! The surface of a hash grid that has seen 256 training steps.

use criterion::Criterion;
use overfit::CancelToken;
use overfit::extract::{Grid, Resolution, SurfaceSettings, extract_surface};
use overfit::field::{DeviceChoice, open_engine};
use overfit::geometry::{Bounds, Similarity};

use crate::field::{hash_grid, learner, train};
use crate::uniform_points;

pub(crate) fn bench(criterion: &mut Criterion) {
    let engine = open_engine(DeviceChoice::Auto).expect("the processor is there");
    // Many points, each seen once or twice: on few, the fine levels would fit only those, and the surface would be noise.
    let points = uniform_points(1 << 21);
    let mut learner = learner(&*engine, &hash_grid(), &points);
    for step in 1..=256 {
        train(&mut *learner, step, points.len());
    }
    let field = learner.field();
    let bounds = Bounds {
        min: [-0.7; 3],
        max: [0.7; 3],
    };
    let grid =
        Grid::around_level_set(&bounds, Resolution::Cells(128), 0.0).expect("the grid has a size");
    let mut group = criterion.benchmark_group("extraction");
    group.sample_size(10);
    group.bench_function("128 cells", |bencher| {
        bencher.iter(|| {
            extract_surface(
                &*field,
                &grid,
                &Similarity::IDENTITY,
                &SurfaceSettings::default(),
                &CancelToken::new(),
                &mut |_| {},
            )
            .expect("the field has a surface")
        });
    });
}
