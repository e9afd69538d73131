//! Integrals over the inside of a model and over its surface, in the mesh's own units.
//!
//! The surface is meshed once, on a grid that is fine enough for its walls, and its vertices are moved onto the level set. Each triangle is
//! then taken for a curved one: its sides are halved on the level set, and from the integrals of one flat triangle and of four their limit
//! is extrapolated (Richardson). Where the two differ most, triangles are cut into four, until the differences add up to less than the
//! error that is allowed.

mod integrals;
mod level;
mod panels;
#[cfg(test)]
mod tests;

use serde::Serialize;

use self::integrals::Integrals;
use self::level::Level;
use self::panels::{Off, Panels};
use super::LoadedModel;
use crate::CancelToken;
use crate::extract::{
    DEFAULT_MEMORY_LIMIT, ExtractError, Fineness, Grid, Resolution, SurfaceSettings,
    extract_surface,
};
use crate::field::{Inside, ScalarField};
use crate::geometry::{Bounds, Similarity, vector};
use crate::words::length_in_words;

/// How a model is measured. Start from [`Default`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeasureSettings {
    /// The level, own units: 0 is the surface itself, positive values lie outside it.
    pub iso: f64,
    /// The relative error that volume and area may have, by the estimate.
    pub error: f64,
    /// Bytes that working memory may take, about.
    pub memory_limit: u64,
}

impl Default for MeasureSettings {
    fn default() -> Self {
        MeasureSettings {
            iso: 0.0,
            error: 1e-3,
            memory_limit: DEFAULT_MEMORY_LIMIT,
        }
    }
}

impl MeasureSettings {
    fn check(&self) -> Result<(), MeasureError> {
        if !(LEAST_ERROR..=0.1).contains(&self.error) {
            return Err(MeasureError::Error(self.error));
        }
        match self.iso.is_finite() {
            true => Ok(()),
            false => Err(ExtractError::Setting {
                name: "iso",
                value: self.iso,
                expected: "a finite length in own units",
            }
            .into()),
        }
    }
}

/// Why a model cannot be measured.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MeasureError {
    /// The error that is allowed is none.
    #[error("error is {0}: it must be a share of the result between {LEAST_ERROR} and 0.1")]
    Error(f64),
    /// The surface cannot be found.
    #[error(transparent)]
    Extract(#[from] ExtractError),
}

/// The smallest relative error that can be asked for: fields are evaluated in single precision.
const LEAST_ERROR: f64 = 1e-6;

/// Cells of the first mesh along the longest side, unless walls ask for more.
const CELLS: u32 = 96;

/// So much of a cell more, so that no flat side of a shape lies along the samples, where the sign is that of rounding.
const ASKEW: f64 = 0.618;

/// What is left of the error after a round that was worth its time.
const WORTH_IT: f64 = 0.8;

/// Bytes that a panel takes with its share of vertices and middles.
const BYTES_PER_PANEL: u64 = 400;

/// Integrals of the solid within a level set and of that surface, own units. The solid has density 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// Volume of the inside.
    pub volume: f64,
    /// Area of the surface.
    pub area: f64,
    /// Centroid of the inside; `None` without volume.
    pub centroid: Option<[f64; 3]>,
    /// Inertia tensor of the inside about its centroid, by the axes in which the mesh is given: `∫ (|r|² δᵢⱼ - rᵢ rⱼ)`.
    pub inertia: [[f64; 3]; 3],
    /// The integral of the mean curvature over the surface: 4π r for a sphere of radius r.
    pub mean_curvature_integral: f64,
    /// The box around the surface; `None` without one.
    pub bounds: Option<Bounds>,
    /// How far each is likely to be off.
    pub errors: MeasureErrors,
    /// Edge of the cells on which the surface was found: parts thinner than this may be missing.
    pub voxel_size: f64,
    /// Curved triangles that the surface was taken apart into.
    pub panels: u64,
    /// Points at which the field was evaluated.
    pub evaluations: u64,
    /// What a user should know of these numbers, a sentence each.
    pub warnings: Vec<String>,
}

