//! Opening a model for a subcommand.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use crate::field::{Device, DeviceChoice, Model, ModelError, open_engine};
use crate::query::LoadedModel;

/// Whether a path names a model rather than a mesh.
pub(super) fn is_model(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors"))
}

/// Reads a model file; errors name it.
pub(super) fn read(path: &Path) -> anyhow::Result<Model> {
    Model::load(path).map_err(|error| match error {
        ModelError::Read { .. } => error.into(),
        other => anyhow::Error::new(other).context(path.display().to_string()),
    })
}

/// Reads a model file and moves it to a device. `auto` is the processor: questions of a few points at a time, as extraction
/// asks them, wait longer for a graphics card than they take.
pub(super) fn open(path: &Path, device: DeviceChoice) -> anyhow::Result<LoadedModel> {
    let model = read(path)?;
    let device = match device {
        DeviceChoice::Auto => Device::Cpu,
        DeviceChoice::Named(device) => device,
    };
    let engine = open_engine(DeviceChoice::Named(device)).context("cannot compute")?;
    Ok(LoadedModel::new(Arc::new(model), &*engine))
}
