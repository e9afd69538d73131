//! The meshes that clients uploaded. They live in memory and are gone when the daemon stops.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use super::error::ApiError;
use super::memory::{Charge, Memory};
use super::page::{Place, page};
use super::proto;
use super::resource_name::{Collection, new_id};
use crate::CancelToken;
use crate::geometry::{Cleanup, HealthReport, Mesh};

/// All meshes of a daemon.
pub(super) struct Meshes {
    memory: Memory,
    all: Mutex<HashMap<String, Stored>>,
}

struct Stored {
    place: Place,
    message: proto::Mesh,
    mesh: Arc<HeldMesh>,
    /// Of the upload that it came of, where that had an id.
    digest: Option<u64>,
}

/// An upload that can be told from others.
#[derive(Clone, Debug)]
pub(super) struct UploadId {
    /// The id that the client gave it, and the mesh's.
    pub(super) id: String,
    /// Tells its content from others.
    pub(super) digest: u64,
}

/// A mesh and its share of the budget, which is given back when the last user lets go of it.
pub(super) struct HeldMesh {
    pub(super) mesh: Mesh,
    /// The number that each triangle had in the upload; `None` if it has that number still.
    pub(super) uploaded_numbers: Option<Vec<u32>>,
    /// Triangles whose last two corners have changed places since the upload, ascending.
    pub(super) turned: Vec<u32>,
    _held: Charge,
}

impl Meshes {
    /// No meshes yet.
    pub(super) fn new(memory: Memory) -> Self {
        Self {
            memory,
            all: Mutex::default(),
        }
    }

    /// The mesh that this very upload has led to before; `None` for a new one.
    ///
    /// # Errors
    /// [`ApiError::RequestIdUsed`] if the id is another upload's.
    pub(super) fn of_upload(&self, upload: &UploadId) -> Result<Option<proto::Mesh>, ApiError> {
        match self.all().get(&upload.id) {
            None => Ok(None),
            Some(stored) if stored.digest == Some(upload.digest) => {
                Ok(Some(stored.message.clone()))
            }
            Some(stored) => Err(ApiError::RequestIdUsed(stored.message.name.clone())),
        }
    }

    /// Examines a mesh, of which `cleanup` was told on the way in, and keeps it. `held` is what its upload held.
    ///
    /// # Errors
    /// [`ApiError::MemoryKept`] if it cannot stay, [`ApiError::Cancelled`] if nobody waits for it any more, and as
    /// [`of_upload`](Self::of_upload).
    pub(super) fn add(
        &self,
        upload: Option<UploadId>,
        display_name: &str,
        mesh: Mesh,
        cleanup: &Cleanup,
        mut held: Charge,
        cancel: &CancelToken,
    ) -> Result<proto::Mesh, ApiError> {
        let health = HealthReport::examine(&mesh, cleanup, cancel).ok_or(ApiError::Cancelled)?;
        let uploaded_numbers = cleanup.numbers_before(mesh.triangles.len());
        let bytes = size_of_val(&*mesh.positions)
            + size_of_val(&*mesh.triangles)
            + uploaded_numbers.as_deref().map_or(0, size_of_val)
            + size_of_val(&*cleanup.turned);
        held.resize_blocking(bytes as u64)?;
        held.keep()?;
        let (id, digest) = match &upload {
            Some(upload) => (upload.id.clone(), Some(upload.digest)),
            None => (new_id(), None),
        };
        let now = SystemTime::now();
        let message = proto::Mesh {
            name: Collection::Meshes.name(&id),
            display_name: display_name.to_owned(),
            create_time: Some(now.into()),
            health: Some((&health).into()),
        };
        let stored = Stored {
            place: Place::new(now, &id),
            message: message.clone(),
            mesh: Arc::new(HeldMesh {
                mesh,
                uploaded_numbers,
                turned: cleanup.turned.clone(),
                _held: held,
            }),
            digest,
        };
        if let Entry::Vacant(place) = self.all().entry(id) {
            place.insert(stored);
            return Ok(message);
        }
        // The same upload came twice at once.
        let first = upload.and_then(|upload| self.of_upload(&upload).transpose());
        first.unwrap_or(Ok(message))
    }

