//! A daemon in this process, with clients that reach it through memory.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use overfit::server::proto::combine_service_client::CombineServiceClient;
use overfit::server::proto::fit_service_client::FitServiceClient;
use overfit::server::proto::mesh_service_client::MeshServiceClient;
use overfit::server::proto::model_service_client::ModelServiceClient;
use overfit::server::proto::query_service_client::QueryServiceClient;
use overfit::server::proto::server_service_client::ServerServiceClient;
use overfit::server::proto::{self, Fit, FitState};
use overfit::server::{FitFunction, Limits, ServeError, Server, ServerSettings};
use tempfile::TempDir;
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_types::StatusExt;

use crate::octahedron;

/// Longest that anything here may take before the test has failed.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// A running daemon.
pub struct Daemon {
    pub token: String,
    connections: mpsc::UnboundedSender<Result<DuplexStream, std::io::Error>>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), ServeError>>,
}

/// Clients of every service, on one connection of their own.
pub struct Clients {
    pub meshes: MeshServiceClient<Authorized>,
    pub fits: FitServiceClient<Authorized>,
    pub models: ModelServiceClient<Authorized>,
    pub combine: CombineServiceClient<Authorized>,
    pub query: QueryServiceClient<Authorized>,
    pub server: ServerServiceClient<Authorized>,
}

pub type Authorized = InterceptedService<Channel, Bearer>;

/// Puts the token into every call.
#[derive(Clone)]
pub struct Bearer(pub String);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let header = format!("Bearer {}", self.0);
        request
            .metadata_mut()
            .insert("authorization", header.parse().unwrap());
        Ok(request)
    }
}

/// A daemon with a folder of its own, whose fits are octahedra that are done at once.
pub fn start() -> (Daemon, TempDir) {
    start_with(Arc::new(octahedron::fit), Limits::default())
}

/// The same with another fit function and other limits.
pub fn start_with(fit: Arc<FitFunction>, limits: Limits) -> (Daemon, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Daemon::start(folder.path(), fit, limits), folder)
}

impl Daemon {
    pub fn start(folder: &Path, fit: Arc<FitFunction>, limits: Limits) -> Self {
        let settings = ServerSettings {
            limits,
            ..Default::default()
        };
        Self::start_as(folder, fit, settings)
    }

    pub fn start_as(folder: &Path, fit: Arc<FitFunction>, settings: ServerSettings) -> Self {
        let settings = ServerSettings {
            data_dir: Some(folder.to_owned()),
            ..settings
        };
        let server = Server::open_with(settings, fit).unwrap();
        let token = server.token().to_owned();
        let (connections, incoming) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(
            server.run_on(UnboundedReceiverStream::new(incoming), async {
                // Also when the test ends without stopping it.
                let _ = stopped.await;
            }),
        );
        Self {
            token,
            connections,
            stop,
            running,
        }
    }

    /// A new connection.
    pub async fn channel(&self) -> Channel {
        let connections = self.connections.clone();
        let connector = tower::service_fn(move |_| {
            let (client, server) = tokio::io::duplex(1 << 16);
            let sent = connections.send(Ok(server));
            async move {
                let gone = |_| std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
                sent.map(|()| hyper_util::rt::TokioIo::new(client))
                    .map_err(gone)
            }
        });
        let endpoint = Endpoint::from_static("http://in-memory");
        endpoint.connect_with_connector(connector).await.unwrap()
    }

    /// Clients on a new connection.
    pub async fn clients(&self) -> Clients {
        Clients::new(self.channel().await, &self.token)
    }

    /// Stops the daemon and waits until it has ended.
    pub async fn stop(self) {
        self.stopped().await.unwrap();
    }

    /// Stops the daemon and gives how it ended.
    pub async fn stopped(self) -> Result<(), ServeError> {
        self.stop.send(()).unwrap();
        let ended = tokio::time::timeout(PATIENCE, self.running).await;
        ended.expect("the daemon ends").unwrap()
    }

    /// Waits until the daemon has ended by itself.
    pub async fn ends(self) {
        Self::wait(self.running).await;
        drop(self.stop);
    }

