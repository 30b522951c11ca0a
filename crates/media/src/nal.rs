//! NAL units: Annex B start codes to and from 4-byte lengths, and emulation prevention.

use crate::VideoCodec;

/// Splits an Annex B byte stream at its start codes (00 00 01, with any zeros before); what stands before the first
/// start code is a NAL unit too, so that a bare NAL unit comes back whole.
pub fn annex_b(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(stream);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let (nal, next) = match start_code(bytes) {
            Some(at) => (&bytes[..at], Some(&bytes[at + 3..])),
            None => (bytes, None),
        };
        rest = next;
        Some(trim(nal))
    })
    .filter(|nal| !nal.is_empty())
}

/// Where the first 00 00 01 stands.
pub fn start_code(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, &[0, 0, 1])
}

/// A NAL unit never ends with a zero byte (H.264 7.4.1): zeros belong to the start code that follows.
fn trim(nal: &[u8]) -> &[u8] {
    let zeros = nal.iter().rev().take_while(|&&byte| byte == 0).count();
    &nal[..nal.len() - zeros]
}

/// The NAL units of a sample with 4-byte lengths; stops at a length that does not fit.
pub fn prefixed(sample: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = sample;
    std::iter::from_fn(move || {
        let (len, after) = rest.split_first_chunk::<4>()?;
        let (nal, next) = after.split_at_checked(u32::from_be_bytes(*len) as usize)?;
        rest = next;
        Some(nal)
    })
}

/// Appends a NAL unit with its 4-byte length.
pub fn push_prefixed(nal: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(nal.len() as u32).to_be_bytes());
    out.extend_from_slice(nal);
}

/// The sample as Annex B, which is what decoders take.
pub fn to_annex_b(sample: &[u8], out: &mut Vec<u8>) {
    for nal in prefixed(sample) {
        out.extend_from_slice(&[0, 0, 0, 1]);
        out.extend_from_slice(nal);
    }
}

/// The NAL unit without emulation prevention bytes (00 00 03 becomes 00 00), H.264 7.3.1.
pub fn unescape(nal: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if byte == 3 && zeros >= 2 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

/// Whether the sample (4-byte lengths) holds a picture that decoding can start at.
pub fn is_key(codec: VideoCodec, sample: &[u8]) -> bool {
    prefixed(sample).any(|nal| match codec {
        VideoCodec::H264 => crate::h264::is_key(nal),
        VideoCodec::H265 => crate::h265::is_key(nal),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_codes_of_both_lengths_split_and_a_bare_nal_comes_back_whole() {
        let stream = [0, 0, 0, 1, 7, 8, 0, 0, 1, 9, 0, 0, 0, 1, 5, 0, 0, 3, 1];
        let nals: Vec<_> = annex_b(&stream).collect();
        assert_eq!(nals, [&[7, 8][..], &[9], &[5, 0, 0, 3, 1]]);
        assert_eq!(annex_b(&[5, 6]).collect::<Vec<_>>(), [&[5, 6]]);
        assert_eq!(annex_b(&[0, 0, 1]).count(), 0);
    }

    #[test]
    fn lengths_and_start_codes_carry_the_same_nals() {
        let mut sample = Vec::new();
        push_prefixed(&[0x67, 1], &mut sample);
        push_prefixed(&[0x65, 2, 3], &mut sample);
        let mut stream = Vec::new();
        to_annex_b(&sample, &mut stream);
        assert!(annex_b(&stream).eq(prefixed(&sample)));
        assert!(is_key(VideoCodec::H264, &sample));
        sample.truncate(sample.len() - 1);
        assert_eq!(prefixed(&sample).count(), 1, "a length that does not fit ends the sample");
    }

    #[test]
    fn emulation_prevention_is_undone_once() {
        assert_eq!(unescape(&[0, 0, 3, 0, 0, 3, 1, 3]), [0, 0, 0, 0, 1, 3]);
        assert_eq!(unescape(&[0, 0, 3, 3]), [0, 0, 3]);
    }
}
