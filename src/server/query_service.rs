//! `overfit.v1.QueryService`.

use std::sync::Arc;

use prost::Message;
use prost::bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::answers::send_answer;
use super::blocking::run_blocking;
use super::combinations::Combinations;
use super::convert::{known, resolution};
use super::error::ApiError;
use super::evaluation::{Asked, FEW, POINT_BYTES, decode_points, decode_rows, evaluate};
use super::extraction::{
    Messages, dense_bytes, dense_messages, surface_bytes, surface_messages, vdb_messages,
};
use super::measuring::measured;
use super::memory::{Charge, Memory};
use super::meshes::Meshes;
use super::message_memory::InFlight;
use super::proto;
use super::proto::query_service_server::QueryService;
use super::rays::{RAY_BYTES, cast, projected, working_bytes_of_feet, working_bytes_of_rays};
use super::rendering::{picture_bytes, render_settings, rendered, send_parts};
use super::resource_name::Collection;
use super::settings::Limits;
use super::turns::Turns;
use crate::CancelToken;
use crate::extract::{BandSettings, SurfaceMode, SurfaceSettings};
use crate::query::{LoadedModel, MeasureSettings};

/// Half the width of a narrow band in voxels, where none is asked for.
const BAND: f64 = 3.0;

/// Reads fields.
#[derive(Clone)]
pub(super) struct QueryCalls {
    /// Models, and expressions over them.
    pub(super) fields: Arc<Combinations>,
    pub(super) meshes: Arc<Meshes>,
    pub(super) memory: Memory,
    pub(super) limits: Arc<Limits>,
    /// Of points and rays: as many at once as there are processors.
    pub(super) evaluations: Turns,
    /// Of extractions, measurements and pictures, which may take minutes.
    pub(super) extractions: Turns,
}

/// Extractions of less are small.
const SMALL_BYTES: u64 = 16 << 20;

impl QueryCalls {
    async fn evaluated(
        &self,
        model: &str,
        points: Bytes,
        asked: Asked,
        in_flight: &InFlight,
    ) -> Result<proto::EvaluateResponse, ApiError> {
        let Limits {
            max_points,
            max_message_bytes,
            ..
        } = *self.limits;
        let rows = points.len() / POINT_BYTES;
        let bytes = asked.bytes_each().saturating_mul(rows as u64);
        self.answered(model, rows, bytes, in_flight, move |model, cancel| {
            let points = decode_points(&points, max_points)?;
            evaluate(model, &points, &asked, max_message_bytes, cancel)
        })
        .await
    }

    /// Answers a question about `rows` points or rays, which takes so many `bytes`, when its turn comes.
    async fn answered<T: prost::Message + 'static>(
        &self,
        model: &str,
        rows: usize,
        bytes: u64,
        in_flight: &InFlight,
        ask: impl FnOnce(&LoadedModel, &CancelToken) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let model = model.to_owned();
        // Told at once, not when its turn comes.
        self.fields.check(&model)?;
        let turn = self.evaluations.take(rows <= FEW).await?;
        let mut charge = self.memory.charge_more(bytes).await?;
        let fields = self.fields.clone();
        let work = run_blocking(move |cancel| {
            // Held until the work has ended, also if the client is gone before.
            let _turn = turn;
            let answer = ask(&fields.load(&model)?, cancel)?;
            charge.shrink(answer.encoded_len() as u64);
            Ok((answer, charge))
        });
        let (answer, charge) = work.await?;
        in_flight.hold(charge);
        Ok(answer)
    }

    /// Runs an extraction when its turn comes, which takes about as many bytes as `size` says.
    async fn extracted<T: Send + 'static>(
        &self,
        model: &str,
        in_flight: &InFlight,
        size: impl FnOnce(&LoadedModel) -> u64 + Send + 'static,
        extract: impl FnOnce(&LoadedModel, &mut Charge, &CancelToken) -> Result<T, ApiError>
        + Send
        + 'static,
    ) -> Result<T, ApiError> {
        let model = model.to_owned();
        // Told at once, not when its turn comes.
        self.fields.check(&model)?;
        let (fields, named) = (self.fields.clone(), model.clone());
        let bytes = run_blocking(move |_| Ok(size(&fields.load(&named)?))).await?;
        let turn = self.extractions.take(bytes <= SMALL_BYTES).await?;
        let mut charge = self.memory.charge(bytes).await?;
        let fields = self.fields.clone();
        let work = run_blocking(move |cancel| {
            // Held until the work has ended, also if the client is gone before.
            let _turn = turn;
            let result = extract(&fields.load(&model)?, &mut charge, cancel)?;
            Ok((result, charge))
        });
        let (result, charge) = work.await?;
        in_flight.hold(charge);
        Ok(result)
    }
}

