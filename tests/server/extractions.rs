//! Meshes and volumes out of a model whose field is known in closed form.

use std::sync::Arc;
use std::time::Duration;

use overfit::geometry::{Mesh, Topology};
use overfit::server::Limits;
use overfit::server::proto::{
    self, GridSettings, extract_mesh_response, extract_volume_response, grid_settings::Spacing,
};
use tonic::Status;

use crate::daemon::{Clients, PATIENCE, reason, start, start_with};
use crate::octahedron::{self, CENTER, RADIUS};
use crate::queries::{ROUNDING, floats};

pub fn resolution(cells: u32) -> Option<GridSettings> {
    Some(GridSettings {
        spacing: Some(Spacing::Resolution(cells)),
    })
}

pub async fn surface(
    clients: &mut Clients,
    request: proto::ExtractMeshRequest,
) -> Result<(proto::ExtractMeshHeader, Vec<u8>), Status> {
    let mut messages = clients.query.extract_mesh(request).await?.into_inner();
    let mut header = None;
    let mut data = Vec::new();
    while let Some(message) = messages.message().await? {
        match message.part.unwrap() {
            extract_mesh_response::Part::Header(first) => {
                assert!(header.replace(first).is_none() && data.is_empty())
            }
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
            extract_volume_response::Part::Header(first) => {
                assert!(header.replace(first).is_none() && data.is_empty())
            }
            extract_volume_response::Part::Chunk(chunk) => {
                assert!((1..=1 << 20).contains(&chunk.len()));
                data.extend(chunk);
            }
        }
    }
    Ok((header.expect("a header comes first"), data))
}

#[tokio::test]
async fn what_cannot_be_extracted_is_said_with_its_size() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let mesh = |grid, iso| proto::ExtractMeshRequest {
        model: model.clone(),
        grid,
        iso,
        normals: false,
        ..Default::default()
    };
    let voxel_size = |size| {
        Some(GridSettings {
            spacing: Some(Spacing::VoxelSize(size)),
        })
    };
    for (request, expected, words) in [
        (
            mesh(resolution(0), 0.0),
            "RESOLUTION_INVALID",
            "resolution 0",
        ),
        (mesh(voxel_size(-1.0), 0.0), "VOXEL_SIZE_INVALID", "-1"),
        (mesh(voxel_size(f64::NAN), 0.0), "VOXEL_SIZE_INVALID", "NaN"),
        (mesh(resolution(8), f64::INFINITY), "FIELD_INVALID", "iso"),
        (mesh(resolution(8), -100.0), "NO_SURFACE", "-100"),
        (mesh(resolution(100_000), 0.0), "EXTRACT_TOO_LARGE", "GB"),
        (
            mesh(resolution(u32::MAX), 0.0),
            "EXTRACT_TOO_LARGE",
            "limit of 8.0 GB",
        ),
    ] {
        let status = surface(&mut clients, request).await.unwrap_err();
        assert_eq!(reason(&status), expected, "{status:?}");
        assert!(status.message().contains(words), "{status:?}");
    }
    let dense = proto::VolumeFormat::Dense.into();
    for (grid, format, band, expected, words) in [
        (
            resolution(0),
            dense,
            0.0,
            "RESOLUTION_INVALID",
            "resolution 0",
        ),
        (resolution(100_000), dense, 0.0, "EXTRACT_TOO_LARGE", "PB"),
        (resolution(8), 99, 0.0, "FIELD_INVALID", "format is 99"),
        (resolution(8), 0, -1.0, "FIELD_INVALID", "band is -1"),
        (resolution(8), 0, f64::NAN, "FIELD_INVALID", "band is NaN"),
    ] {
        let request = proto::ExtractVolumeRequest {
            model: model.clone(),
            grid,
            format,
            band,
        };
        let status = volume(&mut clients, request).await.unwrap_err();
        assert_eq!(reason(&status), expected, "{status:?}");
        assert!(status.message().contains(words), "{status:?}");
    }
}

