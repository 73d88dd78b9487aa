//! Frames: how payloads are told apart in a stream of bytes.
//!
//! ```text
//! … | header | payload | trailer | header | payload | trailer | …
//! ```
//!
//! A [`Framing`] finds the first whole frame among bytes that have arrived. "Not enough bytes yet"
//! is a normal answer; it remembers how far it has looked, so that a frame which arrives byte by
//! byte is looked at once. It stores nothing and copies nothing.
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

mod length_prefix;

use std::fmt;
use std::ops::Range;

use thiserror::Error;

use crate::quote::debug_like_display;

pub(crate) use length_prefix::LengthPrefix;

/// Why bytes cannot be the start of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The frame is longer than allowed.
    #[error("a frame of {len} bytes is longer than {max}{}", LooksLike(*looks_like))]
    TooLong {
        /// The length that the header announces.
        len: usize,
        /// [`Config::max_frame_len`](crate::Config::max_frame_len).
        max: usize,
        /// What the bytes look like instead, where that is known: "HTTP", say.
        looks_like: Option<&'static str>,
    },
    /// The frame has no payload, so it holds no message.
    #[error("a frame without payload")]
    Empty,
}

struct LooksLike(Option<&'static str>);

impl fmt::Display for LooksLike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(other) => write!(f, " (this looks like {other})"),
            None => Ok(()),
        }
    }
}

/// Bytes that have arrived, in the two pieces in which a ring holds them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    first: &'a [u8],
    second: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new((first, second): (&'a [u8], &'a [u8])) -> Self {
        Self { first, second }
    }

    pub(crate) fn len(self) -> usize {
        self.first.len().saturating_add(self.second.len())
    }

    /// The first bytes, if there are so many.
    pub(crate) fn start<const N: usize>(self) -> Option<[u8; N]> {
        if let Some(start) = self.first.first_chunk() {
            return Some(*start);
        }
        let mut start = [0; N];
        let mut bytes = self.first.iter().chain(self.second);
        for byte in &mut start {
            *byte = *bytes.next()?;
        }
        Some(start)
    }
}

/// Where a whole frame stands, counted from the start of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) payload: Range<usize>,
    /// The length of the frame, header and trailer included.
    pub(crate) len: usize,
}

/// The bytes in front of a payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    bytes: [u8; 4],
    len: usize,
}

impl Header {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// A way to tell payloads apart. The implementations hold no state: there is one of each.
pub(crate) trait Framing: fmt::Debug + Sync {
    /// Finds the first frame of the input, or nothing as long as it is not whole.
    ///
    /// `scanned` is 0 for a new frame and is handed back as it was left for the same one, with the
    /// same bytes and perhaps more behind them.
    fn find(
        &self,
        input: Input<'_>,
        scanned: &mut usize,
        max: usize,
    ) -> Result<Option<Frame>, FrameError>;

    /// What comes before a payload of this length.
    fn header(&self, payload_len: usize) -> Header;

    /// What comes after every payload.
    fn trailer(&self) -> &'static [u8];
}

debug_like_display!(FrameError);
