//! Narrow bands: only the samples near a surface, in the leaves that OpenVDB keeps.

use super::brick::{BRICK_CELLS, SkipRule};
use super::grid::UnitGrid;
use super::lattice::Sampler;
use super::leaf_cutter::LeafCutter;
use super::refine::{CoarseLattice, Refiner, WAVE};
use super::surface::{check_iso, check_slope_bound};
use super::{DEFAULT_MEMORY_LIMIT, ExtractError, Grid};
use crate::CancelToken;
use crate::field::ScalarField;
use crate::geometry::Similarity;
use rayon::prelude::*;

/// How a narrow band is extracted. Start from [`Default`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BandSettings {
    /// The level around which the band lies, own units. Values of the band are relative to it.
    pub iso: f64,
    /// Half the width of the band, in voxels, at least 1: samples that are no farther from the level are kept.
    /// OpenVDB's tools take 3.
    pub band: f64,
    /// As in [`SurfaceSettings`](super::SurfaceSettings).
    pub slope_bound: f32,
    /// Bytes that the result and its working memory may take, about.
    pub memory_limit: u64,
}

impl Default for BandSettings {
    fn default() -> Self {
        BandSettings {
            iso: 0.0,
            band: 3.0,
            slope_bound: 2.0,
            memory_limit: DEFAULT_MEMORY_LIMIT,
        }
    }
}

impl BandSettings {
    fn check(&self) -> Result<(), ExtractError> {
        check_iso(self.iso)?;
        check_slope_bound(self.slope_bound)?;
        match self.band >= 1.0 && self.band.is_finite() {
            true => Ok(()),
            false => Err(ExtractError::Setting {
                name: "band",
                value: self.band,
                expected: "a number of voxels, 1 or more (3 is usual)",
            }),
        }
    }
}

/// The samples near a surface; elsewhere only the side.
#[derive(Clone, Debug, PartialEq)]
pub struct NarrowBand {
    /// The sample with index `[0, 0, 0]`, own units.
    pub origin: [f64; 3],
    /// Distance between neighbouring samples, own units.
    pub voxel_size: f64,
    /// Samples along each axis.
    pub dims: [u32; 3],
    /// The distance outside the band, own units: `+background` outside the surface, `-background` inside.
    pub background: f32,
    /// Blocks of 8³ samples that hold at least one sample of the band, sorted by origin.
    pub leaves: Vec<Leaf>,
    /// Blocks without a sample of the band that are wholly inside, sorted by origin. What is neither here nor in a leaf is
    /// outside.
    pub inside: Vec<InsideTile>,
}

impl NarrowBand {
    /// Samples in the band.
    pub fn active_voxels(&self) -> u64 {
        let words = self.leaves.iter().flat_map(|leaf| leaf.active);
        words.map(|word| u64::from(word.count_ones())).sum()
    }

    /// The band for a file that Blender 4 is to show: half a voxel lower along each axis.
    ///
    /// To OpenVDB (and Houdini) a value stands at its index. Before 5.0, Blender takes it to fill the voxel from its index
    /// to the next, so that Volume to Mesh puts a surface half a voxel too high (Blender issue 85312). Lowered by as much, it
    /// stands where the mesh stood.
    pub fn lowered_for_blender_4(mut self) -> NarrowBand {
        self.origin = self.origin.map(|x| x - 0.5 * self.voxel_size);
        self
    }
}

/// 8³ samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// Index of the first sample; a multiple of 8.
    pub origin: [u32; 3],
    /// `[8, 8, 8] f32`, C order (`z` fastest), own units; `±background` outside the band.
    pub values: Box<[f32; 512]>,
    /// Bit `i % 64` of word `i / 64` tells whether value `i` is in the band.
    pub active: [u64; 8],
}

/// A cube of samples inside the surface, away from the band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InsideTile {
    /// Index of the first sample; a multiple of `size`.
    pub origin: [u32; 3],
    /// Samples along each edge: 8 or 32.
    pub size: u32,
}

