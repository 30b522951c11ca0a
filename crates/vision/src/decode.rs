//! What both decoders have in common: their trait, and the limits that hold before they see a byte.

use crate::{Error, Picture, h264::OpenH264, h265::RustH265};
use media::{VideoCodec, VideoParams};

/// The longest side of a picture that is decoded.
pub const MAX_SIDE: u32 = 8192;
/// The most pixels of a picture that is decoded: those of level 6.2 (H.264 and H.265), about 55 MB as a [`Picture`].
pub const MAX_PIXELS: u64 = 35_651_584;

/// Turns key frames of one stream into pictures. What it keeps between them is only memory to use again.
pub trait Decoder: Send {
    /// Decodes an access unit with a key frame: NAL units, each with a 4-byte length before it. Parameter sets in the
    /// unit take the place of those that the decoder was made with.
    fn decode(&mut self, unit: &[u8]) -> Result<Picture, Error>;
}

/// A decoder for a stream with these parameters, or why there is none.
pub fn decoder(params: &VideoParams) -> Result<Box<dyn Decoder>, Error> {
    Ok(match params.codec {
        VideoCodec::H264 => Box::new(OpenH264::new(params)?),
        VideoCodec::H265 => Box::new(RustH265::new(params)?),
    })
}

/// Refuses a size before anything is allocated for it.
pub(crate) fn check_size(width: u32, height: u32) -> Result<(), Error> {
    let fits = width.max(height) <= MAX_SIDE && u64::from(width) * u64::from(height) <= MAX_PIXELS;
    if fits { Ok(()) } else { Err(Error::TooLarge { width, height }) }
}

/// The name of a chroma format (`chroma_format_idc` of H.264 and H.265).
pub(crate) fn chroma_name(format: u8) -> &'static str {
    match format {
        0 => "no colour",
        1 => "4:2:0",
        2 => "4:2:2",
        _ => "4:4:4",
    }
}
