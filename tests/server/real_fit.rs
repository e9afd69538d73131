//! The fit itself behind the daemon: no stand-in.

use std::sync::Arc;
use std::time::Duration;

use overfit::CancelToken;
use overfit::geometry::{Mesh, shapes};
use overfit::server::proto::{self, FitState, Phase};
use overfit::train::{self, Checkpoint, FitSettings, Observer, Progress, fit_from};

use crate::daemon::{Clients, start_with};
use crate::previews::preview;
use crate::queries::floats;

async fn upload(clients: &mut Clients, mesh: &Mesh) -> String {
    let positions: Vec<[f32; 3]> = mesh
        .positions
        .iter()
        .map(|position| position.map(|x| x as f32))
        .collect();
    let mut data = bytemuck::cast_slice(&positions).to_vec();
    data.extend_from_slice(bytemuck::cast_slice(&mesh.triangles));
    let metadata = proto::MeshMetadata {
        display_name: "shape".to_owned(),
        format: proto::MeshFormat::Raw.into(),
        vertex_count: mesh.positions.len() as u64,
        triangle_count: mesh.triangles.len() as u64,
        ..Default::default()
    };
    let request = proto::CreateMeshRequest {
        metadata: Some(metadata),
        data: data.into(),
    };
    clients
        .meshes
        .create_mesh(request)
        .await
        .unwrap()
        .into_inner()
        .mesh
        .unwrap()
        .name
}

#[tokio::test]
async fn a_box_is_fitted_and_its_distances_come_back() {
    let (daemon, _folder) = start_with(Arc::new(fit_from), Default::default());
    let mut clients = daemon.clients().await;
    let center = [1000.0, 0.0, -500.0];
    let shape = shapes::cuboid([-50.0, -40.0, -30.0], [50.0, 40.0, 30.0]);
    let mesh = upload(&mut clients, &shape.translated(center)).await;
    let settings = proto::FitSettings {
        preset: "draft".to_owned(),
        steps: Some(300),
        batch_size: Some(2048),
        ..Default::default()
    };
    let request = proto::CreateFitRequest {
        mesh,
        settings: Some(settings),
        display_name: String::new(),
        ..Default::default()
    };
    let fit = clients
        .fits
        .create_fit(request)
        .await
        .unwrap()
        .into_inner()
        .fit
        .unwrap();
    let ended = clients.ended(&fit.name).await;
    assert_eq!(ended.state(), FitState::Succeeded, "{ended:?}");
    assert!(
        ended.metrics.unwrap().near_mae < 5e-3,
        "{:?}",
        ended.metrics
    );

    // Its smallest side, as was known before training.
    let thickness = ended.thickness.unwrap();
    assert!((thickness - 60.0).abs() < 0.01, "{thickness}");

    // The size is as the list of presets says.
    let request = proto::GetServerInfoRequest {};
    let info = clients
        .server
        .get_server_info(request)
        .await
        .unwrap()
        .into_inner();
    let preset = info
        .presets
        .into_iter()
        .find(|preset| preset.name == "draft")
        .unwrap();
    let request = proto::GetModelRequest {
        name: ended.model.clone(),
    };
    let model = clients
        .models
        .get_model(request)
        .await
        .unwrap()
        .into_inner()
        .model
        .unwrap();
    // A box is simpler than most shapes: its spline has coefficients along the edges.
    assert!((preset.parameters / 4..preset.parameters).contains(&model.parameters));
    // What is known of a shape's outside is more of some and less of others.
    assert!((preset.size_bytes / 4..preset.size_bytes + 700_000).contains(&model.size_bytes));

    // In the middle of faces, where the distance is the one to the face's plane.
    let cases = [
        ([0.0, 0.0, 0.0], -30.0),
        ([52.0, 0.0, 0.0], 2.0),
        ([0.0, 40.0, 0.0], 0.0),
        ([0.0, 0.0, -20.0], -10.0),
    ];
    let place = |point: [f32; 3]| [0, 1, 2].map(|axis| point[axis] + center[axis] as f32);
    let points = cases.map(|(point, _)| place(point));
    let request = proto::EvaluateRequest {
        model: ended.model,
        points: bytemuck::cast_slice(&points).to_vec().into(),
        gradient: false,
        ..Default::default()
    };
    let values = clients
        .query
        .evaluate(request)
        .await
        .unwrap()
        .into_inner()
        .values;
    for (value, (point, exact)) in values.as_chunks::<4>().0.iter().zip(cases) {
        let value = f32::from_le_bytes(*value);
        assert!(
            (value - exact).abs() < 3.0,
            "{point:?}: {value} instead of {exact}"
        );
    }
}

