//! Why a fit gives no model.

use thiserror::Error;

use super::checkpoint::CheckpointError;
use super::samples::Cancelled;
use super::settings::SettingsError;
use crate::distance::DistanceError;
use crate::field::DeviceError;

/// Why there is no model.
#[derive(Debug, Error)]
pub enum FitError {
    /// The settings cannot be trained with.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The device cannot be used, or failed on the way.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The mesh has no distance.
    #[error(transparent)]
    Distance(DistanceError),
    /// There is nothing to go on from.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The mesh has no extent.
    #[error("the mesh has no extent that can be fitted: all its vertices lie in one point")]
    NoExtent,
    /// The cancel token was set.
    #[error("the fit was cancelled")]
    Cancelled,
    /// The loss is infinite or not a number, and there is no state before that to go back to.
    #[error("training diverged at step {step}: the loss is {loss}. Lower the learning rate")]
    Diverged {
        /// The step.
        step: u64,
        /// The loss.
        loss: f32,
    },
}

impl From<Cancelled> for FitError {
    fn from(_: Cancelled) -> Self {
        FitError::Cancelled
    }
}

impl From<DistanceError> for FitError {
    fn from(error: DistanceError) -> Self {
        match error {
            DistanceError::Cancelled => FitError::Cancelled,
            other => FitError::Distance(other),
        }
    }
}