/// Estimates of absolute errors, own units. They are no bounds: those of volume and area add up what each piece of the surface changed by
/// when it was last looked at twice as closely, as if none made good for another; those of centroid and inertia follow from that of the volume. They are of the field's level set and know nothing of the fit's own error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct MeasureErrors {
    /// Of the volume.
    pub volume: f64,
    /// Of the area.
    pub area: f64,
    /// Of the centroid, a length.
    pub centroid: f64,
    /// Of each entry of the inertia tensor.
    pub inertia: f64,
    /// Of the integral of mean curvature: the change of the whole, since it is made up of large numbers of both signs where a surface has
    /// many small kinks.
    pub mean_curvature_integral: f64,
}

/// Measures a model. `progress` is told the share done, 0 to 1.
///
/// A level without a surface has volume and area 0, which a warning says.
///
/// # Errors
/// Settings out of range, more memory than the limit, a field that is not finite, or cancellation.
pub fn measure(
    loaded: &LoadedModel,
    settings: &MeasureSettings,
    cancel: &CancelToken,
    progress: &mut dyn FnMut(f32),
) -> Result<Measurement, MeasureError> {
    settings.check()?;
    let shape = loaded.shape();
    let fineness = Fineness::new(shape, settings.iso);
    let cells = fineness.needed().unwrap_or(0).max(CELLS);
    let automatic = fineness.automatic(settings.memory_limit, Grid::surface_bytes)?;
    let resolution = match automatic {
        Resolution::Cells(most) => {
            let cells = f64::from(cells.min(most)) + ASKEW;
            Resolution::VoxelSize(shape.bounds.longest_side() / cells)
        }
        size => size,
    };
    let grid = Grid::around_level_set(&shape.bounds, resolution, settings.iso)?;
    let found = measure_field(
        loaded.unit_field(),
        &grid,
        &shape.frame,
        settings,
        cancel,
        progress,
    );
    let mut measurement = match found {
        Err(MeasureError::Extract(ExtractError::NoSurface { iso, min, .. })) if min >= iso => {
            nothing(iso, &grid)
        }
        found => found?,
    };
    measurement
        .warnings
        .extend(about_the_inside(shape.inside).map(str::to_owned));
    measurement
        .warnings
        .extend(fineness.warnings(grid.resolution, None));
    Ok(measurement)
}

/// What an inside means where the mesh did not have one.
fn about_the_inside(inside: Inside) -> Option<&'static str> {
    match inside {
        Inside::Enclosed => None,
        Inside::Open => Some(
            "The mesh that this field was fitted to does not enclose its inside, or the model is of an older version: where it was open, the surface that is measured is the field's own.",
        ),
        Inside::Unsigned => Some(
            "This field has no inside: it was fitted without a sign. A level above 0 is a shell around the surface, and what is measured is that shell's.",
        ),
    }
}

/// What a level has that no value is below.
fn nothing(iso: f64, grid: &Grid) -> Measurement {
    Measurement {
        volume: 0.0,
        area: 0.0,
        centroid: None,
        inertia: [[0.0; 3]; 3],
        mean_curvature_integral: 0.0,
        bounds: None,
        errors: MeasureErrors::default(),
        voxel_size: grid.voxel_size,
        panels: 0,
        evaluations: 0,
        warnings: vec![format!(
            "The field is nowhere below {}: there is no surface at this level and nothing within it.",
            length_in_words(iso)
        )],
    }
}

