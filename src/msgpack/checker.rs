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

use super::{DecodeError, Head, Reader, is_utf8};
use crate::limits::Limits;

/// Checks bytes that came from outside: depth, number of values, UTF-8, keys, exact length.
#[derive(Debug)]
pub(crate) struct Checker<'a> {
    pub(crate) reader: Reader<'a>,
    limits: Limits,
    /// How many values there are: those of a container count as soon as its head is read.
    elements: usize,
    /// The deepest nesting so far.
    depth: usize,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(bytes: &'a [u8], limits: Limits) -> Self {
        Self { reader: Reader::new(bytes, 0), limits, elements: 1, depth: 0 }
    }

    /// How many values were checked, and how deep they nest.
    pub(crate) fn measure(&self) -> (usize, usize) {
        (self.elements, self.depth)
    }

    /// Checks a head that stands inside `depth` containers; the values of a container come next.
    // Handed over in memory, a head costs as much as its check.
    #[inline(always)]
    pub(crate) fn head(&mut self, depth: usize) -> Result<Head<'a>, DecodeError> {
        let at = self.reader.at();
        let head = self.reader.head()?;
        match head {
            Head::Str(text) if !is_utf8(text) => {
                return Err(DecodeError::InvalidUtf8 { at });
            }
            Head::Array(len) => self.container(at, len, depth)?,
            Head::Map(len) => self.container(at, len.saturating_mul(2), depth)?,
            _ => {}
        }
        Ok(head)
    }

    /// Checks a map's key, which stands inside `depth` containers.
    #[inline(always)]
    pub(crate) fn key(&mut self, depth: usize) -> Result<Head<'a>, DecodeError> {
        let at = self.reader.at();
        match self.head(depth)? {
            Head::Array(_) | Head::Map(_) => Err(DecodeError::ContainerKey { at }),
            head => Ok(head),
        }
    }

    /// Checks a whole value that stands inside `depth` containers.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn value(&mut self, depth: usize) -> Result<(), DecodeError> {
        let head = self.head(depth)?;
        self.content(head, depth)
    }

    /// Checks the values inside a container whose head was just read.
    #[inline]
    pub(crate) fn content(&mut self, head: Head<'_>, depth: usize) -> Result<(), DecodeError> {
        match head {
            Head::Array(len) => self.values(len, false, depth.saturating_add(1)),
            Head::Map(len) => self.values(len, true, depth.saturating_add(1)),
            _ => Ok(()),
        }
    }

    /// Checks values or pairs that stand inside `depth` containers. It is the one that recurses, so
    /// its frame is kept small.
    fn values(&mut self, len: usize, pairs: bool, depth: usize) -> Result<(), DecodeError> {
        for _ in 0..len {
            if pairs {
                self.next_key(depth)?;
            }
            let head = self.next_head(depth)?;
            self.content(head, depth)?;
        }
        Ok(())
    }

    #[inline(never)]
    fn next_key(&mut self, depth: usize) -> Result<(), DecodeError> {
        self.key(depth).map(|_| ())
    }

    #[inline(never)]
    fn next_head(&mut self, depth: usize) -> Result<Head<'a>, DecodeError> {
        self.head(depth)
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
        self.elements = self.elements.saturating_add(values);
        if self.elements > self.limits.elements {
            return Err(DecodeError::TooManyElements { max: self.limits.elements });
        }
        self.depth = self.depth.max(depth.saturating_add(1));
        Ok(())
    }
}
