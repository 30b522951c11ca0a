//! `nightjar config`: what holds, whether it is acceptable, and what there is to say.

use crate::config::{Config, Place, reference};
use base::Result;
use clap::Subcommand;
use std::process::ExitCode;

#[derive(Subcommand)]
pub enum Command {
    /// Print the configuration that holds, with passwords masked
    Show(Place),
    /// Read the configuration and say what is wrong with it
    Check(Place),
    /// Print the reference of all keys, as Markdown
    Reference,
}

/// `nightjar config …`
pub fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Show(place) => print!("{}", Config::load(&place)?.show()?),
        Command::Check(place) => {
            Config::load(&place)?.data()?;
            eprintln!("the configuration is good");
        }
        Command::Reference => print!("{}", reference()),
    }
    Ok(ExitCode::SUCCESS)
}