/// Extracts the samples of `grid` within `settings.band` voxels of the surface of `field`.
///
/// `frame` leads from own units to the unit frame of `field`; `progress` is told the share done, 0 to 1.
///
/// Coarse to fine as [`extract_surface`](super::extract_surface): with a slope bound that holds, the band has every
/// sample that the dense grid would put into it. Leaves at the upper ends of the grid may reach beyond it.
///
/// # Errors
/// Settings out of range, no surface in the grid, more memory than the limit, a field that is not finite, or
/// cancellation.
pub fn extract_narrow_band(
    field: &dyn ScalarField,
    grid: &Grid,
    frame: &Similarity,
    settings: &BandSettings,
    cancel: &CancelToken,
    progress: &mut dyn FnMut(f32),
) -> Result<NarrowBand, ExtractError> {
    settings.check()?;
    const WHAT: &str = "a narrow band";
    // A leaf is about as large as what a surface takes for its 64 cells; the band reaches over some leaves.
    let leaves_across = 1.0 + settings.band / 4.0;
    grid.check_sparse(
        WHAT,
        (grid.surface_bytes() as f64 * leaves_across * 0.5) as u64,
        settings.memory_limit,
    )?;
    let unit = UnitGrid::new(grid, frame);
    let mut sampler = Sampler::new(field, unit, frame, settings.iso, cancel);
    let rule = SkipRule {
        reach: (settings.band * unit.step) as f32,
        slope: settings.slope_bound * unit.step as f32,
        record: true,
    };
    let background = (settings.band * grid.voxel_size) as f32;
    let cutter = LeafCutter {
        reach: rule.reach,
        to_own: frame.scale.recip() as f32,
        background,
        dims: grid.dims,
    };
    let coarse = CoarseLattice::sample(grid.dims, &mut sampler)?;
    let (live, skipped) = coarse.sort_bricks(rule);
    let mut inside: Vec<InsideTile> = skipped
        .into_iter()
        .filter(|&at| coarse.corners(at)[0] < 0.0)
        .map(|at| InsideTile {
            origin: at.map(|c| c * BRICK_CELLS as u32),
            size: BRICK_CELLS as u32,
        })
        .collect();
    let mut refiner = Refiner::new(rule);
    let mut leaves = Vec::new();
    for (wave, places) in live.chunks(WAVE).enumerate() {
        progress((wave * WAVE) as f32 / live.len() as f32);
        refiner.forget_below(places[0][0]);
        let bricks = refiner.refine(places, &coarse, &mut sampler)?;
        let cut: Vec<_> = bricks.par_iter().map(|brick| cutter.cut(brick)).collect();
        for (cut_leaves, cut_inside) in cut {
            leaves.extend(cut_leaves);
            inside.extend(cut_inside);
        }
        let bytes = (leaves.len() * LEAF_BYTES) as u64 + refiner.bytes();
        grid.check_sparse(WHAT, bytes, settings.memory_limit)?;
    }
    if leaves.is_empty() {
        let (min, max) = sampler.range;
        return Err(ExtractError::NoSurface {
            iso: settings.iso,
            min,
            max,
            voxel_size: grid.voxel_size,
            finer: None,
        });
    }
    leaves.sort_unstable_by_key(|leaf| leaf.origin);
    inside.sort_unstable();
    progress(1.0);
    Ok(NarrowBand {
        origin: grid.origin,
        voxel_size: grid.voxel_size,
        dims: grid.dims,
        background,
        leaves,
        inside,
    })
}

