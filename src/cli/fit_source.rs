//! What a fit is to become: a mesh, or the field of a model or a recipe.

use std::path::Path;

use super::arguments::MeshArguments;
use super::model::{is_field, open};
use crate::CancelToken;
use crate::extract::DEFAULT_MEMORY_LIMIT;
use crate::field::DeviceChoice;
use crate::geometry::{Cleanup, Mesh};
use crate::query::LoadedModel;
use crate::train::Truth;

/// A mesh with what was found on the way in, and the field whose surface it is, if it is one's.
pub(super) struct FitSource {
    pub mesh: Mesh,
    pub cleanup: Cleanup,
    field: Option<LoadedModel>,
}

impl FitSource {
    /// Reads a mesh file, or extracts the surface of a model or a recipe.
    ///
    /// # Errors
    /// What reading or extracting says; it names the file.
    pub fn read(
        path: &Path,
        input: &MeshArguments,
        cancel: &CancelToken,
        progress: &mut dyn FnMut(f32),
    ) -> anyhow::Result<FitSource> {
        if !is_field(path) {
            let loaded = input.read(path, cancel)?;
            return Ok(FitSource {
                mesh: loaded.mesh,
                cleanup: loaded.cleanup,
                field: None,
            });
        }
        let field = open(path, DeviceChoice::Auto)?;
        let (mesh, cleanup) = field.surface_to_fit(DEFAULT_MEMORY_LIMIT, cancel, progress)?;
        Ok(FitSource {
            mesh,
            cleanup,
            field: Some(field),
        })
    }

    /// The field, if it is one.
    pub fn truth(&self) -> Option<Truth<'_>> {
        self.field.as_ref().map(LoadedModel::truth)
    }
}
