//! The fits: a queue, threads of their own that work it off, and what is known about each.
//!
//! A fit belongs to nobody: its client may go away, others may watch. Watchers see the newest of its state only, so that
//! none of them can slow training.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::activity::{Activity, Need};
use super::error::ApiError;
use super::fit::Fit;
use super::journal::Journal;
use super::journaled_fit::JournaledFit;
use super::meshes::HeldMesh;
use super::models::Models;
use super::page::{Place, page};
use super::proto::{self, FitState};
use super::resource_name::{Collection, new_id};
use crate::CancelToken;
use crate::field::Model;
use crate::geometry::Mesh;
use crate::train::{Checkpoint, FitError, FitSettings, Observer};

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

/// Fits that have ended and are remembered; beyond, the oldest are forgotten.
const REMEMBERED: usize = 1000;

/// All fits of a daemon.
pub(super) struct Fits(Arc<Shared>);

/// A fit that is asked for.
pub(super) struct Order {
    /// The mesh's name.
    pub(super) mesh_name: String,
    /// The mesh itself: deleting it does not hurt the fit.
    pub(super) mesh: Arc<HeldMesh>,
    /// The name of the model that comes out.
    pub(super) display_name: String,
    /// The settings as the client sent them.
    pub(super) asked: proto::FitSettings,
    /// The settings.
    pub(super) settings: FitSettings,
    /// The state that it goes on from.
    pub(super) checkpoint: Option<Checkpoint>,
}

/// What the fits of a daemon share.
pub(super) struct Resources {
    pub(super) activity: Activity,
    pub(super) function: Arc<FitFunction>,
    pub(super) models: Arc<Models>,
    pub(super) journal: Journal,
    /// Time between two checkpoints of a fit.
    pub(super) checkpoint_interval: Duration,
}

struct Shared {
    activity: Activity,
    function: Arc<FitFunction>,
    models: Arc<Models>,
    journal: Journal,
    checkpoint_interval: Duration,
    max_queued: u32,
    queue: Mutex<Queue>,
    /// Told when the queue grows or closes.
    changed: Condvar,
    /// Threads that have not ended.
    threads: watch::Sender<u32>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    all: HashMap<String, Arc<Fit>>,
    closed: bool,
    /// The daemon never came to serve: its fits are not over, and what is written about them stays.
    abandoned: bool,
}

/// A fit that waits for its turn.
struct Waiting {
    fit: Arc<Fit>,
    order: Order,
    /// Held to the end of the fit.
    need: Need,
}

impl Fits {
    /// Starts `max_running` threads that wait for fits. `before` are those of an earlier daemon, in their order.
    pub(super) fn start(
        resources: Resources,
        before: Vec<(proto::Fit, Option<Order>)>,
        max_running: u32,
        max_queued: u32,
    ) -> Self {
        let mut queue = Queue::default();
        for (message, order) in before {
            let fit = Arc::new(Fit::restored(message));
            queue.all.insert(fit.id.clone(), fit.clone());
            if let Some(order) = order {
                let need = resources.activity.need();
                queue.waiting.push_back(Waiting { fit, order, need });
            }
        }
        let Resources {
            activity,
            function,
            models,
            journal,
            checkpoint_interval,
        } = resources;
        let shared = Arc::new(Shared {
            activity,
            function,
            models,
            journal,
            checkpoint_interval,
            max_queued,
            queue: Mutex::new(queue),
            changed: Condvar::new(),
            threads: watch::Sender::new(0),
        });
        for number in 0..max_running.max(1) {
            let shared = shared.clone();
            shared.threads.send_modify(|threads| *threads += 1);
            thread::Builder::new()
                .name(format!("fit-{number}"))
                .spawn(move || {
                    shared.work();
                    shared.threads.send_modify(|threads| *threads -= 1);
                })
                .expect("the system starts a few threads");
        }
        Self(shared)
    }

    /// Puts a fit in the queue, once it is written down. Waits for the disk.
    ///
    /// # Errors
    /// [`ApiError::QueueFull`], or [`ApiError::ShuttingDown`].
    pub(super) fn create(&self, order: Order) -> Result<proto::Fit, ApiError> {
        let (id, now) = (new_id(), SystemTime::now());
        let message = proto::Fit {
            name: Collection::Fits.name(&id),
            display_name: order.display_name.clone(),
            mesh: order.mesh_name.clone(),
            settings: Some(order.asked.clone()),
            state: FitState::Queued.into(),
            create_time: Some(now.into()),
            sequence: 1,
            ..Default::default()
        };
        let fit = Arc::new(Fit::new(id.clone(), Place::new(now, &id), message.clone()));
        self.0.room(&self.0.queue())?;
        if let Err(error) = self.0.journal.begin(&message, &order.mesh.mesh) {
            tracing::warn!(name = message.name, %error, "a fit will not outlive the daemon");
        }
        let mut queue = self.0.queue();
        if let Err(error) = self.0.room(&queue) {
            // Taken meanwhile.
            self.0.journal.forget(&id);
            return Err(error);
        }
        for forgotten in queue.forget_oldest() {
            self.0.journal.forget(&forgotten);
        }
        queue.all.insert(id, fit.clone());
        let need = self.0.activity.need();
        queue.waiting.push_back(Waiting { fit, order, need });
        self.0.changed.notify_one();
        Ok(message)
    }

