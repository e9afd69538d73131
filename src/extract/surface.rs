//! Level sets as triangle meshes: what is asked for and what comes back.

use super::ExtractError;
use super::simplify::Goal;
use crate::geometry::{Bounds, Components};
use crate::words::quoted;

/// What a surface is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SurfaceMode {
    /// Marching cubes: vertices on the edges of cells, each of them on the level set. Edges of the shape come out cut off by up to a third of
    /// a cell.
    #[default]
    MarchingCubes,
    /// Dual contouring: a vertex in each crossed cell, on the edge or at the corner that the shape has there, else on the level set. About as
    /// many triangles, better shaped.
    Sharp,
}

impl SurfaceMode {
    /// All of them.
    pub const ALL: [SurfaceMode; 2] = [SurfaceMode::MarchingCubes, SurfaceMode::Sharp];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            SurfaceMode::MarchingCubes => "marching-cubes",
            SurfaceMode::Sharp => "sharp",
        }
    }
}

/// A mode of a name that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no mode `{}`; there are marching-cubes and sharp", quoted(.0))]
pub struct UnknownMode(String);

impl std::str::FromStr for SurfaceMode {
    type Err = UnknownMode;

    fn from_str(name: &str) -> Result<SurfaceMode, UnknownMode> {
        let found = SurfaceMode::ALL
            .into_iter()
            .find(|mode| mode.name() == name);
        found.ok_or_else(|| UnknownMode(name.to_string()))
    }
}

/// How a surface is extracted. Start from [`Default`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurfaceSettings {
    /// What it is made of.
    pub mode: SurfaceMode,
    /// The level, own units: 0 is the surface itself, positive values lie outside it.
    pub iso: f64,
    /// Whether vertices get normals, from the field's gradient. The gradient also moves each vertex once more onto
    /// the level set.
    pub normals: bool,
    /// Evaluations (a vertex) that move vertices along their cell edge, from where a straight line between the edge's
    /// ends would cross the level to where the field does. 0 is plain marching cubes.
    pub refinements: u32,
    /// A bound on the field's slope: how much its value changes per length, at most. 1 for an exact distance; fitted
    /// fields are a little steeper in places. See [`extract_surface`](super::extract_surface) for what depends on it.
    pub slope_bound: f32,
    /// Corners in each brick of 32³ cells whose sign was inferred from `slope_bound` and that are evaluated after
    /// all, at random, to check it. 0 checks none.
    pub checks: u32,
    /// Triangles that are enough: edges are drawn together where that costs least until there are no more, or until the surface could not
    /// stay closed. `None` keeps what the grid gives.
    pub triangles: Option<u64>,
    /// How far drawing edges together may take the surface from where the grid has it, about, own units: large triangles where it is flat.
    /// With `triangles`, whichever comes first.
    pub error: Option<f64>,
    /// Bytes that the result and its working memory may take, about.
    pub memory_limit: u64,
}

impl Default for SurfaceSettings {
    fn default() -> Self {
        SurfaceSettings {
            mode: SurfaceMode::default(),
            iso: 0.0,
            normals: true,
            refinements: 1,
            slope_bound: 2.0,
            checks: 0,
            triangles: None,
            error: None,
            memory_limit: super::DEFAULT_MEMORY_LIMIT,
        }
    }
}

impl SurfaceSettings {
    pub(super) fn check(&self) -> Result<(), ExtractError> {
        check_iso(self.iso)?;
        check_slope_bound(self.slope_bound)?;
        if self.triangles == Some(0) {
            return Err(ExtractError::Setting {
                name: "triangles",
                value: 0.0,
                expected: "at least 1; the fewest of a closed surface are 4",
            });
        }
        match self.error {
            Some(error) if !(error > 0.0 && error.is_finite()) => Err(ExtractError::Setting {
                name: "error",
                value: error,
                expected: "a positive length in own units",
            }),
            _ => Ok(()),
        }
    }

    /// Up to where triangles are to be fewer than those of the grid.
    pub(super) fn goal(&self) -> Option<Goal> {
        let asked = self.triangles.is_some() || self.error.is_some();
        asked.then(|| Goal {
            triangles: self.triangles.unwrap_or(0) as usize,
            error: self.error.unwrap_or(f64::INFINITY),
        })
    }
}

pub(super) fn check_iso(iso: f64) -> Result<(), ExtractError> {
    match iso.is_finite() {
        true => Ok(()),
        false => Err(ExtractError::Setting {
            name: "iso",
            value: iso,
            expected: "a finite length in own units",
        }),
    }
}

