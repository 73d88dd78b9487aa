//! Fuzz target: a whole server among strangers. The body is in `src/fuzzing/endpoint.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hexapod::fuzzing::endpoint(data));
