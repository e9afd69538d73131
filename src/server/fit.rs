//! One fit: what is known about it, what clients want of it, and what its training tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use tokio::sync::watch;

use super::error::ApiError;
use super::page::Place;
use super::proto::{self, FitState};
use super::resource_name::Collection;
use crate::CancelToken;
use crate::field::Model;
use crate::train::{Observer, Progress};

/// A fit. Its state is kept as the message that clients get, in a slot of which watchers see the newest value only.
pub(super) struct Fit {
    pub(super) id: String,
    pub(super) place: Place,
    pub(super) state: watch::Sender<proto::Fit>,
    pub(super) cancel: CancelToken,
    /// Training shall end and its best state be kept.
    finish: AtomicBool,
    /// The first step at which somebody wants a snapshot; [`NOBODY`] while nobody does.
    snapshot_at: AtomicU64,
    /// The newest snapshot; none before the first one and after the end.
    snapshot: watch::Sender<Option<Arc<Model>>>,
    suspension: watch::Sender<Suspension>,
}

/// Whether a fit is left to the next daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suspension {
    No,
    /// As soon as its training has handed over its state.
    Wanted,
    Done,
}

/// No step ever has this number.
const NOBODY: u64 = u64::MAX;

impl Fit {
    /// A fit that begins its life with this state.
    pub(super) fn new(id: String, place: Place, state: proto::Fit) -> Self {
        Self {
            id,
            place,
            state: watch::Sender::new(state),
            cancel: CancelToken::new(),
            finish: AtomicBool::new(false),
            snapshot_at: AtomicU64::new(NOBODY),
            snapshot: watch::Sender::new(None),
            suspension: watch::Sender::new(Suspension::No),
        }
    }

    /// A fit of an earlier daemon.
    pub(super) fn restored(mut state: proto::Fit) -> Self {
        let id = Collection::Fits.id(&state.name, "name");
        let id = id.unwrap_or_default().to_owned();
        let created = state.create_time.unwrap_or_default();
        let created = SystemTime::try_from(created).unwrap_or(SystemTime::UNIX_EPOCH);
        // Beyond whatever its watchers have seen: it never changed a million times a second.
        let age = created.elapsed().unwrap_or_default().as_micros();
        state.sequence += u64::try_from(age).unwrap_or(0);
        Self::new(id.clone(), Place::new(created, &id), state)
    }

    pub(super) fn now(&self) -> proto::Fit {
        self.state.borrow().clone()
    }

    pub(super) fn has_ended(&self) -> bool {
        has_ended(&self.state.borrow())
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut proto::Fit)) {
        self.state.send_modify(|message| {
            change(message);
            message.sequence += 1;
        });
    }

    /// Its last state; only progress that came meanwhile is kept.
    pub(super) fn end(&self, last: proto::Fit) {
        self.update(|message| {
            let (progress, sequence) = (message.progress.take(), message.sequence);
            *message = proto::Fit {
                progress,
                sequence,
                ..last
            };
        });
        self.snapshot.send_replace(None);
    }

    /// Stops it for good.
    pub(super) fn cancel(&self) {
        self.suspension.send_if_modified(|suspension| {
            let unwanted = *suspension == Suspension::Wanted;
            if unwanted {
                *suspension = Suspension::No;
            }
            unwanted
        });
        self.cancel.cancel();
    }

    /// Stops it, for the next daemon to go on with; one that is being cancelled already stays so.
    pub(super) fn suspend(&self) {
        if !self.cancel.is_cancelled() {
            self.suspension.send_replace(Suspension::Wanted);
        }
        self.cancel.cancel();
    }

    /// Whether its state is to be kept where it is.
    pub(super) fn is_suspended(&self) -> bool {
        *self.suspension.borrow() != Suspension::No
    }

    /// Whether nothing more happens to it here.
    pub(super) fn is_left(&self) -> bool {
        *self.suspension.borrow() == Suspension::Done
    }

    /// Nothing more happens to it here: its watchers are sent away.
    pub(super) fn leave(&self) {
        self.suspension.send_replace(Suspension::Done);
    }

    /// Completes when nothing more happens to it here, though it has not ended.
    pub(super) fn left(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut suspension = self.suspension.subscribe();
        async move {
            let done = suspension.wait_for(|suspension| *suspension == Suspension::Done);
            if done.await.is_err() {
                // Forgotten, after it has ended.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Makes training end at its next step, or at its first one.
    ///
    /// # Errors
    /// [`ApiError::FitNotRunning`] while it waits in the queue.
    pub(super) fn finish(&self) -> Result<(), ApiError> {
        if self.state.borrow().state() == FitState::Queued {
            return Err(ApiError::FitNotRunning {
                id: self.id.clone(),
            });
        }
        self.finish.store(true, Ordering::Release);
        Ok(())
    }

    /// The state of training at its next step, or at the first one after `after_step`. Waits for it.
    ///
    /// # Errors
    /// [`ApiError::FitEnded`] if the fit ends before, [`ApiError::ShuttingDown`] if the daemon does.
    pub(super) async fn snapshot(&self, after_step: u64) -> Result<Arc<Model>, ApiError> {
        let mut snapshots = self.snapshot.subscribe();
        let mut states = self.state.subscribe();
        loop {
            let wanted = after_step.saturating_add(1);
            self.snapshot_at.fetch_min(wanted, Ordering::AcqRel);
            // Neither sender goes away while `self` is here.
            tokio::select! {
                biased;
                _ = snapshots.changed() => {}
                () = self.left() => return Err(ApiError::ShuttingDown),
                ended = states.wait_for(has_ended) => {
                    let model = ended.map(|fit| fit.model.clone()).unwrap_or_default();
                    return Err(ApiError::FitEnded { id: self.id.clone(), model });
                }
            }
            let newest = snapshots.borrow_and_update().clone();
            if let Some(model) = newest.filter(|model| model.training.steps > after_step) {
                return Ok(model);
            }
        }
    }
}

/// What training tells a fit and asks of it.
impl Observer for &Fit {
    fn progress(&mut self, progress: Progress) {
        self.update(|message| message.progress = Some((&progress).into()));
    }

    fn thickness(&mut self, thickness: f64) {
        self.update(|message| message.thickness = Some(thickness));
    }

    fn wants_snapshot(&self, step: u64) -> bool {
        step >= self.snapshot_at.load(Ordering::Relaxed)
    }

    fn snapshot(&mut self, model: Model) {
        // Before the snapshot is shown: whoever asks from here on gets the next one.
        self.snapshot_at.store(NOBODY, Ordering::Release);
        self.snapshot.send_replace(Some(Arc::new(model)));
    }

    fn wants_end(&self, _: u64) -> bool {
        self.finish.load(Ordering::Relaxed)
    }
}

/// Whether nothing will change about a fit any more.
pub(super) fn has_ended(fit: &proto::Fit) -> bool {
    match fit.state() {
        FitState::Unspecified | FitState::Queued | FitState::Running => false,
        FitState::Succeeded | FitState::Failed | FitState::Cancelled => true,
    }
}
