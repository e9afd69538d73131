//! `overfit clearance`: how near two models come to each other.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::arguments::{DeviceArguments, finite};
use super::interrupt::Interrupt;
use super::model;
use super::output::{print_json, print_text, print_warnings};
use crate::query::{Clearance, ClearanceSettings, clearance};

/// Find how near two models come to each other, and where
///
/// Tells the shortest way between their surfaces with its ends, and a bound that no way is below; where they overlap, the largest ball that lies in
/// both. Both models must have the same units. To move or turn one, give a recipe (.toml) in its place.
#[derive(Args)]
pub(super) struct ClearanceArguments {
    /// A model file, or a recipe (.toml)
    first: PathBuf,

    /// Another
    second: PathBuf,

    /// How far the bound may be from what is found, as a share of the longest side of both together
    #[arg(long, value_name = "SHARE", default_value_t = ClearanceSettings::default().tolerance, value_parser = finite, allow_negative_numbers = true)]
    tolerance: f64,

    /// A bound on the fields' slopes: 1 for exact distances
    #[arg(long, value_name = "SLOPE", default_value_t = ClearanceSettings::default().slope_bound, value_parser = finite, allow_negative_numbers = true)]
    slope_bound: f64,

    #[command(flatten)]
    device: DeviceArguments,

    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct ClearanceReport {
    #[serde(flatten)]
    found: Clearance,
    seconds: f64,
}

pub(super) fn run(arguments: &ClearanceArguments) -> anyhow::Result<()> {
    let first = model::open(&arguments.first, arguments.device.device)?;
    let second = model::open(&arguments.second, arguments.device.device)?;
    let settings = ClearanceSettings {
        tolerance: arguments.tolerance,
        slope_bound: arguments.slope_bound,
    };
    let interrupt = Interrupt::listen()?;
    let started = Instant::now();
    let found = clearance(&first, &second, &settings, interrupt.token())
        .map_err(|error| interrupt.explain(error))?;
    let seconds = started.elapsed().as_secs_f64();
    if arguments.json {
        return print_json(&ClearanceReport { found, seconds });
    }
    print_warnings(&found.warnings);
    print_text(&in_words(&found))
}

fn in_words(found: &Clearance) -> String {
    let place = |[x, y, z]: [f64; 3]| format!("[{x:.6}, {y:.6}, {z:.6}]");
    if let Some(overlap) = found.overlap {
        return format!(
            "they overlap: a ball of radius {:.6} about {} lies in both, and none of more than {:.6}",
            overlap.radius,
            place(overlap.center),
            overlap.at_most
        );
    }
    let between = found.ends.map_or(String::new(), |[a, b]| {
        format!(", between {} and {}", place(a), place(b))
    });
    format!(
        "{:.6} apart{between}; no less than {:.6}",
        found.distance, found.at_least
    )
}
