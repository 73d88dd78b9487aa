//! A quick look at an input, for runs of a billion tries.
//!
//! The bodies look at an input in every way there is, which takes ten to a thousand times as long
//! as the work of the decoder itself. Most of what a fuzzer makes deserves less: here the decoder
//! runs, and what it says is held against a second reader that knows nothing of it.
//!
//! ```text
//! HEXAPOD_QUICK=1000 cargo +nightly fuzz run -s none msgpack     each thousandth closely
//! ```

use std::env;
use std::hash::Hasher;
use std::sync::OnceLock;

use super::{Script, frame, msgpack, rencode};
use crate::codec::{Codec, Rencode, RencodeFrames};
use crate::config::Config;
use crate::frame::{FrameError, Framing, Input, LengthPrefix, Progress};
use crate::limits::{DEEPEST, Limits};
use crate::message::{Encoder, Index, Message, ReadError, ValueRef};
use crate::ring::{Pool, Ring};

/// Into how many pieces a stream is cut, at most, before the rest comes at once.
const PIECES: usize = 6;

/// Whether a quick look is enough for this input. It never is without a wish: not in tests.
pub(super) fn is_enough(data: &[u8]) -> bool {
    static CLOSELY: OnceLock<u64> = OnceLock::new();
    let closely = *CLOSELY.get_or_init(|| {
        let wish = env::var("HEXAPOD_QUICK").ok();
        wish.map_or(1, |text| text.parse().expect("HEXAPOD_QUICK: a number of inputs"))
    });
    if closely <= 1 {
        return false;
    }
    // The input itself decides, so that it is looked at in the same way when it is played again.
    let mut hasher = crate::dispatch::WordHash::default();
    hasher.write(data);
    hasher.finish() % closely != 0
}

/// Frames are found where they are, as a ring is filled in pieces.
pub(super) fn frames(data: &[u8]) {
    let mut script = Script::new(data);
    script.byte();
    let max = frame::LENGTHS[script.below(frame::LENGTHS.len())];
    script.bytes(2);
    let pieces = script.byte();
    let pieces = script.bytes(pieces.into());
    let writes = script.byte();
    script.bytes(writes.into());
    let expected = frame::reference(script.rest, max);
    let (mut ring, mut pool, mut progress) = (Ring::default(), Pool::new(1), Progress::default());
    let (mut seen, mut at) = (0, 0);
    let mut pieces = pieces.iter().take(PIECES).map(|piece| usize::from(*piece) + 1);
    loop {
        let input = Input::new(ring.slices());
        match LengthPrefix.find(input, &mut progress, max) {
            Ok(Some(found)) => {
                let (start, end) = (expected.starts[seen], expected.ends[seen]);
                assert_eq!((found.payload.end, found.len), (end - start, end - start));
                let (one, other) = ring.range(found.payload.start, found.payload.len());
                let payload = &script.rest[start + 4..end];
                assert!(payload.starts_with(one) && payload.ends_with(other), "other bytes");
                assert_eq!(one.len() + other.len(), payload.len());
                ring.consume(found.len);
                (seen, progress) = (seen + 1, Progress::default());
            }
            Ok(None) if at < script.rest.len() => {
                let piece = pieces.next().unwrap_or(usize::MAX).min(script.rest.len() - at);
                ring.push(&script.rest[at..at + piece], &mut pool);
                at += piece;
            }
            Ok(None) => {
                assert_eq!(seen, expected.ends.len(), "a frame is there");
                let left = match expected.rest {
                    frame::Rest::Nothing => 0,
                    frame::Rest::Unfinished(left) => left,
                    broken => panic!("not found: {broken:?}"),
                };
                return assert_eq!(ring.len(), left);
            }
            Err(error) => {
                assert_eq!(seen, expected.ends.len(), "{error} before its turn");
                return match (error, expected.rest) {
                    (FrameError::Empty, frame::Rest::Empty) => {}
                    (FrameError::TooLong { len, .. }, frame::Rest::TooLong(all)) if len == all => {}
                    (error, rest) => panic!("{error} where there is {rest:?}"),
                };
            }
        }
    }
}

/// A payload is good where a second reader finds it good, and a message has the action that stands
/// in it.
pub(super) fn payload(data: &[u8]) {
    let deep = Limits { depth: DEEPEST - 1, elements: usize::MAX };
    let checked = msgpack::check(data, deep);
    assert_eq!(checked.ok(), msgpack::expected(data), "{checked:?}");
    let (limits, mut index) = (Config::new().limits(), Index::default());
    let within = |(elements, depth)| elements <= limits.elements && depth <= limits.depth;
    let read = Message::read(data, &mut index, limits);
    match (read, checked) {
        (Err(ReadError::Malformed(error)), Err(expected)) => {
            // A limit may be met before the fault.
            let limit = msgpack::check(data, limits);
            assert!(error == expected || limit == Err(error), "{error}, {expected}");
        }
        (Err(ReadError::Malformed(_)), Ok(found)) => assert!(!within(found), "{found:?}"),
        (Err(ReadError::NotAMessage(_)) | Ok(_), Err(error)) => {
            panic!("read all the same: {error}")
        }
        (Err(ReadError::NotAMessage(_)), Ok(found)) => {
            assert!(within(found) && action(data).is_none(), "it is a message");
        }
        (Ok(message), Ok(found)) => {
            assert!(within(found), "{found:?}");
            assert_eq!(action(data), Some(message.action()));
            assert_eq!(message.index().measure(), found);
        }
    }
}

/// The one action of a good value that is a map, found by walking it.
fn action(data: &[u8]) -> Option<&str> {
    let ValueRef::Map(fields) = ValueRef::at(data, 0)? else { return None };
    let mut actions = fields.iter().filter(|(key, _)| key.as_str() == Some("action"));
    match (actions.next(), actions.next()) {
        (Some((_, value)), None) => value.as_str(),
        _ => None,
    }
}

/// A stream of PodSixNet's has the same first frame in one piece and in two, and a payload ends
/// where the table says.
pub(super) fn podsixnets(data: &[u8]) {
    let find = |progress: &mut Progress, pieces| {
        RencodeFrames.find(Input::new(pieces), progress, rencode::MAX)
    };
    let at_once = find(&mut Progress::default(), (data, &[]));
    let (mut progress, cut) = (Progress::default(), data.len() / 2);
    let mut step = find(&mut progress, (&data[..cut], &[]));
    if let Ok(None) = step {
        step = find(&mut progress, data.split_at(cut));
    }
    assert_eq!(rencode::place(&step), rencode::place(&at_once), "{step:?}, {at_once:?}");
    let mut payload = data;
    if let Ok(Some(found)) = at_once {
        assert_eq!(rencode::end(data, 0), Some(found.payload.end));
        payload = &data[found.payload];
    }
    let limits = Limits { depth: DEEPEST, elements: usize::MAX };
    let decoded = Rencode.decode(payload, limits, &mut Encoder::writing_to(Vec::new()));
    let is_all = || rencode::end(payload, 0) == Some(payload.len());
    assert!(decoded.is_err() || is_all(), "the codec reads what the table does not");
}