#[tokio::test]
async fn a_sharp_mesh_has_the_octahedron_s_edges_and_few_triangles_are_enough() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let request = |mode: proto::MeshMode, triangles, error| proto::ExtractMeshRequest {
        model: model.clone(),
        grid: resolution(24),
        mode: mode.into(),
        triangles,
        error,
        ..Default::default()
    };
    let sharp = request(proto::MeshMode::Sharp, 0, 0.0);
    let (header, _) = surface(&mut clients, sharp).await.unwrap();
    let shape = header.triangle_shape.unwrap();
    assert!(
        header.watertight && header.cut_triangles == Some(0),
        "{header:?}"
    );
    let cubes = request(proto::MeshMode::MarchingCubes, 0, 0.0);
    let (cubes, _) = surface(&mut clients, cubes).await.unwrap();
    let cubes_shape = cubes.triangle_shape.unwrap();
    assert!(
        shape.smallest_angle_percentile_1 > cubes_shape.smallest_angle_percentile_1
            && shape.largest_aspect_percentile_99 < cubes_shape.largest_aspect_percentile_99,
        "{shape:?} {cubes_shape:?}"
    );
    assert_eq!(cubes.cut_triangles, None);
    let few = request(proto::MeshMode::Sharp, 40, 0.0);
    let (few, _) = surface(&mut clients, few).await.unwrap();
    assert!(few.watertight && few.triangle_count <= 40, "{few:?}");
    let one = request(proto::MeshMode::Sharp, 1, 0.0);
    let (one, _) = surface(&mut clients, one).await.unwrap();
    let told = |words: &str| one.warnings.iter().any(|warning| warning.contains(words));
    assert!(one.watertight && told("1 were asked for"), "{one:?}");
    for error in [-1.0, f64::NAN, f64::INFINITY] {
        let wrong = request(proto::MeshMode::Sharp, 0, error);
        let status = surface(&mut clients, wrong).await.unwrap_err();
        assert_eq!(reason(&status), "FIELD_INVALID", "{status:?}");
    }
    let unknown = proto::ExtractMeshRequest {
        mode: 99,
        ..request(proto::MeshMode::Sharp, 0, 0.0)
    };
    let status = surface(&mut clients, unknown).await.unwrap_err();
    assert!(status.message().contains("mode is 99"), "{status:?}");
}

#[tokio::test]
async fn the_daemon_chooses_the_resolution_and_says_what_another_loses() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let request = |grid| proto::ExtractMeshRequest {
        model: model.clone(),
        grid,
        iso: 0.0,
        normals: false,
        ..Default::default()
    };
    let thickness = octahedron::THICKNESS;
    let name = proto::GetModelRequest {
        name: model.clone(),
    };
    let known = clients.models.get_model(name).await.unwrap().into_inner();
    let known = known.model.unwrap();
    assert_eq!(known.thickness, Some(thickness));
    let bodies = known.bodies.unwrap();
    assert_eq!((bodies.count, bodies.thinnest.len()), (2, 1));
    assert_eq!(bodies.thinnest[0].thickness, thickness);

    // Nothing set, and a spacing that is not set, are the same. Walls of a hundredth of the size need 200 cells, which is
    // less than is usual; one of the two bodies that the model claims to have is not there.
    for grid in [None, Some(GridSettings::default())] {
        let (header, _) = surface(&mut clients, request(grid)).await.unwrap();
        assert_eq!((header.resolution, header.bodies), (256.0, 1));
        assert_eq!(header.warnings.len(), 1, "{:?}", header.warnings);
        assert!(header.warnings[0].starts_with("1 of 2 bodies came through"));
        assert_eq!(header.resolution_needed, 0);
    }
    let (header, _) = surface(&mut clients, request(resolution(50)))
        .await
        .unwrap();
    assert_eq!((header.resolution, header.resolution_needed), (50.0, 200));
    let words = header.warnings.join(" ");
    assert!(
        words.contains("0.5 cells thick at resolution 50"),
        "{words}"
    );
    assert!(words.contains("Resolution 200 keeps them"), "{words}");
    let request = |grid, format: proto::VolumeFormat| proto::ExtractVolumeRequest {
        model: model.clone(),
        grid,
        format: format.into(),
        band: 0.0,
    };
    let chosen = request(None, proto::VolumeFormat::Vdb);
    let (header, _) = volume(&mut clients, chosen).await.unwrap();
    assert_eq!((header.resolution, header.warnings), (256.0, Vec::new()));
    for format in [proto::VolumeFormat::Vdb, proto::VolumeFormat::Dense] {
        let coarse = request(resolution(20), format);
        let (header, _) = volume(&mut clients, coarse).await.unwrap();
        assert_eq!((header.resolution, header.resolution_needed), (20.0, 200));
        assert!(
            header
                .warnings
                .join(" ")
                .contains("1 of 2 bodies may be lost")
        );
    }
}

#[tokio::test]
async fn a_surface_comes_back_in_the_place_of_the_mesh() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let model = clients.model().await;
    let request = proto::ExtractMeshRequest {
        model,
        grid: resolution(128),
        iso: 0.0,
        normals: true,
        ..Default::default()
    };
    let (header, data) = surface(&mut clients, request).await.unwrap();
    let (vertices, triangles) = (header.vertex_count as usize, header.triangle_count as usize);
    assert!(header.watertight && header.normals && header.seconds > 0.0);
    // More than one chunk, cut anywhere.
    assert!(data.len() > 1 << 20 && data.len() == vertices * 12 + triangles * 12 + vertices * 12);
    let (positions, rest) = data.split_at(vertices * 12);
    let (indices, normals) = rest.split_at(triangles * 12);
    let positions = floats(positions);
    for (position, normal) in positions
        .as_chunks::<3>()
        .0
        .iter()
        .zip(floats(normals).as_chunks::<3>().0)
    {
        assert!(octahedron::value(*position).abs() < 0.02, "{position:?}");
        let length: f32 = normal.iter().map(|x| x * x).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-3);
    }
    let indices = indices
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&x| u32::from_le_bytes(x));
    assert_eq!(indices.max().unwrap() as usize, vertices - 1);
}

