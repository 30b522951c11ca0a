//! `nightjar key`: a recovery copy of the root key, wrapped by a passphrase, and the way back.

use crate::{
    config::{Config, Place},
    control::{self, Request},
    root_key::{self, whereabouts},
};
use base::{Error, Result, Secret, World};
use clap::Subcommand;
use std::{
    fs::{self, OpenOptions},
    io::{BufRead, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write a recovery copy of the root key; the passphrase is asked for, or read from stdin
    Export {
        #[command(flatten)]
        place: Place,
        file: PathBuf,
    },
    /// Put the root key of a recovery copy in its place; a key that is there is never replaced
    Import {
        #[command(flatten)]
        place: Place,
        file: PathBuf,
    },
}

/// `nightjar key …`
pub async fn run(args: Args) -> Result<ExitCode> {
    match args.command {
        Command::Export { place, file } => export(&place, &file).await?,
        Command::Import { place, file } => import(&Config::load(&place)?, &file)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn export(place: &Place, file: &Path) -> Result<()> {
    let found = whereabouts(&Config::load(place)?)?;
    let key =
        found.read()?.ok_or_else(|| Error::not_found(format!("there is no root key {}", found.path.display())))?;
    let copy = root_key::copy(&key, &passphrase(true)?, &World::system())?;
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).and_then(|mut out| {
        out.write_all(&copy)?;
        out.sync_all()
    });
    written.map_err(|error| Error::unavailable(format!("{}: cannot be written", file.display())).because(error))?;
    control::ask(place, Request::KeyCopied).await?;
    eprintln!("wrote {}; keep it away from this machine, and the passphrase away from it", file.display());
    Ok(())
}

fn import(config: &Config, file: &Path) -> Result<()> {
    let found = whereabouts(config)?;
    let unreadable = |error| Error::unavailable(format!("{}: cannot be read", file.display())).because(error);
    let copy = fs::read_to_string(file).map_err(unreadable)?;
    let key = vault::root_key::import(&copy, &passphrase(false)?)?;
    match found.read()? {
        Some(there) if there.expose() == key.expose() => {}
        Some(_) => {
            return Err(Error::conflict(format!("{} holds another key; move it away first", found.path.display())));
        }
        None => vault::root_key::create(&found.path, &key)?,
    }
    eprintln!("the root key is in {}", found.path.display());
    Ok(())
}

/// Asks at the terminal, twice for a new one; without a terminal, the first line of stdin.
fn passphrase(new: bool) -> Result<Secret<String>> {
    let failed = |error| Error::invalid("no passphrase can be read").because(error);
    if !std::io::stdin().is_terminal() {
        return line_of_stdin().map(Secret::new);
    }
    let first = Secret::new(rpassword::prompt_password("Passphrase: ").map_err(failed)?);
    if new && Secret::new(rpassword::prompt_password("The same again: ").map_err(failed)?).expose() != first.expose() {
        return Err(Error::invalid("the passphrases differ"));
    }
    Ok(first)
}

/// The first line of stdin without its end.
pub fn line_of_stdin() -> Result<String> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Error::invalid("nothing can be read from stdin").because(error))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
