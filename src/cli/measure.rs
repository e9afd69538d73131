//! `overfit measure`: volume, area and other integrals of a model.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::arguments::{DeviceArguments, byte_count, finite};
use super::interrupt::{Interrupt, Interrupted};
use super::model;
use super::output::{print_json, print_text, print_warnings};
use super::progress::Bar;
use crate::extract::ExtractError;
use crate::query::{MeasureError, MeasureSettings, Measurement, measure};
use crate::words::length_in_words;

/// Measure a model: volume, area, centroid, inertia
///
/// All in the mesh's own units. The inertia tensor is that of density 1, about the centroid, by the axes of the mesh. Beside each number is
/// an estimate of its error against the field's own surface: how far the fit is from its mesh it does not know (`overfit compare`).
#[derive(Args)]
pub(super) struct MeasureArguments {
    /// The model file, or a recipe (.toml)
    model: PathBuf,

    /// The relative error of volume and area that is good enough, from 1e-6 to 0.1
    #[arg(long, value_name = "SHARE", default_value_t = MeasureSettings::default().error, value_parser = finite)]
    error: f64,

    /// Signed distance of the surface, in the mesh's own units: positive is outside the shape
    #[arg(long, value_name = "D", default_value = "0", value_parser = finite, allow_negative_numbers = true)]
    iso: f64,

    /// Most bytes that working memory may take, such as 500MB or 16GB
    #[arg(long, value_name = "SIZE", value_parser = byte_count, default_value = "8GB")]
    memory_limit: u64,

    #[command(flatten)]
    device: DeviceArguments,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct MeasureReport {
    #[serde(flatten)]
    measurement: Measurement,
    iso: f64,
    seconds: f64,
}

pub(super) fn run(arguments: &MeasureArguments) -> anyhow::Result<()> {
    let loaded = model::open(&arguments.model, arguments.device.device)?;
    let settings = MeasureSettings {
        iso: arguments.iso,
        error: arguments.error,
        memory_limit: arguments.memory_limit,
    };
    let interrupt = Interrupt::listen()?;
    let mut bar = Bar::new("measuring");
    let started = Instant::now();
    let mut progress = |share: f32| bar.set(share.into());
    let measurement = measure(&loaded, &settings, interrupt.token(), &mut progress).map_err(
        |error| match error {
            MeasureError::Extract(ExtractError::Cancelled) => {
                Interrupted("nothing was measured").into()
            }
            error => anyhow::Error::from(error),
        },
    )?;
    let seconds = started.elapsed().as_secs_f64();
    drop(bar);
    let report = MeasureReport {
        measurement,
        iso: arguments.iso,
        seconds,
    };
    if arguments.json {
        return print_json(&report);
    }
    print_warnings(&report.measurement.warnings);
    print_text(&in_words(&report))
}

fn in_words(report: &MeasureReport) -> String {
    let found = &report.measurement;
    let errors = &found.errors;
    let number = |name: &str, value: f64, error: f64| {
        format!("{name:<24}{value:<14.7} ± {}", length_in_words(error))
    };
    let vector = |v: [f64; 3]| v.map(|x| format!("{x:.7}")).join("  ");
    let mut lines = vec![
        number("volume", found.volume, errors.volume),
        number("area", found.area, errors.area),
    ];
    if let Some(centroid) = found.centroid {
        lines.push(format!(
            "{:<24}{} ± {}",
            "centroid",
            vector(centroid),
            length_in_words(errors.centroid)
        ));
        for (row, axis) in found.inertia.iter().zip(["x", "y", "z"]) {
            let name = format!("inertia {axis}");
            let error = length_in_words(errors.inertia);
            lines.push(format!("{name:<24}{} ± {error}", vector(*row)));
        }
    }
    lines.push(number(
        "mean curvature integral",
        found.mean_curvature_integral,
        errors.mean_curvature_integral,
    ));
    if let Some(bounds) = &found.bounds {
        let (min, max) = (vector(bounds.min), vector(bounds.max));
        lines.push(format!("{:<24}{min}  to  {max}", "bounds"));
    }
    lines.push(format!(
        "{:<24}{:.2} s; what follows ± are estimates, of the field's surface",
        "measured in", report.seconds
    ));
    lines.join("\n")
}
