//! The memory that clients share, and the time that a fit may take.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use overfit::server::proto::{self, FitState};
use overfit::server::{FitFunction, Limits, ServerSettings, Times};
use overfit::train::Phase;
use tonic::{Code, Streaming};

use crate::busy_fit::busy;
use crate::daemon::{Clients, Daemon, PATIENCE, reason, start_with};
use crate::extractions::resolution;
use crate::octahedron;
use crate::shutdown::endless;

/// Bytes that the daemon says are in use.
async fn in_use(clients: &mut Clients) -> u64 {
    let request = proto::GetServerInfoRequest {};
    let info = clients.server.get_server_info(request).await;
    info.unwrap().into_inner().memory_bytes
}

async fn dense(
    clients: &mut Clients,
    model: &str,
) -> Result<Streaming<proto::ExtractVolumeResponse>, tonic::Status> {
    let request = proto::ExtractVolumeRequest {
        model: model.to_owned(),
        grid: resolution(90),
        format: proto::VolumeFormat::Dense.into(),
        ..Default::default()
    };
    let answer = clients.query.extract_volume(request).await;
    answer.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn a_result_that_is_not_read_is_held_and_others_are_told_how_much() {
    let settings = ServerSettings {
        limits: Limits::within(8_500_000),
        times: Times {
            memory: Duration::from_millis(50),
            ..Default::default()
        },
        ..Default::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start_as(folder.path(), Arc::new(octahedron::fit), settings);
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let before = in_use(&mut clients).await;

    // 95 samples along each axis at least, 4 bytes each: there is room for one. It says so once it is made.
    let volume = 4 * 95 * 95 * 95;
    let mut other = daemon.clients().await;
    let unread = dense(&mut other, &model).await.unwrap();
    assert!(in_use(&mut clients).await >= before + volume);
    let refused = dense(&mut clients, &model).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::ResourceExhausted, "MEMORY_FULL")
    );
    assert!(
        refused.message().contains("of 8500000 are in use"),
        "{refused:?}"
    );
    // What is small is still answered.
    let request = proto::EvaluateRequest {
        model: model.clone(),
        points: vec![0; 12].into(),
        ..Default::default()
    };
    clients.query.evaluate(request).await.unwrap();

    // Its client goes away: there is room again as soon as the daemon has noticed.
    drop((unread, other));
    let back = async {
        loop {
            match dense(&mut clients, &model).await {
                Ok(mut volume) => {
                    while volume.message().await.unwrap().is_some() {}
                    return;
                }
                Err(status) => assert_eq!(reason(&status), "MEMORY_FULL"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, back).await.unwrap();
}

#[tokio::test]
async fn what_can_never_fit_is_refused_before_it_is_read() {
    let limits = Limits {
        max_memory_bytes: 100_000,
        ..Default::default()
    };
    let (daemon, _folder) = start_with(Arc::new(octahedron::fit), limits);
    let mut clients = daemon.clients().await;
    let request = proto::EvaluateRequest {
        model: "models/none".to_owned(),
        points: vec![0; 120_000].into(),
        ..Default::default()
    };
    let refused = clients.query.evaluate(request).await.unwrap_err();
    assert_eq!(reason(&refused), "MEMORY_FULL", "{refused:?}");
    assert!(
        refused.message().contains("of 100000 are in use"),
        "{refused:?}"
    );
}

/// A daemon whose fits may take that long.
fn start_hasty(fit: Arc<FitFunction>, most: Duration) -> (Daemon, tempfile::TempDir) {
    let settings = ServerSettings {
        times: Times {
            fit: most,
            ..Default::default()
        },
        ..Default::default()
    };
    let folder = tempfile::tempdir().unwrap();
    (Daemon::start_as(folder.path(), fit, settings), folder)
}

#[tokio::test]
async fn a_fit_that_takes_too_long_keeps_its_best_state() {
    let most = Duration::from_millis(300);
    let (daemon, _folder) = start_hasty(busy(Phase::Train, Arc::new(AtomicBool::new(false))), most);
    let mut clients = daemon.clients().await;
    let mesh = clients.upload().await;
    let request = |seconds| proto::CreateFitRequest {
        mesh: mesh.clone(),
        settings: Some(proto::FitSettings {
            seconds,
            steps: Some(10),
            ..Default::default()
        }),
        ..Default::default()
    };
    let refused = clients
        .fits
        .create_fit(request(Some(7.0)))
        .await
        .unwrap_err();
    assert!(refused.message().contains("may take 0.3 s"), "{refused:?}");
    let fit = clients.fits.create_fit(request(None)).await.unwrap();
    let ended = clients.ended(&fit.into_inner().fit.unwrap().name).await;
    assert_eq!(ended.state(), FitState::Succeeded);
    let mut warnings = ended.warnings.iter();
    assert!(
        warnings.any(|words| words.contains("--max-fit-seconds")),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_fit_that_does_not_even_begin_to_train_ends() {
    let (daemon, _folder) = start_hasty(endless(), Duration::from_millis(100));
    let mut clients = daemon.clients().await;
    let mesh = clients.upload().await;
    let request = proto::CreateFitRequest {
        mesh,
        settings: Some(proto::FitSettings {
            steps: Some(10),
            ..Default::default()
        }),
        ..Default::default()
    };
    let fit = clients.fits.create_fit(request).await.unwrap();
    let ended = clients.ended(&fit.into_inner().fit.unwrap().name).await;
    assert_eq!(ended.state(), FitState::Failed);
    assert_eq!(ended.error.unwrap().reason, "FIT_TOO_LONG");
}
