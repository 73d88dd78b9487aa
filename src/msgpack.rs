//! MessagePack: one value's head at a time, the check of a whole payload, and the writers.
//!
//! ```text
//! 83                                map of 3
//! a6 61 63 74 69 6f 6e  a4 6d 6f 76 65     "action": "move"
//! a1 78                 cb 3f f8 00 …      "x": 1.5
//! a2 69 64              07                 "id": 7
//! ```
//!
//! This is the only file that names `rmp`: its `Marker` is the table of formats, its writers choose
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

use rmp::Marker;
use thiserror::Error;

use crate::config::Limits;
use crate::value::Timestamp;

/// Why bytes are no MessagePack that this library accepts. `at` counts bytes from the start of the
/// payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
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
pub(crate) enum Head<'a> {
    Nil,
    Bool(bool),
    Int(i128),
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
    /// What the value is, with its article.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an integer",
            Self::F32(_) | Self::F64(_) => "a float",
            Self::Str(_) => "a text",
            Self::Bytes(_) => "bytes",
            Self::Ext(..) => "an extension",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
        }
    }
}

/// Reads values from bytes, one head after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// How many bytes have been read, counted from the start of the bytes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// The bytes that are left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Reads the next head. On an error the position is unspecified.
    #[inline]
    pub(crate) fn head(&mut self) -> Result<Head<'a>, DecodeError> {
        let at = self.at;
        self.head_or_cut(at).ok_or(DecodeError::Truncated { at })?
    }

    /// The next head; `None` where the bytes end inside it.
    #[inline]
    fn head_or_cut(&mut self, at: usize) -> Option<Result<Head<'a>, DecodeError>> {
        let [marker] = self.array()?;
        Some(Ok(match Marker::from_u8(marker) {
            Marker::FixPos(int) => Head::Int(int.into()),
            Marker::FixNeg(int) => Head::Int(int.into()),
            Marker::FixStr(len) => Head::Str(self.take(len.into())?),
            Marker::FixArray(len) => Head::Array(len.into()),
            Marker::FixMap(len) => Head::Map(len.into()),
            Marker::Null => Head::Nil,
            Marker::False => Head::Bool(false),
            Marker::True => Head::Bool(true),
            Marker::F32 => Head::F32(f32::from_be_bytes(self.array()?)),
            Marker::F64 => Head::F64(f64::from_be_bytes(self.array()?)),
            Marker::U8 => Head::Int(u8::from_be_bytes(self.array()?).into()),
            Marker::U16 => Head::Int(u16::from_be_bytes(self.array()?).into()),
            Marker::U32 => Head::Int(u32::from_be_bytes(self.array()?).into()),
            Marker::U64 => Head::Int(u64::from_be_bytes(self.array()?).into()),
            Marker::I8 => Head::Int(i8::from_be_bytes(self.array()?).into()),
            Marker::I16 => Head::Int(i16::from_be_bytes(self.array()?).into()),
            Marker::I32 => Head::Int(i32::from_be_bytes(self.array()?).into()),
            Marker::I64 => Head::Int(i64::from_be_bytes(self.array()?).into()),
            Marker::Str8 => Head::Str(self.take_8()?),
            Marker::Str16 => Head::Str(self.take_16()?),
            Marker::Str32 => Head::Str(self.take_32()?),
            Marker::Bin8 => Head::Bytes(self.take_8()?),
            Marker::Bin16 => Head::Bytes(self.take_16()?),
            Marker::Bin32 => Head::Bytes(self.take_32()?),
            Marker::Array16 => Head::Array(self.len_16()?),
            Marker::Array32 => Head::Array(self.len_32()?),
            Marker::Map16 => Head::Map(self.len_16()?),
            Marker::Map32 => Head::Map(self.len_32()?),
            Marker::FixExt1 => self.ext(1)?,
            Marker::FixExt2 => self.ext(2)?,
            Marker::FixExt4 => self.ext(4)?,
            Marker::FixExt8 => self.ext(8)?,
            Marker::FixExt16 => self.ext(16)?,
            Marker::Ext8 => {
                let [len] = self.array()?;
                self.ext(len.into())?
            }
            Marker::Ext16 => {
                let len = self.len_16()?;
                self.ext(len)?
            }
            Marker::Ext32 => {
                let len = self.len_32()?;
                self.ext(len)?
            }
            Marker::Reserved => return Some(Err(DecodeError::Reserved { at })),
        }))
    }

    /// Passes over this many whole values that are known to be well-formed.
    pub(crate) fn skip(&mut self, values: usize) -> Option<()> {
        let mut left = values;
        while left > 0 {
            left = left.checked_sub(1)?.checked_add(match self.head().ok()? {
                Head::Array(len) => len,
                Head::Map(len) => len.checked_mul(2)?,
                _ => 0,
            })?;
        }
        Some(())
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(len)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn len_16(&mut self) -> Option<usize> {
        self.array().map(|len| u16::from_be_bytes(len).into())
    }

    fn len_32(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(self.array()?)).ok()
    }

    fn take_8(&mut self) -> Option<&'a [u8]> {
        let [len] = self.array()?;
        self.take(len.into())
    }

    fn take_16(&mut self) -> Option<&'a [u8]> {
        let len = self.len_16()?;
        self.take(len)
    }

    fn take_32(&mut self) -> Option<&'a [u8]> {
        let len = self.len_32()?;
        self.take(len)
    }

    fn ext(&mut self, len: usize) -> Option<Head<'a>> {
        let kind = i8::from_be_bytes(self.array()?);
        Some(Head::Ext(kind, self.take(len)?))
    }
}

