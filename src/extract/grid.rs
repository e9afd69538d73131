//! The regular grid over which a field is sampled.

use super::ExtractError;
use crate::geometry::{Bounds, Similarity};

/// How fine a grid is.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Resolution {
    /// Cells along the longest side of the bounds.
    Cells(u32),
    /// Edge length of a cell, own units.
    VoxelSize(f64),
}

/// Sample points at `origin + voxel_size * [x, y, z]`, with `0 <= [x, y, z] < dims`.
///
/// Samples are the corners of cells: there is one cell less than samples along each axis.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Grid {
    /// The first sample, own units.
    pub origin: [f64; 3],
    /// Distance between neighbouring samples, own units.
    pub voxel_size: f64,
    /// Samples along each axis, at least 2.
    pub dims: [u32; 3],
    /// Cells along the longest side of the bounds that the grid was laid over: what the user asked for.
    pub resolution: f64,
}

/// Bytes that one result may take where the caller sets no other limit.
pub const DEFAULT_MEMORY_LIMIT: u64 = 8_000_000_000;

/// Cells added on each side of what has to be covered.
const MARGIN_CELLS: f64 = 2.0;

/// Share of the longest side by which a fitted surface may bulge over the bounds of its mesh.
const BULGE: f64 = 0.02;

/// Most cells along an axis, so that the index of an edge fits 64 bits.
const MOST_CELLS: f64 = (1u32 << 19) as f64;

/// Bytes that one cell crossed by a surface takes: a vertex with its normal, two triangles, and working memory.
const BYTES_PER_SURFACE_CELL: f64 = 96.0;

impl Grid {
    /// A grid over `bounds` (own units) and `margin` (own units, not negative) on each side, plus two cells.
    ///
    /// # Errors
    /// Resolution 0, a voxel size that is not a positive number, bounds without extent, a negative margin, or more
    /// than 2¹⁹ cells along an axis.
    pub fn covering(
        bounds: &Bounds,
        resolution: Resolution,
        margin: f64,
    ) -> Result<Grid, ExtractError> {
        let longest = bounds.longest_side();
        if !(longest > 0.0 && longest.is_finite() && bounds.center().iter().all(|c| c.is_finite()))
        {
            return Err(ExtractError::Bounds {
                min: bounds.min,
                max: bounds.max,
            });
        }
        if !(margin >= 0.0 && margin.is_finite()) {
            return Err(ExtractError::Setting {
                name: "margin",
                value: margin,
                expected: "a length of 0 or more",
            });
        }
        let voxel_size = match resolution {
            Resolution::Cells(0) => return Err(ExtractError::ZeroResolution),
            Resolution::Cells(cells) => longest / f64::from(cells),
            Resolution::VoxelSize(size) if size > 0.0 && size.is_finite() => size,
            Resolution::VoxelSize(size) => return Err(ExtractError::VoxelSize(size)),
        };
        let covered = bounds.grown(margin + MARGIN_CELLS * voxel_size);
        // The 1e-6 absorbs the rounding of `size / voxel_size`: a whole number of cells must not become one more.
        let cells = covered
            .size()
            .map(|side| (side / voxel_size - 1e-6).ceil().max(1.0));
        let resolution = longest / voxel_size;
        if cells.iter().any(|&count| count > MOST_CELLS) {
            return Err(too_large(
                "a surface",
                cells,
                resolution,
                DEFAULT_MEMORY_LIMIT,
                surface_bytes,
            ));
        }
        let center = bounds.center();
        Ok(Grid {
            origin: std::array::from_fn(|axis| center[axis] - cells[axis] * 0.5 * voxel_size),
            voxel_size,
            dims: cells.map(|count| count as u32 + 1),
            resolution,
        })
    }

    /// A grid that holds the level set at `iso` (own units) of a field fitted to a mesh with these `bounds`: they are
    /// grown by a positive `iso`, by 2 % of their longest side, in case the fit bulges, and by two cells.
    ///
    /// # Errors
    /// As [`covering`](Self::covering).
    pub fn around_level_set(
        bounds: &Bounds,
        resolution: Resolution,
        iso: f64,
    ) -> Result<Grid, ExtractError> {
        Grid::covering(
            bounds,
            resolution,
            iso.max(0.0) + BULGE * bounds.longest_side(),
        )
    }

