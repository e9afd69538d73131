//! Fits: their queue and their end.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use overfit::CancelToken;
use overfit::field::Model;
use overfit::geometry::Mesh;
use overfit::server::proto::{self, FitState};
use overfit::server::{FitFunction, Limits};
use overfit::train::{Checkpoint, FitError, FitSettings, Observer, Phase};
use tonic::Code;

use crate::busy_fit::busy;
use crate::daemon::{blamed, reason, start, start_with};
use crate::octahedron;

fn limits(max_running_fits: u32, max_queued_fits: u32) -> Limits {
    Limits {
        max_running_fits,
        max_queued_fits,
        ..Default::default()
    }
}

#[tokio::test]
async fn cancel_ends_a_fit_in_every_phase() {
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
        client.cancel(&fit.name).await;
        let ended = client.ended(&fit.name).await;
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
    let request = proto::CreateFitRequest {
        mesh: mesh.clone(),
        ..Default::default()
    };
    let status = client.fits.create_fit(request).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::ResourceExhausted, "QUEUE_FULL")
    );

    let cancelled = client.cancel(&unwanted).await;
    assert_eq!(cancelled.state(), FitState::Cancelled);
    assert!(cancelled.start_time.is_none());
    assert_eq!(client.get_fit(&waiting).await.state(), FitState::Queued);
    let status = client
        .fits
        .delete_fit(proto::DeleteFitRequest {
            name: waiting.clone(),
        })
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::FailedPrecondition, "FIT_NOT_ENDED")
    );

    // Neither the running nor the waiting fit needs the mesh's name any more.
    client
        .meshes
        .delete_mesh(proto::DeleteMeshRequest { name: mesh.clone() })
        .await
        .unwrap();
    released.store(true, Ordering::Release);
    assert_eq!(client.ended(&running).await.state(), FitState::Succeeded);
    assert_eq!(client.ended(&waiting).await.state(), FitState::Succeeded);

    let list = client
        .fits
        .list_fits(proto::ListFitsRequest::default())
        .await
        .unwrap()
        .into_inner();
    let listed: Vec<String> = list.fits.into_iter().map(|fit| fit.name).collect();
    assert_eq!(listed, [unwanted.clone(), waiting, running.clone()]);
    client
        .fits
        .delete_fit(proto::DeleteFitRequest {
            name: unwanted.clone(),
        })
        .await
        .unwrap();
    let status = client
        .fits
        .get_fit(proto::GetFitRequest { name: unwanted })
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "FIT_NOT_FOUND");
    // A forgotten fit leaves its model.
    let model = client.get_fit(&running).await.model;
    client
        .fits
        .delete_fit(proto::DeleteFitRequest { name: running })
        .await
        .unwrap();
    client
        .models
        .get_model(proto::GetModelRequest { name: model })
        .await
        .unwrap();
}

