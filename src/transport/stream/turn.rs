//! Turns: who has something to say is read, frame after frame, up to a share of the pump.
//!
//! ```text
//! slot ── read ──> nothing                                          most links, most of the time
//!           └────> frame, frame, … ── read ──> … ── stow what is not handled
//! ```

use std::mem;
use std::time::Instant;

use super::super::{Conn, Incoming, Source};
use super::Streams;
use super::link::{Read, State};
use crate::config::Config;
use crate::frame::{FrameError, Framing, Progress};
use crate::inbox::Inbox;
use crate::reason::{DisconnectReason, ProtocolError, Timeout};

/// What a link may still do in this pump.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) conn: Conn,
    pub(super) messages: usize,
    bytes: usize,
    /// The last read was short: there is no more for now.
    dry: bool,
    /// How far the framing has looked into the frame that comes next.
    progress: Progress,
}

impl Turn {
    /// Opens the next frame, if it is whole.
    #[inline]
    pub(super) fn open_next(
        &mut self,
        framing: &dyn Framing,
        max: usize,
        inbox: &mut Inbox,
    ) -> Result<bool, FrameError> {
        let found = framing.find(inbox.input(), &mut self.progress, max)?;
        let Some(frame) = found else { return Ok(false) };
        inbox.open(frame);
        self.progress.forget();
        self.messages -= 1;
        Ok(true)
    }

    fn account(&mut self, read: Read) {
        self.bytes = self.bytes.saturating_sub(read.len);
        self.dry = !read.more;
    }
}

impl<S: Source> Streams<S> {
    /// Gives the turn to the link in a slot, if it has something to say.
    pub(super) fn begin_turn(&mut self, now: Instant, slot: usize, inbox: &mut Inbox) {
        let Some((conn, link)) = self.links.at(slot) else { return };
        if link.is_closing() {
            return;
        }
        let (mut read, mut progress) = (Read::default(), Progress::default());
        if link.inbound.is_empty() && matches!(link.state, State::Open | State::Broken(_)) {
            if !self.clock.is_full && link.is_quiet(now) {
                return;
            }
            read = link.read(now, inbox, &mut self.pool);
            // Most have nothing to say, and that is all there is to be done for them.
            if read.len == 0 && matches!(link.state, State::Open) {
                if link.unfinished.is_some() && link.is_quiet(now) {
                    link.unfinished = None;
                }
                return;
            }
        } else {
            inbox.adopt(mem::take(&mut link.inbound));
            if let Some(unfinished) = &mut link.unfinished {
                progress = mem::take(&mut unfinished.progress);
            }
            read.more = true;
        }
        let Config { messages_per_pump, bytes_per_pump, .. } = self.config;
        let (messages, bytes) = (messages_per_pump.max(1), bytes_per_pump.max(1));
        let mut turn = Turn { conn, messages, bytes, dry: false, progress };
        turn.account(read);
        self.traffic.read += read.len as u64;
        self.turn = Some(turn);
    }

    /// Goes on with the link whose turn it is; nothing when its turn is over.
    pub(super) fn go_on(&mut self, now: Instant, inbox: &mut Inbox) -> Option<Incoming> {
        let turn = self.turn.as_mut()?;
        let conn = turn.conn;
        let link = match self.links.get_mut(conn) {
            Some(link) if !link.is_closing() => link,
            _ => {
                // A handler has closed it; what had come with the last message is not handled.
                inbox.clear(&mut self.pool);
                self.turn = None;
                return None;
            }
        };
        loop {
            let mut unfinished = false;
            if turn.messages > 0 {
                match turn.open_next(self.framing, self.config.frame_len(), inbox) {
                    Ok(true) => {
                        link.finish_frame();
                        link.active = now;
                        return Some(Incoming::Payload { owner: link.owner });
                    }
                    Ok(false) => unfinished = true,
                    Err(error) => {
                        let reason = DisconnectReason::Protocol(ProtocolError::Frame(error));
                        return self.end_turn(inbox, reason);
                    }
                }
            }
            if let (true, State::Ended(error)) = (unfinished, &link.state) {
                let reason = match (error, inbox.input().len()) {
                    (Some(kind), _) => DisconnectReason::Io(*kind),
                    (None, 0) => DisconnectReason::Closed,
                    (None, bytes) => DisconnectReason::CutOff { bytes },
                };
                return self.end_turn(inbox, reason);
            }
            if !unfinished || turn.dry || turn.bytes == 0 {
                return self.pass_turn(now, inbox, unfinished);
            }
            let read = link.read(now, inbox, &mut self.pool);
            self.traffic.read += read.len as u64;
            turn.account(read);
        }
    }

    /// The turn of a link is over: what is not handled is the link's to keep. Time is kept of an
    /// unfinished frame, if all that has come is read.
    pub(super) fn pass_turn(
        &mut self,
        now: Instant,
        inbox: &mut Inbox,
        unfinished: bool,
    ) -> Option<Incoming> {
        let Turn { conn, dry, progress, .. } = self.turn.take()?;
        if !unfinished && !self.has_more {
            let (whole, max) = (inbox.input(), self.config.frame_len());
            let found = self.framing.find(whole, &mut Progress::default(), max);
            self.has_more = !matches!(found, Ok(None));
        }
        let link = self.links.get_mut(conn)?;
        link.inbound = inbox.stow(&mut self.pool);
        if !unfinished || link.inbound.is_empty() {
            return None;
        }
        let frame = link.unfinished.get_or_insert_default();
        frame.progress = progress;
        if !dry {
            return None;
        }
        let since = frame.begun(now, self.clock.resumed);
        if now.saturating_duration_since(since) <= self.config.frame_timeout {
            return None;
        }
        self.end(conn, DisconnectReason::Timeout(Timeout::Frame))
    }

    /// The turn of a link is over, and so is the link.
    fn end_turn(&mut self, inbox: &mut Inbox, reason: DisconnectReason) -> Option<Incoming> {
        inbox.clear(&mut self.pool);
        let turn = self.turn.take()?;
        self.end(turn.conn, reason)
    }
}