    pub fn is_running(&self) -> bool {
        !self.running.is_finished()
    }

    async fn wait(running: JoinHandle<Result<(), ServeError>>) {
        let ended = tokio::time::timeout(PATIENCE, running).await;
        ended.expect("the daemon ends").unwrap().unwrap();
    }
}

impl Clients {
    pub fn new(channel: Channel, token: &str) -> Self {
        let bearer = Bearer(token.to_owned());
        Self {
            meshes: MeshServiceClient::with_interceptor(channel.clone(), bearer.clone()),
            fits: FitServiceClient::with_interceptor(channel.clone(), bearer.clone()),
            models: ModelServiceClient::with_interceptor(channel.clone(), bearer.clone()),
            combine: CombineServiceClient::with_interceptor(channel.clone(), bearer.clone()),
            query: QueryServiceClient::with_interceptor(channel.clone(), bearer.clone())
                .max_decoding_message_size(64 << 20),
            server: ServerServiceClient::with_interceptor(channel, bearer),
        }
    }

    /// Uploads the octahedron and gives its name.
    pub async fn upload(&mut self) -> String {
        let request = octahedron::create_mesh_request();
        let response = self.meshes.create_mesh(request).await.unwrap();
        response.into_inner().mesh.unwrap().name
    }

    /// Asks for a fit with the default settings.
    pub async fn fit(&mut self, mesh: &str) -> Fit {
        let request = proto::CreateFitRequest {
            mesh: mesh.to_owned(),
            ..Default::default()
        };
        self.fits
            .create_fit(request)
            .await
            .unwrap()
            .into_inner()
            .fit
            .unwrap()
    }

    /// Watches a fit to its end.
    pub async fn ended(&mut self, name: &str) -> Fit {
        let request = proto::WatchFitRequest {
            name: name.to_owned(),
            after_sequence: 0,
        };
        let mut messages = self.fits.watch_fit(request).await.unwrap().into_inner();
        let watch = async {
            loop {
                let message = messages
                    .message()
                    .await
                    .unwrap()
                    .expect("a terminal message comes");
                if let Some(proto::watch_fit_response::Event::Ended(fit)) = message.event {
                    return fit;
                }
            }
        };
        tokio::time::timeout(PATIENCE, watch)
            .await
            .expect("the fit ends")
    }

    /// Waits until a fit is running in `phase`.
    pub async fn in_phase(&mut self, name: &str, phase: proto::Phase) {
        let watch = async {
            loop {
                let fit = self.get_fit(name).await;
                if fit.state() == FitState::Running
                    && fit.progress.is_some_and(|p| p.phase() == phase)
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, watch)
            .await
            .expect("the fit gets there");
    }

    pub async fn get_fit(&mut self, name: &str) -> Fit {
        let request = proto::GetFitRequest {
            name: name.to_owned(),
        };
        self.fits
            .get_fit(request)
            .await
            .unwrap()
            .into_inner()
            .fit
            .unwrap()
    }

    pub async fn cancel(&mut self, name: &str) -> Fit {
        let request = proto::CancelFitRequest {
            name: name.to_owned(),
        };
        self.fits
            .cancel_fit(request)
            .await
            .unwrap()
            .into_inner()
            .fit
            .unwrap()
    }

    /// Fits the octahedron and gives the model's name.
    pub async fn model(&mut self) -> String {
        let mesh = self.upload().await;
        let fit = self.fit(&mesh).await;
        let fit = self.ended(&fit.name).await;
        assert_eq!(fit.state(), FitState::Succeeded, "{fit:?}");
        fit.model
    }
}

/// `ErrorInfo.reason`. Every error of the daemon has one, of its domain.
pub fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details
        .error_info()
        .unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!(info.domain, "overfit");
    info.reason.clone()
}

/// The field that an error blames.
pub fn blamed(status: &Status) -> String {
    let details = status.get_error_details();
    let request = details
        .bad_request()
        .unwrap_or_else(|| panic!("no BadRequest: {status:?}"));
    request.field_violations[0].field.clone()
}
