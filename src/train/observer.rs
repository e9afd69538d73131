//! Who looks on while a fit runs: what it is told, and what it may ask for.

use super::checkpoint::Checkpoint;
use super::progress::Progress;
use crate::field::Model;

/// Looks on while a fit runs, called on the fit's own thread. Only [`progress`](Self::progress) must be there: a closure
/// that takes a [`Progress`] is an observer that asks for nothing.
///
/// The questions are put at every step, so their answers must be cheap.
pub trait Observer {
    /// How far the fit is: at every change of phase, and about ten times a second while training.
    fn progress(&mut self, progress: Progress);

    /// What 98% of the surface is thicker than, in own units. Told once, before training; never for a field without sign.
    fn thickness(&mut self, _thickness: f64) {}

    /// Whether [`snapshot`](Self::snapshot) shall be called now, after `step` steps.
    fn wants_snapshot(&self, _step: u64) -> bool {
        false
    }

    /// The state of training as a model, which is whole but for its metrics. `training.steps` says when it was taken.
    fn snapshot(&mut self, _model: Model) {}

    /// Whether [`checkpoint`](Self::checkpoint) shall be called now; `is_last` once the fit was cancelled.
    fn wants_checkpoint(&mut self, _is_last: bool) -> bool {
        false
    }

    /// The whole state of training, to go on from later.
    fn checkpoint(&mut self, _checkpoint: Checkpoint) {}

    /// Whether training shall end now, after `step` steps, as if the budget were used up: the best state is measured and
    /// kept.
    fn wants_end(&self, _step: u64) -> bool {
        false
    }
}

impl<F: FnMut(Progress)> Observer for F {
    fn progress(&mut self, progress: Progress) {
        self(progress);
    }
}
