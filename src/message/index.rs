//! The index of a message: where its fields are, found in the one pass that also checks the bytes.
//!
//! ```text
//! 82 | a6 61 63 74 69 6f 6e | a4 6d 6f 76 65 | a1 78 | 07
//!           key 2..8              value 8        key    value 15
//! ```
//!
//! It holds offsets and no references, so that one index serves an endpoint for ever without
//! allocating. Keys that are not text are not in it: they can be walked, not looked up.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

use super::{ACTION, MessageError, ReadError};
use crate::limits::Limits;
use crate::msgpack::{Checker, DecodeError, Head};

/// Where the fields of one message are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    fields: Vec<Field>,
    /// Where the text of the action stands.
    action: Span,
    elements: usize,
    depth: usize,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    key: Span,
    value: u32,
}

/// A part of the payload. A frame is shorter than 4 GiB, so 32 bits do.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    at: u32,
    len: u32,
}

impl Span {
    fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        let at = self.at as usize;
        bytes.get(at..at.checked_add(self.len as usize)?)
    }

    /// The span of a text that ends where the reader stands.
    fn before(end: usize, len: usize) -> Self {
        Self { at: offset(end.saturating_sub(len)), len: offset(len) }
    }
}

/// An offset in a payload whose length was looked at before.
fn offset(at: usize) -> u32 {
    at as u32
}

impl Index {
    /// Checks a whole payload and remembers where its fields are.
    pub(crate) fn read(&mut self, bytes: &[u8], limits: Limits) -> Result<(), ReadError> {
        self.fields.clear();
        if u32::try_from(bytes.len()).is_err() {
            return Err(ReadError::Malformed(DecodeError::Truncated { at: 0 }));
        }
        let mut checker = Checker::new(bytes, limits);
        let outcome = self.walk(&mut checker).map_err(ReadError::Malformed)?;
        checker.end().map_err(ReadError::Malformed)?;
        (self.elements, self.depth) = checker.measure();
        outcome.map_err(ReadError::NotAMessage)
    }

    /// The outer error is about the bytes; the inner one says why they are no message.
    fn walk(&mut self, checker: &mut Checker<'_>) -> Result<Result<(), MessageError>, DecodeError> {
        let len = match checker.head(0)? {
            Head::Map(len) => len,
            other => {
                checker.content(other, 0)?;
                return Ok(Err(MessageError::NotAMap { found: other.kind() }));
            }
        };
        let mut outcome = Err(MessageError::NoAction);
        for _ in 0..len {
            let key = checker.key(1)?;
            let (key_end, value) = (checker.reader.at(), offset(checker.reader.at()));
            let head = checker.head(1)?;
            if let Head::Str(text) = key {
                self.fields.push(Field { key: Span::before(key_end, text.len()), value });
                if text == ACTION.as_bytes() {
                    outcome = match (outcome, head) {
                        (Err(MessageError::NoAction), Head::Str(action)) => {
                            self.action = Span::before(checker.reader.at(), action.len());
                            Ok(())
                        }
                        (Err(MessageError::NoAction), other) => {
                            Err(MessageError::ActionNotText { found: other.kind() })
                        }
                        _ => Err(MessageError::TwoActions),
                    };
                }
            }
            checker.content(head, 1)?;
        }
        Ok(outcome)
    }

    /// The action's text.
    pub(crate) fn action<'m>(&self, bytes: &'m [u8]) -> Option<&'m str> {
        std::str::from_utf8(self.action.of(bytes)?).ok()
    }

    /// Where the text of the action begins.
    pub(crate) fn action_at(&self) -> usize {
        self.action.at as usize
    }

    /// Where the value under a key begins; the last one, should the key occur twice.
    #[inline]
    pub(crate) fn find(&self, bytes: &[u8], key: &str) -> Option<usize> {
        // Lengths first: they tell most keys apart, at a fraction of the price.
        let is_it = |field: &&Field| {
            field.key.len as usize == key.len() && field.key.of(bytes) == Some(key.as_bytes())
        };
        Some(self.fields.iter().rev().find(is_it)?.value as usize)
    }

    /// How many values the message holds, and how deep they nest.
    pub(crate) fn measure(&self) -> (usize, usize) {
        (self.elements, self.depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { depth: 32, elements: 1000 };

    fn read(bytes: &[u8]) -> Result<Index, ReadError> {
        let mut index = Index::default();
        index.read(bytes, LIMITS).map(|()| index)
    }

    #[test]
    fn finds_fields_wherever_the_action_stands() {
        let bytes = b"\x83\xa1x\x07\xa6action\xa4move\xa1x\x08";
        let index = read(bytes).unwrap();
        assert_eq!(index.action(bytes), Some("move"));
        assert_eq!(index.find(bytes, "x").map(|at| bytes[at]), Some(8), "the last one counts");
        assert_eq!(index.find(bytes, "y"), None);
    }

    #[test]
    fn values_that_are_no_message() {
        use MessageError::*;
        for (bytes, expected) in [
            (&b"\x80"[..], NoAction),
            (b"\x81\xa1x\x07", NoAction),
            (b"\x81\x07\xa6action", NoAction),
            (b"\xc0", NotAMap { found: "nil" }),
            (b"\x92\xa6action\xa1x", NotAMap { found: "an array" }),
            (b"\x81\xa6action\x07", ActionNotText { found: "an integer" }),
            (b"\x81\xa6action\x91\xa1x", ActionNotText { found: "an array" }),
            (b"\x82\xa6action\xa1x\xa6action\xa1y", TwoActions),
            (b"\x82\xa6action\xc0\xa6action\xa1y", TwoActions),
        ] {
            assert_eq!(read(bytes).err(), Some(ReadError::NotAMessage(expected)), "{bytes:x?}");
        }
    }

    #[test]
    fn broken_bytes_are_found_even_where_no_message_is() {
        for bytes in [&b"\x91"[..], b"\x81\xa6action", b"\x81\xa6action\x91\xc1", b"\xc0\xc0", b""]
        {
            assert!(matches!(read(bytes), Err(ReadError::Malformed(_))), "{bytes:x?}");
        }
    }
}
