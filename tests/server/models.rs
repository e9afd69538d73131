//! Models: what stays of a fit.

use std::sync::Arc;
use std::time::Duration;

use overfit::field::Model;
use overfit::server::proto::{self, FitState, ImportModelRequest, import_model_request::Part};
use overfit::server::{Limits, ServeError, ServerSettings};
use prost::bytes::Bytes;
use tonic::Code;

use crate::daemon::{Clients, Daemon, PATIENCE, blamed, reason, start, start_with};
use crate::octahedron;

async fn export(clients: &mut Clients, name: &str) -> Vec<u8> {
    let request = proto::ExportModelRequest {
        name: name.to_owned(),
        ..Default::default()
    };
    let mut messages = clients
        .models
        .export_model(request)
        .await
        .unwrap()
        .into_inner();
    let (mut file, mut announced) = (Vec::new(), 0);
    while let Some(message) = messages.message().await.unwrap() {
        assert_eq!(
            file.is_empty(),
            message.size_bytes > 0,
            "the size is on the first message"
        );
        announced += message.size_bytes;
        file.extend(message.chunk);
    }
    assert_eq!(file.len() as u64, announced);
    file
}

fn import(
    display_name: &str,
    file: &[u8],
) -> impl tonic::IntoStreamingRequest<Message = ImportModelRequest> + use<> {
    import_as("", display_name, file)
}

fn import_as(
    request_id: &str,
    display_name: &str,
    file: &[u8],
) -> impl tonic::IntoStreamingRequest<Message = ImportModelRequest> + use<> {
    let metadata = Part::Metadata(proto::ImportModelMetadata {
        display_name: display_name.to_owned(),
        request_id: request_id.to_owned(),
    });
    let chunks: Vec<Part> = file
        .chunks(100)
        .map(|chunk| Part::Chunk(Bytes::copy_from_slice(chunk)))
        .collect();
    let parts = std::iter::once(metadata).chain(chunks);
    tokio_stream::iter(
        parts
            .map(|part| ImportModelRequest { part: Some(part) })
            .collect::<Vec<_>>(),
    )
}

async fn list(clients: &mut Clients) -> Vec<proto::Model> {
    clients
        .models
        .list_models(proto::ListModelsRequest::default())
        .await
        .unwrap()
        .into_inner()
        .models
}

#[tokio::test]
async fn a_model_goes_out_and_comes_back() {
    let (daemon, folder) = start();
    let mut clients = daemon.clients().await;
    let name = clients.model().await;
    let file = export(&mut clients, &name).await;
    let exported = Model::from_bytes(&file).unwrap();
    assert_eq!(exported.training.name, "octahedron");

    let imported = clients
        .models
        .import_model(import("copy", &file))
        .await
        .unwrap()
        .into_inner()
        .model
        .unwrap();
    assert_eq!(
        (
            imported.display_name.as_str(),
            imported.architecture.as_str()
        ),
        ("copy", "mlp 8x1")
    );
    assert_ne!(imported.name, name);
    let again = Model::from_bytes(&export(&mut clients, &imported.name).await).unwrap();
    assert_eq!(again.parameters, exported.parameters);
    // Without a name it keeps its own.
    let unnamed = clients
        .models
        .import_model(import("", &file))
        .await
        .unwrap()
        .into_inner()
        .model
        .unwrap();
    assert_eq!(unnamed.display_name, "octahedron");

    let names: Vec<String> = list(&mut clients)
        .await
        .into_iter()
        .map(|model| model.name)
        .collect();
    assert_eq!(names, [unnamed.name, imported.name, name.clone()]);
    clients
        .models
        .delete_model(proto::DeleteModelRequest { name: name.clone() })
        .await
        .unwrap();
    let status = clients
        .models
        .get_model(proto::GetModelRequest { name: name.clone() })
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::NotFound, "MODEL_NOT_FOUND")
    );
    let id = name.strip_prefix("models/").unwrap();
    assert!(
        !folder
            .path()
            .join(format!("models/{id}.safetensors"))
            .exists()
    );
    assert_eq!(list(&mut clients).await.len(), 2);
}

