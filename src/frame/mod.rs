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
mod terminator;

use std::fmt;
use std::ops::Range;

use thiserror::Error;

use crate::quote::debug_like_display;

pub(crate) use length_prefix::LengthPrefix;
pub(crate) use terminator::{TERMINATOR, Terminator, ends_early};

/// Why bytes cannot be the start of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The frame is longer than allowed.
    #[error("a frame of {len} bytes is longer than {max}{}", LooksLike(*looks_like))]
    TooLong {
        /// The length that the header announces, or at least has to be expected by now.
        len: usize,
        /// [`Config::max_frame_len`](crate::Config::max_frame_len).
        max: usize,
        /// What the bytes look like instead, where that is known: "HTTP", say.
        looks_like: Option<&'static str>,
    },
    /// The frame has no payload, so it holds no message.
    #[error("a frame without payload")]
    Empty,
    /// The payload is broken in such a way that nobody can tell where the frame ends.
    #[error("a frame without end: {what} at byte {at}")]
    Endless {
        /// What is found there: "an undefined code", say.
        what: &'static str,
        /// Where, counted from the start of the frame.
        at: usize,
    },
    /// The payload is over, and what follows it is not the terminator.
    #[error("no terminator at byte {at}, where the payload ends{}", LooksLike(*looks_like))]
    NotTerminated {
        /// Where, counted from the start of the frame.
        at: usize,
        /// What the bytes look like instead, where that is known: "HTTP", say.
        looks_like: Option<&'static str>,
    },
}

/// What else begins with these bytes, for the one who reads the log.
fn looks_like(start: [u8; 4]) -> Option<&'static str> {
    Some(match &start {
        b"GET " | b"POST" | b"HEAD" | b"PUT " | b"OPTI" | b"DELE" | b"CONN" | b"HTTP" | b"PRI " => {
            "HTTP"
        }
        [0x16, 3, ..] => "TLS",
        b"SSH-" => "SSH",
        b"PING" | [b'*', b'1'..=b'9', b'\r', b'\n'] => "Redis",
        [b'{', b'"' | b' ' | b'\n', ..] => "JSON",
        [0x67..=0x7e, 0x86, b'a', b'c'] => "PodSixNet's rencode",
        _ => return None,
    })
}

/// The same for a framing that expects no length in front, and knows what its own bytes look like.
pub(crate) fn looks_like_other(own: &str, input: Input<'_>) -> Option<&'static str> {
    let like = match input.start::<4>()? {
        [0, 0, ..] => Some("a length in front, as repod has it"),
        start => looks_like(start),
    };
    like.filter(|like| *like != own)
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
        look(N);
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

    /// What comes from an offset on; nothing if it lies beyond the end.
    pub(crate) fn from(self, at: usize) -> Self {
        match self.first.get(at..) {
            Some(first) => Self { first, second: self.second },
            None => {
                let at = at.saturating_sub(self.first.len());
                Self { first: self.second.get(at..).unwrap_or_default(), second: &[] }
            }
        }
    }

    /// The bytes, one after the other.
    pub(crate) fn bytes(self) -> impl Iterator<Item = u8> {
        self.first.iter().chain(self.second).copied().inspect(|_| look(1))
    }

    /// Where this byte stands first.
    pub(crate) fn position(self, byte: u8) -> Option<usize> {
        let find = |piece: &[u8]| piece.iter().position(|other| *other == byte);
        let in_second = || Some(find(self.second)?.saturating_add(self.first.len()));
        let found = find(self.first).or_else(in_second);
        look(found.map_or(self.len(), |at| at.saturating_add(1)));
        found
    }
}

/// Counts the bytes that are looked at, in tests: each is to be looked at once, or nearly so.
#[cfg(test)]
fn look(bytes: usize) {
    LOOKED_AT.set(LOOKED_AT.get() + bytes);
}

#[cfg(not(test))]
#[inline(always)]
fn look(_bytes: usize) {}

#[cfg(test)]
thread_local! {
    /// How many bytes this thread's framings have looked at.
    pub(crate) static LOOKED_AT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
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
    len: u8,
}

impl Header {
    pub(crate) const NONE: Self = Self { bytes: [0; 4], len: 0 };

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// How far a framing has looked into a frame that is not whole; empty for a new one. A link has one
/// of its own, which owns memory only while such a frame lies there.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Bytes before this need no second look. It may be beyond what has come.
    pub(crate) scanned: usize,
    /// What the framing has to know there, in a form of its own.
    pub(crate) state: Vec<u32>,
}

impl Progress {
    /// Begins anew, with the next frame.
    #[inline]
    pub(crate) fn forget(&mut self) {
        self.scanned = 0;
        // Most framings never have any.
        if self.state.capacity() > 0 {
            self.state = Vec::new();
        }
    }
}

/// A way to tell payloads apart. The implementations hold no state: there is one of each.
pub(crate) trait Framing: fmt::Debug + Sync {
    /// Finds the first frame of the input, or nothing as long as it is not whole.
    ///
    /// `progress` is empty for a new frame and is handed back as it was left for the same one, with
    /// the same bytes and perhaps more behind them.
    fn find(
        &self,
        input: Input<'_>,
        progress: &mut Progress,
        max: usize,
    ) -> Result<Option<Frame>, FrameError>;

    /// What comes before a payload of this length.
    fn header(&self, payload_len: usize) -> Header;

    /// What comes after every payload.
    fn trailer(&self) -> &'static [u8];

    /// Whether a payload arrives as it is; otherwise its own bytes would end the frame before.
    fn carries(&self, payload: &[u8]) -> bool;
}

debug_like_display!(FrameError);
