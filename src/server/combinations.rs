//! Expressions that are kept, and the fields that queries ask for by name: models and these.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use super::error::ApiError;
use super::expression::expression;
use super::models::Models;
use super::page::{Place, page};
use super::proto;
use super::resource_name::{Collection, new_id};
use crate::combine::Expression;
use crate::query::LoadedModel;

/// Combinations that are ready to be asked.
const READY: usize = 4;

/// The expressions that are kept, over the models.
pub(super) struct Combinations {
    models: Arc<Models>,
    most: u32,
    all: Mutex<HashMap<String, Stored>>,
    /// The one asked last is at the front.
    ready: Mutex<VecDeque<(String, LoadedModel)>>,
}

struct Stored {
    place: Place,
    message: proto::Combination,
    expression: Arc<Expression>,
}

impl Combinations {
    /// None yet; `most` may be kept at once.
    pub(super) fn new(models: Arc<Models>, most: u32) -> Self {
        Self {
            models,
            most,
            all: Mutex::default(),
            ready: Mutex::default(),
        }
    }

    /// Checks an expression and keeps it.
    ///
    /// # Errors
    /// What is wrong with it, a model that is not there, or too many of them.
    pub(super) fn add(&self, asked: proto::Expression) -> Result<proto::Combination, ApiError> {
        let expression = expression(&asked)?;
        self.room(&self.all())?;
        let loaded = self.combined(&expression)?;
        let (id, now) = (new_id(), SystemTime::now());
        let quality = loaded.quality();
        let message = proto::Combination {
            name: Collection::Combinations.name(&id),
            expression: Some(asked),
            create_time: Some(now.into()),
            bounds: Some((&loaded.shape().bounds).into()),
            exact_outside: quality.exact_outside,
            exact_inside: quality.exact_inside,
            warnings: loaded.warnings().to_vec(),
        };
        let stored = Stored {
            place: Place::new(now, &id),
            message: message.clone(),
            expression: Arc::new(expression),
        };
        let mut all = self.all();
        // Others may have come meanwhile.
        self.room(&all)?;
        all.insert(id.clone(), stored);
        drop(all);
        self.keep_ready(&id, &loaded);
        Ok(message)
    }

    fn room(&self, all: &HashMap<String, Stored>) -> Result<(), ApiError> {
        match all.len() < self.most as usize {
            true => Ok(()),
            false => Err(ApiError::CombinationsFull { limit: self.most }),
        }
    }

    /// What clients see of one.
    ///
    /// # Errors
    /// [`ApiError::NotFound`].
    pub(super) fn get(&self, id: &str) -> Result<proto::Combination, ApiError> {
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
    ) -> Result<(Vec<proto::Combination>, String), ApiError> {
        let all = self.all();
        let items = all.values();
        let items = items.map(|stored| (stored.place.clone(), stored.message.clone()));
        page(items.collect(), size, token)
    }

    /// Forgets one.
    ///
    /// # Errors
    /// [`ApiError::NotFound`].
    pub(super) fn delete(&self, id: &str) -> Result<(), ApiError> {
        self.all().remove(id).ok_or_else(|| not_found(id))?;
        self.ready().retain(|(ready, _)| ready != id);
        Ok(())
    }

    /// Checks that a field can be asked by this name of a request, without reading any file.
    ///
    /// # Errors
    /// As [`load`](Self::load), but for files that cannot be read.
    pub(super) fn check(&self, name: &str) -> Result<(), ApiError> {
        match self.expression_of(name)? {
            None => self
                .models
                .get(Collection::Models.id(name, "model")?)
                .map(drop),
            Some((_, expression)) => self.check_models(&expression),
        }
    }

    /// The field of a name in a request, ready to be asked: a model's or a combination's.
    ///
    /// # Errors
    /// A name that is none, [`ApiError::NotFound`] for it or for a model that it is made of, or what reading says.
    pub(super) fn load(&self, name: &str) -> Result<LoadedModel, ApiError> {
        let Some((id, expression)) = self.expression_of(name)? else {
            return self.models.load(Collection::Models.id(name, "model")?);
        };
        self.check_models(&expression)?;
        let found = {
            let ready = self.ready();
            let mut found = ready.iter().filter(|(ready, _)| *ready == id);
            found.next().map(|(_, loaded)| loaded.clone())
        };
        let loaded = match found {
            Some(loaded) => loaded,
            None => self.combined(&expression)?,
        };
        self.keep_ready(&id, &loaded);
        Ok(loaded)
    }

    /// An expression over models, ready to be asked.
    ///
    /// # Errors
    /// What is wrong with it, a model that is not there, or what reading says.
    pub(super) fn combined(&self, expression: &Expression) -> Result<LoadedModel, ApiError> {
        LoadedModel::combine(expression, |name| {
            self.models.load(Collection::Models.id(name, "expression")?)
        })
    }

    /// The id and expression of a combination's name; `None` for other names.
    fn expression_of(&self, name: &str) -> Result<Option<(String, Arc<Expression>)>, ApiError> {
        if !name.starts_with(Collection::Combinations.word()) {
            return Ok(None);
        }
        let id = Collection::Combinations.id(name, "model")?;
        let all = self.all();
        let stored = all.get(id).ok_or_else(|| not_found(id))?;
        Ok(Some((id.to_owned(), stored.expression.clone())))
    }

    /// A model that was deleted is not asked any more, also where it is still in memory.
    fn check_models(&self, expression: &Expression) -> Result<(), ApiError> {
        let mut names = expression.models().into_iter();
        names.try_for_each(|name| {
            let id = Collection::Models.id(name, "expression")?;
            self.models.get(id).map(drop)
        })
    }

    fn keep_ready(&self, id: &str, loaded: &LoadedModel) {
        let mut ready = self.ready();
        ready.retain(|(other, _)| other != id);
        ready.push_front((id.to_owned(), loaded.clone()));
        ready.truncate(READY);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Stored>> {
        self.all.lock().expect("no holder of this lock panics")
    }

    fn ready(&self) -> MutexGuard<'_, VecDeque<(String, LoadedModel)>> {
        self.ready.lock().expect("no holder of this lock panics")
    }
}

fn not_found(id: &str) -> ApiError {
    ApiError::NotFound {
        collection: Collection::Combinations,
        id: id.to_owned(),
    }
}