/// Checks bytes that came from outside: depth, number of values, UTF-8, keys, exact length.
#[derive(Debug)]
pub(crate) struct Checker<'a> {
    pub(crate) reader: Reader<'a>,
    limits: Limits,
    /// How many more values the payload may hold.
    elements: usize,
    /// The deepest nesting so far.
    depth: usize,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(bytes: &'a [u8], limits: Limits) -> Self {
        Self { reader: Reader::new(bytes, 0), limits, elements: limits.elements, depth: 0 }
    }

    /// How many values were checked, and how deep they nest.
    pub(crate) fn measure(&self) -> (usize, usize) {
        (self.limits.elements.saturating_sub(self.elements), self.depth)
    }

    /// Checks a head that stands inside `depth` containers; the values of a container come next.
    #[inline]
    pub(crate) fn head(&mut self, depth: usize) -> Result<Head<'a>, DecodeError> {
        let at = self.reader.at();
        self.elements = self
            .elements
            .checked_sub(1)
            .ok_or(DecodeError::TooManyElements { max: self.limits.elements })?;
        let head = self.reader.head()?;
        match head {
            Head::Str(text) if std::str::from_utf8(text).is_err() => {
                return Err(DecodeError::InvalidUtf8 { at });
            }
            Head::Array(len) => self.container(at, len, depth)?,
            Head::Map(len) => self.container(at, len.saturating_mul(2), depth)?,
            _ => {}
        }
        Ok(head)
    }

    /// Checks a map's key, which stands inside `depth` containers.
    #[inline]
    pub(crate) fn key(&mut self, depth: usize) -> Result<Head<'a>, DecodeError> {
        let at = self.reader.at();
        match self.head(depth)? {
            Head::Array(_) | Head::Map(_) => Err(DecodeError::ContainerKey { at }),
            head => Ok(head),
        }
    }

    /// Checks a whole value that stands inside `depth` containers.
    #[inline]
    pub(crate) fn value(&mut self, depth: usize) -> Result<(), DecodeError> {
        let head = self.head(depth)?;
        self.content(head, depth)
    }

    /// Checks the values inside a container whose head was just read.
    pub(crate) fn content(&mut self, head: Head<'_>, depth: usize) -> Result<(), DecodeError> {
        let inside = depth.saturating_add(1);
        match head {
            Head::Array(len) => {
                for _ in 0..len {
                    self.value(inside)?;
                }
            }
            Head::Map(len) => {
                for _ in 0..len {
                    self.key(inside)?;
                    self.value(inside)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks that nothing follows.
    pub(crate) fn end(&self) -> Result<(), DecodeError> {
        match self.reader.left() {
            0 => Ok(()),
            extra => Err(DecodeError::Trailing { extra }),
        }
    }

    /// A container is refused for its depth, for its share of the elements, and where fewer bytes
    /// are left than it has values, all before its values are looked at.
    fn container(&mut self, at: usize, values: usize, depth: usize) -> Result<(), DecodeError> {
        if depth >= self.limits.depth {
            return Err(DecodeError::TooDeep { max: self.limits.depth });
        }
        if values > self.reader.left() {
            return Err(DecodeError::Truncated { at });
        }
        if values > self.elements {
            return Err(DecodeError::TooManyElements { max: self.limits.elements });
        }
        self.depth = self.depth.max(depth.saturating_add(1));
        Ok(())
    }
}

/// The extension type of a timestamp.
const TIMESTAMP: i8 = -1;
const NANOSECONDS: u32 = 1_000_000_000;

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

/// What cannot be written as MessagePack at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotExpressible;

/// Writing to a `Vec` cannot fail, which is all that rmp's result would tell.
fn written<T, E>(result: Result<T, E>) {
    debug_assert!(result.is_ok(), "writing to a Vec cannot fail");
}

pub(crate) fn write_nil(out: &mut Vec<u8>) {
    written(rmp::encode::write_nil(out));
}

pub(crate) fn write_bool(out: &mut Vec<u8>, bool: bool) {
    written(rmp::encode::write_bool(out, bool));
}

pub(crate) fn write_i64(out: &mut Vec<u8>, int: i64) {
    written(rmp::encode::write_sint(out, int));
}

pub(crate) fn write_u64(out: &mut Vec<u8>, int: u64) {
    written(rmp::encode::write_uint(out, int));
}

pub(crate) fn write_i128(out: &mut Vec<u8>, int: i128) -> Result<(), NotExpressible> {
    if let Ok(int) = i64::try_from(int) {
        write_i64(out, int);
    } else {
        write_u64(out, u64::try_from(int).map_err(|_| NotExpressible)?);
    }
    Ok(())
}

pub(crate) fn write_f32(out: &mut Vec<u8>, float: f32) {
    written(rmp::encode::write_f32(out, float));
}

pub(crate) fn write_f64(out: &mut Vec<u8>, float: f64) {
    written(rmp::encode::write_f64(out, float));
}

pub(crate) fn write_str(out: &mut Vec<u8>, text: &str) -> Result<(), NotExpressible> {
    length(text.len())?;
    written(rmp::encode::write_str(out, text));
    Ok(())
}

pub(crate) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), NotExpressible> {
    length(bytes.len())?;
    written(rmp::encode::write_bin(out, bytes));
    Ok(())
}

pub(crate) fn write_ext(out: &mut Vec<u8>, kind: i8, bytes: &[u8]) -> Result<(), NotExpressible> {
    written(rmp::encode::write_ext_meta(out, length(bytes.len())?, kind));
    out.extend_from_slice(bytes);
    Ok(())
}

pub(crate) fn write_timestamp(out: &mut Vec<u8>, time: Timestamp) -> Result<(), NotExpressible> {
    if time.nanoseconds >= NANOSECONDS {
        return Err(NotExpressible);
    }
    match (u32::try_from(time.seconds), u64::try_from(time.seconds)) {
        (Ok(seconds), _) if time.nanoseconds == 0 => {
            write_ext(out, TIMESTAMP, &seconds.to_be_bytes())
        }
        (_, Ok(seconds)) if seconds < 1 << 34 => {
            let both = (u64::from(time.nanoseconds) << 34) | seconds;
            write_ext(out, TIMESTAMP, &both.to_be_bytes())
        }
        _ => {
            let mut bytes = [0; 12];
            let (nanoseconds, seconds) = bytes.split_at_mut(4);
            nanoseconds.copy_from_slice(&time.nanoseconds.to_be_bytes());
            seconds.copy_from_slice(&time.seconds.to_be_bytes());
            write_ext(out, TIMESTAMP, &bytes)
        }
    }
}

pub(crate) fn write_array_len(out: &mut Vec<u8>, len: usize) -> Result<(), NotExpressible> {
    written(rmp::encode::write_array_len(out, length(len)?));
    Ok(())
}

pub(crate) fn write_map_len(out: &mut Vec<u8>, len: usize) -> Result<(), NotExpressible> {
    written(rmp::encode::write_map_len(out, length(len)?));
    Ok(())
}

/// Puts the head of an array in front of its values, which begin at `at` and were written first.
pub(crate) fn head_array(out: &mut Vec<u8>, at: usize, len: usize) -> Result<(), NotExpressible> {
    let end = out.len();
    write_array_len(out, len)?;
    to_front(out, at, end);
    Ok(())
}

/// Puts the head of a map in front of its keys and values, which begin at `at`.
pub(crate) fn head_map(out: &mut Vec<u8>, at: usize, len: usize) -> Result<(), NotExpressible> {
    let end = out.len();
    write_map_len(out, len)?;
    to_front(out, at, end);
    Ok(())
}

/// Rewrites the head of the map at the start of the bytes. It grows where it must, and does not
/// shrink: a head may be longer than it needs.
pub(crate) fn change_map_len(out: &mut Vec<u8>, len: usize) -> Result<(), NotExpressible> {
    let old = match out.first().map(|first| Marker::from_u8(*first)) {
        Some(Marker::Map16) => 3,
        Some(Marker::Map32) => 5,
        _ => 1,
    };
    let end = out.len();
    write_map_len(out, len)?;
    to_front(out, 0, end);
    // The old head stands behind the new one now.
    let new = out.len().saturating_sub(end);
    out.drain(new..new.saturating_add(old));
    Ok(())
}

/// Moves what stands after `end` to `at`.
fn to_front(out: &mut [u8], at: usize, end: usize) {
    let head = out.len().saturating_sub(end);
    if let Some(tail) = out.get_mut(at..) {
        tail.rotate_right(head);
    }
}

fn length(len: usize) -> Result<u32, NotExpressible> {
    u32::try_from(len).map_err(|_| NotExpressible)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { depth: 32, elements: 1000 };

    fn check(bytes: &[u8]) -> Result<(usize, usize), DecodeError> {
        let mut checker = Checker::new(bytes, LIMITS);
        checker.value(0)?;
        checker.end()?;
        Ok(checker.measure())
    }

    #[test]
    fn heads_of_every_format() {
        for (bytes, head) in [
            (&[0x00][..], Head::Int(0)),
            (&[0x7f], Head::Int(127)),
            (&[0xff], Head::Int(-1)),
            (&[0xe0], Head::Int(-32)),
            (&[0xcc, 0xff], Head::Int(255)),
            (&[0xcd, 0x01, 0x00], Head::Int(256)),
            (&[0xce, 0, 0, 0, 1], Head::Int(1)),
            (&[0xcf, 255, 255, 255, 255, 255, 255, 255, 255], Head::Int(u64::MAX.into())),
            (&[0xd0, 0x80], Head::Int(-128)),
            (&[0xd1, 0x80, 0], Head::Int(i16::MIN.into())),
            (&[0xd2, 0x80, 0, 0, 0], Head::Int(i32::MIN.into())),
            (&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], Head::Int(i64::MIN.into())),
            (&[0xca, 0x3f, 0xc0, 0, 0], Head::F32(1.5)),
            (&[0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0], Head::F64(1.5)),
            (&[0xa1, b'x'], Head::Str(b"x")),
            (&[0xd9, 1, b'x'], Head::Str(b"x")),
            (&[0xda, 0, 1, b'x'], Head::Str(b"x")),
            (&[0xdb, 0, 0, 0, 1, b'x'], Head::Str(b"x")),
            (&[0xc4, 1, b'x'], Head::Bytes(b"x")),
            (&[0xc5, 0, 1, b'x'], Head::Bytes(b"x")),
            (&[0xc6, 0, 0, 0, 1, b'x'], Head::Bytes(b"x")),
            (&[0x92], Head::Array(2)),
            (&[0xdc, 0, 2], Head::Array(2)),
            (&[0xdd, 0, 0, 0, 2], Head::Array(2)),
            (&[0x82], Head::Map(2)),
            (&[0xde, 0, 2], Head::Map(2)),
            (&[0xdf, 0, 0, 0, 2], Head::Map(2)),
            (&[0xd4, 5, 9], Head::Ext(5, &[9])),
            (&[0xd5, 5, 9, 9], Head::Ext(5, &[9, 9])),
            (&[0xc7, 3, 5, 9, 9, 9], Head::Ext(5, &[9, 9, 9])),
            (&[0xc8, 0, 1, 5, 9], Head::Ext(5, &[9])),
            (&[0xc9, 0, 0, 0, 1, 5, 9], Head::Ext(5, &[9])),
            (&[0xc0], Head::Nil),
            (&[0xc2], Head::Bool(false)),
            (&[0xc3], Head::Bool(true)),
        ] {
            let mut reader = Reader::new(bytes, 0);
            assert_eq!(reader.head(), Ok(head), "{bytes:x?}");
            assert_eq!(reader.left(), 0, "{bytes:x?}");
            for cut in 0..bytes.len() {
                let cut = Reader::new(&bytes[..cut], 0).head();
                assert_eq!(cut, Err(DecodeError::Truncated { at: 0 }), "{bytes:x?}");
            }
        }
        assert_eq!(Reader::new(&[0xc1], 0).head(), Err(DecodeError::Reserved { at: 0 }));
    }

    #[test]
    fn the_budget_is_for_the_whole_payload() {
        // Each array's own length is below what is left, but together they are too many.
        let mut bytes = vec![0xdc, 0x01, 0x00];
        for _ in 0..256 {
            bytes.extend([0x9f]);
            bytes.extend([0xc0; 15]);
        }
        assert_eq!(check(&bytes), Err(DecodeError::TooManyElements { max: 1000 }));
        assert_eq!(check(&[0x92, 0x90, 0xa0]), Ok((3, 2)));
    }

    #[test]
    fn depth_ends_at_the_limit() {
        let nested = |depth: usize| [vec![0x91; depth], vec![0xc0]].concat();
        assert_eq!(check(&nested(32)), Ok((33, 32)));
        assert_eq!(check(&nested(33)), Err(DecodeError::TooDeep { max: 32 }));
        assert_eq!(check(&nested(100_000)), Err(DecodeError::TooDeep { max: 32 }));
    }

    #[test]
    fn claims_are_not_believed() {
        for bytes in [
            &[0xdd, 255, 255, 255, 255][..],
            &[0xdf, 255, 255, 255, 255],
            &[0xdb, 255, 255, 255, 255, b'x'],
            &[0xc6, 255, 255, 255, 255],
            &[0xc9, 255, 255, 255, 255, 1],
            &[0x92, 0xc0],
            &[0x82, 0xa0, 0xc0, 0xa0],
        ] {
            assert!(matches!(check(bytes), Err(DecodeError::Truncated { .. })), "{bytes:x?}");
        }
        assert_eq!(check(&[0xc0, 0xc0, 0xc0]), Err(DecodeError::Trailing { extra: 2 }));
        assert_eq!(check(&[0x81, 0x90, 0xc0]), Err(DecodeError::ContainerKey { at: 1 }));
        assert_eq!(check(&[0x91, 0xa2, 0xc3, 0x28]), Err(DecodeError::InvalidUtf8 { at: 1 }));
    }

    #[test]
    fn timestamps_take_the_smallest_of_three_forms() {
        for (seconds, nanoseconds, len) in [
            (0, 0, 6),
            (i64::from(u32::MAX), 0, 6),
            (i64::from(u32::MAX) + 1, 0, 10),
            (5, 999_999_999, 10),
            ((1 << 34) - 1, 1, 10),
            (1 << 34, 1, 15),
            (-1, 0, 15),
        ] {
            let (time, mut out) = (Timestamp { seconds, nanoseconds }, Vec::new());
            assert_eq!(write_timestamp(&mut out, time), Ok(()));
            assert_eq!(out.len(), len);
            let Ok(Head::Ext(kind, bytes)) = Reader::new(&out, 0).head() else { panic!() };
            assert_eq!(timestamp(kind, bytes), Some(time));
        }
        assert_eq!(timestamp(-1, &[0; 5]), None);
        assert_eq!(timestamp(-1, &[255; 12]), None, "too many nanoseconds");
        let bad = Timestamp { seconds: 0, nanoseconds: NANOSECONDS };
        assert_eq!(write_timestamp(&mut Vec::new(), bad), Err(NotExpressible));
    }

    #[test]
    fn every_three_byte_payload_is_answered_without_a_panic() {
        let (mut good, mut bad) = (0_u32, 0_u32);
        // All 2^24 take too long without optimisation; every marker first, then a coarse grid.
        for first in 0..=255 {
            for second in (0..=255).step_by(5) {
                for third in (0..=255).step_by(5) {
                    match check(&[first, second, third]) {
                        Ok(_) => good += 1,
                        Err(_) => bad += 1,
                    }
                }
            }
        }
        assert_eq!(good + bad, 256 * 52 * 52);
        assert!(good > 0 && bad > 0);
    }
}
