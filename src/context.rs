//! [`Context`]: what a handler may do while it runs.
//!
//! It lends the handler the game's state, the data of the peer that the event is about, and all of
//! sending. Nothing that it offers can fail to borrow: the message that the handler reads is not in
//! here.

use std::fmt;
use std::net::SocketAddr;

use crate::dialect::Dialect;
use crate::error::{FaultCause, HandlerError, SendError};
use crate::id::PeerId;
use crate::message::Outgoing;
use crate::net::{Net, Peer, PeerMut};
use crate::reason::DisconnectReason;

/// What a handler is given beside the message: the state, the peer, and ways to send.
///
/// `S` is the game's state, lent by [`pump`](crate::Server::pump); `P` is the data that a server
/// keeps for each peer.
///
/// Everything here is legal in every handler. What is sent leaves at the end of the pump, in order.
/// Who is kicked is gone at once, as far as `peers` and `broadcast` go; the `on_disconnect`
/// handlers run as soon as this handler returns, and what the peer had still said is not heard.
pub struct Context<'a, S, P = ()> {
    /// The game's state.
    pub state: &'a mut S,
    net: &'a mut Net<P>,
    peer: PeerId,
}

impl<'a, S, P: Default> Context<'a, S, P> {
    pub(crate) fn new(state: &'a mut S, net: &'a mut Net<P>, peer: PeerId) -> Self {
        Self { state, net, peer }
    }

    /// The peer that the event is about. On a client this is the server.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// The address of the peer that the event is about.
    pub fn addr(&self) -> SocketAddr {
        self.entry().addr()
    }

    /// What the peer that the event is about speaks.
    pub fn dialect(&self) -> Dialect {
        self.entry().dialect()
    }

    /// The data of the peer that the event is about.
    ///
    /// It borrows the context, so change the state first and look at the data then, or take both at
    /// once with [`split`](Context::split).
    pub fn data(&self) -> &P {
        self.entry().data()
    }

    /// The data of the peer that the event is about.
    pub fn data_mut(&mut self) -> &mut P {
        self.split().1
    }

    /// State and data at once, for code that needs both.
    pub fn split(&mut self) -> (&mut S, &mut P) {
        let data = self.net.data_mut(self.peer);
        (self.state, data.expect("a peer stays in the table while its handlers run"))
    }

    /// Sends a message to the peer that the event is about.
    ///
    /// What goes wrong goes to `on_error`, with peer, action and cause.
    pub fn send(&mut self, message: Outgoing) {
        self.net.send_to(self.peer, &message);
    }

    /// Sends a message to the peer that the event is about, or tells why not.
    ///
    /// # Errors
    ///
    /// See [`SendError`]. Unlike [`Context::send`] it leaves a peer alone that reads too slowly:
    /// the message is not sent, and the game may try later or do without.
    pub fn try_send(&mut self, message: Outgoing) -> Result<(), SendError> {
        self.net.try_send_to(self.peer, &message)
    }

    /// Sends a message to any peer.
    pub fn send_to(&mut self, id: PeerId, message: Outgoing) {
        self.net.send_to(id, &message);
    }

    /// Sends a message to any peer, or tells why not.
    ///
    /// # Errors
    ///
    /// As for [`Context::try_send`].
    pub fn try_send_to(&mut self, id: PeerId, message: Outgoing) -> Result<(), SendError> {
        self.net.try_send_to(id, &message)
    }

    /// Sends a message to every connected peer, the one that the event is about included.
    pub fn broadcast(&mut self, message: Outgoing) {
        self.net.broadcast(None, &message);
    }

    /// Sends a message to every connected peer but one.
    pub fn broadcast_except(&mut self, id: PeerId, message: Outgoing) {
        self.net.broadcast(Some(id), &message);
    }

    /// Sends a message to each of these peers.
    pub fn send_each(&mut self, ids: impl IntoIterator<Item = PeerId>, message: Outgoing) {
        self.net.send_each(ids, &message);
    }

    /// Sends a struct as a message to the peer that the event is about: see [`Outgoing::typed`].
    #[cfg(feature = "serde")]
    pub fn send_as(&mut self, action: &str, value: &(impl serde::Serialize + ?Sized)) {
        match Outgoing::typed(action, value) {
            Ok(message) => self.send(message),
            Err(error) => self.net.fault(Some(self.peer), Some(action), FaultCause::Send(error)),
        }
    }

    /// Sends a struct as a message to every connected peer: see [`Outgoing::typed`].
    #[cfg(feature = "serde")]
    pub fn broadcast_as(&mut self, action: &str, value: &(impl serde::Serialize + ?Sized)) {
        match Outgoing::typed(action, value) {
            Ok(message) => self.broadcast(message),
            Err(error) => self.net.fault(None, Some(action), FaultCause::Send(error)),
        }
    }

    /// Goes through the connected peers in the order in which they joined; each can be sent to.
    pub fn each_peer(&mut self, visit: impl FnMut(&mut PeerMut<'_, P>)) {
        self.net.each_peer(visit);
    }

    /// The connected peers, in the order in which they joined.
    pub fn peers(&self) -> impl Iterator<Item = Peer<'_, P>> {
        self.net.peers()
    }

    /// Any one peer, if it is here.
    pub fn get(&self, id: PeerId) -> Option<Peer<'_, P>> {
        self.net.peer(id)
    }

    /// Any one peer, if it is here, to be changed and sent to.
    pub fn get_mut(&mut self, id: PeerId) -> Option<PeerMut<'_, P>> {
        self.net.peer_mut(id)
    }

    /// Sends a peer away. What it was sent before is delivered first.
    ///
    /// A hexapod is given the reason in its `on_disconnect`; a plain peer only sees the connection
    /// end, so tell it in words of the game before. Tells whether the peer was still here.
    pub fn kick(&mut self, id: PeerId, reason: impl Into<String>) -> bool {
        self.net.close(id, DisconnectReason::Kicked(reason.into()))
    }

    /// Closes the connection that the event is about. What was sent before is delivered first.
    pub fn close(&mut self) {
        self.net.close(self.peer, DisconnectReason::LocalClose);
    }

    /// Takes note of a handler's error.
    pub(crate) fn failed(&mut self, action: &str, error: HandlerError) {
        self.net.fault(Some(self.peer), Some(action), FaultCause::Handler(error));
    }

    fn entry(&self) -> Peer<'_, P> {
        self.net.peer(self.peer).expect("a peer stays in the table while its handlers run")
    }
}

impl<S: fmt::Debug, P> fmt::Debug for Context<'_, S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("state", &self.state).field("peer", &self.peer).finish()
    }
}

/// What a handler cannot say, and the compiler refuses: to register handlers while they run (the
/// first), and to pump the endpoint whose handler it is (the second).
///
/// ```compile_fail,E0599
/// let mut server = hexapod::Server::<()>::with_config(Default::default());
/// server.on("x", |ctx, _| ctx.on("y", |_, _| {}));
/// ```
///
/// ```compile_fail,E0499
/// let mut server = hexapod::Server::<()>::with_config(Default::default());
/// let again = &mut server;
/// server.on("x", move |_, _| drop(again.pump(&mut ())));
/// ```
#[cfg(doctest)]
struct NotExpressible;
