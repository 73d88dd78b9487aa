//! Messages: what a game says and hears.
//!
//! ```text
//! msg!("move", x: 1.5)  ──>  Outgoing  ── canonical bytes ──>  Message  ──>  msg.get::<f32>("x")
//!                 IntoValue, Encoder                   Index, ValueRef, FromValue
//! ```
//!
//! Inside hexapod a message is always *canonical*: a MessagePack map with a text under `"action"`.
//! A [`Message`] is a view of such bytes with an index of its fields; nothing is copied. Whether
//! bytes are a message is decided once, in [`Message::read`].
//!
//! This floor knows nothing of frames, sockets or peers.

mod encoder;
mod from_value;
mod index;
mod into_value;
mod macros;
mod outgoing;
mod tuple;
mod value_error;
mod value_ref;

use std::fmt;

use thiserror::Error;

pub(crate) use encoder::{Container, Open};
pub use encoder::{EncodeError, Encoder, MapEncoder};
pub use from_value::FromValue;
pub(crate) use index::Index;
pub use into_value::IntoValue;
#[doc(hidden)]
pub use macros::key_text;
pub use outgoing::{FieldKey, Outgoing};
pub use tuple::Tuple;
pub use value_error::ValueError;
pub use value_ref::{ArrayRef, MapRef, ValueRef};

use crate::limits::Limits;
use crate::msgpack::{DecodeError, Reader};
use crate::quote::debug_like_display;
use crate::value::Value;

/// The key under which a message has its action.
pub(crate) const ACTION: &str = "action";

/// Actions that begin with this belong to the library.
pub(crate) const RESERVED: u8 = b'$';

/// A message that has arrived, as a handler sees it.
///
/// ```
/// # use hexapod::{HandlerError, Message};
/// fn on_move(msg: &Message<'_>) -> Result<(), HandlerError> {
///     let x: f32 = msg.get("x")?;
///     let name = msg.get::<Option<&str>>("name")?.unwrap_or("nobody");
///     let path: Vec<(i32, i32)> = msg.get("path")?;
/// #   let _ = (x, name, path);
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Message<'m> {
    bytes: &'m [u8],
    index: &'m Index,
}

/// Why a well-formed value is not a message. It hurts nobody: the value is reported and left out.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The value is not a map.
    #[error("{found} is no message: a message is a map with a text under \"action\"")]
    NotAMap {
        /// What it is instead, with its article: "an array", say.
        found: &'static str,
    },
    /// The map has no key `"action"`.
    #[error("a map without \"action\" is no message")]
    NoAction,
    /// What stands under `"action"` is not a text.
    #[error("a message's \"action\" is a text, not {found}")]
    ActionNotText {
        /// What it is instead, with its article: "an integer", say.
        found: &'static str,
    },
    /// The key `"action"` occurs more than once, so readers could disagree on which counts.
    #[error("the map has \"action\" more than once")]
    TwoActions,
    /// The value holds something that cannot be written.
    #[error(transparent)]
    NotExpressible(EncodeError),
    /// The payload of another format holds what no message can hold.
    #[error("{codec} payload with {what}, which no message can hold")]
    Untranslatable {
        /// The codec's name.
        codec: &'static str,
        /// What it holds: "an integer beyond 64 bits", say.
        what: &'static str,
    },
}

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// The bytes are broken: the connection cannot go on.
    Malformed(DecodeError),
    /// The bytes are good, but they are no message: this one is left out.
    NotAMessage(MessageError),
}

impl<'m> Message<'m> {
    /// Checks bytes that came from outside and indexes their fields.
    #[inline]
    pub(crate) fn read(
        bytes: &'m [u8],
        index: &'m mut Index,
        limits: Limits,
    ) -> Result<Self, ReadError> {
        index.read(bytes, limits)?;
        Ok(Self { bytes, index })
    }

    /// A message that was read before, from its bytes and their index.
    pub(crate) fn again(bytes: &'m [u8], index: &'m Index) -> Self {
        Self { bytes, index }
    }

