//! What needs no network: the exact distance, kept in a volume.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Instant;

use half::f16;

use super::interpolated::{Interpolated, Samples};
use super::results::Figures;
use crate::CancelToken;
use crate::distance::{SignPolicy, SignedDistance};
use crate::extract::{
    BandSettings, DEFAULT_MEMORY_LIMIT, DenseVolume, ExtractError, Grid, NarrowBand, Resolution,
    VolumePrecision, extract_narrow_band, sample_dense, write_vdb_to,
};
use crate::field::ScalarField;
use crate::geometry::{Bounds, Mesh, Similarity, SurfaceSampler};
use crate::train::{FitError, Protocol, evaluate};

/// The exact distance of a mesh at the samples of a grid, in 16 bits, and interpolated between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExactVolume {
    /// What is kept.
    pub kind: VolumeKind,
    /// Cells along the longest side of the mesh.
    pub cells: u32,
}

/// Which samples a volume keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeKind {
    /// All: two bytes each.
    Dense,
    /// Those within three voxels of the surface, in an OpenVDB file of 16 bits that is zipped. Elsewhere it has three voxels for
    /// a distance, with the right sign.
    NarrowBand,
}

impl VolumeKind {
    /// Each kind.
    pub const ALL: [VolumeKind; 2] = [VolumeKind::Dense, VolumeKind::NarrowBand];

    /// As users write it.
    pub fn name(self) -> &'static str {
        match self {
            VolumeKind::Dense => "dense",
            VolumeKind::NarrowBand => "vdb",
        }
    }
}

impl fmt::Display for ExactVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.name(), self.cells)
    }
}

/// A mesh in the unit frame, and its exact distance: what volumes are taken from and judged by.
pub struct ExactShape {
    oracle: SignedDistance,
    surface: SurfaceSampler,
    bounds: Bounds,
}

impl ExactShape {
    /// That of a mesh; inside and outside are told apart as fits do.
    ///
    /// # Errors
    /// Where a fit of the mesh would fail for the same reason.
    pub fn of(mesh: &Mesh, sign: SignPolicy, cancel: &CancelToken) -> Result<ExactShape, FitError> {
        let bounds = mesh.bounds();
        let frame = Similarity::to_unit_frame(&bounds).ok_or(FitError::NoExtent)?;
        let mesh = frame.apply_to_mesh(mesh);
        let oracle = SignedDistance::build(&mesh, sign, cancel)?.ended_by(cancel);
        Ok(ExactShape {
            surface: SurfaceSampler::new(oracle.boundary().unwrap_or(&mesh)),
            oracle,
            bounds: frame.apply_to_bounds(&bounds),
        })
    }
}

impl ScalarField for ExactShape {
    fn values(&self, points: &[[f32; 3]], values: &mut [f32]) {
        self.oracle.distances(points, values);
    }

    fn values_and_gradients(
        &self,
        points: &[[f32; 3]],
        values: &mut [f32],
        gradients: &mut [[f32; 3]],
    ) {
        self.values(points, values);
        for ((point, value), gradient) in points.iter().zip(values).zip(gradients) {
            let nearest = self.oracle.closest(*point);
            *gradient = nearest.map_or([0.0; 3], |nearest| {
                std::array::from_fn(|axis| (point[axis] - nearest.point[axis]) / *value)
            });
        }
    }
}

/// Values are taken in the unit frame, as fits do.
const FRAME: Similarity = Similarity::IDENTITY;

/// A dense volume reaches over all points that the evaluation asks about.
const DENSE_MARGIN: f64 = 0.025;

