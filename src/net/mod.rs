//! The net: peers and the transports under them. It knows no handler and no state of a game.
//!
//! ```text
//! transports ── opened, payload, closed ──> net ── a payload, or a lifecycle event ──> endpoint
//! transports <── send, close ── net <── send, broadcast, kick ── context, server, client
//! ```
//!
//! A peer is more than its connection. It is in the table before the connection is up (on a client)
//! and after it is over, until its last handler has run:
//!
//! ```text
//! server   Up ──> Leaving ──> gone
//! client   Dialling ──> Greeting ──> Up ──> Leaving ──> gone
//! ```
//!
//! Lifecycle events and faults wait in queues here, because they come up while a handler runs. Each
//! way into `Leaving` queues exactly one event, so each peer ends exactly once.

mod peers;
mod sending;
mod session;

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

pub use peers::{Peer, PeerMut};
pub(crate) use session::Verdict;

use crate::config::Config;
use crate::dialect::Dialect;
use crate::error::{Fault, FaultCause, Limit};
use crate::id::PeerId;
use crate::inbox::Inbox;
use crate::reason::{ConnectError, DisconnectReason, ProtocolError, Timeout};
use crate::slab::Slab;
use crate::transport::{Close, Conn, Incoming, Transport};

use peers::{Entry, Phase, Wire};

/// The address of a peer that has none yet.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// How many faults of one pump are kept; of the others the number is told.
const FAULTS: usize = 256;

#[derive(Debug)]
pub(crate) struct Net<P> {
    pub(crate) config: Config,
    now: Instant,
    links: Vec<Link>,
    /// The dialects of the links, each once.
    dialects: Vec<Dialect>,
    /// Which transport is polled.
    turn: usize,
    peers: Slab<Entry<P>>,
    per_address: HashMap<IpAddr, usize>,
    events: VecDeque<Lifecycle>,
    faults: VecDeque<Fault>,
    more_faults: u64,
    activity: Activity,
    /// When silent peers were last looked for.
    judged: Option<Instant>,
    /// A payload in a dialect's own codec.
    encoded: Vec<u8>,
}

