//! Fuzz target: streams cut in any way. The body is in `src/fuzzing/frame.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hexapod::fuzzing::frame(data));
