//! The table of peers: what the net knows of each, and how a game looks at one.

use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use super::sending::Early;
use super::session::{RoundTrip, Vitals};
use super::stats::Traffic;
use super::{NOWHERE, Net};
use crate::dialect::Dialect;
use crate::error::SendError;
use crate::id::PeerId;
use crate::message::Outgoing;
use crate::transport::Conn;

/// One peer. There may be thousands: what only some have is a pointer.
#[derive(Debug)]
pub(super) struct Entry<P> {
    pub(super) addr: SocketAddr,
    /// Its connection. A peer may be without one: before, after, and one day between two.
    pub(super) wire: Option<Wire>,
    /// What has come from it and gone to it, once something has.
    pub(super) traffic: Option<Box<Traffic>>,
    /// What only hexapods have.
    pub(super) vitals: Option<Box<Vitals>>,
    /// What only a server has that a client has dialled.
    pub(super) dialled: Option<Box<Dialled>>,
    /// Which of the net's dialects it speaks.
    pub(super) dialect: u32,
    pub(super) phase: Phase,
    /// Whether a message of it has come.
    pub(super) has_spoken: bool,
    pub(super) data: P,
}

/// Where a connection is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wire {
    pub(super) link: u32,
    pub(super) conn: Conn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// A client's connection is being made.
    Dialling,
    /// A client waits for the server's greeting.
    Greeting,
    /// Messages go both ways.
    Up,
    /// It is over; the handlers are yet to be told.
    Leaving,
}

/// What a client knows of its server.
#[derive(Debug)]
pub(super) struct Dialled {
    /// What the client was told to connect to.
    pub(super) target: Box<str>,
    /// What it has sent before it was greeted.
    pub(super) early: Early,
    /// When the connection was up, or was forgiven a pause: that happens once, lest who pumps
    /// seldom wait for ever.
    pub(super) since: Instant,
    pub(super) is_forgiven: bool,
}

impl<P: Default> Entry<P> {
    /// Somebody who has connected.
    pub(super) fn up(addr: SocketAddr, wire: Wire, dialect: u32) -> Self {
        Self {
            addr,
            wire: Some(wire),
            traffic: None,
            vitals: None,
            dialled: None,
            dialect,
            phase: Phase::Up,
            has_spoken: false,
            data: P::default(),
        }
    }

    /// A server that is being connected to.
    pub(super) fn dialling(target: String, dialect: u32, now: Instant) -> Self {
        let target = target.into_boxed_str();
        let dialled = Dialled { target, early: Early::default(), since: now, is_forgiven: false };
        Self {
            addr: NOWHERE,
            wire: None,
            traffic: None,
            vitals: None,
            dialled: Some(Box::new(dialled)),
            dialect,
            phase: Phase::Dialling,
            has_spoken: false,
            data: P::default(),
        }
    }
}

impl<P> Entry<P> {
    pub(super) fn traffic(&mut self) -> &mut Traffic {
        self.traffic.get_or_insert_default()
    }

    pub(super) fn is_up(&self) -> bool {
        self.phase == Phase::Up
    }

    pub(super) fn target(&self) -> &str {
        self.dialled.as_ref().map_or("", |dialled| &dialled.target)
    }
}

impl<P> Net<P> {
    /// The peers that are connected, in the order in which they joined.
    pub(crate) fn peers(&self) -> impl Iterator<Item = Peer<'_, P>> {
        let up = self.peers.iter().filter(|(_, entry)| entry.is_up());
        up.map(|(key, entry)| Peer { id: PeerId(key), entry, net: self })
    }

    /// A peer that is here, be it that it is just leaving.
    pub(crate) fn peer(&self, id: PeerId) -> Option<Peer<'_, P>> {
        self.peers.get(id.0).map(|entry| Peer { id, entry, net: self })
    }

    pub(crate) fn data_mut(&mut self, id: PeerId) -> Option<&mut P> {
        self.peers.get_mut(id.0).map(|entry| &mut entry.data)
    }

    pub(crate) fn is_up(&self, id: PeerId) -> bool {
        self.peers.get(id.0).is_some_and(Entry::is_up)
    }

    /// Whether a peer's connection is under way.
    pub(crate) fn is_coming(&self, id: PeerId) -> bool {
        let phase = self.peers.get(id.0).map(|entry| entry.phase);
        matches!(phase, Some(Phase::Dialling | Phase::Greeting))
    }
}

