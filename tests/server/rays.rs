//! Rays, projection and pictures of a model whose field is known in closed form.

use std::sync::Arc;

use overfit::server::{Limits, proto};
use tonic::Code;

use crate::daemon::{blamed, reason, start, start_with};
use crate::octahedron::{self, CENTER, RADIUS};
use crate::queries::{bytes, floats};

/// Straight down onto the octahedron, from 7 above its middle; and past it.
fn rays() -> Vec<[f32; 6]> {
    let [x, y, z] = CENTER;
    let down = |dx: f32, dy: f32| [x + dx, y + dy, z + 7.0, 0.0, 0.0, -2.0];
    vec![
        down(0.1, 0.2),
        down(1.0, -1.0),
        down(2.9, 0.5),
        down(20.0, 0.0),
    ]
}

#[tokio::test]
async fn rays_meet_the_octahedron_where_its_equation_says() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let request = proto::RaycastRequest {
        model,
        rays: bytes(rays().as_flattened()),
        ..Default::default()
    };
    let first = clients
        .query
        .raycast(request.clone())
        .await
        .unwrap()
        .into_inner();
    let (distances, normals) = (floats(&first.distances), floats(&first.normals));
    let slope = 1.0 / 3.0_f32.sqrt();
    for (distance, height) in distances.iter().zip([2.7, 1.0]) {
        assert!((distance - (7.0 - height)).abs() < 1e-4, "{distances:?}");
    }
    assert_eq!(distances[2..], [f32::INFINITY; 2]);
    assert!((normals[2] - slope).abs() < 1e-4 && normals[9..] == [0.0; 3]);
    assert_eq!(first.starts_inside[..], [0; 4]);
    assert!(first.hit_counts.is_empty() && first.evaluations > 0 && first.thickness > 0.0);
    let all = proto::RaycastRequest {
        all_hits: true,
        ..request
    };
    let all = clients.query.raycast(all).await.unwrap().into_inner();
    assert_eq!(
        all.hit_counts[..],
        [2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    );
    assert_eq!(all.enters[..], [1, 0, 1, 0]);
    let distances = floats(&all.distances);
    assert!((distances[1] - 9.7).abs() < 1e-4, "{distances:?}");
}

#[tokio::test]
async fn feet_lie_on_the_octahedron() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let [x, y, z] = CENTER;
    let points = [[x + 1.5, y + 1.4, z + 1.6], [x + 0.4, y + 0.5, z - 0.6]];
    let request = proto::ProjectRequest {
        model,
        points: bytes(points.as_flattened()),
        iso: 0.0,
    };
    let found = clients.query.project(request).await.unwrap().into_inner();
    let feet = floats(&found.points);
    for foot in feet.chunks(3) {
        let sum: f32 = (0..3).map(|k| (foot[k] - CENTER[k]).abs()).sum();
        assert!((sum - RADIUS).abs() < 1e-4, "{foot:?}");
    }
    let distances = floats(&found.distances);
    let expected = points.map(octahedron::value);
    assert!(
        distances
            .iter()
            .zip(expected)
            .all(|(a, b)| (a - b).abs() < 1e-4),
        "{distances:?}"
    );
    assert_eq!(
        (&found.converged[..], found.warnings.len()),
        (&[1, 1][..], 0)
    );
    assert!(found.gradient_drift_percentile_99 < 1e-3);
}

async fn png(
    clients: &mut crate::daemon::Clients,
    request: proto::RenderRequest,
) -> Result<(proto::RenderHeader, Vec<u8>), tonic::Status> {
    use proto::render_response::Part;
    let mut parts = clients.query.render(request).await?.into_inner();
    let (mut header, mut file) = (None, Vec::new());
    while let Some(message) = parts.message().await? {
        match message.part.unwrap() {
            Part::Fraction(share) => assert!((0.0..=1.0).contains(&share)),
            Part::Header(found) => header = Some(found),
            Part::Chunk(bytes) => file.extend(bytes),
        }
    }
    Ok((header.unwrap(), file))
}

