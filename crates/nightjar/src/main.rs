//! The program: configuration, commands, and the place where everything is put together.

mod commands;
mod config;
mod control;
mod data_map;
mod issuers;
mod listen;
mod log;
mod reactions;
mod root_key;
mod run;
mod tls;

use base::{Error, Kind, Result};
use clap::{Parser, Subcommand};
use config::Place;
use std::process::ExitCode;

/// A camera cloud that keeps its privacy policy
#[derive(Parser)]
#[command(name = "nightjar", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show a household with four simulated cameras, on this machine alone
    Demo(commands::demo::Args),
    /// Record, and answer the web app and the API
    Serve(Place),
    /// Simulated cameras that speak RTSP
    Simulate(commands::simulate::Args),
    /// Cameras of the household
    Camera(commands::camera::Args),
    /// Tokens for programs
    Token(commands::token::Args),
    /// The root key, wrapped by a passphrase
    Key(commands::key::Args),
    /// Print a new single-use address for the owner, which also resets the owner's sign-in
    SetupUrl(Place),
    /// Freeze, erase or release the account of somebody who may be under age
    Minor(commands::minor::Args),
    /// What people ask about their data, and the answers
    Request(commands::request::Args),
    /// Compare the index with the recordings, both ways
    Check(commands::check::Args),
    /// The configuration
    Config {
        #[command(subcommand)]
        command: commands::config::Command,
    },
    /// Look for what would keep the server from working
    Doctor(Place),
    /// Print the version
    Version,
    /// Print a completion script
    Completions {
        /// The shell that reads it
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    log::start();
    rustls::crypto::aws_lc_rs::default_provider().install_default().expect("nothing else installs a provider");
    match block_on(dispatch(Cli::parse().command)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("nightjar: {}", log::chain(&error));
            ExitCode::from(if error.kind() == Kind::Invalid { 2 } else { 1 })
        }
    }
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Error::internal("no threads").because(error))?;
    runtime.block_on(work)
}

async fn dispatch(command: Command) -> Result<ExitCode> {
    match command {
        Command::Demo(args) => commands::demo::run(args).await,
        Command::Serve(place) => commands::serve::run(&place).await,
        Command::Simulate(args) => commands::simulate::run(args).await,
        Command::Camera(args) => commands::camera::run(args).await,
        Command::Token(args) => commands::token::run(args).await,
        Command::Key(args) => commands::key::run(args).await,
        Command::SetupUrl(place) => commands::setup_url::run(&place).await,
        Command::Minor(args) => commands::minor::run(args).await,
        Command::Request(args) => commands::request::run(args).await,
        Command::Check(args) => commands::check::run(args).await,
        Command::Config { command } => commands::config::run(command),
        Command::Doctor(place) => commands::doctor::run(&place).await,
        Command::Version => commands::version(),
        Command::Completions { shell } => commands::completions(shell),
    }
}
