//! Typed messages (feature `serde`): a struct of yours as the fields of a message.
//!
//! ```text
//! struct Move { x: f32, y: f32 }   <──>   {"action": "move", "x": 1.5, "y": 2.0}
//! ```
//!
//! The wire is that of [`msg!`](crate::msg), so typed Rust and untyped Python meet. It is a
//! convenience beside [`FromValue`](crate::FromValue) and allocates for each message.

use serde::{Deserialize, Serialize};

use crate::error::SendError;
use crate::limits::{DEEPEST, Limits};
use crate::message::{Index, Message, Outgoing, ReadError, ValueError};
use crate::msgpack::{self, Head, Reader};

/// Reading and writing typed messages.
impl<'m> Message<'m> {
    /// Reads the fields as a struct with named fields, or as a map. Fields that the type does not
    /// have are passed over, `"action"` among them.
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
    /// # Errors
    ///
    /// If the type does not accept these fields. The error names action and field.
    pub fn typed<T: Deserialize<'m>>(&self) -> Result<T, ValueError> {
        let mut fields = rmp_serde::Deserializer::from_read_ref(self.as_bytes());
        serde_path_to_error::deserialize(&mut fields).map_err(|error| {
            let fault = ValueError::new(format!("cannot be read: {}", error.inner()));
            // The path of the whole is a dot.
            let path = error.path().to_string();
            let fault = if path == "." { fault } else { fault.at_key(&path) };
            fault.of_action(self.action())
        })
    }
}

impl Outgoing {
    /// A message with the fields of a struct, or of a map: see [`Message::typed`]. A struct without
    /// fields is a message without fields; only one with braces, `struct Ping {}`, reads it again.
    ///
    /// # Errors
    ///
    /// [`SendError::NotSerializable`] if the value is of another kind, has a field `action`, or
    /// fails to be written.
    pub fn typed(action: &str, value: &(impl Serialize + ?Sized)) -> Result<Self, SendError> {
        let fail = |cause: String| SendError::NotSerializable { cause };
        let fields = rmp_serde::to_vec_named(value).map_err(|error| fail(error.to_string()))?;
        let mut reader = Reader::new(&fields, 0);
        let len = match reader.head() {
            Ok(Head::Map(len)) => len,
            // How a struct without fields is written.
            Ok(Head::Nil | Head::Array(0)) => 0,
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
            Ok(message) => Ok(Self::from(message)),
            Err(ReadError::NotAMessage(error)) => Err(fail(error.to_string())),
            Err(ReadError::Malformed(error)) => Err(fail(error.to_string())),
        }
    }
}
