//! H.265: NAL unit types, the sequence parameter set, and the decoder configuration of ISO/IEC 14496-15 8.3.3.

use crate::{Result, VideoParams, bits::Bits, h264, malformed, nal};

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

/// The largest width and height that is believed, in pixels.
const MAX_SIDE: u32 = 16_384;

/// What a sequence parameter set says (H.265 7.3.2.2 and annex E).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sps {
    /// general_profile_space to general_level_idc, as they stand in the set and in `hvcC`.
    pub profile_tier_level: [u8; 12],
    pub temporal_layers: u8,
    pub temporal_nesting: bool,
    pub chroma_format: u8,
    pub bit_depth_luma: u8,
    pub bit_depth_chroma: u8,
    /// In pixels, cropped.
    pub width: u32,
    /// In pixels, cropped.
    pub height: u32,
    /// Pictures a second, if timing is told.
    pub fps: Option<f32>,
    /// Whether pictures may be shown in another order than they are coded.
    pub reorders: bool,
    pub colour: h264::Colour,
}

impl Sps {
    /// Reads the NAL unit of a sequence parameter set, header included. Without a readable VUI the rate is unknown.
    pub fn parse(sps: &[u8]) -> Result<Self> {
        if nal_type(sps) != nal_type::SPS || sps.len() < 2 {
            return Err(malformed("h265", "not a sequence parameter set"));
        }
        let rbsp = nal::unescape(&sps[2..sps.len().min(8192)]);
        let parsed = Self::read(&rbsp).ok_or(malformed("h265", "broken sequence parameter set"))?;
        let believable = (1..=MAX_SIDE).contains(&parsed.width) && (1..=MAX_SIDE).contains(&parsed.height);
        if believable { Ok(parsed) } else { Err(malformed("h265", "impossible picture size")) }
    }

