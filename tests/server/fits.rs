//! Fits: their queue, their watchers, their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use overfit::CancelToken;
use overfit::field::Model;
use overfit::geometry::Mesh;
use overfit::server::proto::{self, Fit, FitState, WatchFitResponse, watch_fit_response::Event};
use overfit::server::{FitFunction, Limits};
use overfit::train::{FitError, FitSettings, Phase, Progress};
use tonic::{Code, Streaming};

use crate::daemon::{Clients, PATIENCE, blamed, reason, start, start_with};
use crate::octahedron;

/// A fit that reports progress in `phase` until it is cancelled or `released`.
fn busy(phase: Phase, released: Arc<AtomicBool>) -> Arc<FitFunction> {
    Arc::new(
        move |mesh: &Mesh, name: &str, settings: &FitSettings, cancel: &CancelToken, tell: &mut dyn FnMut(Progress)| {
            for step in 1.. {
                if cancel.is_cancelled() {
                    return Err(FitError::Cancelled);
                }
                if released.load(Ordering::Acquire) {
                    break;
                }
                tell(Progress { phase, step, ..Default::default() });
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(octahedron::model(mesh, name, settings))
        },
    )
}

fn limits(max_running_fits: u32, max_queued_fits: u32) -> Limits {
    Limits {
        max_running_fits,
        max_queued_fits,
        ..Default::default()
    }
}

async fn watch(clients: &mut Clients, name: &str, after_sequence: u64) -> Streaming<WatchFitResponse> {
    let name = name.to_owned();
    let request = proto::WatchFitRequest { name, after_sequence };
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
        assert_eq!(is_first, matches!(message.event, Some(Event::Snapshot(_))), "a snapshot is first");
        if let Some(before) = all.last() {
            let repeats = matches!(message.event, Some(Event::Ended(_))) && message.sequence == before.sequence;
            assert!(message.sequence > before.sequence || repeats, "sequences grow");
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
    };
    let fit = one.fits.create_fit(request.clone()).await.unwrap().into_inner().fit.unwrap();
    assert_eq!((fit.mesh.as_str(), fit.display_name.as_str(), fit.sequence), (mesh.as_str(), "my model", 1));
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
    let model = one.models.get_model(request).await.unwrap().into_inner().model.unwrap();
    assert_eq!((model.display_name.as_str(), model.preset.as_str(), model.steps), ("my model", "draft", 7));
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
    let before = later.get_fit(&name).await;
    later.in_phase(&name, proto::Phase::Train).await;
    assert!(later.get_fit(&name).await.sequence > before.sequence);
    released.store(true, Ordering::Release);
    assert_eq!(later.ended(&name).await.state(), FitState::Succeeded);
}

#[tokio::test]
async fn a_watcher_that_does_not_read_neither_slows_a_fit_nor_fills_memory() {
    const STEPS: u64 = 200_000;
    let fit: Arc<FitFunction> = Arc::new(|mesh: &Mesh, name: &str, settings: &FitSettings, _: &CancelToken, tell: &mut dyn FnMut(Progress)| {
        for step in 1..=STEPS {
            tell(Progress { phase: Phase::Train, step, ..Default::default() });
        }
        Ok(octahedron::model(mesh, name, settings))
    });
    let (daemon, _folder) = start_with(fit, Limits::default());
    let (mut slow, mut fast) = (daemon.clients().await, daemon.clients().await);
    let mesh = fast.upload().await;
    let fit = fast.fit(&mesh).await;
    let unread = watch(&mut slow, &fit.name, 0).await;
    // It ends with all its steps while one watcher has read nothing at all.
    assert_eq!(fast.ended(&fit.name).await.progress.unwrap().step, STEPS);
    let (messages, ended) = to_the_end(unread).await;
    assert_eq!(ended.state(), FitState::Succeeded);
    // What the connection had room for, and no more.
    assert!(messages.len() < STEPS as usize / 10, "{} messages", messages.len());
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

#[tokio::test]
async fn cancel_takes_effect_within_a_second_in_every_phase() {
    for (phase, shown) in [
        (Phase::Prepare, proto::Phase::Prepare),
        (Phase::Train, proto::Phase::Train),
        (Phase::Evaluate, proto::Phase::Evaluate),
    ] {
        let (daemon, _folder) = start_with(busy(phase, Arc::default()), Limits::default());
        let mut client = daemon.clients().await;
        let mesh = client.upload().await;
        let fit = client.fit(&mesh).await;
        client.in_phase(&fit.name, shown).await;
        let start = Instant::now();
        client.cancel(&fit.name).await;
        let ended = client.ended(&fit.name).await;
        assert!(start.elapsed() < Duration::from_secs(1), "{phase:?}: {:?}", start.elapsed());
        assert_eq!(ended.state(), FitState::Cancelled);
        assert!(ended.model.is_empty() && ended.error.is_none() && ended.end_time.is_some());
        // Once more changes nothing.
        assert_eq!(client.cancel(&fit.name).await, ended);
    }
}

#[tokio::test]
async fn fits_wait_for_their_turn_and_can_be_cancelled_meanwhile() {
    let released = Arc::new(AtomicBool::new(false));
    let (daemon, _folder) = start_with(busy(Phase::Train, released.clone()), limits(1, 2));
    let mut client = daemon.clients().await;
    let mesh = client.upload().await;
    let running = client.fit(&mesh).await.name;
    client.in_phase(&running, proto::Phase::Train).await;
    let waiting = client.fit(&mesh).await.name;
    let unwanted = client.fit(&mesh).await.name;
    let request = proto::CreateFitRequest { mesh: mesh.clone(), ..Default::default() };
    let status = client.fits.create_fit(request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "QUEUE_FULL"));

    let cancelled = client.cancel(&unwanted).await;
    assert_eq!(cancelled.state(), FitState::Cancelled);
    assert!(cancelled.start_time.is_none());
    assert_eq!(client.get_fit(&waiting).await.state(), FitState::Queued);
    let status = client.fits.delete_fit(proto::DeleteFitRequest { name: waiting.clone() }).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "FIT_NOT_ENDED"));

    // Neither the running nor the waiting fit needs the mesh's name any more.
    client.meshes.delete_mesh(proto::DeleteMeshRequest { name: mesh.clone() }).await.unwrap();
    released.store(true, Ordering::Release);
    assert_eq!(client.ended(&running).await.state(), FitState::Succeeded);
    assert_eq!(client.ended(&waiting).await.state(), FitState::Succeeded);

    let list = client.fits.list_fits(proto::ListFitsRequest::default()).await.unwrap().into_inner();
    let listed: Vec<String> = list.fits.into_iter().map(|fit| fit.name).collect();
    assert_eq!(listed, [unwanted.clone(), waiting, running.clone()]);
    client.fits.delete_fit(proto::DeleteFitRequest { name: unwanted.clone() }).await.unwrap();
    let status = client.fits.get_fit(proto::GetFitRequest { name: unwanted }).await.unwrap_err();
    assert_eq!(reason(&status), "FIT_NOT_FOUND");
    // A forgotten fit leaves its model.
    let model = client.get_fit(&running).await.model;
    client.fits.delete_fit(proto::DeleteFitRequest { name: running }).await.unwrap();
    client.models.get_model(proto::GetModelRequest { name: model }).await.unwrap();
}

