//! Simulated cameras that speak RTSP, with scenes, a readable clock and faults.
//!
//! [`Simulator::start`] gives cameras `/cam1/main`, `/cam1/sub`, `/cam2/main`… that ffmpeg, GStreamer, VLC and retina
//! can play; [`Simulator::reolink`] puts the HTTP API of a Reolink device before some of them. The clock of the [`World`](base::World) must run by itself: pictures are taken by it.

mod auth;
mod camera;
mod client;
mod config;
mod discovery;
mod encode;
mod fault;
mod load;
mod looped;
mod pacer;
pub mod packetize;
pub mod reolink;
mod reorder;
mod rtsp;
mod scene;
mod sdp;
mod simulator;
mod sound;
pub mod strip;
mod studio;

pub use config::{Config, Credentials, Daylight, Load, Picture};
pub use fault::{Fault, Kind};
pub use simulator::{Simulator, Stats, Urls};
