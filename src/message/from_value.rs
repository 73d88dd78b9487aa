//! [`FromValue`]: what a field can be read as.
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

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasher, Hash};

use super::{ArrayRef, MapRef, ValueError, ValueRef};
use crate::msgpack::Head;
use crate::value::{Timestamp, Value};

/// A type that a field of a message can be read as.
///
/// | type | accepts |
/// | --- | --- |
/// | `bool` | a bool |
/// | every integer type | an integer that fits; never a float |
/// | `f64`, `f32` | a float or an integer, rounded to what the type can hold |
/// | `&str`, `String` | a text |
/// | `&[u8]`, `Vec<u8>` | bytes; `Vec<u8>` also an array of integers |
/// | `Option<T>` | nil, a missing field, or what `T` accepts |
/// | `Vec<T>`, `[T; N]`, tuples up to 8 | an array, of that length |
/// | `HashMap`, `BTreeMap` | a map |
/// | [`Timestamp`], [`Value`], [`ValueRef`], [`ArrayRef`], [`MapRef`] | what their names say |
///
/// A type of your own is read through one of these:
///
/// ```
/// use hexapod::{Encoder, FromValue, IntoValue, ValueError, ValueRef, msg};
///
/// #[derive(Debug, PartialEq)]
/// struct Vec2 { x: f32, y: f32 }
///
/// impl IntoValue for Vec2 {
///     fn encode(&self, out: &mut Encoder) {
///         (self.x, self.y).encode(out);
///     }
/// }
///
/// impl FromValue<'_> for Vec2 {
///     fn from_value(value: ValueRef<'_>) -> Result<Self, ValueError> {
///         let (x, y) = value.get()?;
///         Ok(Self { x, y })
///     }
/// }
///
/// let message = msg!("move", to: Vec2 { x: 1.0, y: 2.5 });
/// let to: Vec2 = message.view(|msg| msg.get("to"))?;
/// assert_eq!(to, Vec2 { x: 1.0, y: 2.5 });
/// # Ok::<(), ValueError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "a field of a message cannot be read as `{Self}`",
    note = "read it as a number, text, array or map, or implement `hexapod::FromValue` for `{Self}`"
)]
pub trait FromValue<'v>: Sized {
    /// Reads a value.
    ///
    /// # Errors
    ///
    /// If the value is of another type or does not fit. [`ValueError::wanted`] makes a good error;
    /// where the value is, the caller adds.
    fn from_value(value: ValueRef<'v>) -> Result<Self, ValueError>;

    /// The short way for numbers and texts, which has no value to make and no fault to tell: `None`
    /// is not the last word.
    #[doc(hidden)]
    #[inline(always)]
    fn from_head(_head: Head<'v>) -> Option<Self> {
        None
    }

    /// What a missing field reads as, if anything. Only an `Option` may be missing.
    #[doc(hidden)]
    fn from_missing() -> Option<Self> {
        None
    }

    /// What an array of this type is read as: bytes are an array of `u8`.
    #[doc(hidden)]
    fn vec_from_value(value: ValueRef<'v>) -> Result<Vec<Self>, ValueError> {
        let items: ArrayRef<'v> = value.get()?;
        let mut vec = Vec::with_capacity(reserved::<Self>(items.len()));
        for (at, item) in items.iter().enumerate() {
            vec.push(Self::from_value(item).map_err(|error| error.at_index(at))?);
        }
        Ok(vec)
    }
}

/// How many elements to make room for at once: the bytes for the elements are there, but an element
/// may be far larger than they are, so a long array earns its room by being read.
fn reserved<T>(len: usize) -> usize {
    len.min(4096_usize.checked_div(size_of::<T>()).unwrap_or(len))
}

impl<'v> FromValue<'v> for ValueRef<'v> {
    fn from_value(value: Self) -> Result<Self, ValueError> {
        Ok(value)
    }
}

impl FromValue<'_> for Value {
    fn from_value(value: ValueRef<'_>) -> Result<Self, ValueError> {
        Ok(value.to_value())
    }
}

