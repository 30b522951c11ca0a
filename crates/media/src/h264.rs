//! H.264: NAL unit types, the sequence parameter set, and the decoder configuration of ISO/IEC 14496-15 5.3.3.

use crate::{Result, VideoParams};

/// NAL unit types (H.264 table 7-1) that matter here.
pub mod nal_type {
    pub const SLICE: u8 = 1;
    pub const IDR: u8 = 5;
    pub const SEI: u8 = 6;
    pub const SPS: u8 = 7;
    pub const PPS: u8 = 8;
    pub const AUD: u8 = 9;
    pub const FILLER: u8 = 12;
}

/// The type of a NAL unit by its first byte; 0 for an empty one.
pub fn nal_type(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |byte| byte & 0x1f)
}

/// Whether the NAL unit is a slice that decoding can start at.
pub fn is_key(nal: &[u8]) -> bool {
    nal_type(nal) == nal_type::IDR
}

/// What a sequence parameter set says (H.264 7.3.2.1.1 and annex E).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sps {
    pub id: u32,
    pub profile: u8,
    pub constraints: u8,
    pub level: u8,
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

/// `avc1.PPCCLL` of a sequence parameter set.
pub fn rfc6381(sps: &[u8]) -> String {
    let byte = |at| sps.get(at).copied().unwrap_or(0);
    format!("avc1.{:02x}{:02x}{:02x}", byte(1), byte(2), byte(3))
}

/// The AVCDecoderConfigurationRecord (content of `avcC`).
pub fn avcc(_params: &VideoParams) -> Vec<u8> {
    unimplemented!()
}

/// Reads an AVCDecoderConfigurationRecord; also tells how many bytes a NAL length has in its samples.
pub fn parse_avcc(_record: &[u8]) -> Result<(VideoParams, u8)> {
    unimplemented!()
}
