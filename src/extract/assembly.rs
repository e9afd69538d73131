//! Patches of bricks stitched into one mesh.

use super::brick::Brick;
use super::patch::{LocalEdge, Patch};
use super::refine::{KeyHasher, pack};
use super::sharp::Polygons;
use super::vertices::{Crossing, mend_normals};
use super::{Grid, Surface, SurfaceStats};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

/// A surface under construction.
#[derive(Default)]
pub(super) struct Assembly {
    pub positions: Vec<[f64; 3]>,
    pub normals: Vec<[f32; 3]>,
    pub triangles: Vec<[u32; 3]>,
    /// Instead of triangles, where patches have loops.
    pub polygons: Option<Polygons>,
    /// What is known so far: border vertices, the slope check, and the steepest change over a cell.
    pub stats: SurfaceStats,
    /// Vertices on edges that bricks share.
    shared: HashMap<u64, u32, BuildHasherDefault<KeyHasher>>,
}

impl Assembly {
    /// Adds the triangles of `patches` and gives the crossings at which new vertices belong, which the caller appends
    /// in the same order.
    pub(super) fn stitch(
        &mut self,
        bricks: &[Brick],
        patches: &[Patch],
        grid: &Grid,
    ) -> Vec<Crossing> {
        let mut crossings = Vec::new();
        let mut vertices = Vec::new();
        for (brick, patch) in bricks.iter().zip(patches) {
            vertices.clear();
            for &edge in &patch.edges {
                let new = (self.positions.len() + crossings.len()) as u32;
                let crossing = crossing(brick, edge);
                let vertex = match edge.on_face() {
                    true => *self
                        .shared
                        .entry(pack(crossing.index) << 2 | u64::from(edge.axis))
                        .or_insert(new),
                    false => new,
                };
                if vertex == new {
                    self.polygons.iter_mut().for_each(Polygons::add_crossing);
                    self.stats.border_vertices += u64::from(on_border(&crossing, grid.dims));
                    crossings.push(crossing);
                }
                vertices.push(vertex);
            }
            self.stats.steepest_slope = self.stats.steepest_slope.max(patch.steepest);
            let global = |triangle: &[u32; 3]| triangle.map(|v| vertices[v as usize]);
            self.triangles.extend(patch.triangles.iter().map(global));
            if let Some(polygons) = &mut self.polygons {
                for (cell, corners) in patch.loops.iter() {
                    let corners = corners.iter().map(|&corner| {
                        let edge = patch.edges[corner as usize];
                        (vertices[corner as usize], crossing(brick, edge))
                    });
                    polygons.add(brick.index(cell.into()), corners);
                }
            }
        }
        crossings
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = self.positions.capacity() * 24
            + self.normals.capacity() * 12
            + self.triangles.capacity() * 12
            + self.polygons.as_ref().map_or(0, Polygons::bytes)
            + self.shared.capacity() * 16;
        bytes as u64
    }

    pub(super) fn finish(mut self, normals: bool, stats: SurfaceStats) -> Surface {
        mend_normals(&self.positions, &self.triangles, &mut self.normals);
        Surface {
            positions: self.positions,
            triangles: self.triangles,
            normals: normals.then_some(self.normals),
            stats,
        }
    }
}

fn crossing(brick: &Brick, edge: LocalEdge) -> Crossing {
    Crossing {
        index: brick.index(usize::from(edge.corner)),
        axis: edge.axis,
        ends: edge.ends().map(|end| brick.values[end]),
    }
}

/// Whether an edge lies in the outermost layer of samples.
fn on_border(crossing: &Crossing, dims: [u32; 3]) -> bool {
    let across = (0..3).filter(|&axis| axis != usize::from(crossing.axis));
    across
        .into_iter()
        .any(|axis| crossing.index[axis] == 0 || crossing.index[axis] + 1 == dims[axis])
}

#[cfg(test)]
mod tests {
    use crate::extract::closed_forms::*;
    use crate::extract::{Grid, Resolution, SurfaceSettings};
    use crate::field::ScalarField;