#[tokio::test]
async fn so_many_fits_run_at_once_and_no_more() {
    static RUNNING: AtomicU32 = AtomicU32::new(0);
    static MOST: AtomicU32 = AtomicU32::new(0);
    let fit: Arc<FitFunction> = Arc::new(|mesh: &Mesh, name: &str, settings: &FitSettings, _: &CancelToken, _: &mut dyn FnMut(Progress)| {
        let running = RUNNING.fetch_add(1, Ordering::AcqRel) + 1;
        MOST.fetch_max(running, Ordering::AcqRel);
        std::thread::sleep(Duration::from_millis(20));
        RUNNING.fetch_sub(1, Ordering::AcqRel);
        Ok(octahedron::model(mesh, name, settings))
    });
    let (daemon, _folder) = start_with(fit, limits(2, 10));
    let mut client = daemon.clients().await;
    let mesh = client.upload().await;
    let mut fits = Vec::new();
    for _ in 0..6 {
        fits.push(client.fit(&mesh).await.name);
    }
    for fit in fits {
        assert_eq!(client.ended(&fit).await.state(), FitState::Succeeded);
    }
    assert_eq!(MOST.load(Ordering::Acquire), 2);
}

#[tokio::test]
async fn a_panic_fails_its_fit_and_nothing_else() {
    let calls = AtomicU32::new(0);
    let fit = move |mesh: &Mesh, name: &str, settings: &FitSettings, _: &CancelToken, _: &mut dyn FnMut(Progress)| {
        match calls.fetch_add(1, Ordering::AcqRel) {
            0 => panic!("index 7 is out of bounds"),
            1 => Err(FitError::Diverged { step: 3, loss: f32::NAN }),
            _ => Ok::<Model, _>(octahedron::model(mesh, name, settings)),
        }
    };
    let (daemon, _folder) = start_with(Arc::new(fit), Limits::default());
    let mut client = daemon.clients().await;
    let mesh = client.upload().await;
    for (expected, words) in [("PANIC", "index 7 is out of bounds"), ("TRAINING_DIVERGED", "Lower the learning rate")] {
        let fit = client.fit(&mesh).await;
        let ended = client.ended(&fit.name).await;
        assert_eq!(ended.state(), FitState::Failed);
        let error = ended.error.unwrap();
        assert_eq!(error.reason, expected);
        assert!(error.message.contains(words), "{}", error.message);
        assert!(ended.model.is_empty() && ended.end_time.is_some());
    }
    let fit = client.fit(&mesh).await;
    assert_eq!(client.ended(&fit.name).await.state(), FitState::Succeeded);
}

