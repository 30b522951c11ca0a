//! Opus: the identification header of RFC 7845 and the length of a packet, RFC 6716 3.1.

/// RTP clock and decoded rate of Opus (RFC 7587).
pub const RATE: u32 = 48_000;

/// Samples at 48 kHz that a decoder drops at the start, as libopus encoders tell.
pub const PRE_SKIP: u16 = 312;

/// An OpusHead (RFC 7845 5.1) for one or two channels at 48 kHz.
pub fn head(channels: u8) -> Vec<u8> {
    let mut head = b"OpusHead\x01".to_vec();
    head.push(channels);
    head.extend_from_slice(&PRE_SKIP.to_le_bytes());
    head.extend_from_slice(&RATE.to_le_bytes());
    head.extend_from_slice(&[0, 0, 0]);
    head
}

/// Samples at 48 kHz in a packet, from its table-of-contents byte; none for an empty or impossible packet.
pub fn samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1920, 2880][usize::from(config % 4)],
        config @ 12..=15 => [480, 960][usize::from(config % 2)],
        config => [120, 240, 480, 960][usize::from(config % 4)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    Some(frame * frames).filter(|&samples| (1..=5760).contains(&samples))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_packet_is_told_by_its_first_bytes() {
        assert_eq!(samples(&[0xfc]), Some(960), "CELT, full band, 20 ms");
        assert_eq!(samples(&[0x08]), Some(960), "SILK, narrow band, 20 ms");
        assert_eq!(samples(&[0xff, 0x03]), Some(2880), "three frames");
        assert_eq!(samples(&[0xff]), None);
        assert_eq!(samples(&[0xff, 0x3f]), None, "longer than 120 ms");
        assert_eq!(samples(&[]), None);
    }

    #[test]
    fn the_head_has_the_nineteen_bytes_of_the_standard() {
        assert_eq!(head(2).len(), 19);
        assert_eq!(&head(2)[9..12], &[2, 56, 1]);
    }
}
