//! Gives pictures coded by openh264 an order of presentation of their own (H.264 §8.2.1).
//!
//! openh264 makes no B frames, and its pictures are shown in the order in which they are coded (picture order count
//! type 2). Here the sequence parameter set is rewritten to type 0 with one reordered picture, and each slice header
//! gets its count: then pictures may be coded 0 2 1 4 3, which is what B frames look like to whoever carries them.

use media::{bits::Bits, nal};

/// Bits of a picture order count in a slice header.
const COUNT_BITS: u32 = 8;

/// Decoded pictures that a decoder keeps. Two would do, but some decoders want room.
const DECODED: u32 = 4;

/// Rewrites the NAL units of a picture whose order of presentation within its group is `count` (2 for each picture).
/// Units that are neither parameter set nor slice stay as they are.
pub(crate) fn rewrite(nals: &[&[u8]], count: u32, frame_num_bits: &mut u32) -> Option<Vec<Vec<u8>>> {
    nals.iter()
        .map(|unit| match unit.first()? & 0x1F {
            7 => sequence_parameters(unit, frame_num_bits),
            1 | 5 => slice(unit, count, *frame_num_bits),
            _ => Some(unit.to_vec()),
        })
        .collect()
}

/// The sequence parameter set (§7.3.2.1.1, E.1.1) as one of main profile with type 0, one reordered picture and room for
/// it. Tells how many bits a frame number has in its slices.
fn sequence_parameters(unit: &[u8], frame_num_bits: &mut u32) -> Option<Vec<u8>> {
    let bytes = nal::unescape(unit);
    let mut copy = Copy { from: Bits::new(&bytes), to: BitWriter::default(), position: 0 };
    copy.bits(8)?; // NAL unit header
    copy.from.read(16)?;
    copy.to.bits(77 << 8, 16); // main profile, of which baseline without its extras is a part; no constraints
    copy.bits(8)?; // level
    copy.ue()?; // seq_parameter_set_id
    *frame_num_bits = copy.ue()? + 4;
    (copy.from.ue()? == 2).then_some(())?;
    copy.to.ue(0); // pic_order_cnt_type
    copy.to.ue(COUNT_BITS - 4);
    copy.from.ue()?;
    copy.to.ue(DECODED); // max_num_ref_frames
    copy.bits(1)?; // gaps_in_frame_num_value_allowed_flag
    copy.ue()?; // pic_width_in_mbs_minus1
    copy.ue()?; // pic_height_in_map_units_minus1
    copy.bits(2)?; // frame_mbs_only_flag, direct_8x8_inference_flag
    if copy.bits(1)? == 1 {
        (0..4).try_for_each(|_| copy.ue().map(drop))?; // cropping
    }
    (copy.bits(1)? == 1).then_some(())?; // vui_parameters_present_flag
    usability(&mut copy)?;
    Some(copy.finish())
}

/// The usability information as openh264 writes it, up to its end, with the reordering changed.
fn usability(copy: &mut Copy<'_>) -> Option<()> {
    if copy.bits(1)? == 1 && copy.bits(8)? == 255 {
        copy.bits(32)?; // aspect ratio
    }
    if copy.bits(1)? == 1 {
        copy.bits(1)?; // overscan
    }
    if copy.bits(1)? == 1 {
        copy.bits(4)?; // video_format, video_full_range_flag
        if copy.bits(1)? == 1 {
            copy.bits(24)?; // colour
        }
    }
    // chroma_loc_info, timing_info, nal_hrd, vcl_hrd, pic_struct: all absent; bitstream_restriction: present.
    (copy.bits(6)? == 1).then_some(())?;
    copy.bits(1)?; // motion_vectors_over_pic_boundaries_flag
    (0..4).try_for_each(|_| copy.ue().map(drop))?;
    copy.from.ue()?;
    copy.to.ue(1); // max_num_reorder_frames
    copy.from.ue()?;
    copy.to.ue(DECODED); // max_dec_frame_buffering
    Some(())
}

