//! Asking a model whose field is known in closed form.

use std::sync::Arc;
use std::time::Duration;

use overfit::server::Limits;
use overfit::server::proto::{self, GridSettings, extract_mesh_response, extract_volume_response, grid_settings::Spacing};
use prost::bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use crate::daemon::{Clients, PATIENCE, blamed, reason, start, start_with};
use crate::octahedron::{self, CENTER, RADIUS};

/// Error of f32 arithmetic on numbers of the size of the coordinates.
const ROUNDING: f32 = 1e-5;

fn bytes(numbers: &[f32]) -> Bytes {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>().into()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|&x| f32::from_le_bytes(x)).collect()
}

/// Points in and around the octahedron, none of them on an edge of the field.
fn points(count: usize) -> Vec<[f32; 3]> {
    let place = |n: usize, prime: usize| ((n * prime + 1) % 1009) as f32 / 1009.0 * 8.0 - 4.0;
    (0..count).map(|n| [10.0 + place(n, 317), -20.0 + place(n, 577), 5.0 + place(n, 839)]).collect()
}

fn resolution(cells: u32) -> Option<GridSettings> {
    Some(GridSettings { spacing: Some(Spacing::Resolution(cells)) })
}

async fn surface(
    clients: &mut Clients,
    request: proto::ExtractMeshRequest,
) -> Result<(proto::ExtractMeshHeader, Vec<u8>), Status> {
    let mut messages = clients.query.extract_mesh(request).await?.into_inner();
    let mut header = None;
    let mut data = Vec::new();
    while let Some(message) = messages.message().await? {
        match message.part.unwrap() {
            extract_mesh_response::Part::Header(first) => assert!(header.replace(first).is_none() && data.is_empty()),
            extract_mesh_response::Part::Chunk(chunk) => {
                assert!((1..=1 << 20).contains(&chunk.len()));
                data.extend(chunk);
            }
        }
    }
    Ok((header.expect("a header comes first"), data))
}

async fn volume(
    clients: &mut Clients,
    request: proto::ExtractVolumeRequest,
) -> Result<(proto::ExtractVolumeHeader, Vec<u8>), Status> {
    let mut messages = clients.query.extract_volume(request).await?.into_inner();
    let mut header = None;
    let mut data = Vec::new();
    while let Some(message) = messages.message().await? {
        match message.part.unwrap() {
            extract_volume_response::Part::Header(first) => assert!(header.replace(first).is_none() && data.is_empty()),
            extract_volume_response::Part::Chunk(chunk) => {
                assert!((1..=1 << 20).contains(&chunk.len()));
                data.extend(chunk);
            }
        }
    }
    Ok((header.expect("a header comes first"), data))
}

#[tokio::test]
async fn values_and_gradients_are_in_the_meshs_own_units() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let points = points(500);
    let request = proto::EvaluateRequest {
        model: model.clone(),
        points: bytes(points.as_flattened()),
        gradient: true,
    };
    let answer = clients.query.evaluate(request.clone()).await.unwrap().into_inner();
    let (values, gradients) = (floats(&answer.values), floats(&answer.gradients));
    assert_eq!((values.len(), gradients.len()), (500, 1500));
    let inside_the_frame = |point: &[f32; 3]| (0..3).all(|axis| (point[axis] - CENTER[axis]).abs() < RADIUS);
    let slope = 1.0 / 3.0_f32.sqrt();
    let mut checked = 0;
    for (index, point) in points.iter().enumerate().filter(|(_, point)| inside_the_frame(point)) {
        assert!((values[index] - octahedron::value(*point)).abs() < ROUNDING, "{point:?}");
        for axis in 0..3 {
            let expected = slope * (point[axis] - CENTER[axis]).signum();
            assert!((gradients[index * 3 + axis] - expected).abs() < ROUNDING, "{point:?}");
        }
        checked += 1;
    }
    assert!(checked > 100);
    let values_only = proto::EvaluateRequest { gradient: false, ..request };
    let answer = clients.query.evaluate(values_only).await.unwrap().into_inner();
    assert_eq!(floats(&answer.values), values);
    assert!(answer.gradients.is_empty());
}

