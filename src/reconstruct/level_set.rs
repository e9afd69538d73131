//! The surface of a cloud as a level of its winding number, in a form that [`extract_surface`] can skip through.

use rayon::prelude::*;

use super::tree::PointTree;
use super::winding::{Dipoles, Groups};
use crate::CancelToken;
use crate::extract::{ExtractError, Grid, Resolution, SurfaceSettings, extract_surface};
use crate::field::ScalarField;
use crate::geometry::{Bounds, Mesh, Similarity};

/// Cells along the longest side, at least and at most.
const CELLS: [f64; 2] = [64.0, 512.0];

/// Edge of a cell, in spacings: finer cells show the same surface, coarser ones lose thin parts.
const CELL: f64 = 0.6;

/// Share of the longest side that the surface may bulge over the points where it closes holes.
const MARGIN: f64 = 0.03;

/// Bound on the slope of [`LevelSet`]. Twice the slope of the winding number of a plane's points spread over balls is 1.9 at the
/// plane.
const SLOPE: f32 = 3.0;

/// `2 (level - w) max(d, ball)`, with the winding number `w` and the distance `d` to the nearest point, over the unit frame.
///
/// Away from points `w` is harmonic, so its slope is at most a few times what it varies by over `d`: the product has a
/// bounded slope. Its zeros are the level of `w`, and near a dense cloud it is about the signed distance.
struct LevelSet<'a> {
    tree: &'a PointTree,
    groups: &'a Groups,
    dipoles: &'a Dipoles,
    level: f32,
}

impl ScalarField for LevelSet<'_> {
    fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
        self.dipoles
            .winding_numbers(self.tree, self.groups, points, values);
        let pairs = points.par_iter().zip(values.par_iter_mut());
        pairs.for_each_init(Vec::new, |pending, (&point, value)| {
            let (squared, nearest) = self.tree.closest(point, pending);
            let reach = squared.sqrt().max(self.groups.ball(nearest as usize));
            *value = 2.0 * (self.level - *value) * reach;
        });
    }

    fn values_and_gradients(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        gradients: &mut [[f32; 3]],
    ) {
        const STEP: f32 = 1e-3;
        self.values(points, values);
        let mut sides = [(); 2].map(|()| vec![0.0; points.len()]);
        for axis in 0..3 {
            for (side, step) in sides.iter_mut().zip([STEP, -STEP]) {
                let mut moved = points.to_vec();
                moved.iter_mut().for_each(|point| point[axis] += step);
                self.values(&moved, side);
            }
            let differences = sides[0].iter().zip(&sides[1]);
            for (gradient, (ahead, behind)) in gradients.iter_mut().zip(differences) {
                gradient[axis] = (ahead - behind) / (2.0 * STEP);
            }
        }
    }
}

/// The level set, in the unit frame, as triangles that look outwards. `spacing` is the distance between points.
pub(super) fn level_set(
    tree: &PointTree,
    groups: &Groups,
    dipoles: &Dipoles,
    level: f32,
    spacing: f64,
    memory_limit: u64,
    cancel: &CancelToken,
) -> Result<Mesh, ExtractError> {
    let bounds = Bounds::around(tree.points.iter().map(|point| point.map(f64::from)));
    let longest = bounds.longest_side();
    let cells = (longest / (CELL * spacing)).clamp(CELLS[0], CELLS[1]);
    let margin = MARGIN * longest + spacing;
    let grid = Grid::covering(&bounds, Resolution::Cells(cells as u32), margin)?;
    let field = LevelSet {
        tree,
        groups,
        dipoles,
        level,
    };
    let settings = SurfaceSettings {
        normals: false,
        slope_bound: SLOPE,
        memory_limit,
        ..SurfaceSettings::default()
    };
    let frame = Similarity::IDENTITY;
    let surface = extract_surface(&field, &grid, &frame, &settings, cancel, &mut |_| ())?;
    Ok(Mesh {
        positions: surface.positions,
        triangles: surface.triangles,
    })
}
