//! How we talk to cameras: RTSP over TCP and UDP, probing, the read loop, the API of Reolink devices.
//!
//! [`play`] opens a [`Session`] with a camera; [`Pump`] reads many sessions on few threads and hands access units to
//! a [`Sink`]; [`probe`] says what a camera sends, or precisely why not; [`reolink`] asks a device about itself; [`identify`] finds out which it is, and [`discovery`] who is there at all. [`Allow`] decides where cameras may be.

mod allow;
mod auth;
mod client;
mod connect;
mod control;
mod dialog;
pub mod discovery;
mod error;
mod identify;
mod message;
mod probe;
mod pump;
pub mod reolink;
mod session;
mod stream;
mod target;
mod udp;

pub use allow::Allow;
pub use client::play;
pub use error::Error;
pub use identify::{Device, Found, identify};
pub use media::Track;
pub use probe::{Probe, probe};
pub use pump::{Handle, Pump, Sink, Stats};
pub use session::Session;
pub use target::{Credentials, Target, Transport};

/// For fuzzing: whatever a camera answers, our next request is one well-formed message.
#[cfg(fuzzing)]
pub fn fuzz_message(bytes: &[u8]) {
    let Ok(message::Message::Response(answer)) = message::Message::parse(bytes) else { return };
    let (url, _) = target::Url::parse("rtsp://192.168.1.2/main").expect("the address is ours");
    let auth = auth::Authenticator::new(Credentials::new("ada", "secret").ok());
    let mut dialog = dialog::Dialog::new(url, auth, base::World::test(1).0);
    let _ = (dialog.set_up(&answer.headers), dialog.auth.challenged(&answer.headers));
    let mut request = Vec::new();
    dialog.keep_alive(&mut request);
    assert!(request.ends_with(b"\r\n\r\n"));
    assert_eq!(request.windows(4).filter(|bytes| bytes == b"\r\n\r\n").count(), 1);
}
