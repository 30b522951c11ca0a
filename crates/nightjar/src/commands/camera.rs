//! `nightjar camera`: add, list, remove, import.

use crate::{
    config::Place,
    control::{self, NewCamera, Request},
};
use base::{Error, Result};
use clap::Subcommand;
use devices::Transport;
use std::{fs, path::PathBuf, process::ExitCode};

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Add a camera, record it, and print its id
    Add {
        #[command(flatten)]
        place: Place,
        /// What to call it
        #[arg(long)]
        name: String,
        /// Its main stream: rtsp://HOST[:PORT]/PATH
        #[arg(long)]
        url: String,
        /// Its small stream
        #[arg(long)]
        sub_url: Option<String>,
        #[arg(long)]
        username: Option<String>,
        /// Read the password from stdin
        #[arg(long)]
        password_stdin: bool,
        /// Receive over UDP
        #[arg(long)]
        udp: bool,
        /// Record no sound
        #[arg(long)]
        no_audio: bool,
    },
    /// List the cameras
    List {
        #[command(flatten)]
        place: Place,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a camera and all its recordings
    Remove {
        #[command(flatten)]
        place: Place,
        /// Its id, as `camera list` prints it
        id: String,
    },
    /// Add the cameras of a TOML file: all, or none if one is not acceptable
    Import {
        #[command(flatten)]
        place: Place,
        file: PathBuf,
    },
}

/// `nightjar camera …`
pub async fn run(args: Args) -> Result<ExitCode> {
    match args.command {
        Command::Add { place, name, url, sub_url, username, password_stdin, udp, no_audio } => {
            let password = if password_stdin { Some(super::key::line_of_stdin()?) } else { None };
            let transport = if udp { Transport::Udp } else { Transport::Tcp };
            let camera = NewCamera { name, url, sub_url, username, password, transport, audio: !no_audio };
            add(&place, Request::CameraAdd(camera)).await?;
        }
        Command::List { place, json } => list(&place, json).await?,
        Command::Remove { place, id } => {
            control::ask(&place, Request::CameraRemove { id }).await?;
        }
        Command::Import { place, file } => {
            let unreadable = |error| Error::unavailable(format!("{}: cannot be read", file.display())).because(error);
            let file = fs::read_to_string(&file).map_err(unreadable)?;
            add(&place, Request::CameraImport { file }).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(place: &Place, request: Request) -> Result<()> {
    let ids = control::ask(place, request).await?;
    for id in ids.as_array().into_iter().flatten() {
        println!("{}", id.as_str().unwrap_or_default());
    }
    Ok(())
}

async fn list(place: &Place, json: bool) -> Result<()> {
    let cameras = control::ask(place, Request::CameraList).await?;
    if json {
        println!("{cameras:#}");
        return Ok(());
    }
    for camera in cameras.as_array().into_iter().flatten() {
        let text = |key: &str| camera[key].as_str().unwrap_or_default();
        println!("{}  {:<10}  {}", text("id"), text("state"), text("name"));
    }
    Ok(())
}
