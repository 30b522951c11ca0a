//! Parameter sets and decoder configurations, as SDP, RTP and MP4 carry them.
#![no_main]

use media::{aac, h264, h265};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&kind, data)) = data.split_first() else { return };
    match kind % 5 {
        0 => drop(h264::Sps::parse(data)),
        1 => drop(h265::Sps::parse(data)),
        2 => drop(h264::parse_avcc(data).map(|(params, _)| h264::avcc(&params))),
        3 => drop(h265::parse_hvcc(data).map(|(params, _)| h265::hvcc(&params))),
        _ => drop(aac::Config::parse(data).map(aac::Config::encode)),
    }
});
