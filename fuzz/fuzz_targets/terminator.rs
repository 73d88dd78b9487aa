//! Fuzz target: frames with a mark behind. The body is in `src/fuzzing/terminator.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hexapod::fuzzing::terminator(data));