    /// Holds a mesh that no client can ask for. It counts among the others, and is held even if there is no room for it.
    pub(super) fn hold(&self, mesh: Mesh) -> Arc<HeldMesh> {
        let bytes = size_of_val(&*mesh.positions) + size_of_val(&*mesh.triangles);
        let held = self.memory.charge_anyway(bytes as u64);
        Arc::new(HeldMesh {
            mesh,
            uploaded_numbers: None,
            turned: Vec::new(),
            _held: held,
        })
    }

    /// What clients see of a mesh, and the mesh.
    ///
    /// # Errors
    /// [`ApiError::NotFound`].
    pub(super) fn get(&self, id: &str) -> Result<(proto::Mesh, Arc<HeldMesh>), ApiError> {
        let all = self.all();
        let stored = all.get(id).ok_or_else(|| not_found(id))?;
        Ok((stored.message.clone(), stored.mesh.clone()))
    }

    /// A page of the list, and the token of the next.
    ///
    /// # Errors
    /// As [`page`].
    pub(super) fn list(
        &self,
        size: i32,
        token: &str,
    ) -> Result<(Vec<proto::Mesh>, String), ApiError> {
        let items = self
            .all()
            .values()
            .map(|stored| (stored.place.clone(), stored.message.clone()))
            .collect();
        page(items, size, token)
    }

    /// Forgets a mesh. Fits that use it keep it, and its memory, until they end.
    ///
    /// # Errors
    /// [`ApiError::NotFound`].
    pub(super) fn delete(&self, id: &str) -> Result<(), ApiError> {
        let stored = self.all().remove(id).ok_or_else(|| not_found(id))?;
        // Large: freed after the lock is open again.
        drop(stored);
        Ok(())
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Stored>> {
        self.all.lock().expect("no holder of this lock panics")
    }
}

fn not_found(id: &str) -> ApiError {
    ApiError::NotFound {
        collection: Collection::Meshes,
        id: id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::geometry::{shapes, validate};

    #[test]
    fn meshes_come_and_go_and_their_memory_with_them() {
        let (mesh, cleanup) = validate(shapes::icosphere(1, 1.0)).unwrap();
        // 42 vertices of 24 bytes, 80 triangles of 12.
        let bytes = 42 * 24 + 80 * 12;
        let memory = Memory::new(2 * bytes, Duration::from_secs(600));
        let meshes = Meshes::new(memory.clone());
        let waits = CancelToken::new();
        let add = |name: &str| {
            let held = memory.charge_now(bytes)?;
            meshes.add(None, name, mesh.clone(), &cleanup, held, &waits)
        };
        let message = add("ball").unwrap();
        let id = Collection::Meshes.id(&message.name, "name").unwrap();
        assert!(matches!(add("second"), Err(ApiError::MemoryKept { limit, .. }) if limit == bytes));
        assert_eq!((memory.in_use().held, memory.in_use().kept), (bytes, bytes));
        assert_eq!(
            meshes.list(0, "").unwrap().0,
            std::slice::from_ref(&message)
        );
        assert_eq!(meshes.get(id).unwrap().1.mesh, mesh);
        meshes.delete(id).unwrap();
        assert!(matches!(meshes.delete(id), Err(ApiError::NotFound { .. })));
        assert!(matches!(meshes.get(id), Err(ApiError::NotFound { .. })));
        add("second").unwrap();

        meshes
            .delete(
                Collection::Meshes
                    .id(&meshes.list(0, "").unwrap().0[0].name, "name")
                    .unwrap(),
            )
            .unwrap();
        waits.cancel();
        assert!(matches!(add("third"), Err(ApiError::Cancelled)));
        assert!(meshes.list(0, "").unwrap().0.is_empty());
        assert_eq!((memory.in_use().held, memory.in_use().kept), (0, 0));
    }
}
