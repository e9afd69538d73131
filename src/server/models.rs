//! The finished models: files in the data folder, and the few of them that are ready to be asked.
//!
//! A file that cannot be used is listed as damaged and never asked; what a daemon left that was killed between a model's last byte and its name is
//! given its name.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use prost::bytes::Bytes;

use super::error::ApiError;
use super::memory::{Charge, Memory};
use super::page::{Place, page};
use super::proto;
use super::resource_name::{Collection, is_id, new_id};
use crate::atomic_file::{folder_of, is_temporary, sync_folder, target_name};
use crate::field::{Engine, Model, ModelError};
use crate::query::LoadedModel;

const EXTENSION: &str = "safetensors";
/// Models that stay ready to be asked.
const READY: usize = 8;

/// All models of a daemon: one file each, `{id}.safetensors`.
pub(super) struct Models {
    folder: PathBuf,
    engine: Arc<dyn Engine>,
    all: Mutex<HashMap<String, Stored>>,
    memory: Memory,
    /// The one asked last is at the front.
    ready: Mutex<VecDeque<Ready>>,
}

/// A model that stays ready to be asked.
struct Ready {
    id: String,
    loaded: LoadedModel,
    _charge: Charge,
}

struct Stored {
    place: Place,
    message: proto::Model,
    /// The model, if its file could not be written.
    unsaved: Option<Arc<Model>>,
}

