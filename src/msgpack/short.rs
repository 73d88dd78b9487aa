//! [`Short`]: a value that is passed over without being read.
//!
//! Most values of most messages are numbers and short texts. To check a number is to know how long
//! it is, and to check a short text is to see that it is ASCII; what takes more than that is left
//! to [`Checker`](super::Checker).
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

use rmp::Marker;

/// A value that was passed over.
#[derive(Clone, Copy)]
pub(crate) enum Short<'a> {
    /// A number, nil or a bool: nothing in it can be wrong.
    Plain,
    /// A text of up to 31 bytes.
    Text(ShortText<'a>),
}

/// A short text, not yet known to be UTF-8.
#[derive(Clone, Copy)]
pub(crate) struct ShortText<'a> {
    pub(crate) bytes: &'a [u8],
    /// See [`word`].
    pub(crate) word: u64,
    /// All bytes, eight by eight on top of each other.
    pile: u64,
}

/// Words with as many of the lowest bytes set as the position says, and all eight from there on.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // the compiler runs it
const LOWEST: [u64; 32] = {
    let mut masks = [u64::MAX; 32];
    let mut bytes = 0;
    while bytes < 8 {
        masks[bytes] = !(u64::MAX << (8 * bytes));
        bytes += 1;
    }
    masks
};

impl<'a> Short<'a> {
    /// The value that these bytes begin with, and what is behind it. `None` is all else: a value
    /// that is cut short, too.
    // The lengths stand here as constants, and not in a table, because a processor that foresees
    // the branch goes on behind the value before it has seen the first byte.
    #[inline(always)]
    pub(super) fn split_from(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (first, rest) = bytes.split_first()?;
        let behind = match Marker::from_u8(*first) {
            Marker::FixStr(len) => {
                let (text, behind) = ShortText::split_from(rest, len)?;
                return Some((Self::Text(text), behind));
            }
            Marker::FixPos(_) | Marker::FixNeg(_) => rest,
            Marker::Null | Marker::True | Marker::False => rest,
            Marker::U8 | Marker::I8 => rest.get(1..)?,
            Marker::U16 | Marker::I16 => rest.get(2..)?,
            Marker::U32 | Marker::I32 | Marker::F32 => rest.get(4..)?,
            Marker::U64 | Marker::I64 | Marker::F64 => rest.get(8..)?,
            _ => return None,
        };
        Some((Self::Plain, behind))
    }

    /// Whether it is good without a further look.
    #[inline(always)]
    pub(crate) fn is_ascii(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::Text(text) => text.is_ascii(),
        }
    }
}

impl<'a> ShortText<'a> {
    #[inline(always)]
    fn split_from(bytes: &'a [u8], len: u8) -> Option<(Self, &'a [u8])> {
        let (text, behind) = bytes.split_at_checked(len.into())?;
        let word = match bytes.first_chunk() {
            Some(chunk) => u64::from_le_bytes(*chunk) & LOWEST.get(usize::from(len & 31))?,
            None => word(text),
        };
        let mut pile = word;
        if len > 8 {
            pile |= u64::from_le_bytes(*text.last_chunk()?);
            if len > 16 {
                pile |= u64::from_le_bytes(*text.get(8..)?.first_chunk()?);
                let before_last = text.get(..text.len().wrapping_sub(8))?.last_chunk()?;
                pile |= u64::from_le_bytes(*before_last);
            }
        }
        Some((Self { bytes: text, word, pile }, behind))
    }

    #[inline(always)]
    pub(crate) fn is_ascii(&self) -> bool {
        self.pile & 0x8080_8080_8080_8080 == 0
    }
}

/// The first eight bytes of a text in one word, zeros behind them where there are fewer: texts of
/// up to eight bytes are the same if their words and their lengths are.
#[inline(always)]
pub(crate) const fn word(text: &[u8]) -> u64 {
    if let Some(chunk) = text.first_chunk() {
        return u64::from_le_bytes(*chunk);
    }
    let (mut word, mut rest) = (0, text);
    while let [before @ .., byte] = rest {
        (word, rest) = (word << 8 | *byte as u64, before);
    }
    word
}
