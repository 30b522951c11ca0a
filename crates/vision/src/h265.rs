//! H.265 through rust_h265: 4:2:0 with 8 bits, or with 10 and 12 bits brought down to 8.

use crate::{
    Colour, Decoder, Error, MAX_PIXELS, Picture, Plane,
    decode::{check_size, chroma_name},
};
use media::{VideoParams, h265, nal};
use rust_h265::{DecodeError, DecodeLimits, Frame, PixelData, parse_nal};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Memory that a picture may take while it is decoded.
const MAX_MEMORY: u64 = 512 * 1024 * 1024;

/// The parameter sets of an H.265 stream. Each picture gets a decoder of its own: it costs next to nothing.
pub struct RustH265 {
    sets: [Vec<u8>; 3],
}

impl RustH265 {
    pub fn new(params: &VideoParams) -> Result<Self, Error> {
        check(&params.sps)?;
        Ok(Self { sets: [params.vps.clone(), params.sps.clone(), params.pps.clone()] })
    }
}

/// Reads a sequence parameter set and refuses what cannot be decoded.
fn check(sps: &[u8]) -> Result<h265::Sps, Error> {
    let sps = h265::Sps::parse(sps)?;
    check_size(sps.width, sps.height)?;
    if sps.chroma_format != 1 {
        return Err(Error::Unsupported(format!("H.265 with {} chroma", chroma_name(sps.chroma_format))));
    }
    if sps.bit_depth_luma.max(sps.bit_depth_chroma) > 12 {
        return Err(Error::Unsupported(format!("H.265 with {} bits", sps.bit_depth_luma.max(sps.bit_depth_chroma))));
    }
    Ok(sps)
}

impl Decoder for RustH265 {
    fn decode(&mut self, unit: &[u8]) -> Result<Picture, Error> {
        let mut sps = check(&self.sets[1])?;
        let mut nals: Vec<&[u8]> = self.sets.iter().map(Vec::as_slice).collect();
        let mut has_key = false;
        for nal in nal::prefixed(unit) {
            match h265::nal_type(nal) {
                h265::nal_type::SPS => sps = check(nal)?,
                h265::nal_type::VPS | h265::nal_type::PPS => {}
                0..h265::nal_type::VPS => has_key |= h265::is_key(nal),
                _ => continue,
            }
            nals.push(nal);
        }
        if !has_key {
            return Err(Error::NoKeyFrame);
        }
        let frame = catch_unwind(AssertUnwindSafe(|| decode(&nals))).map_err(|_| Error::Crashed)??;
        picture(frame, Colour::of(sps.colour, sps.height))
    }
}

fn decode(nals: &[&[u8]]) -> Result<Frame, Error> {
    let limits = DecodeLimits { max_picture_pixels: MAX_PIXELS, max_picture_memory_bytes: MAX_MEMORY };
    let mut decoder = rust_h265::Decoder::with_limits(limits);
    let mut first = None;
    for nal in nals {
        let nal = parse_nal(nal).ok_or_else(|| Error::Damaged("H.265: broken NAL unit".into()))?;
        let frame = decoder.decode_nal(&nal).map_err(failed)?;
        first = first.or(frame);
    }
    let frame = first.or_else(|| decoder.flush()).ok_or(Error::NoKeyFrame)?;
    decoder.next_error().map_or(Ok(frame), |error| Err(failed(error)))
}

fn failed(error: DecodeError) -> Error {
    match error {
        DecodeError::Unsupported(what) => Error::Unsupported(format!("H.265: {what}")),
        error => Error::Damaged(format!("H.265: {error}")),
    }
}

fn picture(frame: Frame, colour: Colour) -> Result<Picture, Error> {
    let (width, height) = (frame.width, frame.height);
    check_size(width, height)?;
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    let plane = |width, height, samples| {
        Plane::from_samples(width, height, eight_bits(samples, frame.bit_depth))
            .ok_or_else(|| Error::Damaged("H.265: a plane has another size than its picture".into()))
    };
    Ok(Picture {
        y: plane(width, height, frame.y)?,
        cb: plane(half_width, half_height, frame.u)?,
        cr: plane(half_width, half_height, frame.v)?,
        colour,
    })
}

fn eight_bits(samples: PixelData, depth: u8) -> Vec<u8> {
    match samples {
        PixelData::U8(samples) => samples,
        PixelData::U16(samples) => {
            let surplus = depth.saturating_sub(8).min(8);
            samples.iter().map(|sample| (sample >> surplus) as u8).collect()
        }
    }
}
