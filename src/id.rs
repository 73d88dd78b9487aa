//! [`PeerId`]: the name of one peer, for as long as the program runs.

use std::fmt;

use crate::slab::Key;

/// Names one peer of one [`Server`](crate::Server) or [`Client`](crate::Client).
///
/// An id is never reused: when its peer has left, the id finds nobody. Ids sort by age, so the peer
/// that joined first is the smallest. As text an id is `#` and a number that counts from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub(crate) Key);

impl PeerId {
    /// The number in the text form: 1 for the first peer that ever joined, then 2, and so on.
    ///
    /// It is short and unique, so it serves as a player's number in the messages of a game.
    pub fn number(self) -> u64 {
        self.0.serial.get()
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0.serial)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
