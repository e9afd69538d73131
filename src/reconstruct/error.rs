//! Why there is no surface through points, in words for the user.

use crate::extract::ExtractError;
use crate::geometry::{MeshError, PointCloudError};

/// Why no surface was put through points.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ReconstructError {
    /// The points are too few, or lie where no surface can be told from them.
    #[error(transparent)]
    Points(#[from] PointCloudError),
    /// A setting outside its range.
    #[error("smoothing is {0}, but must be from 0.5 to 20 (distances between points)")]
    Smoothing(f64),
    /// The surface cannot be extracted, or would be too large.
    #[error("no surface can be put through the points: {0}")]
    Extract(ExtractError),
    /// What was found is no mesh that can be computed with.
    #[error("the surface through the points is no mesh: {0}")]
    Mesh(MeshError),
    /// The token was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl From<ExtractError> for ReconstructError {
    fn from(error: ExtractError) -> Self {
        match error {
            ExtractError::Cancelled => ReconstructError::Cancelled,
            error => ReconstructError::Extract(error),
        }
    }
}
