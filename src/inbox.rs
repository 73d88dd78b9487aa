//! The inbox of an endpoint: the bytes that are being read, and the message that lies in them.
//!
//! ```text
//! socket ──read──> buffer [ frame | frame | fra ]          one peer's turn, nothing owned by it
//!                                          └─stow──> ring   kept by the peer until the rest comes
//! socket ──read──> buffer [ fra:me | frame ]       its next turn: what it kept goes in front of
//!                           what has come, or the less that has come goes behind it into the ring
//! ```
//!
//! There is one for all peers. It lends its bytes to the message that a handler sees, and nothing
//! that a handler may change is in it: that is why a handler can send while it reads.
//!
//! What was handled is forgotten when the next frame is asked for, not when it is handed out. So
//! whatever a handler does, a panic included, no message is lost and none comes twice.

use std::io::{self, ErrorKind};
use std::ops::Range;

use crate::codec::{Codec, CodecError};
use crate::frame::{Frame, Input};
use crate::limits::{FRONT, Limits, READ_BUFFER};
use crate::message::{EncodeError, Encoder, Index, Message, MessageError, ReadError};
use crate::msgpack::DecodeError;
use crate::reason::ProtocolError;
use crate::ring::{Pool, Ring};

#[derive(Debug)]
pub(crate) struct Inbox {
    buffer: Vec<u8>,
    /// The part of the buffer that is not yet handled; empty while the ring holds bytes.
    unread: Range<usize>,
    /// The ring of the peer whose turn it is, if it brought one.
    ring: Ring,
    /// The frame that is being handled, at the start of the unread bytes.
    frame: Option<Opened>,
    /// A payload that wraps around the ring's end, in one piece.
    joined: Vec<u8>,
    /// A payload of another codec, as canonical bytes.
    canonical: Vec<u8>,
    index: Index,
}

/// A frame, by where its payload begins, how long that is, and how long all of it is.
#[derive(Clone, Copy, Debug)]
struct Opened {
    start: usize,
    payload: usize,
    frame: usize,
}

/// Why there is no message in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// The payload is broken: the connection cannot go on.
    Broken(ProtocolError),
    /// The payload is good, but no message: this one is left out.
    NotAMessage(MessageError),
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self {
            buffer: vec![0; FRONT + READ_BUFFER],
            unread: 0..0,
            ring: Ring::new(),
            frame: None,
            joined: Vec::new(),
            canonical: Vec::new(),
            index: Index::default(),
        }
    }

    /// The bytes that are not yet handled.
    #[inline]
    pub(crate) fn input(&self) -> Input<'_> {
        if self.ring.is_empty() {
            Input::new((&self.buffer[self.unread.clone()], &[]))
        } else {
            Input::new(self.ring.slices())
        }
    }

    /// Takes over what a peer has kept from its last turn.
    pub(crate) fn adopt(&mut self, ring: Ring) {
        debug_assert!(self.input().len() == 0, "the turn before has been ended");
        self.ring = ring;
    }

    /// Reads once, behind what is there, at most [`READ_BUFFER`] bytes; tells how many came.
    pub(crate) fn read(
        &mut self,
        pool: &mut Pool,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> Result<usize, ErrorKind> {
        self.make_way(pool);
        let len = match read(&mut self.buffer[FRONT..]) {
            Ok(len) => len.min(READ_BUFFER),
            Err(error) => return Err(error.kind()),
        };
        // No more is moved than has come: who sends byte by byte moves nothing but that byte.
        if !self.ring.is_empty() && self.ring.len() <= len.min(FRONT) {
            self.put_in_front(pool);
        }
        if self.ring.is_empty() {
            self.unread.end += len;
        } else {
            self.ring.push(&self.buffer[FRONT..][..len], pool);
        }
        Ok(len)
    }

    /// Unread bytes in the buffer are the start of a frame, and in the way of what is to be read.
    #[inline]
    fn make_way(&mut self, pool: &mut Pool) {
        let len = self.unread.len();
        if len == 0 {
            self.unread = FRONT..FRONT;
        } else if len <= FRONT {
            self.buffer.copy_within(self.unread.clone(), FRONT - len);
            self.unread = FRONT - len..FRONT;
        } else {
            self.ring.push(&self.buffer[self.unread.clone()], pool);
            self.unread = FRONT..FRONT;
        }
    }

    /// Puts what the ring holds in front of what has been read.
    fn put_in_front(&mut self, pool: &mut Pool) {
        let (first, second) = self.ring.slices();
        let start = FRONT - first.len() - second.len();
        self.buffer[start..][..first.len()].copy_from_slice(first);
        self.buffer[FRONT - second.len()..FRONT].copy_from_slice(second);
        self.unread = start..FRONT;
        self.ring.release(pool);
    }

    /// Ends a turn: what is not handled is the peer's to keep.
    pub(crate) fn stow(&mut self, pool: &mut Pool) -> Ring {
        if !self.unread.is_empty() {
            self.ring.push(&self.buffer[self.unread.clone()], pool);
            self.unread = 0..0;
        }
        if self.ring.is_empty() {
            self.ring.release(pool);
        }
        std::mem::take(&mut self.ring)
    }

    /// Ends a turn whose peer is gone.
    pub(crate) fn clear(&mut self, pool: &mut Pool) {
        self.frame = None;
        self.unread = 0..0;
        self.ring.release(pool);
    }

    /// Makes a frame at the start of the unread bytes the one that is handled.
    #[inline]
    pub(crate) fn open(&mut self, frame: Frame) {
        let Frame { payload, len } = frame;
        self.frame = Some(Opened { start: payload.start, payload: payload.len(), frame: len });
    }

    /// Forgets the frame that was handled, if there is one.
    #[inline]
    pub(crate) fn finish(&mut self) {
        let Some(opened) = self.frame.take() else { return };
        if self.ring.is_empty() {
            self.unread.start += opened.frame;
        } else {
            self.ring.consume(opened.frame);
        }
    }

    /// The message in the frame that is being handled.
    pub(crate) fn message(
        &mut self,
        codec: Option<&dyn Codec>,
        limits: Limits,
    ) -> Result<Message<'_>, Unread> {
        let payload = match &self.frame {
            None => &[],
            Some(opened) if self.ring.is_empty() => {
                &self.buffer[self.unread.start + opened.start..][..opened.payload]
            }
            Some(opened) => match self.ring.range(opened.start, opened.payload) {
                (whole, []) => whole,
                (first, second) => {
                    self.joined.clear();
                    self.joined.extend_from_slice(first);
                    self.joined.extend_from_slice(second);
                    &self.joined
                }
            },
        };
        let canonical = match codec {
            None => payload,
            Some(codec) => {
                translate(codec, payload, limits, &mut self.canonical)?;
                &self.canonical
            }
        };
        Message::read(canonical, &mut self.index, limits).map_err(|error| match error {
            ReadError::Malformed(error) => Unread::Broken(ProtocolError::Payload(error)),
            ReadError::NotAMessage(error) => Unread::NotAMessage(error),
        })
    }
}

