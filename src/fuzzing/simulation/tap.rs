//! Taps: bad pipes, and what has gone through them.
//!
//! ```text
//! endpoint ──> tap [ short? later? interrupted? broken? ] ──> stream in memory ──> far end
//!               └─ what was read and written, and when
//! ```
//!
//! A tap stands below everything that is under test. So the model knows what an endpoint has read
//! and written without asking it, and each error that a system can give is given.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::choices::Choices;
use crate::fuzzing::world::line;
use crate::reason::ConnectError;
use crate::transport::{Arrival, MemoryNetwork, MemoryStream, Pipe, Source};

/// An endpoint's reads are this long at least; shorter ones throw away what nobody will handle.
const DRAINING: usize = 4096;

/// How long a listener rests that could not accept.
const REST: Duration = Duration::from_millis(100);

/// How bad a pipe is.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::fuzzing) struct Weather {
    /// The most bytes that a read gives and a write takes; 0 is any number.
    pub(super) piece: usize,
    /// How many of 256 calls say "later", and how many "interrupted".
    pub(super) later: usize,
    pub(super) interrupted: usize,
    /// How many of 65,536 calls break the pipe, and whether for writing only.
    pub(super) breaks: usize,
    pub(super) one_way: bool,
}

/// What is known of a pipe.
#[derive(Debug)]
pub(in crate::fuzzing) struct Log {
    pub(super) weather: Weather,
    choices: Choices,
    /// What was read and not yet looked at, and when the last of it came.
    pub(in crate::fuzzing) read: Vec<u8>,
    pub(in crate::fuzzing) read_at: Option<Instant>,
    pub(super) read_in_all: u64,
    /// The end was read.
    pub(in crate::fuzzing) ended: bool,
    /// What was written and not yet looked at.
    pub(super) written: Vec<u8>,
    pub(super) written_in_all: u64,
    /// The last write did not take all.
    pub(in crate::fuzzing) is_stuck: bool,
    /// All errors that were given.
    pub(in crate::fuzzing) errors: Vec<ErrorKind>,
    /// How reading, and how writing, is broken.
    broken: [Option<ErrorKind>; 2],
    pub(super) is_shut: bool,
    /// An endpoint has it.
    pub(super) is_taken: bool,
    /// The endpoint has dropped the pipe.
    pub(super) is_gone: bool,
    /// In this pump: how many calls have read, how much was read, how many calls have drained.
    pub(super) reads: usize,
    pub(super) bytes: usize,
    pub(super) drains: usize,
}

#[derive(Clone, Debug)]
pub(in crate::fuzzing) struct Tap(Arc<Mutex<Log>>);

impl Tap {
    pub(super) fn new(weather: Weather, choices: Choices) -> Self {
        Self(Arc::new(Mutex::new(Log {
            weather,
            choices,
            read: Vec::new(),
            read_at: None,
            read_in_all: 0,
            ended: false,
            written: Vec::new(),
            written_in_all: 0,
            is_stuck: false,
            errors: Vec::new(),
            broken: [None; 2],
            is_shut: false,
            is_taken: false,
            is_gone: false,
            reads: 0,
            bytes: 0,
            drains: 0,
        })))
    }

    pub(in crate::fuzzing) fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A pump begins.
    pub(super) fn begin(&self) {
        let mut log = self.lock();
        (log.reads, log.bytes, log.drains) = (0, 0, 0);
    }
}

impl Log {
    /// What the weather does to a call; how many bytes may move otherwise.
    fn weather(&mut self, writing: bool) -> io::Result<usize> {
        if let Some(kind) = self.broken[usize::from(writing)] {
            return Err(kind.into());
        }
        let Weather { piece, later, interrupted, breaks, one_way } = self.weather;
        if breaks > 0 && self.choices.below(1 << 16) < breaks {
            let kind = self.choices.one_of(&[
                ErrorKind::ConnectionReset,
                ErrorKind::ConnectionAborted,
                ErrorKind::BrokenPipe,
                ErrorKind::NotConnected,
                ErrorKind::TimedOut,
                ErrorKind::Other,
            ]);
            self.errors.push(kind);
            self.broken[1] = Some(kind);
            if !one_way {
                self.broken[0] = Some(kind);
            }
            if writing || !one_way {
                return Err(kind.into());
            }
        }
        if interrupted > 0 && self.choices.below(256) < interrupted {
            return Err(ErrorKind::Interrupted.into());
        }
        if later > 0 && self.choices.below(256) < later {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(if piece == 0 { usize::MAX } else { 1 + self.choices.below(piece) })
    }

    fn note<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &outcome {
            if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) {
                self.errors.push(error.kind());
            }
        }
        outcome
    }
}

/// A pipe with a tap.
pub(super) struct Tapped {
    stream: MemoryStream,
    tap: Tap,
}

impl fmt::Debug for Tapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tapped")
    }
}

