//! [`Client`]: the face of an endpoint with one peer, the server.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::config::Config;
use crate::dispatch::{Handlers, SetId, registering};
use crate::drive::{StopHandle, driving};
use crate::endpoint::Endpoint;
#[cfg(feature = "serde")]
use crate::error::FaultCause;
use crate::error::SendError;
use crate::id::PeerId;
use crate::message::Outgoing;
use crate::net::RoundTrip;
use crate::reason::{ConnectError, DisconnectReason};
use crate::sender::Letter;
use crate::transport::{self, MemoryDialer, MemoryNetwork, Simulator, Source, TcpDialer};

/// A game client: closures for what the server says, and a `pump` to be called once a frame.
///
/// `S` is the game's state: each [`pump`](Client::pump) borrows it and lends it to the handlers.
///
/// ```no_run
/// use hexapod::{Client, msg};
/// # #[derive(Default)]
/// # struct Chat;
/// # impl Chat { fn push(&mut self, _: &str, _: &str) {} fn note(&mut self, _: impl ToString) {} }
/// # fn typed() -> Option<String> { None }
/// # fn draw(_: &Chat) {}
/// # let (running, mut chat) = (true, Chat);
///
/// let mut net = Client::<Chat>::connect("127.0.0.1:5071"); // returns at once
/// net.on_connect(|ctx| ctx.send(msg!("nickname", nickname: "ann")));
/// net.on("message", |ctx, msg| {
///     ctx.state.push(msg.get("who")?, msg.get("text")?);
///     Ok(())
/// });
/// net.on_connect_failed(|ctx, error| ctx.state.note(error));
/// net.on_disconnect(|ctx, reason| ctx.state.note(reason));
///
/// while running {
///     if let Some(line) = typed() {
///         net.send(msg!("message", text: line));
///     }
///     net.pump(&mut chat);
///     draw(&chat);
/// }
/// ```
///
/// The client stands *beside* the game's state, not inside of it: `app.net.pump(&mut app)` would
/// borrow `app` twice.
///
/// Each attempt to connect ends in exactly one call: of `on_connect`, later followed by
/// `on_disconnect`, or of `on_connect_failed`. A client is `Send`.
pub struct Client<S> {
    endpoint: Endpoint<S, ()>,
    stop: StopHandle,
    simulator: Option<Simulator>,
    target: Option<Target>,
    /// The peer of the last attempt to connect.
    server: Option<PeerId>,
}

/// Where a client connects to.
#[derive(Clone, Debug)]
enum Target {
    Tcp(String),
    Memory(MemoryNetwork, SocketAddr),
}

/// Making a client, and connecting it.
impl<S> Client<S> {
    /// A client that begins to connect to `host:port`, in repod's dialect, with the default limits.
    ///
    /// It returns at once. A short-lived thread looks the name up and tries every address that it
    /// stands for; the pumps that follow tell how it went.
    pub fn connect(target: impl fmt::Display) -> Self {
        let mut client = Self::with_config(Config::default());
        client.connect_to(target);
        client
    }

    /// A client that is connected when this returns, without any thread. The server's greeting,
    /// and with it `on_connect`, comes in a pump as always.
    ///
    /// # Errors
    ///
    /// If there is no connection within `timeout`.
    pub fn connect_blocking(
        target: impl fmt::Display,
        timeout: Duration,
    ) -> Result<Self, ConnectError> {
        let target = target.to_string();
        let mut client = Self::with_config(Config::default());
        let dialer = TcpDialer::finish(target.clone(), timeout)?;
        client.target = Some(Target::Tcp(target.clone()));
        client.dial(dialer, target);
        Ok(client)
    }

    /// A client that joins a server on a network in memory.
    pub fn connect_memory(network: &MemoryNetwork, addr: SocketAddr) -> Self {
        let mut client = Self::with_config(Config::default());
        client.connect_to_memory(network, addr);
        client
    }

    /// A client with limits of its own, which is not connected yet.
    pub fn with_config(config: Config) -> Self {
        Self {
            endpoint: Endpoint::new(config),
            stop: StopHandle::default(),
            simulator: None,
            target: None,
            server: None,
        }
    }

    /// Begins to connect to `host:port`, with the handlers that are registered. A connection that
    /// is up, or under way, is closed first.
    pub fn connect_to(&mut self, target: impl fmt::Display) {
        let target = target.to_string();
        let timeout = self.endpoint.net.config.connect_timeout;
        let dialer = TcpDialer::start(target.clone(), timeout);
        self.target = Some(Target::Tcp(target.clone()));
        self.dial(dialer, target);
    }

