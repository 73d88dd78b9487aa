//! [`check_codec`]: what every codec promises, tried on one payload.

use super::{Codec, CodecError};
use crate::limits::Limits;
use crate::message::{Encoder, Index, Message, ReadError, ValueRef};

/// Tries a codec on a payload, whatever it is: the body of a fuzz target, or of a test.
///
/// A payload that is read is written as canonical MessagePack; if the codec can write that message
/// again, then what it writes is read as the same message. Neither is to panic.
///
/// # Panics
///
/// If the codec does not keep that promise.
#[track_caller]
pub fn check_codec(codec: &dyn Codec, payload: &[u8]) {
    let limits = Limits::default();
    let Some(canonical) = decode(codec, payload, limits) else { return };
    let mut index = Index::default();
    let message = match Message::read(&canonical, &mut index, limits) {
        Ok(message) => message,
        // Too deep, too many values, or not a message: no peer gets to see it.
        Err(ReadError::Malformed(_) | ReadError::NotAMessage(_)) => return,
    };
    let mut again = Vec::new();
    match codec.encode(ValueRef::Map(message.fields()), &mut again) {
        Ok(()) => {}
        Err(CodecError::NotExpressible { .. }) => return,
        Err(error) => panic!("{}: a message that was read is broken: {error}", codec.name()),
    }
    let read = decode(codec, &again, limits);
    let read = read.unwrap_or_else(|| panic!("{} does not read what it writes", codec.name()));
    // What is written is the format's own idea of the message, so it is compared from there on: a
    // float may have become a shorter one, but does not change again.
    let mut third = Vec::new();
    let view = ValueRef::at(&read, 0).unwrap_or(ValueRef::Nil);
    assert_eq!(codec.encode(view, &mut third), Ok(()), "{}: once, and not twice", codec.name());
    assert_eq!(third, again, "{}: a message that was read is written differently", codec.name());
}

/// The canonical bytes of a payload, if it is good.
#[track_caller]
fn decode(codec: &dyn Codec, payload: &[u8], limits: Limits) -> Option<Vec<u8>> {
    let mut out = Encoder::writing_to(Vec::new());
    match codec.decode(payload, limits, &mut out) {
        Ok(()) => {}
        Err(CodecError::Malformed { at, .. }) => {
            assert!(at <= payload.len(), "{}: a fault beyond the payload", codec.name());
            return None;
        }
        Err(CodecError::NotExpressible { .. }) => return None,
    }
    match out.one_value() {
        Err(crate::message::EncodeError::NotOneValue { values }) => {
            panic!("{}: decode wrote {values} values where one belongs", codec.name())
        }
        Err(_) => None,
        Ok(()) => Some(out.into_buffer()),
    }
}
