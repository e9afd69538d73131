//! `overfit raycast`: where rays meet a model.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::arguments::{DeviceArguments, finite};
use super::interrupt::{Interrupt, Interrupted};
use super::model;
use super::output::{
    count_in_words, ensure_extension, ensure_writable, print_json, print_text, print_warnings,
    write_rows,
};
use super::points::RayFile;
use super::progress::Bar;
use crate::query::{Ray, RayError, RayHits, RaySettings, RayStats, cast_rays};

/// Cast rays against a model: first hits, or all of them
///
/// A ray is six numbers, its origin and its direction, in the mesh's own units; the direction may have any length but 0. Writes float64, a row a
/// ray: distance, x, y, z, nx, ny, nz, inside: how far the first hit is and where, the outward normal there, and 1 if the ray begins within the
/// shape. Of a ray that hits nothing the distance is infinite and the rest NaN. With --all a row a hit: ray (counted from 0), distance, x, y, z,
/// nx, ny, nz, enters. docs/rays.md says what can be missed.
#[derive(Args)]
pub(super) struct RaycastArguments {
    /// The model file, or a recipe (.toml)
    model: PathBuf,

    /// The rays: .npy, float32 or float64 [N, 6]; or text, six numbers a line (.csv, .txt, - for standard input)
    #[arg(long, value_name = "RAYS")]
    rays: PathBuf,

    /// The .npy or .csv file to write; text on standard output unless given
    #[arg(short, long, value_name = "HITS")]
    output: Option<PathBuf>,

    /// All hits of each ray, not the first alone
    #[arg(long)]
    all: bool,

    /// Most hits along a ray with --all
    #[arg(long, value_name = "N", default_value_t = 64, requires = "all")]
    most_hits: u32,

    /// Signed distance of the surface, in the mesh's own units: positive is outside the shape
    #[arg(long, value_name = "D", default_value = "0", value_parser = finite, allow_negative_numbers = true)]
    iso: f64,

    /// How far rays go, in the mesh's own units [default: without end]
    #[arg(long, value_name = "D", value_parser = finite, allow_negative_numbers = true)]
    reach: Option<f64>,

    /// What a ray runs through for less than this may be missed, in the mesh's own units [default: 1/400 of the longest side, or half
    /// the mesh's thickness if that is less]
    #[arg(long, value_name = "D", value_parser = finite, allow_negative_numbers = true)]
    thickness: Option<f64>,

