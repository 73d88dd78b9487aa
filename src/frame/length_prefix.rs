//! Frames with a length in front: repod's, and hexapod's own.
//!
//! ```text
//! 00 00 00 0a | 81 a6 61 63 74 69 6f 6e a1 78
//! length u32  | payload
//! big-endian  |
//! ```
//!
//! The length is judged as soon as its four bytes are there, before any of the payload.
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

use super::{Frame, FrameError, Framing, Header, Input, Progress, looks_like};

/// The length of the length.
const PREFIX: usize = 4;

#[derive(Debug)]
pub(crate) struct LengthPrefix;

impl Framing for LengthPrefix {
    #[inline]
    fn find(
        &self,
        input: Input<'_>,
        _progress: &mut Progress,
        max: usize,
    ) -> Result<Option<Frame>, FrameError> {
        let Some(prefix) = input.start::<PREFIX>() else { return Ok(None) };
        let payload = usize::try_from(u32::from_be_bytes(prefix)).unwrap_or(usize::MAX);
        if payload > max {
            return Err(FrameError::TooLong { len: payload, max, looks_like: looks_like(prefix) });
        }
        if payload == 0 {
            return Err(FrameError::Empty);
        }
        let len = PREFIX.saturating_add(payload);
        Ok((len <= input.len()).then_some(Frame { payload: PREFIX..len, len }))
    }

    fn header(&self, payload_len: usize) -> Header {
        let len = u32::try_from(payload_len).unwrap_or(u32::MAX);
        Header { bytes: len.to_be_bytes(), len: PREFIX as u8 }
    }

    fn trailer(&self) -> &'static [u8] {
        &[]
    }

    fn carries(&self, _payload: &[u8]) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(first: &[u8], second: &[u8], max: usize) -> Result<Option<Frame>, FrameError> {
        LengthPrefix.find(Input::new((first, second)), &mut Progress::default(), max)
    }

    #[test]
    fn every_cut_between_two_pieces() {
        let stream = b"\0\0\0\x03abc\0\0\0\x01d";
        for end in 0..=stream.len() {
            for cut in 0..=end {
                let found = find(&stream[..cut], &stream[cut..end], 100);
                let expected = (end >= 7).then_some(Frame { payload: 4..7, len: 7 });
                assert_eq!(found, Ok(expected), "{cut} of {end}");
            }
        }
    }

    #[test]
    fn lengths_at_the_limit_and_beyond() {
        for len in [6_u32, 0x7fff_ffff, 0x8000_0000, 0xffff_fffb, 0xffff_fffc, u32::MAX] {
            let expected = FrameError::TooLong { len: len as usize, max: 5, looks_like: None };
            assert_eq!(find(&len.to_be_bytes(), b"", 5), Err(expected));
        }
        assert_eq!(find(b"\0\0\0\x05", b"abcd", 5), Ok(None));
        assert_eq!(find(b"\0\0\0\x05", b"abcde", 5), Ok(Some(Frame { payload: 4..9, len: 9 })));
        assert_eq!(find(b"\0\0\0\0", b"", 5), Err(FrameError::Empty));
        // The longest length of all does not overflow, whatever the limit.
        assert_eq!(find(&[255; 4], b"", usize::MAX), Ok(None));
    }

    #[test]
    fn strangers_are_recognised() {
        for (bytes, name) in [
            (&b"GET / HTTP/1.1\r\n"[..], "HTTP"),
            (b"\x16\x03\x01\x02", "TLS"),
            (b"SSH-2.0-OpenSSH", "SSH"),
            (b"*1\r\n$4\r\nPING", "Redis"),
            (b"{\"action\": 1}", "JSON"),
            (b"h\x86action", "PodSixNet's rencode"),
        ] {
            let error = find(bytes, b"", 1 << 20).expect_err("no frame").to_string();
            assert!(error.ends_with(&format!(" (this looks like {name})")), "{error}");
        }
    }
}
