//! What a fit says while it runs.

use crate::field::Metrics;

/// What a fit is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Building the distance oracle and the first samples.
    #[default]
    Prepare,
    /// Waiting for the device's kernels to be compiled, where they are not ready by now.
    Compile,
    /// Training.
    Train,
    /// Measuring the result on fresh points.
    Evaluate,
}

/// How far a fit is. Sent at every change of phase, and about ten times a second while training.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Share of the budget that is used, 0 to 1.
    pub fraction: f64,
    /// Steps taken.
    pub step: u64,
    /// Samples seen.
    pub samples: u64,
    /// Samples a second since the message before.
    pub samples_per_second: f64,
    /// Mean loss since the message before; lengths in the unit frame.
    pub loss: f64,
    /// Seconds since training began.
    pub elapsed_seconds: f64,
    /// Estimated seconds to the end of training; `None` while unknown.
    pub remaining_seconds: Option<f64>,
    /// The newest figures on the held-out points, if some were taken.
    pub quality: Option<Metrics>,
}