impl Pipe for Tapped {
    fn read(&mut self, now: Instant, buffer: &mut [u8]) -> io::Result<usize> {
        let mut log = self.tap.lock();
        let draining = buffer.len() <= DRAINING;
        if draining {
            log.drains += 1;
        } else {
            log.reads += 1;
        }
        let most = log.weather(false)?.min(buffer.len());
        let len = log.note(Pipe::read(&mut self.stream, now, &mut buffer[..most]))?;
        log.ended |= len == 0;
        if !draining {
            log.read.extend(&buffer[..len]);
            log.read_in_all += len as u64;
            log.bytes += len;
            if len > 0 {
                log.read_at = Some(now);
            }
        }
        Ok(len)
    }

    fn write(&mut self, now: Instant, (first, second): (&[u8], &[u8])) -> io::Result<usize> {
        let mut log = self.tap.lock();
        assert!(!log.is_shut, "written behind the end");
        assert!(!first.is_empty(), "a call for nothing");
        log.is_stuck = true;
        let most = log.weather(true)?;
        let first_part = &first[..first.len().min(most)];
        let second_part = &second[..second.len().min(most - first_part.len())];
        let len = log.note(Pipe::write(&mut self.stream, now, (first_part, second_part)))?;
        log.written.extend(first.iter().chain(second).take(len));
        log.written_in_all += len as u64;
        log.is_stuck = len < first.len() + second.len();
        Ok(len)
    }

    fn shut_down_writing(&mut self, now: Instant) -> io::Result<()> {
        let mut log = self.tap.lock();
        assert!(!log.is_shut, "ended twice");
        log.is_shut = true;
        Pipe::shut_down_writing(&mut self.stream, now)?;
        // As macOS does it where the far end is gone.
        if log.errors.is_empty() { Ok(()) } else { Err(ErrorKind::NotConnected.into()) }
    }
}

impl Drop for Tapped {
    fn drop(&mut self) {
        self.tap.lock().is_gone = true;
    }
}

/// The taps of a server's pipes, by line: those who connect bring their weather.
#[derive(Clone, Debug, Default)]
pub(super) struct Taps(Arc<Mutex<Vec<Tap>>>);

impl Taps {
    pub(super) fn push(&self, tap: Tap) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tap);
    }

    fn get(&self, line: usize) -> Tap {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[line].clone()
    }
}

/// A listener that cannot accept now and then.
#[derive(Debug)]
pub(super) struct Listener<S> {
    source: S,
    taps: Taps,
    choices: Choices,
    /// How many of 256 looks find no descriptor left.
    trouble: usize,
    rest_until: Option<Instant>,
}

impl<S> Listener<S> {
    pub(super) fn new(source: S, taps: &Taps, choices: Choices, trouble: usize) -> Self {
        Self { source, taps: taps.clone(), choices, trouble, rest_until: None }
    }
}

impl<S: Source<Pipe = MemoryStream>> Source for Listener<S> {
    type Pipe = Tapped;

    fn next(&mut self, now: Instant) -> Option<Arrival<Tapped>> {
        if self.rest_until.is_some_and(|until| now < until) {
            return None;
        }
        if self.trouble > 0 && self.choices.below(256) < self.trouble {
            self.rest_until = Some(now + REST);
            return Some(Arrival::Trouble(io::Error::other("too many open files")));
        }
        Some(match self.source.next(now)? {
            Arrival::Pipe(stream, addr) => {
                let tap = self.taps.get(line(addr));
                tap.lock().is_taken = true;
                Arrival::Pipe(Tapped { stream, tap }, addr)
            }
            Arrival::Failed(error) => Arrival::Failed(error),
            Arrival::Trouble(error) => Arrival::Trouble(error),
        })
    }

    fn stop(&mut self) {
        self.source.stop();
    }

    fn is_done(&self) -> bool {
        self.source.is_done()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.source.local_addr()
    }
}

/// A client's attempt to connect, which takes its time and may come to nothing.
#[derive(Debug)]
pub(super) struct Dialer {
    pub(super) network: MemoryNetwork,
    pub(super) from: IpAddr,
    pub(super) to: Option<SocketAddr>,
    pub(super) tap: Tap,
    /// After how many looks something happens, and whether it is a failure.
    pub(super) looks: usize,
    pub(super) fails: bool,
}

impl Source for Dialer {
    type Pipe = Tapped;

    fn next(&mut self, _now: Instant) -> Option<Arrival<Tapped>> {
        if self.looks > 0 {
            self.looks -= 1;
            return None;
        }
        let to = self.to.take()?;
        let target = to.to_string();
        if self.fails {
            let after = Duration::from_secs(10);
            return Some(Arrival::Failed(ConnectError::TimedOut { target, after }));
        }
        Some(match self.network.connect_from(self.from, to) {
            Ok(stream) => Arrival::Pipe(Tapped { stream, tap: self.tap.clone() }, to),
            Err(_) => Arrival::Failed(ConnectError::Refused { target }),
        })
    }

    fn stop(&mut self) {
        self.to = None;
    }

    fn is_done(&self) -> bool {
        self.to.is_none()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}
