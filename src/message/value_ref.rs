//! [`ValueRef`]: one value inside a message, read where it lies.
//!
//! The bytes have been checked before, so walking them cannot fail; where it does all the same,
//! the walk just ends. Nothing here allocates, but [`ValueRef::to_value`].
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

use std::fmt;

use super::{FromValue, ValueError};
use crate::msgpack::{self, Head, Reader};
use crate::value::{self, Timestamp, Value};

/// A value inside a [`Message`](crate::Message), borrowed.
///
/// ```
/// use hexapod::{Outgoing, ValueRef, msg};
///
/// fn sum(value: ValueRef<'_>) -> f64 {
///     match value {
///         ValueRef::Array(items) => items.iter().map(sum).sum(),
///         other => other.as_f64().unwrap_or(0.0),
///     }
/// }
///
/// let message = msg!("scores", points: [[1, 2], [3, 4]]);
/// assert_eq!(message.view(|msg| msg.field("points").map(sum)), Some(10.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'v> {
    /// Nothing: Python's `None`.
    Nil,
    /// A truth value.
    Bool(bool),
    /// An integer, within −2⁶³ … 2⁶⁴ − 1.
    Int(i128),
    /// A 32-bit float.
    F32(f32),
    /// A 64-bit float.
    F64(f64),
    /// Text.
    Str(&'v str),
    /// Bytes.
    Bytes(&'v [u8]),
    /// A list of values.
    Array(ArrayRef<'v>),
    /// Pairs of key and value.
    Map(MapRef<'v>),
    /// A point in time.
    Timestamp(Timestamp),
    /// A MessagePack extension: an application's type and its bytes.
    Ext(i8, &'v [u8]),
}

/// An array inside a message.
#[derive(Clone, Copy)]
pub struct ArrayRef<'v> {
    /// From the first element on, and possibly beyond the last.
    bytes: &'v [u8],
    /// No head can say more; and with these 32 bits a value takes no more room than without a flag.
    len: u32,
    is_tuple: bool,
}

/// A map inside a message.
#[derive(Clone, Copy)]
pub struct MapRef<'v> {
    /// From the first key on, and possibly beyond the last value.
    bytes: &'v [u8],
    len: usize,
}

impl<'v> ValueRef<'v> {
    /// The value that begins at this offset of a checked payload.
    // Inlined, a `get` never makes the value: it goes from the bytes to the type that is wanted.
    #[inline(always)]
    pub(crate) fn at(bytes: &'v [u8], at: usize) -> Option<Self> {
        let mut reader = Reader::new(bytes, at);
        let head = reader.head().ok()?;
        Self::of(head, reader.at().wrapping_sub(at), reader.rest())
    }

    /// Reads the next value and leaves the reader behind it.
    #[inline]
    fn next(reader: &mut Reader<'v>) -> Option<Self> {
        let at = reader.at();
        let head = reader.head().ok()?;
        let value = Self::of(head, reader.at().wrapping_sub(at), reader.rest())?;
        match head {
            Head::Array(len) => reader.skip(len)?,
            Head::Map(len) => reader.skip(len.checked_mul(2)?)?,
            _ => {}
        }
        Some(value)
    }

    /// The value of a head that is so long, and of what follows it.
    #[inline(always)]
    fn of(head: Head<'v>, head_len: usize, rest: &'v [u8]) -> Option<Self> {
        Some(match head {
            Head::Nil => Self::Nil,
            Head::Bool(bool) => Self::Bool(bool),
            Head::Int(int) => Self::Int(int.into()),
            Head::Large(int) => Self::Int(int.into()),
            Head::F32(float) => Self::F32(float),
            Head::F64(float) => Self::F64(float),
            Head::Str(text) => Self::Str(std::str::from_utf8(text).ok()?),
            Head::Bytes(bytes) => Self::Bytes(bytes),
            Head::Array(len) => {
                let is_tuple = msgpack::is_tuple(len, head_len);
                Self::Array(ArrayRef { bytes: rest, len: u32::try_from(len).ok()?, is_tuple })
            }
            Head::Map(len) => Self::Map(MapRef { bytes: rest, len }),
            Head::Ext(kind, bytes) => match msgpack::timestamp(kind, bytes) {
                Some(time) => Self::Timestamp(time),
                None => Self::Ext(kind, bytes),
            },
        })
    }

    /// Reads the value as a type.
    ///
    /// # Errors
    ///
    /// If the type does not accept this value.
    pub fn get<T: FromValue<'v>>(self) -> Result<T, ValueError> {
        T::from_value(self)
    }

    /// The text, if this is one.
    pub fn as_str(self) -> Option<&'v str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    /// The number as a float, if this is an integer or a float.
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Self::Int(int) => Some(int as f64),
            Self::F32(float) => Some(f64::from(float)),
            Self::F64(float) => Some(float),
            _ => None,
        }
    }

    /// The integer, if this is one and it fits.
    pub fn as_i64(self) -> Option<i64> {
        if let Self::Int(int) = self { i64::try_from(int).ok() } else { None }
    }

    /// What the value is, with its article: "an integer", "a text".
    pub fn kind(self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an integer",
            Self::F32(_) | Self::F64(_) => "a float",
            Self::Str(_) => "a text",
            Self::Bytes(_) => "bytes",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
            Self::Timestamp(_) => "a timestamp",
            Self::Ext(..) => "an extension",
        }
    }

    /// The value as an owned tree. In it a tuple is an array like any other.
    pub fn to_value(self) -> Value {
        match self {
            Self::Nil => Value::Nil,
            Self::Bool(bool) => Value::Bool(bool),
            Self::Int(int) => Value::Int(int),
            Self::F32(float) => Value::F32(float),
            Self::F64(float) => Value::F64(float),
            Self::Str(text) => Value::Str(text.to_owned()),
            Self::Bytes(bytes) => Value::Bytes(bytes.to_owned()),
            // Room for just as many as there are: a `Vec` that grows by itself begins with four.
            Self::Array(items) => {
                let mut tree = Vec::with_capacity(items.len());
                tree.extend(items.iter().map(Self::to_value));
                Value::Array(tree)
            }
            Self::Map(pairs) => {
                let mut tree = Vec::with_capacity(pairs.len());
                tree.extend(pairs.iter().map(|(key, value)| (key.to_value(), value.to_value())));
                Value::Map(tree)
            }
            Self::Timestamp(time) => Value::Timestamp(time),
            Self::Ext(kind, bytes) => Value::Ext(kind, bytes.to_owned()),
        }
    }
}

