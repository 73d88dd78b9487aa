//! One connection of [`Streams`](super::Streams): a pipe, its state, and what waits on either side.

use std::io::ErrorKind;
use std::time::Instant;

use super::super::Pipe;
use crate::frame::Progress;
use crate::inbox::Inbox;
use crate::ring::{Pool, Ring};

/// How often a call is repeated that was interrupted by a signal, before it is left for later.
const RETRIES: usize = 8;

#[derive(Debug)]
pub(super) struct Link<P> {
    pub(super) pipe: P,
    pub(super) state: State,
    pub(super) inbound: Ring,
    pub(super) outbound: Ring,
    /// Whether it is on the list of links that have bytes to write.
    pub(super) is_unsent: bool,
    /// How far the framing has looked into the unfinished frame.
    pub(super) progress: Progress,
    /// When the unfinished frame began, or was forgiven a pause: that happens once, lest who is
    /// rarely listened to can stay for ever.
    pub(super) frame_since: Option<Instant>,
    pub(super) is_forgiven: bool,
    /// When bytes last came.
    pub(super) active: Instant,
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
        /// Counted from the first look at it.
        deadline: Option<Instant>,
        /// The writing half is shut down.
        shut: bool,
        /// The far end is through.
        ended: bool,
        /// It was never let in, so nobody cares for what it was not told.
        refused: bool,
    },
}

impl<P: Pipe> Link<P> {
    pub(super) fn new(pipe: P, now: Instant) -> Self {
        Self {
            pipe,
            state: State::Open,
            inbound: Ring::new(),
            outbound: Ring::new(),
            is_unsent: false,
            progress: Progress::default(),
            frame_since: None,
            is_forgiven: false,
            active: now,
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        matches!(self.state, State::Closing { .. })
    }

    /// A frame is whole.
    pub(super) fn finish_frame(&mut self) {
        self.progress.forget();
        self.frame_since = None;
        self.is_forgiven = false;
    }

    /// From when on the unfinished frame's time counts, if the game paused last at `resumed`.
    pub(super) fn frame_begun(&mut self, now: Instant, resumed: Option<Instant>) -> Instant {
        let since = *self.frame_since.get_or_insert(now);
        match resumed {
            Some(resumed) if resumed > since && !self.is_forgiven => {
                self.is_forgiven = true;
                *self.frame_since.insert(resumed)
            }
            _ => since,
        }
    }

    /// Reads once into the inbox.
    pub(super) fn read(
        &mut self,
        now: Instant,
        inbox: &mut Inbox,
        pool: &mut Pool,
    ) -> Result<(usize, bool), ErrorKind> {
        let mut last = ErrorKind::Interrupted;
        for _ in 0..RETRIES {
            match inbox.read(pool, |buffer| self.pipe.read(now, buffer)) {
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    last = error.kind();
                    break;
                }
            }
        }
        Err(last)
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
                    self.fail(now, error.kind());
                    return 0;
                }
            }
        }
        0
    }

    /// Writing has failed: what is unsent stays so.
    fn fail(&mut self, now: Instant, error: ErrorKind) {
        self.state = match self.state {
            // What has been received is still read; the end, and its reason, follow from there.
            State::Open | State::Broken(_) => State::Broken(error),
            State::Ended(_) => State::Ended(Some(error)),
            // Nobody hears of this link's end any more, so what is left has to be told.
            State::Closing { refused, .. } => {
                State::Closing { deadline: Some(now), shut: true, ended: true, refused }
            }
        };
    }
}
