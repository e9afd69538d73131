//! A request that had no answer is made again: with an id it does no harm.

use std::sync::Arc;

use overfit::server::Limits;
use overfit::server::proto::{self, FitState};
use overfit::train::Phase;
use tonic::Code;

use crate::busy_fit::busy;
use crate::daemon::{Daemon, blamed, reason, start};
use crate::octahedron;

const ID: &str = "123e4567-e89b-42d3-a456-426614174000";

fn refused(status: &tonic::Status) {
    assert_eq!(
        (status.code(), reason(status).as_str()),
        (Code::AlreadyExists, "REQUEST_ID_USED"),
        "{status:?}"
    );
}

#[tokio::test]
async fn a_fit_is_asked_for_once_even_if_the_daemon_ends_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let endless = busy(Phase::Train, Arc::default());
    let daemon = Daemon::start(folder.path(), endless, Limits::default());
    let mut clients = daemon.clients().await;
    let request = proto::CreateFitRequest {
        mesh: clients.upload().await,
        request_id: ID.to_ascii_uppercase(),
        ..Default::default()
    };
    // Twice at once, as of a client without patience.
    let mut other = daemon.clients().await;
    let (one, another) = tokio::join!(
        clients.fits.create_fit(request.clone()),
        other.fits.create_fit(request.clone())
    );
    for answer in [one, another] {
        let fit = answer.unwrap().into_inner().fit.unwrap();
        assert_eq!(fit.name, format!("fits/{ID}"));
    }
    let listed = clients.fits.list_fits(proto::ListFitsRequest::default());
    assert_eq!(listed.await.unwrap().into_inner().fits.len(), 1);
    let another = proto::CreateFitRequest {
        display_name: "another".to_owned(),
        ..request.clone()
    };
    refused(&clients.fits.create_fit(another.clone()).await.unwrap_err());
    let strange = proto::CreateFitRequest {
        request_id: "7".to_owned(),
        ..request.clone()
    };
    let status = clients.fits.create_fit(strange).await.unwrap_err();
    assert_eq!(blamed(&status), "request_id");
    drop((clients, other));
    daemon.stop().await;

    // Its mesh is gone by now.
    let daemon = Daemon::start(folder.path(), Arc::new(octahedron::fit), Limits::default());
    let mut clients = daemon.clients().await;
    let again = clients.fits.create_fit(request.clone()).await.unwrap();
    let name = again.into_inner().fit.unwrap().name;
    assert_eq!(name, format!("fits/{ID}"));
    assert_eq!(clients.ended(&name).await.state(), FitState::Succeeded);
    refused(&clients.fits.create_fit(another).await.unwrap_err());
    // Forgotten, it is another fit, which must not take the place of the model.
    let forget = proto::DeleteFitRequest { name };
    clients.fits.delete_fit(forget).await.unwrap();
    refused(&clients.fits.create_fit(request).await.unwrap_err());
}

#[tokio::test]
async fn a_mesh_is_taken_once() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let mut request = octahedron::create_mesh_request();
    request.metadata.as_mut().unwrap().request_id = ID.to_owned();
    for _ in 0..2 {
        let answer = clients.meshes.create_mesh(request.clone()).await.unwrap();
        let name = answer.into_inner().mesh.unwrap().name;
        assert_eq!(name, format!("meshes/{ID}"));
    }
    let mut named = request.clone();
    named.metadata.as_mut().unwrap().display_name = "another".to_owned();
    refused(&clients.meshes.create_mesh(named).await.unwrap_err());
    let mut moved = request.clone();
    let mut data = moved.data.to_vec();
    data[0] ^= 1;
    moved.data = data.into();
    refused(&clients.meshes.create_mesh(moved).await.unwrap_err());
    let name = format!("meshes/{ID}");
    let delete = proto::DeleteMeshRequest { name };
    clients.meshes.delete_mesh(delete).await.unwrap();
    clients.meshes.create_mesh(request).await.unwrap();
}