/// Lets a fit wait, where it enters a phase, until it is cancelled.
struct Held<'a> {
    phase: train::Phase,
    cancel: &'a CancelToken,
    observer: &'a mut dyn Observer,
}

impl Observer for Held<'_> {
    fn progress(&mut self, progress: Progress) {
        self.observer.progress(progress);
        while progress.phase == self.phase && !self.cancel.is_cancelled() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[tokio::test]
async fn cancel_ends_a_fit_in_every_phase() {
    for (phase, shown) in [
        (train::Phase::Prepare, Phase::Prepare),
        (train::Phase::Train, Phase::Train),
        (train::Phase::Evaluate, Phase::Evaluate),
    ] {
        let held = move |mesh: &Mesh,
                         name: &str,
                         settings: &FitSettings,
                         checkpoint: Option<Checkpoint>,
                         cancel: &CancelToken,
                         observer: &mut dyn Observer| {
            let mut held = Held {
                phase,
                cancel,
                observer,
            };
            fit_from(mesh, name, settings, checkpoint, cancel, &mut held)
        };
        let (daemon, _folder) = start_with(Arc::new(held), Default::default());
        let mut clients = daemon.clients().await;
        let mesh = upload(&mut clients, &shapes::icosphere(5, 1.0)).await;
        let settings = proto::FitSettings {
            steps: Some(1),
            ..Default::default()
        };
        let request = proto::CreateFitRequest {
            mesh,
            settings: Some(settings),
            display_name: String::new(),
            ..Default::default()
        };
        let created = clients.fits.create_fit(request).await.unwrap();
        let fit = created.into_inner().fit.unwrap();
        clients.in_phase(&fit.name, shown).await;
        clients.cancel(&fit.name).await;
        let ended = clients.ended(&fit.name).await;
        assert_eq!(ended.state(), FitState::Cancelled, "{phase:?}");
        // It did not go on to something else.
        assert_eq!(ended.progress.unwrap().phase(), shown);
    }
}

#[tokio::test]
async fn a_fit_can_be_looked_at_and_ended_while_it_trains() {
    let (daemon, _folder) = start_with(Arc::new(fit_from), Default::default());
    let mut clients = daemon.clients().await;
    let mesh = upload(&mut clients, &shapes::icosphere(5, 10.0)).await;
    let settings = proto::FitSettings {
        preset: "draft".to_owned(),
        seconds: Some(600.0),
        batch_size: Some(2048),
        ..Default::default()
    };
    let request = proto::CreateFitRequest {
        mesh,
        settings: Some(settings),
        display_name: String::new(),
        ..Default::default()
    };
    let created = clients.fits.create_fit(request).await.unwrap();
    let fit = created.into_inner().fit.unwrap().name;
    // Asked for before training has begun; then once it has come some way.
    let (first, _) = preview(&mut clients, &fit, 16, 0).await.unwrap();
    assert!(first.step >= 1);
    let (header, data) = preview(&mut clients, &fit, 0, 200).await.unwrap();
    assert!(header.step > 200 && header.triangle_count > 1000 && header.seconds > 0.0);
    let (vertices, triangles) = (header.vertex_count as usize, header.triangle_count as usize);
    assert_eq!(data.len(), 12 * (2 * vertices + triangles));
    let numbers = floats(&data);
    let (positions, normals) = (
        &numbers[..3 * vertices],
        &numbers[numbers.len() - 3 * vertices..],
    );
    let (mut off, mut tilted) = (0.0, 0.0);
    for (position, normal) in positions
        .as_chunks::<3>()
        .0
        .iter()
        .zip(normals.as_chunks::<3>().0)
    {
        let radius = position.iter().map(|x| x * x).sum::<f32>().sqrt();
        let along: f32 = (0..3).map(|i| position[i] / radius * normal[i]).sum();
        off += (radius - 10.0).abs() / vertices as f32;
        tilted += (1.0 - along) / vertices as f32;
    }
    println!("step {}: {off} off, {tilted} tilted", header.step);
    assert!(off < 0.2 && tilted < 0.1, "{off} off, {tilted} tilted");

    let request = proto::FinishFitRequest { name: fit.clone() };
    clients.fits.finish_fit(request).await.unwrap();
    let ended = clients.ended(&fit).await;
    assert_eq!(ended.state(), FitState::Succeeded, "{ended:?}");
    assert_eq!(ended.progress.unwrap().fraction, 1.0);
    assert!(ended.metrics.unwrap().near_mae < 0.02);
}