/// Measures any field over the unit frame, to which `frame` leads; the surface is looked for on `grid` (own units).
fn measure_field(
    field: &dyn ScalarField,
    grid: &Grid,
    frame: &Similarity,
    settings: &MeasureSettings,
    cancel: &CancelToken,
    progress: &mut dyn FnMut(f32),
) -> Result<Measurement, MeasureError> {
    let surface = extract_surface(
        field,
        grid,
        frame,
        &SurfaceSettings {
            iso: settings.iso,
            normals: false,
            memory_limit: settings.memory_limit,
            ..SurfaceSettings::default()
        },
        cancel,
        &mut |share| progress(0.3 * share),
    )?;
    let mut level = Level {
        field,
        iso: settings.iso * frame.scale,
        frame: *frame,
        cancel,
        evaluations: surface.stats.evaluations,
    };
    let unit: Vec<[f64; 3]> = surface.positions.iter().map(|&p| frame.apply(p)).collect();
    let cell = grid.voxel_size * frame.scale;
    let mut panels = Panels::new(&mut level, &unit, &surface.triangles, cell)?;
    let most = (settings.memory_limit / BYTES_PER_PANEL) as usize;
    let (mut sum, mut off) = panels.sum();
    let mut warnings = Vec::new();
    let mut before = f64::INFINITY;
    loop {
        let allowed = Off {
            area: settings.error * sum.area,
            volume: settings.error * sum.volume.abs(),
        };
        let excess = f64::max(off.area / allowed.area, off.volume / allowed.volume);
        if excess <= 1.0 {
            break;
        }
        progress(0.3 + 0.7 / (1.0 + excess.log2() as f32));
        // More work that changes next to nothing would never be enough.
        let stuck = excess > WORTH_IT * before;
        before = excess;
        if stuck || !panels.refine(&mut level, allowed, most)? {
            warnings.push(format!(
                "The error that was asked for was not reached: volume or area may be off by {} times as much.",
                length_in_words(excess)
            ));
            break;
        }
        (sum, off) = panels.sum();
    }
    if surface.stats.open() {
        warnings.push(
            "The surface leaves the grid on which it was looked for: what lies beyond is not counted, and the volume means nothing.".to_owned(),
        );
    }
    progress(1.0);
    let own = |point: [f64; 3]| frame.invert(point);
    let (mean_curvature, mean_curvature_off) = panels.mean_curvature();
    let in_own_units = in_own_units(&sum, &off, frame, panels.positions());
    Ok(Measurement {
        bounds: Some(Bounds::around(panels.positions().map(own))),
        voxel_size: grid.voxel_size,
        panels: panels.count() as u64,
        evaluations: level.evaluations,
        warnings,
        mean_curvature_integral: mean_curvature / frame.scale,
        errors: MeasureErrors {
            mean_curvature_integral: mean_curvature_off / frame.scale,
            ..in_own_units.errors
        },
        ..in_own_units
    })
}

fn in_own_units(
    sum: &Integrals,
    off: &Off,
    frame: &Similarity,
    positions: impl Iterator<Item = [f64; 3]>,
) -> Measurement {
    let length = 1.0 / frame.scale;
    let (area, volume) = (sum.area * length.powi(2), sum.volume * length.powi(3));
    let unit_centroid = sum.first.map(|x| x / sum.volume);
    let farthest = positions.map(|position| {
        let way = vector::minus(position, unit_centroid);
        vector::dot(way, way)
    });
    let farthest = farthest.fold(0.0, f64::max).sqrt();
    // Second moments about the centroid (Steiner).
    let pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];
    let mut second = [[0.0; 3]; 3];
    for ((i, j), moment) in pairs.into_iter().zip(sum.second) {
        let own = moment - sum.volume * unit_centroid[i] * unit_centroid[j];
        (second[i][j], second[j][i]) = (own, own);
    }
    let trace = second[0][0] + second[1][1] + second[2][2];
    let inertia = std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            let diagonal = if i == j { trace } else { 0.0 };
            (diagonal - second[i][j]) * length.powi(5)
        })
    });
    Measurement {
        volume,
        area,
        centroid: (volume != 0.0).then(|| frame.invert(unit_centroid)),
        inertia,
        mean_curvature_integral: 0.0,
        bounds: None,
        errors: MeasureErrors {
            volume: off.volume * length.powi(3),
            area: off.area * length.powi(2),
            // So much volume is somewhere else, no farther from the centroid than the surface.
            centroid: off.volume / sum.volume.abs() * farthest * length,
            inertia: off.volume * farthest * farthest * length.powi(5),
            mean_curvature_integral: 0.0,
        },
        voxel_size: 0.0,
        panels: 0,
        evaluations: 0,
        warnings: Vec::new(),
    }
}