/// The types that accept exactly one kind of value.
macro_rules! scalars {
    ($($type:ty: $wanted:literal, $found:pat => $value:expr $(, $head:pat => $short:expr)?;)*) => {
        $(impl<'v> FromValue<'v> for $type {
            #[inline]
            fn from_value(value: ValueRef<'v>) -> Result<Self, ValueError> {
                match value {
                    $found => Ok($value),
                    other => Err(ValueError::wanted($wanted, other)),
                }
            }

            $(#[inline(always)]
            fn from_head(head: Head<'v>) -> Option<Self> {
                if let $head = head { $short } else { None }
            })?
        })*
    };
}

fn utf8(text: &[u8]) -> Option<&str> {
    std::str::from_utf8(text).ok()
}

scalars! {
    bool: "a bool", ValueRef::Bool(bool) => bool, Head::Bool(bool) => Some(bool);
    &'v str: "a text", ValueRef::Str(text) => text, Head::Str(text) => utf8(text);
    String: "a text", ValueRef::Str(text) => text.to_owned();
    &'v [u8]: "bytes", ValueRef::Bytes(bytes) => bytes;
    ArrayRef<'v>: "an array", ValueRef::Array(items) => items;
    MapRef<'v>: "a map", ValueRef::Map(pairs) => pairs;
    Timestamp: "a timestamp", ValueRef::Timestamp(time) => time;
    (): "nil", ValueRef::Nil => ();
}

impl FromValue<'_> for f64 {
    #[inline]
    fn from_value(value: ValueRef<'_>) -> Result<Self, ValueError> {
        value.as_f64().ok_or_else(|| ValueError::wanted("a number", value))
    }

    #[inline(always)]
    fn from_head(head: Head<'_>) -> Option<Self> {
        match head {
            Head::F64(float) => Some(float),
            Head::F32(float) => Some(float.into()),
            Head::Int(int) => Some(int as Self),
            _ => None,
        }
    }
}

impl FromValue<'_> for f32 {
    #[inline]
    fn from_value(value: ValueRef<'_>) -> Result<Self, ValueError> {
        match value {
            ValueRef::F32(float) => Ok(float),
            other => other.get::<f64>().map(|float| float as Self),
        }
    }

    #[inline(always)]
    fn from_head(head: Head<'_>) -> Option<Self> {
        match head {
            Head::F32(float) => Some(float),
            other => f64::from_head(other).map(|float| float as Self),
        }
    }
}

/// Reads an integer, if it is one that fits.
#[inline(always)]
fn integer<T: TryFrom<i128>>(
    value: ValueRef<'_>,
    min: impl fmt::Display,
    max: impl fmt::Display,
) -> Result<T, ValueError> {
    match value {
        ValueRef::Int(int) => T::try_from(int).ok(),
        _ => None,
    }
    .ok_or_else(|| no_integer(value, &min, &max))
}

#[cold]
fn no_integer(value: ValueRef<'_>, min: &dyn fmt::Display, max: &dyn fmt::Display) -> ValueError {
    ValueError::wanted(format!("an integer in {min}..={max}"), value)
}

macro_rules! integers {
    ($($type:ident)*) => {
        $(impl FromValue<'_> for $type {
            #[inline]
            fn from_value(value: ValueRef<'_>) -> Result<Self, ValueError> {
                integer(value, Self::MIN, Self::MAX)
            }

            #[inline(always)]
            fn from_head(head: Head<'_>) -> Option<Self> {
                if let Head::Int(int) = head { int.try_into().ok() } else { None }
            }
        })*
    };
}

integers! { i8 i16 i32 i64 i128 isize u16 u32 u64 u128 usize }

