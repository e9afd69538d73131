//! Uploads that are too large, and ones that break off.

use std::sync::Arc;
use std::time::Duration;

use overfit::server::proto::{self, MeshFormat, upload_mesh_request::Part};
use overfit::server::{Limits, ServerSettings, Times};
use prost::bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::daemon::{Daemon, PATIENCE, reason, start_with};
use crate::meshes::{message, names, upload};
use crate::octahedron::{self, create_mesh_request, metadata, raw_data};

#[tokio::test]
async fn uploads_beyond_the_limit_are_refused_while_they_come() {
    let limits = Limits {
        max_mesh_bytes: 10_000,
        ..Default::default()
    };
    let (daemon, _folder) = start_with(Arc::new(octahedron::fit), limits);
    let mut clients = daemon.clients().await;

    // Announced as too large: refused with no data at all.
    let huge = proto::MeshMetadata {
        vertex_count: 1 << 40,
        ..metadata()
    };
    let (send, receive) = mpsc::channel(1);
    send.send(message(Part::Metadata(huge))).await.unwrap();
    let status = clients
        .meshes
        .upload_mesh(ReceiverStream::new(receive))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::ResourceExhausted, "UPLOAD_TOO_LARGE")
    );
    assert!(status.message().contains("10000 bytes"), "{status:?}");
    drop(send);

    // Not announced: refused as soon as the limit is passed, though the client would go on for ever.
    let endless = std::iter::once(Part::Metadata(proto::MeshMetadata {
        format: MeshFormat::Obj.into(),
        ..metadata()
    }))
    .chain(std::iter::repeat_with(|| {
        Part::Chunk(Bytes::from_static(&[b'#'; 1000]))
    }));
    let call = clients
        .meshes
        .upload_mesh(tokio_stream::iter(endless.map(message)));
    let status = tokio::time::timeout(PATIENCE, call)
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(reason(&status), "UPLOAD_TOO_LARGE");
    assert!(names(&mut clients).await.is_empty());
}

#[tokio::test]
async fn a_message_beyond_the_limit_says_what_to_do() {
    let limits = Limits {
        max_message_bytes: 1000,
        ..Default::default()
    };
    let (daemon, _folder) = start_with(Arc::new(octahedron::fit), limits);
    let mut clients = daemon.clients().await;
    let request = proto::CreateMeshRequest {
        metadata: Some(metadata()),
        data: vec![0; 2000].into(),
    };
    let at_once = clients.meshes.create_mesh(request).await.unwrap_err();
    let parts = [
        Part::Metadata(metadata()),
        Part::Chunk(vec![0; 2000].into()),
    ]
    .map(message);
    let by_stream = clients
        .meshes
        .upload_mesh(tokio_stream::iter(parts))
        .await
        .unwrap_err();
    for status in [at_once, by_stream] {
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
        );
        assert!(status.message().contains("1000 bytes"), "{status:?}");
    }
}

#[tokio::test]
async fn a_small_upload_that_would_become_a_large_mesh_is_refused() {
    let limits = Limits {
        max_decoded_mesh_bytes: 1_000_000,
        ..Default::default()
    };
    let (daemon, _folder) = start_with(Arc::new(octahedron::fit), limits);
    let mut clients = daemon.clients().await;
    clients
        .meshes
        .create_mesh(create_mesh_request())
        .await
        .unwrap();
    // Many positions at one place, with no bytes behind them.
    let json = r#"{"asset":{"version":"2.0"},"meshes":[{"primitives":[{"attributes":{"POSITION":0}}]}],
        "accessors":[{"componentType":5126,"count":1000000000,"type":"VEC3"}]}"#;
    let request = proto::CreateMeshRequest {
        metadata: Some(proto::MeshMetadata {
            format: MeshFormat::Gltf.into(),
            ..Default::default()
        }),
        data: json.into(),
    };
    let status = clients.meshes.create_mesh(request).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::InvalidArgument, "MESH_TOO_LARGE")
    );
    let message = status.message();
    assert!(
        message.contains("accessor 0 has 1000000000 items") && message.contains("at most 1000000"),
        "{status:?}"
    );
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    // Room for eight meshes, of 6 positions of 24 bytes and 8 triangles of 12, in the half that is for them.
    let limits = Limits {
        max_memory_bytes: 2 * 8 * (6 * 24 + 8 * 12),
        ..Default::default()
    };
    let (daemon, _folder) = start_with(Arc::new(octahedron::fit), limits);
    let mut clients = daemon.clients().await;
    for _ in 0..3 {
        let mut other = daemon.clients().await;
        let (send, receive) = mpsc::channel(1);
        let call = tokio::spawn(async move {
            other
                .meshes
                .upload_mesh(ReceiverStream::new(receive))
                .await
                .map(drop)
        });
        send.send(message(Part::Metadata(metadata())))
            .await
            .unwrap();
        send.send(message(Part::Chunk(Bytes::from(raw_data()).slice(..100))))
            .await
            .unwrap();
        // The connection goes away with the call.
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
    }
    assert!(names(&mut clients).await.is_empty());
    // The memory is free again as soon as the daemon has noticed.
    let whole = async {
        loop {
            match clients
                .meshes
                .upload_mesh(upload(metadata(), &raw_data()))
                .await
            {
                Ok(_) => return,
                Err(status) => assert_eq!(reason(&status), "MEMORY_FULL"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, whole)
        .await
        .expect("the memory comes back");
    for _ in 1..8 {
        let request = create_mesh_request();
        clients.meshes.create_mesh(request).await.unwrap();
    }
    let status = clients
        .meshes
        .create_mesh(create_mesh_request())
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::ResourceExhausted, "MEMORY_FULL")
    );
    assert!(status.message().contains("may take 1920"), "{status:?}");
}

#[tokio::test]
async fn an_upload_that_stalls_gives_back_what_it_held() {
    let limits = Limits {
        max_memory_bytes: 8000,
        ..Default::default()
    };
    let settings = ServerSettings {
        limits,
        times: Times {
            upload_pause: Duration::from_secs(2),
            ..Default::default()
        },
        ..Default::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start_as(folder.path(), Arc::new(octahedron::fit), settings);
    let mut clients = daemon.clients().await;
    let (send, receive) = mpsc::channel(2);
    send.send(message(Part::Metadata(metadata())))
        .await
        .unwrap();
    send.send(message(Part::Chunk(vec![0; 100].into())))
        .await
        .unwrap();
    let call = clients.meshes.upload_mesh(ReceiverStream::new(receive));
    let status = tokio::time::timeout(PATIENCE, call)
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::DeadlineExceeded, "UPLOAD_STALLED")
    );
    assert!(status.message().contains("for 2 s"), "{status:?}");
    // Its client is still there, and others have all the room.
    let data = raw_data();
    let whole = upload(metadata(), &data);
    clients.meshes.upload_mesh(whole).await.unwrap();
    drop(send);
}
