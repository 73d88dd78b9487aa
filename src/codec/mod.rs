//! Codecs: between the payloads of a dialect and canonical MessagePack.
//!
//! ```text
//! payload  ── decode ──>  Encoder, canonical bytes, ValueRef  ── encode ──>  payload
//! ```
//!
//! Inside hexapod a message is always canonical, so a codec is the only place where another format
//! is known. A dialect of MessagePack has none: its payloads are canonical and pass untouched.
//!
//! What a codec has written is checked like all bytes from outside, so it need not look at UTF-8 or
//! the number of values again. Its own part is to follow no length that is not there yet, and no
//! nesting without end.

mod check;
#[cfg(feature = "json")]
mod json;
mod rencode;

use std::fmt;

use thiserror::Error;

pub use check::check_codec;
#[cfg(feature = "json")]
pub(crate) use json::Json;
pub(crate) use rencode::{Rencode, RencodeFrames};

use crate::limits::Limits;
use crate::message::{Encoder, ValueRef};
use crate::quote::debug_like_display;

/// A format of messages: any serialiser that can dump and load.
///
/// Give one to [`Dialect::length_prefixed`](crate::Dialect::length_prefixed) or
/// [`Dialect::terminated`](crate::Dialect::terminated), and listen in that dialect. A codec holds
/// no state of a connection: there is one for all peers.
///
/// ```
/// use hexapod::{Codec, CodecError, Dialect, Encoder, Limits, ValueRef, check_codec, msg};
///
/// /// `action key=value key=value`, all of it text.
/// #[derive(Debug)]
/// struct Words;
///
/// const SPACE: &str = "a text with a space or =";
///
/// impl Codec for Words {
///     fn name(&self) -> &'static str {
///         "words"
///     }
///
///     fn decode(
///         &self,
///         payload: &[u8],
///         _limits: Limits, // nothing nests here
///         out: &mut Encoder,
///     ) -> Result<(), CodecError> {
///         let broken = |what, at| CodecError::Malformed { what, at };
///         let text = std::str::from_utf8(payload)
///             .map_err(|error| broken("text that is not UTF-8", error.valid_up_to()))?;
///         let (action, fields) = text.split_once(' ').unwrap_or((text, ""));
///         let mut fault = None;
///         out.map(|map| {
///             map.entry("action", action);
///             for field in fields.split_terminator(' ') {
///                 match field.split_once('=') {
///                     Some((key, value)) => {
///                         map.entry(key, value);
///                     }
///                     None => fault = Some(field.as_ptr() as usize - text.as_ptr() as usize),
///                 }
///             }
///         });
///         fault.map_or(Ok(()), |at| Err(broken("a field without =", at)))
///     }
///
///     fn encode(&self, message: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), CodecError> {
///         let ValueRef::Map(fields) = message else { unreachable!("a message is a map") };
///         let mut write = |before: &str, value: ValueRef<'_>| match value.as_str() {
///             Some(text) if !text.contains([' ', '=']) => {
///                 out.extend([before, text].map(str::as_bytes).concat());
///                 Ok(())
///             }
///             Some(_) => Err(CodecError::NotExpressible { what: SPACE }),
///             None => Err(CodecError::NotExpressible { what: "anything but text" }),
///         };
///         write("", fields.get("action").unwrap_or(ValueRef::Nil))?;
///         for (key, value) in fields.iter().filter(|(key, _)| key.as_str() != Some("action")) {
///             write(" ", key)?;
///             write("=", value)?;
///         }
///         Ok(())
///     }
/// }
///
/// const WORDS: Dialect = Dialect::terminated("words", &Words);
///
/// # let network = hexapod::MemoryNetwork::new();
/// # let addr = "10.0.0.1:5071".parse()?;
/// let mut server = hexapod::Server::<()>::with_config(hexapod::Config::new());
/// server.listen_memory(&network, addr, WORDS)?;
/// server.on("hi", |ctx, msg| {
///     assert_eq!(msg.get::<&str>("to")?, "all");
///     ctx.send(msg!("hello", to: "you"));
///     Ok(())
/// });
///
/// use std::io::{Read, Write};
/// let mut peer = network.connect(addr)?;
/// peer.write_all(b"hi to=all\0---\0")?;
/// server.pump(&mut ());
/// let mut heard = [0; 64];
/// let len = peer.read(&mut heard)?;
/// assert_eq!(&heard[..len], b"connected\0---\0hello to=you\0---\0");
///
/// for payload in [&b"hi to=all"[..], b"hi to", b"=", b" \xff", b""] {
///     check_codec(&Words, payload);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A format that can say no more than this has plain peers. Where maps and integers can be said
/// too, the other end may be a hexapod client, with heartbeats and reasons.
///
/// What it promises is tested by [`check_codec`] on any bytes. In a test these are some, and in a
/// fuzz target, `fuzz_target!(|payload: &[u8]| check_codec(&Words, payload))`, all that a fuzzer
/// comes up with.
pub trait Codec: fmt::Debug + Sync {
    /// The format's name, for reports.
    fn name(&self) -> &'static str;

    /// Reads a payload and writes the one value that it is.
    ///
    /// The payload came from outside, and may be anything. Keep to `limits` where you recurse, and
    /// reserve no memory for what is only announced. The number of values, a value that is no map
    /// and a map without `"action"` are no concern of a codec: they are judged by the caller.
    ///
    /// # Errors
    ///
    /// [`CodecError::Malformed`] if the payload is broken: the connection ends.
    /// [`CodecError::NotExpressible`] if it is good, but holds what no message can hold: it is left
    /// out and reported, and the connection stays. Integers beyond 64 bits and containers as keys
    /// need not be looked for: the encoder notices.
    fn decode(&self, payload: &[u8], limits: Limits, out: &mut Encoder) -> Result<(), CodecError>;

    /// Appends a message, which is always a [`ValueRef::Map`], as a payload.
    ///
    /// # Errors
    ///
    /// [`CodecError::NotExpressible`] if the format has no place for one of its values. The message
    /// is then reported, and not sent to those who speak this dialect; others get it.
    fn encode(&self, message: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), CodecError>;
}

/// Why a codec cannot translate.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The payload is broken.
    #[error("{what} at byte {at}")]
    Malformed {
        /// What is found there: "an undefined code", say.
        what: &'static str,
        /// Where, counted from the start of the payload.
        at: usize,
    },
    /// The other side has no place for this: a payload's value in a message, or a message's in the
    /// format.
    #[error("{what} cannot be expressed")]
    NotExpressible {
        /// What it is: "an integer beyond 64 bits", say.
        what: &'static str,
    },
}

debug_like_display!(CodecError);
