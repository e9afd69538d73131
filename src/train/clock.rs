//! The times of training, and how far a device may be behind.

use std::time::{Duration, Instant};

use crate::field::Learner;

/// Steps that a device has before it at a time, in time: so much later than asked for does a fit end at most, and one wait for
/// the device is short beside it.
const IN_FLIGHT: Duration = Duration::from_millis(20);

/// What happened since the last progress message.
pub(super) struct SinceReport {
    pub at: Instant,
    pub steps: u64,
}

/// The times of training.
pub(super) struct Clock {
    started: Instant,
    /// Training before it went on.
    before: Duration,
    pub since: SinceReport,
    pub in_flight: InFlight,
}

/// Steps that a device may not have done yet.
pub(super) struct InFlight {
    steps: u32,
    /// So many take about [`IN_FLIGHT`].
    most: u32,
    since: Instant,
}

impl Clock {
    /// Training that took so many seconds before begins or goes on now.
    pub(super) fn start(before: f64) -> Self {
        Self {
            started: Instant::now(),
            before: Duration::from_secs_f64(before),
            since: SinceReport::now(),
            in_flight: InFlight::new(),
        }
    }

    /// Training so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.before + self.started.elapsed()
    }
}

impl SinceReport {
    /// Nothing happened yet.
    pub(super) fn now() -> Self {
        Self {
            at: Instant::now(),
            steps: 0,
        }
    }
}

impl InFlight {
    fn new() -> Self {
        Self {
            steps: 0,
            most: 1,
            since: Instant::now(),
        }
    }

    /// Counts one more step; waits for them all where they are many.
    pub(super) fn add(&mut self, learner: &dyn Learner) {
        self.steps += 1;
        if self.steps < self.most {
            return;
        }
        learner.wait();
        let step = self.since.elapsed() / self.steps;
        let most = IN_FLIGHT.as_secs_f64() / step.as_secs_f64().max(1e-9);
        // The first steps may be slow for other reasons.
        self.most = (most as u32).clamp(1, 2 * self.most);
        (self.steps, self.since) = (0, Instant::now());
    }
}
