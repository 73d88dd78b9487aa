//! Lifecycle: how peers come, and the one way in which they go.
//!
//! ```text
//! server   Up ──> Leaving ──> gone
//! client   Dialling ──> Greeting ──> Up ──> Leaving ──> gone
//! ```
//!
//! Each step that a game hears of queues one event. Into `Leaving` there is a single door,
//! [`Net::finish`], and nobody passes it twice: so each peer ends exactly once, whoever ends it.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::Net;
use super::peers::{Entry, Phase, Wire};
use crate::config::Config;
use crate::error::{FaultCause, Limit};
use crate::id::PeerId;
use crate::limits::after;
use crate::message::{MapRef, Outgoing};
use crate::reason::{ConnectError, DisconnectReason, ProtocolError, Timeout};
use crate::trace::Step;
use crate::transport::{Close, Conn};

/// How often silent peers are looked for, at most.
const JUDGING: Duration = Duration::from_millis(100);

/// What has happened to a peer, until its handlers have run.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    pub(crate) peer: PeerId,
    pub(crate) change: Change,
    /// How many have been told, the queue of events and then each set of handlers; one that has
    /// panicked was told.
    pub(crate) told: usize,
    /// Whether any of them had something to call.
    pub(crate) handled: Handled,
}

/// Whether there was anybody for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handled {
    Yes,
    No,
}

impl Handled {
    pub(crate) fn or(self, other: Self) -> Self {
        if self == Self::Yes { self } else { other }
    }
}

impl Lifecycle {
    fn new(peer: PeerId, change: Change) -> Self {
        Self { peer, change, told: 0, handled: Handled::No }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Up,
    Failed(ConnectError),
    Down(DisconnectReason),
}

impl<P: Default> Net<P> {
    /// The lifecycle event whose handlers are to run, or have just run.
    pub(crate) fn event(&mut self) -> Option<&mut Lifecycle> {
        self.events.front_mut()
    }

    /// The set of handlers at this position is there no more.
    pub(crate) fn forget_set(&mut self, at: usize) {
        for event in &mut self.events {
            // The queue of events counts as the first that is told.
            if event.told > at + 1 {
                event.told -= 1;
            }
        }
    }

    /// Forgets the first lifecycle event, and with it a peer that has left.
    pub(crate) fn event_done(&mut self) {
        if let Some(event) = self.events.pop_front() {
            if !matches!(event.change, Change::Up) {
                self.peers.remove(event.peer.0);
            }
        }
    }

    /// Lets nobody in any more, and closes every connection for this reason.
    pub(crate) fn close_all(&mut self, reason: &DisconnectReason) {
        for link in &mut self.links {
            if let Some(transport) = &mut link.transport {
                transport.stop();
            }
        }
        let mut next = self.peers.first();
        while let Some(key) = next {
            next = self.peers.next(key);
            self.close(PeerId(key), reason.clone());
        }
    }

    /// Ends a peer from this side.
    pub(crate) fn close(&mut self, peer: PeerId, reason: DisconnectReason) -> bool {
        self.leave(peer, reason, Some(Close::Gracefully))
    }

    /// Ends a peer whose bytes are broken, or who is not worth waiting for.
    pub(crate) fn cut_off(&mut self, peer: PeerId, reason: DisconnectReason) {
        self.leave(peer, reason, Some(Close::Now));
    }

    /// A connection is up: a new peer on a server, the awaited one on a client.
    pub(super) fn opened(&mut self, at: usize, conn: Conn, addr: SocketAddr) {
        let wire = Wire { link: at as u32, conn };
        if let Some(peer) = self.links[at].dialling.take() {
            if self.connected(peer, addr, wire) {
                self.assign(wire, peer);
            } else {
                // Closed while the connection came about.
                self.close_conn(wire, Close::Now);
            }
            return;
        }
        if let Err(limit) = self.admit(addr) {
            return self.turn_away(wire, addr, limit);
        }
        // The game makes its data here. Should that panic, then nobody has come.
        self.newcomer = Some(wire);
        let entry = Entry::up(addr, wire, self.links[at].dialect);
        self.newcomer = None;
        *self.per_address.entry(household(addr.ip())).or_default() += 1;
        let peer = PeerId(self.peers.insert(entry));
        self.assign(wire, peer);
        // Handlers run later: the greeting is the first word all the same. It is shown after that a
        // peer has connected, and sent before: whom it is shown to may panic.
        let greeting = self.greet(wire);
        self.up(peer);
        if let Some(Ok(words)) = greeting.as_ref().map(Outgoing::to_bytes) {
            self.trace(peer, || Step::Sent(MapRef::of(words)));
        }
    }

    fn assign(&mut self, wire: Wire, peer: PeerId) {
        if let Some(transport) = &mut self.links[wire.link as usize].transport {
            transport.assign(wire.conn, peer);
        }
    }

