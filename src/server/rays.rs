//! Rays and projection between the wire and the library.

use std::time::Instant;

use super::chunks::bytes_of;
use super::error::ApiError;
use super::proto;
use crate::CancelToken;
use crate::query::{
    Foot, LoadedModel, ProjectSettings, Ray, RayError, RaySettings, RayStats, cast_rays,
    project_points,
};

/// Most hits along a ray where a request does not say.
const MOST_HITS: u32 = 64;

/// Rays that are cast between two looks at how large the answer has become.
const SOME: usize = 1 << 15;

/// Bytes of a ray in a request.
pub(super) const RAY_BYTES: usize = 24;

/// Bytes of an answer for each hit, and for each ray.
const HIT_BYTES: usize = 17;
const RAY_ANSWER_BYTES: usize = 5;

/// Bytes of an answer for each projected point.
const FOOT_BYTES: usize = 33;

/// Bytes that casting so many rays takes at most: the rays in double precision, and the answer, of at most `most_bytes`.
pub(super) fn working_bytes_of_rays(
    rays: u64,
    request: &proto::RaycastRequest,
    most_bytes: u64,
) -> u64 {
    let hits = match request.all_hits {
        false => rays.saturating_mul((HIT_BYTES + RAY_ANSWER_BYTES) as u64),
        // Some more come before it is looked at how many they are.
        true => 2 * most_bytes,
    };
    rays.saturating_mul(size_of::<[f64; 6]>() as u64)
        .saturating_add(hits)
}

/// Bytes that projecting so many points takes: the points and what is found, in double precision, and the answer.
pub(super) fn working_bytes_of_feet(points: u64) -> u64 {
    let each = size_of::<[f64; 3]>() + size_of::<Foot>() + FOOT_BYTES;
    points.saturating_mul(each as u64)
}

/// Casts the rays of a request.
///
/// # Errors
/// What the library says, and an answer of more than `most_bytes`.
pub(super) fn cast(
    model: &LoadedModel,
    rays: &[[f64; 6]],
    request: &proto::RaycastRequest,
    most_bytes: usize,
    cancel: &CancelToken,
) -> Result<proto::RaycastResponse, ApiError> {
    let start = Instant::now();
    let asked = |value: f64| (value != 0.0).then_some(value);
    let settings = RaySettings {
        iso: request.iso,
        most_hits: match (request.all_hits, request.most_hits) {
            (false, _) => 1,
            (true, 0) => MOST_HITS,
            (true, most) => most,
        },
        reach: asked(request.reach).unwrap_or(f64::INFINITY),
        thickness: asked(request.thickness),
        ..RaySettings::default()
    };
    let mut stats = RayStats::default();
    let (mut distances, mut normals, mut enters) = (Vec::new(), Vec::new(), Vec::new());
    let (mut starts_inside, mut hit_counts) = (Vec::new(), Vec::<u32>::new());
    // A request without rays is answered, too: its settings are checked and its thickness is told.
    for some in rays.chunks(SOME).chain(rays.is_empty().then_some(rays)) {
        let some: Vec<Ray> = some.iter().map(ray).collect();
        let found = cast_rays(model, &some, &settings, cancel);
        let found = found.map_err(|error| numbered(error, starts_inside.len()))?;
        for index in 0..some.len() {
            if request.all_hits {
                let hits = found.of(index);
                hit_counts.push(hits.len() as u32);
                distances.extend(hits.iter().map(|hit| hit.distance as f32));
                normals.extend(hits.iter().map(|hit| hit.normal));
                enters.extend(hits.iter().map(|hit| u8::from(hit.enters)));
            } else {
                let hit = found.first_of(index);
                distances.push(hit.map_or(f32::INFINITY, |hit| hit.distance as f32));
                normals.push(hit.map_or([0.0; 3], |hit| hit.normal));
            }
        }
        starts_inside.extend(found.starts_inside.into_iter().map(u8::from));
        stats += found.stats;
        let bytes = HIT_BYTES * distances.len() + RAY_ANSWER_BYTES * starts_inside.len();
        if bytes > most_bytes {
            return Err(too_large("rays", most_bytes));
        }
    }
    Ok(proto::RaycastResponse {
        distances: bytes_of(distances),
        normals: bytes_of(normals),
        starts_inside: bytes_of(starts_inside),
        hit_counts: bytes_of(hit_counts),
        enters: bytes_of(enters),
        thickness: stats.thickness,
        evaluations: stats.evaluations,
        seconds: start.elapsed().as_secs_f64(),
        warnings: stats.warnings(&settings),
    })
}

fn ray(&[x, y, z, dx, dy, dz]: &[f64; 6]) -> Ray {
    Ray {
        origin: [x, y, z],
        direction: [dx, dy, dz],
    }
}

/// An error about a ray, with its number in the request.
fn numbered(error: RayError, before: usize) -> ApiError {
    match error {
        RayError::NoDirection { ray } => RayError::NoDirection { ray: ray + before }.into(),
        error => error.into(),
    }
}

/// Projects the points of a request.
///
/// # Errors
/// What the library says, and an answer of more than `most_bytes`.
pub(super) fn projected(
    model: &LoadedModel,
    points: &[[f64; 3]],
    iso: f64,
    most_bytes: usize,
    cancel: &CancelToken,
) -> Result<proto::ProjectResponse, ApiError> {
    let start = Instant::now();
    if FOOT_BYTES * points.len() > most_bytes {
        return Err(too_large("points", most_bytes));
    }
    let settings = ProjectSettings {
        iso,
        ..ProjectSettings::default()
    };
    let found = project_points(model, points, &settings, cancel)?;
    let feet = &found.feet;
    let lost = feet.iter().filter(|foot| !foot.converged).count();
    let warning = format!("{lost} of {} points did not get to the surface", feet.len());
    let floats = |of: fn(&Foot) -> f64| {
        bytes_of(feet.iter().map(|foot| of(foot) as f32).collect::<Vec<_>>())
    };
    let places = feet.iter().map(|foot| foot.point.map(|x| x as f32));
    let drift = found.drift;
    Ok(proto::ProjectResponse {
        points: bytes_of(places.collect::<Vec<_>>()),
        distances: floats(|foot| foot.distance),
        normals: bytes_of(feet.iter().map(|foot| foot.normal).collect::<Vec<_>>()),
        residuals: floats(|foot| foot.residual),
        converged: bytes_of(
            feet.iter()
                .map(|foot| u8::from(foot.converged))
                .collect::<Vec<_>>(),
        ),
        gradient_drift_mean: drift.map_or(0.0, |drift| drift.mean),
        gradient_drift_percentile_99: drift.map_or(0.0, |drift| drift.percentile_99),
        seconds: start.elapsed().as_secs_f64(),
        warnings: (lost > 0).then_some(warning).into_iter().collect(),
    })
}

fn too_large(field: &'static str, most_bytes: usize) -> ApiError {
    let message = format!(
        "the answer would be larger than a message may be ({most_bytes} bytes): send fewer {field} at a time"
    );
    ApiError::field(field, message)
}
