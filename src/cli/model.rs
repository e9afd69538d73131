//! Opening a model, or a recipe that puts models together, for a subcommand.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::output::print_warnings;
use crate::combine::{Expression, is_recipe, read_recipe};
use crate::field::{Device, DeviceChoice, Engine, Model, ModelError, open_engine};
use crate::query::LoadedModel;

/// Whether a path names a model rather than a mesh.
pub(super) fn is_model(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors"))
}

/// Whether a path names a model or a recipe rather than a mesh.
pub(super) fn is_field(path: &Path) -> bool {
    is_model(path) || is_recipe(path)
}

/// Reads a model file; errors name it.
pub(super) fn read(path: &Path) -> anyhow::Result<Model> {
    anyhow::ensure!(
        !is_recipe(path),
        "{} is a recipe and has no parameters of its own: make it one model with `overfit fit {} -o MODEL.safetensors` first",
        path.display(),
        path.display()
    );
    Model::load(path).map_err(|error| match error {
        ModelError::Read { .. } => error.into(),
        other => anyhow::Error::new(other).context(path.display().to_string()),
    })
}

/// Reads a model file, or a recipe with its models, and moves it to a device. `auto` is the processor: questions of a few points at a
/// time, as extraction asks them, wait longer for a graphics card than they take.
pub(super) fn open(path: &Path, device: DeviceChoice) -> anyhow::Result<LoadedModel> {
    if !is_recipe(path) {
        let model = read(path)?;
        return Ok(LoadedModel::new(Arc::new(model), &*engine(device)?));
    }
    let loaded = combine(&read_recipe(path)?, device);
    let loaded = loaded.with_context(|| path.display().to_string())?;
    print_warnings(loaded.warnings());
    Ok(loaded)
}

/// Puts model files together.
pub(super) fn combine(
    expression: &Expression,
    device: DeviceChoice,
) -> anyhow::Result<LoadedModel> {
    let engine = engine(device)?;
    LoadedModel::combine(expression, |path| {
        let model = read(Path::new(path))?;
        Ok(LoadedModel::new(Arc::new(model), &*engine))
    })
}

fn engine(device: DeviceChoice) -> anyhow::Result<Arc<dyn Engine>> {
    let device = match device {
        DeviceChoice::Auto => Device::Cpu,
        DeviceChoice::Named(device) => device,
    };
    open_engine(DeviceChoice::Named(device)).context("cannot compute")
}
