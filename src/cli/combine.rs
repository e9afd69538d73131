//! `overfit combine`: an expression over models as a recipe.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde::Serialize;

use super::arguments::finite;
use super::model;
use super::output::{
    ensure_extension, ensure_writable, print_json, print_text, print_warnings, write_whole,
};
use crate::combine::{
    Expression, Morph, Offset, Operands, Shell, is_recipe, read_recipe, recipe_text,
};
use crate::field::DeviceChoice;
use crate::geometry::Bounds;
use crate::words::length_in_words;

/// Put models together: unions, intersections, differences, offsets, shells and morphs of their fields
///
/// Writes a recipe (.toml), which every command that takes a model takes in its place: nothing is trained, its models are asked when it
/// is asked. `overfit fit RECIPE -o MODEL` makes one new model of it. Recipes may hold more than these options say: plain solids, and
/// parts that are turned, scaled and moved (docs/combine.md).
#[derive(Args)]
pub(super) struct CombineArguments {
    /// Model files or recipes, in own units that fit together
    #[arg(required = true, value_name = "MODEL")]
    models: Vec<PathBuf>,

    /// The recipe to write: .toml
    #[arg(short, long, value_name = "RECIPE")]
    output: PathBuf,

    #[command(flatten)]
    operation: Operation,

    /// Radius of the blend between parts, in own units; 0 keeps edges sharp
    #[arg(long, value_name = "R", default_value = "0", value_parser = finite, allow_negative_numbers = true)]
    smooth: f64,

    /// Then move the surface outwards by so much, in own units; inwards where it is negative
    #[arg(long, value_name = "D", value_parser = finite, allow_negative_numbers = true)]
    offset: Option<f64>,

    /// Then leave a wall of this thickness where the surface is
    #[arg(long, value_name = "T", value_parser = finite, allow_negative_numbers = true)]
    shell: Option<f64>,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[group(multiple = false)]
struct Operation {
    /// What is in any of the models
    #[arg(long)]
    union: bool,

    /// What is in all models
    #[arg(long)]
    intersection: bool,

    /// What is in the first model and in none of the others
    #[arg(long)]
    difference: bool,

    /// A field between two: 0 is the first, 1 the second
    #[arg(long, value_name = "WEIGHT", value_parser = finite, allow_negative_numbers = true)]
    morph: Option<f64>,
}

/// What a recipe makes.
#[derive(Serialize)]
pub(super) struct RecipeReport {
    kind: &'static str,
    /// Its models, as it finds them.
    models: Vec<String>,
    /// A box around the surface, own units; it may be wider than need be.
    bounds: Bounds,
    /// How far the field is a distance, in words.
    field: String,
    exact_outside: bool,
    exact_inside: bool,
    warnings: Vec<String>,
}

pub(super) fn run(arguments: &CombineArguments) -> anyhow::Result<()> {
    let output = &arguments.output;
    ensure_extension(output, &["toml"])?;
    ensure_writable(output)?;
    let parts = arguments.models.iter().map(|path| part(path));
    let report = RecipeReport::of(&arguments.expression(parts.collect::<Result<_, _>>()?)?)?;
    let parts = arguments.models.iter().map(|path| named(path, output));
    let text = recipe_text(&arguments.expression(parts.collect::<Result<_, _>>()?)?);
    write_whole(output, |file| Ok(file.write_all(text.as_bytes())?))?;
    if arguments.json {
        return print_json(&report);
    }
    print_warnings(&report.warnings);
    print_text(&report.in_words(output))
}

/// Reports on a recipe.
pub(super) fn inspect(path: &Path) -> anyhow::Result<RecipeReport> {
    RecipeReport::of(&read_recipe(path)?).with_context(|| path.display().to_string())
}

impl CombineArguments {
    fn expression(&self, mut parts: Vec<Expression>) -> anyhow::Result<Expression> {
        let smooth = self.smooth;
        let chosen = &self.operation;
        let operands = |of| Operands { smooth, of };
        let mut expression = match chosen.morph {
            Some(weight) => Expression::Morph(Morph { weight, of: parts }),
            None if chosen.union => Expression::Union(operands(parts)),
            None if chosen.intersection => Expression::Intersection(operands(parts)),
            None if chosen.difference => Expression::Difference(operands(parts)),
            None if parts.len() == 1 => parts.remove(0),
            None => bail!(
                "{} models and no word of what to make of them: --union, --intersection, --difference or --morph WEIGHT",
                parts.len()
            ),
        };
        let blends = chosen.union || chosen.intersection || chosen.difference;
        ensure!(
            smooth == 0.0 || blends,
            "--smooth {smooth} blends nothing: it goes with --union, --intersection or --difference"
        );
        if let Some(distance) = self.offset {
            let of = Box::new(expression);
            expression = Expression::Offset(Offset { distance, of });
        }
        if let Some(thickness) = self.shell {
            let of = Box::new(expression);
            expression = Expression::Shell(Shell { thickness, of });
        }
        Ok(expression)
    }
}

/// A model, or what is in a recipe.
fn part(path: &Path) -> anyhow::Result<Expression> {
    if is_recipe(path) {
        return Ok(read_recipe(path)?);
    }
    let path = path.to_str();
    let path = path.context("the name of a model file is not UTF-8")?;
    Ok(Expression::Model(path.to_owned()))
}

/// A model or recipe, named as the recipe at `output` finds it.
fn named(path: &Path, output: &Path) -> anyhow::Result<Expression> {
    let cannot_find = || format!("cannot find {}", path.display());
    let folder = crate::atomic_file::folder_of(output).canonicalize()?;
    let path = path.canonicalize().with_context(cannot_find)?;
    ensure!(
        Some(folder.join(output.file_name().unwrap_or_default())) != Some(path.clone()),
        "{} would refer to itself: write another recipe",
        output.display()
    );
    let shared = folder.components().zip(path.components());
    let shared = shared.take_while(|(a, b)| a == b).count();
    let up = folder
        .components()
        .skip(shared)
        .map(|_| Component::ParentDir);
    let relative: PathBuf = up.chain(path.components().skip(shared)).collect();
    let name = relative.to_str();
    let name = name.context("the name of a model file is not UTF-8")?;
    Ok(Expression::Model(name.to_owned()))
}

impl RecipeReport {
    fn of(expression: &Expression) -> anyhow::Result<RecipeReport> {
        let loaded = model::combine(expression, DeviceChoice::Auto)?;
        let quality = loaded.quality();
        Ok(RecipeReport {
            kind: "recipe",
            models: expression.models().into_iter().map(str::to_owned).collect(),
            bounds: loaded.shape().bounds,
            field: quality.to_string(),
            exact_outside: quality.exact_outside,
            exact_inside: quality.exact_inside,
            warnings: loaded.warnings().to_vec(),
        })
    }

    pub(super) fn in_words(&self, path: &Path) -> String {
        let [x, y, z] = self.bounds.size().map(length_in_words);
        let models = match self.models.len() {
            1 => "1 model".to_owned(),
            count => format!("{count} models"),
        };
        format!(
            "{}: of {models}, within {x} × {y} × {z}; the field is {}",
            path.display(),
            self.field
        )
    }
}
