//! Measurement between the wire and the library: how far it is, then the result.

use std::time::Instant;

use tokio::sync::mpsc;
use tonic::Status;

use super::error::ApiError;
use super::proto::{self, measure_response::Part};
use crate::CancelToken;
use crate::query::{LoadedModel, MeasureSettings, Measurement, measure};

/// What a client of a measurement is sent.
pub(super) type Answers = mpsc::Sender<Result<proto::MeasureResponse, Status>>;

/// Measures a model, and tells `answers` how far it is whenever there is room: a client that is slow to read misses some.
///
/// # Errors
/// What the library says.
pub(super) fn measured(
    model: &LoadedModel,
    settings: &MeasureSettings,
    cancel: &CancelToken,
    answers: &Answers,
) -> Result<proto::MeasureResponse, ApiError> {
    let start = Instant::now();
    let mut progress = |share: f32| {
        let _ = answers.try_send(Ok(response(Part::Fraction(share.into()))));
    };
    let found = measure(model, settings, cancel, &mut progress)?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(response(Part::Measurement(message(found, seconds))))
}

fn response(part: Part) -> proto::MeasureResponse {
    proto::MeasureResponse { part: Some(part) }
}

fn message(found: Measurement, seconds: f64) -> proto::Measurement {
    let errors = found.errors;
    let [[xx, xy, xz], [_, yy, yz], [_, _, zz]] = found.inertia;
    proto::Measurement {
        volume: found.volume,
        volume_error: errors.volume,
        area: found.area,
        area_error: errors.area,
        centroid: found.centroid.map(Vec::from).unwrap_or_default(),
        centroid_error: errors.centroid,
        inertia: vec![xx, xy, xz, yy, yz, zz],
        inertia_error: errors.inertia,
        mean_curvature_integral: found.mean_curvature_integral,
        mean_curvature_integral_error: errors.mean_curvature_integral,
        bounds: found.bounds.as_ref().map(Into::into),
        voxel_size: found.voxel_size,
        seconds,
        warnings: found.warnings,
    }
}