impl Models {
    /// Reads the folder. Files whose names are no names of models are left alone; they are named in a warning.
    ///
    /// # Errors
    /// Fails if the folder cannot be listed.
    pub(super) fn open(
        folder: PathBuf,
        engine: Arc<dyn Engine>,
        memory: Memory,
    ) -> io::Result<Self> {
        let mut all = HashMap::new();
        for entry in fs::read_dir(&folder)? {
            let mut path = entry?.path();
            if path.file_name().is_some_and(is_temporary) {
                match adopt(&path)? {
                    Some(adopted) => path = adopted,
                    None => continue,
                }
            }
            if path
                .extension()
                .is_none_or(|extension| extension != EXTENSION)
            {
                continue;
            }
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            match stem.filter(|stem| is_id(stem)) {
                Some(id) => {
                    all.insert(id.to_owned(), read_stored(id, &path));
                }
                None => tracing::warn!(
                    path = %path.display(),
                    "not taken as a model: its name may hold letters, digits, '-', '_' and '.' only"
                ),
            }
        }
        tracing::info!(folder = %folder.display(), models = all.len(), "models are read");
        Ok(Self {
            folder,
            engine,
            all: Mutex::new(all),
            memory,
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

    /// Adds a model that a client sent, or gives the one that its very request has led to before.
    ///
    /// # Errors
    /// Fails if it cannot be written: the client still has it; [`ApiError::RequestIdUsed`] if the id is another request's.
    pub(super) fn import(
        &self,
        model: &Model,
        request_id: Option<String>,
    ) -> Result<proto::Model, ApiError> {
        // No fit's model has such an id.
        let id = request_id.map_or_else(new_id, |id| format!("import-{id}"));
        if let Ok(known) = self.get(&id) {
            return match self.file(&id).is_ok_and(|file| file == model.to_bytes()) {
                true => Ok(known),
                false => Err(ApiError::RequestIdUsed(known.name)),
            };
        }
        model.save(&self.path(&id))?;
        Ok(self.insert(&id, model, None))
    }

    /// The ids of models that could not be written.
    pub(super) fn unsaved(&self) -> Vec<String> {
        let all = self.all();
        let unsaved = all.iter().filter(|(_, stored)| stored.unsaved.is_some());
        unsaved.map(|(id, _)| id.clone()).collect()
    }

    /// Tries once more to write a model that could not be written.
    ///
    /// # Errors
    /// What writing says; the model is still in memory then.
    pub(super) fn save_again(&self, id: &str) -> Result<(), ModelError> {
        let Ok(Some(model)) = self.unsaved_model(id) else {
            return Ok(());
        };
        // With no lock held: a disk may take its time.
        model.save(&self.path(id))?;
        match self.all().get_mut(id) {
            Some(stored) => stored.unsaved = None,
            // Deleted meanwhile.
            None => drop(self.remove_file(id)),
        }
        Ok(())
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

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.all().len() as u64
    }

    /// How many of them cannot be used.
    pub(super) fn damaged_count(&self) -> u64 {
        let all = self.all();
        all.values()
            .filter(|stored| !stored.message.damage.is_empty())
            .count() as u64
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
        self.ready().retain(|ready| ready.id != id);
        Ok(())
    }

    /// The bytes of a model's file.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], [`ApiError::ModelDamaged`], or what reading says.
    pub(super) fn file(&self, id: &str) -> Result<Bytes, ApiError> {
        if let Some(model) = self.unsaved_model(id)? {
            return Ok(model.to_bytes().into());
        }
        let path = self.path(id);
        let bytes = fs::read(&path).map_err(|source| ModelError::Read { path, source })?;
        match Model::from_bytes(&bytes) {
            Ok(_) => Ok(bytes.into()),
            Err(error) => Err(self.damaged(id, error)),
        }
    }

    /// A model, ready to be asked. Reads its file unless it was asked lately.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], [`ApiError::ModelDamaged`], [`ApiError::NoMemory`], or what reading says.
    pub(super) fn load(&self, id: &str) -> Result<LoadedModel, ApiError> {
        let unsaved = self.unsaved_model(id)?;
        {
            let mut ready = self.ready();
            if let Some(index) = ready.iter().position(|ready| ready.id == id)
                && let Some(entry) = ready.remove(index)
            {
                let loaded = entry.loaded.clone();
                ready.push_front(entry);
                return Ok(loaded);
            }
        }
        let charge = self.charge(id)?;
        // With no lock held: two calls may both read the file, which does no harm.
        let model = match unsaved {
            Some(model) => model,
            None => match Model::load(&self.path(id)) {
                Ok(model) => Arc::new(model),
                Err(error) => return Err(self.damaged(id, error)),
            },
        };
        let loaded = LoadedModel::new(model, &*self.engine);
        let mut ready = self.ready();
        ready.push_front(Ready {
            id: id.to_owned(),
            loaded: loaded.clone(),
            _charge: charge,
        });
        ready.truncate(READY);
        Ok(loaded)
    }

    /// Charges a model that is to be loaded, if need be in the place of those that are ready.
    fn charge(&self, id: &str) -> Result<Charge, ApiError> {
        let bytes = loaded_bytes(&self.get(id)?);
        loop {
            let charge = self.memory.charge_now(bytes);
            if charge.is_ok() || self.ready().pop_back().is_none() {
                return charge;
            }
        }
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

    /// Marks a model whose file could not be read.
    fn damaged(&self, id: &str, error: ModelError) -> ApiError {
        if let ModelError::Read { .. } = error {
            return error.into();
        }
        let why = error.to_string();
        if let Some(stored) = self.all().get_mut(id) {
            stored.message.damage.clone_from(&why);
        }
        let id = id.to_owned();
        ApiError::ModelDamaged { id, why }
    }

    fn unsaved_model(&self, id: &str) -> Result<Option<Arc<Model>>, ApiError> {
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

    fn ready(&self) -> MutexGuard<'_, VecDeque<Ready>> {
        self.ready.lock().expect("no holder of this lock panics")
    }
}

/// Bytes that a model takes once it is loaded, about: its file, which may be compressed, its numbers, and these again as the device has them.
fn loaded_bytes(model: &proto::Model) -> u64 {
    (2 * model.size_bytes).saturating_add(model.parameters.saturating_mul(8))
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

    fn damaged(id: &str, time: SystemTime, size_bytes: u64, damage: String) -> Self {
        let message = proto::Model {
            name: Collection::Models.name(id),
            create_time: Some(time.into()),
            size_bytes,
            damage,
            ..Default::default()
        };
        Self {
            place: Place::new(time, id),
            message,
            unsaved: None,
        }
    }
}

/// Gives a file its name that a daemon had written to the end but not named, and gives its path; any other temporary file is removed. Nobody else
/// works in this folder.
fn adopt(path: &Path) -> io::Result<Option<PathBuf>> {
    let named = path.file_name().and_then(target_name);
    // One of an older version does not tell whose it is.
    let named = named.unwrap_or_else(|| format!("{}.{EXTENSION}", new_id()));
    let target = path.with_file_name(named);
    if target.exists() || Model::load(path).is_err() {
        let _ = fs::remove_file(path);
        return Ok(None);
    }
    fs::rename(path, &target)?;
    sync_folder(folder_of(&target))?;
    tracing::warn!(path = %target.display(), "a model that was written but not named yet is there after all");
    Ok(Some(target))
}

/// What there is to know of a model's file.
fn read_stored(id: &str, path: &Path) -> Stored {
    let file = fs::metadata(path).ok();
    let time = file.as_ref().and_then(|file| file.modified().ok());
    let time = time.unwrap_or_else(SystemTime::now);
    let size_bytes = file.map_or(0, |file| file.len());
    match Model::load(path) {
        Ok(model) => Stored::new(id, time, size_bytes, &model, None),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "a model is damaged");
            Stored::damaged(id, time, size_bytes, error.to_string())
        }
    }
}

fn not_found(id: &str) -> ApiError {
    ApiError::NotFound {
        collection: Collection::Models,
        id: id.to_owned(),
    }
}