impl<'v> ArrayRef<'v> {
    /// The number of elements.
    pub fn len(self) -> usize {
        self.len as usize
    }

    /// Whether there are no elements.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Whether this is a tuple and not a list, for those who can tell the two apart: peers of
    /// PodSixNet. A native peer's arrays are lists, but for those in a [`Tuple`](crate::Tuple).
    ///
    /// It does not count when two arrays are compared.
    pub fn is_tuple(self) -> bool {
        self.is_tuple
    }

    /// The element at a position; this walks over those before it.
    pub fn get(self, at: usize) -> Option<ValueRef<'v>> {
        self.iter().nth(at)
    }

    /// The elements in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = ValueRef<'v>> {
        Items { reader: Reader::new(self.bytes, 0), left: self.len() }
    }
}

impl<'v> MapRef<'v> {
    /// The one map that canonical bytes are.
    pub(crate) fn of(bytes: &'v [u8]) -> Self {
        match ValueRef::at(bytes, 0) {
            Some(ValueRef::Map(map)) => map,
            _ => Self { bytes: &[], len: 0 },
        }
    }

    /// The number of pairs.
    pub fn len(self) -> usize {
        self.len
    }

    /// Whether there are no pairs.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The value under a text key, the last one should the key occur twice; this walks the map.
    pub fn get(self, key: &str) -> Option<ValueRef<'v>> {
        self.iter().filter(|(name, _)| name.as_str() == Some(key)).last().map(|(_, value)| value)
    }

    /// The pairs of key and value, in the order of the wire.
    pub fn iter(self) -> impl ExactSizeIterator<Item = (ValueRef<'v>, ValueRef<'v>)> {
        Pairs { reader: Reader::new(self.bytes, 0), left: self.len }
    }

    /// The bytes of key and value of each pair, in the order of the wire: for another decoder.
    #[cfg(feature = "serde")]
    pub(crate) fn encoded_pairs(self) -> impl Iterator<Item = (&'v [u8], &'v [u8])> {
        let mut reader = Reader::new(self.bytes, 0);
        (0..self.len).map_while(move |_| Some((reader.value_bytes()?, reader.value_bytes()?)))
    }
}

/// The values of an array.
struct Items<'v> {
    reader: Reader<'v>,
    left: usize,
}

impl<'v> Iterator for Items<'v> {
    type Item = ValueRef<'v>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        ValueRef::next(&mut self.reader)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Items<'_> {}

/// The pairs of a map.
struct Pairs<'v> {
    reader: Reader<'v>,
    left: usize,
}

impl<'v> Iterator for Pairs<'v> {
    type Item = (ValueRef<'v>, ValueRef<'v>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some((ValueRef::next(&mut self.reader)?, ValueRef::next(&mut self.reader)?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Pairs<'_> {}

impl PartialEq for ArrayRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl PartialEq for MapRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl fmt::Debug for ArrayRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for MapRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl fmt::Display for ArrayRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        value::list(f, self.iter())
    }
}

impl fmt::Display for MapRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        value::map(f, self.iter())
    }
}

impl fmt::Display for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Array(items) => items.fmt(f),
            Self::Map(pairs) => pairs.fmt(f),
            // A scalar's tree costs nothing, and a text's costs one copy.
            scalar => scalar.to_value().fmt(f),
        }
    }
}
