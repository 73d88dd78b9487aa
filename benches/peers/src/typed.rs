//! The message as a struct, by rmp-serde: what the Rust libraries beside hexapod are used with.

use std::hint::black_box;

use serde::{Deserialize, Serialize};

use crate::suite::Codec;

/// The workloads' message. An enum tagged by "action" would be more useful and far slower, because
/// serde keeps the whole map in memory to look for the tag.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Move<'m> {
    action: &'m str,
    id: u32,
    x: f64,
    y: f64,
    name: &'m str,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
struct OwnedMove {
    action: String,
    id: u32,
    x: f64,
    y: f64,
    name: String,
}

pub(crate) const MOVE: Move<'static> =
    Move { action: "move", id: 7, x: 1.5, y: -2.25, name: "player-7" };

impl Move<'_> {
    /// Writes behind what is there.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.serialize(&mut rmp_serde::Serializer::new(out).with_struct_map()).expect("a message");
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }

    /// What a handler would do with it.
    pub(crate) fn sum(&self) -> f64 {
        f64::from(self.id) + self.x + self.y + self.name.len() as f64
    }
}

/// Decodes a payload, and goes to the action's arm.
pub(crate) fn handle(payload: &[u8]) -> f64 {
    let message: Move<'_> = rmp_serde::from_slice(payload).expect("a message");
    match message.action {
        "move" => message.sum(),
        _ => 0.0,
    }
}

/// A frame with its length in front, as hexapod has it too.
pub(crate) fn frame() -> Vec<u8> {
    let payload = MOVE.to_bytes();
    [&(payload.len() as u32).to_be_bytes()[..], &payload].concat()
}

pub(crate) const CODECS: [Codec; 4] = [
    ("decode: rmp-serde", decode),
    ("decode: rmp-serde, owned", decode_owned),
    ("encode: rmp-serde, reused", encode),
    ("encode: rmp-serde, fresh", encode_fresh),
];

fn decode(messages: u64) {
    let bytes = MOVE.to_bytes();
    for _ in 0..messages {
        black_box(rmp_serde::from_slice::<Move<'_>>(black_box(&bytes)).is_ok());
    }
}

fn decode_owned(messages: u64) {
    let bytes = MOVE.to_bytes();
    for _ in 0..messages {
        black_box(rmp_serde::from_slice::<OwnedMove>(black_box(&bytes)).is_ok());
    }
}

fn encode(messages: u64) {
    let mut out = Vec::new();
    for _ in 0..messages {
        out.clear();
        black_box(&MOVE).write(&mut out);
        black_box(&out);
    }
}

fn encode_fresh(messages: u64) {
    for _ in 0..messages {
        black_box(black_box(&MOVE).to_bytes());
    }
}