    /// A fit as it is now.
    ///
    /// # Errors
    /// [`ApiError::NotFound`].
    pub(super) fn get(&self, id: &str) -> Result<proto::Fit, ApiError> {
        Ok(self.0.queue().find(id)?.now())
    }

    /// The slot that holds the newest state of a fit.
    ///
    /// # Errors
    /// [`ApiError::NotFound`].
    pub(super) fn watch(&self, id: &str) -> Result<watch::Receiver<proto::Fit>, ApiError> {
        Ok(self.0.queue().find(id)?.state.subscribe())
    }

    /// A page of the list, and the token of the next.
    ///
    /// # Errors
    /// As [`page`].
    pub(super) fn list(
        &self,
        size: i32,
        token: &str,
    ) -> Result<(Vec<proto::Fit>, String), ApiError> {
        let fits: Vec<Arc<Fit>> = self.0.queue().all.values().cloned().collect();
        page(
            fits.iter()
                .map(|fit| (fit.place.clone(), fit.now()))
                .collect(),
            size,
            token,
        )
    }

    /// Stops a fit: at once if it waits, at its next look at the token if it runs. A fit that has ended stays as it is.
    ///
    /// # Errors
    /// [`ApiError::NotFound`].
    pub(super) fn cancel(&self, id: &str) -> Result<proto::Fit, ApiError> {
        let (fit, waited) = {
            let mut queue = self.0.queue();
            let fit = queue.find(id)?.clone();
            fit.cancel.cancel();
            let before = queue.waiting.len();
            (queue.waiting).retain(|waiting| !Arc::ptr_eq(&waiting.fit, &fit));
            (fit, queue.waiting.len() < before)
        };
        if waited {
            self.0
                .end(&fit, |message| message.state = FitState::Cancelled.into());
        }
        Ok(fit.now())
    }

    /// Ends the training of a fit that runs and keeps its best state. A fit that has ended stays as it is.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], or [`ApiError::FitNotRunning`] while it waits.
    pub(super) fn finish(&self, id: &str) -> Result<proto::Fit, ApiError> {
        let fit = self.find(id)?;
        fit.finish()?;
        Ok(fit.now())
    }

    /// The fit itself, which stays when it is forgotten.
    ///
    /// # Errors
    /// [`ApiError::NotFound`].
    pub(super) fn find(&self, id: &str) -> Result<Arc<Fit>, ApiError> {
        Ok(self.0.queue().find(id)?.clone())
    }

    /// Forgets a fit that has ended.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], or [`ApiError::FitNotEnded`].
    pub(super) fn delete(&self, id: &str) -> Result<(), ApiError> {
        let mut queue = self.0.queue();
        if !queue.find(id)?.has_ended() {
            return Err(ApiError::FitNotEnded { id: id.to_owned() });
        }
        queue.all.remove(id);
        self.0.journal.forget(id);
        Ok(())
    }

    /// Cancels everything and takes nothing new. The threads end soon after.
    pub(super) fn close(&self) {
        let mut queue = self.0.queue();
        queue.closed = true;
        queue.waiting.clear();
        let all: Vec<Arc<Fit>> = queue.all.values().cloned().collect();
        drop(queue);
        for fit in all {
            fit.cancel.cancel();
            let state = fit.state.borrow().state();
            if state == FitState::Queued {
                self.0
                    .end(&fit, |message| message.state = FitState::Cancelled.into());
            }
        }
        self.0.changed.notify_all();
    }

    /// Waits until every thread has ended, after [`close`](Self::close).
    pub(super) async fn ended(&self) {
        let mut threads = self.0.threads.subscribe();
        // The sender lives as long as `self`.
        let _ = threads.wait_for(|threads| *threads == 0).await;
    }
}

impl Drop for Fits {
    fn drop(&mut self) {
        {
            let mut queue = self.0.queue();
            queue.abandoned = !queue.closed;
        }
        self.close();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("no holder of this lock panics")
    }

