//! H.265 over RTP (RFC 7798), with loss, duplicates and swapped packets.
#![no_main]

const SDP: &str = "v=0\r\nm=video 0 RTP/AVP 97\r\na=rtpmap:97 H265/90000\r\n";

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::depacketize(SDP, data));
