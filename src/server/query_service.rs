//! `overfit.v1.QueryService`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use prost::bytes::Bytes;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::blocking::run_blocking;
use super::chunks::{bytes_of, chunks};
use super::convert::{known, resolution};
use super::error::ApiError;
use super::models::Models;
use super::proto::query_service_server::QueryService;
use super::proto::{self, extract_mesh_response, extract_volume_response};
use super::resource_name::Collection;
use super::settings::Limits;
use crate::CancelToken;
use crate::extract::{
    BandSettings, Grid, Resolution, SurfaceSettings, extract_narrow_band, extract_surface, sample_dense, write_vdb_to,
};
use crate::query::LoadedModel;

/// Points that are evaluated between two looks at the cancel token.
const BATCH: usize = 1 << 16;
/// Half the width of a narrow band in voxels, where none is asked for.
const BAND: f64 = 3.0;

/// Reads fields.
#[derive(Clone)]
pub(super) struct QueryCalls {
    pub(super) models: Arc<Models>,
    pub(super) limits: Arc<Limits>,
    /// Extractions may take much memory each: so many run at once, and the others wait.
    pub(super) extractions: Arc<Semaphore>,
}

type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Values and gradients as they are sent.
struct Evaluated {
    values: Bytes,
    gradients: Bytes,
}

impl QueryCalls {
    async fn evaluated(&self, model: &str, points: Bytes, gradient: bool) -> Result<Evaluated, ApiError> {
        let id = Collection::Models.id(model, "model")?.to_owned();
        let points = decode_points(&points, self.limits.max_points)?;
        let models = self.models.clone();
        run_blocking(move |cancel| evaluate(&models.load(&id)?, &points, gradient, cancel)).await
    }

    /// Runs an extraction when its turn comes.
    async fn extracted<T: Send + 'static>(
        &self,
        model: &str,
        extract: impl FnOnce(&LoadedModel, &CancelToken) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let id = Collection::Models.id(model, "model")?.to_owned();
        // Told at once, not when its turn comes.
        self.models.get(&id)?;
        let turn = self.extractions.clone().acquire_owned().await;
        let turn = turn.map_err(|_| ApiError::ShuttingDown)?;
        let models = self.models.clone();
        run_blocking(move |cancel| {
            // Held until the work has ended, also if the client is gone before.
            let _turn = turn;
            extract(&models.load(&id)?, cancel)
        })
        .await
    }
}

#[tonic::async_trait]
impl QueryService for QueryCalls {
    type EvaluateStreamStream = ReceiverStream<Result<proto::EvaluateStreamResponse, Status>>;
    type ExtractMeshStream = Messages<proto::ExtractMeshResponse>;
    type ExtractVolumeStream = Messages<proto::ExtractVolumeResponse>;

    async fn evaluate(
        &self,
        request: Request<proto::EvaluateRequest>,
    ) -> Result<Response<proto::EvaluateResponse>, Status> {
        let proto::EvaluateRequest { model, points, gradient } = request.into_inner();
        let Evaluated { values, gradients } = self.evaluated(&model, points, gradient).await?;
        Ok(Response::new(proto::EvaluateResponse { values, gradients }))
    }

