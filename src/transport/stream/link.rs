//! One connection of [`Streams`](super::Streams): a pipe, its state, and what waits on either side.

use std::io::ErrorKind;
use std::time::Instant;

use super::super::Pipe;
use crate::frame::Progress;
use crate::id::PeerId;
use crate::inbox::Inbox;
use crate::limits::{QUIET_AFTER, READ_BUFFER};
use crate::ring::{Pool, Ring};

/// How often a call is repeated that was interrupted by a signal, before it is left for later.
const RETRIES: usize = 8;

/// There may be thousands, and most of them are idle: what a link seldom has is a pointer.
#[derive(Debug)]
pub(super) struct Link<P> {
    pub(super) pipe: P,
    pub(super) state: State,
    /// Whether it is on the list of links that have bytes to write.
    pub(super) is_unsent: bool,
    /// When bytes last came, or the last payload that had waited was handed on.
    pub(super) active: Instant,
    pub(super) inbound: Ring,
    pub(super) outbound: Ring,
    /// There while a frame is unfinished, and kept for the next one as long as the link is active.
    pub(super) unfinished: Option<Box<Unfinished>>,
    /// Whose it is.
    pub(super) owner: Option<PeerId>,
}

/// A frame that has begun to come.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    /// How far the framing has looked into it.
    pub(super) progress: Progress,
    /// When it began, or was forgiven a pause: that happens once, lest who is rarely listened to
    /// can stay for ever.
    since: Option<Instant>,
    is_forgiven: bool,
}

impl Unfinished {
    /// From when on the frame's time counts, if the game paused last at `resumed`.
    pub(super) fn begun(&mut self, now: Instant, resumed: Option<Instant>) -> Instant {
        let since = *self.since.get_or_insert(now);
        match resumed {
            Some(resumed) if resumed > since && !self.is_forgiven => {
                self.is_forgiven = true;
                *self.since.insert(resumed)
            }
            _ => since,
        }
    }
}

#[derive(Debug)]
pub(super) enum State {
    Open,
    /// Writing has failed; what has been received is still handled.
    Broken(ErrorKind),
    /// The far end is through; what has been received is still handled.
    Ended(Option<ErrorKind>),
    /// Nobody listens any more; what was sent is still delivered.
    Closing {
        /// The writing half is shut down.
        shut: bool,
        /// The far end is through.
        ended: bool,
        /// Writing has failed: nothing more can be delivered.
        failed: bool,
        /// It was never let in, so nobody cares for what it was not told.
        refused: bool,
    },
}

/// What one read has given.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Read {
    pub(super) len: usize,
    /// There may be more.
    pub(super) more: bool,
}

impl<P: Pipe> Link<P> {
    pub(super) fn new(pipe: P, now: Instant) -> Self {
        Self {
            pipe,
            state: State::Open,
            is_unsent: false,
            active: now,
            inbound: Ring::new(),
            outbound: Ring::new(),
            unfinished: None,
            owner: None,
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        matches!(self.state, State::Closing { .. })
    }

    /// Whether there is nothing to be read that is worth a look in every pump.
    pub(super) fn is_quiet(&self, now: Instant) -> bool {
        matches!(self.state, State::Open)
            && self.inbound.is_empty()
            && now.saturating_duration_since(self.active) > QUIET_AFTER
    }

    /// When the unfinished frame began, if there is one.
    pub(super) fn frame_since(&self) -> Option<Instant> {
        self.unfinished.as_ref()?.since
    }

    /// A frame is whole.
    pub(super) fn finish_frame(&mut self) {
        if let Some(unfinished) = &mut self.unfinished {
            unfinished.since = None;
            unfinished.is_forgiven = false;
        }
    }

    /// Reads once into the inbox; what becomes of the link by that is in its state.
    pub(super) fn read(&mut self, now: Instant, inbox: &mut Inbox, pool: &mut Pool) -> Read {
        let mut outcome = Err(ErrorKind::Interrupted);
        for _ in 0..RETRIES {
            outcome = inbox.read(pool, |buffer| self.pipe.read(now, buffer));
            if outcome != Err(ErrorKind::Interrupted) {
                break;
            }
        }
        match outcome {
            Ok(0) => self.state = State::Ended(None),
            Ok(len) => {
                self.active = now;
                return Read { len, more: len == READ_BUFFER };
            }
            Err(ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                if let State::Broken(kind) = self.state {
                    self.state = State::Ended(Some(kind));
                }
            }
            Err(kind) => self.state = State::Ended(Some(kind)),
        }
        Read::default()
    }

    /// Writes once what a link has to say; tells how much the system took.
    pub(super) fn write(&mut self, now: Instant, pool: &mut Pool) -> usize {
        let is_lost = matches!(self.state, State::Broken(_) | State::Ended(Some(_)));
        if self.outbound.is_empty() || is_lost {
            return 0;
        }
        for _ in 0..RETRIES {
            match self.pipe.write(now, self.outbound.slices()) {
                Ok(len) => {
                    self.outbound.consume(len.min(self.outbound.len()));
                    if self.outbound.is_empty() {
                        self.outbound.release(pool);
                    }
                    return len;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return 0,
                Err(error) => {
                    self.fail(error.kind());
                    return 0;
                }
            }
        }
        0
    }

    /// Writing has failed: what is unsent stays so.
    fn fail(&mut self, error: ErrorKind) {
        self.state = match self.state {
            // What has been received is still read; the end, and its reason, follow from there.
            State::Open | State::Broken(_) => State::Broken(error),
            State::Ended(_) => State::Ended(Some(error)),
            // Nobody hears of this link's end any more, so what is left has to be told.
            State::Closing { shut, ended, refused, .. } => {
                State::Closing { shut, ended, failed: true, refused }
            }
        };
    }
}
