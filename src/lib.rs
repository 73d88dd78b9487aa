//! Hexapod.
#![forbid(unsafe_code)]

mod config;
mod id;
mod message;
mod msgpack;
mod quote;
mod ring;
mod slab;
mod value;

pub use config::Config;
pub use id::PeerId;
#[doc(hidden)]
pub use message::key_text as __key_text;
pub use message::{
    ArrayRef, EncodeError, Encoder, FieldKey, FromValue, IntoValue, MapEncoder, MapRef, Message,
    MessageError, Outgoing, ValueError, ValueRef,
};
pub use msgpack::DecodeError;
pub use value::{Timestamp, Value};
