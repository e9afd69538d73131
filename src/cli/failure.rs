//! Failures in one line: what is wrong and what to do.

use std::any::Any;
use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;

use super::interrupt::Interrupted;
use crate::field::{DeviceError, panic_message};
use crate::words::shown;

/// Prints `error` with its causes and gives the exit code.
pub(super) fn report(error: &anyhow::Error) -> ExitCode {
    print(&one_line(error));
    let interrupted = error.chain().any(|cause| cause.is::<Interrupted>());
    ExitCode::from(if interrupted { 130 } else { 1 })
}

/// Prints what a panic said.
pub(super) fn report_panic(panic: &(dyn Any + Send)) -> ExitCode {
    if let Some(error) = panic.downcast_ref::<DeviceError>() {
        print(&error.to_string());
        return ExitCode::FAILURE;
    }
    let message = panic_message(panic);
    print(&format!(
        "internal error: {message} (a bug, please report it; RUST_LOG=debug shows where it was)"
    ));
    ExitCode::FAILURE
}

/// Prints help and version, which clap takes for errors too, and what is wrong with a command line.
pub(super) fn report_usage(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Nobody is left to tell if standard output is closed.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            print("no command given: `overfit --help` lists them");
        }
        _ => print(&usage_line(&error.to_string())),
    }
    ExitCode::from(2)
}

fn print(line: &str) {
    // Nobody is left to tell if standard error is closed.
    let _ = writeln!(std::io::stderr(), "overfit: {}", shown(line, usize::MAX));
}

/// The chain of causes. Errors of the library say their cause by themselves: it is not said twice.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let text = text.trim();
        if line.is_empty() {
            line.push_str(text);
        } else if !line.contains(text) {
            line.push_str(": ");
            line.push_str(text);
        }
    }
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// clap's message without the usage text that follows it.
fn usage_line(message: &str) -> String {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let told = message
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let told: Vec<&str> = told
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let usage = message
        .lines()
        .find_map(|line| line.strip_prefix("Usage: overfit "));
    let command = usage.and_then(|usage| usage.split_whitespace().next());
    let command = command.filter(|word| word.chars().all(char::is_alphabetic));
    let help = command.map_or_else(
        || "overfit --help".to_owned(),
        |command| format!("overfit {command} --help"),
    );
    format!("{} (see `{help}`)", told.join(" "))
}

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn causes_are_joined_and_none_is_said_twice() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot read x: {source}")]
        struct Outer {
            source: std::io::Error,
        }
        let source = std::io::Error::other("disk\n on fire");
        let error = anyhow::Error::new(Outer { source }).context("the fit stopped");
        assert_eq!(
            one_line(&error),
            "the fit stopped: cannot read x: disk on fire"
        );
        let error = Err::<(), _>(std::io::Error::other("full"))
            .context("cannot write")
            .unwrap_err();
        assert_eq!(one_line(&error), "cannot write: full");
    }

    #[test]
    fn usage_errors_are_one_line_that_names_the_help() {
        let line = |words: &[&str]| match Cli::try_parse_from(words) {
            Ok(_) => panic!("{words:?} was understood"),
            Err(error) => usage_line(&error.to_string()),
        };
        let missing = line(&["overfit", "fit", "bunny.obj"]);
        assert!(
            missing.contains("--output <MODEL>") && missing.ends_with("(see `overfit fit --help`)"),
            "{missing}"
        );
        let unknown = line(&[
            "overfit",
            "fit",
            "a.obj",
            "-o",
            "b.safetensors",
            "--preset",
            "x",
        ]);
        assert!(
            unknown.contains("--preset") && unknown.contains("draft"),
            "{unknown}"
        );
        let both = line(&[
            "overfit",
            "mesh",
            "m",
            "-o",
            "o.ply",
            "--resolution",
            "8",
            "--voxel-size",
            "1",
        ]);
        assert!(both.contains("cannot be used with"), "{both}");
        for text in [missing, unknown, both] {
            assert_eq!(text.lines().count(), 1);
        }
    }
}
