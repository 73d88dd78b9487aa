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
mod link;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::mem;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Arrival, Bytes, Close, Conn, Full, Incoming, Pipe, Source, Transport, Whose};
use crate::config::Config;
use crate::frame::{Framing, Progress};
use crate::id::PeerId;
use crate::inbox::Inbox;
use crate::limits::{SPARE_RINGS, after};
use crate::reason::{DisconnectReason, ProtocolError, Timeout};
use crate::ring::Pool;
use crate::slab::Slab;

use clock::Clock;
use link::{Link, Read, State};

/// How much more than the game the library may have waiting for a link: heartbeats, goodbyes.
const OWN_ROOM: usize = 2048;

/// How many links may be closing that were never let in.
const REFUSED: usize = 32;

/// How many reads of a closing link are thrown away in one pump, and how long each may be.
const DRAINED_READS: usize = 16;
const DRAINED_BYTES: usize = 4096;

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
    /// Which slot is first in the next pump.
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

/// What a link may still do in this pump.
#[derive(Debug)]
struct Turn {
    conn: Conn,
    messages: usize,
    bytes: usize,
    /// The last read was short: there is no more for now.
    dry: bool,
    /// How far the framing has looked into the frame that comes next.
    progress: Progress,
}

impl Turn {
    fn account(&mut self, read: Read) {
        self.bytes = self.bytes.saturating_sub(read.len);
        self.dry = !read.more;
    }
}

/// A link that is being closed gracefully.
#[derive(Debug)]
struct Closing {
    conn: Conn,
    /// Counted from the first look at it: whoever closes between two pumps may not know what time
    /// it is.
    deadline: Option<Instant>,
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

    fn open(&mut self, now: Instant, pipe: S::Pipe, addr: SocketAddr) -> Incoming {
        let conn = self.links.insert(Link::new(pipe, now));
        Incoming::Opened { conn, addr }
    }

    /// Gives the turn to the link in a slot, if it has something to say.
    fn begin_turn(&mut self, now: Instant, slot: usize, inbox: &mut Inbox) {
        let Some((conn, link)) = self.links.at(slot) else { return };
        let mut turn = Turn {
            conn,
            messages: self.config.messages_per_pump.max(1),
            bytes: self.config.bytes_per_pump.max(1),
            dry: false,
            progress: Progress::default(),
        };
        match link.state {
            State::Closing { .. } => return,
            State::Open | State::Broken(_) if link.inbound.is_empty() => {
                if !self.clock.is_full && link.is_quiet(now) {
                    return;
                }
                let read = link.read(now, inbox, &mut self.pool);
                // Most have nothing to say, and that is all there is to be done for them.
                if read.len == 0 && matches!(link.state, State::Open) {
                    if link.unfinished.is_some() && link.is_quiet(now) {
                        link.unfinished = None;
                    }
                    return;
                }
                self.traffic.read += read.len as u64;
                turn.account(read);
            }
            _ => {
                inbox.adopt(mem::take(&mut link.inbound));
                if let Some(unfinished) = &mut link.unfinished {
                    turn.progress = mem::take(&mut unfinished.progress);
                }
            }
        }
        self.turn = Some(turn);
    }

