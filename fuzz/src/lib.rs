//! What several fuzz targets share: RTP streams written as records and the promises of a depacketizer; key frames and
//! the promises of a decoder.

use media::{
    VideoCodec, VideoParams, h264, h265, nal,
    rtp::{Depacketizer, Packet},
    sdp,
};

/// A panic inside a decoder is caught and becomes an error, so it must not end the process as fuzzing would have it.
/// Any other panic still does: the fuzzer's own frame catches it and aborts.
pub fn let_decoders_panic() {
    std::panic::set_hook(Box::new(|_| {}));
}

/// Decodes an access unit with 4-byte lengths, with the parameter sets that stand in it.
pub fn key_frame(codec: VideoCodec, unit: &[u8]) {
    let find = |wanted: u8| {
        let kind = |nal: &[u8]| match codec {
            VideoCodec::H264 => h264::nal_type(nal),
            VideoCodec::H265 => h265::nal_type(nal),
        };
        nal::prefixed(unit).find(|nal| kind(nal) == wanted).map(<[u8]>::to_vec).unwrap_or_default()
    };
    let (vps, sps, pps) = match codec {
        VideoCodec::H264 => (vec![], find(7), find(8)),
        VideoCodec::H265 => (find(32), find(33), find(34)),
    };
    let params = VideoParams { codec, width: 64, height: 64, fps: None, vps, sps, pps };
    let Ok(mut decoder) = vision::decoder(&params) else { return };
    if let Ok(picture) = decoder.decode(unit) {
        assert!(u64::from(picture.width()) * u64::from(picture.height()) <= vision::MAX_PIXELS);
        let _ = vision::thumbnail(&picture, 320);
    }
}

/// Reads `data` as an RTP stream and depacketizes it. A record is a byte of flags (1: marker, 2: the timestamp moves
/// on before it, 4: a packet before it was lost, 8: it comes twice, 16: it swaps places with the next), two bytes of
/// length, and the payload.
pub fn depacketize(description: &str, data: &[u8]) {
    let session = sdp::parse(description.as_bytes()).expect("the description is ours");
    let reordering = data.first().is_some_and(|first| first & 32 != 0);
    let depacketizer = Depacketizer::new(&session.media[0]).expect("the codec is known");
    let mut depacketizer = if reordering { depacketizer.reordering() } else { depacketizer };
    let (mut out, mut held) = (Vec::new(), None);
    for packet in Records::new(data, session.media[0].payload_type) {
        let (flags, packet) = packet;
        if flags & 16 != 0 && held.is_none() {
            held = Some(packet);
            continue;
        }
        for packet in [Some(packet), held.take(), (flags & 8 != 0).then_some(packet)].into_iter().flatten() {
            push(&mut depacketizer, &packet, &mut out);
        }
    }
}

/// Pushes one packet: a unit lies at the end of the buffer, and the buffer never holds much more than was sent.
fn push(depacketizer: &mut Depacketizer, packet: &Packet<'_>, out: &mut Vec<u8>) {
    let Ok(mut unit) = depacketizer.push(packet, out) else { return };
    while let Some(it) = unit {
        assert!(it.len <= out.len(), "a unit is part of the buffer");
        out.clear();
        match depacketizer.more(out) {
            Ok(next) => unit = next,
            Err(_) => return,
        }
    }
    assert!(out.len() <= 64 << 20, "a stream without markers must not grow without bound");
}

/// Iterates the records of a stream.
struct Records<'a> {
    data: &'a [u8],
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
}

impl<'a> Records<'a> {
    /// Begins near the ends of both counters, so that they wrap.
    fn new(data: &'a [u8], payload_type: u8) -> Self {
        Self { data, payload_type, sequence: u16::MAX - 3, timestamp: u32::MAX - 9000 }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = (u8, Packet<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let ([flags, high, low], rest) = self.data.split_first_chunk::<3>()?;
        let len = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (payload, rest) = rest.split_at(len);
        self.data = rest;
        self.sequence = self.sequence.wrapping_add(if flags & 4 != 0 { 2 } else { 1 });
        if flags & 2 != 0 {
            self.timestamp = self.timestamp.wrapping_add(3000);
        }
        let (payload_type, sequence, timestamp) = (self.payload_type, self.sequence, self.timestamp);
        Some((*flags, Packet { payload_type, sequence, timestamp, ssrc: 7, marker: flags & 1 != 0, payload }))
    }
}
