//! Typed messages (feature `serde`): a struct of yours as the fields of a message.
//!
//! ```text
//! struct Move { x: f32, y: f32 }   <──>   {"action": "move", "x": 1.5, "y": 2.0}
//! ```
//!
//! The wire is that of [`msg!`](crate::msg), so typed Rust and untyped Python meet; where it is
//! not, [`Outgoing::typed`] says. It is a convenience beside [`FromValue`](crate::FromValue) and
//! allocates for each message.
//!
//! rmp-serde writes, and reads the values inside of the fields; which fields a message has, says
//! `fields`, so that `typed` and `get` find the same.

mod fields;

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use self::fields::Fields;
use crate::error::SendError;
use crate::limits::{DEEPEST, Limits};
use crate::message::{Index, Message, Outgoing, ReadError, ValueError};
use crate::msgpack::{self, Head, Reader};
use crate::quote::Sentence;

/// Reading and writing typed messages.
impl<'m> Message<'m> {
    /// Reads the fields as a struct with named fields, as a map, or as an enum.
    ///
    /// The fields are those that [`get`](Self::get) finds: keys that are no text are passed over,
    /// and should a key occur twice, the last one counts. Fields that a struct does not have are
    /// passed over too, unless it has serde's `deny_unknown_fields`.
    ///
    /// `"action"` is never among the fields: a map does not have it, and a struct with a field of
    /// that name finds nothing there. That is [`action`](Self::action).
    ///
    /// ```
    /// use hexapod::{Outgoing, msg};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Debug, PartialEq, Serialize, Deserialize)]
    /// struct Move { x: f32, y: f32, #[serde(default)] run: bool }
    ///
    /// let read: Move = msg!("move", x: 1.5, y: 2).view(|msg| msg.typed())?;
    /// assert_eq!(read, Move { x: 1.5, y: 2.0, run: false });
    /// assert_eq!(
    ///     Outgoing::typed("move", &read)?.to_string(),
    ///     r#"{"action": "move", "x": 1.5, "y": 2.0, "run": false}"#,
    /// );
    ///
    /// let error = msg!("move", x: "left", y: 2).view(|msg| msg.typed::<Move>()).unwrap_err();
    /// assert!(error.to_string().starts_with(r#"field "x" of action "move" cannot be read: "#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// | type | reads |
    /// | --- | --- |
    /// | struct with names, map | the fields |
    /// | enum | one field, named like the variant; or as its serde attributes have it |
    /// | `()`, `struct Ping;` | nothing; fields are passed over |
    /// | `Option<T>` | `None` if there are no fields, or what `T` reads |
    ///
    /// Inside of a field the rules are those of rmp-serde: a map with a key twice is an error for a
    /// struct there, and an array of its fields in order will do.
    ///
    /// # Errors
    ///
    /// If the type does not accept these fields. The error names action and field; what it shows of
    /// a peer's text is escaped and cut.
    pub fn typed<T: Deserialize<'m>>(&self) -> Result<T, ValueError> {
        serde_path_to_error::deserialize(Fields::of(self)).map_err(|error| {
            let cause = error.inner().to_string();
            let fault = ValueError::new(format!("cannot be read: {}", Sentence(&cause)));
            let path = error.path();
            let is_whole = path.iter().len() == 0;
            let fault = if is_whole { fault } else { fault.at_key(&path.to_string()) };
            fault.of_action(self.action())
        })
    }
}

impl Outgoing {
    /// A message with the fields of a struct, of a map with texts as keys, or of an enum's variant;
    /// [`Message::typed`] reads it again. `()`, `struct Ping;` and `None` are a message without
    /// fields.
    ///
    /// The bytes are those of [`msg!`](crate::msg), with two exceptions:
    ///
    /// * `Vec<u8>`, `[u8; N]` and `&[u8]` are an array of integers, as serde has them. `Vec<u8>`
    ///   and `[u8; N]` are read from that and from bytes, by `typed` and by [`get`](Message::get);
    ///   a `&[u8]` is read from bytes only. The crate `serde_bytes` makes a field bytes.
    /// * `i128` and `u128` are 16 bytes, which only `typed` reads as integers; and `typed` reads a
    ///   negative integer as a huge `u128`. Take 64 bits where you can.
    ///
    /// And as on most of serde's wires, `Some` of a value without fields comes back as `None`, and
    /// an untagged enum's variant without fields not at all.
    ///
    /// # Errors
    ///
    /// [`SendError::NotSerializable`] if the value is of another kind (a list, say, even an empty
    /// one), has a field `action` or a key that is no text, or fails to be written.
    pub fn typed(action: &str, value: &(impl Serialize + ?Sized)) -> Result<Self, SendError> {
        let fail = |cause: String| SendError::NotSerializable { cause };
        let fields = rmp_serde::to_vec_named(value).map_err(|error| fail(error.to_string()))?;
        let mut reader = Reader::new(&fields, 0);
        let len = match reader.head() {
            Ok(Head::Map(len)) => len,
            // How `()` and `None` are written.
            Ok(Head::Nil) => 0,
            // How a struct without fields is written, but an empty list as well.
            Ok(Head::Array(0)) if is_unit_struct(value) => 0,
            Ok(other) => {
                return Err(fail(format!("a message is a struct or a map, not {}", other.kind())));
            }
            Err(error) => return Err(fail(error.to_string())),
        };
        let mut bytes = Vec::with_capacity(fields.len() + action.len() + 16);
        let head = msgpack::write_map_len(&mut bytes, len + 1)
            .and_then(|()| msgpack::write_str(&mut bytes, "action"))
            .and_then(|()| msgpack::write_str(&mut bytes, action));
        head.map_err(|msgpack::NotExpressible| fail("it is longer than 4 GiB".to_owned()))?;
        bytes.extend_from_slice(reader.rest());
        let mut index = Index::default();
        let unlimited = Limits { depth: DEEPEST, elements: usize::MAX };
        match Message::read(&bytes, &mut index, unlimited) {
            Ok(message) => match message.fields().iter().find(|(key, _)| key.as_str().is_none()) {
                Some((key, _)) => Err(fail(format!("a field's key is a text, not {}", key.kind()))),
                None => Ok(Self::from(message)),
            },
            Err(ReadError::NotAMessage(error)) => Err(fail(error.to_string())),
            Err(ReadError::Malformed(error)) => Err(fail(error.to_string())),
        }
    }
}

/// Whether a value that is written as an empty array is a struct without fields.
///
/// The bytes do not tell; but of all that they could stand for, a formatter writes only the struct:
/// its name.
fn is_unit_struct(value: &(impl Serialize + ?Sized)) -> bool {
    struct Name<'v, T: ?Sized>(&'v T);
    impl<T: Serialize + ?Sized> fmt::Display for Name<'_, T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.serialize(f)
        }
    }
    write!(String::new(), "{}", Name(value)).is_ok()
}
