//! A daemon that starts where another was killed: on a copy of its folder, taken while it worked.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use overfit::CancelToken;
use overfit::geometry::Mesh;
use overfit::server::proto::{self, FitState};
use overfit::server::{FitFunction, Limits, Server, ServerSettings};
use overfit::train::{Checkpoint, FitSettings, Observer, Phase, fit_from};

use crate::busy_fit::busy;
use crate::daemon::{Clients, Daemon, PATIENCE};
use crate::octahedron;

/// What a kill would leave of a folder right now.
fn as_if_killed(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_into(folder, copy.path());
    copy
}

fn copy_into(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_into(&entry.path(), &target);
            continue;
        }
        match fs::copy(entry.path(), target) {
            // Removed or renamed since it was listed.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            copied => drop(copied.unwrap()),
        }
    }
}

/// What a fit was begun with: its name, and the step that it went on from.
type Begun = Arc<Mutex<Vec<(String, Option<u64>)>>>;

/// Fits octahedra at once, and writes down what was asked for.
fn recorded(begun: Begun) -> Arc<FitFunction> {
    Arc::new(
        move |mesh: &Mesh,
              name: &str,
              settings: &FitSettings,
              checkpoint: Option<Checkpoint>,
              _: &CancelToken,
              _: &mut dyn Observer| {
            let step = checkpoint.as_ref().map(Checkpoint::step);
            begun.lock().unwrap().push((name.to_owned(), step));
            Ok(octahedron::model(mesh, name, settings))
        },
    )
}

async fn named_fit(clients: &mut Clients, mesh: &str, name: &str) -> String {
    let settings = proto::FitSettings {
        preset: "draft".to_owned(),
        steps: Some(1_000_000),
        batch_size: Some(512),
        ..Default::default()
    };
    let request = proto::CreateFitRequest {
        mesh: mesh.to_owned(),
        settings: Some(settings),
        display_name: name.to_owned(),
        ..Default::default()
    };
    let answer = clients.fits.create_fit(request).await.unwrap();
    answer.into_inner().fit.unwrap().name
}

#[tokio::test]
async fn fits_of_a_killed_daemon_keep_their_place_and_those_that_ended_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path(), Arc::new(octahedron::fit), Limits::default());
    let over = daemon.clients().await.model().await;
    daemon.stop().await;

    let daemon = Daemon::start(
        folder.path(),
        busy(Phase::Train, Arc::default()),
        Limits::default(),
    );
    let mut clients = daemon.clients().await;
    let mesh = clients.upload().await;
    let mut names = Vec::new();
    for name in ["first", "second", "third"] {
        names.push(named_fit(&mut clients, &mesh, name).await);
    }
    clients.in_phase(&names[0], proto::Phase::Train).await;
    let seen = clients.get_fit(&names[0]).await.sequence;
    let killed = as_if_killed(folder.path());

    let begun = Begun::default();
    let next = Daemon::start(killed.path(), recorded(begun.clone()), Limits::default());
    let mut clients = next.clients().await;
    for name in &names {
        let ended = clients.ended(name).await;
        assert_eq!(ended.state(), FitState::Succeeded, "{ended:?}");
        assert_eq!(ended.mesh, mesh);
    }
    // Watchers that go on where they were hear of it.
    assert!(clients.get_fit(&names[0]).await.sequence > seen);
    let order = ["first", "second", "third"].map(|name| (name.to_owned(), None));
    assert_eq!(*begun.lock().unwrap(), order);
    let listed = clients.fits.list_fits(proto::ListFitsRequest::default());
    let listed = listed.await.unwrap().into_inner().fits;
    let states: Vec<FitState> = listed.iter().map(proto::Fit::state).collect();
    assert_eq!(states, [FitState::Succeeded; 4]);
    assert_eq!(listed[3].model, over);

    // What a client stops stays so; what is there when the daemon is stopped goes on, as after a kill.
    let mut clients = daemon.clients().await;
    assert_eq!(clients.cancel(&names[1]).await.state(), FitState::Cancelled);
    drop(clients);
    daemon.stop().await;
    let daemon = Daemon::start(folder.path(), Arc::new(octahedron::fit), Limits::default());
    let mut clients = daemon.clients().await;
    for name in [&names[0], &names[2]] {
        assert_eq!(clients.ended(name).await.state(), FitState::Succeeded);
    }
    assert_eq!(
        clients.get_fit(&names[1]).await.state(),
        FitState::Cancelled
    );
    let request = proto::DeleteFitRequest {
        name: names[0].clone(),
    };
    clients.fits.delete_fit(request).await.unwrap();
    daemon.stop().await;
    let daemon = Daemon::start(folder.path(), Arc::new(octahedron::fit), Limits::default());
    let mut clients = daemon.clients().await;
    let listed = clients.fits.list_fits(proto::ListFitsRequest::default());
    assert_eq!(listed.await.unwrap().into_inner().fits.len(), 3);
}

