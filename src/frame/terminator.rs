//! Frames with a mark behind: PodSixNet's, for payloads of any text format.
//!
//! ```text
//! 7b 22 61 63 … 7d | 00 2d 2d 2d 00
//! payload          | terminator, `\0---\0`
//! ```
//!
//! The first terminator ends the frame, whatever it stands in. So a payload that holds one cannot
//! be sent, and [`Terminator::carries`] says so; a text format never has a zero byte.
//!
//! Each byte is looked at once. A payload is judged too long as its bytes come, not at its end.
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

use super::{Frame, FrameError, Framing, Header, Input, Progress, looks_like_other};

/// What stands behind every payload.
pub(crate) const TERMINATOR: [u8; 5] = *b"\0---\0";

#[derive(Debug)]
pub(crate) struct Terminator;

impl Framing for Terminator {
    fn find(
        &self,
        input: Input<'_>,
        progress: &mut Progress,
        max: usize,
    ) -> Result<Option<Frame>, FrameError> {
        let found = find(input, progress.scanned);
        let (Ok(payload) | Err(payload)) = found;
        progress.scanned = payload;
        if payload > max {
            let looks_like = looks_like_other("JSON", input);
            return Err(FrameError::TooLong { len: payload, max, looks_like });
        }
        match found {
            Ok(0) => Err(FrameError::Empty),
            Ok(payload) => {
                let len = payload.saturating_add(TERMINATOR.len());
                Ok(Some(Frame { payload: 0..payload, len }))
            }
            Err(_) => Ok(None),
        }
    }

    fn header(&self, _payload_len: usize) -> Header {
        Header::NONE
    }

    fn trailer(&self) -> &'static [u8] {
        &TERMINATOR
    }

    fn carries(&self, payload: &[u8]) -> bool {
        !ends_early(payload)
    }
}

/// Whether a receiver that looks for the first terminator would cut this payload short.
pub(crate) fn ends_early(payload: &[u8]) -> bool {
    find(Input::new((payload, &TERMINATOR)), 0) != Ok(payload.len())
}

/// Where the first terminator stands that does not begin before `from`; or else, where the first
/// one can begin that may come.
fn find(input: Input<'_>, from: usize) -> Result<usize, usize> {
    let mut at = from;
    while let Some(found) = input.from(at).position(0) {
        at = at.saturating_add(found);
        let here = input.from(at);
        match here.start() {
            Some(TERMINATOR) => return Ok(at),
            // It may become one with the bytes to come.
            None if here.bytes().zip(TERMINATOR).all(|(a, b)| a == b) => return Err(at),
            _ => at = at.saturating_add(1),
        }
    }
    Err(input.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The payloads of a stream that comes in these pieces, the second of which is in two parts.
    fn payloads(stream: &[u8], cut: usize, seam: usize) -> Vec<Vec<u8>> {
        let (mut found, mut start, mut progress) = (Vec::new(), 0, Progress::default());
        for end in [cut, stream.len()] {
            loop {
                let seam = seam.clamp(start, end);
                let input = Input::new((&stream[start..seam], &stream[seam..end]));
                let frame = Terminator.find(input, &mut progress, 100).expect("no broken frame");
                let Some(frame) = frame else { break };
                found.push(stream[start..][frame.payload].to_vec());
                start += frame.len;
                progress = Progress::default();
            }
        }
        found
    }

    #[test]
    fn every_cut_and_every_seam_give_the_same_payloads() {
        let stream = b"{}\0---\0\0--\0---\0-\0---\0x\0---\0---\0y\0---\0rest\0---";
        let expected: [&[u8]; 5] = [b"{}", b"\0--", b"-", b"x", b"---\0y"];
        for cut in 0..=stream.len() {
            for seam in 0..=stream.len() {
                assert_eq!(payloads(stream, cut, seam), expected, "{cut} {seam}");
            }
        }
    }

    #[test]
    fn too_long_is_told_before_the_end() {
        let find =
            |stream: &[u8]| Terminator.find(Input::new((stream, &[])), &mut Progress::default(), 8);
        let too_long = |len| Err(FrameError::TooLong { len, max: 8, looks_like: None });
        assert_eq!(find(b"12345678"), Ok(None));
        assert_eq!(find(b"12345678\0---"), Ok(None));
        assert_eq!(find(b"12345678\0---\0"), Ok(Some(Frame { payload: 0..8, len: 13 })));
        assert_eq!(find(b"123456789"), too_long(9));
        assert_eq!(find(b"123456789\0---\0"), too_long(9));
        assert_eq!(find(b"12345678\0--x"), too_long(12));
        assert_eq!(find(b"\0---\0"), Err(FrameError::Empty));
    }

    #[test]
    fn what_was_looked_at_is_not_looked_at_again() {
        let mut progress = Progress::default();
        let stream = b"0123456789\0--";
        assert_eq!(Terminator.find(Input::new((stream, &[])), &mut progress, 100), Ok(None));
        assert_eq!(progress.scanned, 10, "the start of what may be a terminator");
        // Were they looked at again, the frame would end here.
        let changed = b"\0---\0xxxxx\0---\0";
        let found = Terminator.find(Input::new((changed, &[])), &mut progress, 100);
        assert_eq!(found, Ok(Some(Frame { payload: 0..10, len: 15 })));
    }

    #[test]
    fn payloads_that_would_end_early() {
        for payload in [&b"\0---\0"[..], b"a\0---\0b", b"a\0---", b"\0\0---\0", b"\0---\0---"] {
            assert!(!Terminator.carries(payload), "{payload:?}");
        }
        for payload in [&b"a"[..], b"a\0", b"a\0-", b"a\0--", b"---\0", b"\0--\0", b"\0----\0"] {
            assert!(Terminator.carries(payload), "{payload:?}");
        }
    }
}
