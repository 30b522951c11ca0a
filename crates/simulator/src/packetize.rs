//! Cuts coded pictures and sound into RTP packets: H.264 (RFC 6184), H.265 (RFC 7798), AAC (RFC 3640), G.711 (RFC 3551)
//! and Opus (RFC 7587).
//!
//! The packets lie one after another as they travel inside an RTSP connection, so that a whole picture is one write.

/// Bytes of RTP payload in a packet at most: it fits an Ethernet frame with room for headers and a tunnel.
pub const MAX_PAYLOAD: usize = 1400;

/// `$`, channel, length (RFC 2326 §10.12), then the RTP header (RFC 3550 §5.1).
const FRAMING: usize = 4;
const HEADER: usize = FRAMING + 12;

/// The RTP packets of one unit: a coded picture or a piece of sound.
#[derive(Clone, Debug, Default)]
pub struct Packets {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Packets {
    /// No packets yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all packets and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.starts.clear();
    }

    /// Whether there is no packet.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// How many packets there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// All packets, each behind its four bytes of interleaved framing.
    pub fn interleaved(&self) -> &[u8] {
        &self.bytes
    }

    /// Each packet with its interleaved framing.
    pub fn iter_interleaved(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.starts.iter().skip(1).copied().chain([self.bytes.len()]);
        self.starts.iter().zip(ends).map(|(&start, end)| &self.bytes[start..end])
    }

    /// Each packet as a datagram carries it.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.iter_interleaved().map(|packet| &packet[FRAMING..])
    }

    /// Bytes of payload in all packets, as a sender report counts them.
    pub fn octets(&self) -> usize {
        self.bytes.len() - self.starts.len() * HEADER
    }

    /// Writes what differs from session to session; the first packet gets `sequence`, the following ones go on from it.
    pub fn stamp(&mut self, channel: u8, sequence: u16, timestamp: u32, ssrc: u32) {
        for (index, &start) in self.starts.iter().enumerate() {
            let header = &mut self.bytes[start..start + HEADER];
            header[1] = channel;
            header[6..8].copy_from_slice(&sequence.wrapping_add(index as u16).to_be_bytes());
            header[8..12].copy_from_slice(&timestamp.to_be_bytes());
            header[12..16].copy_from_slice(&ssrc.to_be_bytes());
        }
    }

    /// Appends an H.264 picture, given as NAL units without start codes or lengths. Small ones share a packet (STAP-A),
    /// large ones are cut (FU-A); the last packet carries the marker.
    pub fn h264(&mut self, payload_type: u8, nals: &[&[u8]]) {
        let mut rest = nals;
        while let Some((first, others)) = rest.split_first() {
            let together = aggregate(rest, 1);
            if together > 1 {
                self.aggregation(payload_type, &rest[..together], &[24 | strongest_nri(&rest[..together])]);
                rest = &rest[together..];
                continue;
            }
            match first.split_first() {
                Some((&head, body)) if first.len() > MAX_PAYLOAD => {
                    self.fragments(payload_type, &[(head & 0xE0) | 28], head & 0x1F, body);
                }
                _ => self.packet(payload_type, &[first]),
            }
            rest = others;
        }
        self.mark();
    }

    /// Appends an H.265 picture, given as NAL units. Small ones share a packet (AP, type 48), large ones are cut
    /// (FU, type 49); the last packet carries the marker.
    pub fn h265(&mut self, payload_type: u8, nals: &[&[u8]]) {
        let mut rest = nals;
        while let Some((first, others)) = rest.split_first() {
            let together = aggregate(rest, 2);
            if together > 1 {
                self.aggregation(payload_type, &rest[..together], &[48 << 1, 1]);
                rest = &rest[together..];
                continue;
            }
            match **first {
                [head, layer, ref body @ ..] if first.len() > MAX_PAYLOAD => {
                    self.fragments(payload_type, &[(head & 0x81) | 49 << 1, layer], (head >> 1) & 0x3F, body);
                }
                _ => self.packet(payload_type, &[first]),
            }
            rest = others;
        }
        self.mark();
    }

    /// Appends one AAC access unit in the mode AAC-hbr (13 bits of size, 3 of index). One larger than a packet is cut
    /// as RFC 3640 §3.2.3.1 says: each piece tells the size of the whole.
    pub fn aac(&mut self, payload_type: u8, unit: &[u8]) {
        let size = (unit.len().min(0x1FFF) as u16) << 3;
        let header = [0, 16, (size >> 8) as u8, size as u8];
        for piece in unit.chunks(MAX_PAYLOAD - header.len()) {
            self.packet(payload_type, &[&header, piece]);
        }
        self.mark();
    }

    /// Appends one packet with a payload that needs no framing of its own: G.711 or Opus.
    pub fn whole(&mut self, payload_type: u8, payload: &[u8]) {
        self.packet(payload_type, &[payload]);
    }

    fn packet(&mut self, payload_type: u8, parts: &[&[u8]]) {
        let start = self.bytes.len();
        let len = 12 + parts.iter().map(|part| part.len()).sum::<usize>();
        self.starts.push(start);
        self.bytes.extend([b'$', 0, (len >> 8) as u8, len as u8, 0x80, payload_type & 0x7F]);
        self.bytes.resize(start + HEADER, 0);
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
    }

    fn aggregation(&mut self, payload_type: u8, nals: &[&[u8]], head: &[u8]) {
        let sizes: Vec<[u8; 2]> = nals.iter().map(|nal| (nal.len() as u16).to_be_bytes()).collect();
        let mut parts = vec![head];
        for (size, nal) in sizes.iter().zip(nals) {
            parts.extend([&size[..], nal]);
        }
        self.packet(payload_type, &parts);
    }

    fn fragments(&mut self, payload_type: u8, head: &[u8], kind: u8, body: &[u8]) {
        let pieces = body.chunks(MAX_PAYLOAD - head.len() - 1);
        let last = pieces.len() - 1;
        for (index, piece) in pieces.enumerate() {
            let edges = if index == 0 { 0x80 } else { 0 } | if index == last { 0x40 } else { 0 };
            self.packet(payload_type, &[head, &[edges | kind], piece]);
        }
    }

    fn mark(&mut self) {
        if let Some(&start) = self.starts.last() {
            self.bytes[start + 5] |= 0x80;
        }
    }
}

