//! H.264 through OpenH264: 4:2:0 with 8 bits, progressive.

use crate::{
    Colour, Decoder, Error, Picture, Plane,
    decode::{check_size, chroma_name},
};
use media::{VideoParams, h264, nal};
use openh264::formats::YUVSource;

/// An OpenH264 decoder and the parameter sets of its stream.
pub struct OpenH264 {
    sps: Vec<u8>,
    pps: Vec<u8>,
    decoder: Option<openh264::decoder::Decoder>,
    /// The access unit with start codes, which is what OpenH264 reads.
    stream: Vec<u8>,
}

impl OpenH264 {
    pub fn new(params: &VideoParams) -> Result<Self, Error> {
        check(&params.sps)?;
        Ok(Self { sps: params.sps.clone(), pps: params.pps.clone(), decoder: None, stream: Vec::new() })
    }

    /// Gathers the parameter sets and the slices; returns the sequence parameter set that holds for them.
    fn gather(&mut self, unit: &[u8]) -> Result<h264::Sps, Error> {
        self.stream.clear();
        let mut sps = check(&self.sps)?;
        push(&self.sps, &mut self.stream);
        push(&self.pps, &mut self.stream);
        let mut has_key = false;
        for nal in nal::prefixed(unit) {
            match h264::nal_type(nal) {
                h264::nal_type::SPS => sps = check(nal)?,
                h264::nal_type::PPS => {}
                h264::nal_type::SLICE..=h264::nal_type::IDR => has_key |= h264::is_key(nal),
                _ => continue,
            }
            push(nal, &mut self.stream);
        }
        if has_key { Ok(sps) } else { Err(Error::NoKeyFrame) }
    }
}

fn push(nal: &[u8], stream: &mut Vec<u8>) {
    stream.extend_from_slice(&[0, 0, 0, 1]);
    stream.extend_from_slice(nal);
}

/// Reads a sequence parameter set and refuses what OpenH264 must not see or cannot decode.
fn check(sps: &[u8]) -> Result<h264::Sps, Error> {
    let sps = h264::Sps::parse(sps)?;
    check_size(sps.width, sps.height)?;
    if sps.chroma_format != 1 {
        return Err(Error::Unsupported(format!("H.264 with {} chroma", chroma_name(sps.chroma_format))));
    }
    if (sps.bit_depth_luma, sps.bit_depth_chroma) != (8, 8) {
        return Err(Error::Unsupported(format!("H.264 with {} bits", sps.bit_depth_luma.max(sps.bit_depth_chroma))));
    }
    Ok(sps)
}

impl Decoder for OpenH264 {
    fn decode(&mut self, unit: &[u8]) -> Result<Picture, Error> {
        let sps = self.gather(unit)?;
        // Kept only if all goes well: after an error its state is anyone's guess.
        let mut decoder = match self.decoder.take() {
            Some(decoder) => decoder,
            None => openh264::decoder::Decoder::new().map_err(damaged)?,
        };
        let decoded = decoder.decode(&self.stream).map_err(damaged)?.ok_or(Error::NoKeyFrame)?;
        let ((width, height), strides) = (decoded.dimensions(), decoded.strides());
        let size = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        check_size(size(width), size(height))?;
        let (half_width, half_height) = (size(width.div_ceil(2)), size(height.div_ceil(2)));
        let short = || Error::Damaged("H.264: too few samples".into());
        let picture = Picture {
            y: Plane::from_rows(size(width), size(height), decoded.y(), strides.0).ok_or_else(short)?,
            cb: Plane::from_rows(half_width, half_height, decoded.u(), strides.1).ok_or_else(short)?,
            cr: Plane::from_rows(half_width, half_height, decoded.v(), strides.2).ok_or_else(short)?,
            colour: Colour::of(sps.colour, sps.height),
        };
        self.decoder = Some(decoder);
        Ok(picture)
    }
}

fn damaged(error: openh264::Error) -> Error {
    Error::Damaged(format!("H.264: {error}"))
}