    /// Goes on with the link whose turn it is; nothing when its turn is over.
    fn go_on(&mut self, now: Instant, inbox: &mut Inbox) -> Option<Incoming> {
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
                let max = self.config.frame_len();
                match self.framing.find(inbox.input(), &mut turn.progress, max) {
                    Ok(Some(frame)) => {
                        inbox.open(frame);
                        turn.progress.forget();
                        turn.messages -= 1;
                        link.finish_frame();
                        link.active = now;
                        return Some(Incoming::Payload { owner: link.owner });
                    }
                    Ok(None) => unfinished = true,
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
    fn pass_turn(&mut self, now: Instant, inbox: &mut Inbox, unfinished: bool) -> Option<Incoming> {
        let Turn { conn, dry, progress, .. } = self.turn.take()?;
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
        Some(self.end(conn, DisconnectReason::Timeout(Timeout::Frame)))
    }

    /// The turn of a link is over, and so is the link.
    fn end_turn(&mut self, inbox: &mut Inbox, reason: DisconnectReason) -> Option<Incoming> {
        inbox.clear(&mut self.pool);
        let turn = self.turn.take()?;
        Some(self.end(turn.conn, reason))
    }

    /// Ends a link. If its far end was orderly, it is still sent what it was to have.
    fn end(&mut self, conn: Conn, reason: DisconnectReason) -> Incoming {
        let orderly = matches!(reason, DisconnectReason::Closed | DisconnectReason::CutOff { .. });
        let link = self.links.get(conn);
        let owner = link.and_then(|link| link.owner);
        if orderly && link.is_some_and(|link| !link.outbound.is_empty()) {
            self.begin_closing(conn, true, false);
        } else {
            self.drop_link(conn);
        }
        Incoming::Closed { owner, reason }
    }

    fn begin_closing(&mut self, conn: Conn, ended: bool, refused: bool) {
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
        if list.len() > max {
            let oldest = list.remove(0);
            self.give_up(oldest.conn);
        }
    }

    /// Drops a closing link whether or not all was delivered.
    fn give_up(&mut self, conn: Conn) {
        let Some(link) = self.links.get(conn) else { return };
        let (owner, bytes) = (link.owner, link.outbound.len());
        if bytes > 0 && !matches!(link.state, State::Closing { refused: true, .. }) {
            self.events.push_back(Incoming::Undelivered { owner, bytes });
        }
        self.drop_link(conn);
    }

    fn drop_link(&mut self, conn: Conn) {
        if let Some(mut link) = self.links.remove(conn) {
            link.inbound.release(&mut self.pool);
            link.outbound.release(&mut self.pool);
        }
    }

    /// Brings a graceful end forward; tells whether it is still under way.
    fn close_further(&mut self, now: Instant, closing: &mut Closing) -> bool {
        let conn = closing.conn;
        let Some(link) = self.links.get_mut(conn) else { return false };
        self.traffic.written += link.write(now, &mut self.pool) as u64;
        let flushed = link.outbound.is_empty();
        let State::Closing { shut, ended, failed, .. } = &mut link.state else { return false };
        let timeout = self.config.flush_timeout;
        let deadline = *closing.deadline.get_or_insert_with(|| after(now, timeout));
        if *failed {
            self.give_up(conn);
            return false;
        }
        if flushed && !*shut {
            *shut = true;
            // It fails where the far end is gone already, which is just as well.
            let _ = link.pipe.shut_down_writing(now);
        }
        let mut waste = [0; DRAINED_BYTES];
        for _ in 0..DRAINED_READS {
            if *ended {
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
        let over = (*ended && flushed) || now >= deadline;
        if over {
            self.give_up(conn);
        }
        !over
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
                    let left = if self.clock.is_full { self.config.accepts_per_pump } else { 0 };
                    self.stage = Stage::Accepting { left };
                }
                Stage::Accepting { left: 0 } => {
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

    fn assign(&mut self, conn: Conn, owner: PeerId) {
        if let Some(link) = self.links.get_mut(conn) {
            link.owner = Some(owner);
        }
    }

    fn send(&mut self, now: Instant, conn: Conn, payload: &[u8], whose: Whose) -> Result<(), Full> {
        let Some(link) = self.links.get_mut(conn) else { return Ok(()) };
        match link.state {
            State::Open | State::Ended(None) => {}
            // It cannot be delivered, and the peer's end says so.
            State::Broken(_) | State::Ended(Some(_)) | State::Closing { .. } => return Ok(()),
        }
        let (header, trailer) = (self.framing.header(payload.len()), self.framing.trailer());
        let len = header.as_bytes().len() + payload.len() + trailer.len();
        let max = match whose {
            Whose::Game => self.config.outbound(),
            Whose::Own => self.config.outbound().saturating_add(OWN_ROOM),
        };
        if link.outbound.len() + len > max {
            // A burst is not a slow reader: what the system takes now does not count.
            self.traffic.written += link.write(now, &mut self.pool) as u64;
            let queued = link.outbound.len();
            if queued + len > max {
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

    fn flush(&mut self, now: Instant) {
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
        closing.retain_mut(|closing| self.close_further(now, closing));
        self.closing = closing;
        let mut refused = mem::take(&mut self.refused);
        refused.retain_mut(|closing| self.close_further(now, closing));
        self.refused = refused;
    }

    fn queued(&self, conn: Conn) -> usize {
        self.links.get(conn).map_or(0, |link| link.outbound.len())
    }

    fn heard(&self, conn: Conn) -> Option<Instant> {
        self.links.get(conn).map(|link| link.active)
    }

    fn next_deadline(&self) -> Option<Instant> {
        // Who sleeps until the frame is late would have made a pause, for which it is not judged.
        let nap = self.clock.last.map(|last| after(last, self.config.frame_nap()));
        let frames = self.links.iter().filter(|(_, link)| !link.is_closing());
        let late = frames.filter_map(|(_, link)| {
            // Exactly as long as allowed is not too long.
            let due = after(link.frame_since()?, self.config.frame_timeout);
            let due = due + Duration::from_nanos(1);
            Some(nap.map_or(due, |nap| nap.min(due)))
        });
        let closing = self.closing.iter().chain(&self.refused);
        late.chain(closing.filter_map(|end| end.deadline.or(self.clock.last))).min()
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
