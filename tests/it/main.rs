//! Tests from outside, one binary. `cargo test` runs all of it on loopback and in memory.

mod alloc;
mod bencode;
mod bounds;
mod crowd;
mod dialects;
mod driving;
mod examples;
mod found;
mod harness;
mod hostile;
mod lifecycle;
mod messages;
mod python;
mod sending;
mod session;
mod simulation;
mod tidy;
#[cfg(feature = "serde")]
mod typed;
mod wire;
