//! Why there is no picture.

use crate::query::{EvaluationError, RayError, SettingOutOfRange};

/// Why a model cannot be rendered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RenderError {
    /// A setting is out of range.
    #[error(transparent)]
    Setting(#[from] SettingOutOfRange),
    /// The camera looks nowhere.
    #[error("the eye and the target are at the same place: move one of them")]
    NoDirection,
    /// Errors are those against a mesh.
    #[error("the mode error needs the mesh that the model is measured against: name it")]
    NoMesh,
    /// The rays cannot be cast.
    #[error(transparent)]
    Ray(#[from] RayError),
    /// The curvature cannot be taken.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
}

impl RenderError {
    /// Whether somebody asked for it.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, RenderError::Ray(RayError::Cancelled))
    }
}
