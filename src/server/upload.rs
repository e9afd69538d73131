//! Client streams of a metadata message and chunks, gathered within a limit.

use std::time::Duration;

use prost::bytes::Bytes;
use tonic::{Code, Status, Streaming};

use super::error::ApiError;
use super::memory::Charge;
use super::proto;

/// One message of an upload.
pub(super) enum Part<M> {
    /// The first.
    Metadata(M),
    /// Any other.
    Chunk(Bytes),
}

/// A request that is a part of an upload.
pub(super) trait UploadMessage {
    /// What comes before the chunks.
    type Metadata;

    /// What it holds; `None` for an empty message.
    fn into_part(self) -> Option<Part<Self::Metadata>>;
}

impl UploadMessage for proto::UploadMeshRequest {
    type Metadata = proto::MeshMetadata;

    fn into_part(self) -> Option<Part<Self::Metadata>> {
        self.part.map(|part| match part {
            proto::upload_mesh_request::Part::Metadata(metadata) => Part::Metadata(metadata),
            proto::upload_mesh_request::Part::Chunk(chunk) => Part::Chunk(chunk),
        })
    }
}

impl UploadMessage for proto::ImportModelRequest {
    type Metadata = proto::ImportModelMetadata;

    fn into_part(self) -> Option<Part<Self::Metadata>> {
        self.part.map(|part| match part {
            proto::import_model_request::Part::Metadata(metadata) => Part::Metadata(metadata),
            proto::import_model_request::Part::Chunk(chunk) => Part::Chunk(chunk),
        })
    }
}

/// How much an upload may hold.
pub(super) struct UploadLimit {
    /// What is uploaded, in words.
    pub(super) what: &'static str,
    /// Most bytes of this upload.
    pub(super) bytes: u64,
    /// Most bytes of one message.
    pub(super) message: usize,
    /// How long nothing may come.
    pub(super) pause: Duration,
}

/// An upload on its way.
pub(super) struct Upload<R> {
    stream: Streaming<R>,
    limit: UploadLimit,
    /// What the metadata says that the data has, where it does.
    announced: Option<u64>,
}

impl<R: UploadMessage> Upload<R> {
    /// Takes the stream of a call.
    pub(super) fn new(stream: Streaming<R>, limit: UploadLimit) -> Self {
        Self {
            stream,
            limit,
            announced: None,
        }
    }

    /// From here on, data beyond `length` is refused as soon as it comes.
    pub(super) fn announce(&mut self, length: u64) {
        self.announced = Some(length);
    }

    /// The metadata: the first message.
    ///
    /// # Errors
    /// Fails if the first message is something else, or there is none.
    pub(super) async fn metadata(&mut self) -> Result<R::Metadata, ApiError> {
        match self.next().await? {
            Some(Part::Metadata(metadata)) => Ok(metadata),
            Some(Part::Chunk(_)) => Err(ApiError::StreamOrder(
                "the first message of an upload must be its metadata",
            )),
            None => Err(ApiError::StreamOrder(
                "the upload is empty: send its metadata, then its data in chunks",
            )),
        }
    }

    /// The data: all further messages. `held` grows with them and gives everything back if the upload fails; what lies
    /// beyond the limit is never kept.
    ///
    /// # Errors
    /// Fails on data beyond the limit, if there is no room for it, on metadata in the middle, and if the client breaks off or stalls.
    pub(super) async fn data(mut self, held: &mut Charge) -> Result<Vec<u8>, ApiError> {
        let mut data = Vec::new();
        while let Some(part) = self.next().await? {
            let Part::Chunk(chunk) = part else {
                return Err(ApiError::StreamOrder(
                    "an upload has one metadata message, the first",
                ));
            };
            let length = data.len() as u64 + chunk.len() as u64;
            if length > self.limit.bytes {
                return Err(ApiError::TooLarge {
                    what: self.limit.what,
                    limit: self.limit.bytes,
                });
            }
            if let Some(announced) = self.announced.filter(|&announced| length > announced) {
                let message = format!("the metadata announced {announced} bytes, but more came");
                return Err(ApiError::field("chunk", message));
            }
            if length > data.capacity() as u64 {
                let most = self.announced.unwrap_or(self.limit.bytes);
                let room = (2 * data.capacity() as u64).clamp(length, most);
                held.resize(room).await?;
                let more = usize::try_from(room).unwrap_or(usize::MAX) - data.len();
                let made = data.try_reserve_exact(more);
                made.map_err(|_| held.refusal(room))?;
            }
            data.extend_from_slice(&chunk);
        }
        Ok(data)
    }

    async fn next(&mut self) -> Result<Option<Part<R::Metadata>>, ApiError> {
        loop {
            let message = tokio::time::timeout(self.limit.pause, self.stream.message()).await;
            let message = message.map_err(|_| ApiError::Stalled {
                seconds: self.limit.pause.as_secs_f64(),
            })?;
            let message = message.map_err(|status| self.broken(status))?;
            match message.map(R::into_part) {
                // An empty chunk may arrive as a message without any part.
                Some(None) => {}
                Some(Some(part)) => return Ok(Some(part)),
                None => return Ok(None),
            }
        }
    }

    fn broken(&self, status: Status) -> ApiError {
        // Tonic's own code for a message beyond the limit; nothing else here uses it.
        if status.code() == Code::OutOfRange {
            return ApiError::MessageTooLarge {
                limit: self.limit.message,
            };
        }
        ApiError::BrokenOff(status)
    }
}
