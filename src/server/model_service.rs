//! `overfit.v1.ModelService`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use prost::bytes::Bytes;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::blocking::run_blocking;
use super::chunks::chunks;
use super::error::ApiError;
use super::memory::Memory;
use super::mesh_data::check_display_name;
use super::message_memory::InFlight;
use super::models::Models;
use super::proto;
use super::proto::model_service_server::ModelService;
use super::resource_name::{Collection, request_id};
use super::settings::Limits;
use super::turns::Turns;
use super::upload::{Upload, UploadLimit};
use crate::export::{ExportFormat, UnknownFormat, export};
use crate::field::Model;

/// Writing a model in another form takes so many times its file: source code of a number is some ten letters.
const EXPORT: u64 = 12;

/// Most bytes that work on a model takes which does not stand behind more.
const SMALL: u64 = 16 << 20;

/// Lists, hands out and takes in model files.
pub(super) struct ModelCalls {
    pub(super) models: Arc<Models>,
    pub(super) memory: Memory,
    pub(super) limits: Arc<Limits>,
    /// Models are exported and imported as many at once as there are processors.
    pub(super) turns: Turns,
    /// How long an upload may send nothing.
    pub(super) upload_pause: Duration,
}

#[tonic::async_trait]
impl ModelService for ModelCalls {
    type ExportModelStream =
        Pin<Box<dyn Stream<Item = Result<proto::ExportModelResponse, Status>> + Send>>;

    async fn get_model(
        &self,
        request: Request<proto::GetModelRequest>,
    ) -> Result<Response<proto::GetModelResponse>, Status> {
        let name = request.into_inner().name;
        let model = self.models.get(Collection::Models.id(&name, "name")?)?;
        Ok(Response::new(proto::GetModelResponse {
            model: Some(model),
        }))
    }

    async fn list_models(
        &self,
        request: Request<proto::ListModelsRequest>,
    ) -> Result<Response<proto::ListModelsResponse>, Status> {
        let proto::ListModelsRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let (models, next_page_token) = self.models.list(page_size, &page_token)?;
        Ok(Response::new(proto::ListModelsResponse {
            models,
            next_page_token,
        }))
    }

    async fn delete_model(
        &self,
        request: Request<proto::DeleteModelRequest>,
    ) -> Result<Response<proto::DeleteModelResponse>, Status> {
        let name = request.into_inner().name;
        let id = Collection::Models.id(&name, "name")?.to_owned();
        let models = self.models.clone();
        run_blocking(move |_| models.delete(&id)).await?;
        Ok(Response::new(proto::DeleteModelResponse {}))
    }

    async fn export_model(
        &self,
        request: Request<proto::ExportModelRequest>,
    ) -> Result<Response<Self::ExportModelStream>, Status> {
        let in_flight = InFlight::of(&request);
        let proto::ExportModelRequest { name, format } = request.into_inner();
        let id = Collection::Models.id(&name, "name")?.to_owned();
        let format: Option<ExportFormat> = match format.as_str() {
            "" => None,
            name => Some(
                name.parse()
                    .map_err(|error: UnknownFormat| ApiError::field("format", error.to_string()))?,
            ),
        };
        let models = self.models.clone();
        let size = models.get(&id)?.size_bytes;
        // The file, and what it is checked or written anew by.
        let times = if format.is_none() { 3 } else { EXPORT };
        let turn = self.turns.take(times * size <= SMALL).await?;
        let mut charge = self.memory.charge(times * size).await?;
        let (file, warnings) = run_blocking(move |_| {
            let _turn = turn;
            match format {
                None => Ok((models.file(&id)?, Vec::new())),
                Some(format) => {
                    let exported = export(&Model::from_bytes(&models.file(&id)?)?, format)?;
                    Ok((Bytes::from(exported.bytes), exported.warnings))
                }
            }
        })
        .await?;
        charge.resize(file.len() as u64).await?;
        in_flight.hold(charge);
        // On the first message only.
        let mut first = (file.len() as u64, warnings);
        let messages = chunks(vec![file]).map(move |chunk| {
            let (size_bytes, warnings) = std::mem::take(&mut first);
            Ok(proto::ExportModelResponse {
                size_bytes,
                chunk,
                warnings,
            })
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(messages))))
    }

    async fn import_model(
        &self,
        request: Request<Streaming<proto::ImportModelRequest>>,
    ) -> Result<Response<proto::ImportModelResponse>, Status> {
        let limit = UploadLimit {
            what: "model",
            bytes: self.limits.max_model_bytes,
            message: self.limits.max_message_bytes,
            pause: self.upload_pause,
        };
        let mut upload = Upload::new(request.into_inner(), limit);
        let metadata = upload.metadata().await?;
        check_display_name(&metadata.display_name)?;
        let request_id = request_id(&metadata.request_id, "metadata.request_id")?;
        let mut held = self.memory.nothing();
        let data = upload.data(&mut held).await?;
        // Its numbers, and the file that is written of them.
        held.resize(3 * data.len() as u64).await?;
        let turn = self.turns.take(held.bytes() <= SMALL).await?;
        let models = self.models.clone();
        let model = run_blocking(move |_| {
            let _turn = turn;
            let mut model = Model::from_bytes(&data)?;
            if !metadata.display_name.is_empty() {
                model.training.name = metadata.display_name;
            }
            let added = models.import(&model, request_id);
            drop(held);
            added
        })
        .await?;
        Ok(Response::new(proto::ImportModelResponse {
            model: Some(model),
        }))
    }
}