#[tokio::test]
async fn so_many_fits_run_at_once_and_no_more() {
    static RUNNING: AtomicU32 = AtomicU32::new(0);
    static MOST: AtomicU32 = AtomicU32::new(0);
    // None ends before another one runs.
    let two = Barrier::new(2);
    let fit: Arc<FitFunction> = Arc::new(
        move |mesh: &Mesh,
              name: &str,
              settings: &FitSettings,
              _: Option<Checkpoint>,
              _: &CancelToken,
              _: &mut dyn Observer| {
            let running = RUNNING.fetch_add(1, Ordering::AcqRel) + 1;
            MOST.fetch_max(running, Ordering::AcqRel);
            two.wait();
            // A third one could come now.
            std::thread::sleep(Duration::from_millis(20));
            RUNNING.fetch_sub(1, Ordering::AcqRel);
            Ok(octahedron::model(mesh, name, settings))
        },
    );
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
    let fit = move |mesh: &Mesh,
                    name: &str,
                    settings: &FitSettings,
                    _: Option<Checkpoint>,
                    _: &CancelToken,
                    _: &mut dyn Observer| {
        match calls.fetch_add(1, Ordering::AcqRel) {
            0 => panic!("index 7 is out of bounds"),
            1 => Err(FitError::Diverged {
                step: 3,
                loss: f32::NAN,
            }),
            _ => Ok::<Model, _>(octahedron::model(mesh, name, settings)),
        }
    };
    let (daemon, _folder) = start_with(Arc::new(fit), Limits::default());
    let mut client = daemon.clients().await;
    let mesh = client.upload().await;
    for (expected, words) in [
        ("PANIC", "index 7 is out of bounds"),
        ("TRAINING_DIVERGED", "Lower the learning rate"),
    ] {
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
async fn the_preset_is_chosen_by_the_mesh_where_that_is_asked_for() {
    let (daemon, _folder) = start();
    let mut client = daemon.clients().await;
    let request = |mesh: &str, preset: &str| proto::CreateFitRequest {
        mesh: mesh.to_owned(),
        settings: Some(proto::FitSettings {
            preset: preset.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mesh = client.upload().await;
    let named = client.fits.create_fit(request(&mesh, "draft")).await;
    let named = named.unwrap().into_inner().fit.unwrap();
    assert_eq!(named.preset, "draft");
    assert_eq!(named.preset_reason, "");
    let chosen = client.fits.create_fit(request(&mesh, "auto")).await;
    let chosen = chosen.unwrap().into_inner().fit.unwrap();
    // Large plain faces.
    assert_eq!(chosen.preset, "standard");
    assert!(chosen.preset_reason.contains("standard"), "{chosen:?}");
    assert_eq!(chosen.settings.unwrap().preset, "auto");
    let model = client.ended(&chosen.name).await.model;
    let model = client
        .models
        .get_model(proto::GetModelRequest { name: model });
    let model = model.await.unwrap().into_inner().model.unwrap();
    assert_eq!(model.preset, "standard");
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
        (
            "settings.preset",
            settings(|s| s.preset = "fancy".to_owned()),
        ),
        ("settings.device", settings(|s| s.device = "gpu".to_owned())),
        (
            "settings.device",
            settings(|s| s.device = "cuda:99".to_owned()),
        ),
        ("settings.seconds", settings(|s| s.seconds = Some(f64::NAN))),
        ("settings.steps", settings(|s| s.steps = Some(0))),
        ("settings.batch_size", settings(|s| s.batch_size = Some(1))),
        (
            "settings.learning_rate",
            settings(|s| s.learning_rate = Some(-1.0)),
        ),
        ("settings.sign", settings(|s| s.sign = 99)),
    ];
    for (field, settings) in cases {
        let request = proto::CreateFitRequest {
            mesh: mesh.clone(),
            settings,
            ..Default::default()
        };
        let status = client.fits.create_fit(request).await.unwrap_err();
        assert_eq!(blamed(&status), field, "{status:?}");
        reason(&status);
    }
    let unknown = proto::CreateFitRequest {
        mesh: "meshes/0".to_owned(),
        ..Default::default()
    };
    let status = client.fits.create_fit(unknown).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::NotFound, "MESH_NOT_FOUND")
    );
    let malformed = proto::CreateFitRequest {
        mesh: "suzanne".to_owned(),
        ..Default::default()
    };
    assert_eq!(
        blamed(&client.fits.create_fit(malformed).await.unwrap_err()),
        "mesh"
    );
    for name in ["fits/0", "fits/1"] {
        let name = name.to_owned();
        let status = client
            .fits
            .cancel_fit(proto::CancelFitRequest { name: name.clone() })
            .await
            .unwrap_err();
        assert_eq!(reason(&status), "FIT_NOT_FOUND");
        let request = proto::WatchFitRequest {
            name,
            after_sequence: 0,
        };
        assert_eq!(
            reason(&client.fits.watch_fit(request).await.unwrap_err()),
            "FIT_NOT_FOUND"
        );
    }
    assert!(
        client
            .fits
            .list_fits(proto::ListFitsRequest::default())
            .await
            .unwrap()
            .into_inner()
            .fits
            .is_empty()
    );
}
