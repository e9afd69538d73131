//! One fit's turn: what it goes on with, its training, its model, and its end in the journal.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, SystemTime};

use super::activity::Activity;
use super::combinations::Combinations;
use super::error::ApiError;
use super::expression::expression;
use super::fit::{Fit, has_ended};
use super::journal::{Journal, Work};
use super::journaled_fit::JournaledFit;
use super::meshes::{HeldMesh, Meshes};
use super::models::Models;
use super::proto::{self, FitState};
use crate::CancelToken;
use crate::extract::ExtractError;
use crate::field::{Model, ModelError};
use crate::geometry::Mesh;
use crate::query::{LoadedModel, SurfaceError};
use crate::train::{Checkpoint, FitError, FitSettings, Observer, fit_to};

/// What a fit runs: mesh, name, settings, the state that it goes on from, cancel token, observer.
/// [`train::fit_from`](crate::train::fit_from), or in tests something that takes as long and fails as they wish.
pub type FitFunction = dyn Fn(
        &Mesh,
        &str,
        &FitSettings,
        Option<Checkpoint>,
        &CancelToken,
        &mut dyn Observer,
    ) -> Result<Model, FitError>
    + Send
    + Sync;

/// How the warning begins of a model that is not on disk.
const UNSAVED: &str = "The model is in the daemon's memory only";

/// A fit that is asked for.
pub(super) struct Order {
    /// The mesh's name; empty where an expression is fitted.
    pub(super) mesh_name: String,
    /// The mesh itself: deleting it does not hurt the fit. `None` for a fit of an earlier daemon, whose mesh is in the journal.
    pub(super) mesh: Option<Arc<HeldMesh>>,
    /// What becomes one new model, where it is an expression.
    pub(super) expression: Option<proto::Expression>,
    /// The name of the model that comes out.
    pub(super) display_name: String,
    /// The settings as the client sent them.
    pub(super) asked: proto::FitSettings,
    /// The settings.
    pub(super) settings: FitSettings,
    /// The id that the client gave its request, and the fit's then.
    pub(super) request_id: Option<String>,
    /// The connection that asked for it, if that is known: connections take turns.
    pub(super) client: Option<SocketAddr>,
}

/// Runs the fits of a daemon.
pub(super) struct FitRunner {
    pub(super) activity: Activity,
    pub(super) function: Arc<FitFunction>,
    pub(super) meshes: Arc<Meshes>,
    pub(super) models: Arc<Models>,
    pub(super) combinations: Arc<Combinations>,
    pub(super) journal: Journal,
    /// Bytes that extracting the surface of an expression may take.
    pub(super) memory_limit: u64,
    /// Time between two checkpoints of a fit.
    pub(super) checkpoint_interval: Duration,
    /// The longest that a fit may take.
    pub(super) most_time: Duration,
}

/// What comes of a fit.
struct Kept {
    /// In memory, if not on disk.
    model: proto::Model,
    /// What the user should know about it.
    warnings: Vec<String>,
    /// Why it is not on disk.
    unsaved: Option<ModelError>,
}

/// Whether a fit has ended with a model that is in memory only.
pub(super) fn is_unsaved(fit: &Fit) -> bool {
    let message = fit.state.borrow();
    let mut warnings = message.warnings.iter();
    has_ended(&message) && warnings.any(|words| words.starts_with(UNSAVED))
}

impl FitRunner {
    /// The end of a fit, which is written down before it is told.
    fn end(&self, fit: &Fit, change: impl FnOnce(&mut proto::Fit)) {
        let mut message = fit.now();
        change(&mut message);
        message.end_time.get_or_insert(SystemTime::now().into());
        if let Err(error) = self.journal.end(&message) {
            tracing::warn!(name = message.name, %error, "the end of a fit is not on disk");
        }
        fit.end(message);
    }

    /// The end of a fit that nobody wants.
    pub(super) fn end_cancelled(&self, fit: &Fit) {
        tracing::info!(fit = fit.id, "cancelled");
        self.end(fit, |message| message.state = FitState::Cancelled.into());
    }