    pub(crate) fn index(&self) -> &'m Index {
        self.index
    }

    /// The action: what the message is about.
    pub fn action(&self) -> &'m str {
        std::str::from_utf8(self.action_bytes()).unwrap_or_default()
    }

    /// The action as it lies there: to find a handler, nobody needs to know once more that it is a
    /// text.
    #[inline]
    pub(crate) fn action_bytes(&self) -> &'m [u8] {
        self.index.action(self.bytes)
    }

    /// Whether the message is the library's own.
    #[inline]
    pub(crate) fn is_reserved(&self) -> bool {
        self.action_bytes().first() == Some(&RESERVED)
    }

    /// Reads a field.
    ///
    /// The type decides what is accepted: see [`FromValue`]. Text and bytes can be borrowed from
    /// the message, as `&str` and `&[u8]`. An `Option` is `None` where the field is missing or nil.
    /// Should a key occur twice, the last one counts.
    ///
    /// # Errors
    ///
    /// If the field is missing, has another type, or does not fit. The error names action and
    /// field, what was wanted and what was found.
    // The search is inlined into the game, where the key is known before the program runs.
    #[inline]
    pub fn get<T: FromValue<'m>>(&self, key: &str) -> Result<T, ValueError> {
        self.get_at(self.index.find(self.bytes, key), key)
    }

    fn get_at<T: FromValue<'m>>(&self, at: Option<usize>, key: &str) -> Result<T, ValueError> {
        let head = at.and_then(|at| Reader::new(self.bytes, at).head().ok());
        match head.and_then(T::from_head) {
            Some(scalar) => Ok(scalar),
            None => self.get_any(at, key),
        }
    }

    #[inline(never)]
    fn get_any<T: FromValue<'m>>(&self, at: Option<usize>, key: &str) -> Result<T, ValueError> {
        match at.and_then(|at| ValueRef::at(self.bytes, at)) {
            Some(value) => T::from_value(value).map_err(|error| self.fault(error, key)),
            None => T::from_missing().ok_or_else(|| self.missing(key)),
        }
    }

    #[cold]
    fn fault(&self, error: ValueError, key: &str) -> ValueError {
        error.at_key(key).of_action(self.action())
    }

    #[cold]
    fn missing(&self, key: &str) -> ValueError {
        self.fault(ValueError::missing(self.keys()), key)
    }

    /// The value of a field as it is, if there is one.
    #[inline]
    pub fn field(&self, key: &str) -> Option<ValueRef<'m>> {
        let at = self.index.find(self.bytes, key)?;
        ValueRef::at(self.bytes, at)
    }

    /// The whole message as a map: every key and value, `"action"` included.
    pub fn fields(&self) -> MapRef<'m> {
        MapRef::of(self.bytes)
    }

    /// Reads the whole message as one value: a map type, or a type of your own.
    ///
    /// # Errors
    ///
    /// If the type does not accept this map.
    pub fn read_as<T: FromValue<'m>>(&self) -> Result<T, ValueError> {
        T::from_value(ValueRef::Map(self.fields())).map_err(|error| error.of_action(self.action()))
    }

    /// The whole message as an owned tree.
    pub fn to_value(&self) -> Value {
        ValueRef::Map(self.fields()).to_value()
    }

    /// The canonical bytes: one MessagePack map.
    pub fn as_bytes(&self) -> &'m [u8] {
        self.bytes
    }

    /// The text keys, in the order of the wire.
    fn keys(&self) -> impl Iterator<Item = &'m str> {
        self.fields().iter().filter_map(|(key, _)| key.as_str())
    }
}

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields().fmt(f)
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message {self}")
    }
}

debug_like_display!(MessageError);

#[cfg(test)]
mod tests {
    use super::*;

    /// What `Config::max_depth` says of stacks, in a build without optimisation too.
    #[test]
    fn the_depth_that_is_allowed_fits_the_stack_that_is_promised() {
        for (levels, kib) in [(32, 64), (128, 256)] {
            let read_and_show = move || {
                let mut deep = Value::Nil;
                for _ in 1..levels {
                    deep = Value::Array(vec![deep]);
                }
                let tree = Value::from(crate::msg!("deep", x: deep));
                Outgoing::from_value(&tree).map(|message| (message.measure().1, tree.to_string()))
            };
            let thread = std::thread::Builder::new().stack_size(kib << 10).spawn(read_and_show);
            let (depth, text) = thread.unwrap().join().unwrap().unwrap();
            assert_eq!((depth, text.matches('[').count()), (levels, levels - 1));
        }
    }
}
