//! Recording, index, gaps, retention, live and playback.
//!
//! The way of a frame: `camera` reads it, [`recorder`] puts it into the fragment under way, the vault seals the
//! fragment onto the shelf, one row in [`index`] tells where; [`live`] hands it on at once, [`playback`] finds it again,
//! [`retention`] forgets it. Nothing here knows HTTP.

mod adopt;
mod check;
mod erase;
mod facade;
pub mod gap;
pub mod health;
mod holder;
pub mod index;
pub mod live;
mod opus;
mod params;
pub mod playback;
mod recorder;
mod retention;
mod schema;
mod stills;
pub mod table;

pub use camera::{Device, Error as CameraError, Found, Probe, reolink};
pub use check::{Problem, ProblemKind, Report};
pub use devices::Stream;
pub use facade::{CameraUsage, Cloud, Config, Parts, Status, StreamStatus, Timeline, Usage, target};
pub use gap::Cause;
pub use recorder::Condition;
pub use schema::{DATA_MAP, migrations};
pub use stills::Still;

/// Both streams of a camera, the main one first.
pub const STREAMS: [Stream; 2] = [Stream::Main, Stream::Sub];

/// The number of a stream in the database and in fragment headers.
pub(crate) const fn number(stream: Stream) -> i16 {
    match stream {
        Stream::Main => 0,
        Stream::Sub => 1,
    }
}

/// The stream of a number; every other number than 0 is the sub stream.
pub(crate) const fn stream_of(number: i16) -> Stream {
    if number == 0 { Stream::Main } else { Stream::Sub }
}
