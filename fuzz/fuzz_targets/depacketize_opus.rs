//! Opus over RTP (RFC 7587), with loss, duplicates and swapped packets.
#![no_main]

const SDP: &str = "v=0\r\nm=audio 0 RTP/AVP 99\r\na=rtpmap:99 opus/48000/2\r\n";

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::depacketize(SDP, data));
