//! The log: for people on a terminal, JSON lines elsewhere. It goes to stderr; results go to stdout.

use base::Error;
use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, fmt};

/// What is logged unless `RUST_LOG` says otherwise.
const FILTER: &str = "info,sqlx=warn,sea_orm=warn,sea_orm_migration=warn,rustls=warn,hyper=warn";

/// Starts the log of this process.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(FILTER));
    let log = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match std::io::stderr().is_terminal() {
        true => log.compact().with_target(false).init(),
        false => log.json().flatten_event(true).init(),
    }
}

/// The error, the field at fault and its causes on one line, for the person at the terminal.
pub fn chain(error: &Error) -> String {
    let mut text = error.at_field().map_or_else(String::new, |field| format!("{field}: "));
    text.push_str(error.message());
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
