//! Whether a daemon could start, without starting it.

use super::data_dir::{DataDir, default_data_dir};
use super::journal::Journal;
use super::models::Models;
use super::serve::secured;
use super::serve_error::ServeError;
use super::settings::ServerSettings;
use crate::field::{Device, DeviceChoice, DeviceReport, available_devices, open_engine};

/// What a daemon with these settings would find.
#[derive(Clone, Debug)]
pub struct Found {
    /// Models in the data folder.
    pub models: u64,
    /// Of these, the ones that cannot be used.
    pub damaged_models: u64,
    /// Fits of an earlier daemon, those that have ended among them.
    pub fits: u64,
    /// What can train.
    pub devices: Vec<DeviceReport>,
}

/// Does what a daemon does before it takes its port: claims the data folder, reads what is in it, opens the devices. Then it lets go.
///
/// # Errors
/// As [`Server::open`](super::Server::open).
pub fn check(settings: &ServerSettings) -> Result<Found, ServeError> {
    secured(settings)?;
    let path = settings.data_dir.clone().or_else(default_data_dir);
    let data_dir = DataDir::open(path.ok_or(ServeError::NoDataDir)?)?;
    let failed = |path| move |source| ServeError::DataDir { path, source };
    let engine = open_engine(DeviceChoice::Named(Device::Cpu))?;
    let models = Models::open(data_dir.models(), engine).map_err(failed(data_dir.models()))?;
    let (_, fits) = Journal::open(data_dir.fits()).map_err(failed(data_dir.fits()))?;
    Ok(Found {
        models: models.count(),
        damaged_models: models.damaged_count(),
        fits: fits.len() as u64,
        devices: available_devices(),
    })
}
