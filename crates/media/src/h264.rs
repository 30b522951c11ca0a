//! H.264: NAL unit types, the sequence parameter set, and the decoder configuration of ISO/IEC 14496-15 5.3.3.

use crate::{Result, VideoParams, bits::Bits, malformed, nal};

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

/// The largest width and height that is believed, in pixels.
const MAX_SIDE: u32 = 16_384;

/// What a sequence parameter set says (H.264 7.3.2.1.1 and annex E).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sps {
    pub id: u32,
    pub profile: u8,
    pub constraints: u8,
    pub level: u8,
    pub chroma_format: u8,
    pub bit_depth_luma: u8,
    pub bit_depth_chroma: u8,
    /// In pixels, cropped.
    pub width: u32,
    /// In pixels, cropped.
    pub height: u32,
    /// Pictures a second, if timing is told.
    pub fps: Option<f32>,
    /// Whether pictures may be shown in another order than they are coded; true if it is not told.
    pub reorders: bool,
    pub colour: Colour,
}

/// How samples stand for colours (H.264 and H.265 annex E).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// Luma and chroma use all of 0 to 255.
    pub full_range: bool,
    /// matrix_coefficients of H.273; 2 if it is not told.
    pub matrix: u8,
}

impl Default for Colour {
    fn default() -> Self {
        Self { full_range: false, matrix: 2 }
    }
}

impl Sps {
    /// Reads the NAL unit of a sequence parameter set, header byte included. A broken VUI is passed over.
    pub fn parse(sps: &[u8]) -> Result<Self> {
        if nal_type(sps) != nal_type::SPS {
            return Err(malformed("h264", "not a sequence parameter set"));
        }
        let rbsp = nal::unescape(&sps[1..sps.len().min(4096)]);
        let parsed = Self::read(&mut Bits::new(&rbsp)).ok_or(malformed("h264", "broken sequence parameter set"))?;
        let believable = (1..=MAX_SIDE).contains(&parsed.width) && (1..=MAX_SIDE).contains(&parsed.height);
        if believable { Ok(parsed) } else { Err(malformed("h264", "impossible picture size")) }
    }

    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let (profile, constraints, level) = (bits.read(8)? as u8, bits.read(8)? as u8, bits.read(8)? as u8);
        let id = bits.ue().filter(|&id| id < 32)?;
        let (mut chroma_format, mut planes, mut luma, mut chroma) = (1, false, 8, 8);
        if has_chroma_info(profile) {
            chroma_format = bits.ue().filter(|&format| format <= 3)?;
            planes = chroma_format == 3 && bits.flag()?;
            luma = 8 + bits.ue().filter(|&depth| depth <= 6)?;
            chroma = 8 + bits.ue().filter(|&depth| depth <= 6)?;
            bits.flag()?;
            scaling_lists(bits, if chroma_format == 3 { 12 } else { 8 })?;
        }
        bits.ue()?;
        let order_type = picture_order(bits)?;
        let references = bits.ue()?;
        bits.flag()?;
        let columns = bits.ue()?.checked_add(1)?.checked_mul(16)?;
        let rows = bits.ue()?.checked_add(1)?.checked_mul(16)?;
        let frames_only = bits.flag()?;
        let fields = if frames_only { 1 } else { 2 };
        if !frames_only {
            bits.flag()?;
        }
        bits.flag()?;
        let (unit_x, unit_y) = match chroma_format {
            1 if !planes => (2, 2 * fields),
            2 => (2, fields),
            _ => (1, fields),
        };
        let crop = if bits.flag()? { [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?] } else { [0; 4] };
        let cut = |side: u32, a: u32, b: u32, unit: u32| side.checked_sub(a.checked_add(b)?.checked_mul(unit)?);
        let vui = if bits.flag()? { Vui::read(bits) } else { Vui::default() };
        let never = profile == 66 || order_type == 2 || references == 0;
        Some(Self {
            id,
            profile,
            constraints,
            level,
            chroma_format: chroma_format as u8,
            bit_depth_luma: luma as u8,
            bit_depth_chroma: chroma as u8,
            width: cut(columns, crop[0], crop[1], unit_x)?,
            height: cut(rows.checked_mul(fields)?, crop[2], crop[3], unit_y)?,
            fps: vui.fps,
            reorders: !never && vui.reordered != Some(0),
            colour: vui.colour,
        })
    }
}

