//! `overfit eval`: a model's values at given points.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::arguments::{DeviceArguments, finite, quantity};
use super::interrupt::{Interrupt, Interrupted};
use super::model;
use super::output::{
    count_in_words, ensure_extension, ensure_writable, print_json, print_text, print_warnings,
    write_whole,
};
use super::points::{NumberWriter, PointFile};
use super::progress::Bar;
use crate::query::{Evaluation, Quantity};

/// Evaluate a model at points: signed distances, gradients, curvatures
///
/// Writes float32 in the mesh's own units: one number a point as an array of N, else N rows of columns, the quantities side by side in the order
/// in which they were asked for. --json tells the columns with their units.
#[derive(Args)]
pub(super) struct EvalArguments {
    /// The model file, or a recipe (.toml)
    model: PathBuf,

    /// The points: .npy, float32 or float64 [N, 3], in the mesh's own units; or text, three numbers a line (.csv, .txt, - for standard input)
    #[arg(long, value_name = "POINTS")]
    points: PathBuf,

    /// The .npy file to write
    #[arg(short, long, value_name = "VALUES")]
    output: PathBuf,

    /// What to evaluate; several with commas between them
    #[arg(long = "quantity", value_name = "QUANTITY", value_delimiter = ',', value_parser = quantity(), default_value = "value")]
    quantities: Vec<Quantity>,

    /// Take second derivatives and curvatures of the field's mean over balls of this radius, in the mesh's own units; 0 takes them
    /// at the points [default: 0 for models of --preset smooth and others that have them; else 2 % of the longest side]
    #[arg(long, value_name = "RADIUS", value_parser = finite, allow_negative_numbers = true)]
    smoothing: Option<f64>,

    #[command(flatten)]
    device: DeviceArguments,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct EvalReport {
    points: u64,
    columns: Vec<ColumnReport>,
    /// Radius of the balls over which second derivatives were averaged; 0 for those at the points.
    smoothing: f64,
    /// Evaluation alone, without reading and writing.
    seconds: f64,
    points_per_second: f64,
    warnings: Vec<String>,
}

/// A column of numbers.
#[derive(Serialize)]
pub(super) struct ColumnReport {
    pub name: String,
    pub unit: &'static str,
}

/// Points between two looks at the interrupt: second derivatives take up to 26 evaluations each.
const BATCH: usize = 1 << 14;

pub(super) fn run(arguments: &EvalArguments) -> anyhow::Result<()> {
    ensure_extension(&arguments.output, &["npy"])?;
    ensure_writable(&arguments.output)?;
    let mut points = PointFile::open(&arguments.points)?;
    let loaded = model::open(&arguments.model, arguments.device.device)?;
    let evaluation = Evaluation::new(loaded.shape(), &arguments.quantities, arguments.smoothing)?;
    let columns = evaluation.width() as u64;
    let count = points.count();
    let interrupt = Interrupt::listen()?;
    let mut bar = Bar::new("evaluating");
    let mut seconds = 0.0;
    write_whole(&arguments.output, |file| {
        let cannot_write = || format!("cannot write {}", arguments.output.display());
        let mut writer = NumberWriter::begin(file, count, columns).with_context(cannot_write)?;
        let mut done = 0;
        loop {
            let chunk = points.next_chunk()?;
            if chunk.is_empty() {
                break;
            }
            for batch in chunk.chunks(BATCH) {
                if interrupt.token().is_cancelled() {
                    return Err(Interrupted::default().into());
                }
                let started = Instant::now();
                let rows = evaluation.rows(&loaded, batch)?;
                seconds += started.elapsed().as_secs_f64();
                writer.extend(&rows).with_context(cannot_write)?;
                done += batch.len() as u64;
                bar.set(done as f64 / count as f64);
            }
        }
        writer.finish().with_context(cannot_write)
    })?;
    drop(bar);
    let report = EvalReport {
        points: count,
        columns: columns_of(&arguments.quantities),
        smoothing: evaluation.smoothing(),
        seconds,
        points_per_second: if count == 0 {
            0.0
        } else {
            count as f64 / seconds
        },
        warnings: evaluation.warnings(),
    };
    if arguments.json {
        return print_json(&report);
    }
    print_warnings(&report.warnings);
    print_text(&format!(
        "{}: {count} points in {seconds:.2} s ({} points/s)",
        arguments.output.display(),
        count_in_words(report.points_per_second)
    ))
}

/// The columns that quantities have side by side.
pub(super) fn columns_of(quantities: &[Quantity]) -> Vec<ColumnReport> {
    let columns = quantities.iter().flat_map(|quantity| {
        let unit = quantity.unit();
        quantity
            .columns()
            .map(move |name| ColumnReport { name, unit })
    });
    columns.collect()
}
