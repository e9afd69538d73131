//! What a daemon has before it takes its port: its token, its data folder and what is in it, the processor.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tonic::transport::{Identity, ServerTlsConfig};

use super::data_dir::{DataDir, default_data_dir};
use super::journal::Journal;
use super::memory::Memory;
use super::models::Models;
use super::proto;
use super::serve_error::ServeError;
use super::settings::{ServerSettings, TlsFiles};
use super::token::Token;
use crate::field::{Device, DeviceChoice, Engine, open_engine};

/// What a daemon has before it takes its port.
pub(super) struct Opened {
    pub token: Token,
    pub tls: Option<ServerTlsConfig>,
    /// It is claimed for as long as this lives.
    pub data_dir: DataDir,
    /// The processor's.
    pub engine: Arc<dyn Engine>,
    pub memory: Memory,
    pub models: Models,
    pub journal: Journal,
    /// Fits of an earlier daemon, those that have ended among them.
    pub fits: Vec<proto::Fit>,
}

impl Opened {
    /// Claims the data folder and reads what is in it.
    ///
    /// # Errors
    /// Settings that would leave the daemon open to other machines, a token or TLS files that are none, a data folder that
    /// cannot be used or is another daemon's, no working processor.
    pub(super) fn new(settings: &ServerSettings) -> Result<Opened, ServeError> {
        let memory = Memory::new(settings.limits.max_memory_bytes, settings.times.memory);
        let (token, tls) = secured(settings)?;
        let path = settings.data_dir.clone().or_else(default_data_dir);
        let data_dir = DataDir::open(path.ok_or(ServeError::NoDataDir)?)?;
        let engine = open_engine(DeviceChoice::Named(Device::Cpu))?;
        let unreadable = |path| move |source| ServeError::DataDir { path, source };
        let models = Models::open(data_dir.models(), engine.clone(), memory.clone());
        let models = models.map_err(unreadable(data_dir.models()))?;
        let journal = Journal::open(data_dir.fits());
        let (journal, fits) = journal.map_err(unreadable(data_dir.fits()))?;
        Ok(Opened {
            token,
            tls,
            data_dir,
            engine,
            memory,
            models,
            journal,
            fits,
        })
    }
}

/// What keeps strangers out, as the settings have it.
///
/// # Errors
/// As [`Opened::new`].
fn secured(settings: &ServerSettings) -> Result<(Token, Option<ServerTlsConfig>), ServeError> {
    let exposed = !settings.listen.ip().is_loopback();
    if exposed && (settings.tls.is_none() || settings.token.is_none()) {
        let address = settings.listen;
        return Err(ServeError::Exposed { address });
    }
    let token = match &settings.token {
        Some(text) => Token::chosen(text).ok_or(ServeError::Token)?,
        None => Token::random(),
    };
    let read_tls = |files| read_tls(files, settings.times.first_byte);
    let tls = settings.tls.as_ref().map(read_tls).transpose()?;
    Ok((token, tls))
}

fn read_tls(files: &TlsFiles, handshake: Duration) -> Result<ServerTlsConfig, ServeError> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|source| ServeError::TlsFile {
            path: path.to_owned(),
            source,
        })
    };
    let identity = Identity::from_pem(read(&files.certificate)?, read(&files.key)?);
    let config = ServerTlsConfig::new().identity(identity).timeout(handshake);
    // Said at the start, not when the first client comes.
    match tonic::transport::Server::builder().tls_config(config.clone()) {
        Ok(_) => Ok(config),
        Err(error) => Err(ServeError::Tls(words(&error))),
    }
}

/// An error with what is behind it.
pub(super) fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
