//! Losses as files and users write them: `l1,gradient=0.02`, or a table of terms, each a weight or a table of settings.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use thiserror::Error as ThisError;

use super::{Loss, Terms};

/// Words that are no term of a loss.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[error("'{0}' is no term of a loss: write NAME or NAME=WEIGHT, with commas between them; the names are {names}", names = Loss::NAMES.join(", "))]
pub struct UnknownTerm(pub String);

impl FromStr for Loss {
    type Err = UnknownTerm;

    /// Reads names of terms with commas between them, each with its weight behind a `=` or with its default one.
    fn from_str(terms: &str) -> Result<Loss, UnknownTerm> {
        let mut loss = Loss::NONE;
        for term in terms.split(',') {
            let (name, weight) = match term.split_once('=') {
                Some((name, weight)) => (name, weight.trim().parse().ok().map(Some)),
                None => (term, Some(None)),
            };
            let known = weight.is_some_and(|weight| loss.add(name.trim(), weight));
            if !known {
                return Err(UnknownTerm(term.trim().to_owned()));
            }
        }
        Ok(loss)
    }
}

/// A term that a number alone stands for.
pub(super) trait Weighted {
    /// With this weight, and the default of all else.
    fn weighted(weight: f32) -> Self;
}

/// A term: its weight, a table of its settings, or nothing.
pub(super) fn term<'de, D: Deserializer<'de>, T: Weighted + Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(TermVisitor(PhantomData))
}

struct TermVisitor<T>(PhantomData<T>);

impl<'de, T: Weighted + Deserialize<'de>> Visitor<'de> for TermVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a weight, or a table of a term's settings")
    }

    fn visit_f64<E: Error>(self, weight: f64) -> Result<Self::Value, E> {
        Ok(Some(T::weighted(weight as f32)))
    }

    fn visit_u64<E: Error>(self, weight: u64) -> Result<Self::Value, E> {
        self.visit_f64(weight as f64)
    }

    fn visit_i64<E: Error>(self, weight: i64) -> Result<Self::Value, E> {
        self.visit_f64(weight as f64)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
}

impl<'de> Deserialize<'de> for Loss {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LossVisitor)
    }
}

impl JsonSchema for Loss {
    fn schema_name() -> Cow<'static, str> {
        "Loss".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut table = Terms::json_schema(generator);
        let terms = table.get_mut("properties").and_then(Value::as_object_mut);
        for term in terms.into_iter().flat_map(|terms| terms.values_mut()) {
            let weight =
                json!({"type": "number", "description": "The weight; all else is as usual"});
            let words = term["description"].take();
            *term = json!({"description": words, "anyOf": [weight, term.take()]});
        }
        let words = json_schema!({"type": "string", "description": "Names of terms with commas between them, each with its weight behind a = if it has one"});
        json_schema!({"anyOf": [words, table]})
    }
}

struct LossVisitor;

impl<'de> Visitor<'de> for LossVisitor {
    type Value = Loss;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names of terms, or a table of terms")
    }

    fn visit_str<E: Error>(self, terms: &str) -> Result<Loss, E> {
        terms.parse().map_err(E::custom)
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Loss, M::Error> {
        Terms::deserialize(MapAccessDeserializer::new(map)).map(Loss::from)
    }
}
