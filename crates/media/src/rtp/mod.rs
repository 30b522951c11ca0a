//! RTP: packets (RFC 3550) and the way from packets to access units.

mod audio;
mod order;
mod packet;
mod video;

pub use order::WINDOW;
pub use packet::Packet;

use crate::{AudioParams, Error, Result, VideoParams, sdp};
use order::{Order, Turn};

/// A complete access unit: the last `len` bytes of the buffer that it was appended to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// RTP timestamp, extended to 64 bits, in ticks of the clock rate.
    pub timestamp: i64,
    /// Bytes of the unit, the last ones of the buffer.
    pub len: usize,
    /// Whether decoding can start here; always true for audio.
    pub key: bool,
    /// Whether `video_params` are others than before this unit.
    pub params_changed: bool,
    /// Packets lost since the unit before.
    pub lost: u16,
    /// Whether something was lost since the last key: the unit may refer to a picture that is missing.
    pub broken: bool,
}

/// Makes access units of the packets of one track, appending straight to the caller's buffer. Video units are NAL
/// units with 4-byte lengths; access unit delimiters and filler are left out, and every key has its parameter sets,
/// whether the camera repeats them or not. The caller may move what stands in the buffer before the unit under way, not that unit itself.
///
/// ```ignore
/// let mut unit = depacketizer.push(&packet, &mut out)?;
/// while let Some(it) = unit {
///     take(it, &mut out);
///     unit = depacketizer.more(&mut out)?;
/// }
/// ```
pub struct Depacketizer {
    clock_rate: u32,
    order: Order,
    format: Format,
}

enum Format {
    Video(Box<video::Assembler>),
    Audio(Box<audio::Unpacker>),
}

impl Depacketizer {
    /// For a medium of a session description; the error names a codec or mode that is not recorded.
    pub fn new(media: &sdp::Media) -> Result<Self> {
        let format = match (media.kind, media.encoding.as_str()) {
            (sdp::Kind::Video, "H264" | "H265" | "HEVC") => Format::Video(Box::new(video::Assembler::new(media)?)),
            (sdp::Kind::Audio, _) => Format::Audio(Box::new(audio::Unpacker::new(media)?)),
            (_, name) => return Err(Error::Unsupported(format!("encoding {:.32}", name.escape_debug().to_string()))),
        };
        let clock_rate = match (&format, media.clock_rate) {
            (Format::Video(_), _) => crate::VIDEO_RATE,
            (Format::Audio(audio), 0) => audio.params().rate,
            (Format::Audio(_), rate) => rate,
        };
        Ok(Self { clock_rate, order: Order::new(), format })
    }

    /// For UDP: packets that come too early wait, at most [`WINDOW`] of them, for the ones that they overtook.
    pub fn reordering(mut self) -> Self {
        self.order.wait();
        self
    }

    /// Takes a packet and appends its bytes to `out`; a unit, if the packet completed one. After a unit call
    /// [`Self::more`] until it answers `None`. A unit with a hole is taken back out of `out` and shows in the `lost`
    /// of the next one. An error concerns this packet alone; go on with the next.
    #[inline]
    pub fn push(&mut self, packet: &Packet<'_>, out: &mut Vec<u8>) -> Result<Option<Unit>> {
        match self.order.admit(packet) {
            Turn::Now { lost } => match self.format.push(packet, lost, out) {
                Ok(None) => self.more(out),
                unit => unit,
            },
            Turn::Wait => self.more(out),
            Turn::Never => Ok(None),
        }
    }

    /// The next unit that the last packet completed.
    #[inline]
    pub fn more(&mut self, out: &mut Vec<u8>) -> Result<Option<Unit>> {
        loop {
            if let Some(unit) = self.format.more(out)? {
                return Ok(Some(unit));
            }
            let Some((held, lost)) = self.order.release() else { return Ok(None) };
            if let Some(unit) = self.format.push(&held.packet(), lost, out)? {
                return Ok(Some(unit));
            }
        }
    }

    /// Whether the unit under way is a key frame, as far as it came.
    pub fn key_is_open(&self) -> bool {
        match &self.format {
            Format::Video(video) => video.key_is_open(),
            Format::Audio(_) => false,
        }
    }

    /// From the session description, updated by parameter sets in the stream. `None` until known, and for audio.
    pub fn video_params(&self) -> Option<&VideoParams> {
        match &self.format {
            Format::Video(video) => video.params(),
            Format::Audio(_) => None,
        }
    }

    /// `None` for video.
    pub fn audio_params(&self) -> Option<&AudioParams> {
        match &self.format {
            Format::Video(_) => None,
            Format::Audio(audio) => Some(audio.params()),
        }
    }

    /// Ticks a second of the timestamps.
    pub fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// Extends the RTP timestamp of a sender report to those of the units; none before the first unit.
    pub fn extend(&self, timestamp: u32) -> Option<i64> {
        match &self.format {
            Format::Video(video) => video.clock.near(timestamp),
            Format::Audio(audio) => audio.clock.near(timestamp),
        }
    }
}

impl Format {
    fn push(&mut self, packet: &Packet<'_>, lost: u16, out: &mut Vec<u8>) -> Result<Option<Unit>> {
        match self {
            Format::Video(video) => video.push(packet, lost, out),
            Format::Audio(audio) => audio.push(packet, lost, out),
        }
    }

    fn more(&mut self, out: &mut Vec<u8>) -> Result<Option<Unit>> {
        match self {
            Format::Video(video) => video.more(out),
            Format::Audio(audio) => audio.more(out),
        }
    }
}
