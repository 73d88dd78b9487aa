//! Transports: they own connections and move payloads; nobody above knows how.
//!
//! ```text
//! net  ── send(conn, payload) ──>  transport  ── bytes ──>  far end
//! net  <── poll: opened, payload, closed ──
//! ```
//!
//! [`Streams`] carries payloads as frames over byte streams ([`Pipe`]): over TCP, and in memory.
//! A transport of datagrams would be another implementation of [`Transport`].

mod memory;
mod simulator;
mod stream;
mod tcp;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

pub(crate) use memory::MemoryDialer;
pub use memory::{MemoryNetwork, MemoryStream};
pub use simulator::{Conditions, Simulator};
pub(crate) use stream::Streams;
pub(crate) use tcp::{TcpDialer, TcpSource};

use crate::config::Config;
use crate::dialect::Dialect;
use crate::id::PeerId;
use crate::inbox::Inbox;
use crate::reason::{ConnectError, DisconnectReason};
use crate::slab::Key;

/// One connection of one transport.
pub(crate) type Conn = Key;

/// What a transport has to tell.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A connection is up.
    Opened { conn: Conn, addr: SocketAddr },
    /// A payload lies in the inbox.
    Payload { owner: Option<PeerId> },
    /// A connection is over; nothing more comes from it.
    Closed { owner: Option<PeerId>, reason: DisconnectReason },
    /// The connection that was asked for did not come about.
    Failed { error: ConnectError },
    /// A connection that was closed gracefully could not deliver the last bytes.
    Undelivered { owner: Option<PeerId>, bytes: usize },
    /// Connections cannot be accepted for the moment.
    Trouble { error: io::Error },
}

/// How a connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Close {
    /// What was sent is delivered first, within the flush timeout. On a stream: write, shut down
    /// the writing half, read until the far end has closed too, and only then close. Otherwise
    /// unread bytes would make the system destroy what is still on its way.
    Gracefully,
    /// As gracefully, for one who was never let in. It does not crowd out the ends of peers.
    Refused,
    /// At once.
    Now,
}

/// Whose a payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The game's.
    Game,
    /// The library's own: there is some room for it where the game has none left.
    Own,
}

/// When something is flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    /// At the end of a pump, or at the start of one that follows a pump without an end.
    AtEnd,
    /// Between two pumps: what time it is, only the next one knows.
    Between,
}

/// Too much is waiting to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Full {
    pub(crate) queued: usize,
    pub(crate) max: usize,
}

/// Moves payloads. One pump is one turn: `poll` until it gives nothing, then `flush`. Behind a
/// payload there are often others, for which `next_payload` is the short way.
pub(crate) trait Transport: fmt::Debug + Send {
    /// The next event of this turn, or nothing when the turn is over. A payload is in the inbox
    /// until the next call.
    fn poll(&mut self, now: Instant, inbox: &mut Inbox) -> Option<Incoming>;

    /// Goes on to the next payload of the connection that the last one came from, if it has come
    /// and is still its turn; otherwise `poll` goes on.
    fn next_payload(&mut self, inbox: &mut Inbox) -> bool;

    /// Ends the turn of a connection before its share is used up.
    fn yield_turn(&mut self, inbox: &mut Inbox);

    /// Says whose a connection is: what is told of it from then on is told of this peer.
    fn assign(&mut self, conn: Conn, owner: PeerId);

    /// Queues a payload; it is written by the next `flush`.
    fn send(&mut self, now: Instant, conn: Conn, payload: &[u8], whose: Whose) -> Result<(), Full>;

    /// How many bytes wait to be written to a connection.
    fn queued(&self, conn: Conn) -> usize;

    /// When bytes last came from a connection, be it that they were no whole payload, or one of its
    /// payloads was handed on.
    fn heard(&self, conn: Conn) -> Option<Instant>;

    /// When something is due in what is read: a late frame, messages that wait for their turn.
    fn next_reading(&self) -> Option<Instant>;

    /// When something is due that takes no reading: an end that takes too long, one to be told.
    fn next_ending(&self) -> Option<Instant>;