/// How many of the leading NAL units fit one aggregation packet whose own head takes `head` bytes.
fn aggregate(nals: &[&[u8]], head: usize) -> usize {
    let mut len = head;
    nals.iter()
        .take_while(|nal| {
            len += 2 + nal.len();
            len <= MAX_PAYLOAD
        })
        .count()
}

/// RFC 6184 §5.7: the aggregate is as important as the most important NAL unit in it.
fn strongest_nri(nals: &[&[u8]]) -> u8 {
    nals.iter().filter_map(|nal| nal.first()).map(|head| head & 0x60).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payloads(packets: &Packets) -> Vec<Vec<u8>> {
        packets.iter().map(|packet| packet[12..].to_vec()).collect()
    }

    fn markers(packets: &Packets) -> Vec<bool> {
        packets.iter().map(|packet| packet[1] & 0x80 != 0).collect()
    }

    #[test]
    fn parameter_sets_share_a_packet_and_a_large_picture_is_cut() {
        let (sps, pps) = ([0x67, 1, 2], [0x68, 3]);
        let picture: Vec<u8> = std::iter::once(0x65).chain((0..3000).map(|n| n as u8)).collect();
        let mut packets = Packets::new();
        packets.h264(96, &[&sps, &pps, &picture]);
        let payloads = payloads(&packets);
        assert_eq!(payloads[0], [0x78, 0, 3, 0x67, 1, 2, 0, 2, 0x68, 3], "STAP-A with the strongest NRI");
        let kinds: Vec<_> = payloads[1..].iter().map(|payload| (payload[0], payload[1])).collect();
        assert_eq!(kinds, [(0x7C, 0x85), (0x7C, 0x05), (0x7C, 0x45)], "FU-A: start, middle, end of type 5");
        let body: Vec<u8> = payloads[1..].iter().flat_map(|payload| payload[2..].to_vec()).collect();
        assert_eq!(body, picture[1..]);
        assert!(payloads.iter().all(|payload| payload.len() <= MAX_PAYLOAD));
        assert_eq!(markers(&packets), [false, false, false, true]);
    }

    #[test]
    fn h265_keeps_the_layer_and_temporal_id_of_a_cut_unit() {
        let picture: Vec<u8> = [0x26, 0x01].into_iter().chain((0..2000).map(|n| n as u8)).collect();
        let mut packets = Packets::new();
        packets.h265(97, &[&[0x40, 1, 9], &[0x42, 1, 8], &[0x44, 1, 7], &picture]);
        let payloads = payloads(&packets);
        assert_eq!(&payloads[0][..5], [0x60, 1, 0, 3, 0x40]);
        assert_eq!(&payloads[1][..3], [0x62, 1, 0x80 | 19]);
        assert_eq!(&payloads[2][..3], [0x62, 1, 0x40 | 19]);
        let body: Vec<u8> = payloads[1..].iter().flat_map(|payload| payload[3..].to_vec()).collect();
        assert_eq!(body, picture[2..]);
    }

    #[test]
    fn an_aac_unit_tells_its_size_and_sound_is_whole() {
        let mut packets = Packets::new();
        packets.aac(98, &[7; 200]);
        assert_eq!(&payloads(&packets)[0][..5], [0, 16, 6, 64, 7], "200 << 3 = 0x640");
        packets.clear();
        packets.aac(98, &[7; 3000]);
        assert_eq!(packets.len(), 3);
        assert!(payloads(&packets).iter().all(|payload| payload[..4] == [0, 16, 0x5D, 0xC0]));
        packets.clear();
        packets.whole(8, &[0xD5; 160]);
        assert_eq!((packets.len(), packets.octets(), markers(&packets)[0]), (1, 160, false));
    }

    #[test]
    fn a_stamp_numbers_the_packets_of_a_unit_across_the_wrap() {
        let mut packets = Packets::new();
        packets.h264(96, &[&[0x41; 4000]]);
        packets.stamp(2, 0xFFFF, 0x01020304, 0x0A0B0C0D);
        let sequences: Vec<_> = packets.iter().map(|p| u16::from_be_bytes([p[2], p[3]])).collect();
        assert_eq!(sequences, [0xFFFF, 0, 1]);
        for packet in packets.iter_interleaved() {
            assert_eq!(packet[..2], [b'$', 2]);
            assert_eq!(usize::from(u16::from_be_bytes([packet[2], packet[3]])), packet.len() - 4);
            assert_eq!(packet[8..16], [1, 2, 3, 4, 10, 11, 12, 13]);
        }
    }
}
