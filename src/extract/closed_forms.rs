//! Closed-form fields, dense marching cubes, and the topology of meshes, for the tests.

use super::{
    ExtractError, Grid, Resolution, Surface, SurfaceSettings, SurfaceStats, extract_surface,
};
use crate::CancelToken;
use crate::field::ScalarField;
use crate::geometry::{Bounds, Similarity};
use rayon::prelude::*;
use std::collections::HashMap;

/// A field from a function; gradients by central differences in f64.
pub(crate) struct Closed<F: Fn([f64; 3]) -> f64 + Sync>(pub F);

impl<F: Fn([f64; 3]) -> f64 + Sync> ScalarField for Closed<F> {
    fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
        assert_eq!(points.len(), values.len());
        values
            .par_iter_mut()
            .zip(points)
            .with_min_len(1024)
            .for_each(|(value, point)| {
                *value = (self.0)(point.map(f64::from)) as f32;
            });
    }

    fn values_and_gradients(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        gradients: &mut [[f32; 3]],
    ) {
        self.values(points, values);
        gradients
            .par_iter_mut()
            .zip(points)
            .with_min_len(1024)
            .for_each(|(gradient, point)| {
                let along = |axis: usize, by: f64| {
                    let mut moved = point.map(f64::from);
                    moved[axis] += by;
                    (self.0)(moved)
                };
                *gradient = std::array::from_fn(|axis| {
                    ((along(axis, 1e-5) - along(axis, -1e-5)) / 2e-5) as f32
                });
            });
    }
}

pub(crate) fn length(v: [f64; 3]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}

pub(crate) fn sphere(radius: f64) -> Closed<impl Fn([f64; 3]) -> f64 + Sync> {
    Closed(move |p| length(p) - radius)
}

/// A torus around the z axis.
pub(crate) fn torus(major: f64, minor: f64) -> Closed<impl Fn([f64; 3]) -> f64 + Sync> {
    Closed(move |p: [f64; 3]| (p[0].hypot(p[1]) - major).hypot(p[2]) - minor)
}

/// The exact distance to a box around the origin.
pub(crate) fn cuboid(half: [f64; 3]) -> Closed<impl Fn([f64; 3]) -> f64 + Sync> {
    Closed(move |p: [f64; 3]| {
        let q: [f64; 3] = std::array::from_fn(|k| p[k].abs() - half[k]);
        length(q.map(|x| x.max(0.0))) + q[0].max(q[1]).max(q[2]).min(0.0)
    })
}

/// A sphere filled with a gyroid: many handles, and ambiguous faces.
pub(crate) fn gyroid_ball() -> Closed<impl Fn([f64; 3]) -> f64 + Sync> {
    Closed(|p: [f64; 3]| {
        let [x, y, z] = p.map(|c| c * 9.0);
        let gyroid = (x.sin() * y.cos() + y.sin() * z.cos() + z.sin() * x.cos()) / 9.0 / 1.8;
        gyroid.max(length(p) - 0.85)
    })
}

/// Two spheres that nearly touch, blended: a saddle between them.
pub(crate) fn blobs() -> Closed<impl Fn([f64; 3]) -> f64 + Sync> {
    Closed(|p: [f64; 3]| {
        let a = length([p[0] - 0.31, p[1] - 0.29, p[2] - 0.01]) - 0.4;
        let b = length([p[0] + 0.31, p[1] + 0.29, p[2] + 0.01]) - 0.4;
        let k = 0.05;
        let h = (0.5 + 0.5 * (b - a) / k).clamp(0.0, 1.0);
        b * (1.0 - h) + a * h - k * h * (1.0 - h)
    })
}

/// What a closed mesh must be.
#[derive(Debug, PartialEq)]
pub(crate) struct Topology {
    /// Every side of a triangle is met by one other triangle, in the opposite direction.
    pub closed: bool,
    /// No side belongs to more than two triangles, and the triangles at each vertex are one fan.
    pub manifold: bool,
    /// Vertices - edges + faces.
    pub euler: i64,
}

