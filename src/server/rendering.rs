//! Pictures between the wire and the library: how far it is, then the file in chunks.

use std::time::Instant;

use tokio::sync::mpsc;
use tonic::Status;

use super::chunks::{bytes_of, chunks};
use super::convert::known;
use super::error::ApiError;
use super::meshes::HeldMesh;
use super::proto::{self, render_request, render_response::Part};
use crate::CancelToken;
use crate::distance::{DistanceError, SignPolicy, SignedDistance};
use crate::query::LoadedModel;
use crate::render::{Axis, Mode, RenderSettings, View, render, write_png};
use crate::train::FitError;

/// What a client of a picture is sent.
pub(super) type Answers = mpsc::Sender<Result<proto::RenderResponse, Status>>;

/// What a request asks for. What is beyond the library's ranges the library says.
///
/// # Errors
/// [`ApiError::Field`] for more pixels than `max_pixels`, unknown names, and places that are not three numbers.
pub(super) fn render_settings(
    request: &proto::RenderRequest,
    max_pixels: u64,
) -> Result<RenderSettings, ApiError> {
    let otherwise = RenderSettings::default();
    let side = |asked: u32, otherwise| if asked == 0 { otherwise } else { asked };
    let width = side(request.width, otherwise.width);
    let height = side(request.height, otherwise.height);
    if u64::from(width) * u64::from(height) > max_pixels {
        let message = format!("{width} times {height} pixels: at most {max_pixels} are made");
        return Err(ApiError::field("width", message));
    }
    let background = match request.background.as_str() {
        "" => otherwise.background,
        name => {
            let known = name.parse::<crate::render::Background>();
            known.map_err(|error| ApiError::field("background", error.to_string()))?
        }
    };
    let view = match &request.view {
        None => otherwise.view,
        Some(render_request::View::Orbit(orbit)) => View::Orbit {
            azimuth: orbit.azimuth,
            elevation: orbit.elevation,
            all_around: false,
        },
        Some(render_request::View::Eye(view)) => View::Eye {
            eye: place("eye.eye", &view.eye)?,
            target: match view.target.is_empty() {
                true => None,
                false => Some(place("eye.target", &view.target)?),
            },
        },
    };
    Ok(RenderSettings {
        width,
        height,
        mode: match known::<proto::RenderMode>(request.mode, "mode")? {
            proto::RenderMode::Unspecified | proto::RenderMode::Shaded => Mode::Shaded,
            proto::RenderMode::Normals => Mode::Normals,
            proto::RenderMode::Curvature => Mode::Curvature,
            proto::RenderMode::Error => Mode::Error,
            proto::RenderMode::Slice => Mode::Slice,
        },
        view,
        up: axis(request.up, "up")?.unwrap_or(otherwise.up),
        field_of_view: match request.field_of_view {
            0.0 => otherwise.field_of_view,
            degrees => degrees,
        },
        background,
        iso: request.iso,
        samples: side(request.samples, otherwise.samples),
        range: request.range,
        plane: axis(request.plane, "plane")?,
        offset: request.offset,
    })
}

fn axis(number: i32, field: &'static str) -> Result<Option<Axis>, ApiError> {
    Ok(match known::<proto::Axis>(number, field)? {
        proto::Axis::Unspecified => None,
        proto::Axis::X => Some(Axis::X),
        proto::Axis::Y => Some(Axis::Y),
        proto::Axis::Z => Some(Axis::Z),
    })
}

fn place(field: &'static str, numbers: &[f64]) -> Result<[f64; 3], ApiError> {
    <[f64; 3]>::try_from(numbers).map_err(|_| {
        let message = format!("{field} has {} numbers: a place has 3", numbers.len());
        ApiError::field(field, message)
    })
}

/// Bytes that a pixel takes, with its share of what is looked at again, and a triangle of a mesh that is compared with.
const PIXEL: u64 = 256;
const TRIANGLE: u64 = 200;

/// Bytes that a picture takes while it is made, about.
pub(super) fn picture_bytes(settings: &RenderSettings, mesh: Option<&HeldMesh>) -> u64 {
    let pixels = u64::from(settings.width) * u64::from(settings.height);
    let triangles = mesh.map_or(0, |held| held.mesh.triangles.len());
    PIXEL * pixels + TRIANGLE * triangles as u64
}

/// Renders a picture, and tells `answers` how far it is whenever there is room: a client that is slow to read misses some.
///
/// # Errors
/// What the library says.
pub(super) fn rendered(
    model: &LoadedModel,
    settings: &RenderSettings,
    mesh: Option<&HeldMesh>,
    cancel: &CancelToken,
    answers: &Answers,
) -> Result<Vec<proto::RenderResponse>, ApiError> {
    let start = Instant::now();
    let mesh = mesh.filter(|_| settings.mode == Mode::Error);
    let distances = mesh.map(|held| SignedDistance::build(&held.mesh, SignPolicy::None, cancel));
    let distances = distances.transpose().map_err(|error| match error {
        DistanceError::Cancelled => ApiError::Cancelled,
        error => FitError::Distance(error).into(),
    })?;
    let mut progress = |share: f32| {
        let _ = answers.try_send(Ok(response(Part::Fraction(share.into()))));
    };
    let made = render(model, settings, distances.as_ref(), cancel, &mut progress)?;
    let mut file = Vec::new();
    write_png(&mut file, &made.picture).map_err(ApiError::Encode)?;
    let header = proto::RenderHeader {
        size_bytes: file.len() as u64,
        width: made.picture.width,
        height: made.picture.height,
        legend: made.legend,
        range: made.range,
        evaluations: made.evaluations,
        seconds: start.elapsed().as_secs_f64(),
        warnings: made.warnings,
    };
    let parts = std::iter::once(Part::Header(header));
    let parts = parts.chain(chunks(vec![bytes_of(file)]).map(Part::Chunk));
    Ok(parts.map(response).collect())
}

/// Waits for a picture and sends it; a client that goes away ends the work.
pub(super) async fn send_parts(
    answers: &Answers,
    work: impl Future<Output = Result<Vec<proto::RenderResponse>, ApiError>>,
) {
    let parts = tokio::select! {
        parts = work => parts,
        () = answers.closed() => return,
    };
    let parts = match parts {
        Ok(parts) => parts.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(Status::from(error))],
    };
    for part in parts {
        if answers.send(part).await.is_err() {
            return;
        }
    }
}

fn response(part: Part) -> proto::RenderResponse {
    proto::RenderResponse { part: Some(part) }
}
