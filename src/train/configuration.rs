//! Settings by name: what a configuration file, `--set` and the API change of a preset.
//!
//! A name is the path of a field of [`FitSettings`], such as `spline.finest` or `optimizer.learning_rate`, as
//! `overfit presets NAME` prints them all. Whatever is not named stays as it is.

use crate::words::{quoted, retold};
use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use thiserror::Error;

use super::choice::PresetChoice;
use super::preset::UnknownPreset;
use super::settings::FitSettings;

/// Changes of settings, as a TOML file has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configuration(Value);

/// A change that cannot be made.
#[derive(Debug, Error, PartialEq)]
pub enum ConfigurationError {
    /// Not `NAME=VALUE`.
    #[error("'{}' is no setting: write NAME=VALUE, such as spline.finest=640", quoted(.0))]
    NoValue(String),
    /// No TOML.
    #[error("the configuration is not TOML: {0}")]
    Toml(String),
    /// No setting has this name.
    #[error(
        "there is no setting '{}'{} `overfit presets NAME` prints all of a preset's",
        quoted(name),
        Hint(nearest)
    )]
    Unknown {
        /// The name.
        name: String,
        /// The setting whose name is most like it.
        nearest: Option<String>,
    },
    /// The value is not of the setting's kind.
    #[error("{name}: {reason}")]
    Value {
        /// The setting's name.
        name: String,
        /// What is wrong with its value.
        reason: String,
    },
    /// The preset that a file starts from.
    #[error(transparent)]
    Preset(#[from] UnknownPreset),
}

/// Names that are less alike are no help.
const ALIKE: f64 = 0.75;

/// What stands for a part that is left out, such as `spline=none`.
const NONE: &str = "none";

impl Configuration {
    /// Reads a TOML file's text.
    ///
    /// # Errors
    /// [`ConfigurationError::Toml`], with line and column.
    pub fn from_toml(text: &str) -> Result<Self, ConfigurationError> {
        let table: toml::Table = toml::from_str(text).map_err(|error| {
            ConfigurationError::Toml(retold(&error.to_string().trim_end().replace('\n', " ")))
        })?;
        Ok(Self(serde_json::json!(table)))
    }

    /// One setting by its name and its value in words: a number, a word, a list or a table, as TOML has them.
    pub fn of(name: &str, value: &str) -> Self {
        let parsed = toml::from_str::<toml::Table>(&format!("value = {value}"));
        let mut tree = match parsed {
            Ok(table) if table.len() == 1 => serde_json::json!(table["value"]),
            // Words need no quotation marks.
            _ => Value::from(value),
        };
        for part in name.rsplit('.') {
            tree = Value::from_iter([(part.trim(), tree)]);
        }
        Self(tree)
    }

    /// The preset that a file starts from, if it says so.
    ///
    /// # Errors
    /// Fails if there is none of this name.
    pub fn preset(&self) -> Result<Option<PresetChoice>, ConfigurationError> {
        let name = self.0.get("preset").and_then(Value::as_str);
        Ok(name.map(PresetChoice::from_str).transpose()?)
    }

    /// The settings with these changes.
    ///
    /// # Errors
    /// Names the first setting that does not exist, with the nearest name, or whose value is of another kind. Ranges are
    /// [`FitSettings::validate`]'s.
    pub fn applied_to(&self, settings: &FitSettings) -> Result<FitSettings, ConfigurationError> {
        let before = serde_json::json!(settings);
        let mut asked = before.clone();
        merge(&mut asked, &self.0);
        // What everything starts from is no change: see `preset`.
        asked["preset"] = before["preset"].clone();
        let after: FitSettings = serde_path_to_error::deserialize(&asked).map_err(|error| {
            // Where a kind is unknown the path ends at its parent.
            let name = quoted(&error.path().to_string());
            let reason = retold(&error.inner().to_string());
            ConfigurationError::Value { name, reason }
        })?;
        // What was asked for and did not come through is no setting.
        let known = serde_json::json!(after);
        match stray(&asked, &known, &before, "") {
            Some(name) => Err(unknown(name, &known)),
            None => Ok(FitSettings {
                device: settings.device,
                preset_reason: settings.preset_reason.clone(),
                ..after
            }),
        }
    }
}

