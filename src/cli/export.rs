//! `overfit export`: a model for other programs.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;

use super::model;
use super::output::{
    bytes_in_words, ensure_writable, print_json, print_text, print_warnings, write_whole,
};
use crate::export::{ExportFormat, export};

/// Write a model for other programs: an ONNX graph, or source code of a function for shaders and renderers
///
/// .onnx takes points and gives distances and gradients, of every model. .glsl, .wgsl and .osl are source code of one function sdf(p),
/// of networks alone that are as small as those of the preset compact. All are in the mesh's own units, negative inside. .safetensors is
/// the model file again, with plain tensors, also of a compact one.
#[derive(Args)]
pub(super) struct ExportArguments {
    /// The model file
    model: PathBuf,

    /// The file to write; its name tells the format: .onnx, .glsl, .wgsl, .osl or .safetensors
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// The format, whatever the file is called: onnx, glsl, wgsl, osl or safetensors
    #[arg(long, value_name = "FORMAT")]
    format: Option<ExportFormat>,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct ExportReport {
    format: &'static str,
    bytes: usize,
    warnings: Vec<String>,
}

pub(super) fn run(arguments: &ExportArguments) -> anyhow::Result<()> {
    let format = format(arguments)?;
    ensure_writable(&arguments.output)?;
    let model = model::read(&arguments.model)?;
    let exported = export(&model, format)
        .with_context(|| format!("{} cannot be exported", arguments.model.display()))?;
    write_whole(&arguments.output, |file| {
        Ok(file.write_all(&exported.bytes)?)
    })?;
    let report = ExportReport {
        format: format.name(),
        bytes: exported.bytes.len(),
        warnings: exported.warnings,
    };
    if arguments.json {
        return print_json(&report);
    }
    print_warnings(&report.warnings);
    print_text(&format!(
        "{}: {}, {}",
        arguments.output.display(),
        format.description(),
        bytes_in_words(report.bytes as u64)
    ))
}

fn format(arguments: &ExportArguments) -> anyhow::Result<ExportFormat> {
    if let Some(format) = arguments.format {
        return Ok(format);
    }
    let extension = arguments.output.extension().unwrap_or_default();
    match extension.to_string_lossy().to_lowercase().parse() {
        Ok(format) => Ok(format),
        Err(_) => bail!(
            "{}: the file's name must end in .onnx, .glsl, .wgsl, .osl or .safetensors, or name one of them with --format",
            arguments.output.display()
        ),
    }
}
