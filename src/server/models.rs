//! The finished models: files in the data folder, and the few of them that are ready to be asked.

use std::collections::{HashMap, VecDeque};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use prost::bytes::Bytes;

use super::error::ApiError;
use super::page::{Place, page};
use super::proto;
use super::resource_name::{Collection, is_id, new_id};
use crate::atomic_file::sync_folder;
use crate::field::{Engine, Model, ModelError};
use crate::query::LoadedModel;

const EXTENSION: &str = "safetensors";
/// How the names of files begin that are being written, see [`crate::atomic_file`].
const UNFINISHED: &str = ".overfit-";
/// Models that stay ready to be asked.
const READY: usize = 8;

/// All models of a daemon: one file each, `{id}.safetensors`.
pub(super) struct Models {
    folder: PathBuf,
    engine: Arc<dyn Engine>,
    all: Mutex<HashMap<String, Stored>>,
    /// The one asked last is at the front.
    ready: Mutex<VecDeque<(String, LoadedModel)>>,
}

struct Stored {
    place: Place,
    message: proto::Model,
    /// The model, if its file could not be written.
    unsaved: Option<Arc<Model>>,
}

impl Models {
    /// Reads the folder. Files that are no models are left alone; they are named in a warning.
    ///
    /// # Errors
    /// Fails if the folder cannot be listed.
    pub(super) fn open(folder: PathBuf, engine: Arc<dyn Engine>) -> io::Result<Self> {
        let mut all = HashMap::new();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.file_name().is_some_and(is_unfinished) {
                // Half a file of a daemon that was killed; nobody else works in this folder.
                let _ = fs::remove_file(&path);
                continue;
            }
            if path
                .extension()
                .is_none_or(|extension| extension != EXTENSION)
            {
                continue;
            }
            match read_stored(&path) {
                Ok((id, stored)) => {
                    all.insert(id, stored);
                }
                Err(error) => tracing::warn!(path = %path.display(), error, "not taken as a model"),
            }
        }
        tracing::info!(folder = %folder.display(), models = all.len(), "models are read");
        Ok(Self {
            folder,
            engine,
            all: Mutex::new(all),
            ready: Mutex::default(),
        })
    }

    /// Keeps a model that was just fitted, under the id of its fit. Hours of work must not be lost to a full disk: a model that cannot be written
    /// stays in memory and can be asked and exported like any other. The error is then given beside it, for a warning.
    pub(super) fn keep(&self, id: &str, model: Model) -> (proto::Model, Option<ModelError>) {
        let saved = model.save(&self.path(id));
        let message = match saved {
            Ok(()) => self.insert(id, &model, None),
            Err(_) => {
                let model = Arc::new(model);
                self.insert(id, &model, Some(model.clone()))
            }
        };
        (message, saved.err())
    }

    /// Adds a model that a client sent.
    ///
    /// # Errors
    /// Fails if it cannot be written: the client still has it.
    pub(super) fn import(&self, model: &Model) -> Result<proto::Model, ApiError> {
        let id = new_id();
        model.save(&self.path(&id))?;
        Ok(self.insert(&id, model, None))
    }

    /// Tries once more to write what could not be written. Called before the daemon ends.
    pub(super) fn save_unsaved(&self) {
        for (id, stored) in self.all().iter_mut() {
            let Some(model) = &stored.unsaved else {
                continue;
            };
            match model.save(&self.path(id)) {
                Ok(()) => stored.unsaved = None,
                Err(error) => {
                    tracing::error!(model = stored.message.name, %error, "a model is lost")
                }
            }
        }
    }

    /// What clients see of a model.
    ///
    /// # Errors
    /// [`ApiError::NotFound`].
    pub(super) fn get(&self, id: &str) -> Result<proto::Model, ApiError> {
        let all = self.all();
        let stored = all.get(id).ok_or_else(|| not_found(id))?;
        Ok(stored.message.clone())
    }

    /// A page of the list, and the token of the next.
    ///
    /// # Errors
    /// As [`page`].
    pub(super) fn list(
        &self,
        size: i32,
        token: &str,
    ) -> Result<(Vec<proto::Model>, String), ApiError> {
        let items = self
            .all()
            .values()
            .map(|stored| (stored.place.clone(), stored.message.clone()))
            .collect();
        page(items, size, token)
    }

    /// Removes a model and its file.
    ///
    /// # Errors
    /// [`ApiError::NotFound`]; [`ApiError::ModelDelete`] if the file stays, and then the model does, too.
    pub(super) fn delete(&self, id: &str) -> Result<(), ApiError> {
        let mut all = self.all();
        let stored = all.get(id).ok_or_else(|| not_found(id))?;
        if stored.unsaved.is_none()
            && let Err(source) = self.remove_file(id)
        {
            let id = id.to_owned();
            return Err(ApiError::ModelDelete { id, source });
        }
        all.remove(id);
        self.ready().retain(|(ready, _)| ready != id);
        Ok(())
    }

    /// The bytes of a model's file.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], or what reading says.
    pub(super) fn file(&self, id: &str) -> Result<Bytes, ApiError> {
        if let Some(model) = self.unsaved(id)? {
            return Ok(model.to_bytes().into());
        }
        let path = self.path(id);
        let bytes = fs::read(&path).map_err(|source| ModelError::Read { path, source })?;
        Ok(bytes.into())
    }

    /// A model, ready to be asked. Reads its file unless it was asked lately.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], or what reading says.
    pub(super) fn load(&self, id: &str) -> Result<LoadedModel, ApiError> {
        let unsaved = self.unsaved(id)?;
        {
            let mut ready = self.ready();
            if let Some(index) = ready.iter().position(|(ready, _)| ready == id)
                && let Some(entry) = ready.remove(index)
            {
                let loaded = entry.1.clone();
                ready.push_front(entry);
                return Ok(loaded);
            }
        }
        // With no lock held: two calls may both read the file, which does no harm.
        let model = match unsaved {
            Some(model) => model,
            None => Arc::new(Model::load(&self.path(id))?),
        };
        let loaded = LoadedModel::new(model, &*self.engine);
        let mut ready = self.ready();
        ready.push_front((id.to_owned(), loaded.clone()));
        ready.truncate(READY);
        Ok(loaded)
    }

    fn insert(&self, id: &str, model: &Model, unsaved: Option<Arc<Model>>) -> proto::Model {
        let size_bytes = match fs::metadata(self.path(id)) {
            Ok(file) if unsaved.is_none() => file.len(),
            _ => model.to_bytes().len() as u64,
        };
        let stored = Stored::new(id, SystemTime::now(), size_bytes, model, unsaved);
        let message = stored.message.clone();
        self.all().insert(id.to_owned(), stored);
        message
    }

    /// Removes a model's file for good: after a power cut it must not be back.
    fn remove_file(&self, id: &str) -> io::Result<()> {
        match fs::remove_file(self.path(id)) {
            Ok(()) => sync_folder(&self.folder),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn unsaved(&self, id: &str) -> Result<Option<Arc<Model>>, ApiError> {
        let all = self.all();
        let stored = all.get(id).ok_or_else(|| not_found(id))?;
        Ok(stored.unsaved.clone())
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.{EXTENSION}"))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Stored>> {
        self.all.lock().expect("no holder of this lock panics")
    }

    fn ready(&self) -> MutexGuard<'_, VecDeque<(String, LoadedModel)>> {
        self.ready.lock().expect("no holder of this lock panics")
    }
}

impl Stored {
    fn new(
        id: &str,
        time: SystemTime,
        size_bytes: u64,
        model: &Model,
        unsaved: Option<Arc<Model>>,
    ) -> Self {
        let message = proto::Model {
            name: Collection::Models.name(id),
            create_time: Some(time.into()),
            size_bytes,
            ..model.into()
        };
        Self {
            place: Place::new(time, id),
            message,
            unsaved,
        }
    }
}

fn is_unfinished(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes())
}

/// The model in a file of the folder; the error is in words.
fn read_stored(path: &Path) -> Result<(String, Stored), String> {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let Some(id) = stem.filter(|stem| is_id(stem)) else {
        return Err("its name may hold letters, digits, '-', '_' and '.' only".to_owned());
    };
    let model = Model::load(path).map_err(|error| error.to_string())?;
    let file = fs::metadata(path).map_err(|error| error.to_string())?;
    let time = file.modified().unwrap_or_else(|_| SystemTime::now());
    Ok((
        id.to_owned(),
        Stored::new(id, time, file.len(), &model, None),
    ))
}

fn not_found(id: &str) -> ApiError {
    ApiError::NotFound {
        collection: Collection::Models,
        id: id.to_owned(),
    }
}
