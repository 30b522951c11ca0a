//! `nightjar token`: tokens for programs.

use crate::{
    config::Place,
    control::{self, Request},
};
use base::Result;
use clap::Subcommand;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a token and print it, alone; it is shown once
    Create {
        #[command(flatten)]
        place: Place,
        /// cameras:read, cameras:write, media:read, metrics:read or admin
        #[arg(long = "scope", required = true, value_name = "SCOPE")]
        scopes: Vec<String>,
        /// How many days it lasts: 90 unless said, 365 at most
        #[arg(long, value_name = "DAYS")]
        ttl: Option<u32>,
    },
}

/// `nightjar token …`
pub async fn run(args: Args) -> Result<ExitCode> {
    let Command::Create { place, scopes, ttl } = args.command;
    let token = control::ask(&place, Request::TokenCreate { scopes, days: ttl }).await?;
    println!("{}", token.as_str().unwrap_or_default());
    Ok(ExitCode::SUCCESS)
}