/// Bytes of a leaf and its values.
const LEAF_BYTES: usize = size_of::<Leaf>() + 512 * 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::Resolution;
    use crate::extract::closed_forms::{cuboid, gyroid_ball, sphere};
    use crate::geometry::Bounds;
    use std::collections::{HashMap, HashSet};

    const FRAME: Similarity = Similarity {
        center: [3.0, -2.0, 10.0],
        scale: 0.25,
    };

    fn grid(cells: u32) -> Grid {
        let bounds = Bounds {
            min: FRAME.invert([-0.9; 3]),
            max: FRAME.invert([0.9; 3]),
        };
        Grid::around_level_set(&bounds, Resolution::Cells(cells), 0.0).unwrap()
    }

    fn extract(field: &dyn ScalarField, grid: &Grid, settings: &BandSettings) -> NarrowBand {
        extract_narrow_band(
            field,
            grid,
            &FRAME,
            settings,
            &CancelToken::new(),
            &mut |_| (),
        )
        .unwrap()
    }

    /// Looks every sample of the grid up in the band, as OpenVDB would, and compares it with the field itself.
    fn assert_band_is_that_of_the_dense_grid(
        field: &dyn ScalarField,
        cells: u32,
        settings: &BandSettings,
    ) {
        let grid = grid(cells);
        let band = extract(field, &grid, settings);
        let leaves: HashMap<[u32; 3], &Leaf> =
            band.leaves.iter().map(|leaf| (leaf.origin, leaf)).collect();
        let inside: HashSet<InsideTile> = band.inside.iter().copied().collect();
        let dense = crate::extract::sample_dense(
            field,
            &grid,
            &FRAME,
            u64::MAX,
            &CancelToken::new(),
            &mut |_| (),
        )
        .unwrap();
        let [_, ny, nz] = grid.dims.map(|c| c as usize);
        let mut active = 0;
        for (i, exact) in dense
            .values
            .iter()
            .map(|value| value - settings.iso as f32)
            .enumerate()
        {
            let at = [i / (ny * nz), i / nz % ny, i % nz].map(|c| c as u32);
            let tile = |size: u32| InsideTile {
                origin: at.map(|c| c / size * size),
                size,
            };
            let (value, is_active) = match leaves.get(&at.map(|c| c / 8 * 8)) {
                Some(leaf) => {
                    let [x, y, z] = at.map(|c| c as usize % 8);
                    let offset = x * 64 + y * 8 + z;
                    (
                        leaf.values[offset],
                        leaf.active[x] >> (offset % 64) & 1 == 1,
                    )
                }
                None if inside.contains(&tile(8)) || inside.contains(&tile(32)) => {
                    (-band.background, false)
                }
                None => (band.background, false),
            };
            let expected = exact.clamp(-band.background, band.background);
            assert!(
                (value - expected).abs() < 2e-5 * band.background,
                "at {at:?}: {value}, not {expected}"
            );
            if (exact.abs() - band.background).abs() > 1e-4 * band.background {
                assert_eq!(is_active, exact.abs() < band.background, "at {at:?}");
            }
            active += u64::from(is_active);
        }
        assert!(active > 1000);
    }

    #[test]
    fn holds_what_the_dense_grid_holds() {
        let settings = BandSettings::default();
        assert_band_is_that_of_the_dense_grid(&sphere(0.8), 100, &settings);
        assert_band_is_that_of_the_dense_grid(&cuboid([0.8, 0.3, 0.5]), 75, &settings);
        assert_band_is_that_of_the_dense_grid(&gyroid_ball(), 60, &settings);
        let wide = BandSettings {
            band: 9.5,
            iso: -0.4,
            slope_bound: 1.01,
            ..settings
        };
        assert_band_is_that_of_the_dense_grid(&sphere(0.8), 100, &wide);
    }

    #[test]
    fn keeps_far_less_than_the_dense_grid() {
        let grid = grid(300);
        let settings = BandSettings {
            slope_bound: 1.0,
            ..Default::default()
        };
        let band = extract(&sphere(0.8), &grid, &settings);
        assert!((band.leaves.len() as u64) * 512 < grid.samples() / 4);
        assert!(band.leaves.is_sorted_by_key(|leaf| leaf.origin) && band.inside.is_sorted());
        assert!(band.inside.iter().any(|tile| tile.size == 32));
    }

    #[test]
    fn says_what_is_wrong() {
        let fails = |settings: &BandSettings, cells: u32| {
            extract_narrow_band(
                &sphere(0.8),
                &grid(cells),
                &FRAME,
                settings,
                &CancelToken::new(),
                &mut |_| (),
            )
            .unwrap_err()
        };
        let settings = BandSettings::default();
        assert!(matches!(
            fails(
                &BandSettings {
                    band: 0.0,
                    ..settings
                },
                20
            ),
            ExtractError::Setting { .. }
        ));
        assert!(matches!(
            fails(
                &BandSettings {
                    iso: 1e3,
                    ..settings
                },
                20
            ),
            ExtractError::NoSurface { .. }
        ));
        assert!(matches!(
            fails(&settings, 100_000),
            ExtractError::TooLarge {
                what: "a narrow band",
                ..
            }
        ));
        let cancelled = CancelToken::new();
        cancelled.cancel();
        let outcome = extract_narrow_band(
            &sphere(0.8),
            &grid(20),
            &FRAME,
            &settings,
            &cancelled,
            &mut |_| (),
        );
        assert_eq!(outcome, Err(ExtractError::Cancelled));
    }
}
