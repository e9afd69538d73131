//! The way to the daemon: port, token, TLS, health, reflection.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use overfit::server::proto::server_service_client::ServerServiceClient;
use overfit::server::proto::{self, GetServerInfoRequest};
use overfit::server::{RUNTIME_FILE, RuntimeFile, ServeError, Server, ServerSettings, TlsFiles};
use tokio::sync::oneshot;
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::daemon::{Bearer, Clients, reason, start};

const TOKEN: &str = "a-token-of-some-length";

fn settings(folder: &Path) -> ServerSettings {
    ServerSettings {
        data_dir: Some(folder.to_owned()),
        ..Default::default()
    }
}

/// The error that opening gives, in words.
fn refused(settings: ServerSettings) -> String {
    match Server::open(settings) {
        Ok(_) => panic!("it must not open"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_client_finds_the_daemon_by_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(RUNTIME_FILE);
    // What a killed daemon left behind.
    std::fs::write(&path, "{}").unwrap();
    let server = Server::open(settings(folder.path())).unwrap();
    let (listener, address) = server.bind().await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(listener, async { stopped.await.unwrap() }));
    // The port is open already, so this call waits until the daemon is there.
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let mut health = HealthClient::new(channel.clone());
    health.check(HealthCheckRequest::default()).await.unwrap();

    let file = RuntimeFile::read(&path).unwrap();
    assert_eq!(
        (file.address.as_str(), file.port),
        ("127.0.0.1", address.port())
    );
    assert_eq!(
        (file.pid, file.version.as_str()),
        (std::process::id(), overfit::VERSION)
    );
    let mut clients = Clients::new(channel.clone(), &file.token);
    let model = clients
        .server
        .get_server_info(GetServerInfoRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(model.version, overfit::VERSION);

    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert!(!path.exists());
    endpoint.connect().await.unwrap_err();
}

#[tokio::test]
async fn without_the_token_nothing_but_health_and_reflection_answers() {
    let (daemon, _folder) = start();
    let channel = daemon.channel().await;
    let mut nobody = ServerServiceClient::new(channel.clone());
    let status = nobody
        .get_server_info(GetServerInfoRequest {})
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unauthenticated, "TOKEN_MISSING")
    );
    let mut stranger = Clients::new(channel.clone(), "another-token-altogether");
    let status = stranger
        .server
        .get_server_info(GetServerInfoRequest {})
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unauthenticated, "TOKEN_WRONG")
    );
    let unknown = "fits/0".to_owned();
    let status = stranger
        .fits
        .get_fit(proto::GetFitRequest {
            name: unknown.clone(),
        })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let request = proto::WatchFitRequest {
        name: unknown,
        after_sequence: 0,
    };
    assert_eq!(
        stranger.fits.watch_fit(request).await.unwrap_err().code(),
        Code::Unauthenticated
    );
    let upload = tokio_stream::iter([proto::UploadMeshRequest::default()]);
    assert_eq!(
        stranger
            .meshes
            .upload_mesh(upload)
            .await
            .unwrap_err()
            .code(),
        Code::Unauthenticated
    );
    let list = proto::ListModelsRequest::default();
    assert_eq!(
        stranger.models.list_models(list).await.unwrap_err().code(),
        Code::Unauthenticated
    );
    let evaluate = proto::EvaluateRequest::default();
    assert_eq!(
        stranger.query.evaluate(evaluate).await.unwrap_err().code(),
        Code::Unauthenticated
    );

    let mut health = HealthClient::new(channel.clone());
    for service in [
        "",
        "overfit.v1.MeshService",
        "overfit.v1.FitService",
        "overfit.v1.QueryService",
    ] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status, ServingStatus::Serving as i32, "{service}");
    }
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut reflection = ServerReflectionClient::new(channel);
    let answers = reflection
        .server_reflection_info(tokio_stream::iter([request]))
        .await
        .unwrap();
    let answer = answers.into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("a list of services: {answer:?}");
    };
    let mut names: Vec<String> = list
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    names.retain(|name| name.starts_with("overfit."));
    names.sort();
    let services = ["Combine", "Fit", "Mesh", "Model", "Query", "Server"];
    assert_eq!(
        names,
        services.map(|service| format!("overfit.v1.{service}Service"))
    );
}