/// Whether the profile has the fields from chroma_format_idc on (H.264 7.3.2.1.1).
const fn has_chroma_info(profile: u8) -> bool {
    matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135)
}

fn scaling_lists(bits: &mut Bits<'_>, count: usize) -> Option<()> {
    if !bits.flag()? {
        return Some(());
    }
    for list in 0..count {
        if bits.flag()? {
            scaling_list(bits, if list < 6 { 16 } else { 64 })?;
        }
    }
    Some(())
}

fn scaling_list(bits: &mut Bits<'_>, size: usize) -> Option<()> {
    let (mut last, mut next) = (8i32, 8i32);
    for _ in 0..size {
        if next != 0 {
            next = last.wrapping_add(bits.se()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// Passes over the fields of the picture order count and gives its type.
fn picture_order(bits: &mut Bits<'_>) -> Option<u32> {
    let order_type = bits.ue()?;
    match order_type {
        0 => drop(bits.ue()?),
        1 => {
            bits.flag()?;
            bits.se()?;
            bits.se()?;
            for _ in 0..bits.ue().filter(|&cycle| cycle <= 255)? {
                bits.se()?;
            }
        }
        2 => {}
        _ => return None,
    }
    Some(order_type)
}

#[derive(Default)]
struct Vui {
    fps: Option<f32>,
    reordered: Option<u32>,
    colour: Colour,
}

impl Vui {
    fn read(bits: &mut Bits<'_>) -> Self {
        let mut vui = Self::default();
        vui.fill(bits);
        vui
    }

    /// Annex E.1.1; stops at the first field that is not there.
    fn fill(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        self.colour = picture_properties(bits)?;
        if bits.flag()? {
            let (units, scale) = (bits.read(32)?, bits.read(32)?);
            bits.flag()?;
            self.fps = (units > 0 && scale > 0).then(|| scale as f32 / units as f32 / 2.0);
        }
        let nal_hrd = bits.flag()? && hrd(bits).is_some();
        let vcl_hrd = bits.flag()? && hrd(bits).is_some();
        if nal_hrd || vcl_hrd {
            bits.flag()?;
        }
        bits.flag()?;
        if bits.flag()? {
            bits.flag()?;
            for _ in 0..4 {
                bits.ue()?;
            }
            self.reordered = Some(bits.ue()?);
        }
        Some(())
    }
}

/// Aspect ratio, overscan, colour, chroma location: the start of the VUI in H.264 and H.265 alike. Gives the colour.
pub(crate) fn picture_properties(bits: &mut Bits<'_>) -> Option<Colour> {
    const EXTENDED_SAR: u32 = 255;
    if bits.flag()? && bits.read(8)? == EXTENDED_SAR {
        bits.skip(32)?;
    }
    if bits.flag()? {
        bits.skip(1)?;
    }
    let mut colour = Colour::default();
    if bits.flag()? {
        bits.skip(3)?;
        colour.full_range = bits.flag()?;
        if bits.flag()? {
            bits.skip(16)?;
            colour.matrix = bits.read(8)? as u8;
        }
    }
    if bits.flag()? {
        bits.ue()?;
        bits.ue()?;
    }
    Some(colour)
}

fn hrd(bits: &mut Bits<'_>) -> Option<()> {
    let count = bits.ue().filter(|&count| count < 32)? + 1;
    bits.skip(8)?;
    for _ in 0..count {
        bits.ue()?;
        bits.ue()?;
        bits.skip(1)?;
    }
    bits.skip(20)
}

/// `avc1.PPCCLL` of a sequence parameter set.
pub fn rfc6381(sps: &[u8]) -> String {
    let byte = |at| sps.get(at).copied().unwrap_or(0);
    format!("avc1.{:02x}{:02x}{:02x}", byte(1), byte(2), byte(3))
}

/// The AVCDecoderConfigurationRecord (content of `avcC`), for 4-byte lengths.
pub fn avcc(params: &VideoParams) -> Vec<u8> {
    let byte = |at| params.sps.get(at).copied().unwrap_or(0);
    let mut record = vec![1, byte(1), byte(2), byte(3), 0xff, 0xe1];
    push_set(&params.sps, &mut record);
    record.push(1);
    push_set(&params.pps, &mut record);
    if let (100 | 110 | 122 | 144, Ok(sps)) = (byte(1), Sps::parse(&params.sps)) {
        let depth = |depth: u8| 0xf8 | (depth - 8);
        record.extend([0xfc | sps.chroma_format, depth(sps.bit_depth_luma), depth(sps.bit_depth_chroma), 0]);
    }
    record
}

pub(crate) fn push_set(set: &[u8], record: &mut Vec<u8>) {
    let set = &set[..set.len().min(usize::from(u16::MAX))];
    record.extend_from_slice(&(set.len() as u16).to_be_bytes());
    record.extend_from_slice(set);
}

pub(crate) fn take_set<'a>(record: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, rest) = record.split_first_chunk::<2>()?;
    let (set, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    *record = rest;
    Some(set)
}

/// Reads an AVCDecoderConfigurationRecord; also tells how many bytes a NAL length has in its samples.
pub fn parse_avcc(record: &[u8]) -> Result<(VideoParams, u8)> {
    let (length_size, sps, pps) = read_avcc(record).ok_or(malformed("avcC", "truncated or without parameter sets"))?;
    Ok((VideoParams::h264(sps, pps)?, length_size))
}

fn read_avcc(record: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (head, mut rest) = record.split_first_chunk::<6>()?;
    let sps = take_sets(&mut rest, head[5] & 0x1f)?;
    let (count, after) = rest.split_first()?;
    rest = after;
    let pps = take_sets(&mut rest, *count)?;
    Some(((head[4] & 3) + 1, sps, pps))
}

/// The first of `count` sets.
fn take_sets<'a>(record: &mut &'a [u8], count: u8) -> Option<&'a [u8]> {
    let first = (count > 0).then(|| take_set(record))??;
    for _ in 1..count {
        take_set(record)?;
    }
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1280x720, High, 25 fps, as a Hikvision camera sends it.
    const HIGH: &[u8] = &[
        0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00,
        0x00, 0x03, 0x03, 0x20, 0xf1, 0x83, 0x19, 0x60,
    ];
    const PPS: &[u8] = &[0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0];
    /// 640x360 with cropping, Baseline.
    const BASELINE: &[u8] = &[
        0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00,
        0x03, 0x00, 0x32, 0x0f, 0x16, 0x2e, 0x48,
    ];

    #[test]
    fn size_rate_and_order_are_read_from_real_parameter_sets() {
        let sps = Sps::parse(HIGH).unwrap();
        assert_eq!((sps.width, sps.height, sps.fps), (1280, 720, Some(25.0)));
        let sps = Sps::parse(BASELINE).unwrap();
        assert_eq!((sps.width, sps.height, sps.fps, sps.reorders), (640, 360, Some(25.0), false));
    }

    #[test]
    fn a_configuration_record_is_written_and_read_alike() {
        let params = VideoParams::h264(HIGH, PPS).unwrap();
        assert_eq!(parse_avcc(&avcc(&params)).unwrap(), (params.clone(), 4));
        assert_eq!(params.rfc6381(), "avc1.64001f");
    }

    #[test]
    fn broken_parameter_sets_are_errors_at_every_length() {
        for len in 0..10 {
            assert!(Sps::parse(&HIGH[..len]).is_err(), "{len} bytes");
        }
        let record = avcc(&VideoParams::h264(HIGH, PPS).unwrap());
        for len in 0..record.len() - 4 {
            assert!(parse_avcc(&record[..len]).is_err(), "{len} bytes");
        }
    }

    proptest::proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Sps::parse(&[&[0x67], &bytes[..]].concat());
            let _ = parse_avcc(&bytes);
        }
    }
}
