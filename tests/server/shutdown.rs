//! The end of a daemon: soon, with everything that was finished.

use std::sync::Arc;
use std::time::Duration;

use overfit::CancelToken;
use overfit::geometry::Mesh;
use overfit::server::proto::{self, watch_fit_response::Event};
use overfit::server::{FitFunction, Limits, ServerSettings};
use overfit::train::{Checkpoint, FitError, FitSettings, Observer, Preset};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::daemon::{Clients, Daemon, PATIENCE, reason, start_with};
use crate::octahedron;

/// Runs until it is cancelled.
pub fn endless() -> Arc<FitFunction> {
    Arc::new(
        |_: &Mesh,
         _: &str,
         _: &FitSettings,
         _: Option<Checkpoint>,
         cancel: &CancelToken,
         _: &mut dyn Observer| {
            while !cancel.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(FitError::Cancelled)
        },
    )
}

/// A model that needs no fit.
async fn import(clients: &mut Clients) -> String {
    use proto::import_model_request::Part;
    let mesh = Mesh::from_arrays(&octahedron::positions(), &octahedron::TRIANGLES);
    let file = octahedron::model(&mesh, "octahedron", &Preset::default().settings()).to_bytes();
    let parts = [Part::Metadata(Default::default()), Part::Chunk(file.into())];
    let messages = parts.map(|part| proto::ImportModelRequest { part: Some(part) });
    let answer = clients
        .models
        .import_model(tokio_stream::iter(messages))
        .await
        .unwrap();
    answer.into_inner().model.unwrap().name
}

#[tokio::test]
async fn watchers_are_told_and_the_daemon_ends_whatever_is_open() {
    let (daemon, _folder) = start_with(endless(), Limits::default());
    let mut clients = daemon.clients().await;
    let mesh = clients.upload().await;
    let running = clients.fit(&mesh).await.name;
    let waiting = clients.fit(&mesh).await.name;
    clients.in_phase(&running, proto::Phase::Prepare).await;
    let mut streams = Vec::new();
    for name in [running, waiting] {
        let request = proto::WatchFitRequest {
            name,
            after_sequence: 0,
        };
        streams.push(clients.fits.watch_fit(request).await.unwrap().into_inner());
    }
    // A call that its client never ends; the answer shows that it is under way.
    let model = import(&mut clients).await;
    let (open, receive) = mpsc::channel(1);
    let request = proto::EvaluateStreamRequest {
        model,
        ..Default::default()
    };
    open.send(request).await.unwrap();
    let mut answers = clients
        .query
        .evaluate_stream(ReceiverStream::new(receive))
        .await
        .unwrap()
        .into_inner();
    answers.message().await.unwrap().unwrap();

    daemon.stop().await;
    // The fits have not ended: they go on in the next daemon.
    for mut messages in streams {
        let status = loop {
            match messages.message().await {
                Ok(Some(message)) => assert!(!matches!(message.event, Some(Event::Ended(_)))),
                Ok(None) => panic!("watchers are told why"),
                Err(status) => break status,
            }
        };
        let told = (status.code(), reason(&status));
        assert_eq!(told, (tonic::Code::Unavailable, "SHUTTING_DOWN".to_owned()));
    }
}

#[tokio::test]
async fn a_model_that_is_finished_during_the_shutdown_is_saved() {
    // Deaf to the token for a moment, as a fit is that has just done its last step.
    let fit: Arc<FitFunction> = Arc::new(
        |mesh: &Mesh,
         name: &str,
         settings: &FitSettings,
         _: Option<Checkpoint>,
         cancel: &CancelToken,
         _: &mut dyn Observer| {
            while !cancel.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(300));
            Ok(octahedron::model(mesh, name, settings))
        },
    );
    let folder = tempfile::tempdir().unwrap();
    let settings = ServerSettings {
        shutdown_grace: PATIENCE,
        ..Default::default()
    };
    let daemon = Daemon::start_as(folder.path(), fit, settings);
    let mut clients = daemon.clients().await;
    let mesh = clients.upload().await;
    let fit = clients.fit(&mesh).await;
    clients.in_phase(&fit.name, proto::Phase::Prepare).await;
    drop(clients);
    daemon.stop().await;

    let daemon = Daemon::start(folder.path(), Arc::new(octahedron::fit), Limits::default());
    let mut clients = daemon.clients().await;
    let models = clients
        .models
        .list_models(proto::ListModelsRequest::default())
        .await
        .unwrap()
        .into_inner()
        .models;
    assert_eq!(models.len(), 1);
}
