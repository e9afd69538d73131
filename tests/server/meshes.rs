//! Uploads: whole ones, bad ones, too large ones, and ones that break off.

use overfit::server::proto::{self, MeshFormat, UploadMeshRequest, upload_mesh_request::Part};
use prost::bytes::Bytes;
use tonic::Code;

use crate::daemon::{Clients, blamed, reason, start};
use crate::octahedron::{self, create_mesh_request, metadata, raw_data};

pub fn message(part: Part) -> UploadMeshRequest {
    UploadMeshRequest { part: Some(part) }
}

/// The data in pieces that do not fall on vertices.
pub fn upload(
    metadata: proto::MeshMetadata,
    data: &[u8],
) -> impl tonic::IntoStreamingRequest<Message = UploadMeshRequest> {
    let chunks: Vec<Bytes> = data.chunks(11).map(Bytes::copy_from_slice).collect();
    let parts =
        std::iter::once(Part::Metadata(metadata)).chain(chunks.into_iter().map(Part::Chunk));
    tokio_stream::iter(parts.map(message).collect::<Vec<_>>())
}

pub async fn names(clients: &mut Clients) -> Vec<String> {
    let response = clients
        .meshes
        .list_meshes(proto::ListMeshesRequest::default())
        .await
        .unwrap();
    response
        .into_inner()
        .meshes
        .into_iter()
        .map(|mesh| mesh.name)
        .collect()
}

#[tokio::test]
async fn a_mesh_arrives_whole_by_stream_and_in_one_message() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let by_stream = clients
        .meshes
        .upload_mesh(upload(metadata(), &raw_data()))
        .await
        .unwrap();
    let by_stream = by_stream.into_inner().mesh.unwrap();
    let at_once = clients
        .meshes
        .create_mesh(create_mesh_request())
        .await
        .unwrap();
    let at_once = at_once.into_inner().mesh.unwrap();
    assert_eq!(by_stream.health, at_once.health);
    assert_ne!(by_stream.name, at_once.name);
    let health = at_once.health.unwrap();
    assert_eq!((health.vertices, health.faces, health.bodies), (6, 8, 1));
    assert!(health.watertight && health.consistently_wound && !health.inverted);
    let radius = f64::from(octahedron::RADIUS);
    assert!((health.volume.unwrap() - 4.0 / 3.0 * radius.powi(3)).abs() < 1e-6);
    assert_eq!(health.bounds.unwrap().min, [7.0, -23.0, 2.0]);

    assert_eq!(
        names(&mut clients).await,
        [at_once.name.clone(), by_stream.name.clone()]
    );
    let name = by_stream.name;
    let got = clients
        .meshes
        .get_mesh(proto::GetMeshRequest { name: name.clone() })
        .await
        .unwrap();
    assert_eq!(got.into_inner().mesh.unwrap().display_name, "octahedron");
    clients
        .meshes
        .delete_mesh(proto::DeleteMeshRequest { name: name.clone() })
        .await
        .unwrap();
    let status = clients
        .meshes
        .get_mesh(proto::GetMeshRequest { name: name.clone() })
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::NotFound, "MESH_NOT_FOUND")
    );
    assert!(status.message().contains(&name), "{status:?}");
}

