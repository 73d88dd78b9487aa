//! Ends: at once, or gracefully, which delivers first what a link was sent.
//!
//! ```text
//! write …, shut down the writing half, read until the far end is through | time is over ──> gone
//! ```

use std::io::ErrorKind;
use std::time::Instant;

use super::super::{Conn, Flush, Incoming, Pipe, Source};
use super::Streams;
use super::link::State;
use crate::limits::after;
use crate::reason::DisconnectReason;

/// How many links may be closing that were never let in.
const REFUSED: usize = 32;

/// How many reads of a closing link are thrown away in one pump, and how long each may be.
pub(super) const DRAINED_READS: usize = 16;
const DRAINED_BYTES: usize = 4096;

/// A link that is being closed gracefully.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) conn: Conn,
    /// Counted from the end of the first pump: whoever closes between two of them may not know what
    /// time it is.
    pub(super) deadline: Option<Instant>,
}

impl<S: Source> Streams<S> {
    /// Ends a link. If its far end was orderly, it is still sent what it was to have. One that has
    /// broken the rules is sent what the system takes now, and the rest is told to be lost.
    pub(super) fn end(&mut self, conn: Conn, reason: DisconnectReason) -> Option<Incoming> {
        let link = self.links.get(conn)?;
        let owner = link.owner;
        match reason {
            DisconnectReason::Closed | DisconnectReason::CutOff { .. } => {
                if link.outbound.is_empty() {
                    self.drop_link(conn);
                } else {
                    self.begin_closing(conn, true, false);
                }
            }
            // Nothing passes any more, and that is what the reason says.
            DisconnectReason::Io(_) => self.drop_link(conn),
            _ => self.write_and_give_up(conn),
        }
        Some(Incoming::Closed { owner, reason })
    }

    /// From here on nobody listens to a link, and what it was sent is delivered.
    pub(super) fn begin_closing(&mut self, conn: Conn, ended: bool, refused: bool) {
        let Some(link) = self.links.get_mut(conn) else { return };
        link.inbound.release(&mut self.pool);
        link.state = State::Closing { shut: false, ended, failed: false, refused };
        // Closing links take descriptors too: no more of them than of peers. Strangers have a list
        // of their own, so that they cannot crowd out the ends of those who were here.
        let (list, max) = match refused {
            true => (&mut self.refused, REFUSED),
            false => (&mut self.closing, self.config.max_peers.max(1)),
        };
        list.push(Closing { conn, deadline: None });
        if list.len() <= max {
            return;
        }
        // The oldest goes of those who have been told all and only have to close too: who comes and
        // goes to fill the list pushes out nobody to whom something is still to be said.
        let is_told =
            |end: &Closing| self.links.get(end.conn).is_none_or(|link| link.outbound.is_empty());
        let first = list.iter().position(is_told).unwrap_or(0);
        let first = list.remove(first);
        self.write_and_give_up(first.conn);
    }

    /// Drops a link that may never have been written to: what the system takes now is delivered.
    fn write_and_give_up(&mut self, conn: Conn) {
        if let (Some(link), Some(now)) = (self.links.get_mut(conn), self.clock.last) {
            self.traffic.written += link.write(now, &mut self.pool) as u64;
        }
        self.give_up(conn);
    }

    /// Drops a closing link whether or not all was delivered.
    pub(super) fn give_up(&mut self, conn: Conn) {
        let Some(link) = self.links.get(conn) else { return };
        let (owner, bytes) = (link.owner, link.outbound.len());
        if bytes > 0 && !matches!(link.state, State::Closing { refused: true, .. }) {
            self.events.push_back(Incoming::Undelivered { owner, bytes });
        }
        self.drop_link(conn);
    }

    pub(super) fn drop_link(&mut self, conn: Conn) {
        if let Some(mut link) = self.links.remove(conn) {
            link.inbound.release(&mut self.pool);
            link.outbound.release(&mut self.pool);
        }
    }

    /// Brings a graceful end forward; tells whether it is still under way.
    pub(super) fn close_further(
        &mut self,
        now: Instant,
        when: Flush,
        closing: &mut Closing,
    ) -> bool {
        let conn = closing.conn;
        let Some(link) = self.links.get_mut(conn) else { return false };
        self.traffic.written += link.write(now, &mut self.pool) as u64;
        let flushed = link.outbound.is_empty();
        let State::Closing { shut, ended, failed, .. } = &mut link.state else { return false };
        let timeout = self.config.flush_timeout;
        if when == Flush::AtEnd {
            closing.deadline.get_or_insert_with(|| after(now, timeout));
        }
        if flushed && !*shut {
            *shut = true;
            // It fails where the far end is gone already, which is just as well.
            let _ = link.pipe.shut_down_writing(now);
        }
        let mut waste = [0; DRAINED_BYTES];
        for _ in 0..DRAINED_READS {
            if *ended || *failed {
                break;
            }
            match link.pipe.read(now, &mut waste) {
                Ok(0) => *ended = true,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => *ended = true,
            }
        }
        let over = *failed || (*ended && flushed) || closing.deadline.is_some_and(|end| now >= end);
        if over {
            self.give_up(conn);
        }
        !over
    }
}
