//! `nightjar setup-url`: the owner's way in, the first time and whenever the password is lost.

use crate::{
    config::Place,
    control::{self, Request},
};
use base::Result;
use std::process::ExitCode;

/// `nightjar setup-url`
pub async fn run(place: &Place) -> Result<ExitCode> {
    let url = control::ask(place, Request::SetupUrl).await?;
    println!("{}", url.as_str().unwrap_or_default());
    Ok(ExitCode::SUCCESS)
}