impl ExactVolume {
    /// Makes the volume of a shape and judges it by the evaluation protocol. `seconds` are those that making it took.
    ///
    /// # Errors
    /// If the volume is too large for the memory, or `cancel` was set.
    pub fn judged(self, shape: &ExactShape, cancel: &CancelToken) -> Result<Figures, ExtractError> {
        let started = Instant::now();
        match self.kind {
            VolumeKind::Dense => {
                let volume = Dense::of(shape, self.cells, cancel)?;
                let samples = volume.halves.len();
                let figures = Figures {
                    seconds: Some(started.elapsed().as_secs_f64()),
                    parameters: Some(samples),
                    bytes: Some(2 * samples),
                    ..Figures::default()
                };
                judged(&volume.interpolated(), shape, figures, cancel)
            }
            VolumeKind::NarrowBand => {
                let band = band_of(shape, self.cells, cancel)?;
                let mut file = Vec::new();
                write_vdb_to(&band, "sdf", VolumePrecision::Half, &mut file)
                    .expect("memory takes every byte");
                let figures = Figures {
                    seconds: Some(started.elapsed().as_secs_f64()),
                    parameters: Some(band.active_voxels() as usize),
                    bytes: Some(file.len()),
                    ..Figures::default()
                };
                judged(&Band::interpolated(band), shape, figures, cancel)
            }
        }
    }
}

fn judged(
    field: &dyn ScalarField,
    shape: &ExactShape,
    figures: Figures,
    cancel: &CancelToken,
) -> Result<Figures, ExtractError> {
    let ExactShape {
        oracle,
        surface,
        bounds,
    } = shape;
    let protocol = Protocol::default();
    let found = evaluate(field, oracle, surface, *bounds, &protocol, cancel);
    let metrics = found.ok_or(ExtractError::Cancelled)?.metrics;
    Ok(figures.with_metrics(&metrics))
}

/// Every sample.
struct Dense {
    origin: [f64; 3],
    step: f64,
    dims: [u32; 3],
    halves: Vec<f16>,
}

impl Dense {
    fn of(shape: &ExactShape, cells: u32, cancel: &CancelToken) -> Result<Dense, ExtractError> {
        let margin = DENSE_MARGIN * shape.bounds.longest_side();
        let grid = Grid::covering(&shape.bounds, Resolution::Cells(cells), margin)?;
        let limit = DEFAULT_MEMORY_LIMIT;
        let DenseVolume { values, dims, .. } =
            sample_dense(shape, &grid, &FRAME, limit, cancel, &mut |_| ())?;
        Ok(Dense {
            origin: grid.origin,
            step: grid.voxel_size,
            dims,
            halves: values.into_iter().map(f16::from_f32).collect(),
        })
    }

    fn interpolated(self) -> Interpolated<Dense> {
        Interpolated {
            origin: self.origin,
            step: self.step,
            samples: self,
        }
    }
}

impl Samples for Dense {
    /// Beyond the grid, that of its border.
    fn at(&self, index: [i64; 3]) -> f32 {
        let [x, y, z] = std::array::from_fn(|axis| {
            index[axis].clamp(0, i64::from(self.dims[axis]) - 1) as usize
        });
        let [_, rows, columns] = self.dims.map(|count| count as usize);
        self.halves[(x * rows + y) * columns + z].to_f32()
    }
}

fn band_of(
    shape: &ExactShape,
    cells: u32,
    cancel: &CancelToken,
) -> Result<NarrowBand, ExtractError> {
    let settings = BandSettings {
        // A distance has none steeper.
        slope_bound: 1.0,
        ..BandSettings::default()
    };
    let grid = Grid::around_band(&shape.bounds, Resolution::Cells(cells), settings.band)?;
    extract_narrow_band(shape, &grid, &FRAME, &settings, cancel, &mut |_| ())
}

/// Samples of a leaf along each axis.
const LEAF: i64 = 8;

/// The samples near the surface, found by the leaves that hold them.
struct Band {
    band: NarrowBand,
    leaves: HashMap<[i64; 3], usize>,
    /// Places of leaves that are wholly inside.
    inside: HashSet<[i64; 3]>,
}

