//! All settings there are, for programs: editors that complete a TOML file, panels that show a row for each.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::preset::Preset;
use super::settings::FitSettings;
use crate::field::Refinement;
use crate::loss::Loss;
use crate::network::encoding::PositionEncoding;
use crate::network::{Activation, Encoding};
use crate::optimizer::{Muon, Update};
use crate::setting::Setting;

/// What a configuration file may hold, as a JSON schema (draft 2020-12): of each setting what it is, of which kind, its range, and its default,
/// which is that of the default preset or of the part that it belongs to. What may be left out has the word `none`. Conditions between
/// settings are [`FitSettings::validate`]'s.
pub fn settings_schema() -> Value {
    let inlined = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schema = inlined
        .into_generator()
        .into_root_schema_for::<FitSettings>();
    let mut schema = schema.to_value();
    set_defaults(&mut schema, &json!(Preset::default().settings()));
    let complete = complete();
    for (place, numbers) in complete.numbers() {
        set_ranges(&mut schema, place, &numbers);
    }
    set_ranges(&mut schema, "optimizer", &complete.optimizer.settings());
    let mlp = &complete.architecture.mlp;
    set_ranges(&mut schema, "architecture.mlp", &mlp.settings());
    let update = Update::all()
        .into_iter()
        .map(|kind| (json!(kind), kind.settings()));
    set_kinds(&mut schema, "optimizer.update", update);
    let activation = (Activation::all().into_iter()).map(|kind| (json!(kind), kind.settings()));
    set_kinds(&mut schema, "architecture.mlp.activation", activation);
    let encoding = Encoding::all()
        .into_iter()
        .map(|kind| (json!(kind), kind.settings()));
    set_kinds(&mut schema, "architecture.encoding", encoding);
    for (term, numbers) in complete.loss.settings_by_term() {
        set_ranges(&mut schema, &format!("loss.{term}"), &numbers);
    }
    to_configuration(&mut schema);
    schema["title"] = json!("Settings of a fit");
    schema
}

/// Settings in which nothing is left out.
fn complete() -> FitSettings {
    let mut settings = Preset::default().settings();
    settings.budget.steps = Some(1);
    settings.budget.target_near_mae = Some(1.0);
    settings.spline = Some(Refinement::default());
    settings.optimizer.clip = Some(1.0);
    settings.optimizer.matrices = Some(Muon::default());
    settings.loss = Loss::all();
    settings
}

/// The schemas of a setting's forms: its own, or those between which it chooses.
fn forms(schema: &mut Value) -> Vec<&mut Value> {
    let key = ["anyOf", "oneOf"]
        .into_iter()
        .find(|&key| schema.get(key).is_some());
    match key {
        Some(key) => (schema[key].as_array_mut().into_iter().flatten())
            .flat_map(forms)
            .collect(),
        None => vec![schema],
    }
}

/// The schema of the setting at a path, such as `optimizer.clip`; of several forms the first that leads there.
fn at<'a>(schema: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let (name, rest) = path
        .split_once('.')
        .map_or((path, None), |(name, rest)| (name, Some(rest)));
    forms(schema).into_iter().find_map(|form| {
        let property = form.get_mut("properties")?.get_mut(name)?;
        match rest {
            Some(rest) => at(property, rest),
            None => Some(property),
        }
    })
}

/// Says what the numbers at a path may be.
fn set_ranges(schema: &mut Value, path: &str, numbers: &[Setting]) {
    let part = at(schema, path);
    let part = part.unwrap_or_else(|| panic!("there is no setting {path}"));
    for number in numbers {
        // How many parts are joined is no setting by itself.
        let Some(property) = at(part, number.name) else {
            continue;
        };
        for (key, value) in number.range_schema() {
            property[key] = value;
        }
    }
}

