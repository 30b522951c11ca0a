//! A sealed fragment that nobody with the key made: no chunk of it opens.
#![no_main]

use vault::format::{Cipher, HEADER_LEN};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((header, body)) = data.split_first_chunk::<HEADER_LEN>() else { return };
    let Ok(cipher) = Cipher::new(header, &base::Secret::new([7; 32])) else { return };
    for index in [0, cipher.chunks() - 1] {
        let (start, len) = cipher.span(index);
        let chunk = usize::try_from(start).ok().and_then(|start| body.get(start..)?.get(..len));
        if let Some(chunk) = chunk {
            assert!(cipher.open_chunk(index, &mut chunk.to_vec()).is_err());
        }
    }
});
