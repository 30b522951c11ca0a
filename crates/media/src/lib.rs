//! Formats, without I/O: samples, parameter sets, RTP, fragments, virtual MP4, HLS.
//!
//! A camera's packets come in through [`interleaved`], [`rtp`] and [`time`]; [`fragment`] makes of them what is stored;
//! [`virtual_mp4`] and [`hls`] show what is stored; [`mp4`] reads files that others made.

pub mod aac;
pub mod bits;
mod boxes;
pub mod fragment;
pub mod g711;
pub mod h264;
pub mod h265;
pub mod hls;
pub mod interleaved;
mod moof;
mod moov;
pub mod mp4;
pub mod nal;
pub mod opus;
mod params;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod time;
pub mod virtual_mp4;

pub use params::{AudioCodec, AudioParams, StreamParams, VideoCodec, VideoParams};

use base::Time;
use std::time::Duration;

/// Ticks a second of every video track that we write, and of RTP video.
pub const VIDEO_RATE: u32 = 90_000;

/// One of the two tracks that a stream can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Track {
    /// Track 1 of a written MP4.
    Video,
    /// Track 2 of a written MP4.
    Audio,
}

impl Track {
    /// The track id in a written MP4.
    pub const fn id(self) -> u32 {
        match self {
            Track::Video => 1,
            Track::Audio => 2,
        }
    }
}

/// A stored fragment as the index knows it: enough to lay out a playlist or a virtual MP4 with no object read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Presentation time of the first picture.
    pub time: Time,
    /// Until the next fragment of the same run, or the end of the last picture.
    pub duration: Duration,
    /// Bytes of the plaintext (moof and mdat).
    pub len: u64,
    /// Index into the caller's list of [`StreamParams`].
    pub description: u32,
    /// The origin given to [`fragment::Builder::finish`]: the time of the first fragment of its recording file.
    pub origin: Time,
    /// Whether its first picture is a key; one that only continues a long group of pictures has none.
    pub key: bool,
}

/// What is wrong with bytes that somebody sent. Holds nothing of their content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes break their format.
    #[error("{format}: {what}")]
    Malformed { format: &'static str, what: &'static str },
    /// Well-formed, but a codec or a mode that is not recorded.
    #[error("unsupported {0}")]
    Unsupported(String),
}

/// `Result` with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

pub(crate) const fn malformed(format: &'static str, what: &'static str) -> Error {
    Error::Malformed { format, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 640x360 at 25 pictures a second without B-frames, and A-law sound.
    pub(crate) fn params() -> StreamParams {
        const SPS: &[u8] = &[
            0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00,
            0x03, 0x00, 0x32, 0x0f, 0x16, 0x2e, 0x48,
        ];
        StreamParams {
            video: VideoParams::h264(SPS, &[0x68, 0xce, 0x3c, 0x80]).unwrap(),
            audio: Some(AudioParams::g711(AudioCodec::Pcma, 8000, 1)),
        }
    }

    #[test]
    fn the_mime_type_names_both_codecs() {
        assert_eq!(params().mime(), "video/mp4; codecs=\"avc1.42c01e,alaw\"");
    }
}