    fn read(rbsp: &[u8]) -> Option<Self> {
        let profile_tier_level = *rbsp.get(1..)?.first_chunk::<12>()?;
        let mut reader = Bits::new(rbsp);
        let bits = &mut reader;
        bits.skip(4)?;
        let extra_layers = bits.read(3)?;
        let temporal_nesting = bits.flag()?;
        bits.skip(96)?;
        sub_layers(bits, extra_layers)?;
        bits.ue()?;
        let chroma_format = bits.ue().filter(|&format| format <= 3)?;
        let planes = chroma_format == 3 && bits.flag()?;
        let (columns, rows) = (bits.ue()?, bits.ue()?);
        let (unit_x, unit_y) = match chroma_format {
            1 if !planes => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let crop = if bits.flag()? { [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?] } else { [0; 4] };
        let cut = |side: u32, a: u32, b: u32, unit: u32| side.checked_sub(a.checked_add(b)?.checked_mul(unit)?);
        let luma = 8 + bits.ue().filter(|&depth| depth <= 8)?;
        let chroma = 8 + bits.ue().filter(|&depth| depth <= 8)?;
        let order_bits = bits.ue().filter(|&log| log <= 12)? + 4;
        let reorders = ordering(bits, extra_layers)? > 0;
        let (mut fps, mut colour) = (None, h264::Colour::default());
        vui(bits, order_bits, &mut fps, &mut colour);
        Some(Self {
            profile_tier_level,
            temporal_layers: extra_layers as u8 + 1,
            temporal_nesting,
            chroma_format: chroma_format as u8,
            bit_depth_luma: luma as u8,
            bit_depth_chroma: chroma as u8,
            width: cut(columns, crop[0], crop[1], unit_x)?,
            height: cut(rows, crop[2], crop[3], unit_y)?,
            fps,
            reorders,
            colour,
        })
    }
}

/// Passes over what profile_tier_level says of sub-layers (7.3.3).
fn sub_layers(bits: &mut Bits<'_>, extra_layers: u32) -> Option<()> {
    let mut flags = [(false, false); 8];
    for flag in flags.iter_mut().take(extra_layers as usize) {
        *flag = (bits.flag()?, bits.flag()?);
    }
    if extra_layers > 0 {
        bits.skip(2 * (8 - extra_layers as usize))?;
    }
    for (profile, level) in flags {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(())
}

/// Passes over the sizes of the picture buffer and gives how many pictures may overtake another.
fn ordering(bits: &mut Bits<'_>, extra_layers: u32) -> Option<u32> {
    let told = if bits.flag()? { extra_layers + 1 } else { 1 };
    let mut reordered = 0;
    for _ in 0..told {
        bits.ue()?;
        reordered = bits.ue()?;
        bits.ue()?;
    }
    Some(reordered)
}

/// The rest of the set up to the timing in its VUI; stops at the first field that is not there.
fn vui(bits: &mut Bits<'_>, order_bits: u32, fps: &mut Option<f32>, colour: &mut h264::Colour) -> Option<()> {
    for _ in 0..6 {
        bits.ue()?;
    }
    if bits.flag()? && bits.flag()? {
        scaling_lists(bits)?;
    }
    bits.skip(2)?;
    if bits.flag()? {
        bits.skip(8)?;
        bits.ue()?;
        bits.ue()?;
        bits.skip(1)?;
    }
    short_term_sets(bits)?;
    if bits.flag()? {
        let count = bits.ue().filter(|&count| count <= 32)?;
        bits.skip((order_bits as usize + 1) * count as usize)?;
    }
    bits.skip(2)?;
    if !bits.flag()? {
        return None;
    }
    *colour = h264::picture_properties(bits)?;
    bits.skip(3)?;
    if bits.flag()? {
        for _ in 0..4 {
            bits.ue()?;
        }
    }
    if !bits.flag()? {
        return None;
    }
    let (units, scale) = (bits.read(32)?, bits.read(32)?);
    *fps = (units > 0 && scale > 0).then(|| scale as f32 / units as f32);
    Some(())
}

fn scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4 {
        for _ in (0..6).step_by(if size == 3 { 3 } else { 1 }) {
            if !bits.flag()? {
                bits.ue()?;
                continue;
            }
            let coefficients = if size == 0 { 16 } else { 64 };
            for _ in 0..coefficients + usize::from(size > 1) {
                bits.se()?;
            }
        }
    }
    Some(())
}

/// Passes over the short-term reference picture sets (7.3.7), at most 64.
fn short_term_sets(bits: &mut Bits<'_>) -> Option<()> {
    let mut pictures = 0;
    for index in 0..bits.ue().filter(|&count| count <= 64)? {
        pictures = if index > 0 && bits.flag()? { predicted_set(bits, pictures)? } else { plain_set(bits)? };
    }
    Some(())
}

fn predicted_set(bits: &mut Bits<'_>, of: u32) -> Option<u32> {
    bits.flag()?;
    bits.ue()?;
    let mut pictures = 0;
    for _ in 0..=of {
        pictures += u32::from(bits.flag()? || bits.flag()?);
    }
    Some(pictures)
}

fn plain_set(bits: &mut Bits<'_>) -> Option<u32> {
    let (negative, positive) = (bits.ue()?, bits.ue()?);
    let pictures = negative.checked_add(positive).filter(|&pictures| pictures <= 32)?;
    for _ in 0..pictures {
        bits.ue()?;
        bits.flag()?;
    }
    Some(pictures)
}

/// `hvc1.…` of a sequence parameter set (ISO/IEC 14496-15 annex E); `hvc1` alone if it cannot be read.
pub fn rfc6381(sps: &[u8]) -> String {
    let Ok(parsed) = Sps::parse(sps) else { return "hvc1".into() };
    let [profile, compatibility @ .., level] = parsed.profile_tier_level;
    let (compatibility, constraints) = compatibility.split_at(4);
    let flags = compatibility.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte)).reverse_bits();
    let space = ["", "A", "B", "C"][usize::from(profile >> 6)];
    let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
    let mut text = format!("hvc1.{space}{}.{flags:x}.{tier}{level}", profile & 0x1f);
    let told = constraints.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    for byte in &constraints[..told] {
        text += &format!(".{byte:X}");
    }
    text
}