#[tokio::test]
async fn bad_data_is_refused_with_a_reason() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let obj = |text: &str| (MeshFormat::Obj, text.as_bytes().to_vec(), (0, 0));
    let stl_cut_off = {
        let mut data = vec![0u8; 84];
        data[80] = 100;
        (MeshFormat::Stl, data, (0, 0))
    };
    let raw = |positions: &[[f32; 3]], triangles: &[[u32; 3]]| {
        let mut data: Vec<u8> = positions
            .as_flattened()
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        data.extend(
            triangles
                .as_flattened()
                .iter()
                .flat_map(|i| i.to_le_bytes()),
        );
        (
            MeshFormat::Raw,
            data,
            (positions.len() as u64, triangles.len() as u64),
        )
    };
    let corner = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
    let cases = [
        ("MESH_EMPTY", obj("")),
        ("MESH_EMPTY", raw(&[], &[])),
        ("POINTS_TOO_FEW", raw(&corner, &[])),
        ("POINTS_TOO_FEW", obj("v 0 0 0\nv 1 0 0\nv 0 1 0\n")),
        ("POINTS_NO_EXTENT", raw(&corner[..1], &[])),
        (
            "POINTS_FLAT",
            raw(
                &[0.0, 1.0, 2.0, 3.0]
                    .map(|x| [0.0, 1.0, 2.0].map(|y| [x, y, 0.0]))
                    .concat(),
                &[],
            ),
        ),
        ("MESH_MISSING_VERTEX", raw(&corner, &[[0, 1, 3]])),
        (
            "MESH_NOT_FINITE",
            raw(&[[f32::NAN, 0.0, 0.0], corner[1], corner[2]], &[[0, 1, 2]]),
        ),
        (
            "MESH_NOT_FINITE",
            raw(
                &[[f32::INFINITY, 0.0, 0.0], corner[1], corner[2]],
                &[[0, 1, 2]],
            ),
        ),
        ("MESH_NO_EXTENT", raw(&[corner[1]; 3], &[[0, 1, 2]])),
        ("MESH_TRUNCATED", stl_cut_off),
        (
            "MESH_WRONG_FORMAT",
            (MeshFormat::Obj, b"ply\nformat ascii 1.0\n".to_vec(), (0, 0)),
        ),
    ];
    for (expected, (format, data, (vertex_count, triangle_count))) in cases {
        let metadata = proto::MeshMetadata {
            display_name: "bad thing".to_owned(),
            format: format.into(),
            vertex_count,
            triangle_count,
            ..Default::default()
        };
        let status = clients
            .meshes
            .upload_mesh(upload(metadata, &data))
            .await
            .unwrap_err();
        assert_eq!(reason(&status), expected, "{status:?}");
        assert_eq!(
            (status.code(), blamed(&status).as_str()),
            (Code::InvalidArgument, "data"),
            "{expected}"
        );
    }
    assert!(names(&mut clients).await.is_empty());
    // And what is merely odd is taken: one triangle, which is a flat sheet too.
    let (_, data, (vertex_count, triangle_count)) = raw(&corner, &[[0, 1, 2]]);
    let odd = proto::MeshMetadata {
        vertex_count,
        triangle_count,
        ..metadata()
    };
    let mesh = clients
        .meshes
        .upload_mesh(upload(odd, &data))
        .await
        .unwrap()
        .into_inner()
        .mesh
        .unwrap();
    assert!(!mesh.health.unwrap().warnings.is_empty());
}

/// Points on a ball of radius 2 about (7, 0, 0).
fn ball_of_points() -> (Vec<[f32; 3]>, Vec<[f32; 3]>) {
    let ball = overfit::geometry::shapes::icosphere(3, 1.0).positions;
    let normals: Vec<[f32; 3]> = ball.iter().map(|p| p.map(|x| x as f32)).collect();
    let positions = normals
        .iter()
        .map(|[x, y, z]| [2.0 * x + 7.0, 2.0 * y, 2.0 * z]);
    (positions.collect(), normals)
}

#[tokio::test]
async fn points_without_faces_become_a_surface_in_every_form() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let (positions, normals) = ball_of_points();
    let bytes = |rows: &[[f32; 3]]| -> Vec<u8> {
        let numbers = rows.as_flattened().iter();
        numbers.flat_map(|x| x.to_le_bytes()).collect()
    };
    let row = |[x, y, z]: &[f32; 3]| format!("{x} {y} {z}\n");
    let text: String = positions.iter().map(row).collect();
    let header = "ply\nformat ascii 1.0\nelement vertex 642\nproperty float x\nproperty float y\nproperty float z\n\
                  end_header\n";
    let ply = header.to_owned() + &text;
    let raw = |has_normals: bool| proto::MeshMetadata {
        format: MeshFormat::Raw.into(),
        vertex_count: 642,
        has_normals,
        ..Default::default()
    };
    let file = |format: MeshFormat| proto::MeshMetadata {
        format: format.into(),
        ..Default::default()
    };
    let uploads = [
        (raw(false), bytes(&positions)),
        (raw(true), [bytes(&positions), bytes(&normals)].concat()),
        (file(MeshFormat::Xyz), text.into_bytes()),
        (file(MeshFormat::Ply), ply.into_bytes()),
    ];
    for (metadata, data) in uploads {
        let estimated = !metadata.has_normals;
        let mesh = clients.meshes.upload_mesh(upload(metadata, &data)).await;
        let health = mesh.unwrap().into_inner().mesh.unwrap().health.unwrap();
        assert!(health.watertight && health.bodies == 1);
        let share = health.volume.unwrap() / (4.0 / 3.0 * std::f64::consts::PI * 8.0);
        assert!((share - 1.0).abs() < 0.01, "{share}");
        let words = &health.warnings[0];
        assert!(words.contains("put through 642 points"), "{words}");
        assert_eq!(words.contains("estimated"), estimated, "{words}");
    }
    let metadata = proto::MeshMetadata {
        smoothing: Some(-1.0),
        ..raw(false)
    };
    let refused = clients
        .meshes
        .upload_mesh(upload(metadata, &bytes(&positions)))
        .await;
    let status = refused.unwrap_err();
    assert_eq!(
        (reason(&status).as_str(), blamed(&status).as_str()),
        ("FIELD_INVALID", "metadata.smoothing"),
        "{status:?}"
    );
}

