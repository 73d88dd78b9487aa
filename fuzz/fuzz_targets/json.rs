//! Fuzz target: payloads of JSON. The body is in `src/fuzzing/json.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hexapod::fuzzing::json(data));