    /// As [`around_level_set`](Self::around_level_set) for the surface itself, with room for a band of `band` voxels on
    /// each side of it: a band that the border cuts off would be a wall to whoever reads it.
    ///
    /// # Errors
    /// As [`covering`](Self::covering).
    pub fn around_band(
        bounds: &Bounds,
        resolution: Resolution,
        band: f64,
    ) -> Result<Grid, ExtractError> {
        let voxel_size = Grid::around_level_set(bounds, resolution, 0.0)?.voxel_size;
        Grid::around_level_set(bounds, resolution, band * voxel_size)
    }

    /// The sample with index `[x, y, z]`, own units.
    pub fn point(&self, index: [u32; 3]) -> [f64; 3] {
        std::array::from_fn(|axis| self.origin[axis] + self.voxel_size * f64::from(index[axis]))
    }

    /// The box from the first sample to the last, own units.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            min: self.origin,
            max: self.point(self.dims.map(|count| count - 1)),
        }
    }

    /// Number of samples.
    pub fn samples(&self) -> u64 {
        self.dims.iter().map(|&count| u64::from(count)).product()
    }

    /// Bytes of a dense `f32` volume on this grid.
    pub fn dense_bytes(&self) -> u64 {
        self.samples() * 4
    }

    /// A guess at the bytes of a surface on this grid: as many cells as the six faces of the grid's box have.
    /// A sphere takes about half of it.
    pub fn surface_bytes(&self) -> u64 {
        surface_bytes(self.cells()) as u64
    }

    /// Refuses a dense volume that takes more than `limit` bytes.
    pub(super) fn check_dense(&self, limit: u64) -> Result<(), ExtractError> {
        if self.dense_bytes() > limit {
            let bytes_of =
                |cells: [f64; 3]| cells.iter().map(|count| count + 1.0).product::<f64>() * 4.0;
            return Err(too_large(
                "a dense volume",
                self.cells(),
                self.resolution,
                limit,
                bytes_of,
            ));
        }
        Ok(())
    }

    /// Refuses a surface (or narrow band) of which `bytes` are needed, more than `limit`.
    pub(super) fn check_sparse(
        &self,
        what: &'static str,
        bytes: u64,
        limit: u64,
    ) -> Result<(), ExtractError> {
        if bytes > limit {
            let each = bytes as f64 / surface_bytes(self.cells());
            let bytes_of = |cells| surface_bytes(cells) * each;
            return Err(too_large(
                what,
                self.cells(),
                self.resolution,
                limit,
                bytes_of,
            ));
        }
        Ok(())
    }

    fn cells(&self) -> [f64; 3] {
        self.dims.map(|count| f64::from(count - 1))
    }
}

/// The samples of a grid in the unit frame, where fields are evaluated.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnitGrid {
    origin: [f64; 3],
    pub(super) step: f64,
}

impl UnitGrid {
    pub(super) fn new(grid: &Grid, frame: &Similarity) -> UnitGrid {
        UnitGrid {
            origin: frame.apply(grid.origin),
            step: grid.voxel_size * frame.scale,
        }
    }

    /// A place in cells from the grid's origin, in the unit frame.
    pub(super) fn point(&self, place: [f64; 3]) -> [f32; 3] {
        std::array::from_fn(|axis| (self.origin[axis] + self.step * place[axis]) as f32)
    }
}

fn surface_bytes([x, y, z]: [f64; 3]) -> f64 {
    2.0 * (x * y + y * z + z * x) * BYTES_PER_SURFACE_CELL
}

