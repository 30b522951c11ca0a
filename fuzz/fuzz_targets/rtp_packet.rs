//! The RTP header: a payload lies inside the packet.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(packet) = media::rtp::Packet::parse(data) {
        assert!(packet.payload.len() <= data.len() - 12);
    }
});