#[tokio::test]
async fn a_stream_answers_each_request_in_order() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let (send, receive) = mpsc::channel(1);
    let mut answers = {
        let first = proto::EvaluateStreamRequest { model, points: bytes(&CENTER), gradient: true };
        send.send(first).await.unwrap();
        clients.query.evaluate_stream(ReceiverStream::new(receive)).await.unwrap().into_inner()
    };
    let first = answers.message().await.unwrap().unwrap();
    assert_eq!((first.values.len(), first.gradients.len()), (4, 12));
    // Later requests may leave the model out; each has its own count, none included.
    for count in [3, 0, 700] {
        let points = points(count);
        let request = proto::EvaluateStreamRequest { points: bytes(points.as_flattened()), ..Default::default() };
        send.send(request).await.unwrap();
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!((answer.values.len(), answer.gradients.len()), (count * 4, 0));
    }
    send.send(proto::EvaluateStreamRequest { points: vec![0; 13].into(), ..Default::default() }).await.unwrap();
    assert_eq!(blamed(&answers.message().await.unwrap_err()), "points");
}

#[tokio::test]
async fn wrong_questions_are_refused() {
    let limits = Limits { max_points: 10, ..Default::default() };
    let (daemon, _folder) = start_with(Arc::new(octahedron::fit), limits);
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let good = proto::EvaluateRequest { model: model.clone(), points: bytes(&CENTER), gradient: false };
    for points in [bytes(&[1.0; 4]), bytes(&[1.0; 33]), bytes(&[0.0, f32::NAN, 0.0])] {
        let status = clients.query.evaluate(proto::EvaluateRequest { points, ..good.clone() }).await.unwrap_err();
        assert_eq!((status.code(), blamed(&status).as_str()), (Code::InvalidArgument, "points"));
    }
    for (name, code, expected) in [
        ("models/0", Code::NotFound, "MODEL_NOT_FOUND"),
        ("models/../daemon", Code::InvalidArgument, "FIELD_INVALID"),
        ("", Code::InvalidArgument, "FIELD_INVALID"),
    ] {
        let status = clients.query.evaluate(proto::EvaluateRequest { model: name.to_owned(), ..good.clone() }).await;
        let status = status.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (code, expected));
    }
    let mesh = |grid, iso| proto::ExtractMeshRequest { model: model.clone(), grid, iso, normals: false };
    let voxel_size = |size| Some(GridSettings { spacing: Some(Spacing::VoxelSize(size)) });
    for (request, expected, words) in [
        (mesh(None, 0.0), "FIELD_INVALID", "grid.resolution"),
        (mesh(resolution(0), 0.0), "RESOLUTION_INVALID", "resolution 0"),
        (mesh(voxel_size(-1.0), 0.0), "VOXEL_SIZE_INVALID", "-1"),
        (mesh(voxel_size(f64::NAN), 0.0), "VOXEL_SIZE_INVALID", "NaN"),
        (mesh(resolution(8), f64::INFINITY), "FIELD_INVALID", "iso"),
        (mesh(resolution(8), -100.0), "NO_SURFACE", "-100"),
        (mesh(resolution(100_000), 0.0), "EXTRACT_TOO_LARGE", "GB"),
        (mesh(resolution(u32::MAX), 0.0), "EXTRACT_TOO_LARGE", "limit of 8.0 GB"),
    ] {
        let status = surface(&mut clients, request).await.unwrap_err();
        assert_eq!(reason(&status), expected, "{status:?}");
        assert!(status.message().contains(words), "{status:?}");
    }
    let dense = proto::VolumeFormat::Dense.into();
    for (grid, format, band, expected, words) in [
        (resolution(0), dense, 0.0, "RESOLUTION_INVALID", "resolution 0"),
        (resolution(100_000), dense, 0.0, "EXTRACT_TOO_LARGE", "PB"),
        (resolution(8), 99, 0.0, "FIELD_INVALID", "format is 99"),
        (resolution(8), 0, -1.0, "FIELD_INVALID", "band is -1"),
        (resolution(8), 0, f64::NAN, "FIELD_INVALID", "band is NaN"),
    ] {
        let request = proto::ExtractVolumeRequest { model: model.clone(), grid, format, band };
        let status = volume(&mut clients, request).await.unwrap_err();
        assert_eq!(reason(&status), expected, "{status:?}");
        assert!(status.message().contains(words), "{status:?}");
    }
}

