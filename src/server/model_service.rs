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
use super::mesh_data::check_display_name;
use super::meshes::Meshes;
use super::models::Models;
use super::proto;
use super::proto::model_service_server::ModelService;
use super::resource_name::{Collection, request_id};
use super::settings::Limits;
use super::upload::{Upload, UploadLimit};
use crate::export::{ExportFormat, UnknownFormat, export};
use crate::field::Model;

/// Lists, hands out and takes in model files.
pub(super) struct ModelCalls {
    pub(super) models: Arc<Models>,
    /// For its memory budget: uploads of models count like those of meshes.
    pub(super) meshes: Arc<Meshes>,
    pub(super) limits: Arc<Limits>,
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
        let (file, warnings) = run_blocking(move |_| match format {
            None => Ok((models.file(&id)?, Vec::new())),
            Some(format) => {
                let exported = export(&Model::from_bytes(&models.file(&id)?)?, format)?;
                Ok((Bytes::from(exported.bytes), exported.warnings))
            }
        })
        .await?;
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
        let mut held = self.meshes.share();
        let data = upload.data(&mut held).await?;
        let models = self.models.clone();
        let model = run_blocking(move |_| {
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
