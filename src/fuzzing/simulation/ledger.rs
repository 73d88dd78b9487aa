//! Ledgers: what an endpoint says that it does, held against what its pipes have seen.
//!
//! ```text
//! on_trace ── sent ──> ledger ──> book of a line [ expected | expected ] == frames written
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Config;
use crate::dialect::Dialect;
use crate::frame::{Input, Progress};
use crate::fuzzing::world::canonical;
use crate::id::PeerId;
use crate::message::{ACTION, Encoder, IntoValue, MapRef, ValueRef};
use crate::reason::DisconnectReason;
use crate::trace::{Step, Trace};

use super::tap::Tap;

/// One step of a connection.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) peer: PeerId,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Connected(usize),
    Received(Vec<u8>),
    Sent(Vec<u8>),
    Ended(DisconnectReason),
}

/// The steps since somebody has last looked, and the last lines of a log for people.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger(Arc<Mutex<Vec<Entry>>>);

impl Ledger {
    pub(super) fn tracer(
        &self,
        who: String,
        diary: &Diary,
    ) -> impl FnMut(&Trace<'_>) + Send + 'static {
        let (entries, diary) = (Arc::clone(&self.0), diary.clone());
        move |trace| {
            diary.note(|| format!("{who} {trace}"));
            let what = match trace.step {
                Step::Connected(addr) if addr.is_ipv6() => {
                    What::Connected(crate::fuzzing::world::line(addr))
                }
                Step::Connected(_) => What::Connected(0),
                Step::Received(message) => What::Received(normal(ValueRef::Map(message))),
                Step::Sent(message) => What::Sent(normal(ValueRef::Map(message))),
                Step::Disconnected(reason) => What::Ended(reason.clone()),
                Step::ConnectFailed(_) => return,
            };
            let entry = Entry { peer: trace.peer, what };
            entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        }
    }

    pub(super) fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is printed of a seed that fails. It is kept by a replay only.
#[derive(Clone, Debug, Default)]
pub(super) struct Diary(Option<Arc<Mutex<VecDeque<String>>>>);

/// How many lines are kept.
const LINES: usize = 60;

impl Diary {
    #[cfg(test)]
    pub(super) fn open() -> Self {
        Self(Some(Arc::default()))
    }

    pub(super) fn note(&self, line: impl FnOnce() -> String) {
        let Some(lines) = &self.0 else { return };
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        let line: String = line().chars().take(160).collect();
        lines.push_back(line);
    }

    #[cfg(test)]
    pub(super) fn read(&self) -> String {
        let Some(lines) = &self.0 else { return String::new() };
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// A value in its shortest form.
pub(super) fn normal(value: ValueRef<'_>) -> Vec<u8> {
    let mut out = Encoder::writing_to(Vec::new());
    value.encode(&mut out);
    out.into_buffer()
}

/// The action of a message in its shortest form.
pub(super) fn action(message: &[u8]) -> &str {
    MapRef::of(message).get(ACTION).and_then(ValueRef::as_str).unwrap_or_default()
}

/// A message as those hear it who speak a dialect, and how long its payload is.
fn as_heard(dialect: Dialect, message: &[u8]) -> (Vec<u8>, usize) {
    let Some(codec) = dialect.codec() else { return (message.to_vec(), message.len()) };
    let value = ValueRef::at(message, 0).expect("a whole message");
    let mut payload = Vec::new();
    codec.encode(value, &mut payload).expect("what was sent can be said");
    (read(dialect, &payload), payload.len())
}

fn read(dialect: Dialect, payload: &[u8]) -> Vec<u8> {
    let canonical = canonical(dialect, payload, &Config::new()).expect("a payload of our own");
    normal(ValueRef::at(&canonical, 0).expect("a whole message"))
}

/// What one end of a connection has to say, and what of that is on its way.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) dialect: Dialect,
    /// Whether the first word is a server's greeting.
    greets: bool,
    /// Messages of the game that were sent, as the far end hears them.
    pub(super) said: Vec<Vec<u8>>,
    /// The bytes of their payloads.
    pub(super) bytes: u64,
    /// Whether the first word is said.
    has_begun: bool,
    /// How many messages of either kind were sent.
    pub(super) sent: usize,
    /// What was sent and has not yet been seen on the wire, and how long it is there, if it is the
    /// game's.
    expected: VecDeque<(Vec<u8>, usize)>,
    /// The start of a frame on the wire.
    begun: Vec<u8>,
}

impl Book {
    pub(super) fn new(dialect: Dialect, greets: bool) -> Self {
        Self { dialect, greets, ..Self::default() }
    }

    /// Whether nothing was said yet.
    pub(super) fn is_new(&self) -> bool {
        !self.has_begun
    }

    /// Something was sent; tells how long its payload is.
    pub(super) fn sent(&mut self, message: &[u8]) -> usize {
        let (heard, len) = as_heard(self.dialect, message);
        self.sent += 1;
        let mut game = 0;
        let is_greeting = !std::mem::replace(&mut self.has_begun, true) && self.greets;
        if !is_greeting && !action(&heard).starts_with('$') {
            self.said.push(heard.clone());
            self.bytes += len as u64;
            let framing = self.dialect.framing();
            game = framing.header(len).as_bytes().len() + len + framing.trailer().len();
        }
        self.expected.push_back((heard, game));
        len
    }

    /// What goes over the wire is what was sent, in this order.
    pub(super) fn read(&mut self, tap: &Tap) {
        let mut tap = tap.lock();
        if tap.written.is_empty() {
            return;
        }
        self.begun.append(&mut tap.written);
        drop(tap);
        let framing = self.dialect.framing();
        let mut at = 0;
        loop {
            let input = Input::new((&self.begun[at..], &[]));
            let found = framing.find(input, &mut Progress::default(), 1 << 20);
            let Some(frame) = found.expect("frames are written") else { break };
            let payload = &self.begun[at..][frame.payload];
            let written = read(self.dialect, payload);
            let (expected, _) = self.expected.pop_front().expect("written, and nothing was sent");
            assert_eq!(written, expected, "written, and not what was sent");
            at += frame.len;
        }
        self.begun.drain(..at);
        assert!(
            self.begun.is_empty() || !self.expected.is_empty(),
            "more is written than was sent"
        );
    }

    /// How many messages are on the wire as a whole.
    pub(super) fn written(&self) -> usize {
        self.sent - self.expected.len()
    }

    /// How many bytes of the game's wait, at least.
    pub(super) fn waiting(&self) -> usize {
        let game: usize = self.expected.iter().map(|(_, len)| len).sum();
        game.saturating_sub(self.begun.len())
    }

    /// How many bytes wait, the library's own included, frames left out.
    pub(super) fn waiting_in_all(&self) -> usize {
        self.expected.iter().map(|(heard, _)| heard.len()).sum()
    }

    /// Whether all that was sent is on the wire.
    pub(super) fn is_empty(&self) -> bool {
        self.expected.is_empty()
    }
}
