//! An answer of a Reolink device's API: read, or refused; and so is what it says of everything that is asked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| camera::reolink::fuzz_answer(data));