/// Says what the settings of each kind at a path are by default, and what they may be.
fn set_kinds(schema: &mut Value, path: &str, kinds: impl Iterator<Item = (Value, Vec<Setting>)>) {
    let kinds: Vec<(Value, Vec<Setting>)> = kinds.collect();
    let choice = at(schema, path);
    let choice = choice.unwrap_or_else(|| panic!("there is no setting {path}"));
    for form in forms(choice) {
        let kind = form["properties"]["kind"]["const"].clone();
        let found = kinds.iter().find(|(defaults, _)| defaults["kind"] == kind);
        let (defaults, numbers) = found.unwrap_or_else(|| panic!("{path} has no kind {kind}"));
        set_defaults(form, defaults);
        for number in numbers {
            let Some(property) = form["properties"].get_mut(number.name) else {
                continue;
            };
            for (key, value) in number.range_schema() {
                property[key] = value;
            }
        }
    }
}

/// Takes the defaults of all settings from `values`; those of parts that are one of several kinds are the kinds' own.
fn set_defaults(schema: &mut Value, values: &Value) {
    let Some(values) = values.as_object() else {
        return;
    };
    for (name, value) in values {
        let Some(property) = at(schema, name) else {
            continue;
        };
        match value {
            Value::Object(part) if part.contains_key("kind") => property["default"] = value.clone(),
            Value::Object(_) => set_defaults(property, value),
            Value::Null => property["default"] = json!(NONE),
            _ if name == "kind" => {}
            _ => property["default"] = value.clone(),
        }
    }
}

/// What stands for a part that is left out.
const NONE: &str = "none";

/// From what settings are to what a file may say of them: any part, and nothing else.
fn to_configuration(schema: &mut Value) {
    match schema {
        Value::Array(parts) => parts.iter_mut().for_each(to_configuration),
        Value::Object(parts) => {
            if parts.get("type") == Some(&json!("null")) {
                *schema = json!({"const": NONE});
                return;
            }
            parts.remove("required");
            if parts.contains_key("properties") {
                parts.insert("additionalProperties".into(), json!(false));
            }
            // A part without its kind is of the kind that is there.
            if let Some(forms) = parts.remove("oneOf") {
                parts.insert("anyOf".into(), forms);
            }
            if let Some(Value::String(words)) = parts.get_mut("description") {
                *words = without_links(words);
            }
            parts.values_mut().for_each(to_configuration);
            if let Some(Value::Array(types)) = parts.get("type").cloned() {
                or_none(parts, &types);
            }
        }
        _ => {}
    }
}

/// A setting of one of several types, one of which is null, as a choice between it and the word for that.
fn or_none(setting: &mut Map<String, Value>, types: &[Value]) {
    let described = ["description", "default"].map(|key| (key, setting.remove(key)));
    let mut own = std::mem::take(setting);
    let kept = types.iter().find(|&kind| kind != "null");
    own.insert("type".into(), json!(kept));
    setting.insert("anyOf".into(), json!([own, {"const": NONE}]));
    for (key, value) in described {
        setting.extend(value.map(|value| (key.to_owned(), value)));
    }
}

/// Words of the documentation, in which names of items are no links.
fn without_links(words: &str) -> String {
    let mut plain = String::new();
    let mut rest = words;
    while let Some((before, after)) = rest.split_once("](") {
        plain += before;
        rest = after.split_once(')').map_or("", |(_, behind)| behind);
    }
    plain += rest;
    plain.replace(['[', ']'], "").replace("\n", " ")
}

