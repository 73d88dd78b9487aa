//! Limits: what a decoder must not exceed, and the rhythms that are no one's to set.
//!
//! What a game may set is in [`Config`](crate::Config). The constants here are of two kinds: a
//! bound that no configuration lifts, and sizes and times whose change no game could tell.

use std::time::{Duration, Instant};

/// What a decoder must keep to: the part of [`Config`](crate::Config) that is about one message.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// How deep arrays and maps may nest: [`Config::max_depth`](crate::Config::max_depth), and
    /// never more than 128. The message itself is depth 1.
    pub depth: usize,
    /// How many values there may be: [`Config::max_elements`](crate::Config::max_elements).
    pub elements: usize,
}

impl Default for Limits {
    /// Those of [`Config::default`](crate::Config::default).
    fn default() -> Self {
        Self { depth: 32, elements: 1 << 16 }
    }
}

/// A time to come. A wait without end is one of a hundred years, which an `Instant` can hold.
pub(crate) fn after(now: Instant, wait: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    now + wait.min(CENTURY)
}

/// Decoders recurse, so depth has a bound that no configuration lifts.
pub(crate) const DEEPEST: usize = 128;

/// The read buffer of an endpoint: what one read can take. Larger gains nothing on loopback.
pub(crate) const READ_BUFFER: usize = 64 << 10;

/// The start of a frame up to this long is put in front of what is read next, so that the whole of
/// it lies in one piece; a longer one stays where it is, lest it be moved again and again.
pub(crate) const FRONT: usize = 4 << 10;

/// Storage that empty rings have given back, kept per listener for the next burst.
pub(crate) const SPARE_RINGS: usize = 1 << 20;

/// A socket is *quiet* that has given nothing for this long; it is then read only once per
/// [`QUIET_PERIOD`], as is the listener. At 60 pumps a second neither skips anything.
pub(crate) const QUIET_AFTER: Duration = Duration::from_millis(100);
pub(crate) const QUIET_PERIOD: Duration = Duration::from_millis(1);

/// After an error of `accept` (no descriptors left, say) the listener rests this long.
pub(crate) const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Buffers of sent messages that a thread keeps for the next ones: how many, and how large at most.
pub(crate) const SPARE_MESSAGES: usize = 32;
pub(crate) const SPARE_MESSAGE_LEN: usize = 16 << 10;
