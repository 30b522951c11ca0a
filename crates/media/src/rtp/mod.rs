//! RTP: packets (RFC 3550) and the way from packets to access units.

mod packet;
pub use packet::Packet;

use crate::{AudioParams, Result, VideoParams, sdp};

/// A complete access unit: the last `len` bytes of the buffer that it was appended to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// RTP timestamp, extended to 64 bits, in ticks of the clock rate.
    pub timestamp: i64,
    /// Bytes of the unit, the last ones of the buffer.
    pub len: usize,
    /// Whether decoding can start here; always true for audio.
    pub key: bool,
    /// Whether `video_params` or `audio_params` differ from those of the unit before.
    pub params_changed: bool,
    /// Packets lost since the unit before.
    pub lost: u16,
    /// Whether a unit was lost since the last key: this one may refer to a picture that is missing.
    pub broken: bool,
}

/// Makes access units of the packets of one track.
///
/// ```text
/// let mut unit = depacketizer.push(&packet, &mut out)?;
/// while let Some(it) = unit { use(it, &out); unit = depacketizer.more(&mut out)?; }
/// ```
pub struct Depacketizer;

impl Depacketizer {
    /// For the medium of a session description; an error names a codec that is not recorded.
    pub fn new(_media: &sdp::Media) -> Result<Self> {
        unimplemented!()
    }

    /// For UDP: packets that come too early wait, at most 16 of them, for the ones that they overtook.
    pub fn reordering(self) -> Self {
        self
    }

    /// Takes a packet; appends its bytes to `out`; a unit, if the packet completed one. After a unit call
    /// [`Self::more`] until it answers `None`. Bytes of a unit with a hole are taken back out of `out`.
    pub fn push(&mut self, _packet: &Packet<'_>, _out: &mut Vec<u8>) -> Result<Option<Unit>> {
        unimplemented!()
    }

    /// The next unit that the last packet completed.
    pub fn more(&mut self, _out: &mut Vec<u8>) -> Result<Option<Unit>> {
        unimplemented!()
    }

    /// From the session description, updated by parameter sets in the stream. `None` until known, and for audio.
    pub fn video_params(&self) -> Option<&VideoParams> {
        None
    }

    /// `None` for video.
    pub fn audio_params(&self) -> Option<&AudioParams> {
        None
    }

    /// Ticks a second of the timestamps.
    pub fn clock_rate(&self) -> u32 {
        0
    }

    /// Extends the RTP timestamp of a sender report to that of the units, once a packet has come.
    pub fn extend(&self, _timestamp: u32) -> Option<i64> {
        None
    }
}
