//! What a packet costs. Run with `cargo test -p media --release -- --ignored --nocapture speed`.

use crate::camera::{START, Sender};
use media::{
    StreamParams, VideoCodec, VideoParams,
    fragment::Builder,
    interleaved::{Frame, Splitter},
    nal,
    rtp::{Depacketizer, Packet},
    sdp,
    time::Discipline,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const SPS: [u8; 25] = [
    0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03,
    0x00, 0x32, 0x0f, 0x16, 0x2e, 0x48,
];
const PPS: [u8; 4] = [0x68, 0xce, 0x3c, 0x80];

/// Two seconds of 15 pictures a second at 2 Mbit/s, as interleaved frames.
fn loop_of_packets() -> (Vec<u8>, usize) {
    let mut sender = Sender { sequence: 0, payload: 1400 };
    let (mut stream, mut packets) = (Vec::new(), 0);
    for at in 0..30u32 {
        let mut slice = vec![0xa5; if at == 0 { 90_000 } else { 14_000 }];
        (slice[0], slice[1]) = (if at == 0 { 0x65 } else { 0x41 }, 0x88);
        let mut sample = Vec::new();
        nal::push_prefixed(&slice, &mut sample);
        for packet in sender.video(VideoCodec::H264, at * 6000, &sample) {
            stream.extend([b'$', 0]);
            stream.extend((packet.len() as u16).to_be_bytes());
            stream.extend(packet);
            packets += 1;
        }
    }
    (stream, packets)
}

#[test]
#[ignore = "a measurement"]
fn speed_of_packets_into_fragments() {
    let (stream, packets) = loop_of_packets();
    let media = sdp::parse(b"m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n").unwrap().media.remove(0);
    let params = Arc::new(StreamParams { video: VideoParams::h264(&SPS, &PPS).unwrap(), audio: None });
    const ROUNDS: u32 = 2000;
    let (mut buffer, mut pictures) = (Vec::new(), 0);
    let began = Instant::now();
    for _ in 0..ROUNDS {
        let mut depacketizer = Depacketizer::new(&media).unwrap();
        let mut discipline = Discipline::new(90_000);
        let mut splitter = Splitter::new();
        let mut builder = Builder::new(params.clone(), std::mem::take(&mut buffer));
        for read in stream.chunks(50_000) {
            splitter.feed(read, |frame| {
                let Frame::Binary { payload, .. } = frame else { return };
                let packet = Packet::parse(payload).unwrap();
                let mut unit = depacketizer.push(&packet, builder.video()).unwrap();
                while let Some(it) = unit {
                    let time = discipline.map(it.timestamp, START, Duration::from_secs(2)).time;
                    builder.push_video(it.len, time, it.key);
                    unit = depacketizer.more(builder.video()).unwrap();
                }
            });
        }
        let fragment = builder.finish(None, START).unwrap();
        pictures += fragment.meta.video_samples;
        buffer = fragment.bytes;
    }
    let each = began.elapsed().as_nanos() / u128::from(ROUNDS) / packets as u128;
    let bytes = stream.len() as f64 * f64::from(ROUNDS) / began.elapsed().as_secs_f64() / 1e9;
    println!("{each} ns a packet of {} bytes, {bytes:.2} GB/s, {pictures} pictures", stream.len() / packets);
    assert_eq!(pictures, 30 * ROUNDS);
    assert!(cfg!(debug_assertions) || each < 1000, "{each} ns a packet");
}