#[tokio::test]
async fn wrong_requests_are_refused_before_they_wait() {
    let (daemon, _folder) = start();
    let mut client = daemon.clients().await;
    let mesh = client.upload().await;
    let settings = |change: fn(&mut proto::FitSettings)| {
        let mut settings = proto::FitSettings::default();
        change(&mut settings);
        Some(settings)
    };
    let cases = [
        ("settings.preset", settings(|s| s.preset = "fancy".to_owned())),
        ("settings.device", settings(|s| s.device = "gpu".to_owned())),
        ("settings.device", settings(|s| s.device = "cuda:99".to_owned())),
        ("settings.seconds", settings(|s| s.seconds = Some(f64::NAN))),
        ("settings.steps", settings(|s| s.steps = Some(0))),
        ("settings.batch_size", settings(|s| s.batch_size = Some(1))),
        ("settings.learning_rate", settings(|s| s.learning_rate = Some(-1.0))),
        ("settings.sign", settings(|s| s.sign = 99)),
    ];
    for (field, settings) in cases {
        let request = proto::CreateFitRequest { mesh: mesh.clone(), settings, ..Default::default() };
        let status = client.fits.create_fit(request).await.unwrap_err();
        assert_eq!(blamed(&status), field, "{status:?}");
        reason(&status);
    }
    let unknown = proto::CreateFitRequest { mesh: "meshes/0".to_owned(), ..Default::default() };
    let status = client.fits.create_fit(unknown).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "MESH_NOT_FOUND"));
    let malformed = proto::CreateFitRequest { mesh: "suzanne".to_owned(), ..Default::default() };
    assert_eq!(blamed(&client.fits.create_fit(malformed).await.unwrap_err()), "mesh");
    for name in ["fits/0", "fits/1"] {
        let name = name.to_owned();
        let status = client.fits.cancel_fit(proto::CancelFitRequest { name: name.clone() }).await.unwrap_err();
        assert_eq!(reason(&status), "FIT_NOT_FOUND");
        let request = proto::WatchFitRequest { name, after_sequence: 0 };
        assert_eq!(reason(&client.fits.watch_fit(request).await.unwrap_err()), "FIT_NOT_FOUND");
    }
    assert!(client.fits.list_fits(proto::ListFitsRequest::default()).await.unwrap().into_inner().fits.is_empty());
}
