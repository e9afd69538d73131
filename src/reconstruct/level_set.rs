//! The surface of a cloud as a level of its winding number, in a form that [`extract_surface`] can skip through.

use rayon::prelude::*;

use super::groups::Groups;
use super::tree::PointTree;
use super::winding::Dipoles;
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

/// Bound on the slope of [`LevelSet`]. For a plane whose points are spread over balls it is 1.9 there; 2.3 is the steepest that was
/// met on uneven points with holes.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes;
    use crate::reconstruct::local_plane::{Neighbourhoods, areas, spacings};
    use crate::reconstruct::vector::unit;

    #[test]
    fn what_the_slope_bound_skips_holds_no_surface() {
        // Dense and thin parts, a large hole, and a stray point.
        let dense = shapes::icosphere(4, 0.8).positions.into_iter();
        let thin = shapes::icosphere(3, 0.8).positions.into_iter();
        let kept = dense.filter(|p| p[0] > 0.0 && p[2] < 0.5);
        let kept = kept.chain(thin.filter(|p| p[0] <= 0.0 && p[2] < 0.5));
        let mut points: Vec<[f32; 3]> = kept.map(|p| p.map(|x| x as f32)).collect();
        points.push([0.9, 0.9, 0.0]);
        let tree = PointTree::new(&points);
        let normals: Vec<[f32; 3]> = tree.points.iter().map(|&p| unit(p)).collect();
        let neighbourhoods = Neighbourhoods::of(&tree);
        let spacings = spacings(&tree, &neighbourhoods);
        let areas = areas(&tree, &neighbourhoods, &normals, &spacings);
        let groups = Groups::new(&tree, spacings.iter().map(|s| 2.0 * s).collect());
        let moments = normals
            .iter()
            .zip(areas)
            .map(|(n, area)| n.map(|x| x * area));
        let dipoles = Dipoles::new(&tree, &groups, moments.collect());
        let field = LevelSet {
            tree: &tree,
            groups: &groups,
            dipoles: &dipoles,
            level: 0.5,
        };
        let bounds = Bounds::around(points.iter().map(|p| p.map(f64::from)));
        let grid = Grid::covering(&bounds, Resolution::Cells(70), 0.1).unwrap();
        let with = |slope_bound: f32| {
            let settings = SurfaceSettings {
                normals: false,
                slope_bound,
                checks: 5000,
                ..SurfaceSettings::default()
            };
            let (frame, cancel) = (Similarity::IDENTITY, CancelToken::new());
            let surface =
                extract_surface(&field, &grid, &frame, &settings, &cancel, &mut |_| ()).unwrap();
            assert!(!surface.stats.open());
            surface
        };
        let (few, all) = (with(SLOPE), with(1e9));
        let stats = few.stats;
        assert!(stats.evaluations * 3 < all.stats.evaluations, "{stats:?}");
        assert!(stats.steepest_slope < SLOPE, "{stats:?}");
        let check = stats.slope_check;
        assert!(check.checked > 10_000 && check.wrong == 0, "{check:?}");
        // A value depends a little on the places that are asked together with it: on which groups of points are far.
        assert_eq!(few.bodies().count, all.bodies().count);
        let (few, all) = (few.triangles.len(), all.triangles.len());
        assert!(few.abs_diff(all) * 500 < all, "{few} {all}");
    }

    #[test]
    fn gradients_are_those_of_the_values() {
        let points = shapes::icosphere(3, 0.8).positions;
        let points: Vec<[f32; 3]> = points.iter().map(|p| p.map(|x| x as f32)).collect();
        let tree = PointTree::new(&points);
        let groups = Groups::new(&tree, vec![0.2; points.len()]);
        let area = 4.0 * std::f32::consts::PI * 0.64 / points.len() as f32;
        let moments = tree.points.iter().map(|&p| unit(p).map(|x| x * area));
        let dipoles = Dipoles::new(&tree, &groups, moments.collect());
        let field = LevelSet {
            tree: &tree,
            groups: &groups,
            dipoles: &dipoles,
            level: 0.5,
        };
        let (mut values, mut gradients) = ([0.0; 2], [[0.0; 3]; 2]);
        let places = [[0.5, 0.5, 0.5], [1.1, 0.0, 0.0]];
        field.values_and_gradients(&places, &mut values, &mut gradients);
        // Outside, far from the points, it is the distance.
        assert!((values[1] - 0.3).abs() < 0.02, "{values:?}");
        for (gradient, place) in gradients.into_iter().zip(places) {
            let along = crate::reconstruct::vector::dot(gradient, unit(place));
            assert!((0.8..2.2).contains(&along), "{gradient:?}");
        }
    }
}
