//! `nightjar serve`: record, and answer the web app and the API.

use crate::{
    config::{Config, Place},
    run::{self, Mode},
};
use base::Result;
use std::process::ExitCode;

/// `nightjar serve`
pub async fn run(place: &Place) -> Result<ExitCode> {
    let server = run::bind(Config::load(place)?)?;
    server
        .run(Mode::Server, async |system| {
            tracing::info!(url = system.url(), "serving");
            run::invite_owner(system).await
        })
        .await?;
    Ok(ExitCode::SUCCESS)
}