#[tonic::async_trait]
impl QueryService for QueryCalls {
    type EvaluateStreamStream = ReceiverStream<Result<proto::EvaluateStreamResponse, Status>>;
    type MeasureStream = ReceiverStream<Result<proto::MeasureResponse, Status>>;
    type ExtractMeshStream = Messages<proto::ExtractMeshResponse>;
    type ExtractVolumeStream = Messages<proto::ExtractVolumeResponse>;
    type RenderStream = ReceiverStream<Result<proto::RenderResponse, Status>>;

    async fn evaluate(
        &self,
        request: Request<proto::EvaluateRequest>,
    ) -> Result<Response<proto::EvaluateResponse>, Status> {
        let in_flight = InFlight::of(&request);
        let proto::EvaluateRequest {
            model,
            points,
            gradient,
            quantities,
            smoothing,
        } = request.into_inner();
        let asked = Asked::new(gradient, &quantities, smoothing)?;
        let answer = self.evaluated(&model, points, asked, &in_flight).await?;
        Ok(Response::new(answer))
    }

    async fn evaluate_stream(
        &self,
        request: Request<Streaming<proto::EvaluateStreamRequest>>,
    ) -> Result<Response<Self::EvaluateStreamStream>, Status> {
        let calls = self.clone();
        let in_flight = InFlight::of(&request);
        let requests = request.into_inner();
        // One answer waits while the next is made.
        let (answers, receiver) = mpsc::channel(1);
        let answering = async move { calls.answer(requests, answers, &in_flight).await };
        tokio::spawn(answering.in_current_span());
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn measure(
        &self,
        request: Request<proto::MeasureRequest>,
    ) -> Result<Response<Self::MeasureStream>, Status> {
        let in_flight = InFlight::of(&request);
        let proto::MeasureRequest { model, error, iso } = request.into_inner();
        // Told at once.
        self.fields.check(&model)?;
        let otherwise = MeasureSettings::default();
        let settings = MeasureSettings {
            error: if error == 0.0 { otherwise.error } else { error },
            iso,
            memory_limit: self.limits.extract_bytes(),
        };
        let calls = self.clone();
        let (answers, receiver) = mpsc::channel(2);
        let measuring = async move {
            let fractions = answers.clone();
            let most = settings.memory_limit;
            let size = move |model: &LoadedModel| surface_bytes(model, None, iso, most);
            let work = calls.extracted(&model, &in_flight, size, move |model, charge, cancel| {
                let found = measured(model, &settings, cancel, &fractions)?;
                charge.shrink(0);
                Ok(found)
            });
            send_answer(&answers, async { Ok(work.await?) }).await;
        };
        tokio::spawn(measuring.in_current_span());
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn extract_mesh(
        &self,
        request: Request<proto::ExtractMeshRequest>,
    ) -> Result<Response<Self::ExtractMeshStream>, Status> {
        let in_flight = InFlight::of(&request);
        let request = request.into_inner();
        let resolution = resolution(request.grid.as_ref());
        if !request.iso.is_finite() {
            return Err(ApiError::field(
                "iso",
                format!("iso is {}: it must be a number", request.iso),
            )
            .into());
        }
        if request.error.is_nan() || request.error < 0.0 || request.error.is_infinite() {
            let error = request.error;
            let words = format!("error is {error}: it must be a length of 0 or more");
            return Err(ApiError::field("error", words).into());
        }
        let mode = match known::<proto::MeshMode>(request.mode, "mode")? {
            proto::MeshMode::Unspecified | proto::MeshMode::MarchingCubes => {
                SurfaceMode::MarchingCubes
            }
            proto::MeshMode::Sharp => SurfaceMode::Sharp,
        };
        let settings = SurfaceSettings {
            mode,
            triangles: Some(request.triangles).filter(|&count| count > 0),
            error: Some(request.error).filter(|&error| error > 0.0),
            iso: request.iso,
            normals: request.normals,
            memory_limit: self.limits.extract_bytes(),
            ..Default::default()
        };
        let SurfaceSettings {
            iso, memory_limit, ..
        } = settings;
        let size = move |model: &LoadedModel| surface_bytes(model, resolution, iso, memory_limit);
        let messages = self
            .extracted(
                &request.model,
                &in_flight,
                size,
                move |model, charge, cancel| {
                    surface_messages(model, resolution, &settings, charge, cancel)
                },
            )
            .await?;
        Ok(Response::new(messages))
    }

    async fn extract_volume(
        &self,
        request: Request<proto::ExtractVolumeRequest>,
    ) -> Result<Response<Self::ExtractVolumeStream>, Status> {
        let in_flight = InFlight::of(&request);
        let request = request.into_inner();
        let resolution = resolution(request.grid.as_ref());
        let format = known::<proto::VolumeFormat>(request.format, "format")?;
        let band = match request.band {
            0.0 => BAND,
            band if band > 0.0 && band.is_finite() => band,
            band => {
                return Err(ApiError::field(
                    "band",
                    format!("band is {band}: it must be a positive number of voxels"),
                )
                .into());
            }
        };
        let memory_limit = self.limits.extract_bytes();
        let size = move |model: &LoadedModel| match format {
            proto::VolumeFormat::Dense => dense_bytes(model, resolution, memory_limit),
            _ => surface_bytes(model, resolution, 0.0, memory_limit),
        };
        let extract =
            move |model: &LoadedModel, charge: &mut Charge, cancel: &CancelToken| match format {
                proto::VolumeFormat::Dense => {
                    dense_messages(model, resolution, memory_limit, charge, cancel)
                }
                proto::VolumeFormat::Vdb
                | proto::VolumeFormat::VdbBlender4
                | proto::VolumeFormat::Unspecified => {
                    let for_blender_4 = format == proto::VolumeFormat::VdbBlender4;
                    let settings = BandSettings {
                        band,
                        memory_limit,
                        ..Default::default()
                    };
                    vdb_messages(model, resolution, &settings, for_blender_4, charge, cancel)
                }
            };
        let messages = self
            .extracted(&request.model, &in_flight, size, extract)
            .await?;
        Ok(Response::new(messages))
    }

    async fn raycast(
        &self,
        request: Request<proto::RaycastRequest>,
    ) -> Result<Response<proto::RaycastResponse>, Status> {
        let in_flight = InFlight::of(&request);
        let request = request.into_inner();
        let Limits {
            max_points,
            max_message_bytes,
            ..
        } = *self.limits;
        let rows = request.rays.len() / RAY_BYTES;
        let bytes = working_bytes_of_rays(rows as u64, &request, max_message_bytes as u64);
        let model = request.model.clone();
        let work = self.answered(&model, rows, bytes, &in_flight, move |field, cancel| {
            let rays = decode_rows("rays", &request.rays, max_points)?;
            cast(field, &rays, &request, max_message_bytes, cancel)
        });
        Ok(Response::new(work.await?))
    }

    async fn project(
        &self,
        request: Request<proto::ProjectRequest>,
    ) -> Result<Response<proto::ProjectResponse>, Status> {
        let in_flight = InFlight::of(&request);
        let proto::ProjectRequest { model, points, iso } = request.into_inner();
        let Limits {
            max_points,
            max_message_bytes,
            ..
        } = *self.limits;
        let rows = points.len() / POINT_BYTES;
        let bytes = working_bytes_of_feet(rows as u64);
        let work = self.answered(&model, rows, bytes, &in_flight, move |field, cancel| {
            let points = decode_points(&points, max_points)?;
            projected(field, &points, iso, max_message_bytes, cancel)
        });
        Ok(Response::new(work.await?))
    }

    async fn render(
        &self,
        request: Request<proto::RenderRequest>,
    ) -> Result<Response<Self::RenderStream>, Status> {
        let in_flight = InFlight::of(&request);
        let request = request.into_inner();
        // Told at once.
        self.fields.check(&request.model)?;
        let settings = render_settings(&request, self.limits.max_pixels)?;
        let mesh = match request.mesh.is_empty() {
            true => None,
            false => Some(
                self.meshes
                    .get(Collection::Meshes.id(&request.mesh, "mesh")?)?
                    .1,
            ),
        };
        let calls = self.clone();
        let (answers, receiver) = mpsc::channel(2);
        let rendering = async move {
            let fractions = answers.clone();
            let bytes = picture_bytes(&settings, mesh.as_deref());
            let size = move |_: &LoadedModel| bytes;
            let extract = move |model: &LoadedModel, charge: &mut Charge, cancel: &CancelToken| {
                let parts = rendered(model, &settings, mesh.as_deref(), cancel, &fractions)?;
                let sizes = parts.iter().map(|part| part.encoded_len() as u64);
                charge.resize_blocking(sizes.sum())?;
                Ok(parts)
            };
            let work = calls.extracted(&request.model, &in_flight, size, extract);
            send_parts(&answers, work).await;
        };
        tokio::spawn(rendering.in_current_span());
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

impl QueryCalls {
    /// Answers the requests of a stream one by one, until an error or either side ends it.
    async fn answer(
        &self,
        mut requests: Streaming<proto::EvaluateStreamRequest>,
        answers: mpsc::Sender<Result<proto::EvaluateStreamResponse, Status>>,
        in_flight: &InFlight,
    ) {
        let mut model = String::new();
        while let Some(request) = requests.message().await.transpose() {
            let answer = async {
                let proto::EvaluateStreamRequest {
                    model: named,
                    points,
                    gradient,
                    quantities,
                    smoothing,
                } = request?;
                if !named.is_empty() {
                    model = named;
                }
                let asked = Asked::new(gradient, &quantities, smoothing)?;
                let proto::EvaluateResponse {
                    values,
                    gradients,
                    columns,
                    smoothing,
                    warnings,
                } = self.evaluated(&model, points, asked, in_flight).await?;
                Ok(proto::EvaluateStreamResponse {
                    values,
                    gradients,
                    columns,
                    smoothing,
                    warnings,
                })
            };
            if !send_answer(&answers, answer).await {
                return;
            }
        }
    }
}
