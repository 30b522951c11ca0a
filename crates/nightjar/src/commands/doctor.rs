//! `nightjar doctor`: looks for what would keep the server from working, before it does.

use crate::{
    config::{Config, Place, Tls},
    control::{self, Request},
    listen,
    root_key::whereabouts,
    tls,
};
use base::{Result, Time, World};
use std::{path::Path, process::ExitCode, time::Duration};

/// A clock before this has never been set: the first commit of this program is younger.
const YOUNGEST: Time = Time::from_micros(1_767_225_600_000_000);
/// A disk with less than this soon stands still.
const LITTLE_ROOM: u64 = 1 << 30;

/// What was found of one thing.
enum Finding {
    Good(String),
    Warning(String),
    Bad(String),
}
use Finding::{Bad, Good, Warning};

/// `nightjar doctor`: exit code 1 if something is bad.
pub async fn run(place: &Place) -> Result<ExitCode> {
    let (config, world) = (Config::load(place)?, World::system());
    let data = config.data()?;
    let mut findings = vec![
        ("clock", clock(&world)),
        ("data folder", room(data)),
        ("recordings", room(config.storage.disk.first().map_or(data, |disk| &disk.path))),
        ("root key", root_key(&config)),
        ("recovery copy", recovery_copy(data)),
        ("port", port(&config)),
        ("certificate", certificate(&config, data, &world)),
    ];
    match control::ask(place, Request::CameraList).await {
        Ok(cameras) => findings.extend(cameras.as_array().into_iter().flatten().map(|found| ("camera", camera(found)))),
        Err(error) => findings.push(("data", Bad(error.message().into()))),
    }
    let bad = findings.iter().any(|(_, finding)| matches!(finding, Bad(_)));
    for (what, finding) in findings {
        let (mark, text) = match finding {
            Good(text) => ("ok  ", text),
            Warning(text) => ("warn", text),
            Bad(text) => ("BAD ", text),
        };
        println!("{mark}  {what}: {text}");
    }
    Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn clock(world: &World) -> Finding {
    let now = world.clock.now();
    if now < YOUNGEST {
        return Bad(format!("it says {now}; recordings would bear wrong times"));
    }
    match (Path::new("/run/systemd/timesync").exists(), Path::new("/run/systemd/timesync/synchronized").exists()) {
        (true, false) => Warning(format!("it says {now}, and is not synchronised by systemd-timesyncd")),
        _ => Good(format!("it says {now}")),
    }
}

fn room(folder: &Path) -> Finding {
    let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(existing) {
        Err(error) => Bad(format!("{}: {error}", folder.display())),
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let text = format!("{}: {} GB free", folder.display(), free / 1_000_000_000);
            let writable = rustix::fs::access(existing, rustix::fs::Access::WRITE_OK).is_ok();
            match (writable, free < LITTLE_ROOM) {
                (false, _) => Bad(format!("{}: cannot be written", existing.display())),
                (true, true) => Warning(text),
                (true, false) => Good(text),
            }
        }
    }
}

fn root_key(config: &Config) -> Finding {
    match whereabouts(config).and_then(|found| Ok((found.read()?, found.path))) {
        Ok((Some(_), path)) => Good(path.display().to_string()),
        Ok((None, path)) => Warning(format!("{} will be made at the first start", path.display())),
        Err(error) => Bad(error.message().into()),
    }
}

fn recovery_copy(data: &Path) -> Finding {
    match data.join("recovery-copy-saved").exists() {
        true => Good("one was saved".into()),
        false => Warning("none was saved: without the key no recording can be opened (nightjar key export)".into()),
    }
}

fn port(config: &Config) -> Finding {
    let address = config.server.listen;
    match listen::bind(address) {
        Ok(_) => Good(format!("{address} is free")),
        Err(error) => Warning(format!("{}; is the server running?", crate::log::chain(&error))),
    }
}

fn certificate(config: &Config, data: &Path, world: &World) -> Finding {
    let file = match (config.server.tls, &config.server.cert) {
        (Tls::Off, _) => return Good("none is needed on loopback".into()),
        (Tls::Files, Some(file)) => file.clone(),
        _ => data.join("tls/cert.pem"),
    };
    let soon = world.clock.now() + Duration::from_secs(14 * 86_400);
    match tls::expires(&file) {
        Ok(end) if end < world.clock.now() => Bad(format!("{} ended at {end}", file.display())),
        Ok(end) if end < soon && config.server.tls == Tls::Files => {
            Warning(format!("{} ends at {end}", file.display()))
        }
        Ok(end) => Good(format!("{} holds until {end}", file.display())),
        Err(_) if config.server.tls == Tls::SelfSigned => Good("it will be made at the first start".into()),
        Err(error) => Bad(error.message().into()),
    }
}

/// A camera by its id: what a doctor prints may be shown to others.
fn camera(found: &serde_json::Value) -> Finding {
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    match text("state").as_str() {
        "offline" => Bad(format!("{} does not answer: {}", text("id"), text("cause"))),
        state => Good(format!("{} is {state}", text("id"))),
    }
}