#[tokio::test]
async fn a_model_with_a_request_id_is_imported_once() {
    const ID: &str = "123e4567-e89b-42d3-a456-426614174000";
    let (daemon, folder) = start();
    let mut clients = daemon.clients().await;
    let name = clients.model().await;
    let file = export(&mut clients, &name).await;
    let import_copy = import_as(ID, "copy", &file);
    let first = clients.models.import_model(import_copy).await.unwrap();
    drop(clients);
    daemon.stop().await;
    let daemon = Daemon::start(folder.path(), Arc::new(octahedron::fit), Limits::default());
    let mut clients = daemon.clients().await;
    let import_copy = import_as(ID, "copy", &file);
    let again = clients.models.import_model(import_copy).await.unwrap();
    let names = [first, again].map(|answer| answer.into_inner().model.unwrap().name);
    assert_eq!(names[0], format!("models/import-{ID}"));
    assert_eq!(names[0], names[1]);
    let other = import_as(ID, "another", &file);
    let status = clients.models.import_model(other).await.unwrap_err();
    assert_eq!(reason(&status), "REQUEST_ID_USED");
}

#[tokio::test]
async fn a_model_goes_out_for_other_programs() {
    let (daemon, _folder) = start();
    let mut clients = daemon.clients().await;
    let name = clients.model().await;
    let info = proto::GetServerInfoRequest {};
    let info = clients
        .server
        .get_server_info(info)
        .await
        .unwrap()
        .into_inner();
    let formats: Vec<&str> = info
        .export_formats
        .iter()
        .map(|f| f.name.as_str())
        .collect();
    assert_eq!(formats, ["onnx", "glsl", "wgsl", "osl", "safetensors"]);
    assert_eq!(info.export_formats[0].max_numbers, 0);
    let request = |format: &str| proto::ExportModelRequest {
        name: name.clone(),
        format: format.to_owned(),
    };
    for format in formats {
        let messages = clients.models.export_model(request(format)).await;
        let first = messages
            .unwrap()
            .into_inner()
            .message()
            .await
            .unwrap()
            .unwrap();
        assert_eq!(first.size_bytes, first.chunk.len() as u64);
        if format == "safetensors" {
            assert_eq!(first.chunk, export(&mut clients, &name).await);
            continue;
        }
        // It was written without an outer surface.
        assert!(first.warnings[0].contains("a third too large"));
        if format != "onnx" {
            let text = String::from_utf8(first.chunk.to_vec()).unwrap();
            assert!(
                text.contains("sdf(") && text.contains("'octahedron'"),
                "{text}"
            );
        }
    }
    let status = clients
        .models
        .export_model(request("fbx"))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), blamed(&status).as_str()),
        (Code::InvalidArgument, "format")
    );
}

#[tokio::test]
async fn what_is_no_model_is_not_taken() {
    let limits = Limits {
        max_model_bytes: 10_000,
        ..Default::default()
    };
    let (daemon, _folder) = start_with(Arc::new(octahedron::fit), limits);
    let mut clients = daemon.clients().await;
    let name = clients.model().await;
    let file = export(&mut clients, &name).await;
    for bad in [&b""[..], b"nonsense", &file[..file.len() - 1]] {
        let status = clients
            .models
            .import_model(import("", bad))
            .await
            .unwrap_err();
        assert_eq!(
            (reason(&status).as_str(), blamed(&status).as_str()),
            ("MODEL_INVALID", "chunk"),
            "{status:?}"
        );
    }
    let status = clients
        .models
        .import_model(import("", &[0; 10_001]))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::ResourceExhausted, "UPLOAD_TOO_LARGE")
    );
    assert_eq!(list(&mut clients).await.len(), 1);
}

