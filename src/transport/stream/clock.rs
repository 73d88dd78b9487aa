//! The times of pumps: which of them look at everything, and after which the game had paused.

use std::time::{Duration, Instant};

use crate::config::Config;
use crate::limits::QUIET_PERIOD;

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
    /// Takes note of a pump, be it one that goes on with a round that was cut short. A longer gap
    /// since the last one is a pause (a debugger, a suspended laptop): what has come meanwhile is
    /// read before frames are judged late.
    #[inline]
    pub(super) fn notice(&mut self, now: Instant, config: &Config) {
        // A pump asks for one event after the other.
        if self.last == Some(now) {
            return;
        }
        let last = self.last.replace(now);
        let pause = config.frame_pause();
        if last.is_some_and(|last| now.saturating_duration_since(last) > pause) {
            self.resumed = Some(now);
        }
    }

    /// Begins a round.
    pub(super) fn tick(&mut self, now: Instant) {
        let since_full = match self.full {
            // A clock that stands still is somebody's own: nothing is rationed by it.
            Some(then) if now > then => now.saturating_duration_since(then),
            _ => Duration::MAX,
        };
        self.is_full = since_full >= QUIET_PERIOD;
        if self.is_full {
            self.full = Some(now);
        }
    }
}
