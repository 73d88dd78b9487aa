//! [`Outgoing`]: a message on its way out, owned and already encoded.
//!
//! Being encoded it borrows nothing, so it can be made from the very state that sending needs.
//! Its buffer comes from a small pool of the thread and goes back there when the message is
//! dropped: a game in its stride allocates nothing to send.

use std::cell::{Cell, RefCell};
use std::fmt;

use super::{
    ACTION, EncodeError, Encoder, Index, IntoValue, Message, MessageError, RESERVED, ReadError,
};
use crate::limits::{DEEPEST, Limits, SPARE_MESSAGE_LEN, SPARE_MESSAGES};
use crate::value::Value;

/// What this program has written itself is bounded when it is sent, by the sender's configuration.
const UNLIMITED: Limits = Limits { depth: DEEPEST, elements: usize::MAX };

/// A message to be sent: what [`msg!`](crate::msg) makes.
///
/// Where the fields are not known beforehand, they are added one by one:
///
/// ```
/// use hexapod::Outgoing;
///
/// let mut scores = Outgoing::new("scores");
/// for (name, score) in [("ann", 3), ("bob", 5)] {
///     scores.field(name, &score);
/// }
/// assert_eq!(scores.to_string(), r#"{"action": "scores", "ann": 3, "bob": 5}"#);
/// ```
pub struct Outgoing {
    encoder: Encoder,
    /// How many pairs the head of the map says, and how many are written.
    declared: usize,
    written: usize,
    /// Where the action's text begins, and its length.
    action: (usize, usize),
}

impl Outgoing {
    /// A message without fields.
    pub fn new(action: &str) -> Self {
        Self::with_fields(action, 0)
    }

    /// A message that will get this many fields, which saves moving bytes as they come.
    #[doc(hidden)]
    pub fn with_fields(action: &str, fields: usize) -> Self {
        let declared = fields + 1;
        let encoder = Encoder::message(spare(), declared, action);
        let end = encoder.bytes_so_far().len();
        let action = (end.saturating_sub(action.len()), action.len());
        Self { encoder, declared, written: 1, action }
    }

    /// The message that a tree describes: a map with a text under `"action"`.
    ///
    /// # Errors
    ///
    /// If the tree is not such a map, or holds what cannot be written.
    pub fn from_value(value: &Value) -> Result<Self, MessageError> {
        let mut encoder = Encoder::writing_to(spare());
        encoder.value(value);
        if let Some(error) = encoder.error() {
            return Err(MessageError::NotExpressible(error));
        }
        let mut index = Index::default();
        match Message::read(encoder.bytes_so_far(), &mut index, UNLIMITED) {
            Ok(message) => Ok(Self::from(message)),
            Err(ReadError::NotAMessage(error)) => Err(error),
            Err(ReadError::Malformed(error)) => unreachable!("an encoder's bytes: {error}"),
        }
    }

    /// Adds a field. The key is a text as a rule, and may be a number.
    ///
    /// What cannot be written (an integer beyond 64 bits, say) is an error when the message is
    /// sent, so that nothing has to be checked here.
    pub fn field(
        &mut self,
        key: &(impl FieldKey + ?Sized),
        value: &(impl IntoValue + ?Sized),
    ) -> &mut Self {
        if key.is_action() {
            self.encoder.fail(EncodeError::ActionField);
        }
        // It is one of this library's own types, of which each writes one value, and no container.
        key.encode(&mut self.encoder);
        self.encoder.value(value);
        self.written += 1;
        if self.written > self.declared {
            let moved = self.encoder.set_message_len(self.written);
            self.action.0 = self.action.0.saturating_add_signed(moved);
            self.declared = self.written;
        }
        self
    }

    /// The action.
    pub fn action(&self) -> &str {
        std::str::from_utf8(self.action_bytes()).unwrap_or_default()
    }

    fn action_bytes(&self) -> &[u8] {
        let (at, len) = self.action;
        self.encoder.bytes_so_far().get(at..at + len).unwrap_or_default()
    }

    /// Whether the message is the library's own.
    pub(crate) fn is_reserved(&self) -> bool {
        self.action_bytes().first() == Some(&RESERVED)
    }

    /// The canonical bytes: one MessagePack map.
    ///
    /// # Errors
    ///
    /// If a value cannot be written as MessagePack.
    pub fn to_bytes(&self) -> Result<&[u8], EncodeError> {
        match self.encoder.error() {
            Some(error) => Err(error),
            None => Ok(self.encoder.bytes_so_far()),
        }
    }

