//! MessagePack: one value's head at a time, the check of a whole payload, and the writers.
//!
//! ```text
//! 83                                map of 3
//! a6 61 63 74 69 6f 6e  a4 6d 6f 76 65     "action": "move"
//! a1 78                 cb 3f f8 00 …      "x": 1.5
//! a2 69 64              07                 "id": 7
//! ```
//!
//! This is the only room that names `rmp`: its `Marker` is the table of formats, its writers choose
//! the smallest form. Reading accepts every legal form. Formats:
//! <https://github.com/msgpack/msgpack/blob/master/spec.md>.
//!
//! No tree is built here, and nothing is allocated because of what a length claims.
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

mod checker;
mod reader;
mod short;
#[cfg(test)]
mod tests;
mod writer;

use thiserror::Error;

pub(crate) use checker::Checker;
pub(crate) use reader::Reader;
pub(crate) use short::{Short, word};
pub(crate) use writer::*;

use crate::quote::debug_like_display;
use crate::value::Timestamp;

/// Why bytes are no MessagePack that this library accepts. `at` counts bytes from the start of the
/// payload.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The payload ends inside a value, or a length says more than is there.
    #[error("the value at byte {at} is cut short")]
    Truncated {
        /// Where the value begins that is not whole.
        at: usize,
    },
    /// The byte c1, which MessagePack never uses.
    #[error("the byte c1 at byte {at} is no MessagePack")]
    Reserved {
        /// Where the byte stands.
        at: usize,
    },
    /// A text is not UTF-8.
    #[error("the text at byte {at} is not UTF-8")]
    InvalidUtf8 {
        /// Where the value begins.
        at: usize,
    },
    /// An extension of a type below 0, which are MessagePack's own, and no good timestamp. Some
    /// readers end their connection over it, so it is not to be passed on.
    #[error("the extension at byte {at} is of the reserved type {kind}, and no timestamp")]
    ReservedExt {
        /// The extension's type.
        kind: i8,
        /// Where the value begins.
        at: usize,
    },
    /// A map has an array or a map as a key.
    #[error("the key at byte {at} is an array or a map")]
    ContainerKey {
        /// Where the key begins.
        at: usize,
    },
    /// Arrays and maps nest too deeply.
    #[error("arrays and maps nest deeper than {max}")]
    TooDeep {
        /// [`Config::max_depth`](crate::Config::max_depth).
        max: usize,
    },
    /// The payload holds too many values.
    #[error("more than {max} values")]
    TooManyElements {
        /// [`Config::max_elements`](crate::Config::max_elements).
        max: usize,
    },
    /// Bytes follow the value.
    #[error("{extra} bytes follow the value")]
    Trailing {
        /// How many.
        extra: usize,
    },
}

/// The head of a value, and with it the whole value unless it is a container.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(unnameable_types)] // for a hidden method of `FromValue`
pub enum Head<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    /// An integer beyond the other: two words instead of one of 128 bits, which would make every
    /// head twice as long.
    Large(u64),
    F32(f32),
    F64(f64),
    /// Not yet known to be UTF-8.
    Str(&'a [u8]),
    Bytes(&'a [u8]),
    Ext(i8, &'a [u8]),
    /// This many values follow.
    Array(usize),
    /// This many pairs follow.
    Map(usize),
}

impl Head<'_> {
    #[inline]
    fn of_u64(int: u64) -> Self {
        i64::try_from(int).map_or(Self::Large(int), Self::Int)
    }

    /// What the value is, with its article.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "a bool",
            Self::Int(_) | Self::Large(_) => "an integer",
            Self::F32(_) | Self::F64(_) => "a float",
            Self::Str(_) => "a text",
            Self::Bytes(_) => "bytes",
            Self::Ext(..) => "an extension",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
        }
    }
}

/// The longest array whose head is one byte; up to 65,535 values it is three bytes.
const FIX_ARRAY: u16 = 15;

/// Whether an array's head is longer than it needs to be. Nobody writes such a head to save bytes,
/// so it is where Python's tuple is told from a list.
#[inline]
pub(crate) fn is_tuple(len: usize, head_len: usize) -> bool {
    if len <= FIX_ARRAY.into() { head_len > 1 } else { len <= u16::MAX.into() && head_len > 3 }
}

/// The extension type of a timestamp.
const TIMESTAMP: i8 = -1;
const NANOSECONDS: u32 = 1_000_000_000;

/// Whether an extension may be said: types below 0 are MessagePack's own, and timestamps are the
/// only ones that it has given a meaning.
pub(crate) fn is_good_ext(kind: i8, bytes: &[u8]) -> bool {
    kind >= 0 || timestamp(kind, bytes).is_some()
}

/// The timestamp in an extension, if it is a good one.
///
/// ```text
/// 4 bytes   seconds u32
/// 8 bytes   nanoseconds u30, seconds u34
/// 12 bytes  nanoseconds u32, seconds i64
/// ```
pub(crate) fn timestamp(kind: i8, bytes: &[u8]) -> Option<Timestamp> {
    if kind != TIMESTAMP {
        return None;
    }
    let time = match bytes.len() {
        4 => {
            Timestamp { seconds: u32::from_be_bytes(bytes.try_into().ok()?).into(), nanoseconds: 0 }
        }
        8 => {
            let both = u64::from_be_bytes(bytes.try_into().ok()?);
            Timestamp { seconds: (both & ((1 << 34) - 1)) as i64, nanoseconds: (both >> 34) as u32 }
        }
        12 => {
            let (nanoseconds, seconds) = bytes.split_first_chunk::<4>()?;
            Timestamp {
                seconds: i64::from_be_bytes(seconds.try_into().ok()?),
                nanoseconds: u32::from_be_bytes(*nanoseconds),
            }
        }
        _ => return None,
    };
    (time.nanoseconds < NANOSECONDS).then_some(time)
}

debug_like_display!(DecodeError);