    /// Whether there is room for a newcomer, or which limit is in the way.
    fn admit(&self, addr: SocketAddr) -> Result<(), Limit> {
        if self.peers.len() >= self.config.max_peers {
            return Err(Limit::Peers);
        }
        let here = self.per_address.get(&household(addr.ip())).copied().unwrap_or(0);
        if here >= self.config.max_peers_per_address {
            return Err(Limit::PeersPerAddress);
        }
        Ok(())
    }

    /// Closes a connection that is one too many, and says so in the greeting.
    fn turn_away(&mut self, wire: Wire, addr: SocketAddr, limit: Limit) {
        self.fault(None, None, FaultCause::Refused { addr, limit });
        // Nobody is told whether it hears this: it is not a peer.
        let _ = self.say(wire, None, &self.greeting(true));
        self.close_conn(wire, Close::Refused);
    }

    pub(super) fn up(&mut self, peer: PeerId) {
        self.activity.opened += 1;
        self.events.push_back(Lifecycle::new(peer, Change::Up));
        if let Some(addr) = self.peers.get(peer.0).map(|entry| entry.addr) {
            self.trace(peer, || Step::Connected(addr));
        }
    }

    /// The one way out for a peer; tells whether it was still here.
    pub(super) fn leave(
        &mut self,
        peer: PeerId,
        reason: DisconnectReason,
        how: Option<Close>,
    ) -> bool {
        let Some(entry) = self.peers.get_mut(peer.0) else { return false };
        let change = match entry.phase {
            Phase::Leaving => return false,
            Phase::Up => Change::Down(reason),
            Phase::Dialling | Phase::Greeting => Change::Failed(match reason {
                DisconnectReason::LocalClose => ConnectError::Cancelled,
                reason => ConnectError::NotAServer { target: entry.target().to_owned(), reason },
            }),
        };
        if let (Change::Down(reason), Some(Close::Gracefully)) = (&change, how) {
            self.say_goodbye(peer, reason);
        }
        self.finish(peer, change, how);
        true
    }

    /// A client's attempt to connect has failed.
    pub(super) fn fail(&mut self, peer: PeerId, error: ConnectError) {
        self.finish(peer, Change::Failed(error), None);
    }

    /// A client's attempt to connect has come to a server that is not for it.
    pub(super) fn fail_gracefully(&mut self, peer: PeerId, error: ConnectError) {
        self.finish(peer, Change::Failed(error), Some(Close::Gracefully));
    }

    /// The peer has said goodbye: for what reason, it knows best.
    pub(super) fn hear_goodbye(&mut self, peer: PeerId, reason: DisconnectReason) {
        self.finish(peer, Change::Down(reason), Some(Close::Gracefully));
    }

    /// The single door: who has gone through it is `Leaving`, and does not go through it again.
    fn finish(&mut self, peer: PeerId, change: Change, how: Option<Close>) {
        let Some(entry) = self.peers.get_mut(peer.0) else { return };
        let phase = std::mem::replace(&mut entry.phase, Phase::Leaving);
        if phase == Phase::Leaving {
            return;
        }
        let (wire, addr) = (entry.wire.take(), entry.addr);
        let early = entry.dialled.as_ref().and_then(|dialled| dialled.early.undelivered());
        if let (Some(wire), Some(how)) = (wire, how) {
            self.close_conn(wire, how);
        }
        // An attempt that is still under way is given up.
        for link in &mut self.links {
            if link.dialling == Some(peer) {
                link.dialling = None;
                link.transport = None;
            }
        }
        match phase {
            Phase::Dialling | Phase::Greeting => {
                if let Some(bytes) = early {
                    self.fault(Some(peer), None, FaultCause::Undelivered { bytes });
                }
            }
            Phase::Up => {
                self.activity.closed += 1;
                if let Some(here) = self.per_address.get_mut(&household(addr.ip())) {
                    *here -= 1;
                    if *here == 0 {
                        self.per_address.remove(&household(addr.ip()));
                    }
                }
            }
            Phase::Leaving => {}
        }
        self.events.push_back(Lifecycle::new(peer, change.clone()));
        match &change {
            Change::Up => {}
            Change::Failed(error) => self.trace(peer, || Step::ConnectFailed(error)),
            Change::Down(reason) => self.trace(peer, || Step::Disconnected(reason)),
        }
    }

    /// Ends a round, in which everybody was listened to: asks hexapods for a sign of life, and ends
    /// peers that have been silent for too long. A few looks a second are enough.
    pub(crate) fn judge(&mut self) {
        // Since the round began, everybody was listened to at some time; what came after may not
        // have been heard.
        let listened = self.round.take().map_or(self.now, |began| began.min(self.now));
        let period = self.judging();
        if self.judged.is_some_and(|then| self.now.saturating_duration_since(then) < period) {
            return;
        }
        self.judged = Some(self.now);
        let late: Vec<(PeerId, Timeout)> = self
            .peers
            .iter()
            .filter_map(|(key, entry)| {
                let (deadline, timeout) = self.deadline(entry)?;
                (listened > deadline).then_some((PeerId(key), timeout))
            })
            .collect();
        for (peer, timeout) in late {
            self.close(peer, DisconnectReason::Timeout(timeout));
        }
        self.beat();
    }

