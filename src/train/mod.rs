//! Fitting a field to a mesh: samples, loss, optimiser, schedule, and the loop around them.

mod configuration;
mod device;
mod evaluate;
mod fit;
mod fit_error;
mod gradient_error;
mod observer;
mod parts;
mod pool;
mod preset;
mod progress;
mod residual;
mod run;
mod samples;
mod schedule;
mod settings;
mod thickness;

pub use configuration::{Configuration, ConfigurationError};
pub use evaluate::{Evaluation, Protocol, evaluate};
pub use fit::fit;
pub use fit_error::FitError;
pub use observer::Observer;
pub use preset::{Preset, UnknownPreset};
pub use progress::{Phase, Progress};
pub use settings::{Budget, FitSettings, Optimizer, SampleShares, Sampling, SettingsError};
