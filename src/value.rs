//! [`Value`]: the owned tree, and [`Timestamp`].
//!
//! The tree can hold whatever MessagePack can say. It is for code that does not know what it will
//! be given: a handler that knows its fields reads them from the message, which costs no tree.

use std::fmt;

use crate::quote::Quoted;

/// Any value that a message can hold, owned.
///
/// ```
/// use hexapod::{Value, msg};
///
/// let value = Value::from(msg!("move", x: 1.5, path: [1, 2, 3]));
/// assert_eq!(value["x"], Value::F64(1.5));
/// assert_eq!(value.to_string(), r#"{"action": "move", "x": 1.5, "path": [1, 2, 3]}"#);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing: Python's `None`.
    Nil,
    /// A truth value.
    Bool(bool),
    /// An integer. On the wire it must be within −2⁶³ … 2⁶⁴ − 1.
    Int(i128),
    /// A 32-bit float.
    F32(f32),
    /// A 64-bit float: Python's `float`.
    F64(f64),
    /// Text.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list of values. The tree does not tell tuples from lists: see [`Tuple`](crate::Tuple).
    Array(Vec<Self>),
    /// Pairs of key and value, in the order of the wire. A key is anything but an array or a map.
    Map(Vec<(Self, Self)>),
    /// A point in time.
    Timestamp(Timestamp),
    /// A MessagePack extension: an application's type and its bytes.
    Ext(i8, Vec<u8>),
}

/// A point in time: MessagePack's extension type −1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Seconds since 1970-01-01 00:00:00 UTC.
    pub seconds: i64,
    /// Nanoseconds since that second: at most 999,999,999, or the value cannot be sent.
    pub nanoseconds: u32,
}

impl Value {
    /// The value under a text key of a map; the last one, should the key occur twice.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        pairs.iter().rev().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// The text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    /// The number as a float, if this is an integer or a float.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(int) => Some(*int as f64),
            Self::F32(float) => Some(f64::from(*float)),
            Self::F64(float) => Some(*float),
            _ => None,
        }
    }

    /// The integer, if this is one and it fits.
    pub fn as_i64(&self) -> Option<i64> {
        if let Self::Int(int) = self { i64::try_from(*int).ok() } else { None }
    }
}

impl std::ops::Index<&str> for Value {
    type Output = Self;

    /// The value under a text key of a map, or [`Value::Nil`] where there is none.
    fn index(&self, key: &str) -> &Self {
        self.get(key).unwrap_or(&Self::Nil)
    }
}

impl std::ops::Index<usize> for Value {
    type Output = Self;

    /// The element of an array, or [`Value::Nil`] where there is none.
    fn index(&self, at: usize) -> &Self {
        let Self::Array(items) = self else { return &Self::Nil };
        items.get(at).unwrap_or(&Self::Nil)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Bool(bool) => write!(f, "{bool}"),
            Self::Int(int) => write!(f, "{int}"),
            Self::F32(float) => write!(f, "{float:?}"),
            Self::F64(float) => write!(f, "{float:?}"),
            Self::Str(text) => Quoted(text).fmt(f),
            Self::Bytes(bytes) => write!(f, "<{} bytes>", bytes.len()),
            Self::Array(items) => list(f, items),
            Self::Map(pairs) => map(f, pairs.iter().map(|(key, value)| (key, value))),
            Self::Timestamp(time) => time.fmt(f),
            Self::Ext(kind, bytes) => write!(f, "<ext {kind}, {} bytes>", bytes.len()),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<time {}.{:09}>", self.seconds, self.nanoseconds)
    }
}

/// How many items of an array or pairs of a map are shown.
const SHOWN: usize = 64;

/// Writes `[a, b, c]`, cut when it is long.
pub(crate) fn list(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = impl fmt::Display>,
) -> fmt::Result {
    f.write_str("[")?;
    for (at, item) in items.into_iter().enumerate() {
        match at {
            0 => write!(f, "{item}")?,
            SHOWN => return f.write_str(", …]"),
            _ => write!(f, ", {item}")?,
        }
    }
    f.write_str("]")
}

/// Writes `{"a": 1, "b": 2}`, cut when it is long.
pub(crate) fn map<K: fmt::Display, V: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    pairs: impl IntoIterator<Item = (K, V)>,
) -> fmt::Result {
    f.write_str("{")?;
    for (at, (key, value)) in pairs.into_iter().enumerate() {
        match at {
            0 => write!(f, "{key}: {value}")?,
            SHOWN => return f.write_str(", …}"),
            _ => write!(f, ", {key}: {value}")?,
        }
    }
    f.write_str("}")
}

/// `From` for the types that one variant holds as they are.
macro_rules! from {
    ($($type:ty => |$it:ident| $value:expr),* $(,)?) => {
        $(impl From<$type> for Value {
            fn from($it: $type) -> Self {
                $value
            }
        })*
    };
}

from! {
    bool => |it| Self::Bool(it),
    i8 => |it| Self::Int(it.into()),
    i16 => |it| Self::Int(it.into()),
    i32 => |it| Self::Int(it.into()),
    i64 => |it| Self::Int(it.into()),
    isize => |it| Self::Int(it as i128),
    u8 => |it| Self::Int(it.into()),
    u16 => |it| Self::Int(it.into()),
    u32 => |it| Self::Int(it.into()),
    u64 => |it| Self::Int(it.into()),
    usize => |it| Self::Int(it as i128),
    f32 => |it| Self::F32(it),
    f64 => |it| Self::F64(it),
    &str => |it| Self::Str(it.to_owned()),
    String => |it| Self::Str(it),
    &[u8] => |it| Self::Bytes(it.to_owned()),
    Vec<u8> => |it| Self::Bytes(it),
    Vec<Value> => |it| Self::Array(it),
    Vec<(Value, Value)> => |it| Self::Map(it),
    Timestamp => |it| Self::Timestamp(it),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_what_it_says() {
        let value = Value::Map(vec![
            ("a".into(), Value::Array(vec![1.into(), 2.5.into(), Value::Nil, true.into()])),
            (7.into(), Value::Bytes(vec![1, 2])),
            ("t".into(), Timestamp { seconds: -1, nanoseconds: 5 }.into()),
            ("e".into(), Value::Ext(4, vec![0; 9])),
        ]);
        assert_eq!(
            value.to_string(),
            "{\"a\": [1, 2.5, nil, true], 7: <2 bytes>, \"t\": <time -1.000000005>, \
             \"e\": <ext 4, 9 bytes>}"
        );
        assert_eq!(value["a"][1], Value::F64(2.5));
        assert_eq!(value["nobody"]["nothing"][3], Value::Nil);
    }

    #[test]
    fn a_long_array_is_cut() {
        let text = Value::Array(vec![0.into(); 1000]).to_string();
        assert!(text.ends_with(", 0, …]") && text.len() < 300, "{text}");
    }

    #[test]
    fn a_value_takes_32_bytes() {
        assert_eq!(size_of::<Value>(), 32);
    }
}
