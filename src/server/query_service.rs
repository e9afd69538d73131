//! `overfit.v1.QueryService`.

use std::sync::Arc;

use prost::bytes::Bytes;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::answers::send_answer;
use super::blocking::run_blocking;
use super::combinations::Combinations;
use super::convert::{known, resolution};
use super::error::ApiError;
use super::evaluation::{Asked, decode_points, decode_rows, evaluate};
use super::extraction::{Messages, dense_messages, surface_messages, vdb_messages};
use super::measuring::measured;
use super::meshes::Meshes;
use super::proto;
use super::proto::query_service_server::QueryService;
use super::rays::{cast, projected};
use super::rendering::{render_settings, rendered, send_parts};
use super::resource_name::Collection;
use super::settings::Limits;
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
    pub(super) limits: Arc<Limits>,
    /// Extractions may take much memory each: so many run at once, and the others wait.
    pub(super) extractions: Arc<Semaphore>,
}

impl QueryCalls {
    async fn evaluated(
        &self,
        model: &str,
        points: Bytes,
        asked: Asked,
    ) -> Result<proto::EvaluateResponse, ApiError> {
        let model = model.to_owned();
        let points = decode_points(&points, self.limits.max_points)?;
        let fields = self.fields.clone();
        let most_bytes = self.limits.max_message_bytes;
        run_blocking(move |cancel| {
            evaluate(&fields.load(&model)?, &points, &asked, most_bytes, cancel)
        })
        .await
    }

    /// Runs an extraction when its turn comes.
    async fn extracted<T: Send + 'static>(
        &self,
        model: &str,
        extract: impl FnOnce(&LoadedModel, &CancelToken) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let model = model.to_owned();
        // Told at once, not when its turn comes.
        self.fields.check(&model)?;
        let turn = self.extractions.clone().acquire_owned().await;
        let turn = turn.map_err(|_| ApiError::ShuttingDown)?;
        let fields = self.fields.clone();
        run_blocking(move |cancel| {
            // Held until the work has ended, also if the client is gone before.
            let _turn = turn;
            extract(&fields.load(&model)?, cancel)
        })
        .await
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
        let proto::EvaluateRequest {
            model,
            points,
            gradient,
            quantities,
            smoothing,
        } = request.into_inner();
        let asked = Asked::new(gradient, &quantities, smoothing)?;
        let answer = self.evaluated(&model, points, asked).await?;
        Ok(Response::new(answer))
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

    async fn measure(
        &self,
        request: Request<proto::MeasureRequest>,
    ) -> Result<Response<Self::MeasureStream>, Status> {
        let proto::MeasureRequest { model, error, iso } = request.into_inner();
        // Told at once.
        self.fields.check(&model)?;
        let otherwise = MeasureSettings::default();
        let settings = MeasureSettings {
            error: if error == 0.0 { otherwise.error } else { error },
            iso,
            memory_limit: self.limits.max_extract_bytes,
        };
        let calls = self.clone();
        let (answers, receiver) = mpsc::channel(2);
        let measuring = async move {
            let fractions = answers.clone();
            let work = calls.extracted(&model, move |model, cancel| {
                measured(model, &settings, cancel, &fractions)
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
            memory_limit: self.limits.max_extract_bytes,
            ..Default::default()
        };
        let messages = self
            .extracted(&request.model, move |model, cancel| {
                surface_messages(model, resolution, &settings, cancel)
            })
            .await?;
        Ok(Response::new(messages))
    }

    async fn extract_volume(
        &self,
        request: Request<proto::ExtractVolumeRequest>,
    ) -> Result<Response<Self::ExtractVolumeStream>, Status> {
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
        let memory_limit = self.limits.max_extract_bytes;
        let messages = self
            .extracted(&request.model, move |model, cancel| match format {
                proto::VolumeFormat::Dense => {
                    dense_messages(model, resolution, memory_limit, cancel)
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
                    vdb_messages(model, resolution, &settings, for_blender_4, cancel)
                }
            })
            .await?;
        Ok(Response::new(messages))
    }

    async fn raycast(
        &self,
        request: Request<proto::RaycastRequest>,
    ) -> Result<Response<proto::RaycastResponse>, Status> {
        let request = request.into_inner();
        let rays = decode_rows("rays", &request.rays, self.limits.max_points)?;
        let fields = self.fields.clone();
        let most_bytes = self.limits.max_message_bytes;
        let work = run_blocking(move |cancel| {
            let field = fields.load(&request.model)?;
            cast(&field, &rays, &request, most_bytes, cancel)
        });
        Ok(Response::new(work.await?))
    }

    async fn project(
        &self,
        request: Request<proto::ProjectRequest>,
    ) -> Result<Response<proto::ProjectResponse>, Status> {
        let proto::ProjectRequest { model, points, iso } = request.into_inner();
        let points = decode_points(&points, self.limits.max_points)?;
        let fields = self.fields.clone();
        let most_bytes = self.limits.max_message_bytes;
        let work = run_blocking(move |cancel| {
            projected(&fields.load(&model)?, &points, iso, most_bytes, cancel)
        });
        Ok(Response::new(work.await?))
    }

    async fn render(
        &self,
        request: Request<proto::RenderRequest>,
    ) -> Result<Response<Self::RenderStream>, Status> {
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
            let work = calls.extracted(&request.model, move |model, cancel| {
                rendered(model, &settings, mesh.as_deref(), cancel, &fractions)
            });
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
                } = self.evaluated(&model, points, asked).await?;
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
