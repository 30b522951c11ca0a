//! What a simulator is asked for: how many cameras, what they show, and who may look.

use base::Secret;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Everything a [`crate::Simulator`] needs to know before it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the RTSP server listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How many cameras there are; their paths are `/cam1/main`, `/cam1/sub`, `/cam2/main`…
    pub cameras: usize,
    /// What they show.
    pub picture: Picture,
    /// Who may look; everybody unless said.
    pub credentials: Option<Credentials>,
}

/// What the cameras show.
#[derive(Clone, Debug)]
pub enum Picture {
    /// Drawn in real time: porch, drive, garden, nursery, and again.
    Scenes(Daylight),
    /// MP4 files (H.264 or H.265, AAC or no sound), dealt to the cameras in turn and looped; main and sub are the same.
    Files(Vec<PathBuf>),
    /// One loop made at the start (1080p15 H.264 at about 2 Mbit/s, key frame each 2 s, G.711) for every camera, each
    /// at a place of its own in the loop.
    Load(Load),
}

/// How the loop of [`Picture::Load`] is sent over TCP.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// Whether each RTP packet is written by itself (with TCP_NODELAY), as a camera on a slow link does, or a whole
    /// picture in one write.
    pub packet_writes: bool,
    /// A file that keeps the encoded loop, so that the next start need not encode it again. A file that cannot be read
    /// as such a loop is replaced.
    pub cache: Option<PathBuf>,
}

/// The light in the drawn scenes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Daylight {
    /// Always day.
    #[default]
    Day,
    /// Always night: the grey picture of an infra-red lamp.
    Night,
    /// A whole day, from midnight to midnight, in that time; 24 hours follow the clock in UTC.
    Cycle(Duration),
}

/// The one account of a simulated camera.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub username: String,
    pub password: Secret<String>,
}
