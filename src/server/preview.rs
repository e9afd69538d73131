//! Previews: the surface of a field that is still in training.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;

use super::blocking::run_blocking;
use super::error::ApiError;
use super::extraction::{Messages, surface_chunks, surface_of};
use super::fit::Fit;
use super::memory::{Charge, Memory};
use super::message_memory::InFlight;
use super::proto::{self, preview_fit_response::Part};
use crate::CancelToken;
use crate::extract::{ExtractError, Resolution, Surface, SurfaceSettings};
use crate::field::{Engine, Model};
use crate::query::LoadedModel;

/// Previews that are made at once; more wait. They are small, and stay apart from extractions, of which one may take minutes.
const AT_ONCE: usize = 2;

/// What a preview takes at first: the model as it is by then, and a surface of the usual fineness.
const BYTES: u64 = 8 << 20;

/// Cells along the longest side, where a request does not say.
const RESOLUTION: u32 = 64;

/// Cells that may be asked for: beyond, the surface takes longer than it is new.
const RESOLUTIONS: std::ops::RangeInclusive<u32> = 8..=256;

/// Makes previews.
pub(super) struct Previews {
    /// The processor's: a card is busy with training, and a field that was trained on it runs here, too.
    engine: Arc<dyn Engine>,
    memory: Memory,
    turns: Arc<Semaphore>,
    settings: SurfaceSettings,
}

impl Previews {
    /// Previews that take at most `memory_limit` bytes each.
    pub(super) fn new(engine: Arc<dyn Engine>, memory: Memory, memory_limit: u64) -> Self {
        Self {
            engine,
            memory,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            settings: SurfaceSettings {
                normals: true,
                memory_limit,
                ..Default::default()
            },
        }
    }

    /// The surface of the first state after `after_step` that training has from now on.
    ///
    /// # Errors
    /// [`ApiError::Field`] for a wrong resolution, [`ApiError::FitEnded`], or what extraction says.
    pub(super) async fn of(
        &self,
        fit: &Fit,
        resolution: u32,
        after_step: u64,
        in_flight: &InFlight,
    ) -> Result<Messages<proto::PreviewFitResponse>, ApiError> {
        let resolution = cells(resolution)?;
        // No turn is held while the fit waits itself.
        let snapshot = fit.snapshot(after_step).await?;
        let turn = self.turns.clone().acquire_owned().await;
        let turn = turn.map_err(|_| ApiError::ShuttingDown)?;
        let mut charge = self.memory.charge(BYTES).await?;
        let (engine, settings) = (self.engine.clone(), self.settings);
        let work = run_blocking(move |cancel| {
            // Held until the work has ended, also if the client is gone before.
            let _turn = turn;
            let messages = messages(
                snapshot,
                &*engine,
                resolution,
                &settings,
                &mut charge,
                cancel,
            )?;
            Ok((messages, charge))
        });
        let (messages, charge) = work.await?;
        in_flight.hold(charge);
        Ok(messages)
    }
}

fn cells(asked: u32) -> Result<Resolution, ApiError> {
    match asked {
        0 => Ok(Resolution::Cells(RESOLUTION)),
        cells if RESOLUTIONS.contains(&cells) => Ok(Resolution::Cells(cells)),
        cells => {
            let (least, most) = (RESOLUTIONS.start(), RESOLUTIONS.end());
            let message = format!(
                "resolution is {cells}: a preview has {least} to {most} cells along its longest side (0 takes {RESOLUTION})"
            );
            Err(ApiError::field("resolution", message))
        }
    }
}

fn messages(
    snapshot: Arc<Model>,
    engine: &dyn Engine,
    resolution: Resolution,
    settings: &SurfaceSettings,
    charge: &mut Charge,
    cancel: &CancelToken,
) -> Result<Messages<proto::PreviewFitResponse>, ApiError> {
    let start = Instant::now();
    let step = snapshot.training.steps;
    let model = LoadedModel::new(snapshot, engine);
    let surface = match surface_of(&model, resolution, settings, charge, cancel) {
        // Training has only begun: an error would end the preview of a fit that will have a surface soon.
        Err(ApiError::Extract(ExtractError::NoSurface { .. })) => Surface::default(),
        surface => surface?,
    };
    let header = proto::PreviewFitHeader {
        vertex_count: surface.positions.len() as u64,
        triangle_count: surface.triangles.len() as u64,
        step,
        seconds: start.elapsed().as_secs_f64(),
    };
    let parts =
        std::iter::once(Part::Header(header)).chain(surface_chunks(surface).map(Part::Chunk));
    let messages = parts.map(|part| Ok(proto::PreviewFitResponse { part: Some(part) }));
    Ok(Box::pin(tokio_stream::iter(messages)))
}
