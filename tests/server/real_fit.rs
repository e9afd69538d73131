//! The fit itself behind the daemon: no stand-in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use overfit::geometry::{Mesh, shapes};
use overfit::server::proto::{self, FitState, Phase};
use overfit::train::fit;

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
    let (daemon, _folder) = start_with(Arc::new(fit), Default::default());
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

#[tokio::test]
async fn cancel_takes_effect_within_a_second_in_every_phase() {
    let (daemon, _folder) = start_with(Arc::new(fit), Default::default());
    let mut clients = daemon.clients().await;
    // Large enough that each phase lasts.
    let mesh = upload(&mut clients, &shapes::icosphere(7, 1.0)).await;
    for (phase, steps) in [
        (Phase::Prepare, u64::MAX),
        (Phase::Train, u64::MAX),
        (Phase::Evaluate, 1),
    ] {
        let settings = proto::FitSettings {
            steps: Some(steps),
            ..Default::default()
        };
        let request = proto::CreateFitRequest {
            mesh: mesh.clone(),
            settings: Some(settings),
            display_name: String::new(),
        };
        let fit = clients
            .fits
            .create_fit(request)
            .await
            .unwrap()
            .into_inner()
            .fit
            .unwrap();
        clients.in_phase(&fit.name, phase).await;
        let start = Instant::now();
        clients.cancel(&fit.name).await;
        let ended = clients.ended(&fit.name).await;
        let took = start.elapsed();
        println!("{phase:?}: cancelled after {took:?}");
        assert!(took < Duration::from_secs(1), "{phase:?}: {took:?}");
        assert_eq!(ended.state(), FitState::Cancelled, "{phase:?}");
    }
}

#[tokio::test]
async fn a_fit_can_be_looked_at_and_ended_while_it_trains() {
    let (daemon, _folder) = start_with(Arc::new(fit), Default::default());
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

    let start = Instant::now();
    let request = proto::FinishFitRequest { name: fit.clone() };
    clients.fits.finish_fit(request).await.unwrap();
    let ended = clients.ended(&fit).await;
    assert_eq!(ended.state(), FitState::Succeeded, "{ended:?}");
    assert_eq!(ended.progress.unwrap().fraction, 1.0);
    assert!(ended.metrics.unwrap().near_mae < 0.02);
    println!("finished after {:?}", start.elapsed());
}