    /// Ends a round, and begins another one in the same pump.
    pub(crate) fn next_round(&mut self) {
        self.judge();
        self.round = Some(self.now);
    }

    /// A pause is over in which no greeting could be heard: who waits for one gets another chance.
    pub(super) fn forgive_greetings(&mut self) {
        let mut next = self.peers.first();
        while let Some(key) = next {
            next = self.peers.next(key);
            let Some(entry) = self.peers.get_mut(key) else { continue };
            if let (Phase::Greeting, Some(dialled)) = (entry.phase, &mut entry.dialled) {
                if !std::mem::replace(&mut dialled.is_forgiven, true) {
                    dialled.since = self.now;
                }
            }
        }
    }

    /// Until when a peer has to be heard, and what it is late for then.
    fn deadline(&self, entry: &Entry<P>) -> Option<(Instant, Timeout)> {
        let Config { idle_timeout, plain_idle_timeout, handshake_timeout, .. } = self.config;
        match entry.phase {
            Phase::Up => {
                let wire = entry.wire?;
                let transport = self.links[wire.link as usize].transport.as_ref()?;
                // A long message on its way is a sign of life too.
                let heard = transport.heard(wire.conn)?;
                let deadline = match (&entry.vitals, self.resumed) {
                    (None, _) => after(heard, plain_idle_timeout),
                    // Who could not be heard because nobody pumped gets another chance.
                    (Some(_), Some(resumed)) => after(heard.max(resumed), idle_timeout),
                    (Some(_), None) => after(heard, idle_timeout),
                };
                Some((deadline, Timeout::Idle))
            }
            Phase::Greeting => {
                let since = entry.dialled.as_ref()?.since;
                Some((after(since, handshake_timeout), Timeout::Handshake))
            }
            Phase::Dialling | Phase::Leaving => None,
        }
    }

    /// How long until something is due, counted from the last pump. Where nothing is read, nobody
    /// is judged either: there are heartbeats, and ends.
    pub(crate) fn next_timeout(&self, is_reading: bool) -> Option<Duration> {
        if self.is_cut_short || !self.events.is_empty() || !self.faults.is_empty() {
            return Some(Duration::ZERO);
        }
        let transports = || self.links.iter().filter_map(|link| link.transport.as_ref());
        let ends = transports().filter_map(|transport| transport.next_ending());
        let due = if is_reading {
            let reading = transports().filter_map(|transport| transport.next_reading());
            ends.chain(reading).chain(self.next_judgement()).min()
        } else {
            let vitals = self.peers.iter().filter_map(|(_, entry)| entry.vitals.as_ref());
            ends.chain(vitals.map(|vitals| vitals.next_ping())).min()
        };
        due.map(|due| due.saturating_duration_since(self.now))
    }

    /// When somebody is to be asked for a sign of life, or has been silent for too long.
    fn next_judgement(&self) -> Option<Instant> {
        let silence = self.peers.iter().filter_map(|(_, entry)| {
            // Exactly as long as allowed is not too long.
            let late = |(deadline, _)| after(deadline, Duration::from_nanos(1));
            let deadline = self.deadline(entry).map(late);
            let ping = entry.vitals.as_ref().map(|vitals| vitals.next_ping());
            // Who sleeps until the greeting is late would have made a pause.
            let nap = (entry.phase == Phase::Greeting)
                .then(|| after(self.now, self.config.handshake_timeout / 3));
            deadline.into_iter().chain(ping).chain(nap).min()
        });
        // Silence is judged a few times a second only.
        let looked = self.judged.map(|then| after(then, self.judging()));
        silence.min().map(|due| looked.map_or(due, |looked| looked.max(due)))
    }

    /// How often silence is judged.
    fn judging(&self) -> Duration {
        let Config { plain_idle_timeout, handshake_timeout, .. } = self.config;
        let shortest = self.config.beat().min(plain_idle_timeout).min(handshake_timeout);
        (shortest / 16).min(JUDGING)
    }

    /// Ends a peer for bytes that are no message. A hexapod is told, for it has a bug to be found,
    /// and whoever was answered before still hears the answer.
    pub(crate) fn malformed(&mut self, peer: PeerId, error: ProtocolError) {
        let known = self.peers.get(peer.0).is_some_and(|entry| entry.vitals.is_some());
        let is_owed = known || self.queued_for(peer) > 0;
        let how = if is_owed { Close::Gracefully } else { Close::Now };
        self.leave(peer, DisconnectReason::Protocol(error), Some(how));
    }
}

/// What counts as one address: an IPv4 address, or the first half of an IPv6 one.
fn household(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => {
            let network = ip.segments().map(u128::from)[..4].iter().fold(0, |a, b| a << 16 | b);
            IpAddr::V6((network << 64).into())
        }
    }
}
