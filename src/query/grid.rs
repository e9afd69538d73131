//! Any quantities of a model at every sample of a grid.

use super::LoadedModel;
use super::evaluate::{Evaluation, EvaluationError};
use crate::CancelToken;
use crate::extract::{DenseFormat, ExtractError, Grid};

/// Samples that are evaluated at a time: second derivatives take up to 26 evaluations each.
const BATCH: u64 = 1 << 14;

/// Why a grid was not filled.
#[derive(Debug, thiserror::Error)]
pub enum GridError {
    /// What was asked has no answer there.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// Cancellation.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// What took the numbers.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The numbers of an evaluation at all samples of `grid`, in the order of a file `format`: `receive` gets rows of
/// [`Evaluation::width`] numbers, own units, and the share done, 0 to 1.
///
/// # Errors
/// A sample without a finite value, what `receive` returns, or cancellation.
pub fn stream_over_grid(
    loaded: &LoadedModel,
    evaluation: &Evaluation,
    grid: &Grid,
    format: DenseFormat,
    cancel: &CancelToken,
    mut receive: impl FnMut(&[f32], f32) -> std::io::Result<()>,
) -> Result<(), GridError> {
    let count = grid.samples();
    let mut points = Vec::new();
    for start in (0..count).step_by(BATCH as usize) {
        if cancel.is_cancelled() {
            return Err(ExtractError::Cancelled.into());
        }
        let end = (start + BATCH).min(count);
        points.clear();
        points.extend((start..end).map(|index| {
            let sample = format.sample(grid.dims, index);
            let place = |axis: usize| grid.origin[axis] + grid.voxel_size * f64::from(sample[axis]);
            [0, 1, 2].map(place)
        }));
        let rows = evaluation.rows(loaded, &points)?;
        receive(&rows, end as f32 / count as f32)?;
    }
    Ok(())
}
