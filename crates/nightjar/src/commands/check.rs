//! `nightjar check`: the index against the recordings, both ways.

use crate::{
    config::Place,
    control::{self, Request},
};
use base::Result;
use serde_json::Value;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Place,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
    /// Repair what can be repaired
    #[arg(long)]
    repair: bool,
}

/// `nightjar check`: exit code 1 if it found something.
pub async fn run(args: Args) -> Result<ExitCode> {
    let found = control::ask(&args.place, Request::Check { repair: args.repair }).await?;
    match args.json {
        true => println!("{found:#}"),
        false => print(&found),
    }
    Ok(if found["ok"] == Value::Bool(true) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(found: &Value) {
    println!("{} files, {} fragments, {} bytes", found["files"], found["fragments"], found["bytes"]);
    for problem in found["problems"].as_array().into_iter().flatten() {
        let text = |key: &str| problem[key].as_str().unwrap_or("-");
        let repaired = if problem["repaired"] == Value::Bool(true) { " (repaired)" } else { "" };
        println!("{}  {}  {}{repaired}", text("kind"), text("path"), text("start"));
    }
}
