//! Closest points between the wire and the library.

use std::sync::Arc;

use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::answers::send_answer;
use super::blocking::run_blocking;
use super::chunks::bytes_of;
use super::error::ApiError;
use super::evaluation::{FEW, POINT_BYTES, decode_points};
use super::memory::{Charge, Memory};
use super::meshes::{HeldMesh, Meshes};
use super::message_memory::InFlight;
use super::proto;
use super::resource_name::Collection;
use super::turns::Turns;
use crate::CancelToken;
use crate::distance::{CHUNK, DistanceError, SignPolicy, SignedDistance};
use crate::train::FitError;

/// Where closest points come from.
pub(super) struct ClosestSource {
    pub(super) meshes: Arc<Meshes>,
    pub(super) memory: Memory,
    pub(super) turns: Turns,
    /// Points of one request.
    pub(super) max_points: u64,
}

/// A mesh, ready to be asked for its closest points.
struct Searchable {
    held: Arc<HeldMesh>,
    oracle: SignedDistance,
    _charge: Charge,
}

/// Bytes of the search tree for each triangle, about.
const TREE: u64 = 200;

/// Bytes that a point takes: itself in double precision, and what is found.
const POINT: u64 = 24 + 20;

/// Answers the requests of a stream one by one, until an error or either side ends it.
pub(super) async fn answer(
    mut requests: Streaming<proto::FindClosestRequest>,
    answers: mpsc::Sender<Result<proto::FindClosestResponse, Status>>,
    source: &ClosestSource,
    in_flight: &InFlight,
) {
    let mut searched: Option<(String, Arc<Searchable>)> = None;
    while let Some(request) = requests.message().await.transpose() {
        let answer = async {
            let proto::FindClosestRequest { mesh, points } = request?;
            let count = points.len() / POINT_BYTES;
            let charge = source.memory.charge_more(POINT * count as u64).await?;
            let points = decode_points(&points, source.max_points)?;
            let searchable = match searched.take() {
                Some((name, searchable)) if mesh.is_empty() || mesh == name => {
                    searched.insert((name, searchable)).1.clone()
                }
                _ => {
                    let id = Collection::Meshes.id(&mesh, "mesh")?;
                    let (_, held) = source.meshes.get(id)?;
                    let triangles = held.mesh.triangles.len();
                    let charge = source.memory.charge(TREE * triangles as u64).await?;
                    let turn = source.turns.take(triangles <= FEW).await?;
                    let building = run_blocking(move |cancel| {
                        let _turn = turn;
                        Searchable::build(held, charge, cancel)
                    });
                    let built = building.await?;
                    searched.insert((mesh, Arc::new(built))).1.clone()
                }
            };
            let turn = source.turns.take(count <= FEW).await?;
            let search = run_blocking(move |cancel| {
                let _turn = turn;
                searchable.closest(&points, cancel)
            });
            let answer = search.await?;
            in_flight.hold(charge);
            Ok(answer)
        };
        if !send_answer(&answers, answer).await {
            return;
        }
    }
}

impl Searchable {
    fn build(held: Arc<HeldMesh>, charge: Charge, cancel: &CancelToken) -> Result<Self, ApiError> {
        let oracle = match SignedDistance::build(&held.mesh, SignPolicy::None, cancel) {
            Ok(oracle) => oracle,
            Err(DistanceError::Cancelled) => return Err(ApiError::Cancelled),
            Err(error) => return Err(FitError::Distance(error).into()),
        };
        Ok(Self {
            held,
            oracle,
            _charge: charge,
        })
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
