//! What can go wrong with a camera, on command: `CAM:KIND[:SECONDS]`.

use base::{Error, Result};
use std::{fmt, str::FromStr, time::Duration};

/// A fault of one camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The camera, counted from 1 as in `/cam1/main`.
    pub camera: usize,
    /// What goes wrong.
    pub kind: Kind,
    /// For how long; [`Kind::usual`] unless said.
    pub duration: Duration,
}

/// The kinds of fault. Each concerns both streams of the camera, and the Reolink API of the device whose first channel it
/// is, where it means something there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `drop`: every connection is cut at once, and each new one is closed at its first request until the time is over
    /// (by default at once).
    Drop,
    /// `freeze`: no media is sent, while connections stay open and requests are answered (10 s). Timestamps go on.
    Freeze,
    /// `garbage`: random bytes are sent in place of each picture and sound (5 s). Over TCP they break the framing of
    /// the connection itself; over UDP each datagram is nonsense.
    Garbage,
    /// `timestamps-wrap`: connections are cut, and the next session's RTP timestamps pass 2^32 that many seconds after
    /// its PLAY (5 s).
    TimestampsWrap,
    /// `timestamps-jump`: RTP timestamps are an hour ahead for that time and then fall back (10 s). Sender reports
    /// follow, as from a camera whose clock was set.
    TimestampsJump,
    /// `non-monotonic`: every fifth picture repeats the timestamp of the one before it and every seventh lies 200 ms
    /// in the past (10 s).
    NonMonotonic,
    /// `b-frames`: pictures are coded and sent in an order that is not that of presentation, as a camera with B frames
    /// does: 0 2 1 4 3 (30 s). For scenes; a file brings its own B frames.
    BFrames,
    /// `resolution`: the picture becomes three quarters as wide and high, with new parameter sets in band (10 s).
    /// For scenes.
    Resolution,
    /// `refuse-password`: sessions end and every credential is refused (30 s).
    RefusePassword,
    /// `slow-loris`: connections are cut, and answers to new ones crawl out a byte a second (30 s).
    SlowLoris,
    /// `half-open`: nothing is sent or answered and nothing is closed, as when a cable is pulled (30 s). Connections
    /// that lived through it are reset at its end, as by a camera that has lost its state.
    HalfOpen,
    /// `api-truncated`: the Reolink API sends half of each answer (10 s).
    ApiTruncated,
    /// `api-html`: it answers with a page of HTML (10 s).
    ApiHtml,
    /// `api-endless`: its answers never end (10 s).
    ApiEndless,
    /// `api-redirect`: it sends every request to where it was sent already (10 s).
    ApiRedirect,
    /// `api-batch`: a batch of several commands collapses into one time-out (60 s).
    ApiBatch,
}

impl Kind {
    /// All kinds, in the order of this page.
    pub const ALL: [Kind; 16] = [
        Kind::Drop,
        Kind::Freeze,
        Kind::Garbage,
        Kind::TimestampsWrap,
        Kind::TimestampsJump,
        Kind::NonMonotonic,
        Kind::BFrames,
        Kind::Resolution,
        Kind::RefusePassword,
        Kind::SlowLoris,
        Kind::HalfOpen,
        Kind::ApiTruncated,
        Kind::ApiHtml,
        Kind::ApiEndless,
        Kind::ApiRedirect,
        Kind::ApiBatch,
    ];

    /// The word on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Drop => "drop",
            Kind::Freeze => "freeze",
            Kind::Garbage => "garbage",
            Kind::TimestampsWrap => "timestamps-wrap",
            Kind::TimestampsJump => "timestamps-jump",
            Kind::NonMonotonic => "non-monotonic",
            Kind::BFrames => "b-frames",
            Kind::Resolution => "resolution",
            Kind::RefusePassword => "refuse-password",
            Kind::SlowLoris => "slow-loris",
            Kind::HalfOpen => "half-open",
            Kind::ApiTruncated => "api-truncated",
            Kind::ApiHtml => "api-html",
            Kind::ApiEndless => "api-endless",
            Kind::ApiRedirect => "api-redirect",
            Kind::ApiBatch => "api-batch",
        }
    }

    /// How long the fault lasts when no time is said.
    pub const fn usual(self) -> Duration {
        Duration::from_secs(match self {
            Kind::Drop => 0,
            Kind::Garbage | Kind::TimestampsWrap => 5,
            Kind::Freeze | Kind::TimestampsJump | Kind::NonMonotonic | Kind::Resolution => 10,
            Kind::ApiTruncated | Kind::ApiHtml | Kind::ApiEndless | Kind::ApiRedirect => 10,
            Kind::BFrames | Kind::RefusePassword | Kind::SlowLoris | Kind::HalfOpen => 30,
            Kind::ApiBatch => 60,
        })
    }
}

impl FromStr for Kind {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            let known = Self::ALL.map(Kind::name).join(", ");
            Error::invalid(format!("unknown fault {:.32}: one of {known}", text.escape_debug().to_string()))
        })
    }
}

impl FromStr for Fault {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let malformed = || Error::invalid("a fault is CAM:KIND[:SECONDS], such as 2:freeze:10");
        let mut parts = text.trim().splitn(3, ':');
        let camera = parts.next().and_then(|n| n.trim_start_matches("cam").parse().ok()).filter(|&n| n > 0);
        let camera = camera.ok_or_else(malformed)?;
        let kind: Kind = parts.next().ok_or_else(malformed)?.parse()?;
        let duration = match parts.next() {
            None => kind.usual(),
            Some(seconds) => Duration::from_secs(seconds.parse::<u32>().map_err(|_| malformed())?.into()),
        };
        Ok(Self { camera, kind, duration })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.camera, self.kind.name(), self.duration.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_as_camera_kind_and_seconds() {
        let fault: Fault = "2:freeze:7".parse().unwrap();
        assert_eq!(fault, Fault { camera: 2, kind: Kind::Freeze, duration: Duration::from_secs(7) });
        assert_eq!("1:half-open".parse::<Fault>().unwrap().duration, Kind::HalfOpen.usual());
        for kind in Kind::ALL {
            let text = format!("3:{}:1", kind.name());
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_malformed_fault_says_what_is_expected() {
        for text in ["", "1", "0:freeze", "x:freeze", "1:melt", "1:freeze:-3", "1:freeze:soon"] {
            let error = text.parse::<Fault>().unwrap_err();
            assert!(error.message().contains("CAM:KIND") || error.message().contains("one of drop"), "{error}");
        }
    }
}
