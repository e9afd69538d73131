//! Whether a daemon could start, without starting it.

use super::opened::Opened;
use super::serve_error::ServeError;
use super::settings::ServerSettings;
use crate::field::{DeviceReport, available_devices};

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
    let opened = Opened::new(settings)?;
    Ok(Found {
        models: opened.models.count(),
        damaged_models: opened.models.damaged_count(),
        fits: opened.fits.len() as u64,
        devices: available_devices(),
    })
}