#[tokio::test]
async fn the_daemon_says_what_it_can_do() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let info = clients
        .server
        .get_server_info(GetServerInfoRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(info.api, "overfit.v1");
    assert_eq!(info.devices[0].id, "cpu");
    let defaults: Vec<&str> = info
        .presets
        .iter()
        .filter(|preset| preset.default)
        .map(|preset| preset.name.as_str())
        .collect();
    assert_eq!((info.presets.len(), defaults), (7, vec!["standard"]));
    assert!(
        info.presets
            .iter()
            .all(|preset| (preset.seconds > 0.0) == (preset.name != "auto")
                && !preset.description.is_empty())
    );
    let limits = info.limits.unwrap();
    let each = [
        limits.max_message_bytes,
        limits.max_mesh_bytes,
        limits.max_model_bytes,
        limits.max_running_fits.into(),
        limits.max_queued_fits.into(),
        limits.max_points,
        limits.max_extract_bytes,
        limits.max_decoded_mesh_bytes,
    ];
    assert!(each.iter().all(|&limit| limit > 0), "{limits:?}");
}

#[tokio::test]
async fn a_port_or_folder_that_is_taken_is_told() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let first = Server::open(settings(folders[0].path())).unwrap();
    let (_listener, address) = first.bind().await.unwrap();

    let words = refused(settings(folders[0].path()));
    assert!(
        words.contains("another daemon") && words.contains("--data-dir"),
        "{words}"
    );

    let second = ServerSettings {
        listen: address,
        ..settings(folders[1].path())
    };
    let second = Server::open(second).unwrap();
    let error = second.bind().await.unwrap_err();
    assert!(matches!(error, ServeError::Bind { .. }));
    let words = error.to_string();
    assert!(
        words.contains(&address.to_string()) && words.contains("Another program has this port"),
        "{words}"
    );
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let exposed = ServerSettings {
        listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        token: Some(TOKEN.to_owned()),
        ..settings(folder.path())
    };
    let words = refused(exposed.clone());
    assert!(
        words.contains("0.0.0.0") && words.contains("TLS"),
        "{words}"
    );
    let files = || {
        Some(TlsFiles {
            certificate: folder.path().join("no.pem"),
            key: folder.path().join("no.key"),
        })
    };
    let words = refused(ServerSettings {
        tls: files(),
        token: None,
        ..exposed.clone()
    });
    assert!(words.contains("token"), "{words}");
    let words = refused(ServerSettings {
        tls: files(),
        ..exposed
    });
    assert!(words.contains("no.pem"), "{words}");
    let words = refused(ServerSettings {
        token: Some("short".to_owned()),
        ..settings(folder.path())
    });
    assert!(words.contains("16"), "{words}");

    std::fs::write(folder.path().join("file"), "").unwrap();
    let words = refused(settings(&folder.path().join("file")));
    assert!(
        words.contains("file") && words.contains("--data-dir"),
        "{words}"
    );
}

#[tokio::test]
async fn with_tls_and_a_token_other_machines_may_call() {
    let folder = tempfile::tempdir().unwrap();
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        certificate: folder.path().join("certificate.pem"),
        key: folder.path().join("key.pem"),
    };
    std::fs::write(&files.certificate, identity.cert.pem()).unwrap();
    std::fs::write(&files.key, identity.signing_key.serialize_pem()).unwrap();
    let swapped = TlsFiles {
        certificate: files.key.clone(),
        key: files.certificate.clone(),
    };
    let data = folder.path().join("data");
    let open = |tls| ServerSettings {
        listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        token: Some(TOKEN.to_owned()),
        tls: Some(tls),
        ..settings(&data)
    };
    let words = refused(open(swapped));
    assert!(words.contains("PEM"), "{words}");

    let server = Server::open(open(files)).unwrap();
    let (listener, address) = server.bind().await.unwrap();
    let running = tokio::spawn(server.run(listener, pending()));
    let connect = async |scheme: &str| -> Result<Channel, tonic::transport::Error> {
        let uri = format!("{scheme}://127.0.0.1:{}", address.port());
        let mut endpoint = Endpoint::from_shared(uri).unwrap();
        if scheme == "https" {
            let certificate = Certificate::from_pem(identity.cert.pem());
            let tls = ClientTlsConfig::new()
                .ca_certificate(certificate)
                .domain_name("localhost");
            endpoint = endpoint.tls_config(tls).unwrap();
        }
        endpoint.connect().await
    };
    let channel = connect("https").await.unwrap();
    let bearer = Bearer(TOKEN.to_owned());
    let mut client = ServerServiceClient::with_interceptor(channel.clone(), bearer);
    client
        .get_server_info(GetServerInfoRequest {})
        .await
        .unwrap();
    // To other machines not even health is open.
    let status = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    // And in plain text nothing is.
    if let Ok(channel) = connect("http").await {
        let bearer = Bearer(TOKEN.to_owned());
        let mut client = ServerServiceClient::with_interceptor(channel, bearer);
        client
            .get_server_info(GetServerInfoRequest {})
            .await
            .unwrap_err();
    }
    running.abort();
}