/// Whether a file that holds `value` is right by a schema, as far as it uses what is used here.
#[cfg(test)]
fn allows(schema: &Value, value: &impl serde::Serialize) -> bool {
    let value = json!(value);
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    let x = value.as_f64().unwrap_or_default();
    let any_of = schema.get("anyOf").and_then(Value::as_array);
    let choices = schema.get("enum").and_then(Value::as_array);
    let fits_type = match schema.get("type").and_then(Value::as_str) {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_u64(),
        Some("boolean") => value.is_boolean(),
        other => other.is_none(),
    };
    let fits_properties = schema.get("properties").is_none_or(|properties| {
        let members = value.as_object().into_iter().flatten();
        let mut known = members.map(|(name, value)| (properties.get(name), value));
        known.all(|(property, value)| property.is_some_and(|property| allows(property, value)))
    });
    fits_type
        && fits_properties
        && any_of.is_none_or(|forms| forms.iter().any(|form| allows(form, &value)))
        && choices.is_none_or(|choices| choices.iter().any(|choice| choice.as_f64() == Some(x)))
        && schema.get("const").is_none_or(|only| *only == value)
        && number("minimum").is_none_or(|least| x >= least)
        && number("maximum").is_none_or(|most| x <= most)
        && number("exclusiveMinimum").is_none_or(|above| x > above)
        && number("exclusiveMaximum").is_none_or(|below| x < below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Configuration;

    /// What of a setting's schema is there, at every leaf.
    fn leaves<'a>(schema: &'a Value, path: &str, found: &mut Vec<(String, &'a Value)>) {
        let forms = schema.get("anyOf").and_then(Value::as_array);
        for form in forms.into_iter().flatten() {
            leaves(form, path, found);
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let path = format!("{path}.{name}");
            found.push((path.clone(), property));
            leaves(property, &path, found);
        }
    }

    #[test]
    fn every_preset_and_every_part_is_right_by_it() {
        let schema = settings_schema();
        for preset in Preset::ALL {
            let text = toml::to_string(&preset.settings()).unwrap();
            let table: toml::Table = toml::from_str(&text).unwrap();
            assert!(allows(&schema, &table), "{preset}");
        }
        let part = |text: &str| {
            let table: toml::Table = toml::from_str(text).unwrap();
            let is_setting = Configuration::from_toml(text)
                .unwrap()
                .applied_to(&Preset::default().settings())
                .is_ok_and(|settings| settings.validate().is_ok());
            assert_eq!(allows(&schema, &table), is_setting, "{text}");
            is_setting
        };
        for right in [
            "spline = 'none'",
            "loss = 'l1,gradient=0.02'",
            "loss = {huber = 2, l1 = 'none'}",
            "architecture.encoding = {kind = 'joined', parts = [{kind = 'hash-grid', interpolation = 'quadratic'}]}",
            "optimizer = {matrices = {}, clip = 3, update = {kind = 'lion'}}",
            "budget = {seconds = 'none', steps = 30}",
        ] {
            assert!(part(right), "{right}");
        }
        for wrong in [
            "spline.finset = 3",
            "spline.finest = 5000",
            "optimizer.clip = 0",
            "optimizer.update.beta2 = 1.0",
            "architecture.mlp.hidden_width = 0",
            "architecture.encoding.features = 3",
            "loss = {huber = {width = -1}}",
            "sampling.by_curvature = 0.9",
            "sign = 'maybe'",
            "seed = 'seven'",
        ] {
            assert!(!part(wrong), "{wrong}");
        }
    }

    #[test]
    fn every_setting_is_told_in_words_and_every_number_with_its_range() {
        let schema = settings_schema();
        let mut all = Vec::new();
        leaves(&schema, "", &mut all);
        assert!(all.len() > 100, "{}", all.len());
        for (path, setting) in all {
            let words = setting.get("description").and_then(Value::as_str);
            let is_kind = path.ends_with(".kind");
            assert!(
                is_kind || words.is_some_and(|words| !words.contains("](")),
                "{path}: {setting}"
            );
            let own = setting.get("anyOf").map_or(setting, |forms| &forms[0]);
            let is_number = matches!(own["type"].as_str(), Some("number" | "integer"));
            let has_range = ["maximum", "exclusiveMaximum", "enum"]
                .iter()
                .any(|key| own.get(key).is_some());
            let is_term = path.matches('.').count() == 2 && path.starts_with(".loss");
            let free = path == ".seed" || path.contains(".parts.") || is_term;
            assert!(!is_number || has_range || free, "{path}: {setting}");
        }
        assert_eq!(
            schema["properties"]["spline"]["anyOf"][0]["properties"]["finest"]["default"],
            320
        );
    }
}