    /// Checks that another fit is taken.
    fn room(&self, queue: &Queue) -> Result<(), ApiError> {
        if queue.closed {
            return Err(ApiError::ShuttingDown);
        }
        match queue.waiting.len() >= self.max_queued as usize {
            true => Err(ApiError::QueueFull {
                limit: self.max_queued,
            }),
            false => Ok(()),
        }
    }

    /// The end of a fit, which is written down before it is told.
    fn end(&self, fit: &Fit, change: impl FnOnce(&mut proto::Fit)) {
        let mut message = fit.now();
        change(&mut message);
        message.end_time = Some(SystemTime::now().into());
        let abandoned = self.queue().abandoned;
        if !abandoned && let Err(error) = self.journal.end(&message) {
            tracing::warn!(name = message.name, %error, "the end of a fit is not on disk");
        }
        fit.end(message);
    }

    /// What a fit thread does all its life.
    fn work(&self) {
        while let Some(Waiting { fit, order, need }) = self.next() {
            self.run(&fit, order);
            drop(need);
        }
    }

    /// Waits for a fit, which is then marked as running; `None` once the queue is closed.
    fn next(&self) -> Option<Waiting> {
        let queue = self.queue();
        let mut queue = self
            .changed
            .wait_while(queue, |queue| !queue.closed && queue.waiting.is_empty())
            .expect("no holder of this lock panics");
        let waiting = queue.waiting.pop_front()?;
        // Under the lock: whoever cancels sees it either waiting or running.
        waiting.fit.update(|message| {
            message.state = FitState::Running.into();
            message.start_time = Some(SystemTime::now().into());
            message.progress = Some(proto::Progress {
                phase: proto::Phase::Prepare.into(),
                ..Default::default()
            });
        });
        Some(waiting)
    }

    fn run(&self, fit: &Fit, mut order: Order) {
        let name = fit.now().name;
        let span = tracing::info_span!("fit", name, mesh = order.mesh_name, preset = %order.settings.preset);
        let _entered = span.enter();
        let step = order.checkpoint.as_ref().map(Checkpoint::step);
        tracing::info!(step, "started");
        if let Err(error) = self.journal.count_start(&fit.id) {
            tracing::warn!(%error, "the start is not on disk");
        }
        // Whatever panics in a fit ends this fit and nothing else.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.fit_and_keep(fit, &mut order)));
        let error = match outcome {
            Ok(Ok((model, warnings))) => {
                tracing::info!(model = model.name, "succeeded");
                self.end(fit, |message| {
                    message.state = FitState::Succeeded.into();
                    message.model = model.name;
                    message.metrics = model.metrics;
                    message.warnings = warnings;
                });
                return;
            }
            Ok(Err(FitError::Cancelled)) => {
                tracing::info!("cancelled");
                self.end(fit, |message| message.state = FitState::Cancelled.into());
                return;
            }
            Ok(Err(error)) => ApiError::Fit(error),
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

    /// The model, kept already, and what the user should know about it.
    fn fit_and_keep(
        &self,
        fit: &Fit,
        order: &mut Order,
    ) -> Result<(proto::Model, Vec<String>), FitError> {
        let mut observer = JournaledFit::new(fit, &self.journal, self.checkpoint_interval);
        let mut fitted = |checkpoint| {
            (self.function)(
                &order.mesh.mesh,
                &order.display_name,
                &order.settings,
                checkpoint,
                &fit.cancel,
                &mut observer,
            )
        };
        let model = match fitted(order.checkpoint.take()) {
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
        let (model, unsaved) = self.models.keep(&fit.id, model);
        if let Some(error) = unsaved {
            tracing::warn!(%error, "the model is not on disk");
            warnings.push(format!(
                "The model is in the daemon's memory only, and gone when it stops: {error}. Export it, or make room."
            ));
        }
        Ok((model, warnings))
    }
}

impl Queue {
    fn find(&self, id: &str) -> Result<&Arc<Fit>, ApiError> {
        self.all.get(id).ok_or_else(|| ApiError::NotFound {
            collection: Collection::Fits,
            id: id.to_owned(),
        })
    }

    /// Makes room for another. Gives the ids of those that are forgotten.
    fn forget_oldest(&mut self) -> Vec<String> {
        let ended = self.all.iter().filter(|(_, fit)| fit.has_ended());
        let mut ended: Vec<(Place, String)> = ended
            .map(|(id, fit)| (fit.place.clone(), id.clone()))
            .collect();
        ended.sort_unstable();
        ended.truncate((ended.len() + 1).saturating_sub(REMEMBERED));
        let forgotten = ended.into_iter().map(|(_, id)| id);
        forgotten.inspect(|id| drop(self.all.remove(id))).collect()
    }
}
