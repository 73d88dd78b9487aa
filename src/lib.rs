//! Multiplayer networking for games that keeps **your** loop.
//!
//! Call [`pump`](Server::pump) once a frame. The closures that you have registered for an action
//! run then, on your thread, with your state. There is no async, no runtime and no thread to reason
//! about, and everything is `std::net` underneath.
//!
//! ```
//! use hexapod::{Server, msg};
//!
//! #[derive(Default)]
//! struct World { lines: u64 }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut server = Server::<World>::bind("127.0.0.1:0")?;
//! server.on("message", |ctx, msg| {
//!     ctx.state.lines += 1;
//!     let text: &str = msg.get("text")?;
//!     ctx.broadcast(msg!("message", who: ctx.peer().number(), text: text));
//!     Ok(())
//! });
//! let mut world = World::default();
//! loop {
//!     server.pump(&mut world);
//!     std::thread::sleep(std::time::Duration::from_millis(16));
//! #   break;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Name the state's type where you make a server or client, as in `Server::<World>::bind`: nothing
//! else tells it. And keep the network *beside* the state: `app.net.pump(&mut app)` would borrow
//! `app` twice.
//!
//! # Where to begin
//!
//! [**The manual**](manual) is a book in eleven pages: a tutorial, messages, loops in engines and
//! without, what a pump does, ends and errors, limits, testing, the wire byte by byte, what is
//! different for those who come from Python, security, and scale. Then:
//!
//! * [`Server`] and [`Client`]: the two ends, each with an example.
//! * [`msg!`] makes a message, [`Message::get`] reads one; [`IntoValue`] and [`FromValue`] say what
//!   a field can be. [`Value`] is the tree, for code that does not know what it is given.
//! * [`Context`]: what a handler may do.
//! * [`Dialect`]: repod's language, PodSixNet's, or one with a [`Codec`] of your own.
//! * [`Config`]: every limit, with its default, its reason and its cost.
//! * [`DisconnectReason`], [`ConnectError`], [`Fault`]: how a game learns what went wrong.
//! * [`Handlers`], [`Event`], [`Sender`], [`StopHandle`]: sets of handlers, events as a queue,
//!   other threads, and a loop for programs that have none.
//! * [`MemoryNetwork`]: server and clients in one thread, for tests and for a host that plays.
//!   [`Simulator`]: that, or TCP, through a bad network.
//! * [`Trace`], [`Peer`], [`Traffic`], [`Faults`]: how a game is watched.
//!
//! # What happens in a pump
//!
//! Newcomers are accepted, greeted, and their `on_connect` runs. What every peer has sent is read,
//! and each message goes to the handler of its action. Who has been silent for too long is
//! disconnected. At the end, what was sent is written, with one system call per peer. It all
//! happens on the thread that pumps, in [this order](manual::_04_pump).
//!
//! # What it promises
//!
//! * Per peer, messages arrive exactly once and in order, or the peer is disconnected with a
//!   [reason](DisconnectReason). What cannot be sent, or is no message, is reported.
//! * One peer can neither stall nor starve nor crash the others, whatever it does or leaves undone.
//! * A handler that fails hurts one message. If it panics, the panic reaches the caller of `pump`,
//!   and the next pump goes on behind that message.
//! * `on_connect` and `on_disconnect` run once each per peer, in that order. Nobody can cause them
//!   from outside by the words of a message.
//! * Memory is reserved by what has arrived, never by what a header claims.
//!
//! It does not encrypt, does not know who a player is, and does not cross a NAT. What that leaves
//! for a game to do is on [a page of the manual](manual::_10_security).
//!
//! # Features
//!
//! * `serde`, off by default: a struct that derives `Serialize` and `Deserialize` can be the fields
//!   of a message, on the same wire: `on_as`, `send_as`, `Outgoing::typed`, `Message::typed`.
//! * `json`, off by default: the dialect `Dialect::JSON`, for clients in other languages.
//!
//! # The house
//!
//! Imports only go down; a test holds that.
//!
//! ```text
//! server  client                        thin faces
//! drive  endpoint                       ways to turn one; the loop both share: one pump
//! dispatch  report                      handlers, and who is told when there are none
//! context                               what a handler may do
//! net  sender  typed                    peers, their data, sending, session, coming and going
//! transport  error  event  trace        TCP, memory, simulator; frames over pipes
//! config  dialect  inbox  reason        all limits; a language; bytes read; why it ended
//! message  frame  codec                 msg! and views; payloads in a stream; formats
//! limits  id  ring  slab  value  msgpack  quote
//! ```
//!
//! The bytes' way: socket → inbox → frame → message → handler → ring → socket.
#![forbid(unsafe_code)]

mod client;
mod codec;
mod config;
mod context;
mod dialect;
mod dispatch;
mod drive;
mod endpoint;
mod error;
mod event;
mod frame;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod id;
mod inbox;
mod limits;
#[cfg(doc)]
pub mod manual;
mod message;
mod msgpack;
mod net;
mod quote;
mod reason;
mod report;
mod ring;
mod sender;
mod server;
mod slab;
mod trace;
mod transport;
#[cfg(feature = "serde")]
mod typed;
mod value;

pub use client::Client;
pub use codec::{Codec, CodecError, check_codec};
pub use config::Config;
pub use context::Context;
pub use dialect::Dialect;
pub use dispatch::{Handlers, Outcome, SetId};
pub use drive::StopHandle;
pub use error::{Fault, FaultCause, HandlerError, Limit, SendError};
pub use event::{Event, OwnedMessage};
pub use frame::FrameError;
pub use id::PeerId;
pub use limits::Limits;
#[doc(hidden)]
pub use message::key_text as __key_text;
pub use message::{
    ArrayRef, EncodeError, Encoder, FieldKey, FromValue, IntoValue, MapEncoder, MapRef, Message,
    MessageError, Outgoing, Tuple, ValueError, ValueRef,
};
pub use msgpack::DecodeError;
pub use net::{Activity, Faults, Peer, PeerMut, RoundTrip, Traffic};
pub use reason::{ConnectError, DisconnectReason, ProtocolError, Timeout};
pub use sender::Sender;
pub use server::Server;
pub use trace::{Step, Trace};
pub use transport::{Conditions, MemoryNetwork, MemoryStream, Simulator};
pub use value::{Timestamp, Value};

/// The README's code is tested like any other.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
