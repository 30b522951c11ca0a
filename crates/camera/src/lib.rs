//! How we talk to cameras: RTSP over TCP and UDP, probing, the read loop.
//!
//! [`play`] opens a [`Session`] with a camera; [`Pump`] reads many sessions on few threads and hands access units to
//! a [`Sink`]; [`probe`] says what a camera sends, or precisely why not. [`Allow`] decides where cameras may be.

mod allow;
mod auth;
mod client;
mod connect;
mod control;
mod dialog;
mod error;
mod message;
mod probe;
mod pump;
mod session;
mod stream;
mod target;
mod udp;

pub use allow::Allow;
pub use client::play;
pub use error::Error;
pub use media::Track;
pub use probe::{Probe, probe};
pub use pump::{Handle, Pump, Sink, Stats};
pub use session::Session;
pub use target::{Credentials, Target, Transport};