impl FromStr for Configuration {
    type Err = ConfigurationError;

    /// Reads `NAME=VALUE`.
    fn from_str(text: &str) -> Result<Self, ConfigurationError> {
        match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => Ok(Self::of(name, value.trim())),
            _ => Err(ConfigurationError::NoValue(text.to_owned())),
        }
    }
}

/// Puts what `change` has in the place of what `tree` has.
fn merge(tree: &mut Value, change: &Value) {
    let (Value::Object(before), Value::Object(after)) = (&mut *tree, change) else {
        *tree = match change.as_str() {
            Some(NONE) => Value::Null,
            _ => change.clone(),
        };
        return;
    };
    // Of another kind, it shares no fields with what was there.
    let kind = after.get("kind");
    if kind.is_some() && kind != before.get("kind") {
        before.clear();
    }
    for (name, change) in after {
        merge(before.entry(name).or_insert(Value::Null), change);
    }
}

/// The first name in `asked` that is not in `known`, and was not taken away from what was there `before`.
fn stray(asked: &Value, known: &Value, before: &Value, path: &str) -> Option<String> {
    if let (Some(asked), Some(known)) = (asked.as_array(), known.as_array()) {
        let mut pairs = asked.iter().zip(known).enumerate();
        return pairs.find_map(|(index, (asked, known))| {
            stray(asked, known, &Value::Null, &format!("{path}[{index}]"))
        });
    }
    let (asked, known) = (asked.as_object()?, known.as_object()?);
    asked.iter().find_map(|(name, value)| {
        let path = joined(path, name);
        match (known.get(name), before.get(name)) {
            (Some(known), before) => stray(value, known, before.unwrap_or(&Value::Null), &path),
            (None, Some(_)) if value.is_null() => None,
            (None, _) => Some(path),
        }
    })
}

fn unknown(name: String, known: &Value) -> ConfigurationError {
    let mut names = Vec::new();
    collect_names(known, "", &mut names);
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    // A name is often right but for its place.
    let likeness = |other: &String| {
        strsim::jaro_winkler(other, &name).max(strsim::jaro_winkler(&last(other), &last(&name)))
    };
    let nearest = names
        .into_iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let nearest = nearest.filter(|nearest| likeness(nearest) > ALIKE);
    ConfigurationError::Unknown { name, nearest }
}

fn collect_names(tree: &Value, path: &str, names: &mut Vec<String>) {
    for (index, value) in tree.as_array().into_iter().flatten().enumerate() {
        collect_names(value, &format!("{path}[{index}]"), names);
    }
    for (name, value) in tree.as_object().into_iter().flatten() {
        let path = joined(path, name);
        collect_names(value, &path, names);
        names.push(path);
    }
}

