//! The header of a sealed fragment: refused, or the same bytes when written again.
#![no_main]

use vault::format::{HEADER_LEN, Header};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some(bytes) = data.first_chunk::<HEADER_LEN>() else { return };
    if let Ok(header) = Header::parse(bytes) {
        assert_eq!(&header.encode(), bytes);
    }
});
