//! [`Config`]: every limit and every wait, in one place, each finite by default.
//!
//! A limit that is not here does not exist: lower floors have no hidden ones. What is no one's to
//! set, because no game could tell, is in the room `limits`.

use std::time::Duration;

use crate::dialect::Dialect;
use crate::limits::{DEEPEST, Limits};

/// The limits and waits of a [`Server`](crate::Server) or [`Client`](crate::Client).
///
/// The defaults suit a game of some hundred players. Each field can be set by the method of the
/// same name:
///
/// ```
/// use std::time::Duration;
/// use hexapod::{Config, Server};
///
/// let config = Config::new().max_peers(16).frame_timeout(Duration::from_secs(5));
/// let server = Server::<()>::with_config(config);
/// # let _ = server;
/// ```
///
/// **Memory in the worst case.** Hostile peers can make a server hold, beside what the game itself
/// keeps, `max_peers` × (`max_frame_len` + 64 KiB + `max_outbound`) bytes, in storage that grows by
/// doubling, and so may be twice as large. The first part needs bytes that a peer has really sent;
/// the last needs a peer that does not read what the game sends it, or what it has asked for
/// itself. 256 peers that do their worst against the defaults: 1.3 GiB, in up to 2.6 GiB.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// What a client speaks, and what [`Server::bind`](crate::Server::bind) listens in. Default:
    /// [`Dialect::REPOD`].
    ///
    /// A server's further listeners are each given theirs: [`listen`](crate::Server::listen).
    pub dialect: Dialect,
    /// The game's name. Default: empty.
    ///
    /// Two hexapod ends whose games or versions differ do not play together: the connection ends
    /// with [`DisconnectReason::VersionMismatch`](crate::DisconnectReason::VersionMismatch). Plain
    /// peers are not asked.
    pub game: String,
    /// The game's version, as [`game`](Self#structfield.game). Default: empty.
    pub version: String,
    /// The longest frame, in bytes of payload, that is sent or accepted. Default: 1 MiB.
    ///
    /// A peer that announces a longer one is disconnected when its header is read, before anything
    /// is stored. At most 4,294,967,295, which is what the header of a frame can say.
    pub max_frame_len: usize,
    /// How deep arrays and maps may nest in a message that is sent or accepted. Default: 32.
    ///
    /// The message itself is depth 1. Values above 128 count as 128: reading recurses. A stack of
    /// 64 KiB is enough for the default, one of 256 KiB for all 128 levels.
    pub max_depth: usize,
    /// How many values a message may hold that is sent or accepted. Default: 65,536.
    ///
    /// Each key, each value, and each array or map itself counts one. The bound keeps a message
    /// made of many tiny values from costing far more than its bytes: read into a
    /// [`Value`](crate::Value), one value takes 32 bytes, so the default allows 2 MiB.
    pub max_elements: usize,
    /// How many peers a server has at most, over all listeners. Default: 256.
    ///
    /// One more is closed at once. Each peer takes a file descriptor, and as many again, and 32
    /// more, may be taken for each listener by connections that are being closed, for at most
    /// `flush_timeout`.
    pub max_peers: usize,
    /// How many peers may come from one IP address. Default: 64.
    ///
    /// An IPv6 address counts by its first 64 bits, which is what one household has.
    pub max_peers_per_address: usize,
    /// How many bytes may wait to be sent to one peer. Default: 4 MiB.
    ///
    /// A peer that reads too slowly to stay below is disconnected with
    /// [`DisconnectReason::SlowConsumer`](crate::DisconnectReason::SlowConsumer). A client keeps no
    /// more than this of what it sends before the connection is up. Values below one whole frame
    /// count as one whole frame.
    pub max_outbound: usize,
    /// How many messages of other threads' [`Sender`](crate::Sender)s wait for the next pump.
    /// Default: 1,024. At least 1 in any case.
    pub max_letters: usize,
    /// How many messages of one peer are handled in one pump. Default: 1,024.
    ///
    /// The rest waits for the next pump, so that no peer can hold up the others. One is handled in
    /// any case.
    pub messages_per_pump: usize,
    /// How many bytes of one peer are read in one pump. Default: 256 KiB.
    ///
    /// Reading stops when the bound is reached or passed, and a single read takes up to 64 KiB. It
    /// is read once in any case.
    pub bytes_per_pump: usize,
    /// How many connections one listener accepts in one pump. Default: 512.
    ///
    /// The system keeps up to 128 that wait to be accepted, and drops what comes beyond for a
    /// second; so a pump accepts until none is waiting, or this many. One is accepted in any case:
    /// to let nobody in is [`max_peers`](Self#structfield.max_peers) of 0, and then they are told.
    pub accepts_per_pump: usize,
    /// How long a client tries to connect: look-up of the name and all addresses together.
    /// Default: 10 s.
    pub connect_timeout: Duration,
    /// How long a client waits for the server's greeting once it is connected. Default: 10 s.
    pub handshake_timeout: Duration,
    /// How long a frame may take from its first byte to its last. Default: 30 s.
    ///
    /// It ends peers that send a byte now and then only to stay. With the default, a frame of
    /// 1 MiB needs a link of 35 KB/s. After a pause, more than half of this without a pump, an
    /// unfinished frame has the whole time again, but only once.
    pub frame_timeout: Duration,
    /// How often each end asks the other for a sign of life. Default: 5 s.
    ///
    /// It is a message of some 30 bytes each way, and it measures the round-trip time. Plain peers
    /// are not asked. More than a third of `idle_timeout` counts as that third.
    pub heartbeat: Duration,
    /// How long a peer may be silent that answers heartbeats. Default: 20 s.
    ///
    /// It finds links that are dead without having been closed. After a pause, more than half of
    /// this without a pump, the count begins anew. Where a full queue of events keeps peers from
    /// being read, it counts until they were.
    pub idle_timeout: Duration,
    /// How long a peer may be silent that never said whether it can answer a heartbeat.
    /// Default: 4 h.
    ///
    /// Long, because a player of an old client may just be reading.
    pub plain_idle_timeout: Duration,
    /// How long a connection that is being closed may take to deliver what is still waiting to be
    /// sent. Default: 5 s.
    pub flush_timeout: Duration,
    /// Whether to keep silent on standard error. Default: `false`.
    ///
    /// A fault for which no [`on_error`](crate::Server::on_error) is registered, and an action
    /// without a handler, are reported on standard error: the first of each kind and action, and
    /// at most 64 in all.
    pub quiet: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dialect: Dialect::REPOD,
            game: String::new(),
            version: String::new(),
            max_frame_len: 1 << 20,
            max_depth: Limits::default().depth,
            max_elements: Limits::default().elements,
            max_peers: 256,
            max_peers_per_address: 64,
            max_outbound: 4 << 20,
            max_letters: 1024,
            messages_per_pump: 1024,
            bytes_per_pump: 256 << 10,
            accepts_per_pump: 512,
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            frame_timeout: Duration::from_secs(30),
            heartbeat: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(20),
            plain_idle_timeout: Duration::from_secs(4 * 3600),
            flush_timeout: Duration::from_secs(5),
            quiet: false,
        }
    }
}