/// `bytes_of` gives the bytes for the cells along each axis.
fn too_large(
    what: &'static str,
    cells: [f64; 3],
    resolution: f64,
    limit: u64,
    bytes_of: impl Fn([f64; 3]) -> f64,
) -> ExtractError {
    const MARGINS: f64 = 2.0 * MARGIN_CELLS;
    let fits = |coarser: u64| {
        let share = coarser as f64 / resolution;
        // One more for rounding up.
        let cells = cells.map(|count| ((count - MARGINS).max(1.0) * share).ceil() + MARGINS + 1.0);
        bytes_of(cells) <= limit as f64
    };
    let (mut largest, mut beyond) = (0, resolution.ceil() as u64);
    while largest + 1 < beyond {
        let middle = largest + (beyond - largest) / 2;
        if fits(middle) {
            largest = middle;
        } else {
            beyond = middle;
        }
    }
    ExtractError::TooLarge {
        what,
        cells: cells.map(|count| count as u64),
        bytes: bytes_of(cells) as u64,
        limit,
        largest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: Bounds = Bounds {
        min: [-1.0, 2.0, 5.0],
        max: [3.0, 4.0, 6.0],
    };

    #[test]
    fn covers_bounds_margin_and_two_cells() {
        let grid = Grid::covering(&BOX, Resolution::Cells(40), 0.35).unwrap();
        assert!((grid.voxel_size - 0.1).abs() < 1e-12);
        let covered = grid.bounds();
        for axis in 0..3 {
            let low = BOX.min[axis] - covered.min[axis];
            let high = covered.max[axis] - BOX.max[axis];
            assert!((0.55 - 1e-9..0.65).contains(&low), "{low}");
            assert!((low - high).abs() < 1e-9);
        }
    }

    #[test]
    fn a_voxel_size_gives_the_same_grid_as_its_cells() {
        let by_cells = Grid::covering(&BOX, Resolution::Cells(40), 0.0).unwrap();
        let by_size = Grid::covering(&BOX, Resolution::VoxelSize(0.1), 0.0).unwrap();
        assert_eq!(by_cells, by_size);
        assert_eq!(by_cells.dims, [45, 25, 15]);
    }

    #[test]
    fn a_positive_iso_grows_the_grid_and_a_negative_one_does_not_shrink_it() {
        let zero = Grid::around_level_set(&BOX, Resolution::Cells(16), 0.0)
            .unwrap()
            .bounds();
        let outer = Grid::around_level_set(&BOX, Resolution::Cells(16), 1.0)
            .unwrap()
            .bounds();
        let inner = Grid::around_level_set(&BOX, Resolution::Cells(16), -1.0)
            .unwrap()
            .bounds();
        assert_eq!(zero, inner);
        assert!((0..3).all(|axis| outer.max[axis] >= zero.max[axis] + 0.99));
    }

    #[test]
    fn refuses_what_is_no_grid() {
        let covering =
            |bounds: &Bounds, resolution| Grid::covering(bounds, resolution, 0.0).unwrap_err();
        assert_eq!(
            covering(&BOX, Resolution::Cells(0)),
            ExtractError::ZeroResolution
        );
        for size in [0.0, -1.0, f64::INFINITY] {
            assert_eq!(
                covering(&BOX, Resolution::VoxelSize(size)),
                ExtractError::VoxelSize(size)
            );
        }
        assert!(matches!(
            covering(&BOX, Resolution::VoxelSize(f64::NAN)),
            ExtractError::VoxelSize(_)
        ));
        assert!(matches!(
            covering(&Bounds::EMPTY, Resolution::Cells(8)),
            ExtractError::Bounds { .. }
        ));
        assert!(matches!(
            covering(&BOX, Resolution::VoxelSize(1e-300)),
            ExtractError::TooLarge { .. }
        ));
    }

    #[test]
    fn says_what_an_absurd_resolution_would_take() {
        let grid = Grid::covering(&BOX, Resolution::Cells(100_000), 0.0).unwrap();
        let words = grid
            .check_dense(DEFAULT_MEMORY_LIMIT)
            .unwrap_err()
            .to_string();
        assert!(
            words.contains("500.2 TB") && words.contains("8.0 GB"),
            "{words}"
        );
        let ExtractError::TooLarge { largest, .. } =
            grid.check_dense(DEFAULT_MEMORY_LIMIT).unwrap_err()
        else {
            panic!("{words}");
        };
        let fits = Grid::covering(&BOX, Resolution::Cells(largest as u32), 0.0).unwrap();
        assert_eq!(fits.check_dense(DEFAULT_MEMORY_LIMIT), Ok(()));
        let beyond = Grid::covering(&BOX, Resolution::Cells(largest as u32 + 20), 0.0).unwrap();
        assert!(beyond.check_dense(DEFAULT_MEMORY_LIMIT).is_err());
    }
}
