//! The net: peers and the transports under them. It knows no handler and no state of a game.
//!
//! ```text
//! transports ── opened, payload, closed ──> net ── a payload, or a lifecycle event ──> endpoint
//! transports <── send, close ── net <── send, broadcast, kick ── context, server, client
//! ```
//!
//! A peer is more than its connection: it is in the table before the connection is up (on a client)
//! and after it is over, until its last handler has run. Lifecycle events and faults wait in queues
//! here, because they come up while a handler runs.

mod lifecycle;
mod peers;
mod sending;
mod session;
mod stats;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

pub(crate) use lifecycle::{Change, Handled, Lifecycle};
pub use peers::{Peer, PeerMut};
pub use session::RoundTrip;
pub(crate) use session::Verdict;
pub use stats::{Faults, Traffic};

use crate::config::Config;
use crate::dialect::Dialect;
use crate::error::{Fault, FaultCause};
use crate::id::PeerId;
use crate::inbox::Inbox;
use crate::ring::Pool;
use crate::slab::Slab;
use crate::trace::{Step, Trace, Tracer};
use crate::transport::{Close, Flush, Incoming, Transport};

use peers::{Entry, Phase, Wire};

/// The address of a peer that has none yet.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// How many faults of one pump are kept; of the others the number is told.
const FAULTS: usize = 256;

#[derive(Debug)]
pub(crate) struct Net<P> {
    pub(crate) config: Config,
    now: Instant,
    /// When it was made, by the clock of the first pump.
    begun: Option<Instant>,
    links: Vec<Link>,
    /// The dialects of the links, each once.
    dialects: Vec<Dialect>,
    /// Which transport is polled.
    turn: usize,
    peers: Slab<Entry<P>>,
    per_address: BTreeMap<IpAddr, usize>,
    /// A connection that is nobody's yet: the game makes its data for it.
    newcomer: Option<Wire>,
    events: VecDeque<Lifecycle>,
    faults: VecDeque<Fault>,
    more_faults: u64,
    activity: Activity,
    /// What has come and gone, and gone wrong, in all.
    pub(crate) traffic: Traffic,
    pub(crate) fault_counts: Faults,
    /// Bytes that were sent and could not be delivered, in all.
    pub(crate) undelivered: u64,
    /// When silent peers were last looked for.
    judged: Option<Instant>,
    /// The last pump, and the first one after the last pause.
    pumped: Option<Instant>,
    resumed: Option<Instant>,
    /// When the round that is going on began, in which every peer is listened to once. A full queue
    /// of events, or a panic, makes it take more than one pump.
    round: Option<Instant>,
    /// Whether the last pump did not come to its end, because a handler has panicked.
    is_cut_short: bool,
    tracer: Option<Tracer>,
    /// A payload in a dialect's own codec.
    encoded: Vec<u8>,
}

/// A transport, and whose its connections are.
#[derive(Debug)]
struct Link {
    /// `None` once it has nothing left to do.
    transport: Option<Box<dyn Transport>>,
    /// Which of the net's dialects it speaks.
    dialect: u32,
    /// For a client's attempt to connect: the peer that it is for.
    dialling: Option<PeerId>,
}

/// What `poll` has come to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Polled {
    /// A payload of this peer lies in the inbox.
    Payload(PeerId),
    /// A lifecycle event waits.
    Event,
    /// Everything is read that is to be read in this pump.
    Done,
}

/// What one pump has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Activity {
    /// Messages that were received and handled.
    pub messages: u64,
    /// Bytes read, frames' headers included.
    pub bytes_read: u64,
    /// Bytes written, frames' headers included.
    pub bytes_written: u64,
    /// Peers that have connected.
    pub opened: u64,
    /// Peers that have left.
    pub closed: u64,
}

impl Activity {
    /// Whether nothing at all has happened: a good time to sleep.
    pub fn is_idle(&self) -> bool {
        *self == Self::default()
    }
}

