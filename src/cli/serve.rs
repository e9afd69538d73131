//! `overfit serve`: the daemon.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};

use super::arguments::{byte_count, waiting_time};
use super::give_back::start_again;
use crate::server::{Limits, ServerSettings, Times, TlsFiles, check, serve, shutdown_signal};

/// Run the gRPC daemon until Ctrl-C or SIGTERM, or until nobody needs it (--exit-when-idle)
///
/// Clients on this machine find it by the file daemon.json in its data folder: address, port and the token that every
/// call must carry. Fits that wait or run when it ends go on when it starts again. Logs go to standard error as RUST_LOG asks.
#[derive(Args)]
pub(super) struct ServeArguments {
    /// Where to listen; port 0 takes a free one. Any address but loopback needs --tls-certificate, --tls-key and
    /// --token-file
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Folder for models and daemon.json; the user's data folder unless given
    #[arg(long, value_name = "DIR", env = "OVERFIT_DATA_DIR")]
    data_dir: Option<PathBuf>,

    /// File that holds the token that calls must carry; a new one at each start unless given
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Certificate chain for encrypted connections, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,

    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,

    /// Fits that run at once; each uses every thread by itself
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_running_fits)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    max_running_fits: u32,

    /// Fits that wait at once
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_queued_fits)]
    max_queued_fits: u32,

    /// Largest mesh upload, such as 500MB
    #[arg(long, value_name = "SIZE", value_parser = byte_count)]
    max_mesh: Option<u64>,

    /// Memory of one mesh once it is read: a small file can stand for a large one
    #[arg(long, value_name = "SIZE", value_parser = byte_count)]
    max_decoded_mesh: Option<u64>,

    /// Memory for everything that clients make the daemon hold, such as 8GB: messages, meshes, results, models; half of this machine's (or
    /// container's) memory unless given
    #[arg(long, value_name = "SIZE", value_parser = byte_count)]
    memory: Option<u64>,

    /// Largest model import
    #[arg(long, value_name = "SIZE", value_parser = byte_count)]
    max_model: Option<u64>,

    /// Memory of one extraction
    #[arg(long, value_name = "SIZE", value_parser = byte_count)]
    max_extract: Option<u64>,

    /// The longest that a fit may take; then its training ends, and its best state is kept
    #[arg(long, value_name = "SECONDS", value_parser = waiting_time, allow_negative_numbers = true, default_value = "86400")]
    max_fit_seconds: Duration,

    /// Connections that are open at once
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_connections)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,

    /// Where monitors find figures for Prometheus (/metrics), /livez and /readyz, such as 127.0.0.1:9464; plain HTTP without a token
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,

    /// How logs are written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,

    /// Only look whether the daemon could start: folder, token, certificate, port and devices
    #[arg(long)]
    check: bool,

    /// End once no connection was open and no fit waited or ran for so long
    #[arg(long, value_name = "SECONDS", value_parser = waiting_time, allow_negative_numbers = true)]
    exit_when_idle: Option<Duration>,
}

/// How the daemon's log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl ServeArguments {
    /// How the log is written.
    pub(super) fn log_format(&self) -> LogFormat {
        self.log_format
    }
}

pub(super) fn run(arguments: ServeArguments) -> anyhow::Result<()> {
    let look_only = arguments.check;
    if !look_only {
        // Before anything is read that can be read once, as a token from a pipe.
        start_again();
    }
    let settings = arguments.into_settings()?;
    if look_only {
        return look(&settings);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the threads that serve connections")?;
    // Signals first: whoever reads that the daemon listens may stop it at once.
    let outcome = runtime.block_on(async { serve(settings, shutdown_signal()).await });
    // Work that did not end in time must not keep the process.
    runtime.shutdown_background();
    Ok(outcome?)
}

/// Says what a daemon with these settings would find.
fn look(settings: &ServerSettings) -> anyhow::Result<()> {
    let found = check(settings)?;
    let listener = std::net::TcpListener::bind(settings.listen)
        .with_context(|| format!("cannot listen on {}", settings.listen))?;
    println!("address: {}, free", listener.local_addr()?);
    println!(
        "models: {}, of which {} are damaged",
        found.models, found.damaged_models
    );
    println!("fits of before: {}", found.fits);
    for device in found.devices {
        println!("device: {}, {}", device.device, device.description);
    }
    Ok(())
}

/// Whether others on this machine can read a file.
#[cfg(unix)]
fn others_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn others_read(_path: &Path) -> bool {
    false
}

impl ServeArguments {
    fn into_settings(self) -> anyhow::Result<ServerSettings> {
        let token = match &self.token_file {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the token file {}", path.display()))?;
                if others_read(path) {
                    // Secrets that are mounted into a container are such files: no reason to refuse.
                    tracing::warn!(path = %path.display(), "others can read the token file: chmod 600 keeps it yours");
                }
                let token = text.trim();
                ensure!(
                    !token.is_empty(),
                    "the token file {} is empty: write a secret word into it",
                    path.display()
                );
                Some(token.to_owned())
            }
        };
        let default = self.memory.map_or_else(Limits::default, Limits::within);
        Ok(ServerSettings {
            listen: self.listen,
            data_dir: self.data_dir,
            token,
            tls: self
                .tls_certificate
                .zip(self.tls_key)
                .map(|(certificate, key)| TlsFiles { certificate, key }),
            limits: Limits {
                max_running_fits: self.max_running_fits,
                max_queued_fits: self.max_queued_fits,
                max_connections: self.max_connections,
                max_mesh_bytes: self.max_mesh.unwrap_or(default.max_mesh_bytes),
                max_decoded_mesh_bytes: self
                    .max_decoded_mesh
                    .unwrap_or(default.max_decoded_mesh_bytes),
                max_model_bytes: self.max_model.unwrap_or(default.max_model_bytes),
                max_extract_bytes: self.max_extract.unwrap_or(default.max_extract_bytes),
                ..default
            },
            metrics: self.metrics,
            times: Times {
                fit: self.max_fit_seconds,
                ..Times::default()
            },
            exit_when_idle: self.exit_when_idle,
            ..ServerSettings::default()
        })
    }
}