#[tokio::test]
async fn a_surface_comes_back_in_the_place_of_the_mesh() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let request = proto::ExtractMeshRequest { model, grid: resolution(128), iso: 0.0, normals: true };
    let (header, data) = surface(&mut clients, request).await.unwrap();
    let (vertices, triangles) = (header.vertex_count as usize, header.triangle_count as usize);
    assert!(header.watertight && header.normals && header.seconds > 0.0);
    // More than one chunk, cut anywhere.
    assert!(data.len() > 1 << 20 && data.len() == vertices * 12 + triangles * 12 + vertices * 12);
    let (positions, rest) = data.split_at(vertices * 12);
    let (indices, normals) = rest.split_at(triangles * 12);
    let positions = floats(positions);
    for (position, normal) in positions.as_chunks::<3>().0.iter().zip(floats(normals).as_chunks::<3>().0) {
        assert!(octahedron::value(*position).abs() < 0.02, "{position:?}");
        let length: f32 = normal.iter().map(|x| x * x).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-3);
    }
    let indices = indices.as_chunks::<4>().0.iter().map(|&x| u32::from_le_bytes(x));
    assert_eq!(indices.max().unwrap() as usize, vertices - 1);
}

#[tokio::test]
async fn volumes_come_dense_and_as_vdb() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let request = proto::ExtractVolumeRequest {
        model,
        grid: resolution(40),
        format: proto::VolumeFormat::Dense.into(),
        band: 0.0,
    };
    let (header, data) = volume(&mut clients, request.clone()).await.unwrap();
    assert_eq!(data.len() as u64, header.size_bytes);
    assert_eq!(data.len(), header.dims.iter().map(|&n| n as usize).product::<usize>() * 4);
    assert!((header.voxel_size - 6.0 / 40.0).abs() < 1e-9);
    let dims = [header.dims[0] as usize, header.dims[1] as usize, header.dims[2] as usize];
    for (index, value) in floats(&data).into_iter().enumerate() {
        let [x, y, z] = [index / (dims[1] * dims[2]), index / dims[2] % dims[1], index % dims[2]];
        let at = |axis: usize, n: usize| (header.origin[axis] + header.voxel_size * n as f64) as f32;
        let point = [at(0, x), at(1, y), at(2, z)];
        // Beyond the frame the field is continued by another rule.
        if (0..3).all(|axis| (point[axis] - CENTER[axis]).abs() < RADIUS) {
            assert!((value - octahedron::value(point)).abs() < ROUNDING, "{point:?}");
        }
    }

    let request = proto::ExtractVolumeRequest { format: proto::VolumeFormat::Vdb.into(), ..request };
    let (header, data) = volume(&mut clients, request.clone()).await.unwrap();
    assert_eq!(data.len() as u64, header.size_bytes);
    // The magic number of OpenVDB.
    assert_eq!(data[..8], [0x20, 0x42, 0x44, 0x56, 0, 0, 0, 0]);
    assert!(data.windows(3).any(|word| word == b"sdf"));
    assert!(header.active_voxels > 0);
    let wider = proto::ExtractVolumeRequest { band: 6.0, ..request };
    assert!(volume(&mut clients, wider).await.unwrap().0.active_voxels > header.active_voxels);
}

#[tokio::test]
async fn an_extraction_ends_when_its_client_goes_away() {
    // One at a time: the second can only run once the first has given up.
    let limits = Limits {
        max_running_extractions: 1,
        max_extract_bytes: u64::MAX,
        ..Default::default()
    };
    let (daemon, _folder) = start_with(Arc::new(octahedron::fit), limits);
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let mut other = daemon.clients().await;
    let request = proto::ExtractMeshRequest { model, grid: resolution(4000), iso: 0.0, normals: true };
    let small = proto::ExtractMeshRequest { grid: resolution(16), ..request.clone() };
    let call = tokio::spawn(async move { surface(&mut other, request).await.map(drop) });
    // Long enough to begin, far too short to end.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!call.is_finished());
    call.abort();
    let small = tokio::time::timeout(PATIENCE, surface(&mut clients, small)).await;
    small.expect("the first one has ended").unwrap();
}
