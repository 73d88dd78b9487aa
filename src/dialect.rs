//! [`Dialect`]: a framing and a codec, and so a language that peers speak.

use std::fmt;

use crate::codec::{Codec, MessagePack};
use crate::frame::{Framing, LengthPrefix};

/// A language on the wire: how messages are told apart, and how one is written.
///
/// Each listener speaks one, because the server speaks first. The peers of all listeners are in one
/// table and hear the same messages.
#[derive(Clone, Copy)]
pub struct Dialect(&'static Parts);

struct Parts {
    name: &'static str,
    framing: &'static dyn Framing,
    codec: &'static dyn Codec,
}

impl Dialect {
    /// The default: a length of four bytes, then MessagePack. Byte for byte what
    /// [repod](https://pypi.org/project/repodnet/) speaks.
    pub const REPOD: Self =
        Self(&Parts { name: "repod", framing: &LengthPrefix, codec: &MessagePack });

    /// The dialect's name.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    pub(crate) fn framing(self) -> &'static dyn Framing {
        self.0.framing
    }

    pub(crate) fn codec(self) -> &'static dyn Codec {
        self.0.codec
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self::REPOD
    }
}

impl PartialEq for Dialect {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Dialect {}

impl fmt::Debug for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialect({})", self.0.name)
    }
}