/// Makes a payload canonical.
pub(crate) fn translate(
    codec: &dyn Codec,
    payload: &[u8],
    limits: Limits,
    canonical: &mut Vec<u8>,
) -> Result<(), Unread> {
    let mut out = Encoder::writing_to(std::mem::take(canonical));
    let read = codec.decode(payload, limits, &mut out);
    let written = out.one_value();
    *canonical = out.into_buffer();
    let codec = codec.name();
    match (read, written) {
        (Err(CodecError::Malformed { what, at }), _) => {
            Err(Unread::Broken(ProtocolError::Codec { codec, what, at }))
        }
        (Err(CodecError::NotExpressible { what }), _) => {
            Err(Unread::NotAMessage(MessageError::Untranslatable { codec, what }))
        }
        // The encoder gives up later than it should, for it knows only the deepest of all limits.
        (Ok(()), Err(EncodeError::TooDeep)) => {
            let error = DecodeError::TooDeep { max: limits.depth };
            Err(Unread::Broken(ProtocolError::Payload(error)))
        }
        (Ok(()), Err(error)) => Err(Unread::NotAMessage(MessageError::NotExpressible(error))),
        (Ok(()), Ok(())) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads so many bytes behind an unfinished frame that a peer has kept; tells what is where.
    fn read_behind(kept: usize, len: usize) -> (usize, usize) {
        let (mut inbox, mut pool) = (Inbox::new(), Pool::new(1 << 20));
        let mut ring = Ring::new();
        ring.push(&vec![7; kept], &mut pool);
        inbox.adopt(ring);
        inbox
            .read(&mut pool, |buffer| {
                buffer[..len].fill(8);
                Ok(len)
            })
            .expect("a read");
        let input = inbox.input();
        assert_eq!(input.len(), kept + len);
        let start = input.from(kept.saturating_sub(1)).start::<2>();
        assert_eq!(start, (kept > 0 && len > 0).then_some([7, 8]), "{kept} and {len}");
        (inbox.ring.len(), inbox.unread.len())
    }

    #[test]
    fn no_more_is_moved_than_has_come() {
        for kept in [1, 20, FRONT, FRONT + 1, 3 * FRONT] {
            for len in [1, 19, 20, FRONT, READ_BUFFER] {
                let all = kept + len;
                let in_front = kept <= FRONT && kept <= len;
                let expected = if in_front { (0, all) } else { (all, 0) };
                assert_eq!(read_behind(kept, len), expected, "{kept} and {len}");
            }
        }
    }
}
