//! Edges and corners against closed forms.

use crate::distance::{SignPolicy, SignedDistance};
use crate::extract::closed_forms::*;
use crate::extract::{ExtractError, Grid, Resolution, Surface, SurfaceMode, SurfaceSettings};
use crate::field::ScalarField;
use crate::geometry::Mesh;
use crate::geometry::vector::{cross, dot, minus};

/// Cells of 1.8 / 40.
const CELLS: u32 = 40;
const CELL: f64 = 1.8 / 40.0;

fn settings() -> SurfaceSettings {
    SurfaceSettings {
        mode: SurfaceMode::Sharp,
        ..Default::default()
    }
}

fn sharp(field: &dyn ScalarField, cells: u32) -> Surface {
    let grid = Grid::covering(&UNIT, Resolution::Cells(cells), 0.0).unwrap();
    extract_with(field, &grid, &settings()).unwrap()
}

/// `place` turned by some angle about some axis, so that nothing runs along the grid.
fn turned(p: [f64; 3]) -> [f64; 3] {
    let axes = [[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]];
    axes.map(|axis| dot(axis, p))
}

fn turned_back(p: [f64; 3]) -> [f64; 3] {
    let axes = [[0.36, -0.8, 0.48], [0.48, 0.6, 0.64], [-0.8, 0.0, 0.6]];
    axes.map(|axis| dot(axis, p))
}

/// How far `points` are from the surface, in cells: the mean, and the farthest.
fn distances(surface: &Surface, points: &[[f64; 3]]) -> (f64, f64) {
    let mesh = Mesh {
        positions: surface.positions.clone(),
        triangles: surface.triangles.clone(),
    };
    let oracle = SignedDistance::new(&mesh, SignPolicy::Auto).unwrap();
    let places = oracle.closest_places(&mesh, points);
    let distances = places.iter().map(|place| place.distance / CELL);
    let mean = distances.clone().sum::<f64>() / points.len() as f64;
    (mean, distances.fold(0.0, f64::max))
}

/// Points along the edges of a box, corners included.
fn edges_of_box(half: [f64; 3]) -> Vec<[f64; 3]> {
    let mut points = Vec::new();
    for axis in 0..3 {
        for (a, b) in [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)] {
            for step in 0..=200 {
                let mut p = [0.0; 3];
                p[axis] = half[axis] * (step as f64 / 100.0 - 1.0);
                p[(axis + 1) % 3] = a * half[(axis + 1) % 3];
                p[(axis + 2) % 3] = b * half[(axis + 2) % 3];
                points.push(p);
            }
        }
    }
    points
}

#[test]
fn a_box_has_its_edges_and_corners() {
    let half = [0.55, 0.4, 0.5];
    let exact = cuboid(half);
    let field = Closed(|p| (exact.0)(turned(p)));
    let surface = sharp(&field, CELLS);
    assert_eq!(topology(&surface), closed(2));
    assert_eq!(surface.stats.cut_triangles, Some(0));
    let edges: Vec<[f64; 3]> = edges_of_box(half).into_iter().map(turned_back).collect();
    let grid = Grid::covering(&UNIT, Resolution::Cells(CELLS), 0.0).unwrap();
    let cubes = extract_with(&field, &grid, &SurfaceSettings::default()).unwrap();
    let ((mean, most), (cubes_mean, _)) = (distances(&surface, &edges), distances(&cubes, &edges));
    assert!(
        mean < 0.025 && most < 0.5 && cubes_mean > 8.0 * mean,
        "{mean} {most} {cubes_mean}"
    );
    let (volume, _) = volume_and_area(&surface);
    assert!(
        (volume / (8.0 * 0.55 * 0.4 * 0.5) - 1.0).abs() < 1e-3,
        "{volume}"
    );
}

/// As a field of splines rounds its edges.
#[test]
fn a_box_that_is_rounded_a_little_has_its_edges_too() {
    let half = [0.55, 0.4, 0.5];
    let radius = 0.08 * CELL;
    let inner = cuboid(half.map(|x| x - radius));
    let field = Closed(|p| (inner.0)(turned(p)) - radius);
    let surface = sharp(&field, CELLS);
    let topology = topology(&surface);
    assert!(topology.closed && topology.manifold);
    let edges: Vec<[f64; 3]> = edges_of_box(half).into_iter().map(turned_back).collect();
    // Cut off as they are, edges are 0.41 radii from the box's own, and corners 0.73.
    let (mean, most) = distances(&surface, &edges);
    assert!(mean < 0.025 && most < 0.5, "{mean} {most}");
}

#[test]
fn a_cut_cylinder_has_its_rim() {
    // Along z, cut by a slanted plane through the origin.
    let up = [0.6, 0.0, 0.8];
    let field = Closed(|p: [f64; 3]| {
        let side = p[0].hypot(p[1]) - 0.5;
        side.max(dot(up, p)).max(-0.7 - p[2])
    });
    let surface = sharp(&field, CELLS);
    assert_eq!(topology(&surface), closed(2));
    assert_eq!(surface.stats.cut_triangles, Some(0));
    let rim: Vec<[f64; 3]> = (0..500)
        .flat_map(|step| {
            let (sine, cosine) = (f64::from(step) * std::f64::consts::TAU / 500.0).sin_cos();
            let (x, y) = (0.5 * cosine, 0.5 * sine);
            [[x, y, -0.75 * x], [x, y, -0.7]]
        })
        .collect();
    let (mean, most) = distances(&surface, &rim);
    assert!(mean < 0.06 && most < 0.5, "{mean} {most}");
}

