//! `nightjar minor`: the account of somebody who is under age, from the machine's own terminal.

use crate::{
    config::Place,
    control::{self, Request},
};
use base::Result;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::process::ExitCode;

/// What is done with the account.
#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Freeze it at once; it is erased after two days unless the report is dismissed
    Report,
    /// The person is under age: erase it now
    Confirm,
    /// The person is of age: let it go on
    Dismiss,
}

#[derive(clap::Args)]
pub struct Args {
    /// What to do
    step: Step,
    /// The id of the account
    account: String,
    #[command(flatten)]
    place: Place,
}

/// `nightjar minor STEP ACCOUNT`
pub async fn run(args: Args) -> Result<ExitCode> {
    control::ask(&args.place, Request::Minor { step: args.step, account: args.account }).await?;
    Ok(ExitCode::SUCCESS)
}
