//! Streams: frames over pipes, for as many connections as a source gives.
//!
//! ```text
//! poll    accept … | link 3: read, frame, frame, stow | link 4: … | link 1: …     (start rotates)
//! flush   link 4: write | link 9, closing: write, shut down, drain
//! ```
//!
//! A link's turn ends with a short read, or when it has used up its share of the pump. Only links
//! that have something to write are written to, each with one call. What a link keeps between
//! pumps: unfinished or unhandled bytes in one ring, unsent bytes in another; idle it keeps none.

mod clock;
mod closing;
mod link;
#[cfg(test)]
mod tests;
mod turn;

use std::collections::VecDeque;
use std::mem;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Arrival, Bytes, Close, Conn, Flush, Full, Incoming, Source, Transport, Whose};
use crate::config::Config;
use crate::frame::Framing;
use crate::id::PeerId;
use crate::inbox::Inbox;
use crate::limits::{SPARE_RINGS, after};
use crate::ring::Pool;
use crate::slab::Slab;

use clock::Clock;
use closing::Closing;
use link::{Link, State};
use turn::Turn;

/// How much more than the game the library may have waiting for a link: heartbeats, goodbyes.
const OWN_ROOM: usize = 2048;

#[derive(Debug)]
pub(crate) struct Streams<S: Source> {
    source: S,
    framing: &'static dyn Framing,
    config: Config,
    links: Slab<Link<S::Pipe>>,
    pool: Pool,
    /// Links that are open and have bytes to write.
    unsent: Vec<Conn>,
    /// Links that are being closed gracefully, and those of them that were never let in.
    closing: Vec<Closing>,
    refused: Vec<Closing>,
    /// What `flush` has to tell.
    events: VecDeque<Incoming>,
    stage: Stage,
    /// The link whose turn it is; its bytes are in the inbox.
    turn: Option<Turn>,
    /// Whether somebody's turn in this round has ended before all frames here were handled.
    has_more: bool,
    /// Which slot is first in this pump; between two, from which on the next is looked for.
    start: usize,
    clock: Clock,
    traffic: Bytes,
}

/// How far a pump has come. It is kept in a field because a handler's panic may end a pump early.
#[derive(Debug)]
enum Stage {
    Between,
    Accepting { left: usize },
    Reading { visited: usize, slots: usize },
}

impl<S: Source> Streams<S> {
    pub(crate) fn new(source: S, framing: &'static dyn Framing, config: &Config) -> Self {
        Self {
            source,
            framing,
            config: config.clone(),
            links: Slab::new(),
            pool: Pool::new(SPARE_RINGS),
            unsent: Vec::new(),
            closing: Vec::new(),
            refused: Vec::new(),
            events: VecDeque::new(),
            stage: Stage::Between,
            turn: None,
            has_more: false,
            start: 0,
            clock: Clock::default(),
            traffic: Bytes::default(),
        }
    }

    /// One more connection, if one is waiting.
    fn accept(&mut self, now: Instant) -> Option<Incoming> {
        Some(match self.source.next(now)? {
            Arrival::Pipe(pipe, addr) => self.open(now, pipe, addr),
            Arrival::Failed(error) => Incoming::Failed { error },
            Arrival::Trouble(error) => Incoming::Trouble { error },
        })
    }

    /// The slot that is first: the next one in which somebody can be listened to. Whoever came
    /// behind the places of a crowd that has left would be first in all of their turns. Most often
    /// it is the first one looked at.
    fn next_first(&mut self) -> usize {
        let slots = self.links.slots();
        let mut behind = (self.start..slots).chain(0..self.start.min(slots));
        let next = behind.find(|slot| self.links.at(*slot).is_some_and(|(_, it)| !it.is_closing()));
        next.unwrap_or(0)
    }

    fn open(&mut self, now: Instant, pipe: S::Pipe, addr: SocketAddr) -> Incoming {
        let conn = self.links.insert(Link::new(pipe, now));
        Incoming::Opened { conn, addr }
    }
}

impl<S: Source> Transport for Streams<S> {
    fn poll(&mut self, now: Instant, inbox: &mut Inbox) -> Option<Incoming> {
        self.clock.notice(now, &self.config);
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        inbox.finish();
        loop {
            if let Some(event) = self.go_on(now, inbox) {
                return Some(event);
            }
            match &mut self.stage {
                Stage::Between => {
                    self.clock.tick(now);
                    // One at least: an attempt to connect would have no end.
                    let most = self.config.accepts_per_pump.max(1);
                    let left = if self.clock.is_full { most } else { 0 };
                    self.stage = Stage::Accepting { left };
                    self.has_more = false;
                }
                Stage::Accepting { left: 0 } => {
                    self.start = self.next_first();
                    self.stage = Stage::Reading { visited: 0, slots: self.links.slots() };
                }
                Stage::Accepting { left } => {
                    *left -= 1;
                    match self.accept(now) {
                        Some(event) => return Some(event),
                        None => self.stage = Stage::Accepting { left: 0 },
                    }
                }
                Stage::Reading { visited, slots } if visited == slots => {
                    self.start = (self.start + 1) % (*slots).max(1);
                    self.stage = Stage::Between;
                    return None;
                }
                Stage::Reading { visited, slots } => {
                    let slot = self.start + *visited;
                    // A division would cost as much as all else that is done for an idle link.
                    let slot = if slot < *slots { slot } else { slot - *slots };
                    *visited += 1;
                    self.begin_turn(now, slot, inbox);
                }
            }
        }
    }