pub(crate) fn topology(surface: &Surface) -> Topology {
    let mut sides: HashMap<(u32, u32), u32> = HashMap::new();
    // For each vertex: from the next corner of a triangle to the one after.
    let mut links: Vec<Vec<(u32, u32)>> = vec![Vec::new(); surface.positions.len()];
    for &[a, b, c] in &surface.triangles {
        for (p, q, r) in [(a, b, c), (b, c, a), (c, a, b)] {
            *sides.entry((p, q)).or_default() += 1;
            links[p as usize].push((q, r));
        }
    }
    let once = sides.values().all(|&count| count == 1);
    let closed = once && sides.keys().all(|&(a, b)| sides.contains_key(&(b, a)));
    let one_fan = links.iter().all(|link| {
        let next: HashMap<u32, u32> = link.iter().copied().collect();
        let targets: std::collections::HashSet<u32> = link.iter().map(|l| l.1).collect();
        // An open fan starts where nothing leads to.
        let start = link
            .iter()
            .map(|l| l.0)
            .find(|from| !targets.contains(from))
            .or(link.first().map(|l| l.0));
        let Some(start) = start else { return false };
        let (mut at, mut steps) = (start, 0);
        while let Some(&to) = next.get(&at) {
            (at, steps) = (to, steps + 1);
            if at == start || steps > link.len() {
                break;
            }
        }
        steps == link.len()
    });
    let edges = sides
        .keys()
        .filter(|&&(a, b)| a < b || !sides.contains_key(&(b, a)))
        .count();
    Topology {
        closed,
        manifold: once && one_fan,
        euler: surface.positions.len() as i64 - edges as i64 + surface.triangles.len() as i64,
    }
}

/// Enclosed volume and area.
pub(crate) fn volume_and_area(surface: &Surface) -> (f64, f64) {
    surface
        .triangles
        .iter()
        .fold((0.0, 0.0), |(volume, area), triangle| {
            let [p, q, r] = triangle.map(|v| surface.positions[v as usize]);
            let u: [f64; 3] = std::array::from_fn(|k| q[k] - p[k]);
            let v: [f64; 3] = std::array::from_fn(|k| r[k] - p[k]);
            let n = [
                u[1] * v[2] - u[2] * v[1],
                u[2] * v[0] - u[0] * v[2],
                u[0] * v[1] - u[1] * v[0],
            ];
            let height: f64 = (0..3).map(|k| p[k] * n[k]).sum();
            (volume + height / 6.0, area + length(n) / 2.0)
        })
}

/// A tetrahedron, for the tests of writers.
pub(crate) fn tetrahedron(offset: f64) -> Surface {
    let positions = [
        [0.0, 0.0, 0.0],
        [1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 1.0],
    ];
    let third = 1.0f32 / 3.0f32.sqrt();
    Surface {
        positions: positions.map(|p: [f64; 3]| p.map(|x| x + offset)).to_vec(),
        triangles: vec![[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]],
        normals: Some(vec![
            [-third; 3],
            [1.0, 0.0, 0.0],
            [0.0, 1.0, 0.0],
            [0.0, 0.0, 1.0],
        ]),
        stats: SurfaceStats::default(),
    }
}

/// The box of the unit frame that meshes fill.
pub(crate) const UNIT: Bounds = Bounds {
    min: [-0.9; 3],
    max: [0.9; 3],
};

/// Extracts in the unit frame.
pub(crate) fn extract_with(
    field: &dyn ScalarField,
    grid: &Grid,
    settings: &SurfaceSettings,
) -> Result<Surface, ExtractError> {
    extract_surface(
        field,
        grid,
        &Similarity::IDENTITY,
        settings,
        &CancelToken::new(),
        &mut |_| (),
    )
}

/// Extracts with default settings, with `cells` along the longest side of [`UNIT`].
pub(crate) fn extract(field: &dyn ScalarField, cells: u32) -> Surface {
    let grid = Grid::covering(&UNIT, Resolution::Cells(cells), 0.0).unwrap();
    extract_with(field, &grid, &SurfaceSettings::default()).unwrap()
}

pub(crate) fn closed(euler: i64) -> Topology {
    Topology {
        closed: true,
        manifold: true,
        euler,
    }
}
