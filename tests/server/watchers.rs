//! Watching fits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use overfit::CancelToken;
use overfit::geometry::Mesh;
use overfit::server::proto::{self, Fit, FitState, WatchFitResponse, watch_fit_response::Event};
use overfit::server::{FitFunction, Limits};
use overfit::train::{Checkpoint, FitSettings, Observer, Phase, Progress};
use tonic::Streaming;

use crate::busy_fit::busy;
use crate::daemon::{Clients, PATIENCE, start_with};
use crate::octahedron;

async fn watch(
    clients: &mut Clients,
    name: &str,
    after_sequence: u64,
) -> Streaming<WatchFitResponse> {
    let name = name.to_owned();
    let request = proto::WatchFitRequest {
        name,
        after_sequence,
    };
    clients.fits.watch_fit(request).await.unwrap().into_inner()
}

async fn next(messages: &mut Streaming<WatchFitResponse>) -> Option<WatchFitResponse> {
    let next = tokio::time::timeout(PATIENCE, messages.message()).await;
    next.expect("a message comes").unwrap()
}

/// All messages to the end, whose order must be the one that is promised.
async fn to_the_end(mut messages: Streaming<WatchFitResponse>) -> (Vec<WatchFitResponse>, Fit) {
    let mut all: Vec<WatchFitResponse> = Vec::new();
    while let Some(message) = next(&mut messages).await {
        let is_first = all.is_empty();
        assert_eq!(
            is_first,
            matches!(message.event, Some(Event::Snapshot(_))),
            "a snapshot is first"
        );
        if let Some(before) = all.last() {
            let repeats = matches!(message.event, Some(Event::Ended(_)))
                && message.sequence == before.sequence;
            assert!(
                message.sequence > before.sequence || repeats,
                "sequences grow"
            );
        }
        all.push(message);
    }
    let Some(Event::Ended(fit)) = all.last().and_then(|message| message.event.clone()) else {
        panic!("the last message tells the end");
    };
    (all, fit)
}

#[tokio::test]
async fn a_fit_succeeds_and_two_watchers_see_it() {
    let released = Arc::new(AtomicBool::new(false));
    let (daemon, _folder) = start_with(busy(Phase::Train, released.clone()), Limits::default());
    let (mut one, mut other) = (daemon.clients().await, daemon.clients().await);
    let mesh = one.upload().await;
    let request = proto::CreateFitRequest {
        mesh: mesh.clone(),
        display_name: "my model".to_owned(),
        settings: Some(proto::FitSettings {
            preset: "draft".to_owned(),
            steps: Some(5),
            ..Default::default()
        }),
        ..Default::default()
    };
    let fit = one
        .fits
        .create_fit(request.clone())
        .await
        .unwrap()
        .into_inner()
        .fit
        .unwrap();
    assert_eq!(
        (fit.mesh.as_str(), fit.display_name.as_str(), fit.sequence),
        (mesh.as_str(), "my model", 1)
    );
    assert_eq!(fit.settings, request.settings);
    assert!(fit.create_time.is_some() && fit.progress.is_none());

    let first = tokio::spawn(to_the_end(watch(&mut one, &fit.name, 0).await));
    let second = tokio::spawn(to_the_end(watch(&mut other, &fit.name, 0).await));
    one.in_phase(&fit.name, proto::Phase::Train).await;
    released.store(true, Ordering::Release);
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert_eq!(first.1, second.1);
    let ended = first.1;
    assert_eq!(ended, one.get_fit(&fit.name).await);
    assert_eq!(ended.state(), FitState::Succeeded);
    assert_eq!(ended.metrics.unwrap().near_mae, 0.25);
    assert_eq!(ended.warnings, ["a warning of the fit"]);
    assert_eq!(ended.progress.as_ref().unwrap().phase(), proto::Phase::Save);
    assert!(ended.start_time.is_some() && ended.end_time.is_some() && ended.error.is_none());

    let request = proto::GetModelRequest { name: ended.model };
    let model = one
        .models
        .get_model(request)
        .await
        .unwrap()
        .into_inner()
        .model
        .unwrap();
    assert_eq!(
        (
            model.display_name.as_str(),
            model.preset.as_str(),
            model.steps
        ),
        ("my model", "draft", 7)
    );
}

#[tokio::test]
async fn a_fit_goes_on_when_its_client_goes_away() {
    let released = Arc::new(AtomicBool::new(false));
    let (daemon, _folder) = start_with(busy(Phase::Train, released.clone()), Limits::default());
    let name = {
        let mut client = daemon.clients().await;
        let mesh = client.upload().await;
        let fit = client.fit(&mesh).await;
        let mut messages = watch(&mut client, &fit.name, 0).await;
        next(&mut messages).await.unwrap();
        fit.name
    };
    let mut later = daemon.clients().await;
    let before = later.get_fit(&name).await.sequence;
    let goes_on = async { while later.get_fit(&name).await.sequence < before + 10 {} };
    tokio::time::timeout(PATIENCE, goes_on)
        .await
        .expect("progress after the client has gone");
    released.store(true, Ordering::Release);
    assert_eq!(later.ended(&name).await.state(), FitState::Succeeded);
}

#[tokio::test]
async fn a_watcher_that_does_not_read_neither_slows_a_fit_nor_fills_memory() {
    const STEPS: u64 = 200_000;
    let fit: Arc<FitFunction> = Arc::new(
        |mesh: &Mesh,
         name: &str,
         settings: &FitSettings,
         _: Option<Checkpoint>,
         _: &CancelToken,
         tell: &mut dyn Observer| {
            for step in 1..=STEPS {
                tell.progress(Progress {
                    phase: Phase::Train,
                    step,
                    ..Default::default()
                });
            }
            Ok(octahedron::model(mesh, name, settings))
        },
    );
    let (daemon, _folder) = start_with(fit, Limits::default());
    let (mut slow, mut fast) = (daemon.clients().await, daemon.clients().await);
    let mesh = fast.upload().await;
    let fit = fast.fit(&mesh).await;
    let unread = watch(&mut slow, &fit.name, 0).await;
    // It ends with all its steps while one watcher has read nothing at all.
    assert_eq!(fast.ended(&fit.name).await.progress.unwrap().step, STEPS);
    let (messages, ended) = to_the_end(unread).await;
    assert_eq!(ended.state(), FitState::Succeeded);
    // The rest was skipped, not stored.
    assert!(
        messages.len() < STEPS as usize / 10,
        "{} messages",
        messages.len()
    );
}

#[tokio::test]
async fn a_watcher_goes_on_where_it_was() {
    let released = Arc::new(AtomicBool::new(false));
    let (daemon, _folder) = start_with(busy(Phase::Train, released.clone()), Limits::default());
    let mut client = daemon.clients().await;
    let mesh = client.upload().await;
    let fit = client.fit(&mesh).await;
    released.store(true, Ordering::Release);
    let ended = client.ended(&fit.name).await;
    let mut messages = watch(&mut client, &fit.name, ended.sequence).await;
    let message = next(&mut messages).await.unwrap();
    assert_eq!(message.event, Some(Event::Ended(ended)));
    assert_eq!(next(&mut messages).await, None);
}
