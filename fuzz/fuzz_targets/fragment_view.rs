//! A stored fragment read back: its samples lie inside it, or it is refused.
#![no_main]

use base::Time;
use media::{AudioCodec, AudioParams, StreamParams, VideoCodec, VideoParams, fragment::View};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(view) = View::parse(data, &params(), Time::from_micros(1_772_366_400_000_000)) else { return };
    for sample in view.samples() {
        let _ = view.data(sample);
    }
});

fn params() -> StreamParams {
    StreamParams {
        video: VideoParams {
            codec: VideoCodec::H264,
            width: 64,
            height: 64,
            fps: Some(10.0),
            vps: vec![],
            sps: vec![0x67, 0x42, 0xc0, 0x0a],
            pps: vec![0x68, 0xce],
        },
        audio: Some(AudioParams { codec: AudioCodec::Aac, rate: 16_000, channels: 1, config: vec![0x14, 0x08] }),
    }
}
