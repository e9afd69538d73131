//! `overfit distance`: exact distances to a mesh, no network.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::arguments::{MeshArguments, sign};
use super::interrupt::{Interrupt, Interrupted};
use super::output::{
    count_in_words, ensure_extension, ensure_writable, print_json, print_text, print_warnings,
    write_whole,
};
use super::points::{NumberWriter, PointFile};
use super::progress::Bar;
use crate::CancelToken;
use crate::distance::{SignPolicy, SignReport, SignRule, SignedDistance};
use crate::geometry::LoadedMesh;

/// Exact signed distances from points to a mesh, without a network
///
/// Writes one float32 a point in the mesh's own units, negative inside.
#[derive(Args)]
pub(super) struct DistanceArguments {
    /// The mesh file
    mesh: PathBuf,

    /// The points: .npy, float32 or float64 [N, 3], in the mesh's own units; or text, three numbers a line (.csv, .txt, - for standard input)
    #[arg(long, value_name = "POINTS")]
    points: PathBuf,

    /// The .npy file to write
    #[arg(short, long, value_name = "DISTANCES")]
    output: PathBuf,

    /// How inside and outside are told apart
    #[arg(long, value_name = "RULE", default_value_t = SignPolicy::Auto, value_parser = sign())]
    sign: SignPolicy,

    #[command(flatten)]
    input: MeshArguments,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct DistanceReport {
    queries: u64,
    queries_per_second: f64,
    /// The queries alone.
    seconds: f64,
    /// Building the search structures.
    build_seconds: f64,
    /// The rule that was used.
    sign: SignRule,
    /// Why, and how far it can be trusted.
    sign_report: SignReport,
}

pub(super) fn run(arguments: &DistanceArguments) -> anyhow::Result<()> {
    ensure_extension(&arguments.output, &["npy"])?;
    ensure_writable(&arguments.output)?;
    let mut points = PointFile::open(&arguments.points)?;
    let mut bar = Bar::new("reading the mesh");
    let LoadedMesh { mesh, cleanup, .. } =
        arguments.input.read(&arguments.mesh, &CancelToken::new())?;
    bar.say("building the search structures");
    let started = Instant::now();
    let distances = SignedDistance::new(&mesh, arguments.sign)
        .with_context(|| arguments.mesh.display().to_string())?;
    // The first report compares the rules, and builds what the rule needs: neither belongs to the queries.
    let sign_report = distances.sign_report().clone();
    let build_seconds = started.elapsed().as_secs_f64();
    bar.say("measuring");
    let interrupt = Interrupt::listen()?;
    let count = points.count();
    let mut seconds = 0.0;
    write_whole(&arguments.output, |file| {
        let cannot_write = || format!("cannot write {}", arguments.output.display());
        let mut writer = NumberWriter::begin(file, count, 1).with_context(cannot_write)?;
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
            let values: Vec<f32> = distances
                .distances_f64(&chunk)
                .into_iter()
                .map(|x| x as f32)
                .collect();
            seconds += started.elapsed().as_secs_f64();
            writer.extend(&values).with_context(cannot_write)?;
            done += chunk.len() as u64;
            bar.set(done as f64 / count as f64);
        }
        writer.finish().with_context(cannot_write)
    })?;
    drop(bar);
    let report = DistanceReport {
        queries: count,
        queries_per_second: if count == 0 {
            0.0
        } else {
            count as f64 / seconds
        },
        seconds,
        build_seconds,
        sign: sign_report.rule,
        sign_report,
    };
    if arguments.json {
        return print_json(&report);
    }
    print_warnings(&cleanup.notes);
    print_warnings(&report.sign_report.warnings);
    print_text(&format!(
        "{}: {count} distances in {seconds:.2} s ({} queries/s), sign by {}",
        arguments.output.display(),
        count_in_words(report.queries_per_second),
        report.sign
    ))
}
