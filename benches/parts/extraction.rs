//! The surface of a hash grid that has seen 256 training steps.

use criterion::Criterion;
use overfit::CancelToken;
use overfit::extract::{Grid, Resolution, SurfaceSettings, extract_surface};
use overfit::field::{DeviceChoice, initial_parameters, open_engine};
use overfit::geometry::{Bounds, Similarity};

use crate::field::{hash_grid, train};
use crate::uniform_points;

pub(crate) fn bench(criterion: &mut Criterion) {
    let engine = open_engine(DeviceChoice::Auto).expect("the processor is there");
    let architecture = hash_grid();
    let mut learner = engine.learner(&architecture, &initial_parameters(&architecture, 0));
    // Many points, each seen once or twice: on few, the fine levels would fit only those, and the surface would be noise.
    let points = uniform_points(1 << 21);
    for (step, batch) in points.chunks(1 << 14).cycle().take(256).enumerate() {
        train(&mut *learner, step as u64 + 1, batch);
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
