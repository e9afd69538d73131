//! Looking at a fit while it trains, and ending it early.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use overfit::server::Limits;
use overfit::server::proto::{self, FitState, preview_fit_response::Part};
use overfit::train::Phase;
use tonic::{Code, Status};

use crate::busy_fit::busy;
use crate::daemon::{Clients, PATIENCE, blamed, reason, start_with};
use crate::extractions::{resolution, surface};

/// Header and data of a preview.
pub async fn preview(
    clients: &mut Clients,
    name: &str,
    resolution: u32,
    after_step: u64,
) -> Result<(proto::PreviewFitHeader, Vec<u8>), Status> {
    let request = proto::PreviewFitRequest {
        name: name.to_owned(),
        resolution,
        after_step,
    };
    let call = async {
        let mut messages = clients.fits.preview_fit(request).await?.into_inner();
        let mut header = None;
        let mut data = Vec::new();
        while let Some(message) = messages.message().await? {
            match message.part.unwrap() {
                Part::Header(first) => {
                    assert!(header.replace(first).is_none() && data.is_empty());
                }
                Part::Chunk(chunk) => data.extend(chunk),
            }
        }
        Ok((header.expect("a header comes first"), data))
    };
    let answer = tokio::time::timeout(PATIENCE, call).await;
    answer.expect("the preview comes")
}

async fn finish(clients: &mut Clients, name: &str) -> Result<proto::Fit, Status> {
    let name = name.to_owned();
    let request = proto::FinishFitRequest { name };
    let response = clients.fits.finish_fit(request).await?;
    Ok(response.into_inner().fit.unwrap())
}

#[tokio::test]
async fn a_preview_is_the_surface_of_a_model_with_those_parameters() {
    let released = Arc::new(AtomicBool::new(false));
    let (daemon, _folder) = start_with(busy(Phase::Train, released.clone()), Limits::default());
    let mut clients = daemon.clients().await;
    let mesh = clients.upload().await;
    let fit = clients.fit(&mesh).await.name;
    let (first, shown) = preview(&mut clients, &fit, 32, 0).await.unwrap();
    let (second, _) = preview(&mut clients, &fit, 32, first.step).await.unwrap();
    assert!(0 < first.step && first.step < second.step);
    // One in the future is waited for.
    let (later, _) = preview(&mut clients, &fit, 8, second.step + 50)
        .await
        .unwrap();
    assert!(later.step > second.step + 50);
    // 0 cells are 64.
    let (unsaid, _) = preview(&mut clients, &fit, 0, 0).await.unwrap();
    let (said, _) = preview(&mut clients, &fit, 64, 0).await.unwrap();
    assert_eq!(unsaid.triangle_count, said.triangle_count);
    assert!(unsaid.step > later.step, "an old state was shown");
    for cells in [7, 257, u32::MAX] {
        let status = preview(&mut clients, &fit, cells, 0).await.unwrap_err();
        assert_eq!(blamed(&status), "resolution");
        assert!(status.message().contains("8 to 256"), "{status:?}");
    }

    released.store(true, Ordering::Release);
    let ended = clients.ended(&fit).await;
    let request = proto::ExtractMeshRequest {
        model: ended.model.clone(),
        grid: resolution(32),
        iso: 0.0,
        normals: true,
        ..Default::default()
    };
    let (header, data) = surface(&mut clients, request).await.unwrap();
    assert_eq!(
        (first.vertex_count, first.triangle_count),
        (header.vertex_count, header.triangle_count)
    );
    assert!(header.vertex_count > 100 && shown == data);

    let status = preview(&mut clients, &fit, 32, 0).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::FailedPrecondition, "FIT_ENDED")
    );
    assert!(status.message().contains(&ended.model), "{status:?}");
}

#[tokio::test]
async fn a_preview_waits_for_its_fit_and_whoever_goes_away_takes_no_turn() {
    let released = Arc::new(AtomicBool::new(false));
    let (daemon, _folder) = start_with(busy(Phase::Train, released.clone()), Limits::default());
    let mut clients = daemon.clients().await;
    let mesh = clients.upload().await;
    let running = clients.fit(&mesh).await.name;
    let waiting = clients.fit(&mesh).await.name;
    // More than are made at once, of a fit that does not run; some of them go away.
    let mut patient = Vec::new();
    for number in 0..8 {
        let (mut clients, waiting) = (daemon.clients().await, waiting.clone());
        let call = tokio::spawn(async move { preview(&mut clients, &waiting, 16, 0).await });
        if number % 2 == 0 {
            patient.push(call);
        } else {
            call.abort();
        }
    }
    preview(&mut clients, &running, 16, 0).await.unwrap();
    clients.cancel(&running).await;
    for call in patient {
        let (header, _) = call.await.unwrap().unwrap();
        assert!(header.step > 0 && header.triangle_count > 0);
    }
    // Whoever waits for a step that never comes is told the end.
    let mut other = daemon.clients().await;
    let name = waiting.clone();
    let endless = tokio::spawn(async move { preview(&mut other, &name, 16, u64::MAX).await });
    clients.cancel(&waiting).await;
    let status = endless.await.unwrap().unwrap_err();
    assert_eq!(reason(&status), "FIT_ENDED");
    assert!(status.message().contains("no model"), "{status:?}");
}

#[tokio::test]
async fn a_fit_that_is_finished_keeps_its_model() {
    let (daemon, _folder) = start_with(busy(Phase::Train, Arc::default()), Limits::default());
    let mut clients = daemon.clients().await;
    let mesh = clients.upload().await;
    let running = clients.fit(&mesh).await.name;
    let waiting = clients.fit(&mesh).await.name;
    clients.in_phase(&running, proto::Phase::Train).await;
    let status = finish(&mut clients, &waiting).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::FailedPrecondition, "FIT_NOT_RUNNING")
    );
    let status = finish(&mut clients, "fits/0").await.unwrap_err();
    assert_eq!(reason(&status), "FIT_NOT_FOUND");

    assert_eq!(finish(&mut clients, &running).await.unwrap().name, running);
    let ended = clients.ended(&running).await;
    assert_eq!(ended.state(), FitState::Succeeded);
    assert_eq!(ended.model, running.replace("fits/", "models/"));
    let request = proto::GetModelRequest {
        name: ended.model.clone(),
    };
    clients.models.get_model(request).await.unwrap();
    // Once more changes nothing.
    assert_eq!(finish(&mut clients, &running).await.unwrap(), ended);

    clients.in_phase(&waiting, proto::Phase::Train).await;
    finish(&mut clients, &waiting).await.unwrap();
    assert_eq!(clients.ended(&waiting).await.state(), FitState::Succeeded);
}