/// A transport, and whose its connections are.
#[derive(Debug)]
struct Link {
    /// `None` once it has nothing left to do.
    transport: Option<Box<dyn Transport>>,
    dialect: Dialect,
    /// The peer of the connection in each slot.
    owners: Vec<Option<(Conn, PeerId)>>,
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

/// What has happened to a peer, until its handlers have run.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    pub(crate) peer: PeerId,
    pub(crate) change: Change,
    /// Whether the handlers have been called; also after one of them has panicked.
    pub(crate) told: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Up,
    Failed(ConnectError),
    Down(DisconnectReason),
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
            links: Vec::new(),
            dialects: Vec::new(),
            turn: 0,
            peers: Slab::new(),
            per_address: HashMap::new(),
            events: VecDeque::new(),
            faults: VecDeque::new(),
            more_faults: 0,
            activity: Activity::default(),
            judged: None,
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
        let phase = Phase::Dialling(Box::default());
        let peer = PeerId(self.peers.insert(Entry::new(NOWHERE, dialect, phase, self.now)));
        if let Some(entry) = self.peers.get_mut(peer.0) {
            entry.target = Some(target.into_boxed_str());
        }
        self.add_link(transport, dialect, Some(peer));
        peer
    }

    fn add_link(
        &mut self,
        transport: Box<dyn Transport>,
        dialect: Dialect,
        dialling: Option<PeerId>,
    ) {
        if !self.dialects.contains(&dialect) {
            self.dialects.push(dialect);
        }
        let link = Link { transport: Some(transport), dialect, owners: Vec::new(), dialling };
        match self.links.iter().position(|link| link.transport.is_none()) {
            Some(free) => self.links[free] = link,
            None => self.links.push(link),
        }
    }

    /// Lets nobody in any more, and closes every connection.
    pub(crate) fn close_all(&mut self) {
        for link in &mut self.links {
            if let Some(transport) = &mut link.transport {
                transport.stop();
            }
        }
        let mut next = self.peers.first();
        while let Some(key) = next {
            next = self.peers.next(key);
            self.close(PeerId(key), DisconnectReason::LocalClose);
        }
    }

    /// Whether there is no peer left, nor anything to be delivered.
    pub(crate) fn is_quiet(&self) -> bool {
        self.peers.is_empty() && self.links.iter().all(|link| link.transport.is_none())
    }

    pub(crate) fn begin(&mut self, now: Instant) {
        self.now = now;
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
                Incoming::Payload { conn } => {
                    if let Some(peer) = self.owner(at, conn) {
                        return Polled::Payload(peer);
                    }
                }
                Incoming::Opened { conn, addr } => self.opened(at, conn, addr),
                Incoming::Closed { conn, reason } => {
                    if let Some(peer) = self.owner(at, conn) {
                        self.leave(peer, reason, None);
                    }
                }
                Incoming::Failed { error } => {
                    if let Some(peer) = self.links[at].dialling.take() {
                        self.fail(peer, error);
                    }
                }
                Incoming::Undelivered { conn, bytes } => {
                    let peer = self.owners(at, conn);
                    self.fault(peer, None, FaultCause::Undelivered { bytes });
                }
                Incoming::Trouble { error } => {
                    self.fault(None, None, FaultCause::Listener(error));
                }
            }
            // Handlers of what has happened run before anything else is read.
            if !self.events.is_empty() {
                return Polled::Event;
            }
        }
        Polled::Done
    }

    /// Ends a pump: writes what was sent, counts, forgets transports that are done.
    pub(crate) fn end(&mut self) -> Activity {
        self.flush();
        self.turn = 0;
        for link in &mut self.links {
            let Some(transport) = &mut link.transport else { continue };
            let traffic = transport.take_traffic();
            self.activity.bytes_read += traffic.read;
            self.activity.bytes_written += traffic.written;
            if transport.is_done() {
                link.transport = None;
            }
        }
        std::mem::take(&mut self.activity)
    }

    pub(crate) fn flush(&mut self) {
        for link in &mut self.links {
            if let Some(transport) = &mut link.transport {
                transport.flush(self.now);
            }
        }
    }

    /// The lifecycle event whose handlers are to run, or have just run.
    pub(crate) fn event(&mut self) -> Option<&mut Lifecycle> {
        self.events.front_mut()
    }

    /// Forgets the first lifecycle event, and with it a peer that has left.
    pub(crate) fn event_done(&mut self) {
        if let Some(event) = self.events.pop_front() {
            if !matches!(event.change, Change::Up) {
                self.peers.remove(event.peer.0);
            }
        }
    }

    pub(crate) fn next_fault(&mut self) -> Option<Fault> {
        if let Some(fault) = self.faults.pop_front() {
            return Some(fault);
        }
        let faults = std::mem::take(&mut self.more_faults);
        (faults > 0).then(|| Fault { peer: None, action: None, cause: FaultCause::More { faults } })
    }

    pub(crate) fn fault(&mut self, peer: Option<PeerId>, action: Option<&str>, cause: FaultCause) {
        if self.faults.len() < FAULTS {
            self.faults.push_back(Fault { peer, action: action.map(str::to_owned), cause });
        } else {
            self.more_faults += 1;
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

    /// The peer of a connection, if the two still belong together.
    fn owner(&self, at: usize, conn: Conn) -> Option<PeerId> {
        let peer = self.owners(at, conn)?;
        let wire = Wire { link: at as u32, conn };
        (self.peers.get(peer.0)?.wire == Some(wire)).then_some(peer)
    }

    /// The peer that a connection belongs to or has belonged to.
    fn owners(&self, at: usize, conn: Conn) -> Option<PeerId> {
        match self.links[at].owners.get(conn.slot as usize) {
            Some(Some((owned, peer))) if *owned == conn => Some(*peer),
            _ => None,
        }
    }

    /// A connection is up: a new peer on a server, the awaited one on a client.
    fn opened(&mut self, at: usize, conn: Conn, addr: SocketAddr) {
        let peer = match self.links[at].dialling.take() {
            Some(peer) => {
                self.connected(peer, addr);
                peer
            }
            None => match self.admit(addr) {
                Ok(()) => {
                    let dialect = self.links[at].dialect;
                    PeerId(self.peers.insert(Entry::new(addr, dialect, Phase::Up, self.now)))
                }
                Err(limit) => {
                    self.fault(None, None, FaultCause::Refused { addr, limit });
                    self.close_conn(Wire { link: at as u32, conn }, Close::Now);
                    return;
                }
            },
        };
        let owners = &mut self.links[at].owners;
        let slot = conn.slot as usize;
        if owners.len() <= slot {
            owners.resize(slot + 1, None);
        }
        owners[slot] = Some((conn, peer));
        let wire = Wire { link: at as u32, conn };
        match self.peers.get_mut(peer.0) {
            Some(entry) => entry.wire = Some(wire),
            // Closed while the connection came about.
            None => return self.close_conn(wire, Close::Now),
        }
        if matches!(self.peers.get(peer.0).map(|entry| &entry.phase), Some(Phase::Up)) {
            self.greet(peer);
            self.up(peer);
        }
    }

    /// Counts a newcomer, or says which limit is in the way.
    fn admit(&mut self, addr: SocketAddr) -> Result<(), Limit> {
        if self.peers.len() >= self.config.max_peers {
            return Err(Limit::Peers);
        }
        let here = self.per_address.entry(household(addr.ip())).or_insert(0);
        if *here >= self.config.max_peers_per_address {
            return Err(Limit::PeersPerAddress);
        }
        *here += 1;
        Ok(())
    }

    fn up(&mut self, peer: PeerId) {
        self.activity.opened += 1;
        self.events.push_back(Lifecycle { peer, change: Change::Up, told: false });
    }

    /// The one way out for a peer; tells whether it was still here.
    fn leave(&mut self, peer: PeerId, reason: DisconnectReason, how: Option<Close>) -> bool {
        let Some(entry) = self.peers.get_mut(peer.0) else { return false };
        let change = match entry.phase {
            Phase::Leaving => return false,
            Phase::Up => Change::Down(reason),
            Phase::Dialling(_) | Phase::Greeting { .. } => Change::Failed(match reason {
                DisconnectReason::LocalClose => ConnectError::Cancelled,
                reason => ConnectError::NotAServer { target: entry.target().to_owned(), reason },
            }),
        };
        self.finish(peer, change, how);
        true
    }

    /// A client's attempt to connect has failed.
    fn fail(&mut self, peer: PeerId, error: ConnectError) {
        self.finish(peer, Change::Failed(error), None);
    }

    fn finish(&mut self, peer: PeerId, change: Change, how: Option<Close>) {
        let Some(entry) = self.peers.get_mut(peer.0) else { return };
        let phase = std::mem::replace(&mut entry.phase, Phase::Leaving);
        let (wire, addr) = (entry.wire.take(), entry.addr);
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
            Phase::Dialling(early) | Phase::Greeting { early, .. } => {
                if let Some(bytes) = early.undelivered() {
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
        self.events.push_back(Lifecycle { peer, change, told: false });
    }

    fn close_conn(&mut self, wire: Wire, how: Close) {
        if let Some(transport) = &mut self.links[wire.link as usize].transport {
            transport.close(self.now, wire.conn, how);
        }
    }

    /// Ends peers that have been silent for too long. A few looks a second are enough.
    pub(crate) fn judge(&mut self) {
        let (idle, handshake) = (self.config.plain_idle_timeout, self.config.handshake_timeout);
        let period = (idle.min(handshake) / 16).min(std::time::Duration::from_millis(100));
        if self.judged.is_some_and(|then| self.now.saturating_duration_since(then) < period) {
            return;
        }
        self.judged = Some(self.now);
        let late: Vec<(PeerId, Timeout)> = self
            .peers
            .iter()
            .filter_map(|(key, entry)| {
                let (limit, timeout) = match entry.phase {
                    Phase::Up => (idle, Timeout::Idle),
                    Phase::Greeting { .. } => (handshake, Timeout::Handshake),
                    Phase::Dialling(_) | Phase::Leaving => return None,
                };
                let silence = self.now.saturating_duration_since(entry.heard);
                (silence > limit).then_some((PeerId(key), timeout))
            })
            .collect();
        for (peer, timeout) in late {
            self.close(peer, DisconnectReason::Timeout(timeout));
        }
    }

    /// Ends a peer for bytes that are no message.
    pub(crate) fn malformed(&mut self, peer: PeerId, error: ProtocolError) {
        self.cut_off(peer, DisconnectReason::Protocol(error));
    }
}

impl<P> Net<P> {
    /// Where the listeners listen, in the order in which they were added.
    pub(crate) fn local_addrs(&self) -> impl Iterator<Item = SocketAddr> {
        self.links.iter().filter_map(|link| link.transport.as_ref()?.local_addr())
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
