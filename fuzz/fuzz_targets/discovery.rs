//! An answer to the question who is there: read, or passed over, and never about another machine.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| camera::discovery::fuzz_discovery(data));