pub(super) fn check_slope_bound(slope_bound: f32) -> Result<(), ExtractError> {
    match slope_bound.is_finite() && slope_bound > 0.0 {
        true => Ok(()),
        false => Err(ExtractError::Setting {
            name: "slope bound",
            value: f64::from(slope_bound),
            expected: "a positive number (1 for an exact distance, 2 for a fitted field)",
        }),
    }
}

/// A level set as an indexed triangle mesh.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Surface {
    /// `[V, 3]`, own units. No two vertices are at the same place.
    pub positions: Vec<[f64; 3]>,
    /// `[F, 3]`, counter-clockwise seen from outside (where the field is above iso).
    pub triangles: Vec<[u32; 3]>,
    /// `[V, 3]`, unit length, pointing outside; `None` unless asked for.
    pub normals: Option<Vec<[f32; 3]>>,
    /// What it took.
    pub stats: SurfaceStats,
}

impl Surface {
    /// What a user should know of it, a sentence each: what could not be as `settings` have it, and triangles that cut through others.
    pub fn warnings(&self, settings: &SurfaceSettings) -> Vec<String> {
        let count = self.triangles.len() as u64;
        let asked = settings.triangles.filter(|&asked| asked < count);
        let more = asked.filter(|_| settings.error.is_none()).map(|asked| {
            format!(
                "{count} triangles are about the fewest that keep this surface closed and the right way round; {asked} were asked for"
            )
        });
        let cut = self.stats.cut_triangles.filter(|&cut| cut > 0).map(|cut| {
            format!("{cut} of {count} triangles cut through others; raise the resolution where walls or gaps are about as thin as its cells")
        });
        more.into_iter().chain(cut).collect()
    }

    /// The box around the vertices.
    pub fn bounds(&self) -> Bounds {
        Bounds::around(self.positions.iter().copied())
    }

    /// Its connected parts: about 10 ms for a million triangles.
    pub fn bodies(&self) -> SurfaceBodies {
        let components = Components::of_indexed(&self.triangles, self.positions.len());
        let boxes = components.boxes(&self.triangles, &self.positions);
        let sides = boxes.iter().map(Bounds::longest_side);
        SurfaceBodies {
            count: u64::from(components.count),
            smallest: sides.reduce(f64::min).unwrap_or(0.0),
        }
    }
}

/// The connected parts of a surface.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurfaceBodies {
    /// How many there are.
    pub count: u64,
    /// The longest side of the smallest one's bounding box, own units; 0 if there is none.
    pub smallest: f64,
}

/// What an extraction took and met.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct SurfaceStats {
    /// Points at which the field was evaluated without gradient.
    pub evaluations: u64,
    /// Points at which it was evaluated with gradient.
    pub gradient_evaluations: u64,
    /// Edge of a cell of the grid, own units; 0 if the surface is of no grid.
    pub voxel_size: f64,
    /// Points of the dense grid, none of which coarse-to-fine skips.
    pub dense_evaluations: u64,
    /// Vertices on the border of the grid. More than 0: the level set leaves the grid, and the mesh is open there.
    pub border_vertices: u64,
    /// The steepest slope between any two neighbouring samples met. Above the slope bound, the bound was wrong, and
    /// parts of the level set may be missing.
    pub steepest_slope: f32,
    /// Vertices on edges and at corners, of a sharp surface.
    pub sharp_vertices: u64,
    /// Triangles that cut through others, of a sharp surface; `None` where it was not looked for, or so many lie over each other that it
    /// cannot be told.
    pub cut_triangles: Option<u64>,
    /// The outcome of `SurfaceSettings::checks`.
    pub slope_check: SlopeCheck,
}

impl SurfaceStats {
    /// Whether the mesh is open where the level set leaves the grid.
    pub fn open(&self) -> bool {
        self.border_vertices > 0
    }
}

/// How often the sign that the slope bound implied was the field's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SlopeCheck {
    /// Skipped corners that were evaluated after all.
    pub checked: u64,
    /// Those of them on the other side of the level set. More than 0: raise the slope bound.
    pub wrong: u64,
}

impl std::ops::AddAssign for SlopeCheck {
    fn add_assign(&mut self, other: SlopeCheck) {
        self.checked += other.checked;
        self.wrong += other.wrong;
    }
}