fn joined(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// The end of a sentence: `: did you mean ...?`, if there is something to mean.
struct Hint<'a>(&'a Option<String>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, ": did you mean '{name}'?"),
            None => f.write_str("."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Loss;
    use crate::network::{Activation, Encoding, Fourier, Identity, Sine, Softplus};
    use crate::train::Preset;

    fn set(changes: &[&str]) -> Result<FitSettings, ConfigurationError> {
        let settings = Preset::default().settings();
        changes.iter().try_fold(settings, |settings, change| {
            change.parse::<Configuration>()?.applied_to(&settings)
        })
    }

    #[test]
    fn what_is_named_changes_and_nothing_else() {
        let mut expected = Preset::default().settings();
        let spline = expected.spline.as_mut().unwrap();
        (spline.finest, spline.share) = (640, 0.05);
        expected.budget.steps = Some(7);
        let found = set(&["spline.finest=640", "spline.share = 5e-2", "budget.steps=7"]);
        assert_eq!(found, Ok(expected));
        assert_eq!(set(&["spline=none"]).unwrap().spline, None);
        assert_eq!(set(&[]), Ok(Preset::default().settings()));
    }

    #[test]
    fn terms_of_a_loss_come_and_go() {
        let loss = |changes: &[&str]| set(changes).unwrap().loss;
        let terms = |terms: &str| terms.parse::<Loss>().unwrap();
        assert_eq!(loss(&["loss.gradient=0.5"]), terms("l1,gradient=0.5"));
        let changes = ["loss.huber.width=0.25", "loss.l1=none"];
        let huber = loss(&changes).huber.unwrap();
        assert_eq!(loss(&changes), huber.into());
        assert_eq!((huber.weight, huber.width), (1.0, 0.25));
        assert_eq!(
            loss(&["loss='l2=3,side'", "loss.side=2"]),
            terms("l2=3,side=2")
        );
    }

    #[test]
    fn another_kind_takes_the_place_of_what_was_there() {
        let settings = set(&[
            "architecture.encoding.kind=identity",
            "architecture.mlp.activation={kind='sine',first_omega=30,omega=20}",
        ])
        .unwrap();
        assert_eq!(
            settings.architecture.encoding,
            Encoding::Identity(Identity {})
        );
        let omega = settings.architecture.mlp.activation;
        assert_eq!(
            omega,
            Activation::Sine(Sine {
                first_omega: 30.0,
                omega: 20.0
            })
        );
        let fourier = set(&["architecture.encoding={kind='fourier', waves=9}"]).unwrap();
        let expected = Fourier {
            waves: 9,
            ..Fourier::default()
        };
        assert_eq!(fourier.architecture.encoding, Encoding::Fourier(expected));
        // What is not said of another kind is its default.
        let softplus = set(&["architecture.mlp.activation.kind=softplus"]).unwrap();
        let softplus = softplus.architecture.mlp.activation;
        assert_eq!(softplus, Activation::Softplus(Softplus::default()));
    }

    #[test]
    fn a_spline_can_be_given_where_there_is_none() {
        let settings = set(&["spline=none", "spline.degree=cubic"]).unwrap();
        assert_eq!(settings.spline.unwrap().degree, crate::field::Degree::Cubic);
    }

    #[test]
    fn every_preset_survives_its_toml() {
        for preset in Preset::ALL {
            let text = toml::to_string(&preset.settings()).unwrap();
            let configuration = Configuration::from_toml(&text).unwrap();
            let named = Some(PresetChoice::Named(preset));
            assert_eq!(configuration.preset(), Ok(named));
            let again = configuration.applied_to(&preset.settings());
            assert_eq!(again, Ok(preset.settings()));
        }
    }

    #[test]
    fn what_cannot_be_set_is_named_with_the_nearest_name() {
        let refused = |change: &str, words: &[&str]| {
            let message = set(&[change]).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        };
        refused("spline.finset=640", &["'spline.finset'", "'spline.finest'"]);
        refused("learning_rate=1", &["'optimizer.learning_rate'"]);
        refused("spline.finest.more=1", &["spline.finest"]);
        refused("spline.finest=many", &["spline.finest", "many"]);
        refused("batch_size", &["NAME=VALUE"]);
        refused("=3", &["NAME=VALUE"]);
        refused(
            "architecture.encoding={kind='joined', parts=[{kind='identity'}, {kind='fourier', wave=3}]}",
            &["'architecture.encoding.parts[1].wave'", "waves"],
        );
        refused(
            "architecture.encoding.kind=grid",
            &["encoding", "grid", "`hash-grid`"],
        );
        refused("loss=l3", &["loss", "l3"]);
        refused("zzz=1", &["'zzz'. "]);
        refused("zzz=none", &["'zzz'. "]);
        refused("loss.gradeint=1", &["loss", "gradeint", "`gradient`"]);
        let broken = Configuration::from_toml("spline = [").unwrap_err();
        assert!(broken.to_string().contains("line 1"), "{broken}");
        let preset = Configuration::from_toml("preset = 'fancy'").unwrap();
        assert!(preset.preset().unwrap_err().to_string().contains("fancy"));
    }
}