    /// Begins to join a server on a network in memory, as [`connect_to`](Client::connect_to) does.
    pub fn connect_to_memory(&mut self, network: &MemoryNetwork, addr: SocketAddr) {
        let dialer = MemoryDialer::new(network, addr);
        self.target = Some(Target::Memory(network.clone(), addr));
        self.dial(dialer, addr.to_string());
    }

    /// Begins to connect again, to where the client has connected last. Without such a place it
    /// does nothing.
    pub fn reconnect(&mut self) {
        match self.target.clone() {
            Some(Target::Tcp(target)) => self.connect_to(target),
            Some(Target::Memory(network, addr)) => self.connect_to_memory(&network, addr),
            None => {}
        }
    }

    /// Sends connections that are made from now on through a bad network.
    pub fn simulate(&mut self, simulator: &Simulator) -> &mut Self {
        self.simulator = Some(simulator.clone());
        self
    }

    /// Begins to connect through any source.
    pub(crate) fn dial(&mut self, dialer: impl Source + 'static, name: String) {
        self.close();
        let net = &mut self.endpoint.net;
        let dialect = net.config.dialect;
        let transport = transport::over(dialer, dialect, &net.config, self.simulator.as_ref());
        self.server = Some(net.add_dialler(transport, dialect, name));
    }
}

registering!(impl<S> Client<S>, data (), |client| client.endpoint.handlers());

/// More sets of handlers.
impl<S> Client<S> {
    /// Adds a set of handlers, behind those that are there.
    pub fn attach(&mut self, handlers: Handlers<S>) -> SetId {
        self.endpoint.attach(handlers)
    }

    /// Takes a set of handlers away again; `None` if it is not there.
    pub fn detach(&mut self, id: SetId) -> Option<Handlers<S>> {
        self.endpoint.detach(id)
    }
}

driving!(impl<S> Client<S>, data (), ends as DisconnectReason::LocalClose);

/// Talking to the server, outside of handlers. Inside of them the [`Context`](crate::Context)
/// can do all of this.
impl<S> Client<S> {
    /// Sends a message to the server. What goes wrong goes to `on_error`.
    ///
    /// Before the connection is up, messages are kept, up to [`Config::max_outbound`] bytes, and
    /// are the first to go out. After it is over they are not.
    pub fn send(&mut self, message: Outgoing) {
        match self.server {
            Some(server) => self.endpoint.net.send_to(server, &message),
            None => self.endpoint.net.not_connected(&message),
        }
    }

    /// Sends a struct as a message to the server: see [`Outgoing::typed`].
    #[cfg(feature = "serde")]
    pub fn send_as(&mut self, action: &str, value: &(impl serde::Serialize + ?Sized)) {
        match Outgoing::typed(action, value) {
            Ok(message) => self.send(message),
            Err(error) => self.endpoint.net.fault(None, Some(action), FaultCause::Send(error)),
        }
    }

    /// Sends a message to the server, or tells why not.
    ///
    /// # Errors
    ///
    /// See [`SendError`]. Unlike [`send`](Client::send) it keeps the connection to a server that
    /// reads too slowly.
    pub fn try_send(&mut self, message: Outgoing) -> Result<(), SendError> {
        let server = self.server.ok_or(SendError::NotConnected)?;
        self.endpoint.net.try_send_to(server, &message)
    }

    fn post(&mut self, Letter { to, message }: Letter) {
        match to {
            Some(id) => self.endpoint.net.send_to(id, &message),
            None => self.send(message),
        }
    }

    /// Whether the connection is up: the server has greeted, and nobody has closed.
    pub fn is_connected(&self) -> bool {
        self.server.is_some_and(|server| self.endpoint.net.is_up(server))
    }

    /// Whether an attempt to connect is under way.
    pub fn is_connecting(&self) -> bool {
        self.server.is_some_and(|server| self.endpoint.net.is_coming(server))
    }

    /// How long a message takes to the server and back. Nothing is known of a plain server, nor
    /// before the first heartbeat has been answered.
    pub fn round_trip(&self) -> Option<RoundTrip> {
        self.endpoint.net.peer(self.server?)?.round_trip()
    }

    /// The server's address, while the connection is up.
    pub fn server_addr(&self) -> Option<SocketAddr> {
        let server = self.server.filter(|_| self.is_connected())?;
        self.endpoint.net.peer(server).map(|peer| peer.addr())
    }
}

impl<S> fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("target", &self.target)
            .field("is_connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
