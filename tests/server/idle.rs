//! A daemon that ends by itself when nobody needs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use overfit::server::proto::{self, FitState};
use overfit::server::{FitFunction, RUNTIME_FILE, Server, ServerSettings};
use overfit::train::Phase;
use tempfile::TempDir;

use crate::busy_fit::busy;
use crate::daemon::{Daemon, PATIENCE};
use crate::octahedron;

/// Long enough to connect meanwhile, on a busy machine, too.
const IDLE: Duration = Duration::from_secs(2);

fn start(fit: Arc<FitFunction>) -> (Daemon, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let settings = ServerSettings {
        exit_when_idle: Some(IDLE),
        ..Default::default()
    };
    (Daemon::start_as(folder.path(), fit, settings), folder)
}

#[tokio::test]
async fn it_ends_where_nobody_ever_comes_and_takes_its_file_away() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ServerSettings {
        data_dir: Some(folder.path().to_owned()),
        exit_when_idle: Some(IDLE),
        ..Default::default()
    };
    let server = Server::open(settings).unwrap();
    let (listener, _) = server.bind().await.unwrap();
    let running = server.run(listener, std::future::pending());
    let ended = tokio::time::timeout(PATIENCE, running).await;
    ended.expect("it ends by itself").unwrap();
    assert!(!folder.path().join(RUNTIME_FILE).exists());
}

#[tokio::test]
async fn it_stays_while_a_connection_is_open() {
    let (daemon, _folder) = start(Arc::new(octahedron::fit));
    let (mut one, other) = (daemon.clients().await, daemon.clients().await);
    drop(other);
    // No call is made meanwhile.
    tokio::time::sleep(2 * IDLE).await;
    one.server
        .get_server_info(proto::GetServerInfoRequest {})
        .await
        .unwrap();
    drop(one);
    daemon.ends().await;
}

#[tokio::test]
async fn it_stays_while_fits_run_or_wait() {
    let released = Arc::new(AtomicBool::new(false));
    let (daemon, folder) = start(busy(Phase::Train, released.clone()));
    let mut clients = daemon.clients().await;
    let mesh = clients.upload().await;
    let running = clients.fit(&mesh).await.name;
    clients.in_phase(&running, proto::Phase::Train).await;
    // One that is cancelled before its turn needs nobody.
    let unwanted = clients.fit(&mesh).await.name;
    assert_eq!(clients.cancel(&unwanted).await.state(), FitState::Cancelled);
    drop(clients);
    tokio::time::sleep(2 * IDLE).await;
    assert!(daemon.is_running(), "it left a fit alone");
    released.store(true, Ordering::Release);
    daemon.ends().await;
    // The model is there.
    let file = format!("{}.safetensors", running.trim_start_matches("fits/"));
    assert!(folder.path().join("models").join(file).exists());
}