#[tokio::test]
async fn what_single_precision_makes_of_a_surface_far_away_is_said() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    for (away, coarse) in [(0.0, false), (500_000.0, true)] {
        let mut file = String::new();
        for corner in octahedron::positions() {
            let [x, y, z] = corner.map(|x| f64::from(x) + away);
            file += &format!("v {x} {y} {z}\n");
        }
        for triangle in octahedron::TRIANGLES {
            let [a, b, c] = triangle.map(|vertex| vertex + 1);
            file += &format!("f {a} {b} {c}\n");
        }
        let request = proto::CreateMeshRequest {
            metadata: Some(proto::MeshMetadata {
                format: proto::MeshFormat::Obj.into(),
                ..Default::default()
            }),
            data: file.into_bytes().into(),
        };
        let mesh = clients.meshes.create_mesh(request).await.unwrap();
        let fit = clients.fit(&mesh.into_inner().mesh.unwrap().name).await;
        let request = proto::ExtractMeshRequest {
            model: clients.ended(&fit.name).await.model,
            grid: resolution(64),
            iso: 0.0,
            normals: false,
            ..Default::default()
        };
        let (header, data) = surface(&mut clients, request).await.unwrap();
        let words = header.warnings.join(" ");
        assert_eq!(words.contains("in single precision"), coarse, "{words}");
        let (positions, indices) = data.split_at(12 * header.vertex_count as usize);
        let positions = floats(positions);
        let indices: Vec<u32> = (indices.as_chunks::<4>().0.iter())
            .map(|&x| u32::from_le_bytes(x))
            .collect();
        let sent = Mesh::from_arrays(positions.as_chunks::<3>().0, indices.as_chunks::<3>().0);
        assert_eq!(header.watertight, Topology::of(&sent).watertight());
        for (axis, center) in CENTER.iter().enumerate() {
            // Numbers of that size are 1/32 apart.
            let middle = sent.bounds().center()[axis] - away;
            assert!((middle - f64::from(*center)).abs() < 1.0 / 16.0, "{middle}");
        }
    }
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
    assert_eq!(
        data.len(),
        header.dims.iter().map(|&n| n as usize).product::<usize>() * 4
    );
    assert!((header.voxel_size - 6.0 / 40.0).abs() < 1e-9);
    let dims = [
        header.dims[0] as usize,
        header.dims[1] as usize,
        header.dims[2] as usize,
    ];
    for (index, value) in floats(&data).into_iter().enumerate() {
        let [x, y, z] = [
            index / (dims[1] * dims[2]),
            index / dims[2] % dims[1],
            index % dims[2],
        ];
        let at =
            |axis: usize, n: usize| (header.origin[axis] + header.voxel_size * n as f64) as f32;
        let point = [at(0, x), at(1, y), at(2, z)];
        // Beyond the frame the field is continued by another rule.
        if (0..3).all(|axis| (point[axis] - CENTER[axis]).abs() < RADIUS) {
            assert!(
                (value - octahedron::value(point)).abs() < ROUNDING,
                "{point:?}"
            );
        }
    }

    let request = proto::ExtractVolumeRequest {
        format: proto::VolumeFormat::Vdb.into(),
        ..request
    };
    let (header, data) = volume(&mut clients, request.clone()).await.unwrap();
    assert_eq!(data.len() as u64, header.size_bytes);
    // The magic number of OpenVDB.
    assert_eq!(data[..8], [0x20, 0x42, 0x44, 0x56, 0, 0, 0, 0]);
    assert!(data.windows(3).any(|word| word == b"sdf"));
    assert!(header.active_voxels > 0);
    let wider = proto::ExtractVolumeRequest {
        band: 6.0,
        ..request
    };
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
    let request = proto::ExtractMeshRequest {
        model,
        grid: resolution(4000),
        iso: 0.0,
        normals: true,
        ..Default::default()
    };
    let small = proto::ExtractMeshRequest {
        grid: resolution(16),
        ..request.clone()
    };
    let call = tokio::spawn(async move { surface(&mut other, request).await.map(drop) });
    // Long enough to begin, far too short to end.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!call.is_finished());
    call.abort();
    let small = tokio::time::timeout(PATIENCE, surface(&mut clients, small)).await;
    small.expect("the first one has ended").unwrap();
}
