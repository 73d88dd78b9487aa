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

use std::ops::Range;

use super::{ACTION, MessageError, ReadError};
use crate::limits::Limits;
use crate::msgpack::{Checker, DecodeError, Head, Reader, Short, word};

/// Where the fields of one message are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    fields: Vec<Field>,
    /// Where the text of the action stands.
    action: Range<u32>,
    /// What the check has counted.
    checker: Checker,
}

/// A field with a text as its key. A frame is shorter than 4 GiB, so 32 bits do for offsets.
#[derive(Clone, Copy, Debug)]
struct Field {
    /// The key's first bytes: keys of up to eight are told apart without a look at the payload.
    word: u64,
    key_len: u32,
    /// Where the value begins, and the key ends.
    value: u32,
}

/// What tells the action's key from all others; it is short enough for that.
const FIELD_OF_ACTION: Field = Field::new(word(ACTION.as_bytes()), ACTION.len(), 0);

/// Where no action stands: nothing ends where a message begins.
const NO_ACTION: Range<u32> = 0..0;

impl Field {
    #[inline(always)]
    const fn new(word: u64, key_len: usize, value: usize) -> Self {
        Self { word, key_len: offset(key_len), value: offset(value) }
    }

    /// Whether the keys have the same length, and the same first bytes.
    #[inline(always)]
    fn is_like(&self, other: &Self) -> bool {
        self.word == other.word && self.key_len == other.key_len
    }

    /// What the key is in these bytes.
    fn key<'m>(&self, bytes: &'m [u8]) -> Option<&'m [u8]> {
        let end = self.value as usize;
        bytes.get(end.checked_sub(self.key_len as usize)?..end)
    }
}

/// An offset in a payload whose length was looked at before.
const fn offset(at: usize) -> u32 {
    at as u32
}

impl Index {
    /// Checks a whole payload and remembers where its fields are.
    pub(crate) fn read(&mut self, bytes: &[u8], limits: Limits) -> Result<(), ReadError> {
        self.fields.clear();
        if u32::try_from(bytes.len()).is_err() {
            return Err(ReadError::Malformed(DecodeError::Truncated { at: 0 }));
        }
        self.checker = Checker::new(limits);
        self.action = NO_ACTION;
        let mut fault = None;
        self.walk(Reader::new(bytes, 0), &mut fault).map_err(ReadError::Malformed)?;
        match fault {
            Some(error) => Err(ReadError::NotAMessage(error)),
            None if self.action == NO_ACTION => Err(ReadError::NotAMessage(MessageError::NoAction)),
            None => Ok(()),
        }
    }

    /// The error is about the bytes; the fault says why they are no message.
    fn walk(
        &mut self,
        reader: Reader<'_>,
        fault: &mut Option<MessageError>,
    ) -> Result<(), DecodeError> {
        let (mut left, mut reader) = match self.checker.head(reader, 0)? {
            (Head::Map(len), behind) => (len, behind),
            (other, behind) => {
                *fault = Some(MessageError::NotAMap { found: other.kind() });
                return self.checker.content(other, behind, 0)?.end();
            }
        };
        loop {
            (reader, left) = self.short_pairs(reader, left);
            if left == 0 {
                return reader.end();
            }
            reader = self.pair(reader, fault)?;
            left = left.saturating_sub(1);
        }
    }

    /// Reads pairs for as long as both key and value are short, as they mostly are. Says where the
    /// first other pair begins, and how many there are from there on. What is strange about a pair
    /// in any way is left to [`pair`](Self::pair).
    fn short_pairs<'a>(&mut self, mut reader: Reader<'a>, mut left: usize) -> (Reader<'a>, usize) {
        while left > 0 {
            let Some((Short::Text(key), middle)) = reader.short() else { break };
            let Some((value, behind)) = middle.short() else { break };
            if !key.is_ascii() || !value.is_ascii() {
                break;
            }
            let field = Field::new(key.word, key.bytes.len(), middle.at());
            if field.is_like(&FIELD_OF_ACTION) {
                let Short::Text(text) = value else { break };
                if self.action != NO_ACTION {
                    break;
                }
                let end = behind.at();
                self.action = offset(end.wrapping_sub(text.bytes.len()))..offset(end);
            }
            self.fields.push(field);
            (reader, left) = (behind, left.wrapping_sub(1));
        }
        (reader, left)
    }

    /// Reads any pair.
    fn pair<'a>(
        &mut self,
        reader: Reader<'a>,
        fault: &mut Option<MessageError>,
    ) -> Result<Reader<'a>, DecodeError> {
        let (key, middle) = self.checker.key(reader, 1)?;
        if let Head::Str(key) = key {
            let field = Field::new(word(key), key.len(), middle.at());
            self.fields.push(field);
            if field.is_like(&FIELD_OF_ACTION) {
                self.take_action(middle, fault);
            }
        }
        self.checker.value(middle, 1)
    }

    /// Looks at the value of "action" ahead of its check.
    fn take_action(&mut self, mut ahead: Reader<'_>, fault: &mut Option<MessageError>) {
        let is_second = self.action != NO_ACTION;
        let Ok(head) = ahead.head() else { return }; // the check that follows finds the same
        let end = ahead.at();
        let len = if let Head::Str(text) = head { text.len() } else { 0 };
        self.action = offset(end.saturating_sub(len))..offset(end);
        *fault = match head {
            _ if is_second => Some(MessageError::TwoActions),
            Head::Str(_) => None,
            other => Some(MessageError::ActionNotText { found: other.kind() }),
        };
    }

    /// The action's text, which has been checked.
    #[inline]
    pub(crate) fn action<'m>(&self, bytes: &'m [u8]) -> &'m [u8] {
        bytes.get(self.action.start as usize..self.action.end as usize).unwrap_or_default()
    }

    /// Where the text of the action begins.
    pub(crate) fn action_at(&self) -> usize {
        self.action.start as usize
    }

    /// Where the value under a key begins; the last one, should the key occur twice.
    #[inline]
    pub(crate) fn find(&self, bytes: &[u8], key: &str) -> Option<usize> {
        let wanted = Field::new(word(key.as_bytes()), key.len(), 0);
        let is_it = |field: &&Field| {
            field.is_like(&wanted)
                && (key.len() <= size_of_val(&wanted.word)
                    || field.key(bytes) == Some(key.as_bytes()))
        };
        Some(self.fields.iter().rev().find(is_it)?.value as usize)
    }

    /// How many values the message holds, and how deep they nest.
    pub(crate) fn measure(&self) -> (usize, usize) {
        self.checker.measure()
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
        assert_eq!(index.action(bytes), b"move");
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
