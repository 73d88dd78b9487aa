//! The body of the target `rencode`: one stream of PodSixNet's, as payloads and as frames.
//!
//! ```text
//! bytes ── the framing, at once and byte by byte ──> frames ── the codec ──> canonical ──> bytes
//! bytes ── a reader written straight from the table ──> where values end
//! ```
//!
//! The input is the stream, nothing else; it is tried as one payload as well.

use crate::codec::{Codec, Rencode, RencodeFrames, check_codec};
use crate::frame::{Frame, FrameError, Framing, Input, Progress, TERMINATOR};
use crate::limits::{DEEPEST, Limits};
use crate::message::Encoder;

pub(super) const MAX: usize = 5000;

pub(super) fn run(data: &[u8]) {
    check_codec(&Rencode, data);
    let mut rest = data;
    while let Some(frame) = frames(rest) {
        let payload = &rest[frame.payload];
        assert!(rest[payload.len()..].starts_with(&TERMINATOR));
        check_codec(&Rencode, payload);
        rest = &rest[frame.len..];
    }
    // A payload that is good is found in a stream, where it ends, and nowhere else.
    let limits = Limits { depth: DEEPEST, elements: usize::MAX };
    let good = Rencode.decode(data, limits, &mut Encoder::writing_to(Vec::new())).is_ok();
    assert!(!good || end(data, 0) == Some(data.len()), "the codec reads what the table does not");
    if good && data.len() <= MAX {
        let stream = [data, &TERMINATOR, &TERMINATOR].concat();
        let frame = frames(&stream).expect("a frame of a good payload");
        assert_eq!((frame.payload, frame.len), (0..data.len(), data.len() + TERMINATOR.len()));
    }
}

/// The first frame of a stream, found at once and as bytes come one by one.
fn frames(stream: &[u8]) -> Option<Frame> {
    let at_once = RencodeFrames.find(Input::new((stream, &[])), &mut Progress::default(), MAX);
    let mut progress = Progress::default();
    let mut step = Ok(None);
    for end in 0..=stream.len().min(2 * MAX) {
        let input = Input::new(stream[..end].split_at(end / 3));
        step = RencodeFrames.find(input, &mut progress, MAX);
        match step {
            Ok(None) => {}
            _ => break,
        }
    }
    assert_eq!(place(&step), place(&at_once), "{step:?}, {at_once:?}");
    let frame = at_once.ok().flatten()?;
    assert!(frame.payload.end <= MAX);
    // A value that ends with this frame is one that the table ends there.
    assert_eq!(end(stream, 0), Some(frame.payload.end));
    Some(frame)
}

/// What is compared of an outcome: not what else the bytes may look like, for that needs four.
pub(super) fn place(outcome: &Result<Option<Frame>, FrameError>) -> (u8, usize) {
    match outcome {
        Ok(None) => (0, 0),
        Ok(Some(frame)) => (1, frame.len),
        Err(FrameError::TooLong { len, .. }) => (2, *len),
        Err(FrameError::Empty) => (3, 0),
        Err(FrameError::Endless { at, .. }) => (4, *at),
        Err(FrameError::NotTerminated { at, .. }) => (5, *at),
    }
}

/// Where the value ends that begins at `at`, if it is one. It follows every nesting, however deep.
pub(super) fn end(bytes: &[u8], at: usize) -> Option<usize> {
    // How many values are to come, for each container around; `None` up to an end.
    let (mut around, mut at) = (vec![Some(1_usize)], at);
    while let Some(left) = around.last_mut() {
        if *left == Some(0) {
            around.pop();
            continue;
        }
        let code = *bytes.get(at)?;
        if code == 0x7f {
            if left.is_some() {
                return None;
            }
            around.pop();
            at += 1;
            continue;
        }
        *left = left.map(|left| left - 1);
        let until = |close: u8, most: usize| {
            let len = bytes.get(at + 1..)?.iter().position(|byte| *byte == close)?;
            (len <= most).then_some(&bytes[at + 1..at + 1 + len])
        };
        at += match code {
            0x2c | 0x41 => 9,
            0x2d..=0x2f => return None,
            b'0'..=b'9' => {
                let digits = [&[code][..], until(b':', 19)?].concat();
                let digits = String::from_utf8(digits).ok()?.replace('_', "");
                digits.len() + 1 + digits.trim().parse::<usize>().ok()? + underscores(bytes, at)
            }
            0x3a..=0x3c => {
                around.push(None);
                1
            }
            0x3d => until(0x7f, 63)?.len() + 2,
            0x3e => 2,
            0x3f => 3,
            0x40 | 0x42 => 5,
            0x66..=0x7e => {
                around.push(Some(2 * usize::from(code - 0x66)));
                1
            }
            0x80..=0xbf => 1 + usize::from(code - 0x80),
            0xc0.. => {
                around.push(Some(usize::from((code - 0xc0) % 32)));
                1
            }
            _ => 1,
        };
    }
    (at <= bytes.len()).then_some(at)
}

/// How many underscores are in the length of the text that begins here.
fn underscores(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().take_while(|byte| **byte != b':').filter(|byte| **byte == b'_').count()
}
