//! Closest points between the wire and the library.

use std::sync::Arc;

use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::answers::send_answer;
use super::blocking::run_blocking;
use super::chunks::bytes_of;
use super::error::ApiError;
use super::evaluation::decode_points;
use super::meshes::{HeldMesh, Meshes};
use super::proto;
use super::resource_name::Collection;
use crate::CancelToken;
use crate::distance::{CHUNK, DistanceError, SignPolicy, SignedDistance};
use crate::train::FitError;

/// A mesh, ready to be asked for its closest points.
struct Searchable {
    held: Arc<HeldMesh>,
    oracle: SignedDistance,
}

/// Answers the requests of a stream one by one, until an error or either side ends it.
pub(super) async fn answer(
    mut requests: Streaming<proto::FindClosestRequest>,
    answers: mpsc::Sender<Result<proto::FindClosestResponse, Status>>,
    meshes: &Meshes,
    max_points: u64,
) {
    let mut searched: Option<(String, Arc<Searchable>)> = None;
    while let Some(request) = requests.message().await.transpose() {
        let answer = async {
            let proto::FindClosestRequest { mesh, points } = request?;
            let points = decode_points(&points, max_points)?;
            let searchable = match searched.take() {
                Some((name, searchable)) if mesh.is_empty() || mesh == name => {
                    searched.insert((name, searchable)).1.clone()
                }
                _ => {
                    let (_, held) = meshes.get(Collection::Meshes.id(&mesh, "mesh")?)?;
                    let built = run_blocking(move |cancel| Searchable::build(held, cancel)).await?;
                    searched.insert((mesh, Arc::new(built))).1.clone()
                }
            };
            Ok(run_blocking(move |cancel| searchable.closest(&points, cancel)).await?)
        };
        if !send_answer(&answers, answer).await {
            return;
        }
    }
}

impl Searchable {
    fn build(held: Arc<HeldMesh>, cancel: &CancelToken) -> Result<Self, ApiError> {
        let oracle = match SignedDistance::build(&held.mesh, SignPolicy::None, cancel) {
            Ok(oracle) => oracle,
            Err(DistanceError::Cancelled) => return Err(ApiError::Cancelled),
            Err(error) => return Err(FitError::Distance(error).into()),
        };
        Ok(Self { held, oracle })
    }

    fn closest(
        &self,
        points: &[[f64; 3]],
        cancel: &CancelToken,
    ) -> Result<proto::FindClosestResponse, ApiError> {
        let numbers = self.held.uploaded_numbers.as_deref();
        let mut distances = Vec::with_capacity(points.len());
        let mut triangles = Vec::with_capacity(points.len());
        let mut weights = Vec::with_capacity(points.len());
        for chunk in points.chunks(CHUNK) {
            if cancel.is_cancelled() {
                return Err(ApiError::Cancelled);
            }
            for place in self.oracle.closest_places(&self.held.mesh, chunk) {
                let triangle = place.triangle;
                let mut corners = place.weights;
                if self.held.turned.binary_search(&triangle).is_ok() {
                    corners.swap(1, 2);
                }
                distances.push(place.distance as f32);
                triangles.push(numbers.map_or(triangle, |numbers| numbers[triangle as usize]));
                weights.push(corners.map(|weight| weight as f32));
            }
        }
        Ok(proto::FindClosestResponse {
            distances: bytes_of(distances),
            triangles: bytes_of(triangles),
            weights: bytes_of(weights),
        })
    }
}