    #[test]
    fn closed_forms_come_out_closed_and_manifold_at_every_resolution() {
        for cells in [5, 16, 33, 64, 100] {
            assert_eq!(
                topology(&extract(&sphere(0.8), cells)),
                closed(2),
                "sphere at {cells}"
            );
            assert_eq!(
                topology(&extract(&cuboid([0.7, 0.5, 0.6]), cells)),
                closed(2),
                "box at {cells}"
            );
            if cells >= 16 {
                assert_eq!(
                    topology(&extract(&torus(0.55, 0.25), cells)),
                    closed(0),
                    "torus at {cells}"
                );
            }
            for surface in [extract(&gyroid_ball(), cells), extract(&blobs(), cells)] {
                let topology = topology(&surface);
                assert!(
                    topology.closed && topology.manifold && topology.euler % 2 == 0,
                    "{topology:?}"
                );
            }
        }
    }

    #[test]
    fn a_level_through_the_grid_points_does_not_collapse() {
        // Faces of the box lie exactly on layers of samples: many values are exactly the iso value.
        let grid = Grid::covering(&UNIT, Resolution::VoxelSize(0.125), 0.05).unwrap();
        let grid = Grid {
            origin: [-1.125; 3],
            ..grid
        };
        let surface = extract_with(&cuboid([0.5; 3]), &grid, &SurfaceSettings::default()).unwrap();
        assert_eq!(topology(&surface), closed(2));
        let mut places: Vec<[u64; 3]> = surface
            .positions
            .iter()
            .map(|p| p.map(f64::to_bits))
            .collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), surface.positions.len());
    }

    #[test]
    fn noise_comes_out_closed_and_manifold_even_with_a_wrong_slope_bound() {
        // Each sample has a value of its own: every sign pattern and every ambiguous face occurs.
        let noise = Closed(|p: [f64; 3]| {
            let cell = p.map(|x| (x * 32.0).round() as i64);
            let mixed = cell.iter().fold(17u64, |h, &c| {
                (h ^ c as u64)
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                    .rotate_left(29)
            });
            let wild = (mixed % 2001) as f64 / 1000.0 - 1.0;
            match length(p) {
                radius if radius < 0.2 => -0.5,
                radius if radius > 0.85 => 1.0,
                radius => radius - 0.6 + 0.9 * wild,
            }
        });
        let grid = Grid::covering(&UNIT, Resolution::VoxelSize(1.0 / 32.0), 0.0).unwrap();
        let grid = Grid {
            origin: [-1.0; 3],
            dims: [65; 3],
            ..grid
        };
        for slope_bound in [0.1, 1.0, 5.0, 40.0, 1000.0] {
            let settings = SurfaceSettings {
                slope_bound,
                ..Default::default()
            };
            let surface = extract_with(&noise, &grid, &settings).unwrap();
            let topology = topology(&surface);
            assert!(
                topology.closed && topology.manifold && topology.euler % 2 == 0,
                "{slope_bound}: {topology:?}"
            );
            assert!(surface.stats.steepest_slope > 30.0);
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let with_threads = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| extract(&gyroid_ball(), 120))
        };
        assert_eq!(with_threads(1), with_threads(5));
    }

    #[test]
    fn a_field_that_never_repeats_a_value_does_not_tear_the_mesh() {
        use std::sync::atomic::{AtomicU32, Ordering};
        // As a kernel whose rounding depends on the place of a point in its batch, but coarser.
        struct Wavering(AtomicU32);
        impl ScalarField for Wavering {
            fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
                for (value, point) in values.iter_mut().zip(points) {
                    let tick = self.0.fetch_add(7919, Ordering::Relaxed) % 1000;
                    *value = length(point.map(f64::from)) as f32 - 0.8 + tick as f32 * 1e-5;
                }
            }
            fn values_and_gradients(
                &self,
                points: &[[f32; 3]],
                values: &mut [f32],
                gradients: &mut [[f32; 3]],
            ) {
                self.values(points, values);
                gradients.copy_from_slice(points);
            }
        }
        let found = topology(&extract(&Wavering(AtomicU32::new(0)), 120));
        assert!(found.closed && found.manifold, "{found:?}");
    }
}
