//! `overfit compress`: a model in its compact form.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::arguments::finite;
use super::interrupt::Interrupt;
use super::model;
use super::output::{bytes_in_words, ensure_writable, file_bytes, print_json, print_text};
use crate::field::{Device, DeviceChoice, open_engine};
use crate::query::compress;
use crate::words::length_in_words;

/// Make a model's file small: its numbers in steps as wide as an error allows, each with as many bits as it is unlikely
///
/// Every command reads the compact file as it reads others. The error is that of the field near its surface, against the model that it is
/// made from; largest and mean are measured, told and kept in the file.
#[derive(Args)]
pub(super) struct CompressArguments {
    /// The model file
    model: PathBuf,

    /// The compact model file to write (.safetensors)
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,

    /// Largest error near the surface, as a share of the longest side of the mesh
    #[arg(long, value_name = "SHARE", default_value = "0.0002", value_parser = finite, allow_negative_numbers = true)]
    error: f64,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct CompressReport {
    bytes: u64,
    bytes_before: u64,
    /// Near the surface, own units.
    largest_error: f32,
    mean_error: f32,
    /// The largest, as a share of the longest side.
    largest_share: f64,
    seconds: f64,
}

pub(super) fn run(arguments: &CompressArguments) -> anyhow::Result<()> {
    anyhow::ensure!(
        model::is_model(&arguments.output),
        "{}: the file's name must end in .safetensors",
        arguments.output.display()
    );
    ensure_writable(&arguments.output)?;
    let started = Instant::now();
    let bytes_before = file_bytes(&arguments.model)?;
    let model = Arc::new(model::read(&arguments.model)?);
    let engine = open_engine(DeviceChoice::Named(Device::Cpu)).context("cannot compute")?;
    let interrupt = Interrupt::listen()?;
    let side = model.bounds.longest_side();
    let compact = compress(&model, &*engine, arguments.error * side, interrupt.token())
        .map_err(|error| interrupt.explain(error))?;
    compact.save(&arguments.output)?;
    let form = compact.training.compact.unwrap_or_default();
    let report = CompressReport {
        bytes: file_bytes(&arguments.output)?,
        bytes_before,
        largest_error: form.largest_error,
        mean_error: form.mean_error,
        largest_share: f64::from(form.largest_error) / side,
        seconds: started.elapsed().as_secs_f64(),
    };
    if arguments.json {
        return print_json(&report);
    }
    print_text(&format!(
        "{}: {} of {}, off by at most {} near the surface ({:.1e} of the longest side), {} in the mean, {:.1} s",
        arguments.output.display(),
        bytes_in_words(report.bytes),
        bytes_in_words(report.bytes_before),
        length_in_words(report.largest_error.into()),
        report.largest_share,
        length_in_words(report.mean_error.into()),
        report.seconds
    ))
}