    fn next_payload(&mut self, inbox: &mut Inbox) -> bool {
        let Some(turn) = self.turn.as_mut().filter(|turn| turn.messages > 0) else { return false };
        // A handler may have closed it.
        if self.links.get(turn.conn).is_none_or(Link::is_closing) {
            return false;
        }
        inbox.finish();
        // What is wrong with a frame is found again, and told, by `poll`.
        turn.open_next(self.framing, self.config.frame_len(), inbox).unwrap_or(false)
    }

    fn yield_turn(&mut self, inbox: &mut Inbox) {
        let Some(conn) = self.turn.as_ref().map(|turn| turn.conn) else { return };
        inbox.finish();
        if self.links.get(conn).is_none_or(Link::is_closing) {
            inbox.clear(&mut self.pool);
            self.turn = None;
        } else if let Some(now) = self.clock.last {
            self.pass_turn(now, inbox, false);
        }
    }

    fn assign(&mut self, conn: Conn, owner: PeerId) {
        if let Some(link) = self.links.get_mut(conn) {
            link.owner = Some(owner);
        }
    }

    fn send(&mut self, now: Instant, conn: Conn, payload: &[u8], whose: Whose) -> Result<(), Full> {
        let Some(link) = self.links.get_mut(conn) else { return Ok(()) };
        if !matches!(link.state, State::Open | State::Ended(None)) {
            // It cannot be delivered, and the peer's end says so.
            return Ok(());
        }
        let (header, trailer) = (self.framing.header(payload.len()), self.framing.trailer());
        let len = header.as_bytes().len() + payload.len() + trailer.len();
        // What is told is the limit that is configured; the room beyond it is nobody's to set.
        let max = self.config.outbound();
        let room = match whose {
            Whose::Game => max,
            Whose::Own => max.saturating_add(OWN_ROOM),
        };
        if link.outbound.len() + len > room {
            // A burst is not a slow reader: what the system takes now does not count.
            self.traffic.written += link.write(now, &mut self.pool) as u64;
            let queued = link.outbound.len();
            if queued + len > room {
                return Err(Full { queued, max });
            }
        }
        if !mem::replace(&mut link.is_unsent, true) {
            self.unsent.push(conn);
        }
        link.outbound.push_all([header.as_bytes(), payload, trailer], &mut self.pool);
        Ok(())
    }

    fn close(&mut self, conn: Conn, how: Close) {
        match how {
            Close::Now => self.drop_link(conn),
            Close::Gracefully | Close::Refused => {
                let ended = match self.links.get(conn).map(|link| &link.state) {
                    None | Some(State::Closing { .. }) => return,
                    Some(State::Open) => false,
                    Some(State::Broken(_) | State::Ended(_)) => true,
                };
                self.begin_closing(conn, ended, how == Close::Refused);
            }
        }
    }

    fn flush(&mut self, now: Instant, when: Flush) {
        let mut unsent = mem::take(&mut self.unsent);
        unsent.retain(|conn| match self.links.get_mut(*conn) {
            Some(link) if !link.is_closing() => {
                self.traffic.written += link.write(now, &mut self.pool) as u64;
                link.is_unsent = !link.outbound.is_empty();
                link.is_unsent
            }
            _ => false,
        });
        self.unsent = unsent;
        let mut closing = mem::take(&mut self.closing);
        closing.retain_mut(|closing| self.close_further(now, when, closing));
        self.closing = closing;
        let mut refused = mem::take(&mut self.refused);
        refused.retain_mut(|closing| self.close_further(now, when, closing));
        self.refused = refused;
    }

    fn queued(&self, conn: Conn) -> usize {
        self.links.get(conn).map_or(0, |link| link.outbound.len())
    }

    fn heard(&self, conn: Conn) -> Option<Instant> {
        self.links.get(conn).map(|link| link.active)
    }

    fn next_reading(&self) -> Option<Instant> {
        // What is here already is due now: messages beyond somebody's share, an end to be told.
        if self.has_more || !self.events.is_empty() {
            return self.clock.last;
        }
        // Who sleeps until the frame is late would have made a pause, for which it is not judged.
        let nap = self.clock.last.map(|last| after(last, self.config.frame_nap()));
        let frames = self.links.iter().filter(|(_, link)| !link.is_closing());
        let late = frames.filter_map(|(_, link)| {
            // Exactly as long as allowed is not too long.
            let due = after(link.frame_since()?, self.config.frame_timeout);
            let due = due + Duration::from_nanos(1);
            Some(nap.map_or(due, |nap| nap.min(due)))
        });
        late.min()
    }

    fn next_ending(&self) -> Option<Instant> {
        let closing = self.closing.iter().chain(&self.refused);
        closing.filter_map(|end| end.deadline.or(self.clock.last)).min()
    }

    fn abandon(&mut self) {
        let refused = mem::take(&mut self.refused);
        for closing in mem::take(&mut self.closing).into_iter().chain(refused) {
            self.give_up(closing.conn);
        }
    }

    fn stop(&mut self) {
        self.source.stop();
    }

    fn is_done(&self) -> bool {
        self.source.is_done() && self.links.is_empty() && self.events.is_empty()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.source.local_addr()
    }

    fn take_traffic(&mut self) -> Bytes {
        mem::take(&mut self.traffic)
    }
}

impl<S: Source> Drop for Streams<S> {
    /// Whoever drops an endpoint in the middle of a game still says what it has said.
    fn drop(&mut self) {
        let closing = mem::take(&mut self.closing).into_iter().map(|closing| closing.conn);
        for conn in mem::take(&mut self.unsent).into_iter().chain(closing) {
            if let (Some(link), Some(now)) = (self.links.get_mut(conn), self.clock.last) {
                link.write(now, &mut self.pool);
            }
        }
    }
}
