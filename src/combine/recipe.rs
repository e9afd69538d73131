//! Expressions in files.

use crate::words::{quoted, retold};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::{CombineError, RecipeError};
use super::expression::{Expression, MOST_NODES};

/// Most bytes of a recipe.
const MOST_BYTES: u64 = 1 << 20;

/// Names this much alike are worth a question (Jaro and Winkler's measure).
const ALIKE: f64 = 0.75;

/// Whether a path names a recipe: it ends in `.toml`.
pub fn is_recipe(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

/// Reads a recipe: a TOML file that holds an [`Expression`]. Models are files, relative to the recipe's folder; where one of these is a
/// recipe itself, its expression takes its place. The models of the result are paths that the caller can open.
///
/// # Errors
/// [`RecipeError`], which names the file and the place in it.
pub fn read_recipe(path: &Path) -> Result<Expression, RecipeError> {
    let mut left = MOST_NODES;
    let expression = read(path, &mut Vec::new(), &mut left)?;
    let too_large = |error| RecipeError::Expression {
        path: path.to_owned(),
        error,
    };
    expression.check_size().map_err(too_large)?;
    Ok(expression)
}

/// The text of a recipe. Its models stay as they are.
pub fn recipe_text(expression: &Expression) -> String {
    let table = toml::Value::try_from(expression).expect("an expression is a table");
    let text = toml::to_string(&table).expect("a table is a document");
    format!(
        "# An expression over models: docs/combine.md. Every command that takes a model takes this file.\n{text}"
    )
}

/// The expression in a recipe's text.
///
/// # Errors
/// What is wrong, and where, in words.
pub fn parse_recipe(text: &str) -> Result<Expression, String> {
    let table: toml::Table = toml::from_str(text).map_err(|error: toml::de::Error| {
        retold(&error.to_string().trim_end().replace('\n', " "))
    })?;
    expression(toml::Value::Table(table), "the recipe")
}

/// `outer` holds the recipes that lead here; `left` counts the parts that there is room for.
fn read(
    path: &Path,
    outer: &mut Vec<PathBuf>,
    left: &mut usize,
) -> Result<Expression, RecipeError> {
    let unreadable = |source| RecipeError::Read {
        path: path.to_owned(),
        source,
    };
    let problem = |problem| RecipeError::Text {
        path: path.to_owned(),
        problem,
    };
    let here = path.canonicalize().map_err(unreadable)?;
    let bytes = fs::metadata(&here).map_err(unreadable)?.len();
    if bytes > MOST_BYTES {
        return Err(RecipeError::TooLarge {
            path: path.to_owned(),
            bytes,
        });
    }
    outer.push(here);
    if let Some(first) = outer[..outer.len() - 1]
        .iter()
        .position(|one| *one == outer[outer.len() - 1])
    {
        let chain: Vec<String> = outer[first..].iter().map(|path| file_name(path)).collect();
        return Err(RecipeError::Cycle {
            path: path.to_owned(),
            chain: chain.join(" → "),
        });
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let mut expression = parse_recipe(&text).map_err(problem)?;
    let count = nodes_of(&expression);
    *left = left.checked_sub(count).ok_or(RecipeError::Expression {
        path: path.to_owned(),
        error: CombineError::TooManyNodes { most: MOST_NODES },
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    expression.replace_models(&mut |name| {
        let model = folder.join(name);
        if is_recipe(&model) {
            return read(&model, outer, left).map(Some);
        }
        match model.into_os_string().into_string() {
            Ok(model) => Ok(Some(Expression::Model(model))),
            Err(model) => Err(problem(format!("{} is not UTF-8", model.display()))),
        }
    })?;
    outer.pop();
    Ok(expression)
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn nodes_of(expression: &Expression) -> usize {
    1 + expression.parts().iter().map(nodes_of).sum::<usize>()
}

/// Reads a value whose place is `at`, parts first, so that what is wrong is named where it is.
fn expression(value: toml::Value, at: &str) -> Result<Expression, String> {
    let what = "an expression is a table with one entry, such as { model = \"cow.safetensors\" } or { union = { of = [..] } }";
    let toml::Value::Table(table) = &value else {
        return Err(format!("{at} is {}: {what}", in_words(&value)));
    };
    let mut entries = table.iter();
    let (Some((name, inner)), None) = (entries.next(), entries.next()) else {
        let names: Vec<&str> = table.keys().map(String::as_str).collect();
        return Err(match names.is_empty() {
            true => format!("{at} is empty: {what}"),
            false => format!("{at} has the entries {}: {what}", names.join(", ")),
        });
    };
    if !Expression::NAMES.contains(&name.as_str()) {
        return Err(unknown(name, at));
    }
    let inside = match at {
        "the recipe" => name.clone(),
        at => format!("{at}.{name}"),
    };
    match inner.get("of") {
        Some(toml::Value::Array(parts)) => {
            for (index, part) in parts.iter().enumerate() {
                expression(part.clone(), &format!("{inside}.of[{index}]"))?;
            }
        }
        Some(part) => drop(expression(part.clone(), &format!("{inside}.of"))?),
        None => {}
    }
    Expression::deserialize(value).map_err(|error| {
        let error = error.to_string();
        let first = retold(error.lines().next().unwrap_or_default());
        format!("{inside}: {first}")
    })
}

fn unknown(name: &str, at: &str) -> String {
    let likeness = |other: &&str| strsim::jaro_winkler(name, other);
    let nearest = Expression::NAMES
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let question = match nearest.filter(|other| likeness(other) >= ALIKE) {
        Some(nearest) => format!("did you mean '{nearest}'?"),
        None => format!("use one of {}", Expression::NAMES.join(", ")),
    };
    format!("{at}: there is no '{}'; {question}", quoted(name))
}

fn in_words(value: &toml::Value) -> &'static str {
    match value {
        toml::Value::String(_) => "a text",
        toml::Value::Array(_) => "a list",
        toml::Value::Boolean(_) => "true or false",
        toml::Value::Datetime(_) => "a date",
        _ => "a number",
    }
}
