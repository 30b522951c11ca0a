//! H.264 over RTP (RFC 6184), with loss, duplicates and swapped packets.
#![no_main]

const SDP: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n";

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::depacketize(SDP, data));