impl Band {
    fn interpolated(band: NarrowBand) -> Interpolated<Band> {
        let place = |origin: [u32; 3]| origin.map(|x| i64::from(x) / LEAF);
        let leaves = band.leaves.iter().enumerate();
        let leaves = leaves.map(|(index, leaf)| (place(leaf.origin), index));
        let inside = band.inside.iter().flat_map(|tile| {
            let (low, count) = (place(tile.origin), i64::from(tile.size) / LEAF);
            (0..count.pow(3)).map(move |index| {
                let by = [index / count / count, index / count % count, index % count];
                std::array::from_fn(|axis| low[axis] + by[axis])
            })
        });
        Interpolated {
            origin: band.origin,
            step: band.voxel_size,
            samples: Band {
                leaves: leaves.collect(),
                inside: inside.collect(),
                band,
            },
        }
    }
}

impl Samples for Band {
    /// As the file has it.
    fn at(&self, index: [i64; 3]) -> f32 {
        let place = index.map(|x| x.div_euclid(LEAF));
        let value = match self.leaves.get(&place) {
            Some(&leaf) => {
                let [x, y, z] = index.map(|x| x.rem_euclid(LEAF));
                self.band.leaves[leaf].values[((x * LEAF + y) * LEAF + z) as usize]
            }
            None if self.inside.contains(&place) => -self.band.background,
            None => self.band.background,
        };
        VolumePrecision::Half.rounded(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes;

    fn judged(mesh: &Mesh, kind: VolumeKind, cells: u32) -> Figures {
        let cancel = CancelToken::new();
        let shape = ExactShape::of(mesh, SignPolicy::Auto, &cancel).unwrap();
        let volume = ExactVolume { kind, cells };
        volume.judged(&shape, &cancel).unwrap()
    }

    #[test]
    fn a_volume_of_a_ball_is_off_by_its_curvature_and_its_rounding() {
        let mesh = shapes::icosphere(5, 7.0);
        for kind in VolumeKind::ALL {
            // A cell of h between samples of a sphere of radius r: the mean of h² / (12 r) an axis across, so h² / (6 r).
            let expected = |cells: f64| (1.0 / cells).powi(2) / (6.0 * 0.5);
            let [coarse, fine] = [20, 40].map(|cells| judged(&mesh, kind, cells));
            let [coarse_error, fine_error] = [&coarse, &fine].map(|f| f.near_mae.unwrap());
            let coarse_expected = expected(20.0);
            assert!(
                (coarse_error / coarse_expected - 1.0).abs() < 0.15,
                "{kind:?}: {coarse_error}, {coarse_expected}"
            );
            assert!(coarse_error > 3.0 * fine_error, "{coarse:?} {fine:?}");
            assert!(fine.gradient_degrees < coarse.gradient_degrees);
            assert!(fine.iou > coarse.iou && fine.sign_agreement.unwrap() > 0.98);
        }
    }

    #[test]
    fn a_dense_volume_takes_two_bytes_a_sample_and_a_narrow_band_less() {
        let mesh = shapes::icosphere(4, 1.0);
        let dense = judged(&mesh, VolumeKind::Dense, 64);
        // 64 cells; a fortieth of that and two more on each side; one more to make the number whole.
        let samples = 73usize.pow(3);
        assert_eq!(
            (dense.parameters, dense.bytes),
            (Some(samples), Some(2 * samples))
        );
        let band = judged(&mesh, VolumeKind::NarrowBand, 64);
        assert!(band.bytes.unwrap() < samples, "{band:?}");
        assert!(band.uniform_mae > dense.uniform_mae);
        assert!((band.iou.unwrap() - dense.iou.unwrap()).abs() < 1e-3);
    }

    #[test]
    fn what_has_no_inside_is_kept_without_a_sign() {
        let cancel = CancelToken::new();
        let mesh = shapes::icosphere(3, 1.0);
        let shape = ExactShape::of(&mesh, SignPolicy::None, &cancel).unwrap();
        for kind in VolumeKind::ALL {
            let volume = ExactVolume { kind, cells: 32 };
            let figures = volume.judged(&shape, &cancel).unwrap();
            assert!(figures.iou.is_none(), "{kind:?}: {figures:?}");
            assert!(figures.near_mae.unwrap() < 0.01, "{kind:?}: {figures:?}");
        }
    }
}