#[tokio::test]
async fn a_picture_comes_as_a_png_file() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let request = proto::RenderRequest {
        model,
        width: 64,
        height: 48,
        ..Default::default()
    };
    let (header, file) = png(&mut clients, request.clone()).await.unwrap();
    assert_eq!(header.size_bytes, file.len() as u64);
    assert_eq!((header.width, header.height), (64, 48));
    assert_eq!(file[..8], *b"\x89PNG\r\n\x1a\n");
    assert_eq!(file[16..24], [0, 0, 0, 64, 0, 0, 0, 48]);
    let slice = proto::RenderRequest {
        mode: proto::RenderMode::Slice.into(),
        ..request
    };
    let (header, _) = png(&mut clients, slice).await.unwrap();
    assert!(header.legend.len() == 1 && header.range.is_some());
}

#[tokio::test]
async fn what_cannot_be_asked_is_blamed() {
    let limits = Limits {
        max_points: 3,
        max_pixels: 1000,
        ..Default::default()
    };
    let (daemon, _folder) = start_with(Arc::new(octahedron::fit), limits);
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let good = proto::RaycastRequest {
        model: model.clone(),
        rays: bytes(&rays()[0]),
        ..Default::default()
    };
    let with = |rays: &[f32]| proto::RaycastRequest {
        rays: bytes(rays),
        ..good.clone()
    };
    let wrong = [
        (with(&[0.0; 5]), "rays"),
        (with(&[0.0; 6]), "rays"),
        (with(&[f32::NAN; 6]), "rays"),
        (with(rays().as_flattened()), "rays"),
        (
            proto::RaycastRequest {
                reach: -1.0,
                ..good.clone()
            },
            "reach",
        ),
        (
            proto::RaycastRequest {
                iso: f64::NAN,
                ..good.clone()
            },
            "iso",
        ),
        (
            proto::RaycastRequest {
                thickness: 1e9,
                ..good.clone()
            },
            "thickness",
        ),
        (
            proto::RaycastRequest {
                all_hits: true,
                most_hits: 1000,
                ..good.clone()
            },
            "most_hits",
        ),
    ];
    for (request, field) in wrong {
        let status = clients.query.raycast(request).await.unwrap_err();
        assert_eq!(
            (status.code(), blamed(&status).as_str()),
            (Code::InvalidArgument, field)
        );
    }
    let nobody = proto::RaycastRequest {
        model: "models/0".to_owned(),
        ..good
    };
    let status = clients.query.raycast(nobody).await.unwrap_err();
    assert_eq!(reason(&status), "MODEL_NOT_FOUND");
    let good = proto::RenderRequest {
        model,
        width: 10,
        height: 10,
        ..Default::default()
    };
    let eye = |eye: Vec<f64>| proto::RenderRequest {
        view: Some(proto::render_request::View::Eye(proto::EyeView {
            eye,
            target: Vec::new(),
        })),
        ..good.clone()
    };
    let center = CENTER.map(f64::from).to_vec();
    let wrong = [
        (
            proto::RenderRequest {
                width: 1000,
                ..good.clone()
            },
            "width",
        ),
        (
            proto::RenderRequest {
                samples: 3,
                ..good.clone()
            },
            "samples",
        ),
        (
            proto::RenderRequest {
                mode: 99,
                ..good.clone()
            },
            "mode",
        ),
        (
            proto::RenderRequest {
                mode: proto::RenderMode::Error.into(),
                ..good.clone()
            },
            "mesh",
        ),
        (
            proto::RenderRequest {
                background: "mauve".to_owned(),
                ..good.clone()
            },
            "background",
        ),
        (eye(vec![1.0]), "eye.eye"),
        (eye(center), "eye"),
    ];
    for (request, field) in wrong {
        let status = png(&mut clients, request).await.unwrap_err();
        assert_eq!(
            (status.code(), blamed(&status).as_str()),
            (Code::InvalidArgument, field)
        );
    }
}
