//! An MP4 file that somebody else made: its samples lie in it, or it is refused.
#![no_main]

use std::io::Cursor;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(movie) = media::mp4::Movie::read(&mut Cursor::new(data)) else { return };
    let samples: usize = movie.tracks.iter().map(|track| track.samples.len()).sum();
    assert!(samples <= data.len() * 8 + (1 << 20), "{samples} samples of {} bytes", data.len());
});
