//! Time discipline: a camera's RTP clock, kept to our UTC.

use crate::rtcp::SenderReport;
use base::Time;
use std::time::Duration;

/// The time of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapped {
    pub time: Time,
    /// Whether the camera's clock jumped here: a new run starts with this unit.
    pub jump: bool,
}

/// Maps the extended RTP timestamps of one track to UTC.
pub struct Discipline;

impl Discipline {
    /// For timestamps of `clock_rate` ticks a second.
    pub fn new(_clock_rate: u32) -> Self {
        unimplemented!()
    }

    /// The time of a unit that arrived at most `tick` before `arrival`. Presentation timestamps may step back as
    /// B-frames do.
    pub fn map(&mut self, _timestamp: i64, _arrival: Time, _tick: Duration) -> Mapped {
        unimplemented!()
    }

    /// Takes a sender report of this track; `timestamp` is its RTP time, extended.
    pub fn sender_report(&mut self, _report: &SenderReport, _timestamp: i64) {
        unimplemented!()
    }

    /// Moves this track (audio) to where the sender reports put it relative to `other` (video); slowly.
    pub fn align(&mut self, _other: &Discipline) {
        unimplemented!()
    }
}
