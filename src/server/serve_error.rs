//! Why a daemon does not start, in words for whoever starts it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use crate::field::DeviceError;

/// Why the daemon does not start or ends.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address can be reached from other machines, and the connection would be open.
    #[error(
        "refusing to listen on {address}: other machines can reach it. Give a TLS certificate, its key and a token of \
         your own, or listen on 127.0.0.1"
    )]
    Exposed {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The token is no token.
    #[error("the token must have at least 16 letters, digits or signs, without spaces")]
    Token,
    /// There is no place for the data.
    #[error(
        "no data folder: the environment names no home folder. Give one with --data-dir or OVERFIT_DATA_DIR"
    )]
    NoDataDir,
    /// The data folder cannot be used.
    #[error("the data folder {} cannot be used: {source}. Choose another with --data-dir", path.display())]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another daemon works in the data folder.
    #[error(
        "another daemon{} already uses the data folder {}: use that one, stop it, or choose another folder with --data-dir",
        holder.map(|pid| format!(" (process {pid})")).unwrap_or_default(), path.display()
    )]
    DataDirTaken {
        /// The folder.
        path: PathBuf,
        /// The daemon's process, if it says so.
        holder: Option<u32>,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}. {}", bind_advice(source))]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A file for TLS cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The files for TLS do not belong together or are something else.
    #[error(
        "the TLS certificate and key cannot be used: {0}. Both must be PEM files and belong together"
    )]
    Tls(String),
    /// No device computes.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Models stayed in memory to the end, because the disk did not take them.
    #[error(
        "{} could not be written into the data folder ({why}). Make room and start the daemon again: a fit whose \
         checkpoint is there goes on from that", names.join(", ")
    )]
    ModelsLost {
        /// Their names.
        names: Vec<String>,
        /// What was said about the last of them.
        why: String,
    },
    /// The connections' machinery failed.
    #[error("the daemon failed: {0}")]
    Transport(#[from] tonic::transport::Error),
}

fn bind_advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            "Another program has this port: choose another, or port 0 for any that is free"
        }
        io::ErrorKind::AddrNotAvailable => "This machine has no such address: choose 127.0.0.1",
        io::ErrorKind::PermissionDenied => {
            "Ports below 1024 need rights: choose another, or port 0"
        }
        _ => "Choose another address with --listen",
    }
}