/// A slice (§7.3.3) with its picture order count put in behind the frame number.
fn slice(unit: &[u8], count: u32, frame_num_bits: u32) -> Option<Vec<u8>> {
    let bytes = nal::unescape(unit);
    let mut copy = Copy { from: Bits::new(&bytes), to: BitWriter::default(), position: 0 };
    copy.bits(8)?; // NAL unit header
    (0..3).try_for_each(|_| copy.ue().map(drop))?; // first_mb_in_slice, slice_type, pic_parameter_set_id
    copy.bits(frame_num_bits)?;
    if unit[0] & 0x1F == 5 {
        copy.ue()?; // idr_pic_id
    }
    copy.to.bits(count & ((1 << COUNT_BITS) - 1), COUNT_BITS);
    // The rest, up to and with the stop bit: the last one that is set.
    let end = bytes.len() * 8 - bytes.last()?.trailing_zeros() as usize;
    let mut position = copy.position;
    while position < end {
        let step = (end - position).min(32);
        copy.bits(step as u32)?;
        position += step;
    }
    Some(copy.to.escaped())
}

/// Copies a bit stream and counts what was read.
struct Copy<'a> {
    from: Bits<'a>,
    to: BitWriter,
    position: usize,
}

impl Copy<'_> {
    fn bits(&mut self, count: u32) -> Option<u32> {
        let value = self.from.read(count)?;
        self.to.bits(value, count);
        self.position += count as usize;
        Some(value)
    }

    fn ue(&mut self) -> Option<u32> {
        let value = self.from.ue()?;
        self.position += self.to.ue(value);
        Some(value)
    }

    fn finish(mut self) -> Vec<u8> {
        self.to.bits(1, 1);
        self.to.escaped()
    }
}

#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    used: usize,
}

impl BitWriter {
    fn bits(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> bit & 1) as u8) << (7 - self.used % 8);
            }
            self.used += 1;
        }
    }

    /// An unsigned Exp-Golomb code; answers how many bits it has.
    fn ue(&mut self, value: u32) -> usize {
        let len = (value + 1).ilog2();
        self.bits(0, len);
        self.bits(value + 1, len + 1);
        2 * len as usize + 1
    }

    /// The bytes with emulation prevention (§7.4.1).
    fn escaped(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() + 16);
        let mut zeros = 0;
        for &byte in &self.bytes {
            if zeros >= 2 && byte <= 3 {
                out.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            out.push(byte);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{Encoder, Settings};
    use crate::scene::canvas::Yuv;

    /// Frame number, picture order count, and the bits that follow, of a rewritten slice.
    fn read_slice(unit: &[u8], frame_num_bits: u32) -> (u32, u32, Vec<bool>) {
        let bytes = nal::unescape(unit);
        let mut bits = Bits::new(&bytes);
        bits.skip(8).unwrap();
        (0..3).for_each(|_| assert!(bits.ue().is_some()));
        let number = bits.read(frame_num_bits).unwrap();
        if unit[0] & 0x1F == 5 {
            bits.ue().unwrap();
        }
        let count = bits.read(COUNT_BITS).unwrap();
        (number, count, std::iter::from_fn(|| bits.flag()).collect())
    }

    #[test]
    fn slices_get_their_count_and_keep_the_rest_and_the_parameters_tell_of_reordering() {
        let mut encoder = Encoder::new(Settings { fps: 10, rate: 500_000, most_qp: 40 }).unwrap();
        let mut picture = Yuv::new(640, 360);
        let mut bits = 0;
        for (number, shown) in [0u32, 2, 1, 4, 3].into_iter().enumerate() {
            picture.y.iter_mut().enumerate().for_each(|(at, luma)| *luma = (at as u32 * (shown + 3) / 7) as u8);
            let coded = encoder.encode(&picture).unwrap();
            let units = rewrite(&coded.nals(), 2 * shown, &mut bits).unwrap();
            if number == 0 {
                let sps = media::h264::Sps::parse(&units[0]).unwrap();
                assert_eq!((sps.reorders, sps.width, sps.height), (true, 640, 360));
            }
            let (told, count, rest) = read_slice(units.last().unwrap(), bits);
            assert_eq!((told, count), (number as u32, 2 * shown));
            // Without the count, what follows is what the encoder wrote.
            let plain = nal::unescape(coded.nals().last().unwrap());
            let plain: Vec<bool> =
                plain.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
            let ends = |bits: &[bool]| bits.iter().rposition(|&bit| bit).unwrap();
            let rest = &rest[..=ends(&rest)];
            assert_eq!(rest, &plain[ends(&plain) + 1 - rest.len()..=ends(&plain)]);
        }
    }

    #[test]
    fn nonsense_is_not_rewritten() {
        for unit in [&[0x67u8][..], &[0x67, 66, 0, 30, 0xFF, 0xFF], &[0x61], &[]] {
            assert!(rewrite(&[unit], 0, &mut 4).is_none());
        }
    }
}
