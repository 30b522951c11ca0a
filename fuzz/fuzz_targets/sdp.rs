//! A session description from a camera: read, or refused; and so is what it says of each medium.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(session) = media::sdp::parse(data) {
        for media in &session.media {
            let _ = media::rtp::Depacketizer::new(media);
        }
    }
});
