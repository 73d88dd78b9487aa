//! Fuzz target: PodSixNet's frames and payloads. The body is in `src/fuzzing/rencode.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hexapod::fuzzing::rencode(data));