#[tokio::test]
async fn models_are_there_after_a_restart_and_damaged_files_hurt_nobody() {
    let (daemon, folder) = start();
    let mut clients = daemon.clients().await;
    let name = clients.model().await;
    let (before, file) = (list(&mut clients).await, export(&mut clients, &name).await);
    drop(clients);
    daemon.stop().await;

    let models = folder.path().join("models");
    std::fs::write(models.join("damaged.safetensors"), &file[..file.len() / 2]).unwrap();
    std::fs::write(models.join("not a name.safetensors"), &file).unwrap();
    std::fs::write(models.join("notes.txt"), "mine").unwrap();
    // What a daemon leaves that is killed while it writes, or before it gives the file its name.
    std::fs::write(models.join(".overfit-half.safetensors~abc"), &file[..9]).unwrap();
    let mut zeros = file.clone();
    zeros[file.len() - 32..].fill(0);
    std::fs::write(models.join(".overfit-zeros.safetensors~abc"), zeros).unwrap();
    let there = format!(
        ".overfit-{}.safetensors~abc",
        name.split_once('/').unwrap().1
    );
    std::fs::write(models.join(there), &file).unwrap();
    std::fs::write(models.join(".overfit-whole.safetensors~abc"), &file).unwrap();
    std::fs::write(models.join(".overfit-abc"), &file).unwrap();
    // A user may put a model there by hand.
    std::fs::write(models.join("by-hand.safetensors"), &file).unwrap();

    let daemon = Daemon::start(folder.path(), Arc::new(octahedron::fit), Limits::default());
    let mut clients = daemon.clients().await;
    let after = list(&mut clients).await;
    let known = |name: &str| after.iter().find(|model| model.name == name);
    // The same but for the time, which is the file's now.
    assert_eq!(
        proto::Model {
            create_time: before[0].create_time,
            ..known(&name).unwrap().clone()
        },
        before[0]
    );
    assert_eq!(export(&mut clients, &name).await, file);
    for whole in ["models/by-hand", "models/whole"] {
        assert!(known(whole).unwrap().damage.is_empty());
        assert_eq!(export(&mut clients, whole).await, file);
    }
    // These, the damaged one, and one whose name nobody knows.
    assert_eq!(after.len(), 5, "{after:?}");
    assert!(!known("models/damaged").unwrap().damage.is_empty());
    let request = proto::EvaluateRequest {
        model: "models/damaged".to_owned(),
        points: Bytes::copy_from_slice(bytemuck::cast_slice(&octahedron::CENTER)),
        ..Default::default()
    };
    let status = clients.query.evaluate(request).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::DataLoss, "MODEL_DAMAGED")
    );
    for untouched in ["damaged.safetensors", "not a name.safetensors", "notes.txt"] {
        assert!(models.join(untouched).exists());
    }
    let temporary = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.unwrap().file_name();
        name.to_string_lossy().starts_with('.')
    };
    assert!(!std::fs::read_dir(&models).unwrap().any(temporary));
    let request = proto::DeleteModelRequest {
        name: "models/damaged".to_owned(),
    };
    clients.models.delete_model(request).await.unwrap();
    assert!(!models.join("damaged.safetensors").exists());
}

#[tokio::test]
async fn damage_that_comes_later_is_found_before_a_model_is_asked() {
    let (daemon, folder) = start();
    let mut clients = daemon.clients().await;
    let name = clients.model().await;
    let file = format!("{name}.safetensors");
    let path = folder.path().join(file);
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let request = proto::ExportModelRequest {
        name,
        ..Default::default()
    };
    let status = clients.models.export_model(request).await.unwrap_err();
    assert_eq!(reason(&status), "MODEL_DAMAGED");
    let damage = &list(&mut clients).await[0].damage;
    assert!(damage.contains("checksum"), "{damage}");
}

