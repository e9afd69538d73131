//! Fitting a field to a mesh: samples, loss, optimiser, schedule, and the loop around them.

mod evaluate;
mod fit;
mod observer;
mod parts;
mod preset;
mod progress;
mod residual;
mod samples;
mod schedule;
mod settings;
mod thickness;

pub use evaluate::{Evaluation, Protocol, evaluate};
pub use fit::{FitError, fit};
pub use observer::Observer;
pub use preset::{Preset, UnknownPreset};
pub use progress::{Phase, Progress};
pub use settings::{Budget, FitSettings, Optimizer, SampleShares, Sampling, SettingsError};
