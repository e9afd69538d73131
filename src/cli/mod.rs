//! The command line: a thin shell over the library, one file a subcommand.
//!
//! Results go to standard output, with `--json` as one JSON object on the last line; progress, warnings and logs go to
//! standard error. Exit code 0, or non-zero with one line on standard error that says what is wrong and what to do: 1 for a
//! failure, 2 for a command that cannot be understood, 130 for Ctrl-C.

mod arguments;
mod bench;
mod checkpoint;
mod clearance;
mod combine;
mod compare;
mod completions;
mod compress;
mod devices;
mod distance;
mod eval;
mod export;
mod failure;
mod fit;
mod fit_source;
mod give_back;
mod inspect;
mod interrupt;
mod measure;
mod mesh;
mod model;
mod output;
mod peak;
mod points;
mod presets;
mod progress;
mod project;
mod raycast;
mod render;
mod serve;
mod study;
mod text_rows;
mod volume;
mod workload;

use std::io::IsTerminal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use serve::LogFormat;
use tracing_subscriber::EnvFilter;

/// Neural signed distance fields of meshes.
///
/// Trains a small network until it is the shape, and keeps it in one .safetensors file: from there come meshes at any
/// resolution, volumes, distances and gradients. Every length is in the mesh's own units.
#[derive(Parser)]
#[command(name = "overfit", version)]
struct Cli {
    /// Threads to compute with; every core unless given
    #[arg(long, global = true, env = "OVERFIT_THREADS", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Fit(fit::FitArguments),
    Presets(presets::PresetsArguments),
    Study(study::StudyArguments),
    Devices(devices::DevicesArguments),
    Mesh(mesh::MeshArguments),
    Volume(volume::VolumeArguments),
    Eval(eval::EvalArguments),
    Measure(measure::MeasureArguments),
    Distance(distance::DistanceArguments),
    Compare(compare::CompareArguments),
    Clearance(clearance::ClearanceArguments),
    Inspect(inspect::InspectArguments),
    Bench(bench::BenchArguments),
    Serve(serve::ServeArguments),
    Completions(completions::CompletionsArguments),
    Raycast(raycast::RaycastArguments),
    Project(project::ProjectArguments),
    Render(render::RenderArguments),
    Export(export::ExportArguments),
    Compress(compress::CompressArguments),
    Combine(combine::CombineArguments),
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::report_usage(&error),
    };
    log_to_stderr(&cli.command);
    // A panic is a bug; the user gets one line all the same. The daemon's log has its place, and so has any with `RUST_LOG=error`.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "{}", panic.payload_as_str().unwrap_or("a panic"));
    }));
    let outcome = catch_unwind(AssertUnwindSafe(|| execute(cli)));
    match outcome {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => failure::report(&error),
        Err(panic) => failure::report_panic(&*panic),
    }
}

fn execute(cli: Cli) -> anyhow::Result<()> {
    crate::instruction_set::check()?;
    if let Some(threads) = cli.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.into())
            .build_global()
            .with_context(|| {
                format!("cannot start {threads} threads: ask for fewer with --threads")
            })?;
    }
    match cli.command {
        Command::Fit(arguments) => fit::run(&arguments),
        Command::Presets(arguments) => presets::run(&arguments),
        Command::Study(arguments) => study::run(&arguments),
        Command::Devices(arguments) => devices::run(&arguments),
        Command::Mesh(arguments) => mesh::run(&arguments),
        Command::Volume(arguments) => volume::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Measure(arguments) => measure::run(&arguments),
        Command::Distance(arguments) => distance::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Clearance(arguments) => clearance::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Raycast(arguments) => raycast::run(&arguments),
        Command::Project(arguments) => project::run(&arguments),
        Command::Render(arguments) => render::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Compress(arguments) => compress::run(&arguments),
        Command::Combine(arguments) => combine::run(&arguments),
    }
}

/// Logs as `RUST_LOG` asks. Unless it is set, the daemon tells what it does, and other commands are quiet.
fn log_to_stderr(command: &Command) {
    let default = match command {
        Command::Serve(_) => "info",
        _ => "off",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // No colour codes in a log file.
        .with_ansi(std::io::stderr().is_terminal());
    match command {
        Command::Serve(arguments) if arguments.log_format() == LogFormat::Json => log.json().init(),
        _ => log.init(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
