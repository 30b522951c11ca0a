//! A key frame in H.264 from a camera, decoded for a thumbnail: a picture of an allowed size, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: fuzz::let_decoders_panic(), |data: &[u8]| fuzz::key_frame(media::VideoCodec::H264, data));
