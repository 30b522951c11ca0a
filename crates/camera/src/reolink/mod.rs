//! A client of the HTTP API of Reolink cameras and recorders (the vendor's guide, version 8 of 2023-4, and what real
//! firmware does).
//!
//! [`Reolink`] holds one session with one device and asks typed questions. Answers are read by functions of bytes, so that
//! they are fuzzed. A battery camera is not woken unless the caller says [`Wake::Yes`].

mod answer;
mod control;
mod error;
mod events;
mod health;
mod identity;
mod link;
mod mask;
mod pin;
mod playback;
mod session;
mod streams;

pub use control::{Infrared, Lights, Move, Preset, White};
pub use error::{Code, Error};
pub use events::Events;
pub use health::{Battery, Clock, DayNight, Disk, Health, Scheme, Wifi};
pub use identity::{Abilities, Channel, Identity, Kind};
pub use link::Address;
pub use mask::{Area, Mask};
pub use pin::Fingerprint;
pub use playback::{Clip, Download};
pub use streams::{Choice, Ports, Stream, Streams};

use crate::{Allow, Credentials};
use answer::Command;
use base::World;
use link::Link;
use session::Session;
use std::sync::atomic::AtomicBool;
use tokio::sync::OnceCell;

/// Whether a battery camera may be woken for an answer, which costs it a part of its charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    No,
    Yes,
}

/// Which of a camera's two pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Size {
    Main,
    Sub,
}

impl Size {
    fn word(self) -> &'static str {
        match self {
            Size::Main => "main",
            Size::Sub => "sub",
        }
    }
}

/// Commands that wake a battery camera (as `reolink_aio` found them), and a snapshot, which does too.
const WAKING: [&str; 14] = [
    "GetEnc",
    "GetWhiteLed",
    "GetZoomFocus",
    "GetAudioCfg",
    "GetPtzGuard",
    "GetAutoReply",
    "GetPtzTraceSection",
    "GetAiCfg",
    "GetAiAlarm",
    "GetPtzCurPos",
    "GetAudioAlarm",
    "GetPerformance",
    "GetMask",
    "Snap",
];

/// A Reolink device: a camera, or a recorder with many. Channels count from 0. One session serves all callers; it is given
/// back by [`Reolink::log_out`], or after the last use when this is dropped.
pub struct Reolink {
    session: Session,
    world: World,
    abilities: OnceCell<Abilities>,
    kind: OnceCell<Kind>,
    /// The firmware has no `GetEvents`.
    older_events: AtomicBool,
}

impl Reolink {
    /// A device that is not asked yet. `pin` is the fingerprint of its certificate from an earlier time, if there was one.
    pub fn new(
        address: Address,
        credentials: Credentials,
        pin: Option<Fingerprint>,
        allow: &Allow,
        world: &World,
    ) -> Self {
        let session = Session::new(Link::new(address, pin, allow.clone()), credentials, world.clone());
        Self {
            session,
            world: world.clone(),
            abilities: OnceCell::new(),
            kind: OnceCell::new(),
            older_events: AtomicBool::new(false),
        }
    }

    /// Whether something at the address speaks this API; it is not told who we are.
    pub async fn is_there(&self) -> Result<(), Error> {
        self.session.knock().await
    }

    /// The fingerprint of the device's certificate, to be kept and given to [`Reolink::new`] the next time; none before the
    /// first answer, and over plain HTTP.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.session.link.fingerprint()
    }

    /// Whether requests, and with them the password, travel unencrypted, because the device has HTTPS switched off.
    pub fn is_plain(&self) -> bool {
        self.session.link.is_plain()
    }

    /// Uses other credentials from now on. After a refused password nothing is asked until this is called.
    pub async fn set_credentials(&self, credentials: Credentials) {
        self.session.renew_credentials(credentials).await;
    }

    /// Gives the session back. The next question opens another.
    pub async fn log_out(&self) {
        self.session.log_out().await;
    }

    /// What the device and its channels can do. Asked once.
    pub async fn abilities(&self) -> Result<&Abilities, Error> {
        let ask = async {
            let username = self.session.username().await;
            match self.session.one(identity::get_ability(username.expose())).await {
                Err(error) if error.is_unsupported() => Ok(Abilities::default()),
                answer => answer.map(|value| Abilities::read(&value)),
            }
        };
        self.abilities.get_or_try_init(|| ask).await
    }

    /// Refuses what would wake a battery camera, unless it may.
    async fn may(&self, command: &'static str, channel: u8, wake: Wake) -> Result<(), Error> {
        if wake == Wake::No && WAKING.contains(&command) && self.abilities().await?.has_battery(channel) {
            return Err(Error::Waking(command));
        }
        Ok(())
    }

    /// The value of a command that may wake a battery camera.
    async fn ask(&self, command: Command, channel: u8, wake: Wake) -> Result<serde_json::Value, Error> {
        self.may(command.name, channel, wake).await?;
        self.session.one(command).await
    }
}

/// Gives the session back, if there still is a runtime to do it.
impl Drop for Reolink {
    fn drop(&mut self) {
        if let (Some(parting), Ok(runtime)) = (self.session.parting(), tokio::runtime::Handle::try_current()) {
            drop(runtime.spawn(parting.log_out()));
        }
    }
}

/// For fuzzing: whatever a camera answers is read or refused, and so is what it says of everything that we ask.
#[cfg(fuzzing)]
pub fn fuzz_answer(bytes: &[u8]) {
    let _ = answer::refusal(bytes);
    let _ = answer::read(bytes, &["GetDevInfo", "GetEnc"]);
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let _ = (Abilities::read(&value), identity::channels(&value), streams::encoding(&value), streams::paths(&value));
    let _ = (Ports::read(&value), health::wifi(&value, true), health::disks(&value), health::battery(&value));
    let now = base::Time::from_micros(1_772_366_400_000_000);
    let _ =
        (health::clock(&value, now, now), health::isp(&value), events::read(&value), events::read_old(&value, &value));
    let _ = control::presets(&value);
    if let Ok(mask) = Mask::read(&value) {
        let _ = mask.value(0, (160, 90));
    }
    let clock = Clock { zone: 3600, skew: 0, within: std::time::Duration::ZERO };
    let _ = playback::clips(&value, 0, &clock);
}
