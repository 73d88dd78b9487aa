//! What can go wrong without ending a connection, and how the game is told.
//!
//! Nothing is dropped silently: what cannot be sent, what no handler could digest, what arrived and
//! is no message, each becomes a [`Fault`] for [`on_error`](crate::Server::on_error).

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;

use thiserror::Error;

use crate::id::PeerId;
use crate::message::{EncodeError, MessageError};
use crate::quote::{Quoted, debug_like_display};

/// Why a message was not sent.
#[derive(Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no connection: not yet asked for, or over; or the peer's id finds nobody.
    #[error("not connected")]
    NotConnected,
    /// Too much is waiting to be sent to this peer already.
    #[error("{queued} bytes are waiting to be sent, and {max} may")]
    Full {
        /// How many bytes are waiting.
        queued: usize,
        /// [`Config::max_outbound`](crate::Config::max_outbound).
        max: usize,
    },
    /// Other threads have handed in so many messages that no more fit before the next pump.
    #[error("{max} messages of other threads wait for the next pump already")]
    Busy {
        /// [`Config::max_letters`](crate::Config::max_letters).
        max: usize,
    },
    /// The message is longer than a frame may be.
    #[error("a message of {len} bytes is longer than {max}")]
    TooLong {
        /// The message's length.
        len: usize,
        /// [`Config::max_frame_len`](crate::Config::max_frame_len), of this side or of the peer's.
        max: usize,
    },
    /// The message's arrays and maps nest too deeply.
    #[error("arrays and maps nest {depth} deep, and may {max}")]
    TooDeep {
        /// How deep they nest.
        depth: usize,
        /// [`Config::max_depth`](crate::Config::max_depth).
        max: usize,
    },
    /// The message holds too many values.
    #[error("the message holds {elements} values, and may {max}")]
    TooManyElements {
        /// How many it holds.
        elements: usize,
        /// [`Config::max_elements`](crate::Config::max_elements).
        max: usize,
    },
    /// The action begins with `$`, which is kept for the library.
    #[error("actions that begin with $ are the library's own")]
    Reserved,
    /// A value cannot be written at all.
    #[error(transparent)]
    NotEncodable(#[from] EncodeError),
    /// A typed value cannot be the fields of a message (feature `serde`).
    #[error("the value cannot be a message: {cause}")]
    NotSerializable {
        /// Why.
        cause: String,
    },
    /// The peer's dialect cannot express the message.
    #[error("{codec} has no place for {what}")]
    NotExpressible {
        /// The codec's name.
        codec: &'static str,
        /// What stands in the message: "a timestamp", say.
        what: &'static str,
    },
    /// The payload holds the bytes that end a frame in the peer's dialect, `\\0---\\0`.
    #[error("the message holds the bytes \\0---\\0, which end a frame of {dialect}")]
    HoldsTerminator {
        /// The dialect's name.
        dialect: &'static str,
    },
}

/// The error of a handler: whatever `?` has made it from.
///
/// A handler's closure ends in `Ok(())`, and its type is found by itself:
///
/// ```
/// # use hexapod::Server;
/// # let mut server = Server::<i32>::with_config(Default::default());
/// server.on("add", |ctx, msg| {
///     *ctx.state += msg.get::<&str>("number")?.parse::<i32>()?;
///     Ok(())
/// });
/// ```
pub struct HandlerError(Box<dyn Error + Send + Sync>);

impl HandlerError {
    /// The error inside.
    pub fn into_inner(self) -> Box<dyn Error + Send + Sync> {
        self.0
    }

    /// The error inside, borrowed.
    pub fn get_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

// Not an `Error` itself: that would collide with the conversion from every error.
impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Something went wrong that ends no connection: what `on_error` is given.
///
/// As text it says what happened, to which peer, and about which action.
pub struct Fault {
    /// The peer that it is about, if it is about one.
    pub peer: Option<PeerId>,
    /// The action that it is about, if it is about one.
    pub action: Option<String>,
    /// What happened.
    pub cause: FaultCause,
}

/// What happened.
#[non_exhaustive]
pub enum FaultCause {
    /// A handler returned an error.
    Handler(HandlerError),
    /// A message could not be sent.
    Send(SendError),
    /// Something arrived that is no message; it was left out.
    NotAMessage(MessageError),
    /// A connection closed before all was delivered that had been sent.
    Undelivered {
        /// How many bytes were left.
        bytes: usize,
    },
    /// Somebody was turned away.
    Refused {
        /// Who.
        addr: SocketAddr,
        /// Which limit was reached.
        limit: Limit,
    },
    /// A listener cannot accept connections for the moment. It goes on trying.
    Listener(std::io::Error),
    /// More faults came up in one pump than are kept.
    More {
        /// How many.
        faults: u64,
    },
}

/// A limit on the number of peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// [`Config::max_peers`](crate::Config::max_peers).
    Peers,
    /// [`Config::max_peers_per_address`](crate::Config::max_peers_per_address).
    PeersPerAddress,
}

impl Fault {
    /// The kind of the cause, for those who report each kind once.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.cause {
            FaultCause::Handler(_) => "handler",
            FaultCause::Send(_) => "send",
            FaultCause::NotAMessage(_) => "message",
            FaultCause::Undelivered { .. } => "undelivered",
            FaultCause::Refused { .. } => "refused",
            FaultCause::Listener(_) => "listener",
            FaultCause::More { .. } => "more",
        }
    }

    /// `action "move" from #3`, as far as both are known.
    fn about(&self, f: &mut fmt::Formatter<'_>, joint: &str) -> fmt::Result {
        if let Some(action) = &self.action {
            write!(f, " {}", Quoted(action))?;
        }
        if let Some(peer) = self.peer {
            write!(f, " {joint} {peer}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            FaultCause::Handler(error) => {
                f.write_str("the handler of")?;
                self.about(f, "from")?;
                write!(f, " failed: {error}")
            }
            FaultCause::Send(error) => {
                f.write_str("did not send")?;
                self.about(f, "to")?;
                write!(f, ": {error}")
            }
            FaultCause::NotAMessage(error) => {
                f.write_str("left out what came")?;
                self.about(f, "from")?;
                write!(f, ": {error}")
            }
            FaultCause::Undelivered { bytes } => {
                write!(f, "could not deliver the last {bytes} bytes")?;
                self.about(f, "to")
            }
            FaultCause::Refused { addr, limit: Limit::Peers } => {
                write!(f, "turned {addr} away: as many peers are here as may be (max_peers)")
            }
            FaultCause::Refused { addr, limit: Limit::PeersPerAddress } => write!(
                f,
                "turned {addr} away: as many peers are here from this address as may be \
                 (max_peers_per_address)"
            ),
            FaultCause::Listener(error) => write!(f, "cannot accept connections now: {error}"),
            FaultCause::More { faults } => write!(f, "{faults} more faults in this pump"),
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for FaultCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handler(error) => write!(f, "Handler({error})"),
            Self::Send(error) => write!(f, "Send({error})"),
            Self::NotAMessage(error) => write!(f, "NotAMessage({error})"),
            Self::Undelivered { bytes } => write!(f, "Undelivered({bytes} bytes)"),
            Self::Refused { addr, limit } => write!(f, "Refused({addr}, {limit:?})"),
            Self::Listener(error) => write!(f, "Listener({error})"),
            Self::More { faults } => write!(f, "More({faults})"),
        }
    }
}

debug_like_display!(SendError);
