//! The times of pumps: which of them look at everything, and after which the game had paused.

use std::time::{Duration, Instant};

use crate::limits::{PAUSE, QUIET_PERIOD};

/// The times of pumps.
#[derive(Debug, Default)]
pub(super) struct Clock {
    pub(super) last: Option<Instant>,
    /// When everything, quiet links and the listener included, was last looked at.
    full: Option<Instant>,
    /// Whether this pump looks at everything.
    pub(super) is_full: bool,
    /// The first pump after the last pause.
    pub(super) resumed: Option<Instant>,
}

impl Clock {
    pub(super) fn tick(&mut self, now: Instant) {
        let since = |then: Option<Instant>| match then {
            // A clock that stands still is somebody's own: nothing is rationed by it.
            Some(then) if now > then => now.saturating_duration_since(then),
            _ => Duration::MAX,
        };
        if self.last.is_some() && since(self.last) != Duration::MAX && since(self.last) > PAUSE {
            self.resumed = Some(now);
        }
        self.last = Some(now);
        self.is_full = since(self.full) >= QUIET_PERIOD;
        if self.is_full {
            self.full = Some(now);
        }
    }
}