    async fn evaluate_stream(
        &self,
        request: Request<Streaming<proto::EvaluateStreamRequest>>,
    ) -> Result<Response<Self::EvaluateStreamStream>, Status> {
        let calls = self.clone();
        let requests = request.into_inner();
        // One answer waits while the next is made.
        let (answers, receiver) = mpsc::channel(1);
        tokio::spawn(async move { calls.answer(requests, answers).await }.in_current_span());
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn extract_mesh(
        &self,
        request: Request<proto::ExtractMeshRequest>,
    ) -> Result<Response<Self::ExtractMeshStream>, Status> {
        let request = request.into_inner();
        let resolution = resolution(request.grid.as_ref())?;
        if !request.iso.is_finite() {
            return Err(ApiError::field("iso", format!("iso is {}: it must be a number", request.iso)).into());
        }
        let settings = SurfaceSettings {
            iso: request.iso,
            normals: request.normals,
            memory_limit: self.limits.max_extract_bytes,
            ..Default::default()
        };
        let messages = self
            .extracted(&request.model, move |model, cancel| surface_messages(model, resolution, &settings, cancel))
            .await?;
        Ok(Response::new(messages))
    }

    async fn extract_volume(
        &self,
        request: Request<proto::ExtractVolumeRequest>,
    ) -> Result<Response<Self::ExtractVolumeStream>, Status> {
        let request = request.into_inner();
        let resolution = resolution(request.grid.as_ref())?;
        let format = known::<proto::VolumeFormat>(request.format, "format")?;
        let band = match request.band {
            0.0 => BAND,
            band if band > 0.0 && band.is_finite() => band,
            band => return Err(ApiError::field("band", format!("band is {band}: it must be a positive number of voxels")).into()),
        };
        let memory_limit = self.limits.max_extract_bytes;
        let messages = self
            .extracted(&request.model, move |model, cancel| match format {
                proto::VolumeFormat::Dense => dense_messages(model, resolution, memory_limit, cancel),
                proto::VolumeFormat::Vdb | proto::VolumeFormat::Unspecified => {
                    let settings = BandSettings {
                        band,
                        memory_limit,
                        ..Default::default()
                    };
                    vdb_messages(model, resolution, &settings, cancel)
                }
            })
            .await?;
        Ok(Response::new(messages))
    }
}

impl QueryCalls {
    /// Answers the requests of a stream one by one, until an error or either side ends it.
    async fn answer(
        &self,
        mut requests: Streaming<proto::EvaluateStreamRequest>,
        answers: mpsc::Sender<Result<proto::EvaluateStreamResponse, Status>>,
    ) {
        let mut model = String::new();
        while let Some(request) = requests.message().await.transpose() {
            let answer = async {
                let proto::EvaluateStreamRequest { model: named, points, gradient } = request?;
                if !named.is_empty() {
                    model = named;
                }
                let Evaluated { values, gradients } = self.evaluated(&model, points, gradient).await?;
                Ok(proto::EvaluateStreamResponse { values, gradients })
            };
            // A client that goes away ends the evaluation, too.
            let answer = tokio::select! {
                answer = answer => answer,
                () = answers.closed() => return,
            };
            let failed = answer.is_err();
            if answers.send(answer).await.is_err() || failed {
                return;
            }
        }
    }
}

/// The points of a request: `[N, 3]`.
///
/// # Errors
/// [`ApiError::Field`] for a length that is no multiple of 12 bytes, too many points, and coordinates that are no numbers.
fn decode_points(bytes: &[u8], limit: u64) -> Result<Vec<[f64; 3]>, ApiError> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    let (rows, more) = numbers.as_chunks::<3>();
    if !rest.is_empty() || !more.is_empty() {
        let message = format!("points has {} bytes: f32 [N, 3] is a multiple of 12", bytes.len());
        return Err(ApiError::field("points", message));
    }
    if rows.len() as u64 > limit {
        let message = format!("{} points in one request: at most {limit} are taken; use EvaluateStream", rows.len());
        return Err(ApiError::field("points", message));
    }
    let points: Vec<[f64; 3]> = rows.iter().map(|row| row.map(|x| f64::from(f32::from_le_bytes(x)))).collect();
    match points.iter().position(|point| !point.iter().all(|x| x.is_finite())) {
        Some(index) => {
            let message = format!("point {index} is at {:?}: every coordinate must be a finite number", points[index]);
            Err(ApiError::field("points", message))
        }
        None => Ok(points),
    }
}

fn evaluate(
    model: &LoadedModel,
    points: &[[f64; 3]],
    gradient: bool,
    cancel: &CancelToken,
) -> Result<Evaluated, ApiError> {
    let mut values = Vec::with_capacity(points.len());
    let mut gradients = Vec::with_capacity(if gradient { points.len() } else { 0 });
    for batch in points.chunks(BATCH) {
        if cancel.is_cancelled() {
            return Err(ApiError::Cancelled);
        }
        let (batch_values, batch_gradients) = model.evaluate(batch, gradient);
        values.extend(batch_values);
        gradients.extend(batch_gradients.into_iter().flatten());
    }
    Ok(Evaluated {
        values: bytes_of(values),
        gradients: bytes_of(gradients),
    })
}

