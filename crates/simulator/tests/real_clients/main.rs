//! Real clients play simulated cameras: ffmpeg, ffprobe, GStreamer and reolink_aio, each skipped aloud where it is missing;
//! and a client of a few lines sees each fault.

#![expect(clippy::unwrap_used, reason = "a test tells what is wrong by failing")]

mod client;
mod conversation;
mod faults;
mod reolink;
mod tools;

use base::{Secret, World};
use simulator::{Config, Credentials, Daylight, Picture, Simulator};

/// Cameras on a free port of loopback.
async fn start(cameras: usize, picture: Picture, credentials: Option<Credentials>) -> Simulator {
    let config = Config { listen: "127.0.0.1:0".parse().unwrap(), cameras, picture, credentials };
    Simulator::start(config, World::system()).await.unwrap()
}

/// One camera on the porch by day.
async fn porch() -> Simulator {
    start(1, Picture::Scenes(Daylight::Day), None).await
}

fn ada() -> Credentials {
    Credentials { username: "ada".into(), password: Secret::new("correct horse".into()) }
}
