//! [`IntoValue`]: what a field of a message can be.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use super::{Encoder, ValueRef};
use crate::value::{Timestamp, Value};

/// A type that a field of a message can be.
///
/// | type | on the wire |
/// | --- | --- |
/// | `bool` | a bool |
/// | every integer type | an integer in its smallest form |
/// | `f64`, `f32` | a float of 64 or 32 bits |
/// | `&str`, `String`, `char`, `Cow<str>` | a text |
/// | `&[u8]`, `Vec<u8>`, `[u8; N]` | bytes |
/// | `Option<T>`, `()` | nil, or the value |
/// | slices, `Vec<T>`, `[T; N]`, tuples up to 8 | an array |
/// | `HashMap`, `BTreeMap` | a map |
/// | [`Timestamp`], [`Value`], [`ValueRef`] | what they hold |
/// | [`Tuple`](crate::Tuple) of an array | an array that PodSixNet sees as a tuple |
///
/// A type of your own is written through one of these: see [`FromValue`](crate::FromValue) for both
/// directions, and [`Encoder::map`] for a struct with names.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a message",
    note = "make it a number, text, array or map, or implement `hexapod::IntoValue` for `{Self}`"
)]
pub trait IntoValue {
    /// Writes exactly one value.
    fn encode(&self, out: &mut Encoder);

    /// Writes an array of this type: an array of `u8` is bytes.
    #[doc(hidden)]
    fn encode_slice(slice: &[Self], out: &mut Encoder)
    where
        Self: Sized,
    {
        out.items(slice.len(), slice.iter());
    }
}

/// The types that are written by one call.
macro_rules! scalars {
    ($($type:ty: |$it:ident, $out:ident| $write:expr;)*) => {
        $(impl IntoValue for $type {
            #[inline]
            fn encode(&self, $out: &mut Encoder) {
                let $it = self;
                $write;
            }
        })*
    };
}

scalars! {
    bool: |it, out| out.bool(*it);
    i8: |it, out| out.int((*it).into());
    i16: |it, out| out.int((*it).into());
    i32: |it, out| out.int((*it).into());
    i64: |it, out| out.int((*it).into());
    i128: |it, out| out.int(*it);
    isize: |it, out| out.int(*it as i128);
    u16: |it, out| out.int((*it).into());
    u32: |it, out| out.int((*it).into());
    u64: |it, out| out.int((*it).into());
    u128: |it, out| out.int(i128::try_from(*it).unwrap_or(i128::MAX));
    usize: |it, out| out.int(*it as i128);
    f32: |it, out| out.f32(*it);
    f64: |it, out| out.f64(*it);
    str: |it, out| out.str(it);
    String: |it, out| out.str(it);
    Cow<'_, str>: |it, out| out.str(it);
    char: |it, out| out.str(it.encode_utf8(&mut [0; 4]));
    Timestamp: |it, out| out.timestamp(*it);
    (): |_it, out| out.nil();
}

impl IntoValue for u8 {
    #[inline]
    fn encode(&self, out: &mut Encoder) {
        out.int((*self).into());
    }

    fn encode_slice(slice: &[Self], out: &mut Encoder) {
        out.bytes(slice);
    }
}

impl<T: IntoValue> IntoValue for Option<T> {
    fn encode(&self, out: &mut Encoder) {
        match self {
            Some(value) => value.encode(out),
            None => out.nil(),
        }
    }
}

macro_rules! pointers {
    ($($type:ty)*) => {
        $(impl<T: IntoValue + ?Sized> IntoValue for $type {
            #[inline]
            fn encode(&self, out: &mut Encoder) {
                (**self).encode(out);
            }
        })*
    };
}

pointers! { &T &mut T Box<T> Rc<T> Arc<T> }

impl<T: IntoValue> IntoValue for [T] {
    fn encode(&self, out: &mut Encoder) {
        T::encode_slice(self, out);
    }
}

impl<T: IntoValue> IntoValue for Vec<T> {
    fn encode(&self, out: &mut Encoder) {
        T::encode_slice(self, out);
    }
}

impl<T: IntoValue, const N: usize> IntoValue for [T; N] {
    fn encode(&self, out: &mut Encoder) {
        T::encode_slice(self, out);
    }
}

impl<T: IntoValue> IntoValue for VecDeque<T> {
    fn encode(&self, out: &mut Encoder) {
        out.items(self.len(), self.iter());
    }
}

macro_rules! tuples {
    ($($($type:ident $at:tt),+;)*) => {
        $(impl<$($type: IntoValue),+> IntoValue for ($($type,)+) {
            fn encode(&self, out: &mut Encoder) {
                out.array(|items| { $(items.value(&self.$at);)+ });
            }
        })*
    };
}

tuples! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}

impl<K: IntoValue, V: IntoValue, S> IntoValue for HashMap<K, V, S> {
    fn encode(&self, out: &mut Encoder) {
        out.pairs(self.len(), self.iter());
    }
}

impl<K: IntoValue, V: IntoValue> IntoValue for BTreeMap<K, V> {
    fn encode(&self, out: &mut Encoder) {
        out.pairs(self.len(), self.iter());
    }
}

impl IntoValue for Value {
    fn encode(&self, out: &mut Encoder) {
        match self {
            Self::Nil => out.nil(),
            Self::Bool(bool) => out.bool(*bool),
            Self::Int(int) => out.int(*int),
            Self::F32(float) => out.f32(*float),
            Self::F64(float) => out.f64(*float),
            Self::Str(text) => out.str(text),
            Self::Bytes(bytes) => out.bytes(bytes),
            Self::Array(items) => items.encode(out),
            Self::Map(pairs) => {
                out.pairs(pairs.len(), pairs.iter().map(|(key, value)| (key, value)));
            }
            Self::Timestamp(time) => out.timestamp(*time),
            Self::Ext(kind, bytes) => out.ext(*kind, bytes),
        }
    }
}

impl IntoValue for ValueRef<'_> {
    fn encode(&self, out: &mut Encoder) {
        match *self {
            Self::Nil => out.nil(),
            Self::Bool(bool) => out.bool(bool),
            Self::Int(int) => out.int(int),
            Self::F32(float) => out.f32(float),
            Self::F64(float) => out.f64(float),
            Self::Str(text) => out.str(text),
            Self::Bytes(bytes) => out.bytes(bytes),
            Self::Array(items) => {
                let fill = |out: &mut Encoder| items.iter().for_each(|item| out.value(&item));
                if items.is_tuple() { out.tuple(fill) } else { out.array(fill) }
            }
            Self::Map(pairs) => out.map(|map| {
                for (key, value) in pairs.iter() {
                    map.entry(&key, &value);
                }
            }),
            Self::Timestamp(time) => out.timestamp(time),
            Self::Ext(kind, bytes) => out.ext(kind, bytes),
        }
    }
}