/// The HEVCDecoderConfigurationRecord (content of `hvcC`), for 4-byte lengths.
pub fn hvcc(params: &VideoParams) -> Vec<u8> {
    let mut record = vec![1];
    match Sps::parse(&params.sps) {
        Ok(sps) => {
            record.extend(sps.profile_tier_level);
            record.extend([0xf0, 0, 0xfc, 0xfc | sps.chroma_format]);
            record.extend([0xf8 | (sps.bit_depth_luma - 8), 0xf8 | (sps.bit_depth_chroma - 8), 0, 0]);
            record.push(sps.temporal_layers << 3 | u8::from(sps.temporal_nesting) << 2 | 3);
        }
        Err(_) => record.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f]),
    }
    record.push(3);
    for (kind, set) in [(nal_type::VPS, &params.vps), (nal_type::SPS, &params.sps), (nal_type::PPS, &params.pps)] {
        record.extend([0x80 | kind, 0, 1]);
        h264::push_set(set, &mut record);
    }
    record
}

/// Reads an HEVCDecoderConfigurationRecord; also tells how many bytes a NAL length has in its samples.
pub fn parse_hvcc(record: &[u8]) -> Result<(VideoParams, u8)> {
    let (length_size, [vps, sps, pps]) = read_hvcc(record).ok_or(malformed("hvcC", "truncated"))?;
    Ok((VideoParams::h265(vps, sps, pps)?, length_size))
}

/// The length size and the first set of each kind.
fn read_hvcc(record: &[u8]) -> Option<(u8, [&[u8]; 3])> {
    let (head, mut rest) = record.split_first_chunk::<23>()?;
    let mut sets: [&[u8]; 3] = [&[]; 3];
    for _ in 0..head[22] {
        let (array, after) = rest.split_first_chunk::<3>()?;
        rest = after;
        for _ in 0..u16::from_be_bytes([array[1], array[2]]) {
            let set = h264::take_set(&mut rest)?;
            if let Some(slot @ &mut []) = sets.get_mut(usize::from((array[0] & 0x3f).wrapping_sub(nal_type::VPS))) {
                *slot = set;
            }
        }
    }
    Some(((head[21] & 3) + 1, sets))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VPS: &[u8] = &[
        0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00,
        0x03, 0x00, 0x5d, 0x95, 0x98, 0x09,
    ];
    /// 1280x720, Main, 25 fps, as x265 writes it.
    const SPS: &[u8] = &[
        0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x5d,
        0xa0, 0x02, 0x80, 0x80, 0x2d, 0x16, 0x59, 0x59, 0xa4, 0x93, 0x2b, 0xc0, 0x5a, 0x02, 0x00, 0x00, 0x03, 0x00,
        0x02, 0x00, 0x00, 0x03, 0x00, 0x32, 0x10,
    ];
    const PPS: &[u8] = &[0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40];

    #[test]
    fn size_rate_and_profile_are_read_from_a_real_parameter_set() {
        let sps = Sps::parse(SPS).unwrap();
        assert_eq!((sps.width, sps.height, sps.fps), (1280, 720, Some(25.0)));
        assert_eq!(rfc6381(SPS), "hvc1.1.6.L93.90");
    }

    #[test]
    fn a_configuration_record_is_written_and_read_alike() {
        let params = VideoParams::h265(VPS, SPS, PPS).unwrap();
        assert_eq!(parse_hvcc(&hvcc(&params)).unwrap(), (params, 4));
    }

    #[test]
    fn broken_parameter_sets_are_errors_at_every_length() {
        for len in 0..20 {
            assert!(Sps::parse(&SPS[..len]).is_err(), "{len} bytes");
        }
        let record = hvcc(&VideoParams::h265(VPS, SPS, PPS).unwrap());
        for len in 0..record.len() {
            assert!(parse_hvcc(&record[..len]).is_err(), "{len} bytes");
        }
    }

    proptest::proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Sps::parse(&[&[0x42, 1], &bytes[..]].concat());
            let _ = parse_hvcc(&bytes);
        }
    }
}
