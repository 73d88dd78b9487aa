//! [`Server`]: the face of an endpoint that lets peers in.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use crate::config::Config;
use crate::dialect::Dialect;
use crate::dispatch::{Handlers, SetId, registering};
use crate::drive::{StopHandle, driving};
use crate::endpoint::Endpoint;
#[cfg(feature = "serde")]
use crate::error::FaultCause;
use crate::error::SendError;
use crate::id::PeerId;
use crate::message::Outgoing;
use crate::net::{Peer, PeerMut};
use crate::reason::DisconnectReason;
use crate::sender::Letter;
use crate::transport::{self, MemoryNetwork, Simulator, Source, TcpSource};

/// A game server: closures for what its peers say, and a `pump` to be called once a frame.
///
/// `S` is the game's state: each [`pump`](Server::pump) borrows it and lends it to the handlers.
/// `P` is what the server keeps for each peer: it is made by [`Default`] when a peer connects, and
/// dropped after the last handler has heard that the peer has left. Should making it panic, the
/// connection is closed, and nobody hears of it. Write the first of them at least, because nothing
/// else tells the compiler: `Server::<World>::bind(…)`.
///
/// ```
/// use hexapod::{Server, msg};
///
/// #[derive(Default)]
/// struct World { lines: u64 }
///
/// #[derive(Default)]
/// struct Player { nick: String }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut server = Server::<World, Player>::bind("127.0.0.1:0")?;
/// server
///     .on("nickname", |ctx, msg| {
///         ctx.data_mut().nick = msg.get::<&str>("nickname")?.to_owned();
///         ctx.broadcast(msg!("joined", who: ctx.data().nick));
///         Ok(())
///     })
///     .on("message", |ctx, msg| {
///         ctx.state.lines += 1;
///         let text: &str = msg.get("text")?;
///         ctx.broadcast(msg!("message", who: ctx.data().nick, text: text));
///         Ok(())
///     })
///     .on_disconnect(|ctx, reason| {
///         ctx.broadcast(msg!("left", who: ctx.data().nick, why: reason.to_string()));
///     });
///
/// let mut world = World::default();
/// loop {
///     server.pump(&mut world);
///     std::thread::sleep(std::time::Duration::from_millis(16));
/// #   break;
/// }
/// # Ok(())
/// # }
/// ```
///
/// A server is `Send`: it may live on a thread of its own.
pub struct Server<S, P = ()> {
    endpoint: Endpoint<S, P>,
    stop: StopHandle,
    simulator: Option<Simulator>,
}

/// Making a server.
impl<S, P: Default> Server<S, P> {
    /// A server that listens at an address, in repod's dialect, with the default limits.
    ///
    /// Port 0 is any free port: [`local_addr`](Server::local_addr) tells which. `0.0.0.0` lets
    /// everybody in, `127.0.0.1` only this machine, `[::]` IPv6 as well.
    ///
    /// # Errors
    ///
    /// If the address cannot be had: it is in use, or not this machine's.
    pub fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        let mut server = Self::with_config(Config::default());
        server.listen(addr, server.endpoint.net.config.dialect)?;
        Ok(server)
    }

    /// A server that listens on a network in memory. Any address will do; port 0 is a free one.
    ///
    /// # Errors
    ///
    /// If somebody listens at this address of the network already.
    pub fn bind_memory(network: &MemoryNetwork, addr: SocketAddr) -> io::Result<Self> {
        let mut server = Self::with_config(Config::default());
        server.listen_memory(network, addr, server.endpoint.net.config.dialect)?;
        Ok(server)
    }

    /// A server with limits of its own, which listens nowhere yet.
    pub fn with_config(config: Config) -> Self {
        Self { endpoint: Endpoint::new(config), stop: StopHandle::default(), simulator: None }
    }

    /// Listens at one more address. Returns the address, with the port that port 0 became.
    ///
    /// The peers of all listeners are in one table.
    ///
    /// # Errors
    ///
    /// If the address cannot be had.
    pub fn listen(&mut self, addr: impl ToSocketAddrs, dialect: Dialect) -> io::Result<SocketAddr> {
        Ok(self.add_listener(TcpSource::bind(addr)?, dialect))
    }

    /// Listens at one more address of a network in memory.
    ///
    /// # Errors
    ///
    /// If somebody listens at this address of the network already.
    pub fn listen_memory(
        &mut self,
        network: &MemoryNetwork,
        addr: SocketAddr,
        dialect: Dialect,
    ) -> io::Result<SocketAddr> {
        Ok(self.add_listener(network.listen(addr)?, dialect))
    }

    pub(crate) fn add_listener(
        &mut self,
        source: impl Source + 'static,
        dialect: Dialect,
    ) -> SocketAddr {
        let config = &self.endpoint.net.config;
        let transport = transport::over(source, dialect, config, self.simulator.as_ref());
        self.endpoint.net.add_listener(transport, dialect)
    }

    /// Sends the connections of listeners that are added from now on through a bad network.
    pub fn simulate(&mut self, simulator: &Simulator) -> &mut Self {
        self.simulator = Some(simulator.clone());
        self
    }

    /// Where the first listener listens; `None` if the server listens nowhere.
    ///
    /// To tell a user: `for addr in server.local_addrs() { println!("listening on {addr}"); }`
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.endpoint.net.local_addrs().next()
    }

    /// Where all listeners listen, in the order in which they were added.
    pub fn local_addrs(&self) -> impl Iterator<Item = SocketAddr> {
        self.endpoint.net.local_addrs()
    }
}