    #[command(flatten)]
    device: DeviceArguments,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

const FIRST: [&str; 8] = ["distance", "x", "y", "z", "nx", "ny", "nz", "inside"];
const ALL: [&str; 9] = ["ray", "distance", "x", "y", "z", "nx", "ny", "nz", "enters"];

#[derive(Serialize)]
struct RaycastReport {
    #[serde(flatten)]
    stats: RayStats,
    /// Rows that were written.
    rows: u64,
    columns: Vec<&'static str>,
    /// Casting alone, without reading and writing.
    seconds: f64,
    rays_per_second: f64,
    /// Of all rays, those that pass the shape's box by included.
    evaluations_per_ray: f64,
    warnings: Vec<String>,
}

pub(super) fn run(arguments: &RaycastArguments) -> anyhow::Result<()> {
    if let Some(output) = &arguments.output {
        ensure_extension(output, &["npy", "csv"])?;
        ensure_writable(output)?;
    }
    let mut rays = RayFile::open(&arguments.rays)?;
    let loaded = model::open(&arguments.model, arguments.device.device)?;
    let settings = RaySettings {
        iso: arguments.iso,
        most_hits: if arguments.all {
            arguments.most_hits
        } else {
            1
        },
        reach: arguments.reach.unwrap_or(f64::INFINITY),
        thickness: arguments.thickness,
        ..RaySettings::default()
    };
    let count = rays.count();
    let interrupt = Interrupt::listen()?;
    let mut bar = Bar::new("casting");
    let mut stats = RayStats::default();
    let mut seconds = 0.0;
    let mut next_rows = || -> anyhow::Result<Option<Vec<f64>>> {
        let chunk = rays.next_chunk()?;
        if chunk.is_empty() {
            return Ok(None);
        }
        let some: Vec<Ray> = chunk.into_iter().map(ray).collect();
        let started = Instant::now();
        let found = cast_rays(&loaded, &some, &settings, interrupt.token());
        seconds += started.elapsed().as_secs_f64();
        let found = found.map_err(|error| match error {
            RayError::Cancelled => Interrupted::default().into(),
            error => anyhow::Error::from(in_file(error, stats.rays)),
        })?;
        let rows = match arguments.all {
            true => all_rows(&found, stats.rays),
            false => first_rows(&found),
        };
        stats += found.stats;
        bar.set(stats.rays as f64 / count as f64);
        Ok(Some(rows))
    };
    let output = arguments.output.as_deref();
    let (columns, rows) = if arguments.all {
        // How many hits there are is not known before.
        let mut rows = Vec::new();
        while let Some(more) = next_rows()? {
            rows.extend(more);
        }
        let count = (rows.len() / ALL.len()) as u64;
        let mut rows = Some(rows);
        write_rows(output, count, &ALL, || Ok(rows.take()))?;
        (ALL.to_vec(), count)
    } else {
        write_rows(output, count, &FIRST, next_rows)?;
        (FIRST.to_vec(), count)
    };
    drop(bar);
    let share = |of: f64, whole: f64| if whole > 0.0 { of / whole } else { 0.0 };
    let report = RaycastReport {
        stats,
        rows,
        columns,
        seconds,
        rays_per_second: share(stats.rays as f64, seconds),
        evaluations_per_ray: share(stats.evaluations as f64, stats.rays as f64),
        warnings: stats.warnings(&settings),
    };
    if arguments.json {
        return print_json(&report);
    }
    print_warnings(&report.warnings);
    match output {
        None => Ok(()),
        Some(output) => print_text(&format!(
            "{}: {} rays in {seconds:.2} s ({} rays/s, {:.1} evaluations each), {} of them hit",
            output.display(),
            stats.rays,
            count_in_words(report.rays_per_second),
            report.evaluations_per_ray,
            stats.rays_that_hit
        )),
    }
}

fn ray([x, y, z, dx, dy, dz]: [f64; 6]) -> Ray {
    Ray {
        origin: [x, y, z],
        direction: [dx, dy, dz],
    }
}

/// An error about a ray of a chunk, with its number in the file.
fn in_file(error: RayError, before: u64) -> RayError {
    match error {
        RayError::NoDirection { ray } => RayError::NoDirection {
            ray: ray + before as usize,
        },
        error => error,
    }
}

/// A row a ray.
fn first_rows(found: &RayHits) -> Vec<f64> {
    let mut rows = Vec::with_capacity(found.starts_inside.len() * FIRST.len());
    for (index, &inside) in found.starts_inside.iter().enumerate() {
        match found.first_of(index) {
            Some(hit) => {
                rows.push(hit.distance);
                rows.extend(hit.point);
                rows.extend(hit.normal.map(f64::from));
            }
            None => {
                rows.push(f64::INFINITY);
                rows.extend([f64::NAN; 6]);
            }
        }
        rows.push(if inside { 1.0 } else { 0.0 });
    }
    rows
}

/// A row a hit; rays are counted from `before`.
fn all_rows(found: &RayHits, before: u64) -> Vec<f64> {
    let mut rows = Vec::with_capacity(found.hits.len() * ALL.len());
    for index in 0..found.starts_inside.len() {
        for hit in found.of(index) {
            rows.extend([(before + index as u64) as f64, hit.distance]);
            rows.extend(hit.point);
            rows.extend(hit.normal.map(f64::from));
            rows.push(if hit.enters { 1.0 } else { 0.0 });
        }
    }
    rows
}
