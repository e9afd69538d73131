//! `overfit study`: many fits, and a table of them.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::arguments::{DeviceArguments, MeshArguments};
use super::fit::show_progress;
use super::interrupt::{Interrupt, Interrupted};
use super::output::{bytes_in_words, print_json, print_text};
use super::progress::Bar;
use crate::CancelToken;
use crate::geometry::Mesh;
use crate::study::{Entry, ExactShape, Figures, MeshStudy, Results, Study, StudyFit};
use crate::train::fit;

/// Fit meshes with every combination of some settings, and make a table and pictures
///
/// The study is a TOML file: `meshes`, a list of files; `preset` and a table `settings`, from which all fits start; a table
/// `grid` of settings with a list of values each; and a table `beside` of volumes that need no network. Each adds a row to
/// results.csv in the folder; after a Ctrl-C or a kill, the same command goes on with what is missing. At the end there is a picture a mesh.
#[derive(Args)]
pub(super) struct StudyArguments {
    /// The study file
    study: PathBuf,

    /// The folder for the table and the pictures
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,

    /// Only list what there is to do
    #[arg(long)]
    list: bool,

    #[command(flatten)]
    device: DeviceArguments,

    #[command(flatten)]
    input: MeshArguments,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct StudyReport<'a> {
    /// Of the whole table: fits and volumes.
    rows: usize,
    /// Rows that this run made.
    made: usize,
    /// Of all rows.
    failed: usize,
    table: &'a Path,
    pictures: Vec<PathBuf>,
}

pub(super) fn run(arguments: &StudyArguments) -> anyhow::Result<()> {
    let path = &arguments.study;
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let study = Study::from_toml(&text, folder).with_context(|| path.display().to_string())?;
    if arguments.list {
        return print_text(&listed(&study));
    }
    let mut results = Results::open(&arguments.output, &study)?;
    let interrupt = Interrupt::listen()?;
    let cancel = interrupt.token();
    let (mut done, mut made) = (0, 0);
    for mesh_study in &study.meshes {
        let mut shape = Shape::default();
        for entry in mesh_study.entries() {
            done += 1;
            if results.has(&study, mesh_study, entry) {
                continue;
            }
            let words = study.named(entry);
            let bar = Bar::new(format!(
                "{done} of {}: {} {words}",
                study.rows(),
                mesh_study.name
            ));
            let mesh = shape.mesh.get_or_insert_with(|| {
                let loaded = arguments.input.read(&mesh_study.path, cancel);
                loaded.map(|loaded| loaded.mesh)
            });
            let figures = match (mesh, entry) {
                (Err(error), _) => Figures::failed(error),
                (Ok(mesh), Entry::Fit(fit)) => {
                    figures(mesh, mesh_study, fit, arguments, cancel, bar)
                }
                (Ok(mesh), Entry::Volume(volume)) => {
                    let exact = shape.exact.get_or_insert_with(|| {
                        ExactShape::of(mesh, study.sign, cancel).map_err(anyhow::Error::from)
                    });
                    match exact {
                        Ok(exact) => volume
                            .judged(exact, cancel)
                            .unwrap_or_else(|error| Figures::failed(&error)),
                        Err(error) => Figures::failed(error),
                    }
                }
            };
            if cancel.is_cancelled() {
                let words = "the rows so far are in the table, and the same command goes on";
                return Err(Interrupted(words).into());
            }
            results.add(&study, mesh_study, entry, figures)?;
            made += 1;
        }
    }
    let ranked = |mesh: &MeshStudy| results.ranked(mesh).into_iter();
    let rows = study.meshes.iter().flat_map(ranked);
    let report = StudyReport {
        rows: study.rows(),
        made,
        failed: rows.filter(|row| !row.figures.error.is_empty()).count(),
        table: results.path(),
        pictures: results.draw(&study)?,
    };
    if arguments.json {
        return print_json(&report);
    }
    print_text(&in_words(&study, &results, &report.pictures))
}

/// A mesh of the study, once it is needed; what cannot be read fails its rows.
#[derive(Default)]
struct Shape {
    mesh: Option<anyhow::Result<Mesh>>,
    exact: Option<anyhow::Result<ExactShape>>,
}

/// One fit.
fn figures(
    mesh: &Mesh,
    mesh_study: &MeshStudy,
    study_fit: &StudyFit,
    arguments: &StudyArguments,
    cancel: &CancelToken,
    mut bar: Bar,
) -> Figures {
    let name = mesh_study.path.file_stem().unwrap_or_default();
    let mut settings = study_fit.settings.clone();
    settings.device = arguments.device.device;
    let mut show = |progress| show_progress(&mut bar, &progress);
    match fit(mesh, &name.to_string_lossy(), &settings, cancel, &mut show) {
        Ok(model) => Figures::of(&model),
        Err(error) => Figures::failed(&error),
    }
}

/// The rows of a study, a line each.
fn listed(study: &Study) -> String {
    let lines = study.meshes.iter().flat_map(|mesh| {
        let line = |entry| format!("{} {}", mesh.name, study.named(entry));
        mesh.entries().map(line)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A table a mesh, the best first.
fn in_words(study: &Study, results: &Results, pictures: &[PathBuf]) -> String {
    let mut tables = Vec::new();
    for mesh in &study.meshes {
        let mut rows = vec![head(study)];
        for row in results.ranked(mesh) {
            let mut cells = figures_in_words(row.figures);
            cells.push(row.field.to_owned());
            cells.extend(row.values.iter().cloned());
            rows.push(cells);
        }
        tables.push(format!("{}\n{}", mesh.name, aligned(&rows)));
    }
    let mut files = format!("all figures: {}", results.path().display());
    for picture in pictures {
        files += &format!("\npicture: {}", picture.display());
    }
    tables.push(files);
    tables.join("\n\n")
}

fn head(study: &Study) -> Vec<String> {
    let figures = [
        "near", "IoU", "gradient", "bytes", "seconds", "steps", "field",
    ];
    let figures = figures.map(str::to_owned).into_iter();
    figures.chain(study.varied.iter().cloned()).collect()
}

fn figures_in_words(figures: &Figures) -> Vec<String> {
    if !figures.error.is_empty() {
        let mut cells = vec![String::new(); 6];
        cells[0] = "failed".to_owned();
        return cells;
    }
    let or_dash = |cell: Option<String>| cell.unwrap_or("-".to_owned());
    vec![
        or_dash(figures.near_mae.map(|x| format!("{x:.2e}"))),
        or_dash(figures.iou.map(|x| format!("{x:.4}"))),
        or_dash(figures.gradient_degrees.map(|x| format!("{x:.2}°"))),
        or_dash(figures.bytes.map(|x| bytes_in_words(x as u64))),
        or_dash(figures.seconds.map(|x| format!("{x:.1}"))),
        or_dash(figures.steps.map(|x| x.to_string())),
    ]
}

/// Rows whose cells stand below each other.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|c| width(c).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, &width)| format!("{cell:<width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
