//! Tests from outside, one binary. `cargo test` runs all of it on loopback and in memory.

#[cfg(unix)]
mod actor;
mod alloc;
mod attacks;
mod bencode;
mod bounds;
#[cfg(target_os = "linux")]
mod cable;
mod crowd;
mod dialects;
mod driving;
mod ends;
mod examples;
mod found;
mod harness;
mod hostile;
mod lifecycle;
mod manual;
mod messages;
mod peers;
#[cfg(unix)]
mod processes;
mod relayed;
mod sending;
mod session;
mod simulation;
mod tidy;
mod turns;
mod tutorial;
#[cfg(feature = "serde")]
mod typed;
mod wire;
