//! Whole sessions over real sockets: with GStreamer's RTSP server, and with cameras that misbehave to a script.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod gstreamer;
mod manners;
mod neighbours;
mod script;
mod simulated;
mod sink;

use camera::{Allow, Target, Transport};

/// Cameras of the tests stand on this machine.
fn allow() -> Allow {
    Allow::new(vec!["127.0.0.0/8".parse().unwrap()], vec![])
}

fn target(url: &str) -> Target {
    Target::new(url, Transport::Tcp, true).unwrap()
}