impl FromValue<'_> for u8 {
    #[inline]
    fn from_value(value: ValueRef<'_>) -> Result<Self, ValueError> {
        integer(value, Self::MIN, Self::MAX)
    }

    #[inline(always)]
    fn from_head(head: Head<'_>) -> Option<Self> {
        if let Head::Int(int) = head { int.try_into().ok() } else { None }
    }

    fn vec_from_value(value: ValueRef<'_>) -> Result<Vec<Self>, ValueError> {
        match value {
            ValueRef::Bytes(bytes) => Ok(bytes.to_owned()),
            ValueRef::Array(items) => {
                let byte = |(at, item)| Self::from_value(item).map_err(|error| error.at_index(at));
                items.iter().enumerate().map(byte).collect()
            }
            other => Err(ValueError::wanted("bytes", other)),
        }
    }
}

impl<'v, T: FromValue<'v>> FromValue<'v> for Option<T> {
    #[inline]
    fn from_value(value: ValueRef<'v>) -> Result<Self, ValueError> {
        match value {
            ValueRef::Nil => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }

    #[inline(always)]
    fn from_head(head: Head<'v>) -> Option<Self> {
        T::from_head(head).map(Some)
    }

    fn from_missing() -> Option<Self> {
        Some(None)
    }
}

impl<'v, T: FromValue<'v>> FromValue<'v> for Box<T> {
    fn from_value(value: ValueRef<'v>) -> Result<Self, ValueError> {
        T::from_value(value).map(Self::new)
    }
}

impl<'v, T: FromValue<'v>> FromValue<'v> for Vec<T> {
    fn from_value(value: ValueRef<'v>) -> Result<Self, ValueError> {
        T::vec_from_value(value)
    }
}

impl<'v, T: FromValue<'v>, const N: usize> FromValue<'v> for [T; N] {
    fn from_value(value: ValueRef<'v>) -> Result<Self, ValueError> {
        let wanted = || ValueError::wanted(format!("an array of {N}"), value);
        T::vec_from_value(value)?.try_into().map_err(|_| wanted())
    }
}

macro_rules! tuples {
    ($($count:literal: $($type:ident $at:tt),+;)*) => {
        $(impl<'v, $($type: FromValue<'v>),+> FromValue<'v> for ($($type,)+) {
            fn from_value(value: ValueRef<'v>) -> Result<Self, ValueError> {
                const WANTED: &str = concat!("an array of ", $count);
                let ValueRef::Array(items) = value else {
                    return Err(ValueError::wanted(WANTED, value));
                };
                if items.len() != $count {
                    return Err(ValueError::wanted(WANTED, value));
                }
                let mut items = items.iter();
                Ok(($({
                    let item = items.next().unwrap_or(ValueRef::Nil);
                    $type::from_value(item).map_err(|error| error.at_index($at))?
                },)+))
            }
        })*
    };
}

tuples! {
    1: A 0;
    2: A 0, B 1;
    3: A 0, B 1, C 2;
    4: A 0, B 1, C 2, D 3;
    5: A 0, B 1, C 2, D 3, E 4;
    6: A 0, B 1, C 2, D 3, E 4, F 5;
    7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}

/// The pairs of a map, each read; where one cannot be, its key is named.
fn pairs<'v, K: FromValue<'v>, V: FromValue<'v>>(
    value: ValueRef<'v>,
) -> Result<impl Iterator<Item = Result<(K, V), ValueError>>, ValueError> {
    let map: MapRef<'v> = value.get()?;
    Ok(map.iter().map(|(key, value)| {
        let read = || Ok((K::from_value(key)?, V::from_value(value)?));
        read().map_err(|error: ValueError| match key.as_str() {
            Some(key) => error.at_key(key),
            None => error.at_key(&key.to_string()),
        })
    }))
}

impl<'v, K, V, S> FromValue<'v> for HashMap<K, V, S>
where
    K: FromValue<'v> + Eq + Hash,
    V: FromValue<'v>,
    S: BuildHasher + Default,
{
    fn from_value(value: ValueRef<'v>) -> Result<Self, ValueError> {
        pairs(value)?.collect()
    }
}

impl<'v, K: FromValue<'v> + Ord, V: FromValue<'v>> FromValue<'v> for BTreeMap<K, V> {
    fn from_value(value: ValueRef<'v>) -> Result<Self, ValueError> {
        pairs(value)?.collect()
    }
}
