//! What is on its way: bytes in one direction, each piece with the time it is due, and the way out.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::super::Pipe;
use super::{Conditions, LONG, Random, WINDOW};
use crate::limits::after;

/// Bytes on their way in one direction.
#[derive(Debug, Default)]
pub(super) struct Flight {
    pub(super) pieces: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    /// When the last piece is due: the next one is not due before.
    last_due: Option<Instant>,
    /// When the wire has room for the next byte, where there is a bandwidth.
    free: Option<Instant>,
    /// Nothing comes after what is on its way.
    pub(super) ended: bool,
}

impl Flight {
    pub(super) fn room(&self) -> usize {
        if self.ended { 0 } else { WINDOW.saturating_sub(self.bytes) }
    }

    pub(super) fn take_off(
        &mut self,
        now: Instant,
        bytes: &[u8],
        weather: &Conditions,
        random: &mut Random,
    ) {
        let mut due = now;
        if weather.bandwidth > 0 {
            let time = Duration::from_secs_f64(bytes.len() as f64 / weather.bandwidth as f64);
            due = self.free.map_or(now, |free| free.max(now)) + time;
            self.free = Some(due);
        }
        let jitter = weather.jitter.min(LONG).mul_f64(random.fraction());
        due = after(due, weather.latency.min(LONG) + jitter);
        let due = self.last_due.map_or(due, |last| last.max(due));
        self.last_due = Some(due);
        self.bytes += bytes.len();
        self.pieces.push_back((due, bytes.to_vec()));
    }

    /// What has arrived, if anything.
    pub(super) fn landed(&mut self, now: Instant) -> Option<&mut Vec<u8>> {
        let (due, bytes) = self.pieces.front_mut()?;
        (*due <= now).then_some(bytes)
    }

    /// Forgets the first bytes of what has arrived.
    pub(super) fn unload(&mut self, count: usize) {
        if let Some((_, bytes)) = self.pieces.front_mut() {
            bytes.drain(..count);
            self.bytes -= count;
            if bytes.is_empty() {
                self.pieces.pop_front();
            }
        }
    }
}

/// The way out: a pipe, and what is on its way to it.
#[derive(Debug, Default)]
pub(super) struct Outlet {
    /// `None` where it was taken out to be kept.
    pub(super) pipe: Option<Box<dyn Pipe>>,
    pub(super) flight: Flight,
    /// How writing has ended.
    pub(super) error: Option<ErrorKind>,
    is_shut: bool,
}

impl Outlet {
    pub(super) fn new(pipe: Box<dyn Pipe>) -> Self {
        Self { pipe: Some(pipe), ..Self::default() }
    }

    /// Reads what nobody is there for any more: a pipe that is dropped with it destroys what it was
    /// given last.
    pub(super) fn drain(&mut self, now: Instant) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut waste = [0; 4096];
        for _ in 0..WINDOW / waste.len() {
            if !matches!(pipe.read(now, &mut waste), Ok(1..)) {
                break;
            }
        }
    }

    /// Hands over to the pipe what is due.
    pub(super) fn deliver(&mut self, now: Instant) {
        let Some(pipe) = &mut self.pipe else { return };
        while let Some(bytes) = self.flight.landed(now) {
            match pipe.write(now, (bytes, &[])) {
                Ok(0) => break,
                Ok(count) => self.flight.unload(count),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::Interrupted => break,
                    // Reading goes on: what the far end has said before may still come.
                    kind => {
                        self.error = Some(kind);
                        self.flight = Flight { ended: true, ..Flight::default() };
                    }
                },
            }
        }
        if self.flight.ended && self.flight.pieces.is_empty() && !self.is_shut {
            self.is_shut = true;
            // It fails where the far end is gone already, and then reading finds out.
            let _ = pipe.shut_down_writing(now);
        }
    }
}