#[tokio::test]
async fn a_daemon_that_is_stopped_loses_no_step() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ServerSettings {
        // Only the stop writes one.
        checkpoint_interval: PATIENCE,
        shutdown_grace: PATIENCE,
        ..Default::default()
    };
    let daemon = Daemon::start_as(folder.path(), Arc::new(fit_from), settings);
    let mut clients = daemon.clients().await;
    let mesh = clients.upload().await;
    let fit = named_fit(&mut clients, &mesh, "octahedron").await;
    clients.in_phase(&fit, proto::Phase::Train).await;
    let seen = clients.get_fit(&fit).await.progress.unwrap().step;
    drop(clients);
    daemon.stop().await;

    let begun = Begun::default();
    let next = Daemon::start(folder.path(), recorded(begun.clone()), Limits::default());
    let mut clients = next.clients().await;
    assert_eq!(clients.ended(&fit).await.state(), FitState::Succeeded);
    let begun = begun.lock().unwrap();
    let [(_, Some(step))] = &begun[..] else {
        panic!("it goes on: {begun:?}");
    };
    assert!(*step >= seen, "{step} after {seen}");
}

#[tokio::test]
async fn a_fit_whose_mesh_is_lost_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(
        folder.path(),
        busy(Phase::Train, Arc::default()),
        Limits::default(),
    );
    let mut clients = daemon.clients().await;
    let mesh = clients.upload().await;
    let fit = named_fit(&mut clients, &mesh, "octahedron").await;
    let (_, id) = fit.split_once('/').unwrap();
    drop(clients);
    daemon.stop().await;
    let file = folder.path().join("fits").join(id).join("mesh.safetensors");
    fs::write(file, "damaged").unwrap();
    let daemon = Daemon::start(folder.path(), Arc::new(octahedron::fit), Limits::default());
    let ended = daemon.clients().await.ended(&fit).await;
    assert_eq!(ended.error.unwrap().reason, "FIT_LOST");
}

#[tokio::test]
async fn a_fit_that_ran_goes_on_from_its_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ServerSettings {
        checkpoint_interval: Duration::from_millis(20),
        ..Default::default()
    };
    let daemon = Daemon::start_as(folder.path(), Arc::new(fit_from), settings);
    let mut clients = daemon.clients().await;
    let mesh = clients.upload().await;
    let fit = named_fit(&mut clients, &mesh, "octahedron").await;
    let (_, id) = fit.split_once('/').unwrap();
    let file = folder
        .path()
        .join("fits")
        .join(id)
        .join("checkpoint.safetensors");
    let written = async {
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, written).await.unwrap();
    let killed = as_if_killed(folder.path());
    clients.cancel(&fit).await;
    assert_eq!(clients.ended(&fit).await.state(), FitState::Cancelled);
    assert!(!file.exists());

    // A daemon that cannot serve leaves everything as it was.
    let settings = ServerSettings {
        data_dir: Some(killed.path().to_owned()),
        ..Default::default()
    };
    drop(Server::open_with(settings, busy(Phase::Train, Arc::default())).unwrap());
    let begun = Begun::default();
    let next = Daemon::start(killed.path(), recorded(begun.clone()), Limits::default());
    let mut clients = next.clients().await;
    let ended = clients.ended(&fit).await;
    assert_eq!(ended.state(), FitState::Succeeded, "{ended:?}");
    let begun = begun.lock().unwrap();
    let [(name, Some(step))] = &begun[..] else {
        panic!("it goes on: {begun:?}");
    };
    assert!(name == "octahedron" && *step > 0, "{step}");
}
