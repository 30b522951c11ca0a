//! An RTSP message from a camera: its head, its challenges, its session and transport.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| camera::fuzz_message(data));
