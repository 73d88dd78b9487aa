//! The session: what two ends say to each other before and between the game's own messages.
//!
//! ```text
//! server                                  client
//!   ── {"action": "connected"} ──>          the first frame of all: the greeting
//! ```
//!
//! The greeting is byte for byte repod's. It is the only message that means something to the
//! library itself; the same words later on are an ordinary message, so that nobody can forge an
//! event.

use super::{Net, Phase};
use crate::id::PeerId;
use crate::message::{Message, Outgoing};
use crate::reason::ProtocolError;

/// The action of the greeting.
const GREETING: &str = "connected";

/// Whose a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The game's: handlers run.
    Game,
    /// The library's own, and done with.
    Session,
}

impl<P: Default> Net<P> {
    /// Says the first words to a new peer of a server.
    pub(super) fn greet(&mut self, peer: PeerId) {
        self.send_to(peer, &Outgoing::new(GREETING));
    }

    /// A client's connection is there; the server has the word.
    pub(super) fn connected(&mut self, peer: PeerId, addr: std::net::SocketAddr) {
        let now = self.now;
        let Some(entry) = self.peers.get_mut(peer.0) else { return };
        let phase = std::mem::replace(&mut entry.phase, Phase::Leaving);
        entry.addr = addr;
        entry.heard = now;
        entry.phase = match phase {
            Phase::Dialling(early) => Phase::Greeting { early },
            other => other,
        };
    }

    /// Takes note of a message; tells whether it is for the game.
    pub(crate) fn hear(&mut self, peer: PeerId, message: &Message<'_>) -> Verdict {
        let Some(entry) = self.peers.get_mut(peer.0) else { return Verdict::Session };
        entry.heard = self.now;
        match &entry.phase {
            Phase::Up => {
                self.activity.messages += 1;
                Verdict::Game
            }
            Phase::Greeting { .. } if message.action() == GREETING => {
                if let Phase::Greeting { early } = std::mem::replace(&mut entry.phase, Phase::Up) {
                    self.send_early(peer, &early);
                    self.up(peer);
                }
                Verdict::Session
            }
            Phase::Greeting { .. } => {
                self.malformed(peer, ProtocolError::NoGreeting);
                Verdict::Session
            }
            Phase::Dialling(_) | Phase::Leaving => Verdict::Session,
        }
    }
}
