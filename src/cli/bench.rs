//! `overfit bench`: how fast this machine is at each kind of work.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::arguments::{DeviceArguments, MeshArguments, finite};
use super::output::{count_in_words, print_json, print_text};
use super::progress::Bar;
use super::workload::{LOG2_ENTRIES, Network, Peak, Region, Sizes, Work, Workload, rippled_sphere};
use crate::CancelToken;
use crate::field::open_engine;

/// Measure training, evaluation, distances and extraction on this machine
#[derive(Args)]
pub(super) struct BenchArguments {
    /// The mesh to measure with; a rippled sphere of 81,920 triangles unless given
    mesh: Option<PathBuf>,

    /// Seconds for each case, preparation not counted
    #[arg(long, value_name = "S", default_value = "3", value_parser = finite, allow_negative_numbers = true)]
    seconds: f64,

    /// Only this case; may be repeated
    #[arg(long = "case", value_name = "NAME", value_parser = CASES.map(|case| case.name))]
    cases: Vec<String>,

    /// Base-2 logarithm of the hash grid's entries a level
    #[arg(long, value_name = "N", default_value_t = LOG2_ENTRIES)]
    #[arg(value_parser = clap::value_parser!(u32).range(4..=20))]
    log2_entries: u32,

    /// Samples of a training step; what each network is usually trained with unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(64..=1 << 22))]
    batch: Option<u32>,

    #[command(flatten)]
    device: DeviceArguments,

    #[command(flatten)]
    input: MeshArguments,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct BenchReport {
    cases: Vec<CaseReport>,
    mesh: String,
    faces: usize,
    device: String,
    threads: usize,
    version: &'static str,
}

#[derive(Serialize)]
struct CaseReport {
    name: &'static str,
    value: f64,
    unit: &'static str,
}

#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    unit: &'static str,
    work: Work,
}

const CASES: [Case; 15] = [
    case("fit/hash-grid", "samples/s", Work::Fit(Network::HashGrid)),
    case(
        "train/hash-grid",
        "samples/s",
        Work::Train(Network::HashGrid),
    ),
    case("train/siren", "samples/s", Work::Train(Network::Siren)),
    case(
        "train/large-grid",
        "samples/s",
        Work::Train(Network::LargeGrid),
    ),
    case(
        "evaluate/hash-grid",
        "points/s",
        Work::Evaluate(Network::HashGrid),
    ),
    case("evaluate/siren", "points/s", Work::Evaluate(Network::Siren)),
    case(
        "evaluate/large-grid",
        "points/s",
        Work::Evaluate(Network::LargeGrid),
    ),
    case(
        "distance/uniform",
        "queries/s",
        Work::Distance(Region::Uniform),
    ),
    case("distance/near", "queries/s", Work::Distance(Region::Near)),
    case(
        "evaluate/spline",
        "points/s",
        Work::EvaluateSpline(Region::Near),
    ),
    case("make/spline", "s", Work::MakeSpline),
    case("extract/256", "s", Work::Extract(256)),
    case("extract/512", "s", Work::Extract(512)),
    case("peak/fma", "FLOP/s", Work::Peak(Peak::MultiplyAdd)),
    case("peak/bandwidth", "B/s", Work::Peak(Peak::Read)),
];

const fn case(name: &'static str, unit: &'static str, work: Work) -> Case {
    Case { name, unit, work }
}

pub(super) fn run(arguments: &BenchArguments) -> anyhow::Result<()> {
    let (name, mesh) = match &arguments.mesh {
        Some(path) => {
            let loaded = arguments.input.read(path, &CancelToken::new())?;
            (path.display().to_string(), loaded.mesh)
        }
        None => ("rippled sphere".to_owned(), rippled_sphere()),
    };
    let engine = open_engine(arguments.device.device)?;
    let sizes = Sizes {
        seconds: arguments.seconds,
        log2_entries: arguments.log2_entries,
        batch: arguments.batch,
    };
    let workload = Workload::new(&mesh, &*engine, sizes).context(name.clone())?;
    let wanted = |case: &Case| {
        arguments.cases.is_empty() || arguments.cases.iter().any(|name| name == case.name)
    };
    let mut cases = Vec::new();
    for case in CASES.into_iter().filter(wanted) {
        let bar = Bar::new(case.name);
        let value = workload
            .measure(case.work)
            .with_context(|| format!("case {}", case.name))?;
        drop(bar);
        let (name, unit) = (case.name, case.unit);
        if !arguments.json {
            let number = if unit == "s" {
                format!("{value:.3}")
            } else {
                count_in_words(value)
            };
            print_text(&format!("{name:<20} {number:>10} {unit}"))?;
        }
        cases.push(CaseReport { name, value, unit });
    }
    if !arguments.json {
        return Ok(());
    }
    print_json(&BenchReport {
        cases,
        mesh: name,
        faces: mesh.triangles.len(),
        device: engine.device().to_string(),
        threads: rayon::current_num_threads(),
        version: crate::VERSION,
    })
}
