//! reolink_aio, the library of Home Assistant, reads simulated Reolink devices.

use crate::start;
use base::Secret;
use simulator::{
    Credentials, Daylight, Picture,
    reolink::{Alarm, Config, Device, Model},
};
use std::{path::PathBuf, time::Duration};
use tokio::process::Command;

fn admin() -> Credentials {
    Credentials { username: "admin".into(), password: Secret::new("tr0ub4dor".into()) }
}

/// A Python that has the library: that of `scripts/setup test`, or the machine's.
async fn python() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let kept = cache.map(|cache| cache.join("nightjar/python/bin/python"));
    for python in kept.into_iter().chain(["python3".into()]) {
        let import = Command::new(&python).args(["-c", "import reolink_aio"]).output().await;
        if import.is_ok_and(|import| import.status.success()) {
            return Some(python);
        }
    }
    println!("skipped: no Python has reolink_aio (scripts/setup test installs it)");
    None
}

/// What the library saw; none where it is missing.
async fn read(device: &Device) -> Option<serde_json::Value> {
    let python = python().await?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/reolink_client.py");
    let address = device.https().unwrap();
    let mut command = Command::new(python);
    command.arg(script).arg(address.ip().to_string()).arg(address.port().to_string());
    command.args(["admin", admin().password.expose()]).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(120), command.output()).await.expect("it ends").unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaints}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn reolink_aio_reads_a_camera_its_events_and_its_card_without_a_complaint() {
    let simulator = start(1, Picture::Scenes(Daylight::Day), None).await;
    let config = Config { clip: Duration::from_secs(5), rtsp: Some(0), ..Config::new(Model::Camera, vec![1], admin()) };
    let device = simulator.reolink(config).unwrap();
    device.alarm(0, Alarm::Vehicle, Duration::from_secs(120));
    let Some(seen) = read(&device).await else { return };
    assert_eq!((&seen["model"], &seen["is_nvr"]), (&"RLC-810A".into(), &false.into()), "{seen}");
    assert_eq!(seen["uid"].as_str().unwrap().len(), 16);
    let camera = &seen["channels"]["0"];
    assert_eq!((&camera["vehicle"], &camera["motion"]), (&true.into(), &true.into()), "{camera}");
    assert_eq!(camera["jpeg"], "ffd8");
    assert!(camera["rtsp"].as_str().unwrap().ends_with("Preview_01_main"), "{camera}");
    let film = &seen["film"];
    assert_eq!(film["length"], film["size"], "a download is as long as it was told");
    assert_eq!(&film["head"].as_str().unwrap()[8..16], "66747970", "ftyp");
    let counts = device.counts();
    assert_eq!((counts.sessions, counts.refused), (0, 0), "it has logged out");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reolink_aio_reads_a_recorder_whose_last_camera_is_offline() {
    let simulator = start(4, Picture::Scenes(Daylight::Day), None).await;
    let config = Config { offline: vec![3], rtsp: Some(0), ..Config::new(Model::Recorder, vec![1, 2, 3, 4], admin()) };
    let device = simulator.reolink(config).unwrap();
    let Some(seen) = read(&device).await else { return };
    assert_eq!((&seen["model"], &seen["is_nvr"]), (&"RLN16-410".into(), &true.into()), "{seen}");
    let channels = seen["channels"].as_object().unwrap();
    assert_eq!(channels.keys().collect::<Vec<_>>(), ["0", "1", "2"]);
    assert!(channels.values().all(|camera| camera["jpeg"] == "ffd8"), "{seen}");
    simulator.stop().await;
}
