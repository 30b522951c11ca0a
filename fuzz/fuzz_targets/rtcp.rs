//! A compound RTCP packet from a camera.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = media::rtcp::parse(data);
});
