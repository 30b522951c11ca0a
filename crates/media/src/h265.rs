//! H.265: NAL unit types, the sequence parameter set, and the decoder configuration of ISO/IEC 14496-15 8.3.3.

use crate::{Result, VideoParams};

/// NAL unit types (H.265 table 7-1) that matter here.
pub mod nal_type {
    pub const BLA_W_LP: u8 = 16;
    pub const IDR_W_RADL: u8 = 19;
    pub const CRA: u8 = 21;
    pub const VPS: u8 = 32;
    pub const SPS: u8 = 33;
    pub const PPS: u8 = 34;
    pub const AUD: u8 = 35;
    pub const FILLER: u8 = 38;
    pub const PREFIX_SEI: u8 = 39;
    pub const SUFFIX_SEI: u8 = 40;
}

/// The type of a NAL unit by its first byte; 63 (unspecified) for an empty one.
pub fn nal_type(nal: &[u8]) -> u8 {
    nal.first().map_or(63, |byte| byte >> 1 & 0x3f)
}

/// Whether the NAL unit is a slice that decoding can start at (an intra random access point).
pub fn is_key(nal: &[u8]) -> bool {
    (nal_type::BLA_W_LP..=nal_type::CRA).contains(&nal_type(nal))
}

/// What a sequence parameter set says (H.265 7.3.2.2 and annex E).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sps {
    pub id: u32,
    pub width: u32,
    pub height: u32,
    pub fps: Option<f32>,
    pub reorders: bool,
}

impl Sps {
    pub fn parse(_nal: &[u8]) -> Result<Self> {
        unimplemented!()
    }
}

/// `hvc1.…` of a sequence parameter set (ISO/IEC 14496-15 annex E).
pub fn rfc6381(_sps: &[u8]) -> String {
    unimplemented!()
}

/// The HEVCDecoderConfigurationRecord (content of `hvcC`).
pub fn hvcc(_params: &VideoParams) -> Vec<u8> {
    unimplemented!()
}

/// Reads an HEVCDecoderConfigurationRecord; also tells how many bytes a NAL length has in its samples.
pub fn parse_hvcc(_record: &[u8]) -> Result<(VideoParams, u8)> {
    unimplemented!()
}
