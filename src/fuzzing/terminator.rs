//! The body of the target `terminator`: a stream cut in any way gives the payloads that it holds.
//!
//! ```text
//! limit | how it is cut, 3 bytes | stream
//! ```

use super::Script;
use crate::frame::{FrameError, Framing, Input, Progress, TERMINATOR, Terminator};

pub(super) fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let max = [1, 4, 20, 300][script.below(4)];
    let steps = [script.below(9) + 1, script.below(60) + 1, script.below(5) + 1];
    let stream = script.rest;

    let (mut start, mut end, mut progress) = (0, 0, Progress::default());
    let mut steps = steps.iter().cycle();
    'frames: loop {
        let rest = &stream[start..];
        // What the first terminator says, and what is too long before it has come.
        let first = rest.windows(TERMINATOR.len()).position(|part| part == TERMINATOR);
        let found = loop {
            let seen = &stream[start..end];
            let input = Input::new(seen.split_at(seen.len() * 2 / 3));
            match Terminator.find(input, &mut progress, max) {
                Ok(None) if end == stream.len() => break 'frames,
                Ok(None) => end = stream.len().min(end + steps.next().expect("a cycle")),
                other => break other,
            }
        };
        match (found, first) {
            (Ok(Some(frame)), Some(first)) => {
                assert_eq!((frame.payload.clone(), frame.len), (0..first, first + 5));
                assert!((1..=max).contains(&first));
                assert!(Terminator.carries(&rest[frame.payload]));
                start += frame.len;
                progress = Progress::default();
            }
            (Err(FrameError::Empty), Some(0)) => return,
            (Err(FrameError::TooLong { len, max: told, .. }), first) => {
                assert!(
                    len > max && told == max && first.is_none_or(|first| first >= len.min(first))
                );
                assert!(first.is_none_or(|first| first > max), "it was not too long");
                return;
            }
            (found, first) => panic!("{found:?}, but the first terminator is at {first:?}"),
        }
    }
    let rest = &stream[start..];
    assert!(!rest.windows(TERMINATOR.len()).any(|part| part == TERMINATOR), "one was missed");
    assert!(rest.len() < max + TERMINATOR.len(), "an endless frame");
    // Whether a payload may be sent is whether it would arrive.
    let framed = [rest, &TERMINATOR].concat();
    let first = framed.windows(TERMINATOR.len()).position(|part| part == TERMINATOR);
    assert_eq!(Terminator.carries(rest), first == Some(rest.len()));
}
