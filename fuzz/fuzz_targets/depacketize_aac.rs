//! AAC over RTP (RFC 3640), with loss, duplicates and swapped packets.
#![no_main]

const SDP: &str = "v=0\r\nm=audio 0 RTP/AVP 98\r\na=rtpmap:98 MPEG4-GENERIC/16000/1\r\na=fmtp:98 streamtype=5;\
profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408\r\n";

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::depacketize(SDP, data));
