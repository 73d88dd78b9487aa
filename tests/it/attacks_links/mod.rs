//! The attacks on connections, handlers, cost and time, by the numbers of `tests/ATTACKS-links.md`.
//!
//! On real sockets wherever an attack comes by them, each beside a canary that chats in the same
//! server and loses nothing. Sizes fit 256 descriptors; `HEXAPOD_ATTACKS=full` makes them those of
//! the table, which takes some thousand descriptors.

mod connections;
mod fairness;
mod handlers;
mod systems;
mod time;

use std::env;
use std::net::SocketAddr;

use hexapod::{Config, MemoryNetwork, Outgoing};

use crate::harness::{Network, Stream, frame};

/// How many there are in a test: few, or as many as the table says.
fn size(few: usize, full: usize) -> usize {
    match env::var("HEXAPOD_ATTACKS").as_deref() {
        Ok("full") => full,
        _ => few,
    }
}

/// A configuration that lets so many in from one address.
fn room_for(peers: usize) -> Config {
    Config::new().max_peers(peers).max_peers_per_address(peers)
}

fn in_memory() -> Network {
    Network::Memory(MemoryNetwork::new())
}

/// The frame of a message.
fn framed(message: &Outgoing) -> Vec<u8> {
    frame(message.to_bytes().expect("a good message"))
}

/// A message that the scene's server counts as noise.
fn noise() -> Vec<u8> {
    frame(b"\x81\xa6action\xa5noise")
}

fn streams(network: &Network, addr: SocketAddr, count: usize) -> Vec<Stream> {
    (0..count).map(|_| network.stream(addr)).collect()
}

/// Numbers that look random, from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
