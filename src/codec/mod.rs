//! Codecs: between the payloads of a dialect and canonical MessagePack.
//!
//! ```text
//! payload  ── decode ──>  canonical bytes  ── encode ──>  payload
//! ```
//!
//! Inside hexapod a message is always canonical, so a codec is the only place where another format
//! is known. One that needs no translation hands the bytes through.

mod messagepack;

use std::fmt;

use thiserror::Error;

pub(crate) use messagepack::MessagePack;

use crate::limits::Limits;
use crate::msgpack::DecodeError;
use crate::quote::debug_like_display;

/// A message that a dialect cannot express.
#[derive(Clone, PartialEq, Eq, Error)]
#[error("{codec} cannot express this message: {cause}")]
pub struct CodecError {
    /// The codec's name.
    pub codec: &'static str,
    /// What it cannot express.
    pub cause: String,
}

/// A format of payloads. The implementations hold no state: there is one of each.
pub(crate) trait Codec: fmt::Debug + Sync {
    /// A payload as canonical bytes, made in `scratch` where they are not there already.
    ///
    /// The result is checked like all bytes from outside, so a codec need not check depth, UTF-8 or
    /// the number of values again; it must not allocate by what a length claims.
    fn decode<'b>(
        &self,
        payload: &'b [u8],
        scratch: &'b mut Vec<u8>,
        limits: Limits,
    ) -> Result<&'b [u8], DecodeError>;

    /// Canonical bytes as a payload, made in `scratch` where they are not that already.
    fn encode<'b>(
        &self,
        canonical: &'b [u8],
        scratch: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], CodecError>;
}

debug_like_display!(CodecError);