#[tokio::test]
async fn counts_and_order_are_checked() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let data = raw_data();

    for (metadata, data, field) in [
        (metadata(), &data[..data.len() - 1], "data"),
        (metadata(), &[&data[..], &[0]].concat()[..], "chunk"),
        (
            proto::MeshMetadata {
                vertex_count: 7,
                ..metadata()
            },
            &data[..],
            "data",
        ),
        (
            proto::MeshMetadata {
                vertex_count: u64::MAX,
                ..metadata()
            },
            &data[..],
            "metadata.vertex_count",
        ),
        (
            proto::MeshMetadata {
                format: 0,
                ..metadata()
            },
            &data[..],
            "metadata.format",
        ),
        (
            proto::MeshMetadata {
                format: 77,
                ..metadata()
            },
            &data[..],
            "metadata.format",
        ),
        (
            proto::MeshMetadata {
                has_normals: true,
                ..metadata()
            },
            &data[..],
            "metadata.has_normals",
        ),
    ] {
        let status = clients
            .meshes
            .upload_mesh(upload(metadata, data))
            .await
            .unwrap_err();
        assert_eq!(
            (reason(&status).as_str(), blamed(&status).as_str()),
            ("FIELD_INVALID", field),
            "{status:?}"
        );
    }
    let no_metadata = clients
        .meshes
        .create_mesh(proto::CreateMeshRequest::default())
        .await
        .unwrap_err();
    assert_eq!(blamed(&no_metadata), "metadata");

    let disorders = [
        vec![],
        vec![Part::Chunk(data.clone().into())],
        vec![Part::Metadata(metadata()), Part::Metadata(metadata())],
    ];
    for parts in disorders {
        let parts: Vec<_> = parts.into_iter().map(message).collect();
        let status = clients
            .meshes
            .upload_mesh(tokio_stream::iter(parts))
            .await
            .unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "STREAM_ORDER")
        );
    }
    assert!(names(&mut clients).await.is_empty());
}

#[tokio::test]
async fn lists_come_in_pages() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let mut uploaded = Vec::new();
    for _ in 0..5 {
        uploaded.insert(0, clients.upload().await);
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = proto::ListMeshesRequest {
            page_size: 2,
            page_token,
        };
        let page = clients
            .meshes
            .list_meshes(request)
            .await
            .unwrap()
            .into_inner();
        seen.extend(page.meshes.into_iter().map(|mesh| mesh.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, uploaded);
    let request = proto::ListMeshesRequest {
        page_size: -1,
        page_token: String::new(),
    };
    assert_eq!(
        blamed(&clients.meshes.list_meshes(request).await.unwrap_err()),
        "page_size"
    );
    let request = proto::ListMeshesRequest {
        page_size: 0,
        page_token: "x".to_owned(),
    };
    assert_eq!(
        blamed(&clients.meshes.list_meshes(request).await.unwrap_err()),
        "page_token"
    );
    for name in ["", "x", "fits/1", "meshes/", "meshes/../x"] {
        let name = name.to_owned();
        let status = clients
            .meshes
            .get_mesh(proto::GetMeshRequest { name })
            .await
            .unwrap_err();
        assert_eq!(
            (status.code(), blamed(&status).as_str()),
            (Code::InvalidArgument, "name")
        );
    }
}
