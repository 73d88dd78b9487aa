//! Fuzz target: a server and clients over bad pipes. The body is in `src/fuzzing/simulation`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hexapod::fuzzing::simulation(data));
