//! The surface of a field as a mesh to fit to.

use thiserror::Error;

use super::LoadedModel;
use crate::CancelToken;
use crate::extract::{ExtractError, Fineness, Grid, SurfaceSettings, extract_surface};
use crate::geometry::{Cleanup, Mesh, MeshError, validate};
use crate::train::Truth;

/// Why a field has no surface that can be fitted to.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SurfaceError {
    /// It has none, or one too large.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// It is no mesh that can be computed with.
    #[error("its surface is no mesh: {0}")]
    Mesh(#[from] MeshError),
}

impl LoadedModel {
    /// The level 0 as a mesh, as fine as the shape asks for: where a fit that is to become this field draws its samples.
    /// `progress` is told the share done, 0 to 1.
    ///
    /// # Errors
    /// [`SurfaceError`].
    pub fn surface_to_fit(
        &self,
        memory_limit: u64,
        cancel: &CancelToken,
        progress: &mut dyn FnMut(f32),
    ) -> Result<(Mesh, Cleanup), SurfaceError> {
        let shape = self.shape();
        let fineness = Fineness::new(shape, 0.0);
        let resolution = fineness.automatic(memory_limit, Grid::surface_bytes)?;
        let grid = Grid::around_level_set(&shape.bounds, resolution, 0.0)?;
        let settings = SurfaceSettings {
            memory_limit,
            ..SurfaceSettings::default()
        };
        let field = self.unit_field();
        let surface = extract_surface(field, &grid, &shape.frame, &settings, cancel, progress)
            .map_err(|error| fineness.explain(error, grid.resolution))?;
        Ok(validate(Mesh {
            positions: surface.positions,
            triangles: surface.triangles,
        })?)
    }

    /// The field as what a fit is to become.
    pub fn truth(&self) -> Truth<'_> {
        Truth::new(self.unit_field(), self.shape().frame)
    }
}
