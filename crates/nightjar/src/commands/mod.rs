//! The commands, a file for each noun. Results go to stdout, everything else to stderr.

pub mod camera;
pub mod check;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod key;
pub mod minor;
pub mod request;
pub mod serve;
pub mod setup_url;
pub mod simulate;
pub mod token;

use base::Result;
use clap::CommandFactory;
use std::process::ExitCode;

/// `nightjar version`
pub fn version() -> Result<ExitCode> {
    println!("nightjar {}", env!("CARGO_PKG_VERSION"));
    Ok(ExitCode::SUCCESS)
}

/// `nightjar completions SHELL`
pub fn completions(shell: clap_complete::Shell) -> Result<ExitCode> {
    clap_complete::generate(shell, &mut crate::Cli::command(), "nightjar", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}
