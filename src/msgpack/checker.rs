//! Checking: whether a payload from outside is good, in one pass and before anything trusts it.
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

use super::{DecodeError, Head, Reader, is_good_ext};
use crate::limits::Limits;

/// Checks bytes that came from outside: depth, number of values, UTF-8, keys, extensions, exact
/// length.
///
/// The reader goes through its calls by value, so that it can stay in registers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checker {
    limits: Limits,
    /// How many values there are: those of a container count as soon as its head is read.
    elements: usize,
    /// The deepest nesting so far.
    depth: usize,
}

impl Checker {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, elements: 1, depth: 0 }
    }

    /// How many values were checked, and how deep they nest.
    pub(crate) fn measure(&self) -> (usize, usize) {
        (self.elements, self.depth)
    }

    /// Checks a head that stands inside `depth` containers; the values of a container come next.
    #[inline]
    pub(crate) fn head<'a>(
        &mut self,
        mut reader: Reader<'a>,
        depth: usize,
    ) -> Result<(Head<'a>, Reader<'a>), DecodeError> {
        let at = reader.at();
        let head = reader.head()?;
        match head {
            Head::Str(text) if std::str::from_utf8(text).is_err() => {
                return Err(DecodeError::InvalidUtf8 { at });
            }
            Head::Ext(kind, bytes) if !is_good_ext(kind, bytes) => {
                return Err(DecodeError::ReservedExt { kind, at });
            }
            Head::Array(len) => self.container(at, reader.left(), len, depth)?,
            Head::Map(len) => self.container(at, reader.left(), len.saturating_mul(2), depth)?,
            _ => {}
        }
        Ok((head, reader))
    }

    /// Checks a map's key, which stands inside `depth` containers.
    pub(crate) fn key<'a>(
        &mut self,
        reader: Reader<'a>,
        depth: usize,
    ) -> Result<(Head<'a>, Reader<'a>), DecodeError> {
        match self.head(reader, depth)? {
            (Head::Array(_) | Head::Map(_), _) => {
                Err(DecodeError::ContainerKey { at: reader.at() })
            }
            key => Ok(key),
        }
    }

    /// Checks a whole value that stands inside `depth` containers.
    pub(crate) fn value<'a>(
        &mut self,
        reader: Reader<'a>,
        depth: usize,
    ) -> Result<Reader<'a>, DecodeError> {
        let (head, behind) = self.head(reader, depth)?;
        self.content(head, behind, depth)
    }

    /// Checks the values inside a container whose head was just read.
    pub(crate) fn content<'a>(
        &mut self,
        head: Head<'_>,
        reader: Reader<'a>,
        depth: usize,
    ) -> Result<Reader<'a>, DecodeError> {
        match head {
            Head::Array(len) => self.values(reader, len, false, depth.saturating_add(1)),
            Head::Map(len) => {
                self.values(reader, len.saturating_mul(2), true, depth.saturating_add(1))
            }
            _ => Ok(reader),
        }
    }

    /// Checks values, or keys and values in turn, that stand inside `depth` containers. It is the
    /// one that recurses, so its frame is kept small.
    fn values<'a>(
        &mut self,
        mut reader: Reader<'a>,
        mut left: usize,
        pairs: bool,
        depth: usize,
    ) -> Result<Reader<'a>, DecodeError> {
        loop {
            (reader, left) = short_values(reader, left);
            if left == 0 {
                return Ok(reader);
            }
            reader = if pairs && left % 2 == 0 {
                self.key(reader, depth)?.1
            } else {
                self.value(reader, depth)?
            };
            left = left.saturating_sub(1);
        }
    }

    /// A container is refused for its depth, for its share of the elements, and where fewer bytes
    /// are left than it has values, all before its values are looked at.
    fn container(
        &mut self,
        at: usize,
        left: usize,
        values: usize,
        depth: usize,
    ) -> Result<(), DecodeError> {
        if depth >= self.limits.depth {
            return Err(DecodeError::TooDeep { max: self.limits.depth });
        }
        if values > left {
            return Err(DecodeError::Truncated { at });
        }
        self.elements = self.elements.saturating_add(values);
        if self.elements > self.limits.elements {
            return Err(DecodeError::TooManyElements { max: self.limits.elements });
        }
        self.depth = self.depth.max(depth.saturating_add(1));
        Ok(())
    }
}

/// Passes over values for as long as there is nothing to be said about them.
#[inline(never)]
fn short_values(mut reader: Reader<'_>, mut left: usize) -> (Reader<'_>, usize) {
    while left > 0 {
        match reader.short() {
            Some((short, behind)) if short.is_ascii() => reader = behind,
            _ => break,
        }
        left = left.wrapping_sub(1);
    }
    (reader, left)
}