impl<P: Default> Net<P> {
    /// Goes through the connected peers in the order in which they joined; each can be sent to.
    pub(crate) fn each_peer(&mut self, mut visit: impl FnMut(&mut PeerMut<'_, P>)) {
        let mut next = self.peers.first();
        while let Some(key) = next {
            next = self.peers.next(key);
            if self.is_up(PeerId(key)) {
                visit(&mut PeerMut { net: self, id: PeerId(key) });
            }
        }
    }

    pub(crate) fn peer_mut(&mut self, id: PeerId) -> Option<PeerMut<'_, P>> {
        self.peers.get(id.0)?;
        Some(PeerMut { net: self, id })
    }
}

/// A look at one peer.
pub struct Peer<'a, P> {
    id: PeerId,
    entry: &'a Entry<P>,
    net: &'a Net<P>,
}

impl<'a, P> Peer<'a, P> {
    /// The peer's id.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// The peer's address.
    pub fn addr(&self) -> SocketAddr {
        self.entry.addr
    }

    /// What the peer speaks.
    pub fn dialect(&self) -> Dialect {
        self.net.dialects[self.entry.dialect as usize]
    }

    /// What has come from the peer and gone to it.
    pub fn traffic(&self) -> Traffic {
        self.entry.traffic.as_deref().copied().unwrap_or_default()
    }

    /// How many bytes wait to be sent to the peer now. Beyond
    /// [`Config::max_outbound`](crate::Config::max_outbound) it is taken for too slow a reader.
    pub fn queued(&self) -> usize {
        self.net.queued_for(self.id)
    }

    /// Whether the peer has never said that it is a hexapod: it is not asked for signs of life, and
    /// hears no reason when it is sent away.
    pub fn is_plain(&self) -> bool {
        self.entry.vitals.is_none()
    }

    /// How long a message takes to the peer and back. Nothing is known of plain peers, nor before
    /// the first heartbeat has been answered.
    pub fn round_trip(&self) -> Option<RoundTrip> {
        self.entry.vitals.as_ref()?.round_trip
    }

    /// The game's own data of this peer.
    pub fn data(&self) -> &'a P {
        &self.entry.data
    }
}

impl<P> Clone for Peer<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Peer<'_, P> {}

impl<P: fmt::Debug> fmt::Debug for Peer<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("id", &self.id)
            .field("addr", &self.addr())
            .field("data", self.data())
            .finish()
    }
}

/// One peer, to be changed and sent to.
pub struct PeerMut<'a, P> {
    net: &'a mut Net<P>,
    id: PeerId,
}

impl<P: Default> PeerMut<'_, P> {
    /// The peer's id.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// A look at the peer: its address, its traffic, its round trip.
    pub fn as_peer(&self) -> Peer<'_, P> {
        let peer = self.net.peer(self.id);
        peer.expect("a peer stays in the table as long as it is borrowed")
    }

    /// The peer's address.
    pub fn addr(&self) -> SocketAddr {
        self.as_peer().addr()
    }

    /// What the peer speaks.
    pub fn dialect(&self) -> Dialect {
        self.as_peer().dialect()
    }

    /// The game's own data of this peer.
    pub fn data(&self) -> &P {
        self.as_peer().data()
    }

    /// The game's own data of this peer.
    pub fn data_mut(&mut self) -> &mut P {
        let data = self.net.data_mut(self.id);
        data.expect("a peer stays in the table as long as it is borrowed")
    }

    /// Sends a message to this peer. What goes wrong goes to `on_error`.
    pub fn send(&mut self, message: Outgoing) {
        self.net.send_to(self.id, &message);
    }

    /// Sends a message to this peer, or tells why not.
    ///
    /// # Errors
    ///
    /// See [`SendError`].
    pub fn try_send(&mut self, message: Outgoing) -> Result<(), SendError> {
        self.net.try_send_to(self.id, &message)
    }
}

impl<P: Default + fmt::Debug> fmt::Debug for PeerMut<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_peer().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_idle_peer_costs() {
        // Address 32, wire 24, three pointers 24, dialect, phase and whether it has spoken 8. With
        // the link's (see there) and 16 for each in its slab it is 192, and an eighth of room.
        assert!(size_of::<Entry<()>>() <= 88, "{}", size_of::<Entry<()>>());
    }
}