registering!(impl<S, P> Server<S, P>, data P, |server| server.endpoint.handlers());

/// More sets of handlers.
impl<S, P: Default> Server<S, P> {
    /// Adds a set of handlers, behind those that are there.
    pub fn attach(&mut self, handlers: Handlers<S, P>) -> SetId {
        self.endpoint.attach(handlers)
    }

    /// Takes a set of handlers away again; `None` if it is not there.
    pub fn detach(&mut self, id: SetId) -> Option<Handlers<S, P>> {
        self.endpoint.detach(id)
    }
}

driving!(impl<S, P> Server<S, P>, data P, ends as DisconnectReason::Shutdown);

/// Talking to peers, outside of handlers. Inside of them the [`Context`](crate::Context) can do all
/// of this.
impl<S, P: Default> Server<S, P> {
    /// Sends a message to a peer. What goes wrong goes to `on_error`.
    ///
    /// A peer for whom more than [`Config::max_outbound`] is waiting is disconnected.
    pub fn send_to(&mut self, id: PeerId, message: Outgoing) {
        self.endpoint.net.send_to(id, &message);
    }

    /// Sends a message to a peer, or tells why not.
    ///
    /// # Errors
    ///
    /// See [`SendError`]. Unlike [`send_to`](Server::send_to) it leaves a peer alone that reads too
    /// slowly.
    pub fn try_send_to(&mut self, id: PeerId, message: Outgoing) -> Result<(), SendError> {
        self.endpoint.net.try_send_to(id, &message)
    }

    /// Sends a message to every connected peer.
    pub fn broadcast(&mut self, message: Outgoing) {
        self.endpoint.net.broadcast(None, &message);
    }

    /// Sends a struct as a message to every connected peer: see [`Outgoing::typed`].
    #[cfg(feature = "serde")]
    pub fn broadcast_as(&mut self, action: &str, value: &(impl serde::Serialize + ?Sized)) {
        match Outgoing::typed(action, value) {
            Ok(message) => self.broadcast(message),
            Err(error) => self.endpoint.net.fault(None, Some(action), FaultCause::Send(error)),
        }
    }

    /// Sends a message to every connected peer but one.
    pub fn broadcast_except(&mut self, id: PeerId, message: Outgoing) {
        self.endpoint.net.broadcast(Some(id), &message);
    }

    /// Sends a message to each of these peers.
    pub fn send_each(&mut self, ids: impl IntoIterator<Item = PeerId>, message: Outgoing) {
        self.endpoint.net.send_each(ids, &message);
    }

    fn post(&mut self, Letter { to, message }: Letter) {
        match to {
            Some(id) => self.send_to(id, message),
            None => self.broadcast(message),
        }
    }

    /// Sends a peer away. What it was sent before is delivered first; its `on_disconnect` handlers
    /// run in the next pump. Tells whether the peer was here.
    pub fn kick(&mut self, id: PeerId, reason: impl Into<String>) -> bool {
        self.endpoint.net.close(id, DisconnectReason::Kicked(reason.into()))
    }

    /// The connected peers, in the order in which they joined.
    pub fn peers(&self) -> impl Iterator<Item = Peer<'_, P>> {
        self.endpoint.net.peers()
    }

    /// Goes through the connected peers in the order in which they joined; each can be sent to.
    pub fn each_peer(&mut self, visit: impl FnMut(&mut PeerMut<'_, P>)) {
        self.endpoint.net.each_peer(visit);
    }

    /// One peer, if it is here.
    pub fn get(&self, id: PeerId) -> Option<Peer<'_, P>> {
        self.endpoint.net.peer(id)
    }

    /// One peer, if it is here, to be changed and sent to.
    pub fn get_mut(&mut self, id: PeerId) -> Option<PeerMut<'_, P>> {
        self.endpoint.net.peer_mut(id)
    }
}

impl<S, P: fmt::Debug> fmt::Debug for Server<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listeners", &self.endpoint.net.local_addrs().collect::<Vec<_>>())
            .field("peers", &self.endpoint.net.peers().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