    /// Gives up what is still being closed. What was not delivered is told by `poll`.
    fn abandon(&mut self);

    /// Ends a connection. Nothing more is told of it, but `Undelivered`.
    fn close(&mut self, conn: Conn, how: Close);

    /// Writes what is queued, and brings graceful ends forward.
    fn flush(&mut self, now: Instant, when: Flush);

    /// Lets no new connections in.
    fn stop(&mut self);

    /// Whether there is nothing left to do, now or later.
    fn is_done(&self) -> bool;

    /// Where new connections are accepted, if they are.
    fn local_addr(&self) -> Option<SocketAddr>;

    /// Bytes read and written since this was last asked.
    fn take_traffic(&mut self) -> Bytes;
}

/// A transport over the pipes of a source, through a bad network if there is to be one.
pub(crate) fn over<S: Source + 'static>(
    source: S,
    dialect: Dialect,
    config: &Config,
    simulator: Option<&Simulator>,
) -> Box<dyn Transport> {
    match simulator {
        None => Box::new(Streams::new(source, dialect.framing(), config)),
        Some(simulator) => {
            let source = simulator::Simulated::new(source, simulator.clone());
            Box::new(Streams::new(source, dialect.framing(), config))
        }
    }
}

/// Counts bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bytes {
    pub(crate) read: u64,
    pub(crate) written: u64,
}

/// A byte stream. Nothing here blocks: "later" is [`io::ErrorKind::WouldBlock`].
pub(crate) trait Pipe: fmt::Debug + Send {
    /// Reads some bytes; 0 is the end.
    fn read(&mut self, now: Instant, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes some of these bytes, which come one after the other.
    fn write(&mut self, now: Instant, bytes: (&[u8], &[u8])) -> io::Result<usize>;

    /// Says that nothing more will be written; reading goes on.
    fn shut_down_writing(&mut self, now: Instant) -> io::Result<()>;
}

/// Where pipes come from: a listener, or one attempt to connect.
pub(crate) trait Source: fmt::Debug + Send {
    type Pipe: Pipe;

    /// The next pipe, if there is one by now.
    fn next(&mut self, now: Instant) -> Option<Arrival<Self::Pipe>>;

    /// Gives no more pipes.
    fn stop(&mut self);

    /// Whether no more pipes will come.
    fn is_done(&self) -> bool;

    /// Where a listener listens.
    fn local_addr(&self) -> Option<SocketAddr>;
}

/// What a source has to give.
#[derive(Debug)]
pub(crate) enum Arrival<P> {
    Pipe(P, SocketAddr),
    /// An attempt to connect has failed.
    Failed(ConnectError),
    /// A listener cannot accept now.
    Trouble(io::Error),
}

/// Every kind of error that the standard library has a name for and a system may give, and some
/// that none should: for tests.
#[cfg(test)]
const ERROR_KINDS: [io::ErrorKind; 25] = {
    use io::ErrorKind;
    [
        ErrorKind::NotFound,
        ErrorKind::PermissionDenied,
        ErrorKind::ConnectionRefused,
        ErrorKind::ConnectionReset,
        ErrorKind::HostUnreachable,
        ErrorKind::NetworkUnreachable,
        ErrorKind::ConnectionAborted,
        ErrorKind::NotConnected,
        ErrorKind::AddrInUse,
        ErrorKind::AddrNotAvailable,
        ErrorKind::NetworkDown,
        ErrorKind::BrokenPipe,
        ErrorKind::AlreadyExists,
        ErrorKind::WouldBlock,
        ErrorKind::InvalidInput,
        ErrorKind::InvalidData,
        ErrorKind::TimedOut,
        ErrorKind::WriteZero,
        ErrorKind::ResourceBusy,
        ErrorKind::StorageFull,
        ErrorKind::Interrupted,
        ErrorKind::Unsupported,
        ErrorKind::UnexpectedEof,
        ErrorKind::OutOfMemory,
        ErrorKind::Other,
    ]
};
