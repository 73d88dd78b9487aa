//! Reading: one value's head at a time, from wherever it lies.
//!
//! A position is an offset, so that what was found can be found again. Running out of bytes is an
//! error here: whoever reads has a whole payload.
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

use super::{DecodeError, Head, Short};

/// Reads values from bytes, one head after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    /// What is left: to take from its front is one comparison, where an offset needs two.
    rest: &'a [u8],
    /// How many bytes there were.
    len: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { rest: bytes.get(at..).unwrap_or_default(), len: bytes.len() }
    }

    /// How many bytes have been read, counted from the start of the bytes.
    #[inline]
    pub(crate) fn at(&self) -> usize {
        self.len.wrapping_sub(self.rest.len())
    }

    /// How many bytes are left.
    #[inline]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The bytes that are left.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Checks that nothing is left.
    pub(crate) fn end(self) -> Result<(), DecodeError> {
        match self.left() {
            0 => Ok(()),
            extra => Err(DecodeError::Trailing { extra }),
        }
    }

    /// Reads the next head. On an error the position is unspecified.
    #[inline(always)]
    pub(crate) fn head(&mut self) -> Result<Head<'a>, DecodeError> {
        let at = self.at();
        self.head_or_cut(at).ok_or(DecodeError::Truncated { at })?
    }

    /// The next head; `None` where the bytes end inside it.
    // A head takes 24 bytes: handed through memory instead, it doubles what a message costs.
    #[inline(always)]
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
            Marker::U64 => Head::of_u64(u64::from_be_bytes(self.array()?)),
            Marker::I8 => Head::Int(i8::from_be_bytes(self.array()?).into()),
            Marker::I16 => Head::Int(i16::from_be_bytes(self.array()?).into()),
            Marker::I32 => Head::Int(i32::from_be_bytes(self.array()?).into()),
            Marker::I64 => Head::Int(i64::from_be_bytes(self.array()?)),
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

    /// Passes over the next value if it is a short one; also tells who stands behind it.
    #[inline(always)]
    pub(crate) fn short(self) -> Option<(Short<'a>, Self)> {
        let (short, rest) = Short::split_from(self.rest)?;
        Some((short, Self { rest, ..self }))
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

    /// Passes over the next whole value, which is known to be well-formed, and gives its bytes.
    #[cfg(feature = "serde")]
    pub(crate) fn value_bytes(&mut self) -> Option<&'a [u8]> {
        let from = self.rest;
        self.skip(1)?;
        from.get(..from.len().checked_sub(self.rest.len())?)
    }

    #[inline]
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    #[inline]
    fn len_16(&mut self) -> Option<usize> {
        self.array().map(|len| u16::from_be_bytes(len).into())
    }

    #[inline]
    fn len_32(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(self.array()?)).ok()
    }

    #[inline]
    fn take_8(&mut self) -> Option<&'a [u8]> {
        let [len] = self.array()?;
        self.take(len.into())
    }

    #[inline]
    fn take_16(&mut self) -> Option<&'a [u8]> {
        let len = self.len_16()?;
        self.take(len)
    }

    #[inline]
    fn take_32(&mut self) -> Option<&'a [u8]> {
        let len = self.len_32()?;
        self.take(len)
    }

    #[inline]
    fn ext(&mut self, len: usize) -> Option<Head<'a>> {
        let kind = i8::from_be_bytes(self.array()?);
        Some(Head::Ext(kind, self.take(len)?))
    }
}
