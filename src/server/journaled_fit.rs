//! A fit that runs, and whose state is written down now and then.

use std::time::{Duration, Instant};

use super::fit::Fit;
use super::journal::Journal;
use crate::field::Model;
use crate::train::{Checkpoint, Observer, Progress};

/// What training tells a fit, with its checkpoints on the way to the journal.
pub(super) struct JournaledFit<'a> {
    fit: &'a Fit,
    journal: &'a Journal,
    interval: Duration,
    began: Instant,
    /// When training is to end, from its beginning on.
    most: Duration,
    /// When the last was written, or training began.
    written: Option<Instant>,
    /// The last could not be written.
    failed: bool,
}

impl<'a> JournaledFit<'a> {
    /// Writes a checkpoint each `interval`, and ends training after `most`.
    pub(super) fn new(
        fit: &'a Fit,
        journal: &'a Journal,
        interval: Duration,
        most: Duration,
    ) -> Self {
        Self {
            fit,
            journal,
            interval,
            began: Instant::now(),
            most,
            written: None,
            failed: false,
        }
    }

    /// Whether the fit has taken as long as it may.
    pub(super) fn is_overdue(&self) -> bool {
        self.began.elapsed() >= self.most
    }
}

impl Observer for JournaledFit<'_> {
    fn progress(&mut self, progress: Progress) {
        Observer::progress(&mut self.fit, progress);
    }

    fn thickness(&mut self, thickness: f64) {
        Observer::thickness(&mut self.fit, thickness);
    }

    fn wants_snapshot(&self, step: u64) -> bool {
        Observer::wants_snapshot(&self.fit, step)
    }

    fn snapshot(&mut self, model: Model) {
        Observer::snapshot(&mut self.fit, model);
    }

    fn wants_checkpoint(&mut self, is_last: bool) -> bool {
        match is_last {
            // A fit that is cancelled does not go on, one that is suspended does.
            true => self.fit.is_suspended(),
            false => self.written.get_or_insert_with(Instant::now).elapsed() >= self.interval,
        }
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint) {
        match self.journal.checkpoint(&self.fit.id, &checkpoint) {
            Ok(()) => self.failed = false,
            Err(error) if !self.failed => {
                tracing::warn!(%error, "a checkpoint is not on disk");
                self.failed = true;
            }
            Err(_) => {}
        }
        self.written = Some(Instant::now());
    }

    fn wants_end(&self, step: u64) -> bool {
        self.is_overdue() || Observer::wants_end(&self.fit, step)
    }
}
