//! The daemon put together: folder, token, stores, services, and the way it starts and stops.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio_stream::{Stream, StreamExt};
use tonic::transport::ServerTlsConfig;
use tonic::transport::server::{Connected, TcpIncoming};
use tonic_health::ServingStatus;
use tower::util::MapResponseLayer;

use super::activity::Activity;
use super::combinations::Combinations;
use super::connection::Admission;
use super::data_dir::DataDir;
use super::fit_run::{FitFunction, FitRunner};
use super::fits::Fits;
use super::memory::Memory;
use super::meshes::Meshes;
use super::message_memory::MessageMemory;
use super::metrics::{self, Counters, Metrics};
use super::models::Models;
use super::opened::{Opened, words};
use super::responses;
use super::restore::restored;
use super::routes::report_health;
use super::runtime_file::RuntimeFile;
use super::serve_error::ServeError;
use super::settings::ServerSettings;
use super::token::Token;
use crate::field::{DeviceReport, Engine, available_devices};

/// A daemon that is ready to listen.
pub struct Server {
    pub(super) settings: ServerSettings,
    data_dir: DataDir,
    pub(super) token: Token,
    tls: Option<ServerTlsConfig>,
    activity: Activity,
    pub(super) devices: Arc<[DeviceReport]>,
    /// The processor's.
    pub(super) engine: Arc<dyn Engine>,
    pub(super) memory: Memory,
    pub(super) meshes: Arc<Meshes>,
    pub(super) models: Arc<Models>,
    pub(super) combinations: Arc<Combinations>,
    pub(super) fits: Arc<Fits>,
}

/// Runs a daemon until `shutdown` completes, or as long as the settings say. One line on standard error tells when and where it listens.
///
/// # Errors
/// As [`Server::open`], [`Server::bind`] and [`Server::run`].
pub async fn serve(
    settings: ServerSettings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let server = Server::open(settings)?;
    let (listener, address) = server.bind().await?;
    eprintln!(
        "overfit {} listens on {address}, data folder {}",
        crate::VERSION,
        server.data_dir().display()
    );
    server.run(listener, shutdown).await
}

impl Server {
    /// Claims the data folder, reads its models and opens the devices.
    ///
    /// # Errors
    /// Settings that would leave the daemon open to other machines, a token or TLS files that are none, a data folder that
    /// cannot be used or is another daemon's, no working device.
    pub fn open(settings: ServerSettings) -> Result<Self, ServeError> {
        Self::open_with(settings, Arc::new(crate::train::fit_from))
    }

