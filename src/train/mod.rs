//! Fitting a field to a mesh: settings, samples, and the loop.

mod budget;
mod checkpoint;
mod choice;
mod clock;
mod configuration;
mod device;
mod evaluate;
mod fit;
mod fit_error;
mod gradient_error;
mod mixture;
mod observer;
mod parts;
mod pool;
mod preset;
mod progress;
mod residual;
mod run;
mod samples;
mod schema;
mod settings;
mod thickness;
mod truth;

pub use budget::Budget;
pub use checkpoint::{Checkpoint, CheckpointError};
pub use choice::{Chosen, PresetChoice};
pub use configuration::{Configuration, ConfigurationError};
pub use evaluate::{Evaluation, Protocol, evaluate};
pub use fit::{fit, fit_from, fit_to};
pub use fit_error::FitError;
pub use observer::Observer;
pub use preset::{Preset, UnknownPreset};
pub use progress::{Phase, Progress};
pub use schema::settings_schema;
pub use settings::{FitSettings, SampleShares, Sampling, SettingsError};
pub use truth::Truth;
