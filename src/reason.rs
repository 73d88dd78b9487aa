//! Why a connection ended ([`DisconnectReason`]), or never came about ([`ConnectError`]).
//!
//! Both are values that a handler is given. The first is not an error: ends are normal.

use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use thiserror::Error;

use crate::frame::FrameError;
use crate::msgpack::DecodeError;
use crate::quote::{Plain, Quoted, debug_like_display};

/// Why a peer is gone.
///
/// As text it completes the sentence "the peer has left: …".
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The peer closed the connection.
    Closed,
    /// The peer closed the connection, or was cut off, in the middle of a frame. What came before
    /// was handled; the unfinished frame is lost.
    CutOff {
        /// How many bytes of the unfinished frame had come.
        bytes: usize,
    },
    /// This side closed the connection.
    LocalClose,
    /// The server sent the peer away, with these words. Both ends are given them; of very long ones
    /// the other end gets the first 500 characters.
    Kicked(String),
    /// The server was shut down.
    Shutdown,
    /// The two ends play different games, or different versions of one.
    VersionMismatch {
        /// Game and version of this side.
        ours: String,
        /// Game and version of the peer.
        theirs: String,
    },
    /// The peer ended the connection and said why: it found this side silent, or a message broken.
    /// There is not always a way to say so; then it is [`Closed`](Self::Closed) or
    /// [`Io`](Self::Io).
    EndedByPeer(String),
    /// The peer did not read fast enough, and too much was waiting to be sent to it.
    SlowConsumer {
        /// How many bytes were waiting.
        queued: usize,
        /// [`Config::max_outbound`](crate::Config::max_outbound).
        max: usize,
    },
    /// The peer sent bytes that are no messages.
    Protocol(ProtocolError),
    /// The peer took too long.
    Timeout(Timeout),
    /// The connection failed; this is what the system says.
    Io(ErrorKind),
}

/// Which rule of the wire a peer has broken.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The bytes are no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The payload is broken.
    #[error(transparent)]
    Payload(#[from] DecodeError),
    /// The payload is broken, in a format other than MessagePack.
    #[error("broken {codec}: {what} at byte {at}")]
    Codec {
        /// The codec's name.
        codec: &'static str,
        /// What is found there.
        what: &'static str,
        /// Where, counted from the start of the payload.
        at: usize,
    },
    /// A hello, by which an end of hexapod makes itself known, is not what it should be.
    #[error("the hello is not understood")]
    BadHello,
    /// A server's first message is not the greeting, `{"action": "connected"}`.
    #[error("the first message is not a server's greeting")]
    NoGreeting,
}

/// What a peer took too long for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timeout {
    /// A frame had begun and did not end within
    /// [`Config::frame_timeout`](crate::Config::frame_timeout).
    Frame,
    /// The server did not greet within
    /// [`Config::handshake_timeout`](crate::Config::handshake_timeout).
    Handshake,
    /// Nothing was heard for
    /// [`Config::plain_idle_timeout`](crate::Config::plain_idle_timeout).
    Idle,
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by the peer"),
            Self::CutOff { bytes } => {
                write!(f, "cut off in the middle of a frame, after {bytes} bytes of it")
            }
            Self::LocalClose => f.write_str("closed by this side"),
            Self::Kicked(text) if text.is_empty() => f.write_str("kicked"),
            Self::Kicked(text) => write!(f, "kicked: {}", Plain(text)),
            Self::Shutdown => f.write_str("the server was shut down"),
            Self::VersionMismatch { ours, theirs } => {
                write!(f, "versions differ: here is {}, there is {}", Quoted(ours), Quoted(theirs))
            }
            Self::EndedByPeer(text) => write!(f, "ended by the peer: {}", Plain(text)),
            Self::SlowConsumer { queued, max } => write!(
                f,
                "too slow a reader: {queued} bytes were waiting to be sent, and {max} may"
            ),
            Self::Protocol(error) => write!(f, "not understood: {error}"),
            Self::Timeout(Timeout::Frame) => f.write_str("too slow: a frame was never finished"),
            Self::Timeout(Timeout::Handshake) => f.write_str("no greeting came"),
            Self::Timeout(Timeout::Idle) => f.write_str("silent for too long"),
            Self::Io(kind) => write!(f, "{kind}"),
        }
    }
}

/// Why a client did not get its connection.
#[derive(Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The target is not written like an address.
    #[error("{} is no address: write host:port, for instance localhost:5071", Quoted(target))]
    BadTarget {
        /// What was to be connected to.
        target: String,
    },
    /// The name was not found.
    #[error("cannot find {target}: {cause}")]
    NotFound {
        /// What was to be connected to.
        target: String,
        /// What the system says.
        cause: String,
    },
    /// Nobody listens there.
    #[error("nobody listens at {target} (connection refused)")]
    Refused {
        /// What was to be connected to.
        target: String,
    },
    /// No answer came in time.
    #[error("no answer from {target} within {after:?}")]
    TimedOut {
        /// What was to be connected to.
        target: String,
        /// How long it took.
        after: Duration,
    },
    /// The system refused in another way.
    #[error("cannot connect to {target}: {cause}")]
    Io {
        /// What was to be connected to.
        target: String,
        /// The kind of the error.
        kind: ErrorKind,
        /// What the system says.
        cause: String,
    },
    /// Somebody answered, but the connection ended before a server's greeting.
    #[error("{target} answers, but not as a game server: {reason}")]
    NotAServer {
        /// What was to be connected to.
        target: String,
        /// How it ended.
        reason: DisconnectReason,
    },
    /// The server has as many players as it may have.
    #[error("{target} is full")]
    ServerFull {
        /// What was to be connected to.
        target: String,
    },
    /// The server plays another game, or another version of this one.
    #[error("versions differ: here is {}, {target} has {}", Quoted(ours), Quoted(theirs))]
    VersionMismatch {
        /// What was to be connected to.
        target: String,
        /// Game and version of this side.
        ours: String,
        /// Game and version of the server.
        theirs: String,
    },
    /// This side closed before the connection was up.
    #[error("closed by this side before the connection was up")]
    Cancelled,
}

debug_like_display!(ProtocolError, ConnectError, DisconnectReason);