fn surface_messages(
    model: &LoadedModel,
    resolution: Resolution,
    settings: &SurfaceSettings,
    cancel: &CancelToken,
) -> Result<Messages<proto::ExtractMeshResponse>, ApiError> {
    use extract_mesh_response::Part;
    let start = Instant::now();
    let (bounds, frame) = (&model.model().bounds, &model.model().frame);
    let grid = Grid::around_level_set(bounds, resolution, settings.iso)?;
    let surface = extract_surface(model.unit_field(), &grid, frame, settings, cancel, &mut |_| {})?;
    let header = proto::ExtractMeshHeader {
        vertex_count: surface.positions.len() as u64,
        triangle_count: surface.triangles.len() as u64,
        normals: surface.normals.is_some(),
        watertight: !surface.stats.open(),
        seconds: start.elapsed().as_secs_f64(),
    };
    let positions: Vec<[f32; 3]> = surface.positions.iter().map(|position| position.map(|x| x as f32)).collect();
    let normals = surface.normals.unwrap_or_default();
    let runs = vec![bytes_of(positions), bytes_of(surface.triangles), bytes_of(normals)];
    let parts = std::iter::once(Part::Header(header)).chain(chunks(runs).map(Part::Chunk));
    let messages = parts.map(|part| Ok(proto::ExtractMeshResponse { part: Some(part) }));
    Ok(Box::pin(tokio_stream::iter(messages)))
}

fn dense_messages(
    model: &LoadedModel,
    resolution: Resolution,
    memory_limit: u64,
    cancel: &CancelToken,
) -> Result<Messages<proto::ExtractVolumeResponse>, ApiError> {
    let start = Instant::now();
    let (bounds, frame) = (&model.model().bounds, &model.model().frame);
    let grid = Grid::around_level_set(bounds, resolution, 0.0)?;
    let volume = sample_dense(model.unit_field(), &grid, frame, memory_limit, cancel, &mut |_| {})?;
    let header = proto::ExtractVolumeHeader {
        origin: volume.origin.to_vec(),
        voxel_size: volume.voxel_size,
        dims: volume.dims.to_vec(),
        seconds: start.elapsed().as_secs_f64(),
        ..Default::default()
    };
    Ok(volume_messages(header, bytes_of(volume.values)))
}

fn vdb_messages(
    model: &LoadedModel,
    resolution: Resolution,
    settings: &BandSettings,
    cancel: &CancelToken,
) -> Result<Messages<proto::ExtractVolumeResponse>, ApiError> {
    let start = Instant::now();
    let (bounds, frame) = (&model.model().bounds, &model.model().frame);
    // The band must end inside the grid: a band that the border cuts off would be a wall to whoever reads it.
    let voxel_size = Grid::around_level_set(bounds, resolution, 0.0)?.voxel_size;
    let grid = Grid::around_level_set(bounds, resolution, settings.band * voxel_size)?;
    let band = extract_narrow_band(model.unit_field(), &grid, frame, settings, cancel, &mut |_| {})?;
    let mut file = Vec::new();
    write_vdb_to(&band, "sdf", &mut file).map_err(ApiError::Encode)?;
    let active = band.leaves.iter().flat_map(|leaf| leaf.active);
    let header = proto::ExtractVolumeHeader {
        origin: band.origin.to_vec(),
        voxel_size: band.voxel_size,
        dims: band.dims.to_vec(),
        active_voxels: active.map(|word| u64::from(word.count_ones())).sum(),
        seconds: start.elapsed().as_secs_f64(),
        ..Default::default()
    };
    Ok(volume_messages(header, file.into()))
}

fn volume_messages(header: proto::ExtractVolumeHeader, data: Bytes) -> Messages<proto::ExtractVolumeResponse> {
    use extract_volume_response::Part;
    let header = proto::ExtractVolumeHeader {
        size_bytes: data.len() as u64,
        ..header
    };
    let parts = std::iter::once(Part::Header(header)).chain(chunks(vec![data]).map(Part::Chunk));
    let messages = parts.map(|part| Ok(proto::ExtractVolumeResponse { part: Some(part) }));
    Box::pin(tokio_stream::iter(messages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_counted_and_checked() {
        let bytes = |numbers: &[f32]| -> Vec<u8> { numbers.iter().flat_map(|x| x.to_le_bytes()).collect() };
        let points = decode_points(&bytes(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.5]), 2).unwrap();
        assert_eq!(points, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]]);
        assert_eq!(decode_points(&[], 2).unwrap().len(), 0);
        let refused = |bytes: &[u8]| decode_points(bytes, 2).unwrap_err().to_string();
        assert!(refused(&[0; 13]).contains("13 bytes"));
        assert!(refused(&[0; 16]).contains("16 bytes"));
        assert!(refused(&[0; 36]).contains("at most 2"));
        assert!(refused(&bytes(&[0.0, 0.0, 0.0, 0.0, f32::NAN, 0.0])).contains("point 1"));
    }
}
