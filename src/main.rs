//! The `overfit` program: see [`overfit::cli`].

fn main() -> std::process::ExitCode {
    overfit::cli::run()
}