    /// As [`open`](Self::open), with another function in the place of [`train::fit_from`](crate::train::fit_from).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(settings: ServerSettings, fit: Arc<FitFunction>) -> Result<Self, ServeError> {
        let Opened {
            token,
            tls,
            data_dir,
            engine,
            memory,
            models,
            journal,
            fits,
        } = Opened::new(&settings)?;
        let models = Arc::new(models);
        let limits = &settings.limits;
        let combinations = Combinations::new(models.clone(), limits.max_combinations);
        let combinations = Arc::new(combinations);
        let activity = Activity::new();
        let meshes = Arc::new(Meshes::new(memory.clone()));
        let before = restored(fits, &models, &journal);
        let runner = FitRunner {
            activity: activity.clone(),
            function: fit,
            meshes: meshes.clone(),
            models: models.clone(),
            combinations: combinations.clone(),
            journal,
            memory_limit: limits.extract_bytes(),
            checkpoint_interval: settings.checkpoint_interval,
            most_time: settings.times.fit,
        };
        Ok(Self {
            devices: available_devices().into(),
            engine,
            memory,
            meshes,
            fits: Arc::new(Fits::start(
                runner,
                before,
                limits.max_running_fits,
                limits.max_queued_fits,
            )),
            activity,
            models,
            combinations,
            settings,
            data_dir,
            token,
            tls,
        })
    }

    /// The token that every call must carry.
    pub fn token(&self) -> &str {
        self.token.reveal()
    }

    /// The data folder.
    pub fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// Takes the port. The address has its number also where the settings leave it open.
    ///
    /// # Errors
    /// [`ServeError::Bind`]: the port is taken, or the address is not this machine's.
    pub async fn bind(&self) -> Result<(TcpListener, SocketAddr), ServeError> {
        let address = self.settings.listen;
        let failed = |source| ServeError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        Ok((listener, bound))
    }

    /// Writes the file by which clients find the daemon, serves until `shutdown` completes or
    /// [`ServerSettings::exit_when_idle`] has passed with nothing to do, and removes the file.
    ///
    /// Then nothing new is taken, fits are put down for the next daemon to go on with (models of those that have finished are saved), and open calls
    /// get [`ServerSettings::shutdown_grace`] to end.
    ///
    /// # Errors
    /// [`ServeError::DataDir`] if the file cannot be written, [`ServeError::ModelsLost`], [`ServeError::Transport`].
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let path = self.data_dir.runtime_file();
        let failed = |source| ServeError::DataDir {
            path: path.clone(),
            source,
        };
        let address = listener.local_addr().map_err(failed)?;
        let file = RuntimeFile {
            address: address.ip().to_string(),
            port: address.port(),
            pid: std::process::id(),
            version: crate::VERSION.to_owned(),
            token: self.token.reveal().to_owned(),
        };
        let monitors = match self.settings.metrics {
            None => None,
            Some(address) => {
                let bound = metrics::bind(address).await;
                let (listener, address) =
                    bound.map_err(|source| ServeError::Bind { address, source })?;
                tracing::info!(%address, "metrics");
                Some(listener)
            }
        };
        file.write(&path).map_err(failed)?;
        tracing::info!(%address, "listening");
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let ending = self.ending(shutdown);
        // From here on nobody new should come.
        let ending = async {
            ending.await;
            file.remove(&path);
        };
        let outcome = self.serve_until(incoming, monitors, ending).await;
        file.remove(&path);
        outcome
    }

    /// Like [`run`](Self::run), for connections that come from elsewhere than the port: no file is written.
    ///
    /// # Errors
    /// [`ServeError::ModelsLost`], [`ServeError::Transport`].
    pub async fn run_on<C, E>(
        self,
        connections: impl Stream<Item = Result<C, E>>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError>
    where
        C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let ending = self.ending(shutdown);
        self.serve_until(connections, None, ending).await
    }

    /// Completes when the daemon is told to end, or when it was idle for as long as the settings say.
    fn ending<F: Future<Output = ()>>(&self, shutdown: F) -> impl Future<Output = ()> + use<F> {
        let (activity, exit_when_idle) = (self.activity.clone(), self.settings.exit_when_idle);
        async move {
            let idle = async {
                match exit_when_idle {
                    Some(time) => activity.idle_for(time).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown => {}
                () = idle => tracing::info!("nobody needs this daemon any more"),
            }
        }
    }

    /// Serves until `ending` completes; what then happens is told at [`run`](Self::run).
    async fn serve_until<C, E>(
        self,
        connections: impl Stream<Item = Result<C, E>>,
        monitors: Option<TcpListener>,
        ending: impl Future<Output = ()>,
    ) -> Result<(), ServeError>
    where
        C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let times = &self.settings.times;
        let admission = Admission::new(self.settings.limits.max_connections, times.first_byte);
        let connections = admission.admit(connections.map(words_of), self.activity.clone());
        let (health, health_service) = tonic_health::server::health_reporter();
        report_health(&health, ServingStatus::Serving).await;
        let limit = self.settings.limits.max_message_bytes;
        let request_count = AtomicU64::new(1);
        let counters = Arc::new(Counters::default());
        let (asked, refused, stops) = (counters.clone(), counters.clone(), counters.clone());
        let metrics = Metrics {
            counters,
            admission: admission.clone(),
            fits: self.fits.clone(),
            models: self.models.clone(),
            memory: self.memory.clone(),
        };
        let charges = MessageMemory {
            memory: self.memory.clone(),
            most: limit,
        };
        let mut builder = tonic::transport::Server::builder()
            // The protocol's 64 KiB would throttle uploads and downloads of meshes.
            .initial_stream_window_size(4 << 20)
            .initial_connection_window_size(16 << 20)
            .http2_keepalive_interval(Some(times.keepalive))
            .http2_keepalive_timeout(Some(times.answer))
            .trace_fn(move |request| {
                asked.request(request.uri().path());
                let id = request_count.fetch_add(1, Ordering::Relaxed);
                tracing::info_span!("request", id, method = request.uri().path())
            })
            .layer(MapResponseLayer::new(move |response| {
                responses::finish(response, limit, &refused)
            }))
            .layer(charges);
        if let Some(tls) = self.tls.clone() {
            builder = builder
                .tls_config(tls)
                .map_err(|error| ServeError::Tls(words(&error)))?;
        }
        let (stop, stopped) = oneshot::channel();
        let fits = self.fits.clone();
        let stopping = async move {
            ending.await;
            tracing::info!("stopping");
            stops.stop();
            report_health(&health, ServingStatus::NotServing).await;
            // Their watchers are told, and so their streams end.
            suspend(fits).await;
            // The receiver is gone only when nobody waits any more.
            let _ = stop.send(());
        };
        let router = builder.add_routes(self.routes(health_service));
        let grace = self.settings.shutdown_grace;
        let patience = async {
            if stopped.await.is_ok() {
                tokio::time::sleep(grace).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        let retrying = tokio::spawn(save_again_and_again(
            self.fits.clone(),
            self.settings.save_interval,
        ));
        let watched = tokio::spawn(async move {
            if let Some(listener) = monitors {
                metrics.serve(listener).await;
            }
        });
        let outcome = tokio::select! {
            outcome = router.serve_with_incoming_shutdown(connections, stopping) => outcome,
            () = patience => {
                tracing::warn!("some calls did not end in time");
                Ok(())
            }
        };
        retrying.abort();
        watched.abort();
        suspend(self.fits.clone()).await;
        if tokio::time::timeout(grace, self.fits.ended())
            .await
            .is_err()
        {
            tracing::warn!("a fit did not end in time: it goes on from its last checkpoint");
        }
        let fits = self.fits.clone();
        let unsaved = spawn_blocking(move || fits.save_unsaved()).await;
        let (names, errors): (Vec<_>, Vec<_>) = unsaved.unwrap_or_default().into_iter().unzip();
        if let Some(error) = errors.last() {
            let why = error.to_string();
            return Err(ServeError::ModelsLost { names, why });
        }
        Ok(outcome?)
    }
}

/// What went wrong with a connection, in words.
fn words_of<C, E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    connection: Result<C, E>,
) -> Result<C, Box<dyn std::error::Error + Send + Sync>> {
    connection.map_err(Into::into)
}

/// Puts down all fits, which waits for the disk.
async fn suspend(fits: Arc<Fits>) {
    // It does not panic, and the runtime is still there.
    let _ = spawn_blocking(move || fits.suspend()).await;
}

/// Tries again and again to write models that could not be written.
async fn save_again_and_again(fits: Arc<Fits>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let fits = fits.clone();
        if let Ok(unsaved) = spawn_blocking(move || fits.save_unsaved()).await
            && let Some((_, error)) = unsaved.last()
        {
            tracing::warn!(models = unsaved.len(), %error, "not on disk yet");
        }
    }
}
