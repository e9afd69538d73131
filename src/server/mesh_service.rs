//! `overfit.v1.MeshService`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use super::blocking::run_blocking;
use super::closest::{ClosestSource, answer};
use super::error::ApiError;
use super::memory::{Charge, Memory};
use super::mesh_data::{check_metadata, decode, raw_length};
use super::meshes::{Meshes, UploadId};
use super::message_memory::InFlight;
use super::proto::mesh_service_server::MeshService;
use super::proto::{self, MeshMetadata};
use super::resource_name::{Collection, request_id};
use super::settings::Limits;
use super::turns::Turns;
use super::upload::{Upload, UploadLimit};

/// Most bytes of an upload that is read without standing behind larger ones.
const SMALL: usize = 1 << 20;

/// Takes meshes in and says what is wrong with them.
pub(super) struct MeshCalls {
    pub(super) meshes: Arc<Meshes>,
    pub(super) memory: Memory,
    pub(super) limits: Arc<Limits>,
    /// Uploads are read as many at once as there are processors.
    pub(super) turns: Turns,
    /// How long an upload may send nothing.
    pub(super) upload_pause: Duration,
}

impl MeshCalls {
    async fn add(
        &self,
        metadata: MeshMetadata,
        data: impl AsRef<[u8]> + Send + 'static,
        mut held: Charge,
    ) -> Result<proto::Mesh, ApiError> {
        let meshes = self.meshes.clone();
        let largest = self.limits.max_decoded_mesh_bytes;
        let turn = self.turns.take(data.as_ref().len() <= SMALL).await?;
        run_blocking(move |cancel| {
            let _turn = turn;
            let upload = upload_id(&metadata, data.as_ref())?;
            if let Some(upload) = &upload
                && let Some(mesh) = meshes.of_upload(upload)?
            {
                return Ok(mesh);
            }
            let (mesh, cleanup) = decode(&metadata, data.as_ref(), largest, &mut held, cancel)?;
            // Freed before the report takes memory of its own.
            drop(data);
            if cancel.is_cancelled() {
                return Err(ApiError::Cancelled);
            }
            let name = &metadata.display_name;
            meshes.add(upload, name, mesh, &cleanup, held, cancel)
        })
        .await
    }

    /// Refuses an upload whose counts say already that it is too large.
    fn check_announced(&self, metadata: &MeshMetadata) -> Result<(), ApiError> {
        check_metadata(metadata)?;
        request_id(&metadata.request_id, "metadata.request_id")?;
        match raw_length(metadata)? {
            Some(length) if length > self.limits.max_mesh_bytes => Err(ApiError::TooLarge {
                what: "mesh",
                limit: self.limits.max_mesh_bytes,
            }),
            _ => Ok(()),
        }
    }
}

/// What tells an upload from others, where the client gave it an id.
fn upload_id(metadata: &MeshMetadata, data: &[u8]) -> Result<Option<UploadId>, ApiError> {
    let Some(id) = request_id(&metadata.request_id, "metadata.request_id")? else {
        return Ok(None);
    };
    let mut hasher = DefaultHasher::new();
    metadata.encode_to_vec().hash(&mut hasher);
    data.hash(&mut hasher);
    let digest = hasher.finish();
    Ok(Some(UploadId { id, digest }))
}

#[tonic::async_trait]
impl MeshService for MeshCalls {
    type FindClosestStream = ReceiverStream<Result<proto::FindClosestResponse, Status>>;

    async fn upload_mesh(
        &self,
        request: Request<Streaming<proto::UploadMeshRequest>>,
    ) -> Result<Response<proto::UploadMeshResponse>, Status> {
        let limit = UploadLimit {
            what: "mesh",
            bytes: self.limits.max_mesh_bytes,
            message: self.limits.max_message_bytes,
            pause: self.upload_pause,
        };
        let mut upload = Upload::new(request.into_inner(), limit);
        let metadata = upload.metadata().await?;
        self.check_announced(&metadata)?;
        if let Some(length) = raw_length(&metadata)? {
            upload.announce(length);
        }
        let mut held = self.memory.nothing();
        let data = upload.data(&mut held).await?;
        let mesh = self.add(metadata, data, held).await?;
        Ok(Response::new(proto::UploadMeshResponse {
            mesh: Some(mesh),
        }))
    }

    async fn create_mesh(
        &self,
        request: Request<proto::CreateMeshRequest>,
    ) -> Result<Response<proto::CreateMeshResponse>, Status> {
        let proto::CreateMeshRequest { metadata, data } = request.into_inner();
        let metadata =
            metadata.ok_or_else(|| ApiError::field("metadata", "metadata is not set"))?;
        self.check_announced(&metadata)?;
        let mesh = self.add(metadata, data, self.memory.nothing()).await?;
        Ok(Response::new(proto::CreateMeshResponse {
            mesh: Some(mesh),
        }))
    }

    async fn get_mesh(
        &self,
        request: Request<proto::GetMeshRequest>,
    ) -> Result<Response<proto::GetMeshResponse>, Status> {
        let name = request.into_inner().name;
        let (mesh, _) = self.meshes.get(Collection::Meshes.id(&name, "name")?)?;
        Ok(Response::new(proto::GetMeshResponse { mesh: Some(mesh) }))
    }

    async fn list_meshes(
        &self,
        request: Request<proto::ListMeshesRequest>,
    ) -> Result<Response<proto::ListMeshesResponse>, Status> {
        let proto::ListMeshesRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let (meshes, next_page_token) = self.meshes.list(page_size, &page_token)?;
        Ok(Response::new(proto::ListMeshesResponse {
            meshes,
            next_page_token,
        }))
    }

    async fn find_closest(
        &self,
        request: Request<Streaming<proto::FindClosestRequest>>,
    ) -> Result<Response<Self::FindClosestStream>, Status> {
        let in_flight = InFlight::of(&request);
        let source = ClosestSource {
            meshes: self.meshes.clone(),
            memory: self.memory.clone(),
            turns: self.turns.clone(),
            max_points: self.limits.max_points,
        };
        let requests = request.into_inner();
        // One answer waits while the next is made.
        let (answers, receiver) = mpsc::channel(1);
        let answering = async move { answer(requests, answers, &source, &in_flight).await };
        tokio::spawn(answering.in_current_span());
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn delete_mesh(
        &self,
        request: Request<proto::DeleteMeshRequest>,
    ) -> Result<Response<proto::DeleteMeshResponse>, Status> {
        let name = request.into_inner().name;
        self.meshes.delete(Collection::Meshes.id(&name, "name")?)?;
        Ok(Response::new(proto::DeleteMeshResponse {}))
    }
}