#[test]
fn what_is_round_stays_round() {
    for (field, euler) in [
        (&sphere(0.3) as &dyn ScalarField, 2),
        (&torus(0.55, 0.2), 0),
    ] {
        let surface = sharp(field, CELLS);
        assert_eq!(topology(&surface), closed(euler));
        assert_eq!(surface.stats.sharp_vertices, 0);
        let mut values = vec![0.0; surface.positions.len()];
        let points: Vec<[f32; 3]> = surface
            .positions
            .iter()
            .map(|p| p.map(|x| x as f32))
            .collect();
        field.values(&points, &mut values);
        let off = values
            .iter()
            .fold(0.0_f32, |most, value| most.max(value.abs()));
        assert!(f64::from(off) < 0.002 * CELL, "{off}");
        let cubes = extract(field, CELLS);
        let least = |surface: &Surface| {
            let angles = surface.triangles.iter().map(|t| smallest_angle(surface, t));
            let mut angles: Vec<f64> = angles.collect();
            angles.sort_by(f64::total_cmp);
            angles[angles.len() / 100]
        };
        assert!(least(&surface) > 3.0 * least(&cubes));
    }
}

/// In radians.
fn smallest_angle(surface: &Surface, triangle: &[u32; 3]) -> f64 {
    let corners = triangle.map(|v| surface.positions[v as usize]);
    let angle = |k: usize| {
        let (u, v) = (
            minus(corners[(k + 1) % 3], corners[k]),
            minus(corners[(k + 2) % 3], corners[k]),
        );
        length(cross(u, v)).atan2(dot(u, v))
    };
    (0..3).map(angle).fold(f64::INFINITY, f64::min)
}

#[test]
fn whatever_the_field_does_the_surface_is_closed_and_manifold() {
    let two = |apart: [f64; 3]| {
        let one = cuboid([0.3; 3]);
        let other = cuboid([0.3; 3]);
        Closed(move |p: [f64; 3]| {
            let [a, b] = [0.5, -0.5].map(|side| {
                let moved: [f64; 3] = std::array::from_fn(|k| p[k] - side * apart[k]);
                if side > 0.0 {
                    (one.0)(moved)
                } else {
                    (other.0)(moved)
                }
            });
            a.min(b)
        })
    };
    // Each sample has a value of its own: every pattern of signs occurs.
    let noise = Closed(|p: [f64; 3]| {
        let cell = p.map(|x| (x * 32.0).round() as i64);
        let mixed = cell.iter().fold(17u64, |h, &c| {
            (h ^ c as u64)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29)
        });
        let wild = (mixed % 2001) as f64 / 1000.0 - 1.0;
        match length(p) {
            radius if radius > 0.8 => 1.0,
            radius => radius - 0.6 + 0.9 * wild,
        }
    });
    let plate = cuboid([0.7, 0.5, 0.5 * CELL]);
    let touching: [(&str, &dyn ScalarField); 7] = [
        ("along an edge", &two([0.6, 0.6, 0.0])),
        ("in a corner", &two([0.6; 3])),
        ("on a face", &two([0.6, 0.1, 0.1])),
        ("a plate", &Closed(|p| (plate.0)(turned(p)))),
        ("a gyroid", &gyroid_ball()),
        ("a saddle", &blobs()),
        ("noise", &noise),
    ];
    for (name, field) in touching {
        let grid = Grid::covering(&UNIT, Resolution::VoxelSize(1.0 / 32.0), 0.0).unwrap();
        let grid = Grid {
            origin: [-1.0; 3],
            dims: [65; 3],
            ..grid
        };
        let settings = SurfaceSettings {
            slope_bound: 1000.0,
            ..settings()
        };
        let surface = extract_with(field, &grid, &settings).unwrap();
        let topology = topology(&surface);
        assert!(
            topology.closed && topology.manifold && topology.euler % 2 == 0,
            "{name}: {topology:?}"
        );
        let cut = surface.stats.cut_triangles;
        assert!(name == "noise" || cut == Some(0), "{name}: {cut:?}");
    }
}

#[test]
fn a_level_that_leaves_the_grid_is_open_there_and_only_there() {
    let grid = Grid::covering(&UNIT, Resolution::Cells(CELLS), 0.0).unwrap();
    let exact = cuboid([2.0, 0.4, 2.0]);
    let surface = extract_with(&Closed(|p| (exact.0)(turned(p))), &grid, &settings()).unwrap();
    let found = topology(&surface);
    assert!(surface.stats.open() && !found.closed && found.manifold);
    let bounds = grid.bounds();
    let mut sides = std::collections::HashMap::new();
    for &[a, b, c] in &surface.triangles {
        for (p, q) in [(a, b), (b, c), (c, a)] {
            *sides.entry((p.min(q), p.max(q))).or_insert(0) += 1;
        }
    }
    let once = sides.iter().filter(|(_, count)| **count == 1);
    for (&(a, b), _) in once {
        for position in [a, b].map(|v| surface.positions[v as usize]) {
            let on_border = (0..3).any(|k| {
                (position[k] - bounds.min[k]).abs() < 1e-9
                    || (position[k] - bounds.max[k]).abs() < 1e-9
            });
            assert!(on_border, "{position:?}");
        }
    }
}

#[test]
fn a_level_without_a_surface_is_refused_as_before() {
    let grid = Grid::covering(&UNIT, Resolution::Cells(20), 0.0).unwrap();
    let nowhere = SurfaceSettings {
        iso: -3.0,
        ..settings()
    };
    let refused = extract_with(&sphere(0.8), &grid, &nowhere).unwrap_err();
    assert!(matches!(refused, ExtractError::NoSurface { .. }));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let with_threads = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let half = cuboid([0.5, 0.4, 0.3]);
        let field = Closed(|p| (half.0)(turned(p)));
        pool.build().unwrap().install(|| sharp(&field, 80))
    };
    assert_eq!(with_threads(1), with_threads(3));
}