/// A chaining setter for each field, of the field's name.
macro_rules! setters {
    ($($field:ident: $type:ty),* $(,)?) => {
        impl Config {
            /// The defaults, as [`Config::default`] gives them.
            pub fn new() -> Self {
                Self::default()
            }

            $(
                #[doc = concat!(
                    "Sets [`", stringify!($field), "`](Self#structfield.", stringify!($field), ").",
                )]
                #[must_use]
                pub fn $field(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

setters! {
    dialect: Dialect,
    max_frame_len: usize,
    max_depth: usize,
    max_elements: usize,
    max_peers: usize,
    max_peers_per_address: usize,
    max_outbound: usize,
    max_letters: usize,
    messages_per_pump: usize,
    bytes_per_pump: usize,
    accepts_per_pump: usize,
    connect_timeout: Duration,
    handshake_timeout: Duration,
    frame_timeout: Duration,
    heartbeat: Duration,
    idle_timeout: Duration,
    plain_idle_timeout: Duration,
    flush_timeout: Duration,
    quiet: bool,
}

impl Config {
    /// Sets [`game`](Self#structfield.game).
    #[must_use]
    pub fn game(mut self, game: impl Into<String>) -> Self {
        self.game = game.into();
        self
    }

    /// Sets [`version`](Self#structfield.version).
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }
}

impl Config {
    pub(crate) fn limits(&self) -> Limits {
        Limits { depth: self.max_depth.min(DEEPEST), elements: self.max_elements }
    }

    /// The longest payload, within what a header can say.
    #[inline]
    pub(crate) fn frame_len(&self) -> usize {
        self.max_frame_len.min(u32::MAX as usize)
    }

    /// How often to ask for a sign of life: more often than silence is judged.
    pub(crate) fn beat(&self) -> Duration {
        self.heartbeat.min(self.idle_timeout / 3)
    }

    /// A longer gap between two pumps is a pause, in which nobody listened.
    ///
    /// It is longer than a heartbeat, so that who sleeps until one is due does not pause; and two
    /// ends that stood still together for less have heard each other in time: it and a heartbeat
    /// are less than `idle_timeout`.
    pub(crate) fn pause(&self) -> Duration {
        self.idle_timeout / 2
    }

    /// The same for an unfinished frame: after a longer gap it has its whole time again, once.
    pub(crate) fn frame_pause(&self) -> Duration {
        self.frame_timeout / 2
    }

    /// How long who waits for the rest of a frame may sleep without making a pause.
    pub(crate) fn frame_nap(&self) -> Duration {
        self.frame_timeout / 3
    }

    /// The bound on a peer's outbound bytes: at least one whole frame with its header fits.
    #[inline]
    pub(crate) fn outbound(&self) -> usize {
        self.max_outbound.max(self.frame_len().saturating_add(16))
    }
}