impl<P: Default> Net<P> {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            now: Instant::now(),
            begun: None,
            links: Vec::new(),
            dialects: Vec::new(),
            turn: 0,
            peers: Slab::new(),
            per_address: BTreeMap::new(),
            newcomer: None,
            events: VecDeque::new(),
            faults: VecDeque::new(),
            more_faults: 0,
            activity: Activity::default(),
            traffic: Traffic::default(),
            fault_counts: Faults::default(),
            undelivered: 0,
            judged: None,
            pumped: None,
            resumed: None,
            round: None,
            is_cut_short: false,
            tracer: None,
            encoded: Vec::new(),
        }
    }

    /// Adds a transport that accepts connections; tells where.
    pub(crate) fn add_listener(
        &mut self,
        transport: Box<dyn Transport>,
        dialect: Dialect,
    ) -> SocketAddr {
        let addr = transport.local_addr();
        self.add_link(transport, dialect, None);
        addr.unwrap_or(NOWHERE)
    }

    /// Adds a transport that makes one connection, and the peer that it will be with.
    pub(crate) fn add_dialler(
        &mut self,
        transport: Box<dyn Transport>,
        dialect: Dialect,
        target: String,
    ) -> PeerId {
        let speaks = self.dialect(dialect);
        let peer = PeerId(self.peers.insert(Entry::dialling(target, speaks, self.now)));
        self.add_link(transport, dialect, Some(peer));
        peer
    }

    fn add_link(
        &mut self,
        transport: Box<dyn Transport>,
        dialect: Dialect,
        dialling: Option<PeerId>,
    ) {
        let dialect = self.dialect(dialect);
        let link = Link { transport: Some(transport), dialect, dialling };
        match self.links.iter().position(|link| link.transport.is_none()) {
            Some(free) => self.links[free] = link,
            None => self.links.push(link),
        }
    }

    /// Where a dialect stands among those that are spoken here.
    fn dialect(&mut self, dialect: Dialect) -> u32 {
        let known = self.dialects.iter().position(|known| *known == dialect);
        let at = known.unwrap_or_else(|| {
            self.dialects.push(dialect);
            self.dialects.len() - 1
        });
        at as u32
    }

    /// Whether there is no peer left, nor anything to be delivered.
    pub(crate) fn is_quiet(&self) -> bool {
        self.peers.is_empty() && self.links.iter().all(|link| link.transport.is_none())
    }

    /// Begins a pump. Tells whether it goes on with the round of one that was cut short: then it
    /// does not come by who has had a turn there, whoever the panic was about included.
    pub(crate) fn begin(&mut self, now: Instant, inbox: &mut Inbox) -> bool {
        self.now = now;
        self.begun.get_or_insert(now);
        self.round.get_or_insert(now);
        let last = self.pumped.replace(now);
        let gap = last.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        if gap > self.config.pause() {
            self.resumed = Some(now);
        }
        if gap > self.config.handshake_timeout / 2 {
            self.forgive_greetings();
        }
        // What was said in a pump that was cut short is not to wait for one that is not: whoever
        // makes a handler panic time after time would keep everybody else from hearing anything.
        let goes_on = std::mem::replace(&mut self.is_cut_short, true);
        if goes_on {
            if let Some(wire) = self.newcomer.take() {
                self.close_conn(wire, Close::Now);
            }
            self.yield_turn(inbox);
            self.beat();
            self.write(Flush::AtEnd);
        }
        goes_on
    }

    /// Goes on to the next payload of the peer whose turn it is, if it has come already and nothing
    /// else has to be told first. It is the short way, for most payloads; [`Net::poll`] is for all.
    #[inline]
    pub(crate) fn next_payload(&mut self, inbox: &mut Inbox) -> bool {
        if !self.has_no_news() {
            return false;
        }
        let transport = self.links.get_mut(self.turn).and_then(|link| link.transport.as_mut());
        transport.is_some_and(|transport| transport.next_payload(inbox))
    }

    /// Reads on, to the next payload or lifecycle event.
    pub(crate) fn poll(&mut self, inbox: &mut Inbox) -> Polled {
        while self.turn < self.links.len() {
            let at = self.turn;
            let transport = self.links[at].transport.as_mut();
            let Some(event) = transport.and_then(|transport| transport.poll(self.now, inbox))
            else {
                self.turn += 1;
                continue;
            };
            match event {
                Incoming::Payload { owner: Some(peer) } => return Polled::Payload(peer),
                Incoming::Opened { conn, addr } => self.opened(at, conn, addr),
                Incoming::Closed { owner: Some(peer), reason } => {
                    self.leave(peer, reason, None);
                }
                // Who was turned away is nobody.
                Incoming::Payload { owner: None } | Incoming::Closed { owner: None, .. } => {}
                Incoming::Failed { error } => {
                    if let Some(peer) = self.links[at].dialling.take() {
                        self.fail(peer, error);
                    }
                }
                Incoming::Undelivered { owner, bytes } => {
                    self.undelivered += bytes as u64;
                    self.fault(owner, None, FaultCause::Undelivered { bytes });
                }
                Incoming::Trouble { error } => {
                    self.fault(None, None, FaultCause::Listener(error));
                }
            }
            // Whoever is to be told of what has happened is told before anything else is read.
            if !self.has_no_news() {
                return Polled::Event;
            }
        }
        self.turn = 0;
        Polled::Done
    }

    /// Ends the turn of the peer whose turn it is, in the middle of a round: it goes on when all
    /// others have had theirs.
    pub(crate) fn yield_turn(&mut self, inbox: &mut Inbox) {
        let transport = self.links.get_mut(self.turn).and_then(|link| link.transport.as_mut());
        if let Some(transport) = transport {
            transport.yield_turn(inbox);
        }
    }

    /// What this pump has done so far.
    pub(crate) fn so_far(&mut self) -> Activity {
        for transport in self.links.iter_mut().filter_map(|link| link.transport.as_mut()) {
            let traffic = transport.take_traffic();
            self.activity.bytes_read += traffic.read;
            self.activity.bytes_written += traffic.written;
        }
        self.activity
    }

    /// Ends a pump: writes what was sent, counts, forgets transports that are done.
    pub(crate) fn end(&mut self, inbox: &mut Inbox) -> Activity {
        self.is_cut_short = false;
        self.write(Flush::AtEnd);
        self.so_far();
        for (at, link) in self.links.iter_mut().enumerate() {
            let Some(transport) = &mut link.transport else { continue };
            if transport.is_done() {
                link.transport = None;
                // A pump that was cut short may have left this transport's bytes in the inbox.
                if at == self.turn {
                    inbox.clear(&mut Pool::new(0));
                }
            }
        }
        std::mem::take(&mut self.activity)
    }

    /// Gives up what is still to be delivered on connections that are closing.
    pub(crate) fn abandon(&mut self) {
        for link in &mut self.links {
            if let Some(transport) = &mut link.transport {
                transport.abandon();
            }
        }
    }

    /// Counts a message for whose action there was no handler.
    pub(crate) fn unhandled(&mut self) {
        self.fault_counts.unhandled += 1;
    }

    /// How many bytes wait to be sent to all together.
    pub(crate) fn queued(&self) -> usize {
        self.peers.iter().map(|(key, _)| self.queued_for(PeerId(key))).sum()
    }

    /// Writes what was said since the last pump.
    pub(crate) fn flush(&mut self) {
        self.write(Flush::Between);
    }

    fn write(&mut self, when: Flush) {
        for link in &mut self.links {
            if let Some(transport) = &mut link.transport {
                transport.flush(self.now, when);
            }
        }
    }

    /// Whether there is nothing to tell.
    #[inline]
    pub(crate) fn has_no_news(&self) -> bool {
        self.events.is_empty() && self.faults.is_empty() && self.more_faults == 0
    }

    pub(crate) fn next_fault(&mut self) -> Option<Fault> {
        if let Some(fault) = self.faults.pop_front() {
            return Some(fault);
        }
        let faults = std::mem::take(&mut self.more_faults);
        (faults > 0).then(|| Fault { peer: None, action: None, cause: FaultCause::More { faults } })
    }

    pub(crate) fn fault(&mut self, peer: Option<PeerId>, action: Option<&str>, cause: FaultCause) {
        self.fault_counts.count(&cause);
        if self.faults.len() < FAULTS {
            self.faults.push_back(Fault { peer, action: action.map(str::to_owned), cause });
        } else {
            self.more_faults += 1;
        }
    }

    pub(crate) fn on_trace(&mut self, show: impl FnMut(&Trace<'_>) + Send + 'static) {
        self.tracer = Some(Tracer::new(show));
    }

    /// Shows a step to the tracer, if there is one.
    #[inline]
    fn trace<'s>(&mut self, peer: PeerId, step: impl FnOnce() -> Step<'s>) {
        if let Some(tracer) = &mut self.tracer {
            let at = self.now.saturating_duration_since(self.begun.unwrap_or(self.now));
            tracer.show(&Trace { at, peer, step: step() });
        }
    }

    fn close_conn(&mut self, wire: Wire, how: Close) {
        if let Some(transport) = &mut self.links[wire.link as usize].transport {
            transport.close(wire.conn, how);
        }
    }
}

impl<P> Net<P> {
    /// How many bytes wait to be sent to a peer.
    pub(crate) fn queued_for(&self, peer: PeerId) -> usize {
        let queued = || {
            let wire = self.peers.get(peer.0)?.wire?;
            let transport = self.links[wire.link as usize].transport.as_ref()?;
            Some(transport.queued(wire.conn))
        };
        queued().unwrap_or(0)
    }

    /// Where the listeners listen, in the order in which they were added.
    pub(crate) fn local_addrs(&self) -> impl Iterator<Item = SocketAddr> {
        self.links.iter().filter_map(|link| link.transport.as_ref()?.local_addr())
    }
}
