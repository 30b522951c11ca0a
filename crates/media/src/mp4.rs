//! Reads MP4 files that others made, ordinary and fragmented (ISO/IEC 14496-12).

use crate::{AudioParams, Result, VideoParams};
use std::io::{Read, Seek};

/// What a track holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Params {
    /// `length_size` is the number of bytes of a NAL length in the samples: 1, 2 or 4.
    Video { params: VideoParams, length_size: u8 },
    Audio(AudioParams),
}

/// A sample of the file; times in ticks of the track's timescale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub dts: i64,
    pub pts: i64,
    pub duration: u32,
    pub key: bool,
    pub offset: u64,
    pub len: u32,
}

/// A track that can be used.
#[derive(Clone, Debug)]
pub struct MovieTrack {
    pub id: u32,
    pub params: Params,
    /// Ticks a second.
    pub timescale: u32,
    /// In decoding order.
    pub samples: Vec<Sample>,
}

/// The tracks of a file whose codecs are known; others are left out.
#[derive(Clone, Debug)]
pub struct Movie {
    pub tracks: Vec<MovieTrack>,
}

impl Movie {
    /// Reads the structure, not the samples. I/O errors are told as `Malformed`.
    pub fn read(_file: &mut (impl Read + Seek)) -> Result<Self> {
        unimplemented!()
    }
}
