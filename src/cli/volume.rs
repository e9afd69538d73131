//! `overfit volume`: from a model to a volume file.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Args;
use serde::Serialize;

use super::arguments::{DeviceArguments, GridArguments, finite, quantity};
use super::eval::{ColumnReport, columns_of};
use super::interrupt::Interrupt;
use super::model;
use super::output::{
    bytes_in_words, ensure_extension, ensure_writable, file_bytes, print_json, print_text,
    print_warnings, write_whole,
};
use super::progress::Bar;
use crate::extract::{
    BandSettings, DENSE_BYTES, DenseFormat, DenseWriter, ExtractError, Fineness, Grid,
    extract_narrow_band, write_vdb,
};
use crate::query::{Evaluation, GridError, LoadedModel, Quantity, stream_over_grid};

/// Sample a model on a grid: an OpenVDB level set, or a dense NumPy array or NRRD volume
///
/// A .vdb file holds one narrow-band level set named `sdf`, placed in the mesh's own units. A .npy file holds float32
/// [X, Y, Z], z fastest, and nothing else: sample [x, y, z] lies at origin + voxel_size * [x, y, z], which are printed. A .nrrd file (3D Slicer, ITK)
/// holds the same, x fastest, and its place. Dense volumes may be of other quantities than the distance, also of several numbers a sample.
#[derive(Args)]
pub(super) struct VolumeArguments {
    /// The model file, or a recipe (.toml)
    model: PathBuf,

    /// The volume file to write: .vdb, .npy or .nrrd
    #[arg(short, long, value_name = "VOLUME")]
    output: PathBuf,

    /// What a dense volume is of; several with commas between them, side by side: [X, Y, Z, columns] in .npy
    #[arg(long = "quantity", value_name = "QUANTITY", value_delimiter = ',', value_parser = quantity(), default_value = "value")]
    quantities: Vec<Quantity>,

    /// Take second derivatives and curvatures of the field's mean over balls of this radius, in the mesh's own units, as `overfit eval` does
    #[arg(long, value_name = "RADIUS", value_parser = finite, allow_negative_numbers = true)]
    smoothing: Option<f64>,

    #[command(flatten)]
    grid: GridArguments,

    /// Half the width of the narrow band of a .vdb file, in voxels
    #[arg(long, value_name = "VOXELS", default_value = "3", value_parser = finite, allow_negative_numbers = true)]
    band: f64,

    /// Place the .vdb file for Blender before 5.0, which takes a value to fill the voxel above it where OpenVDB has it in
    /// the middle
    #[arg(long)]
    for_blender_4: bool,

