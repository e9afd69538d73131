//! Level sets found coarse to fine.

use super::assembly::Assembly;
use super::brick::{Brick, SkipRule};
use super::grid::UnitGrid;
use super::lattice::Sampler;
use super::marching_cubes::CaseTable;
use super::patch::{EdgeSlots, Patch, Pieces, march, request_ends};
use super::projection::project;
use super::refine::{CoarseLattice, Refiner, WAVE};
use super::sharp::{Crossed, Polygons, sharpen};
use super::simplify::simplify;
use super::slope_check::Claims;
use super::vertices::place_vertices;
use super::{ExtractError, Grid, Surface, SurfaceMode, SurfaceSettings, SurfaceStats};
use crate::CancelToken;
use crate::field::ScalarField;
use crate::geometry::{Similarity, cut_faces};
use rayon::prelude::*;

/// Bytes a vertex that edges and corners take while they are found.
const SHARP_BYTES: u64 = 400;

/// Bytes a vertex that drawing edges together takes.
const SIMPLIFY_BYTES: u64 = 600;

/// Extracts the level set `settings.iso` of `field` over `grid`.
///
/// `frame` leads from own units to the unit frame of `field`; `progress` is told the share done, 0 to 1.
///
/// Marching cubes (Lorensen and Cline 1987) on the signs at the grid's corners, with one rule for ambiguous faces, so
/// that the mesh is closed and manifold for every field and every slope bound, except where it leaves the grid.
/// Corners are found from coarse to fine: one whose distance to an evaluated corner is too short for the field to
/// change sign, by the slope bound, is not evaluated. If the field's values at any two corners of the grid differ by
/// at most `slope_bound` times their distance, the result is the one that the dense grid would give. If not, small
/// parts of the level set can be missing or cut square at cells; `stats` tells when it happened.
///
/// The result does not depend on the number of threads.
///
/// # Errors
/// Settings out of range, no surface at this iso, more memory than the limit, a field that is not finite, or
/// cancellation.
pub fn extract_surface(
    field: &dyn ScalarField,
    grid: &Grid,
    frame: &Similarity,
    settings: &SurfaceSettings,
    cancel: &CancelToken,
    progress: &mut dyn FnMut(f32),
) -> Result<Surface, ExtractError> {
    settings.check()?;
    grid.check_sparse("a surface", grid.surface_bytes(), settings.memory_limit)?;
    let unit = UnitGrid::new(grid, frame);
    let mut sampler = Sampler::new(field, unit, frame, settings.iso, cancel);
    let rule = SkipRule {
        reach: 0.0,
        slope: settings.slope_bound * unit.step as f32,
        record: settings.checks > 0,
    };
    let coarse = CoarseLattice::sample(grid.dims, &mut sampler)?;
    let (live, skipped) = coarse.sort_bricks(rule);
    let mut refiner = Refiner::new(rule);
    let sharp = settings.mode == SurfaceMode::Sharp;
    let pieces = match sharp {
        true => Pieces::Loops,
        false => Pieces::Triangles,
    };
    let mut assembly = Assembly::default();
    assembly.polygons = sharp.then(Polygons::default);
    let check_bytes = |assembly: &Assembly, more: u64| {
        grid.check_sparse("a surface", assembly.bytes() + more, settings.memory_limit)
    };
    let crossing_settings = SurfaceSettings {
        normals: settings.normals || sharp,
        ..*settings
    };
    let table = CaseTable::new();
    for (wave, places) in live.chunks(WAVE).enumerate() {
        progress((wave * WAVE) as f32 / live.len() as f32);
        refiner.forget_below(places[0][0]);
        let mut bricks = refiner.refine(places, &coarse, &mut sampler)?;
        bricks
            .par_iter_mut()
            .for_each(|brick| request_ends(brick, grid.dims));
        refiner.evaluate_pending(&mut bricks, &mut sampler)?;
        let march =
            |slots: &mut EdgeSlots, brick: &Brick| march(brick, grid.dims, &table, pieces, slots);
        let patches: Vec<Patch> = bricks.par_iter().map_init(EdgeSlots::new, march).collect();
        let crossings = assembly.stitch(&bricks, &patches, grid);
        let vertices = place_vertices(&crossings, grid, &crossing_settings, &mut sampler)?;
        assembly.positions.extend(vertices.positions);
        assembly.normals.extend(vertices.normals);
        check_bytes(&assembly, refiner.bytes())?;
        if settings.checks > 0 {
            let mut claims = Claims::default();
            bricks
                .iter()
                .for_each(|brick| claims.draw_in_refined(brick, settings.checks, &sampler));
            assembly.stats.slope_check += claims.check(&mut sampler)?;
        }
    }
    if settings.checks > 0 {
        for places in skipped.chunks(WAVE) {
            let mut claims = Claims::default();
            for &at in places {
                claims.draw_in_skipped(at, coarse.corners(at)[0] < 0.0, settings.checks, &sampler);
            }
            assembly.stats.slope_check += claims.check(&mut sampler)?;
        }
    }
    if assembly.positions.is_empty() {
        let (min, max) = sampler.range;
        return Err(ExtractError::NoSurface {
            iso: settings.iso,
            min,
            max,
            voxel_size: grid.voxel_size,
            finer: None,
        });
    }
    if let Some(polygons) = assembly.polygons.take() {
        check_bytes(&assembly, assembly.positions.len() as u64 * SHARP_BYTES)?;
        let crossed = Crossed {
            positions: std::mem::take(&mut assembly.positions),
            normals: std::mem::take(&mut assembly.normals),
            polygons,
            cell: grid.voxel_size,
            origin: grid.origin,
        };
        let sharp = sharpen(&crossed, frame, &mut sampler)?;
        assembly.stats.sharp_vertices = sharp.sharp_vertices;
        assembly.stats.cut_triangles = sharp.cut_triangles;
        assembly.positions = sharp.positions;
        assembly.normals = sharp.normals;
        assembly.triangles = sharp.triangles;
    }
    if let Some(goal) = settings.goal() {
        check_bytes(&assembly, assembly.positions.len() as u64 * SIMPLIFY_BYTES)?;
        simplify(
            &mut assembly.positions,
            &mut assembly.triangles,
            goal,
            cancel,
        )?;
        let (positions, triangles) = (&assembly.positions, &assembly.triangles);
        assembly.stats.cut_triangles = cut_faces(positions, triangles, cancel)
            .map(|cut| cut.iter().filter(|&&cut| cut).count() as u64);
        sampler.stop_if_cancelled()?;
        assembly.normals = match settings.normals {
            true => {
                let mut places = positions.clone();
                project(&mut places, grid.voxel_size, frame, &mut sampler)?.directions
            }
            false => Vec::new(),
        };
    }
    progress(1.0);
    let stats = SurfaceStats {
        evaluations: sampler.evaluations,
        gradient_evaluations: sampler.gradient_evaluations,
        voxel_size: grid.voxel_size,
        dense_evaluations: grid.samples(),
        steepest_slope: assembly.stats.steepest_slope / unit.step as f32,
        ..assembly.stats
    };
    Ok(assembly.finish(settings.normals, stats))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::Resolution;
    use crate::extract::closed_forms::*;

    #[test]
    fn skipping_changes_nothing() {
        for field in [
            &sphere(0.8) as &dyn ScalarField,
            &torus(0.55, 0.25),
            &cuboid([0.7, 0.5, 0.6]),
            &blobs(),
        ] {
            let grid = Grid::covering(&UNIT, Resolution::Cells(90), 0.0).unwrap();
            // A bound so large that nothing can be skipped: every sample is evaluated.
            let all = SurfaceSettings {
                slope_bound: 1e9,
                ..Default::default()
            };
            let few = SurfaceSettings {
                slope_bound: 1.0001,
                ..Default::default()
            };
            let (all, few) = (
                extract_with(field, &grid, &all).unwrap(),
                extract_with(field, &grid, &few).unwrap(),
            );
            assert!(all.stats.evaluations > grid.samples());
            assert!(
                few.stats.evaluations < grid.samples() / 4,
                "{:?}",
                few.stats
            );
            assert_eq!(sorted_corners(&all), sorted_corners(&few));
        }
    }

    /// A dense reference that shares nothing with the extraction but the sign rule: the crossed edges of the grid.
    #[test]
    fn vertices_lie_on_the_edges_that_a_dense_grid_crosses() {
        let field = gyroid_ball();
        let grid = Grid::covering(&UNIT, Resolution::Cells(70), 0.0).unwrap();
        let settings = SurfaceSettings {
            normals: false,
            ..Default::default()
        };
        let surface = extract_with(&field, &grid, &settings).unwrap();
        let mut crossed = 0;
        let [nx, ny, nz] = grid.dims;
        for index in
            (0..nx).flat_map(|x| (0..ny).flat_map(move |y| (0..nz).map(move |z| [x, y, z])))
        {
            let inside = |index: [u32; 3]| {
                let mut value = [0.0];
                field.values(&[grid.point(index).map(|x| x as f32)], &mut value);
                value[0] < 0.0
            };
            for axis in 0..3 {
                let mut next = index;
                next[axis] += 1;
                crossed += u64::from(next[axis] < grid.dims[axis] && inside(index) != inside(next));
            }
        }
        assert_eq!(surface.positions.len() as u64, crossed);
    }

    #[test]
    fn a_level_that_leaves_the_grid_is_open_there_and_only_there() {
        let grid = Grid::covering(&UNIT, Resolution::Cells(40), 0.0).unwrap();
        let surface = extract_with(&sphere(1.1), &grid, &SurfaceSettings::default()).unwrap();
        let found = topology(&surface);
        assert!(surface.stats.open() && !found.closed && found.manifold);
        assert!(!extract(&sphere(0.8), 40).stats.open());
    }

    #[test]
    fn says_what_is_wrong() {
        let grid = Grid::covering(&UNIT, Resolution::Cells(20), 0.0).unwrap();
        let fails = |field: &dyn ScalarField, settings: SurfaceSettings| {
            extract_with(field, &grid, &settings).unwrap_err()
        };
        let settings = SurfaceSettings::default();
        let words = fails(
            &sphere(0.8),
            SurfaceSettings {
                iso: 50.0,
                ..settings
            },
        )
        .to_string();
        assert!(
            words.contains("no surface at iso 50") && words.contains("range from"),
            "{words}"
        );
        let nan = Closed(|p: [f64; 3]| if p[0] > 0.5 { f64::NAN } else { -1.0 });
        assert!(
            matches!(fails(&nan, settings), ExtractError::NotFinite { point } if point[0] > 0.5)
        );
        assert!(matches!(
            fails(
                &sphere(0.8),
                SurfaceSettings {
                    slope_bound: 0.0,
                    ..settings
                }
            ),
            ExtractError::Setting { .. }
        ));
        assert!(matches!(
            fails(
                &sphere(0.8),
                SurfaceSettings {
                    iso: f64::NAN,
                    ..settings
                }
            ),
            ExtractError::Setting { .. }
        ));
        assert!(matches!(
            fails(
                &sphere(0.8),
                SurfaceSettings {
                    memory_limit: 1000,
                    ..settings
                }
            ),
            ExtractError::TooLarge { .. }
        ));
        let absurd = Grid::covering(&UNIT, Resolution::Cells(100_000), 0.0).unwrap();
        let words = extract_with(&sphere(0.8), &absurd, &settings)
            .unwrap_err()
            .to_string();
        assert!(
            words.contains("5.8 TB") && words.contains("largest resolution that fits is 37"),
            "{words}"
        );
    }

    #[test]
    fn cancellation_ends_the_work_between_batches() {
        struct Counting<'a>(CancelToken, &'a std::sync::atomic::AtomicUsize);
        impl ScalarField for Counting<'_> {
            fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
                if self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 5 {
                    self.0.cancel();
                }
                sphere(0.8).values(points, values);
            }
            fn values_and_gradients(
                &self,
                points: &[[f32; 3]],
                values: &mut [f32],
                gradients: &mut [[f32; 3]],
            ) {
                sphere(0.8).values_and_gradients(points, values, gradients);
            }
        }
        let (token, calls) = (CancelToken::new(), std::sync::atomic::AtomicUsize::new(0));
        let grid = Grid::covering(&UNIT, Resolution::Cells(200), 0.0).unwrap();
        let field = Counting(token.clone(), &calls);
        let settings = SurfaceSettings::default();
        let outcome = extract_surface(
            &field,
            &grid,
            &Similarity::IDENTITY,
            &settings,
            &token,
            &mut |_| (),
        );
        assert_eq!(outcome, Err(ExtractError::Cancelled));
        assert_eq!(calls.into_inner(), 6);
    }

    /// Triangles as the places of their corners, each from its least corner on, in one order.
    fn sorted_corners(surface: &Surface) -> Vec<[[u64; 3]; 3]> {
        let place = |v: u32| surface.positions[v as usize].map(f64::to_bits);
        let mut triangles: Vec<_> = surface
            .triangles
            .iter()
            .map(|&[a, b, c]| {
                let corners = [place(a), place(b), place(c)];
                let first = (0..3).min_by_key(|&k| corners[k]).unwrap();
                [0, 1, 2].map(|k| corners[(first + k) % 3])
            })
            .collect();
        triangles.sort_unstable();
        triangles
    }
}
