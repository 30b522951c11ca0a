//! The RTP header (RFC 3550 5.1).

use crate::{Result, malformed};

/// A packet on borrowed bytes; CSRCs, extension and padding are left out of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub marker: bool,
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads the header; an error if the packet is not RTP version 2 or shorter than it says.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let (head, mut rest) = bytes.split_first_chunk::<12>().ok_or(malformed("rtp", "shorter than its header"))?;
        if head[0] >> 6 != 2 {
            return Err(malformed("rtp", "not version 2"));
        }
        if head[0] & 0x1f != 0 {
            rest = rest.get(usize::from(head[0] & 0x0f) * 4..).ok_or(malformed("rtp", "truncated sources"))?;
        }
        if head[0] & 0x10 != 0 {
            rest = after_extension(rest).ok_or(malformed("rtp", "truncated extension"))?;
        }
        if head[0] & 0x20 != 0 {
            rest = before_padding(rest).ok_or(malformed("rtp", "more padding than payload"))?;
        }
        Ok(Self {
            payload_type: head[1] & 0x7f,
            marker: head[1] & 0x80 != 0,
            sequence: u16::from_be_bytes([head[2], head[3]]),
            timestamp: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            ssrc: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
            payload: rest,
        })
    }
}

fn after_extension(rest: &[u8]) -> Option<&[u8]> {
    let (head, rest) = rest.split_first_chunk::<4>()?;
    rest.get(usize::from(u16::from_be_bytes([head[2], head[3]])) * 4..)
}

fn before_padding(rest: &[u8]) -> Option<&[u8]> {
    let padding = usize::from(*rest.last()?);
    (padding != 0).then(|| rest.len().checked_sub(padding)).flatten().map(|len| &rest[..len])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_extension_and_padding_are_no_payload() {
        let mut bytes = vec![0xb1, 0xe0, 0, 7, 0, 0, 0, 9, 1, 2, 3, 4];
        bytes.extend([9; 4]);
        bytes.extend([0xbe, 0xde, 0, 1, 0, 0, 0, 0]);
        bytes.extend([b'h', b'i', 0, 0, 3]);
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.payload, b"hi");
        assert_eq!((packet.payload_type, packet.marker, packet.sequence, packet.timestamp), (96, true, 7, 9));
        assert_eq!(packet.ssrc, 0x01020304);
    }

    #[test]
    fn a_packet_shorter_than_it_says_is_an_error_at_every_length() {
        let bytes = [0xb1, 0xe0, 0, 7, 0, 0, 0, 9, 1, 2, 3, 4, 9, 9, 9, 9, 0xbe, 0xde, 0, 1, 0, 0, 0, 0, 7];
        for len in 0..=bytes.len() {
            assert!(Packet::parse(&bytes[..len]).is_err(), "{len} bytes");
        }
    }
}