    /// Looks at the message as its receiver would.
    ///
    /// # Panics
    ///
    /// If the message could not be sent, being broken in itself (see [`EncodeError`]).
    #[track_caller]
    pub fn view<T>(&self, read: impl FnOnce(&Message<'_>) -> T) -> T {
        let bytes = match self.to_bytes() {
            Ok(bytes) => bytes,
            Err(error) => panic!("this message cannot be sent: {error}"),
        };
        let mut index = INDEX.try_with(Cell::take).ok().flatten().unwrap_or_default();
        let done = match Message::read(bytes, &mut index, UNLIMITED) {
            Ok(message) => read(&message),
            Err(ReadError::NotAMessage(error)) => panic!("this message cannot be sent: {error}"),
            Err(ReadError::Malformed(error)) => panic!("this message cannot be sent: {error}"),
        };
        if bytes.len() <= SPARE_MESSAGE_LEN {
            let _ = INDEX.try_with(|spare| spare.set(Some(index)));
        }
        done
    }

    /// How many values the message holds, and how deep they nest.
    pub(crate) fn measure(&self) -> (usize, usize) {
        self.encoder.measure()
    }
}

/// What can be the key of a field: a text or an integer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a field",
    note = "a key is a text or an integer; a map in a field can have other keys"
)]
pub trait FieldKey: IntoValue + sealed::Sealed {
    #[doc(hidden)]
    fn is_action(&self) -> bool {
        false
    }
}

/// What seals a trait is that nobody else can name this.
#[allow(unnameable_types)]
mod sealed {
    pub trait Sealed {}
}

macro_rules! keys {
    (texts: $($text:ty)*; numbers: $($number:ty)*) => {
        $(
            impl sealed::Sealed for $text {}
            impl FieldKey for $text {
                fn is_action(&self) -> bool {
                    AsRef::<str>::as_ref(self) == ACTION
                }
            }
        )*
        $(
            impl sealed::Sealed for $number {}
            impl FieldKey for $number {}
        )*
    };
}

keys! {
    texts: str String;
    numbers: i8 i16 i32 i64 isize u8 u16 u32 u64 usize
}

impl<T: FieldKey + ?Sized> sealed::Sealed for &T {}
impl<T: FieldKey + ?Sized> FieldKey for &T {
    fn is_action(&self) -> bool {
        (**self).is_action()
    }
}

thread_local! {
    /// Buffers of messages that were dropped on this thread.
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    /// The index of the last message that was looked at.
    static INDEX: Cell<Option<Box<Index>>> = const { Cell::new(None) };
}

fn spare() -> Vec<u8> {
    SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten().unwrap_or_default()
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        let buffer = self.encoder.take_buffer();
        if (1..=SPARE_MESSAGE_LEN).contains(&buffer.capacity()) {
            // While a thread ends its pool may be gone already; then the buffer goes too.
            let _ = SPARE.try_with(|spare| {
                let mut spare = spare.borrow_mut();
                if spare.len() < SPARE_MESSAGES {
                    spare.push(buffer);
                }
            });
        }
    }
}

impl Clone for Outgoing {
    fn clone(&self) -> Self {
        let (elements, depth) = self.measure();
        let mut encoder = Encoder::copied(spare(), self.encoder.bytes_so_far(), elements, depth);
        if let Some(error) = self.encoder.error() {
            encoder.fail(error);
        }
        Self { encoder, ..*self }
    }
}

impl From<&Message<'_>> for Outgoing {
    /// The same message again, byte for byte: for relays.
    fn from(message: &Message<'_>) -> Self {
        let (elements, depth) = message.index.measure();
        let encoder = Encoder::copied(spare(), message.as_bytes(), elements, depth);
        let fields = message.fields().len();
        let action = (message.index.action_at(), message.action_bytes().len());
        Self { encoder, declared: fields, written: fields, action }
    }
}

impl From<Message<'_>> for Outgoing {
    fn from(message: Message<'_>) -> Self {
        Self::from(&message)
    }
}

impl From<Outgoing> for Value {
    /// The message as a tree.
    ///
    /// # Panics
    ///
    /// If the message could not be sent: see [`Outgoing::view`].
    fn from(message: Outgoing) -> Self {
        message.view(|message| message.to_value())
    }
}

impl PartialEq for Outgoing {
    fn eq(&self, other: &Self) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}

impl fmt::Display for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_bytes() {
            Ok(_) => self.view(|message| message.fmt(f)),
            Err(error) => write!(f, "<no message: {error}>"),
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing {self}")
    }
}
