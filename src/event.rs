//! [`Event`]: what a pump has come to, as values, for a big `match` or a system that wants a queue.
//!
//! It is off until it is asked for, and beside the handlers, which run as always. Events own what
//! they tell, so they can be kept while the game sends.

use std::collections::VecDeque;
use std::fmt;

use crate::id::PeerId;
use crate::message::{FromValue, Index, Message, ValueError};
use crate::reason::{ConnectError, DisconnectReason};

/// Something that has happened: what [`next_event`](crate::Server::next_event) gives.
///
/// ```
/// use hexapod::{Event, MemoryNetwork, Server, msg};
/// # let network = MemoryNetwork::new();
/// # let mut server = Server::<()>::bind_memory(&network, "10.0.0.1:5071".parse()?)?;
/// server.queue_events(1000);
/// server.pump(&mut ());
/// while let Some(event) = server.next_event() {
///     match event {
///         Event::Connected { peer } => server.send_to(peer, msg!("welcome")),
///         Event::Message { peer, message } if message.action() == "move" => {
///             let x: f32 = message.get("x")?;
///             server.broadcast_except(peer, msg!("move", who: peer.number(), x: x));
///         }
///         other => println!("{other:?}"),
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A peer has connected; on a client, the server.
    Connected {
        /// Who.
        peer: PeerId,
    },
    /// A client's attempt to connect has failed.
    ConnectFailed {
        /// Why.
        error: ConnectError,
    },
    /// A peer has left.
    Disconnected {
        /// Who. The id finds nobody any more.
        peer: PeerId,
        /// Why.
        reason: DisconnectReason,
    },
    /// A message has come.
    Message {
        /// From whom.
        peer: PeerId,
        /// The message.
        message: OwnedMessage,
    },
}

/// A message that is kept: it owns its bytes.
#[derive(Clone)]
pub struct OwnedMessage {
    bytes: Vec<u8>,
    index: Index,
}

impl OwnedMessage {
    /// The message as a handler would see it.
    pub fn as_message(&self) -> Message<'_> {
        Message::again(&self.bytes, &self.index)
    }

    /// The action.
    pub fn action(&self) -> &str {
        self.as_message().action()
    }

    /// Reads a field: see [`Message::get`].
    ///
    /// # Errors
    ///
    /// As for [`Message::get`].
    pub fn get<'m, T: FromValue<'m>>(&'m self, key: &str) -> Result<T, ValueError> {
        self.as_message().get(key)
    }
}

impl From<&Message<'_>> for OwnedMessage {
    fn from(message: &Message<'_>) -> Self {
        Self { bytes: message.as_bytes().to_owned(), index: message.index().clone() }
    }
}

impl fmt::Display for OwnedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_message().fmt(f)
    }
}

impl fmt::Debug for OwnedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnedMessage {self}")
    }
}

/// Events that wait to be fetched.
#[derive(Debug)]
pub(crate) struct Queue {
    events: VecDeque<Event>,
    max: usize,
}

impl Queue {
    pub(crate) fn new(max: usize) -> Self {
        Self { events: VecDeque::new(), max: max.max(1) }
    }

    /// Whether nothing more should be read before something is fetched.
    pub(crate) fn is_full(&self) -> bool {
        self.events.len() >= self.max
    }

    pub(crate) fn push(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(crate) fn next(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}
