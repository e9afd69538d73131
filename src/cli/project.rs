//! `overfit project`: the nearest points of a model's surface.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::arguments::{DeviceArguments, finite};
use super::interrupt::{Interrupt, Interrupted};
use super::model;
use super::output::{
    count_in_words, ensure_extension, ensure_writable, print_json, print_text, print_warnings,
    write_rows,
};
use super::points::PointFile;
use super::progress::Bar;
use crate::query::{Foot, GradientDrift, ProjectError, ProjectSettings, project_points};

/// Project points onto a model's surface: nearest points, distances, inside or outside
///
/// Writes float64, a row a point: x, y, z, distance, nx, ny, nz, residual, converged: the nearest point of the surface, how far it is (negative
/// inside the shape), the outward normal there, by how much the field misses the surface's level there, and 1 if that is within the tolerance.
#[derive(Args)]
pub(super) struct ProjectArguments {
    /// The model file, or a recipe (.toml)
    model: PathBuf,

    /// The points: .npy, float32 or float64 [N, 3], in the mesh's own units; or text, three numbers a line (.csv, .txt, - for standard input)
    #[arg(long, value_name = "POINTS")]
    points: PathBuf,

    /// The .npy or .csv file to write; text on standard output unless given
    #[arg(short, long, value_name = "FEET")]
    output: Option<PathBuf>,

    /// Signed distance of the surface, in the mesh's own units: positive is outside the shape
    #[arg(long, value_name = "D", default_value = "0", value_parser = finite, allow_negative_numbers = true)]
    iso: f64,

    #[command(flatten)]
    device: DeviceArguments,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

const COLUMNS: [&str; 9] = [
    "x",
    "y",
    "z",
    "distance",
    "nx",
    "ny",
    "nz",
    "residual",
    "converged",
];

#[derive(Serialize)]
struct ProjectReport {
    points: u64,
    not_converged: u64,
    /// Mean and 99th percentile of | |∇f| - 1 | on the surface, of the last chunk of points.
    gradient_drift: Option<GradientDrift>,
    columns: [&'static str; 9],
    evaluations: u64,
    /// Projecting alone, without reading and writing.
    seconds: f64,
    points_per_second: f64,
    warnings: Vec<String>,
}

pub(super) fn run(arguments: &ProjectArguments) -> anyhow::Result<()> {
    if let Some(output) = &arguments.output {
        ensure_extension(output, &["npy", "csv"])?;
        ensure_writable(output)?;
    }
    let mut points = PointFile::open(&arguments.points)?;
    let loaded = model::open(&arguments.model, arguments.device.device)?;
    let settings = ProjectSettings {
        iso: arguments.iso,
        ..ProjectSettings::default()
    };
    let count = points.count();
    let interrupt = Interrupt::listen()?;
    let mut bar = Bar::new("projecting");
    let (mut done, mut not_converged, mut evaluations, mut seconds) = (0, 0, 0, 0.0);
    let mut drift = None;
    let next_rows = || -> anyhow::Result<Option<Vec<f64>>> {
        let chunk = points.next_chunk()?;
        if chunk.is_empty() {
            return Ok(None);
        }
        let started = Instant::now();
        let found = project_points(&loaded, &chunk, &settings, interrupt.token());
        seconds += started.elapsed().as_secs_f64();
        let found = found.map_err(|error| match error {
            ProjectError::Cancelled => Interrupted::default().into(),
            error => anyhow::Error::from(error),
        })?;
        done += chunk.len() as u64;
        evaluations += found.evaluations;
        not_converged += found.feet.iter().filter(|foot| !foot.converged).count() as u64;
        drift = found.drift.or(drift);
        bar.set(done as f64 / count as f64);
        Ok(Some(found.feet.iter().flat_map(row).collect()))
    };
    let output = arguments.output.as_deref();
    write_rows(output, count, &COLUMNS, next_rows)?;
    drop(bar);
    let mut warnings = Vec::new();
    if not_converged > 0 {
        warnings.push(format!(
            "{not_converged} of {count} points did not get to the surface: their rows say so."
        ));
    }
    let report = ProjectReport {
        points: count,
        not_converged,
        gradient_drift: drift,
        columns: COLUMNS,
        evaluations,
        seconds,
        points_per_second: if count == 0 {
            0.0
        } else {
            count as f64 / seconds
        },
        warnings,
    };
    if arguments.json {
        return print_json(&report);
    }
    print_warnings(&report.warnings);
    let Some(output) = output else {
        return Ok(());
    };
    let drift = drift.map_or(String::new(), |drift| {
        format!(
            "; on the surface the gradient's length is off 1 by {:.4} in the mean, {:.4} at the 99th of a hundred",
            drift.mean, drift.percentile_99
        )
    });
    print_text(&format!(
        "{}: {count} points in {seconds:.2} s ({} points/s){drift}",
        output.display(),
        count_in_words(report.points_per_second)
    ))
    .context("the result is written")
}

fn row(foot: &Foot) -> [f64; 9] {
    let [x, y, z] = foot.point;
    let [nx, ny, nz] = foot.normal.map(f64::from);
    let converged = if foot.converged { 1.0 } else { 0.0 };
    [x, y, z, foot.distance, nx, ny, nz, foot.residual, converged]
}