    /// Leaves a fit to the next daemon, if that will find it.
    pub(super) fn leave(&self, fit: &Fit) {
        match self.journal.leave(&fit.id) {
            Ok(true) => {
                tracing::info!(fit = fit.id, "goes on when the daemon starts again");
                fit.leave();
            }
            Ok(false) => self.end_cancelled(fit),
            Err(error) => {
                tracing::warn!(fit = fit.id, %error, "not sure to go on when the daemon starts again");
                fit.leave();
            }
        }
    }

    /// Runs a fit to its end, or to that of the daemon.
    pub(super) fn run(&self, fit: &Fit, order: &Order) {
        let name = fit.now().name;
        let span = tracing::info_span!("fit", name, mesh = order.mesh_name, preset = %order.settings.preset);
        let _entered = span.enter();
        // Whatever panics in a fit ends this fit and nothing else.
        let work = || catch_unwind(AssertUnwindSafe(|| self.fit_and_keep(fit, order)));
        let (outcome, is_overdue) = self.watched(fit, work);
        let error = match outcome {
            Ok(Ok(kept)) => return self.succeed(fit, kept),
            Ok(Err(ApiError::Fit(FitError::Cancelled))) if fit.is_suspended() => {
                return self.leave(fit);
            }
            Ok(Err(ApiError::Fit(FitError::Cancelled))) if is_overdue => ApiError::FitTooLong {
                seconds: self.most_time.as_secs_f64(),
            },
            Ok(Err(ApiError::Fit(FitError::Cancelled))) => return self.end_cancelled(fit),
            Ok(Err(error)) => error,
            Err(panic) => ApiError::of_panic(panic),
        };
        tracing::warn!(%error, "failed");
        self.end(fit, |message| {
            message.state = FitState::Failed.into();
            message.error = Some(proto::FitError {
                reason: error.reason().to_owned(),
                message: error.to_string(),
            });
        });
    }

    /// Does the work of a fit. Training ends by itself after the time that a fit may take ([`JournaledFit`]); one that is not even at its end a
    /// quarter of that later is cancelled, which is told beside the outcome.
    fn watched<T>(&self, fit: &Fit, work: impl FnOnce() -> T) -> (T, bool) {
        let (ends, ended) = channel::<()>();
        let most = self.most_time + self.most_time / 4;
        thread::scope(|scope| {
            let watch = scope.spawn(move || {
                let is_overdue = ended.recv_timeout(most) == Err(RecvTimeoutError::Timeout);
                if is_overdue {
                    fit.cancel.cancel();
                }
                is_overdue
            });
            let outcome = work();
            drop(ends);
            (outcome, watch.join().unwrap_or(false))
        })
    }

    fn succeed(&self, fit: &Fit, kept: Kept) {
        let Kept {
            model,
            mut warnings,
            unsaved,
        } = kept;
        tracing::info!(model = model.name, "succeeded");
        let is_saved = unsaved.is_none();
        if let Some(error) = unsaved {
            tracing::warn!(%error, "the model is not on disk");
            warnings.push(format!(
                "{UNSAVED}, and gone when it stops: {error}. It is tried again every few seconds: make room, or export it."
            ));
        }
        let change = |message: &mut proto::Fit| {
            message.state = FitState::Succeeded.into();
            message.model = model.name;
            message.metrics = model.metrics;
            message.warnings = warnings;
        };
        if is_saved {
            return self.end(fit, change);
        }
        // Not written down as its end: should the daemon end before the model is saved, the next one makes it again from the last checkpoint.
        let mut message = fit.now();
        change(&mut message);
        message.end_time = Some(SystemTime::now().into());
        fit.end(message);
    }

