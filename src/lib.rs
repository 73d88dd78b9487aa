//! Hexapod.
#![forbid(unsafe_code)]

mod client;
mod codec;
mod config;
mod context;
mod dialect;
mod dispatch;
mod endpoint;
mod error;
mod frame;
mod id;
mod inbox;
mod message;
mod msgpack;
mod net;
mod quote;
mod reason;
mod report;
mod ring;
mod server;
mod slab;
mod transport;
mod value;

pub use client::Client;
pub use codec::CodecError;
pub use config::Config;
pub use context::Context;
pub use dialect::Dialect;
pub use dispatch::Outcome;
pub use error::{Fault, FaultCause, HandlerError, Limit, SendError};
pub use frame::FrameError;
pub use id::PeerId;
#[doc(hidden)]
pub use message::key_text as __key_text;
pub use message::{
    ArrayRef, EncodeError, Encoder, FieldKey, FromValue, IntoValue, MapEncoder, MapRef, Message,
    MessageError, Outgoing, ValueError, ValueRef,
};
pub use msgpack::DecodeError;
pub use net::{Activity, Peer, PeerMut};
pub use reason::{ConnectError, DisconnectReason, ProtocolError, Timeout};
pub use server::Server;
pub use transport::{MemoryNetwork, MemoryStream};
pub use value::{Timestamp, Value};
