//! `overfit completions`: completion scripts for shells.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::output::print_text;

/// Print a completion script for a shell
#[derive(Args)]
pub(super) struct CompletionsArguments {
    /// The shell to complete for
    shell: Shell,
}

pub(super) fn run(arguments: &CompletionsArguments) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "overfit", &mut script);
    print_text(String::from_utf8_lossy(&script).trim_end())
}