#[tokio::test]
async fn a_model_that_cannot_be_written_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ServerSettings {
        save_interval: Duration::from_millis(10),
        ..Default::default()
    };
    let fit = Arc::new(octahedron::fit);
    let daemon = Daemon::start_as(folder.path(), fit, settings);
    let mut clients = daemon.clients().await;
    // Writing into the folder fails for every user, root included.
    let models = folder.path().join("models");
    std::fs::remove_dir(&models).unwrap();

    let mesh = clients.upload().await;
    let fit = clients.fit(&mesh).await;
    let ended = clients.ended(&fit.name).await;
    assert_eq!(ended.state(), FitState::Succeeded);
    assert!(
        ended.warnings[1].contains("memory only") && ended.warnings[1].contains("models"),
        "{:?}",
        ended.warnings
    );
    // It can be asked and exported,
    let file = export(&mut clients, &ended.model).await;
    let request = proto::EvaluateRequest {
        model: ended.model.clone(),
        points: Bytes::copy_from_slice(bytemuck::cast_slice(&octahedron::CENTER)),
        gradient: false,
        ..Default::default()
    };
    clients.query.evaluate(request).await.unwrap();
    assert_eq!(list(&mut clients).await[0].size_bytes, file.len() as u64);
    // an import says that it failed,
    let status = clients
        .models
        .import_model(import("", &file))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "DISK_WRITE_FAILED");
    // and once the disk is well, it is written after all, which the fit says.
    std::fs::create_dir(&models).unwrap();
    let saved = async {
        loop {
            let warnings = clients.get_fit(&ended.name).await.warnings;
            if warnings
                .iter()
                .any(|warning| warning.contains("on the disk now"))
            {
                return warnings;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let warnings = tokio::time::timeout(PATIENCE, saved).await.unwrap();
    assert!(
        !warnings
            .iter()
            .any(|warning| warning.contains("memory only"))
    );
    daemon.stop().await;
    let daemon = Daemon::start(folder.path(), Arc::new(octahedron::fit), Limits::default());
    let mut clients = daemon.clients().await;
    let saved = export(&mut clients, &ended.model).await;
    assert_eq!(
        Model::from_bytes(&saved).unwrap(),
        Model::from_bytes(&file).unwrap()
    );
}

#[tokio::test]
async fn a_daemon_that_ends_without_a_model_on_disk_says_so_and_the_next_one_makes_it_again() {
    let (daemon, folder) = start();
    let mut clients = daemon.clients().await;
    let models = folder.path().join("models");
    std::fs::remove_dir(&models).unwrap();
    let mesh = clients.upload().await;
    let fit = clients.fit(&mesh).await.name;
    let model = clients.ended(&fit).await.model;
    drop(clients);
    match daemon.stopped().await {
        Err(ServeError::ModelsLost { names, .. }) => {
            assert_eq!(names, std::slice::from_ref(&model))
        }
        outcome => panic!("{outcome:?}"),
    }
    let daemon = Daemon::start(folder.path(), Arc::new(octahedron::fit), Limits::default());
    let mut clients = daemon.clients().await;
    assert_eq!(clients.ended(&fit).await.state(), FitState::Succeeded);
    assert_eq!(list(&mut clients).await[0].name, model);

    // One that is deleted before it could be written is not made again.
    std::fs::remove_dir_all(&models).unwrap();
    let mesh = clients.upload().await;
    let fit = clients.fit(&mesh).await.name;
    let name = clients.ended(&fit).await.model;
    let delete = proto::DeleteModelRequest { name };
    clients.models.delete_model(delete).await.unwrap();
    drop(clients);
    daemon.stop().await;
    let daemon = Daemon::start(folder.path(), Arc::new(octahedron::fit), Limits::default());
    let mut clients = daemon.clients().await;
    assert_eq!(clients.get_fit(&fit).await.state(), FitState::Succeeded);
    assert!(list(&mut clients).await.is_empty());
}
