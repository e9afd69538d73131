//! `overfit eval`: a model's values at given points.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::arguments::DeviceArguments;
use super::interrupt::{Interrupt, Interrupted};
use super::model;
use super::output::{
    count_in_words, ensure_extension, ensure_writable, print_json, print_text, write_whole,
};
use super::points::{NumberWriter, PointFile};
use super::progress::Bar;
use crate::query::{LoadedModel, ensure_twice_differentiable, hessians};

/// Evaluate a model at points: signed distances, gradients, second derivatives
///
/// Writes float32: the signed distance at each point, in the mesh's own units. With --gradient three columns follow,
/// with --hessian another six (xx xy xz yy yz zz), so that the result is [N, 4], [N, 7] or [N, 10].
#[derive(Args)]
pub(super) struct EvalArguments {
    /// The model file
    model: PathBuf,

    /// The points: .npy, float32 or float64 [N, 3], in the mesh's own units
    #[arg(long, value_name = "POINTS")]
    points: PathBuf,

    /// The .npy file to write
    #[arg(short, long, value_name = "VALUES")]
    output: PathBuf,

    /// Append the gradient: x, y, z
    #[arg(long)]
    gradient: bool,

    /// Append second derivatives: xx, xy, xz, yy, yz, zz. Only for smooth models (--preset smooth): those of a hash grid
    /// are zero or undefined almost everywhere, and refused
    #[arg(long)]
    hessian: bool,

    #[command(flatten)]
    device: DeviceArguments,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct EvalReport {
    points: u64,
    columns: u64,
    /// Evaluation alone, without reading and writing.
    seconds: f64,
    points_per_second: f64,
}

pub(super) fn run(arguments: &EvalArguments) -> anyhow::Result<()> {
    ensure_extension(&arguments.output, &["npy"])?;
    ensure_writable(&arguments.output)?;
    let mut points = PointFile::open(&arguments.points)?;
    let loaded = model::open(&arguments.model, arguments.device.device)?;
    if arguments.hessian {
        ensure_twice_differentiable(loaded.model())?;
    }
    let columns = 1 + 3 * u64::from(arguments.gradient) + 6 * u64::from(arguments.hessian);
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
            if interrupt.token().is_cancelled() {
                return Err(Interrupted::default().into());
            }
            let started = Instant::now();
            let rows = evaluate(&loaded, &chunk, arguments);
            seconds += started.elapsed().as_secs_f64();
            writer.extend(&rows).with_context(cannot_write)?;
            done += chunk.len() as u64;
            bar.set(done as f64 / count as f64);
        }
        writer.finish().with_context(cannot_write)
    })?;
    drop(bar);
    let report = EvalReport {
        points: count,
        columns,
        seconds,
        points_per_second: if count == 0 {
            0.0
        } else {
            count as f64 / seconds
        },
    };
    if arguments.json {
        return print_json(&report);
    }
    print_text(&format!(
        "{}: {count} points in {seconds:.2} s ({} points/s)",
        arguments.output.display(),
        count_in_words(report.points_per_second)
    ))
}

/// The rows of the result for some points, flat.
fn evaluate(loaded: &LoadedModel, points: &[[f64; 3]], arguments: &EvalArguments) -> Vec<f32> {
    let (values, gradients) = loaded.evaluate(points, arguments.gradient);
    let second = arguments.hessian.then(|| hessians(loaded, points));
    let mut rows = Vec::with_capacity(points.len());
    for (index, value) in values.into_iter().enumerate() {
        rows.push(value);
        rows.extend(gradients.iter().flat_map(|gradients| gradients[index]));
        rows.extend(second.iter().flat_map(|second| second[index]));
    }
    rows
}
