//! Limits: what each protects, and what it costs.
//!
//! All limits are in one [`Config`](crate::Config), and all are finite by default. A
//! server takes them as `Server::with_config(config)`, followed by
//! [`listen`](crate::Server::listen); a client as `Client::with_config(config)`, followed by
//! [`connect_to`](crate::Client::connect_to).
//!
//! | field | default | protects from | where it is passed |
//! | --- | --- | --- | --- |
//! | `max_frame_len` | 1 MiB | one message that takes all memory | `Protocol`, when its header is read |
//! | `max_depth` | 32 | recursion without end | `Protocol` |
//! | `max_elements` | 65,536 | a million tiny values in a small message | `Protocol` |
//! | `max_peers` | 256 | descriptors and memory running out | turned away: `ServerFull` there, `Refused` here |
//! | `max_peers_per_address` | 64 | one stranger who takes all places | the same |
//! | `max_outbound` | 4 MiB | peers that do not read | `SlowConsumer`, or `SendError::Full` |
//! | `max_letters` | 1,024 | other threads that send faster than the game pumps | `SendError::Busy` |
//! | `messages_per_pump` | 1,024 | a flood that holds up the others | waits for the next pump |
//! | `bytes_per_pump` | 256 KiB | the same | waits for the next pump |
//! | `accepts_per_pump` | 512 | a flood of connections | waits for the next pump |
//! | `connect_timeout` | 10 s | waiting for a server that does not answer | `TimedOut` |
//! | `handshake_timeout` | 10 s | something that listens and is no server | `NotAServer` |
//! | `frame_timeout` | 30 s | a message that is begun and never ended | `Timeout(Frame)` |
//! | `heartbeat` | 5 s | (how often signs of life are asked for) | |
//! | `idle_timeout` | 20 s | links that are dead without a word | `Timeout(Idle)` |
//! | `plain_idle_timeout` | 4 h | the same, of old clients | `Timeout(Idle)` |
//! | `flush_timeout` | 5 s | peers that do not read their last words | `Undelivered` |
//!
//! `game` and `version` are no limits: two ends of hexapod where they differ do not play together.
//! `dialect` is what a client speaks. `quiet` turns reports on standard error off. Three values
//! stand under others: a `max_depth` above 128 counts as 128, a `max_outbound` below one longest
//! frame as that frame, and a `heartbeat` above a third of `idle_timeout` as that third. And four
//! count as 1 if they are 0, lest nothing ever happens: `max_letters`, `messages_per_pump`,
//! `bytes_per_pump`, and `accepts_per_pump`, of which an attempt to connect needs one too.
//!
//! # What a peer can cost
//!
//! * Idle: some 210 bytes beside your own data of it, and a descriptor; 64 more once a message of
//!   the game has come or gone, and 136 more for a hexapod. No buffer is held for it.
//! * While a message of its is on the way: what has *arrived* of it, never what its header claims;
//!   so `max_frame_len` and 64 KiB at most.
//! * While it does not read: what the game has sent it, `max_outbound` at most.
//!
//! Where bytes wait, room for them is taken by doubling: up to twice as much as they are.
//!
//! Decoding makes no copy: a handler's [`Message`](crate::Message) is a view of the bytes as they
//! came, and its fields are looked up in an index that is reused. Only a [`Value`](crate::Value) is
//! a tree, of 32 bytes for each value in it, and its texts and bytes. The queue of events owns what
//! it keeps.
//!
//! # What may be sent
//!
//! The same limits hold for sending, so that nobody sends what an end like itself would refuse. Two
//! ends of hexapod tell each other their `max_frame_len`; a message too long for the other end is a
//! `SendError::TooLong`, and never leaves.
//!
//! Where there is more to say than fits, say it in parts: a large map as its rows, say.
//!
//! # Choosing
//!
//! Most games need none of this. A public server may go lower: players of a small game never send
//! more than a few hundred bytes at once.
//!
//! ```
//! use hexapod::{Config, Dialect, Server};
//! use std::time::Duration;
//!
//! # fn main() -> std::io::Result<()> {
//! let config = Config::new()
//!     .game("dots")
//!     .version("2")
//!     .max_frame_len(4096)
//!     .max_outbound(256 << 10)
//!     .max_peers_per_address(4)
//!     .frame_timeout(Duration::from_secs(5));
//! let mut server = Server::<()>::with_config(config);
//! server.listen("127.0.0.1:0", Dialect::REPOD)?;
//! # Ok(())
//! # }
//! ```
//!
//! Next: [how to test a game on it](super::_07_testing).
