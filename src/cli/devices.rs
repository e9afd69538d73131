//! `overfit devices`: where fields can be trained and evaluated on this machine.

use clap::Args;
use serde::Serialize;

use super::output::{print_json, print_text};
use crate::field::devices;

/// List the devices of this machine, the one first that `auto` takes
///
/// A device that cannot be used is listed with the reason.
#[derive(Args)]
pub(super) struct DevicesArguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct DevicesReport {
    devices: Vec<DeviceLine>,
}

#[derive(Serialize)]
struct DeviceLine {
    id: String,
    description: String,
    /// Why it cannot be used.
    problem: Option<String>,
}

pub(super) fn run(arguments: &DevicesArguments) -> anyhow::Result<()> {
    let devices = devices().into_iter().map(|report| DeviceLine {
        id: report.device.to_string(),
        description: report.description,
        problem: report.problem.map(|problem| problem.to_string()),
    });
    if arguments.json {
        let devices = devices.collect();
        return print_json(&DevicesReport { devices });
    }
    let lines = devices.map(|line| match line.problem {
        None => format!("{:<10} {}", line.id, line.description),
        Some(problem) => format!("{:<10} not usable: {problem}", line.id),
    });
    print_text(&lines.collect::<Vec<_>>().join("\n"))
}
