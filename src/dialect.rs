//! [`Dialect`]: a framing and a codec, and so a language that peers speak.

use std::fmt;

#[cfg(feature = "json")]
use crate::codec::Json;
use crate::codec::{Codec, Rencode, RencodeFrames};
use crate::frame::{Framing, LengthPrefix, Terminator};

/// A language on the wire: how messages are told apart, and how one is written.
///
/// Each listener speaks one, because the server speaks first. The peers of all listeners are in one
/// table and hear the same messages, each in its own dialect:
///
/// ```
/// use hexapod::{Dialect, Server};
///
/// let mut server = Server::<()>::bind("127.0.0.1:0")?; // repod and Rust
/// let addr = server.listen("127.0.0.1:0", Dialect::PODSIXNET)?;
/// # let _ = addr;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// To tell dialects apart, compare them: `ctx.dialect() == Dialect::PODSIXNET`. They are no
/// patterns of a `match`.
///
/// What a dialect cannot express is not sent to those who speak it, and is reported; the others get
/// it. A format of your own makes a dialect as well: see [`Codec`].
#[derive(Clone, Copy)]
pub struct Dialect {
    name: &'static str,
    framing: &'static dyn Framing,
    /// `None` where payloads are canonical messages: nothing is looked at twice, nothing copied.
    codec: Option<&'static dyn Codec>,
}

impl Dialect {
    /// The default: a length of four bytes, then MessagePack. Byte for byte what
    /// [repod](https://pypi.org/project/repodnet/) speaks.
    pub const REPOD: Self = Self { name: "repod", framing: &LengthPrefix, codec: None };

    /// What [PodSixNet](https://pypi.org/project/PodSixNet/) speaks: rencode, then `\0---\0`.
    ///
    /// Its floats have 32 bits: 0.1 comes as 0.10000000149011612, and 1e39 cannot be sent. A text
    /// and bytes are the same there: what is UTF-8 comes as text. Lists and tuples are two things:
    /// see [`Tuple`](crate::Tuple). Integers beyond 64 bits and tuples as keys are left out, with a
    /// fault; timestamps, extensions, and a text that holds `\0---\0` cannot be sent.
    pub const PODSIXNET: Self =
        Self { name: "podsixnet", framing: &RencodeFrames, codec: Some(&Rencode) };

    /// JSON, then `\0---\0`: for clients in other languages (feature `json`).
    ///
    /// A number comes as an integer if it is written as one, and as a float if it has a `.` or an
    /// exponent (`1.0`, `1e2`) or is an integer beyond 64 bits. Keys that are integers are sent as
    /// text. Bytes, timestamps, extensions, NaN, infinities, and keys that are neither text nor
    /// integers cannot be sent. Where a key occurs twice, the last one counts. At most 127 levels
    /// nest, whatever [`Config`](crate::Config) allows.
    #[cfg(feature = "json")]
    pub const JSON: Self = Self::terminated("json", &Json);

    /// A dialect of this name whose payloads stand behind their length, four bytes, big-endian.
    ///
    /// Two dialects of the same name are taken for one and the same.
    pub const fn length_prefixed(name: &'static str, codec: &'static dyn Codec) -> Self {
        Self { name, framing: &LengthPrefix, codec: Some(codec) }
    }

    /// A dialect of this name in which the five bytes `\0---\0` follow each payload: PodSixNet's
    /// mark. A payload that holds them cannot be sent; formats that are text never do.
    ///
    /// Two dialects of the same name are taken for one and the same.
    pub const fn terminated(name: &'static str, codec: &'static dyn Codec) -> Self {
        Self { name, framing: &Terminator, codec: Some(codec) }
    }

    /// The dialect's name.
    pub fn name(self) -> &'static str {
        self.name
    }

    pub(crate) fn framing(self) -> &'static dyn Framing {
        self.framing
    }

    pub(crate) fn codec(self) -> Option<&'static dyn Codec> {
        self.codec
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self::REPOD
    }
}

impl PartialEq for Dialect {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Dialect {}

impl fmt::Debug for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialect({})", self.name)
    }
}
