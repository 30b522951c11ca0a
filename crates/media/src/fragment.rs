//! Stored fragments: building, shifting and reading back one `moof` and one `mdat`.

use crate::{Result, StreamParams, Track};
use base::Time;
use std::{ops::Range, sync::Arc, time::Duration};

/// Bytes kept free in front of the samples: for `moof`, the `mdat` header and the vault's header.
pub const HEADROOM: usize = 16 * 1024;

/// Bytes of the headroom that `finish` leaves free at least, for the vault's header.
pub const RESERVED: usize = 96;

/// Builds a fragment in one buffer.
pub struct Builder;

impl Builder {
    /// An empty fragment; `buffer` is emptied and reused.
    pub fn new(_params: Arc<StreamParams>, _buffer: Vec<u8>) -> Self {
        unimplemented!()
    }

    /// Where the depacketizer appends video.
    pub fn video(&mut self) -> &mut Vec<u8> {
        unimplemented!()
    }

    /// Where the depacketizer appends audio.
    pub fn audio(&mut self) -> &mut Vec<u8> {
        unimplemented!()
    }

    /// The last `len` bytes of `video()` are a sample.
    pub fn push_video(&mut self, _len: usize, _pts: Time, _key: bool) {
        unimplemented!()
    }

    /// The last `len` bytes of `audio()` are a sample.
    pub fn push_audio(&mut self, _len: usize, _pts: Time) {
        unimplemented!()
    }

    /// Begins the next fragment: it takes over the bytes that are no sample yet (the key frame that ends this one,
    /// a unit under way).
    pub fn split(&mut self, _params: Arc<StreamParams>, _buffer: Vec<u8>) -> Builder {
        unimplemented!()
    }

    pub fn params(&self) -> &Arc<StreamParams> {
        unimplemented!()
    }

    /// Number of video samples.
    pub fn samples(&self) -> usize {
        unimplemented!()
    }

    /// Bytes of the samples so far, video and audio.
    pub fn bytes(&self) -> usize {
        unimplemented!()
    }

    /// From the first to the last picture so far.
    pub fn duration(&self) -> Duration {
        unimplemented!()
    }

    /// Presentation time of the first picture.
    pub fn start(&self) -> Option<Time> {
        unimplemented!()
    }

    /// The video samples so far, in decoding order, for a viewer who joins.
    pub fn video_samples(&self) -> impl Iterator<Item = (Time, bool, &[u8])> {
        std::iter::empty()
    }

    /// The audio samples so far.
    pub fn audio_samples(&self) -> impl Iterator<Item = (Time, &[u8])> {
        std::iter::empty()
    }

    /// Writes the `moof` before the samples. `next_video_pts` is the time of the first picture of the next fragment
    /// of the same run; `origin` the time of the first fragment of the recording file. None if there is no video.
    pub fn finish(self, _next_video_pts: Option<Time>, _origin: Time) -> Option<Fragment> {
        unimplemented!()
    }
}

/// A finished fragment; its plaintext is `bytes[start..]`.
pub struct Fragment {
    pub bytes: Vec<u8>,
    /// At least [`RESERVED`].
    pub start: usize,
    pub meta: Meta,
}

impl Fragment {
    /// The plaintext.
    pub fn plain(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// The plaintext, to seal it in place.
    pub fn plain_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }
}

/// What the index keeps of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    pub time: Time,
    pub duration: Duration,
    pub video_samples: u32,
    pub audio_samples: u32,
    /// Whether the first picture is a key.
    pub key: bool,
    /// Bytes of the largest picture.
    pub largest: u32,
}

/// `ftyp` and `moov` for one sample description.
pub fn init_segment(_params: &StreamParams) -> Vec<u8> {
    unimplemented!()
}

/// Moves a stored fragment to another timeline, in place: times count from `timeline` instead of from the `origin`
/// of its recording file; samples use `description` (from 1). `fragment` may be a prefix that holds the `moof`.
pub fn shift(_fragment: &mut [u8], _origin: Time, _timeline: Time, _description: u32, _sequence: u32) -> Result<()> {
    unimplemented!()
}

/// One sample for live.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    pub track: Track,
    pub sequence: u32,
    /// Decoding time since the start of the live timeline.
    pub dts: Duration,
    /// Presentation minus decoding time in microseconds.
    pub offset: i64,
    pub duration: Duration,
    pub key: bool,
    pub data: &'a [u8],
}

/// A `moof` and `mdat` with one sample.
pub fn part(_params: &StreamParams, _part: &Part<'_>) -> Vec<u8> {
    unimplemented!()
}

/// A sample of a stored fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub track: Track,
    pub dts: Time,
    pub pts: Time,
    pub duration: Duration,
    pub key: bool,
    /// Where its bytes stand in the plaintext.
    pub data: Range<usize>,
}

/// A stored fragment read back.
pub struct View<'a> {
    bytes: &'a [u8],
    samples: Vec<Sample>,
}

impl<'a> View<'a> {
    /// Reads the plaintext, or a prefix of it that holds the `moof`.
    pub fn parse(_bytes: &'a [u8], _params: &StreamParams, _origin: Time) -> Result<Self> {
        unimplemented!()
    }

    /// Video, then audio, each in decoding order.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The bytes of a sample; none if they are beyond the prefix.
    pub fn data(&self, sample: &Sample) -> Option<&'a [u8]> {
        self.bytes.get(sample.data.clone())
    }
}