    #[command(flatten)]
    device: DeviceArguments,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct VolumeReport {
    format: &'static str,
    /// Sample `[0, 0, 0]`, own units.
    origin: [f64; 3],
    /// Distance between neighbouring samples, own units.
    voxel_size: f64,
    /// Samples along each axis.
    dims: [u32; 3],
    /// Samples inside the band; all of them in a dense volume.
    active_voxels: u64,
    /// What the numbers of a sample are.
    columns: Vec<ColumnReport>,
    /// Cells along the longest side of the mesh.
    resolution: f64,
    seconds: f64,
    bytes: u64,
    warnings: Vec<String>,
}

pub(super) fn run(arguments: &VolumeArguments) -> anyhow::Result<()> {
    let format = ensure_extension(&arguments.output, &["vdb", "npy", "nrrd"])?;
    let dense = match format {
        "npy" => Some(DenseFormat::Npy),
        "nrrd" => Some(DenseFormat::Nrrd),
        _ => None,
    };
    ensure!(
        dense.is_some() || arguments.quantities == [Quantity::Value],
        "--quantity: a .vdb file is a level set, of the value alone; write a .nrrd or .npy file"
    );
    ensure_writable(&arguments.output)?;
    ensure!(
        arguments.band > 0.0,
        "--band is {}: it must be a positive number of voxels",
        arguments.band
    );
    let loaded = model::open(&arguments.model, arguments.device.device)?;
    let interrupt = Interrupt::listen()?;
    let started = Instant::now();
    let fineness = Fineness::new(loaded.shape(), 0.0);
    let mut warnings = Vec::new();
    let (grid, active_voxels) = match dense {
        None => write_band(arguments, &loaded, &fineness, &interrupt)?,
        Some(format) => {
            let quantities = &arguments.quantities;
            let evaluation = Evaluation::new(loaded.shape(), quantities, arguments.smoothing)?;
            warnings = evaluation.warnings();
            write_dense(
                arguments,
                &loaded,
                &evaluation,
                format,
                &fineness,
                &interrupt,
            )?
        }
    };
    warnings.extend(fineness.warnings(grid.resolution, None));
    let report = VolumeReport {
        format,
        origin: grid.origin,
        voxel_size: grid.voxel_size,
        dims: grid.dims,
        active_voxels,
        resolution: grid.resolution,
        columns: columns_of(&arguments.quantities),
        warnings,
        seconds: started.elapsed().as_secs_f64(),
        bytes: file_bytes(&arguments.output)?,
    };
    if arguments.json {
        return print_json(&report);
    }
    print_warnings(&report.warnings);
    let ([x, y, z], [ox, oy, oz]) = (report.dims, report.origin);
    print_text(&format!(
        "{}: {x} x {y} x {z} samples, {active_voxels} of them kept, origin [{ox}, {oy}, {oz}], voxel size {}, {} in {:.2} s",
        arguments.output.display(),
        report.voxel_size,
        bytes_in_words(report.bytes),
        report.seconds
    ))
}

fn write_band(
    arguments: &VolumeArguments,
    loaded: &LoadedModel,
    fineness: &Fineness<'_>,
    interrupt: &Interrupt,
) -> anyhow::Result<(Grid, u64)> {
    let shape = loaded.shape();
    let resolution = match arguments.grid.resolution() {
        Some(resolution) => resolution,
        None => fineness.automatic(arguments.grid.memory_limit, Grid::surface_bytes)?,
    };
    let mut grid = Grid::around_band(&shape.bounds, resolution, arguments.band)?;
    let settings = BandSettings {
        band: arguments.band,
        memory_limit: arguments.grid.memory_limit,
        ..BandSettings::default()
    };
    let mut bar = Bar::new("extracting the narrow band");
    let mut progress = |share: f32| bar.set(share.into());
    let mut band = extract_narrow_band(
        loaded.unit_field(),
        &grid,
        &shape.frame,
        &settings,
        interrupt.token(),
        &mut progress,
    )
    .map_err(|error| interrupt.explain(fineness.explain(error, grid.resolution)))?;
    if arguments.for_blender_4 {
        band = band.lowered_for_blender_4();
        // The report tells where the file has its samples.
        grid.origin = band.origin;
    }
    bar.say("writing");
    write_vdb(&band, "sdf", &arguments.output)?;
    Ok((grid, band.active_voxels()))
}

fn write_dense(
    arguments: &VolumeArguments,
    loaded: &LoadedModel,
    evaluation: &Evaluation,
    format: DenseFormat,
    fineness: &Fineness<'_>,
    interrupt: &Interrupt,
) -> anyhow::Result<(Grid, u64)> {
    let shape = loaded.shape();
    let limit = arguments.grid.memory_limit;
    let bytes_of = |grid: &Grid| grid.dense_bytes() * evaluation.width() as u64;
    let resolution = match arguments.grid.resolution() {
        Some(resolution) => resolution,
        None => fineness.automatic(limit.min(DENSE_BYTES), bytes_of)?,
    };
    let grid = Grid::around_level_set(&shape.bounds, resolution, 0.0)?;
    let bytes = bytes_of(&grid);
    if bytes > limit {
        return Err(too_large(&grid, bytes, limit).into());
    }
    let mut bar = Bar::new("sampling the grid");
    let columns = columns_of(&arguments.quantities).into_iter();
    let columns: Vec<String> = columns.map(|column| column.name).collect();
    write_whole(&arguments.output, |file| {
        let cannot_write = || format!("cannot write {}", arguments.output.display());
        let begun = DenseWriter::begin(format, &grid, &columns, file);
        let mut writer = begun.with_context(cannot_write)?;
        let receive = |rows: &[f32], share: f32| {
            bar.set(share.into());
            writer.extend(rows)
        };
        let token = interrupt.token();
        stream_over_grid(loaded, evaluation, &grid, format, token, receive).map_err(|error| {
            match error {
                GridError::Evaluation(error) => error.into(),
                GridError::Extract(error) => interrupt.explain(error),
                GridError::Io(error) => anyhow::Error::from(error).context(cannot_write()),
            }
        })?;
        writer.finish().with_context(cannot_write)
    })?;
    Ok((grid, grid.samples()))
}

fn too_large(grid: &Grid, bytes: u64, limit: u64) -> ExtractError {
    ExtractError::TooLarge {
        what: "a dense volume",
        cells: grid.dims.map(|count| u64::from(count - 1)),
        bytes,
        limit,
        largest: (grid.resolution * (limit as f64 / bytes as f64).cbrt()) as u64,
    }
}