    /// The model of a fit that has ended is not in memory alone any more: it is on the disk, or was deleted.
    pub(super) fn settle(&self, fit: &Fit) {
        let is_there = self.models.get(&fit.id).is_ok();
        self.end(fit, |message| {
            message.warnings.retain(|words| !words.starts_with(UNSAVED));
            if is_there {
                let words = "The model could not be written at first; it is on the disk now.";
                message.warnings.push(words.to_owned());
            }
        });
    }

    /// The mesh of a fit, if it is kept anywhere, and the state that it goes on from.
    fn work(
        &self,
        fit: &Fit,
        order: &Order,
    ) -> Result<(Option<Arc<HeldMesh>>, Option<Checkpoint>), ApiError> {
        if let Some(mesh) = &order.mesh {
            return Ok((Some(mesh.clone()), None));
        }
        let Work { mesh, checkpoint } = (self.journal.work(&fit.id)).map_err(ApiError::FitLost)?;
        Ok((mesh.map(|mesh| self.meshes.hold(mesh)), checkpoint))
    }

    /// The field of an expression, and its surface: the same bits each time.
    fn surface(
        &self,
        fit: &Fit,
        asked: &proto::Expression,
    ) -> Result<(LoadedModel, Arc<HeldMesh>), ApiError> {
        let field = self.combinations.combined(&expression(asked)?)?;
        let limit = self.memory_limit;
        let surface = field.surface_to_fit(limit, &fit.cancel, &mut |_| {});
        let (mesh, _) = surface.map_err(|error| match error {
            SurfaceError::Extract(ExtractError::Cancelled) => FitError::Cancelled.into(),
            SurfaceError::Extract(error) => ApiError::from(error),
            SurfaceError::Mesh(error) => error.into(),
        })?;
        Ok((field, self.meshes.hold(mesh)))
    }

    /// Fits, and keeps the model.
    fn fit_and_keep(&self, fit: &Fit, order: &Order) -> Result<Kept, ApiError> {
        let Self {
            function,
            models,
            journal,
            checkpoint_interval,
            ..
        } = self;
        let (mesh, checkpoint) = self.work(fit, order)?;
        let step = checkpoint.as_ref().map(Checkpoint::step);
        tracing::info!(step, "started");
        if let Err(error) = journal.count_start(&fit.id) {
            tracing::warn!(%error, "the start is not on disk");
        }
        let (field, mesh) = match (&order.expression, mesh) {
            (Some(asked), _) => {
                let (field, mesh) = self.surface(fit, asked)?;
                (Some(field), mesh)
            }
            (None, Some(mesh)) => (None, mesh),
            (None, None) => return Err(ApiError::FitLost("its mesh is gone".to_owned())),
        };
        let mut observer = JournaledFit::new(fit, journal, *checkpoint_interval, self.most_time);
        let mut fitted = |checkpoint| {
            let (mesh, name, settings) = (&mesh.mesh, &order.display_name, &order.settings);
            let (cancel, observer) = (&fit.cancel, &mut observer);
            match &field {
                None => function(mesh, name, settings, checkpoint, cancel, observer),
                Some(field) => {
                    let truth = Some(field.truth());
                    fit_to(mesh, truth, name, settings, checkpoint, cancel, observer)
                }
            }
        };
        let model = match fitted(checkpoint) {
            // Of another version, which has other settings.
            Err(FitError::Checkpoint(error)) => {
                tracing::warn!(%error, "begins anew");
                fitted(None)?
            }
            model => model?,
        };
        fit.update(|message| {
            let progress = message.progress.get_or_insert_default();
            progress.set_phase(proto::Phase::Save);
            progress.fraction = 1.0;
        });
        let mut warnings = model.training.warnings.clone();
        if observer.is_overdue() {
            let seconds = self.most_time.as_secs_f64();
            warnings.push(format!(
                "Training was ended early: a fit may take {seconds} s here (`overfit serve --max-fit-seconds`)"
            ));
        }
        let (model, unsaved) = models.keep(&fit.id, model);
        Ok(Kept {
            model,
            warnings,
            unsaved,
        })
    }
}
