//! Closest points of a mesh, checked against all its triangles in `f64`.

use overfit::server::proto::{self, MeshFormat};
use prost::bytes::Bytes;
use tokio_stream::StreamExt;
use tonic::{Code, Status};

use crate::daemon::{Clients, blamed, reason, start, start_with};
use crate::octahedron::{self, CENTER, RADIUS};
use crate::queries::{bytes, floats};

fn request(mesh: &str, points: &[[f32; 3]]) -> proto::FindClosestRequest {
    proto::FindClosestRequest {
        mesh: mesh.to_owned(),
        points: bytes(points.as_flattened()),
    }
}

/// The answers to some requests, up to the first error.
async fn ask(
    clients: &mut Clients,
    requests: Vec<proto::FindClosestRequest>,
) -> Vec<Result<proto::FindClosestResponse, Status>> {
    let requests = tokio_stream::iter(requests);
    let answers = clients.meshes.find_closest(requests).await.unwrap();
    answers.into_inner().collect().await
}

/// Uploads a RAW mesh.
async fn upload(clients: &mut Clients, positions: &[[f32; 3]], triangles: &[[u32; 3]]) -> String {
    let mut data = bytemuck::cast_slice(positions).to_vec();
    data.extend_from_slice(bytemuck::cast_slice(triangles));
    let metadata = proto::MeshMetadata {
        format: MeshFormat::Raw.into(),
        vertex_count: positions.len() as u64,
        triangle_count: triangles.len() as u64,
        ..Default::default()
    };
    let request = proto::CreateMeshRequest {
        metadata: Some(metadata),
        data: data.into(),
    };
    let response = clients.meshes.create_mesh(request).await.unwrap();
    response.into_inner().mesh.unwrap().name
}

fn indices(bytes: &Bytes) -> Vec<u32> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    numbers.iter().map(|&x| u32::from_le_bytes(x)).collect()
}

/// Points in a box about the octahedron, none of them on one of its planes of symmetry.
fn points(count: usize) -> Vec<[f32; 3]> {
    let place = |n: usize, prime: usize| ((n * prime + 1) % 1009) as f32 / 1009.0 * 8.0 - 4.0;
    (0..count)
        .map(|n| [17, 131, 523].map(|prime| place(n, prime)))
        .map(|p| [0, 1, 2].map(|axis| p[axis] + CENTER[axis]))
        .collect()
}

/// The distance to the octahedron: in the octant of the point, that to one triangle with its corners on the axes.
fn distance(point: [f32; 3]) -> f64 {
    let p: [f64; 3] = std::array::from_fn(|i| f64::from((point[i] - CENTER[i]).abs()));
    let radius = f64::from(RADIUS);
    // Weights of the foot on the plane; those that are negative take their corner out.
    let mut kept = vec![0, 1, 2];
    loop {
        let rest = (radius - kept.iter().map(|&i| p[i]).sum::<f64>()) / kept.len() as f64;
        if let Some(at) = kept.iter().position(|&i| p[i] + rest < 0.0) {
            kept.remove(at);
            continue;
        }
        let moved = |i: usize| if kept.contains(&i) { rest } else { -p[i] };
        return (0..3).map(|i| moved(i).powi(2)).sum::<f64>().sqrt();
    }
}

#[tokio::test]
async fn distances_triangles_and_weights_are_those_of_the_upload() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    // Triangles that are dropped: one without extent in front, and each one twice. Some look the wrong way and are turned.
    let mut triangles = vec![[0, 0, 1]];
    for (number, mut triangle) in octahedron::TRIANGLES.into_iter().enumerate() {
        if number % 3 == 0 {
            triangle.swap(0, 1);
        }
        let [a, b, c] = triangle;
        triangles.extend([triangle, [b, c, a]]);
    }
    let positions = octahedron::positions();
    let mesh = upload(&mut clients, &positions, &triangles).await;
    let points = points(500);
    let (first, second) = points.split_at(200);
    let requests = vec![request(&mesh, first), request("", second), request("", &[])];
    let answers = ask(&mut clients, requests).await;
    assert_eq!(answers.len(), 3);
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert!(answers[2].distances.is_empty() && answers[2].weights.is_empty());
    for (points, answer) in [first, second].into_iter().zip(&answers) {
        let (distances, numbers) = (floats(&answer.distances), indices(&answer.triangles));
        let weights = floats(&answer.weights);
        assert_eq!(
            (distances.len(), numbers.len(), weights.len()),
            (points.len(), points.len(), 3 * points.len())
        );
        for (index, &point) in points.iter().enumerate() {
            let exact = distance(point);
            let error = f64::from(distances[index]) - exact;
            assert!(
                error.abs() < 1e-5,
                "{point:?}: {} is not {exact}",
                distances[index]
            );
            assert!(
                numbers[index] % 2 == 1,
                "a dropped triangle: {}",
                numbers[index]
            );
            let corners = triangles[numbers[index] as usize].map(|v| positions[v as usize]);
            let weights = &weights[3 * index..3 * index + 3];
            assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            let away = (0..3).map(|i| {
                let on_surface: f32 = (0..3).map(|c| weights[c] * corners[c][i]).sum();
                f64::from(point[i] - on_surface).powi(2)
            });
            let apart = away.sum::<f64>().sqrt();
            assert!(
                (apart - exact).abs() < 1e-4,
                "{point:?}: {apart} from {exact}"
            );
        }
    }
}

#[tokio::test]
async fn another_mesh_may_be_named_and_a_deleted_one_stays_for_the_stream() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let (one, other) = (clients.upload().await, clients.upload().await);
    let center = [CENTER];
    let (send, requests) = tokio::sync::mpsc::channel(1);
    let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
    let call = clients.meshes.find_closest(requests);
    let (answers, ()) = tokio::join!(call, async {
        send.send(request(&one, &center)).await.unwrap();
    });
    let mut answers = answers.unwrap().into_inner();
    let mut distances = vec![answers.message().await.unwrap().unwrap().distances];
    let name = one.clone();
    clients
        .meshes
        .delete_mesh(proto::DeleteMeshRequest { name })
        .await
        .unwrap();
    for mesh in ["", &one, &other, ""] {
        send.send(request(mesh, &center)).await.unwrap();
        distances.push(answers.message().await.unwrap().unwrap().distances);
    }
    let exact = RADIUS / 3.0_f32.sqrt();
    for distance in distances {
        assert!((floats(&distance)[0] - exact).abs() < 1e-6);
    }
    send.send(request(&one, &center)).await.unwrap();
    let status = answers.message().await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::NotFound, "MESH_NOT_FOUND")
    );
}

#[tokio::test]
async fn wrong_requests_are_refused() {
    let limits = overfit::server::Limits {
        max_points: 3,
        ..Default::default()
    };
    let (daemon, _folder) = start_with(std::sync::Arc::new(octahedron::fit), limits);
    let mut clients = daemon.clients().await;
    let mesh = clients.upload().await;
    let mut refused = async |request: proto::FindClosestRequest| {
        let mut answers = ask(&mut clients, vec![request]).await;
        answers.pop().unwrap().unwrap_err()
    };
    assert_eq!(blamed(&refused(request("", &[CENTER])).await), "mesh");
    assert_eq!(
        reason(&refused(request("meshes/0", &[CENTER])).await),
        "MESH_NOT_FOUND"
    );
    assert_eq!(
        blamed(&refused(request(&mesh, &[CENTER; 4])).await),
        "points"
    );
    assert_eq!(
        blamed(&refused(request(&mesh, &[[f32::NAN; 3]])).await),
        "points"
    );
}
