//! The body of the target `frame`: links over scripted pipes against a loop over the whole stream.
//!
//! ```text
//! links | limits, 3 bytes | n, n bytes: how reads are cut | n, n bytes: and writes | stream
//! ```
//!
//! Everything between pipe and payload is the real thing: transport, inbox, rings, framing. Several
//! links share them, each with a part of the stream, so that bytes which end up at the wrong link
//! are noticed.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{Script, framed};
use crate::codec::{Codec, CodecError};
use crate::config::Config;
use crate::frame::{FrameError, Framing, Input, LengthPrefix, Progress};
use crate::id::PeerId;
use crate::inbox::Inbox;
use crate::limits::Limits;
use crate::message::{Encoder, ValueRef};
use crate::reason::{DisconnectReason, ProtocolError};
use crate::transport::{
    Arrival, Close, Conn, Flush, Incoming, Pipe, Source, Streams, Transport, Whose,
};

/// The longest payloads that a script may allow.
pub(super) const LENGTHS: [usize; 8] = [1, 7, 60, 250, 300, 1000, 5000, 70_000];

/// After so many steps without progress a pipe gives or takes one byte.
const DULL: usize = 12;

/// Where a link is closed that is to be closed by this side.
const CLOSES_AFTER: usize = 3;

/// A stream that is to be long is repeated until it fills more than one read buffer.
const LONG: usize = 100 << 10;

pub(super) fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let head = script.byte();
    let (count, long) = (1 + usize::from(head & 3).min(2), head >> 4 == 15);
    let (echo, closes) = (head & 4 != 0, head & 8 != 0);
    let config = Config::new()
        .max_frame_len(LENGTHS[script.below(LENGTHS.len())])
        .messages_per_pump([1, 2, 3, 7, 50, 1000][script.below(6)])
        .bytes_per_pump([1, 10, 100, 1000, 70_000, 1 << 20][script.below(6)])
        .max_outbound(0);
    let reads = script.byte();
    let reads = script.bytes(reads.into());
    let writes = script.byte();
    let writes = script.bytes(writes.into());
    let stream = if long && !script.is_over() {
        script.rest.iter().copied().cycle().take(LONG).collect()
    } else {
        script.rest.to_vec()
    };
    let coarse = if long { 512 } else { 1 };

    let starts = reference(&stream, config.max_frame_len).starts;
    let lines = (0..count).map(|at| {
        // Each link has a stream of its own: it begins at another frame of the whole.
        let start = starts.get(at).copied().unwrap_or_default();
        Line {
            stream: stream[start..].to_vec(),
            // Only writing fails: what a failed read means is its own test's business.
            reads: Steps::new(
                &reads.iter().map(|step| *step.min(&254)).collect::<Vec<_>>(),
                at,
                coarse,
            ),
            writes: Steps::new(writes, at, coarse),
            share: config.bytes_per_pump,
            ..Line::default()
        }
    });
    Bench::new(lines, config.clone(), echo, closes).run();
}

/// What a stream holds, found by a loop that knows no rings.
pub(super) struct Reference {
    max: usize,
    /// Where the frames begin, and where what follows them begins.
    pub(super) starts: Vec<usize>,
    /// Where the frames end: how much of the stream must have been read to know each of them.
    pub(super) ends: Vec<usize>,
    /// What follows the last whole frame.
    pub(super) rest: Rest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    Nothing,
    /// The start of a frame: this many bytes.
    Unfinished(usize),
    Empty,
    TooLong(usize),
}

pub(super) fn reference(stream: &[u8], max: usize) -> Reference {
    let (mut starts, mut ends, mut at) = (vec![0], Vec::new(), 0);
    let rest = loop {
        let left = stream.len() - at;
        let Some(prefix) = stream.get(at..at + 4) else {
            break if left == 0 { Rest::Nothing } else { Rest::Unfinished(left) };
        };
        let len = prefix.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        if len == 0 {
            break Rest::Empty;
        } else if len > max {
            break Rest::TooLong(len);
        } else if left < 4 + len {
            break Rest::Unfinished(left);
        }
        at += 4 + len;
        starts.push(at);
        ends.push(at);
    };
    Reference { max, starts, ends, rest }
}

/// What a pipe does next, over and over: 0 is "later", 1 an interruption, 255 a failure, and all
/// else a number of bytes.
#[derive(Debug, Default)]
struct Steps {
    steps: Vec<u8>,
    next: usize,
    dull: usize,
    /// Bytes are counted in pieces of this size.
    coarse: usize,
}

impl Steps {
    fn new(steps: &[u8], next: usize, coarse: usize) -> Self {
        Self { steps: steps.to_vec(), next, dull: 0, coarse }
    }

    /// How many bytes are to move.
    fn step(&mut self) -> io::Result<usize> {
        let step = self.steps.get(self.next % self.steps.len().max(1)).copied().unwrap_or(254);
        self.next += 1;
        self.dull += 1;
        let len = match step {
            _ if self.dull > DULL => 1,
            0 => return Err(ErrorKind::WouldBlock.into()),
            1 => return Err(ErrorKind::Interrupted.into()),
            2..200 => usize::from(step) - 1,
            200..254 => (usize::from(step) - 199) * 64,
            254 => usize::MAX,
            255 => return Err(ErrorKind::BrokenPipe.into()),
        };
        self.dull = 0;
        Ok(len.saturating_mul(self.coarse))
    }
}

/// The far end of one link.
#[derive(Debug, Default)]
struct Line {
    stream: Vec<u8>,
    /// How much of the stream was read, and whether its end was.
    given: usize,
    ended: bool,
    reads: Steps,
    writes: Steps,
    /// What was written, and whether writing fails by now.
    taken: Vec<u8>,
    failing: bool,
    /// Whether the near end has closed, and has said so.
    closing: bool,
    shut: bool,
    /// Bytes that a pump may read, and has read.
    share: usize,
    read: usize,
}

#[derive(Clone, Debug)]
struct ScriptPipe(Arc<Mutex<Line>>);

impl ScriptPipe {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pipe for ScriptPipe {
    fn read(&mut self, _now: Instant, buffer: &mut [u8]) -> io::Result<usize> {
        let line = &mut *self.line();
        let len = line.reads.step()?.min(buffer.len()).min(line.stream.len() - line.given);
        assert!(line.closing || line.read < line.share, "a pump has read its share and goes on");
        assert!(!line.ended, "read beyond the end");
        buffer[..len].copy_from_slice(&line.stream[line.given..line.given + len]);
        line.given += len;
        line.read += len;
        line.ended = len == 0;
        Ok(len)
    }

    fn write(&mut self, _now: Instant, bytes: (&[u8], &[u8])) -> io::Result<usize> {
        let line = &mut *self.line();
        let all = [bytes.0, bytes.1].concat();
        assert!(!all.is_empty(), "wrote nothing");
        assert!(!line.shut, "wrote after goodbye");
        let step = line.writes.step();
        line.failing |= matches!(&step, Err(error) if error.kind() == ErrorKind::BrokenPipe);
        if line.failing {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let len = step?.min(all.len());
        line.taken.extend(&all[..len]);
        Ok(len)
    }

    fn shut_down_writing(&mut self, _now: Instant) -> io::Result<()> {
        self.line().shut = true;
        Ok(())
    }
}

/// Gives the prepared pipes, one after the other.
#[derive(Debug)]
struct Prepared(VecDeque<ScriptPipe>);

impl Source for Prepared {
    type Pipe = ScriptPipe;

    fn next(&mut self, _now: Instant) -> Option<Arrival<ScriptPipe>> {
        let pipe = self.0.pop_front()?;
        Some(Arrival::Pipe(pipe, SocketAddr::from((Ipv4Addr::LOCALHOST, 1))))
    }

    fn stop(&mut self) {
        self.0.clear();
    }

    fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}

/// A codec that keeps what it is given: the payload, as a message would be made of it.
#[derive(Debug, Default)]
struct Witness(Mutex<Vec<u8>>);

impl Codec for Witness {
    fn name(&self) -> &'static str {
        "witness"
    }

    fn decode(&self, payload: &[u8], _: Limits, _: &mut Encoder) -> Result<(), CodecError> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clear();
        seen.extend_from_slice(payload);
        Ok(())
    }

    fn encode(&self, _: ValueRef<'_>, _: &mut Vec<u8>) -> Result<(), CodecError> {
        Err(CodecError::NotExpressible { what: "anything" })
    }
}

/// What is known of one link.
struct Watched {
    pipe: ScriptPipe,
    reference: Reference,
    conn: Option<Conn>,
    /// Frames seen in all, and in this pump.
    seen: usize,
    in_pump: usize,
    /// Why it ended, if it has, be it that this side closed it.
    closed: Option<DisconnectReason>,
    /// What was accepted to be sent, as frames.
    accepted: Vec<u8>,
}

struct Bench {
    streams: Streams<Prepared>,
    inbox: Inbox,
    witness: Witness,
    config: Config,
    echo: bool,
    /// Whether this side closes its links after some frames.
    closes: bool,
    links: Vec<Watched>,
}

impl Bench {
    fn new(lines: impl Iterator<Item = Line>, config: Config, echo: bool, closes: bool) -> Self {
        let watch = |line: Line| Watched {
            reference: reference(&line.stream, config.max_frame_len),
            pipe: ScriptPipe(Arc::new(Mutex::new(line))),
            conn: None,
            seen: 0,
            in_pump: 0,
            closed: None,
            accepted: Vec::new(),
        };
        let links: Vec<Watched> = lines.map(watch).collect();
        let source = Prepared(links.iter().map(|link| link.pipe.clone()).collect());
        let streams = Streams::new(source, &LengthPrefix, &config);
        let (inbox, witness) = (Inbox::new(), Witness::default());
        Self { streams, inbox, witness, config, echo, closes, links }
    }

    fn run(mut self) {
        // Each pump moves at least a byte of each link, after some that do not.
        let most = self.links.iter().map(|link| link.pipe.line().stream.len()).max().unwrap_or(0);
        let now = Instant::now();
        for _ in 0..(most + 8) * 4 * (DULL + 1) {
            self.pump(now);
            if self.streams.is_done() {
                return self.finish();
            }
        }
        panic!("it never ends");
    }

    fn pump(&mut self, now: Instant) {
        for link in &mut self.links {
            link.in_pump = 0;
            link.pipe.line().read = 0;
        }
        while let Some(event) = self.streams.poll(now, &mut self.inbox) {
            match event {
                Incoming::Opened { conn, .. } => {
                    let next = self.links.iter_mut().find(|link| link.conn.is_none());
                    next.expect("as many links as pipes").conn = Some(conn);
                    self.streams.assign(conn, PeerId(conn));
                }
                Incoming::Payload { owner: Some(PeerId(conn)) } => self.payload(now, conn),
                Incoming::Closed { owner: Some(PeerId(conn)), reason } => {
                    self.link(conn).close(reason);
                }
                Incoming::Undelivered { owner: Some(PeerId(conn)), bytes } => {
                    let link = self.link(conn);
                    let broken = matches!(link.closed, Some(DisconnectReason::Protocol(_)));
                    assert!(bytes > 0 && (broken || link.pipe.line().failing), "lost, and why?");
                }
                other => panic!("{other:?}"),
            }
        }
        self.streams.flush(now, Flush::AtEnd);
        let share = self.config.messages_per_pump;
        self.links.iter().for_each(|link| link.is_prompt(share));
    }

    fn payload(&mut self, now: Instant, conn: Conn) {
        // What the witness has seen counts; that most payloads are no messages does not.
        let _ = self.inbox.message(Some(&self.witness), self.config.limits());
        let payload = {
            let mut seen = self.witness.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *seen)
        };
        let share = self.config.messages_per_pump;
        self.link(conn).payload(&payload, share);
        if self.echo && self.streams.send(now, conn, &payload, Whose::Game).is_ok() {
            let most = self.config.max_frame_len + 16;
            let link = self.link(conn);
            link.accepted.extend(framed(&payload));
            let line = link.pipe.line();
            assert!(
                line.failing || link.accepted.len() - line.taken.len() <= most,
                "too much waits"
            );
        }
        if self.closes && self.link(conn).seen == CLOSES_AFTER {
            self.link(conn).closed = Some(DisconnectReason::LocalClose);
            self.link(conn).pipe.line().closing = true;
            self.streams.close(conn, Close::Gracefully);
        }
    }

    #[track_caller]
    fn link(&mut self, conn: Conn) -> &mut Watched {
        let link = self.links.iter_mut().find(|link| link.conn == Some(conn));
        link.expect("a link that was opened")
    }

    fn finish(self) {
        for link in self.links {
            let line = link.pipe.line();
            assert!(link.closed.is_some(), "a link is gone without a word");
            assert!(link.accepted.starts_with(&line.taken), "what was sent is what was written");
            let orderly = matches!(
                link.closed,
                Some(
                    DisconnectReason::Closed
                        | DisconnectReason::CutOff { .. }
                        | DisconnectReason::LocalClose
                )
            );
            if orderly && !line.failing {
                assert_eq!(line.taken.len(), link.accepted.len(), "all that was sent is written");
                assert!(!line.closing || (line.shut && line.ended), "a goodbye on both sides");
            }
        }
    }
}

impl Watched {
    fn payload(&mut self, payload: &[u8], share: usize) {
        assert_eq!(self.closed, None, "a frame after the end");
        let (Some(start), Some(end)) =
            (self.reference.starts.get(self.seen), self.reference.ends.get(self.seen))
        else {
            panic!("a frame too many");
        };
        let line = self.pipe.line();
        assert_eq!(payload, &line.stream[start + 4..*end], "frame {}", self.seen);
        assert!(*end <= line.given, "a frame before its bytes");
        self.seen += 1;
        self.in_pump += 1;
        assert!(self.in_pump <= share, "more than the share of a pump");
    }

    fn close(&mut self, reason: DisconnectReason) {
        assert_eq!(self.closed, None, "an end after the end");
        let line = self.pipe.line();
        assert_eq!(self.seen, self.known(&line), "the frames before the end come first");
        let at = self.reference.starts[self.seen];
        // The same end as the framing alone finds in one piece, and as the reference does.
        let whole = Input::new((&line.stream[at..], &[]));
        let max = self.reference.max;
        match (&reason, self.reference.rest) {
            (DisconnectReason::Closed, Rest::Nothing) => assert!(line.ended),
            (DisconnectReason::CutOff { bytes }, Rest::Unfinished(left)) => {
                assert!(line.ended && *bytes == left, "{bytes} of {left}");
            }
            (DisconnectReason::Protocol(ProtocolError::Frame(error)), rest) => {
                assert_eq!(LengthPrefix.find(whole, &mut Progress::default(), max), Err(*error));
                match (error, rest) {
                    (FrameError::Empty, Rest::Empty) => {}
                    (FrameError::TooLong { len, .. }, Rest::TooLong(found)) if *len == found => {}
                    _ => panic!("{error} where there is {rest:?}"),
                }
            }
            (DisconnectReason::Io(ErrorKind::BrokenPipe), _) => assert!(line.failing),
            (reason, rest) => panic!("{reason} where there is {rest:?}"),
        }
        drop(line);
        self.closed = Some(reason);
    }

    /// How many frames can be known from what was read.
    fn known(&self, line: &Line) -> usize {
        self.reference.ends.partition_point(|end| *end <= line.given)
    }

    /// What was read is handled in the same pump, as far as its share goes; so is the end.
    fn is_prompt(&self, share: usize) {
        if self.closed.is_some() || self.in_pump == share {
            return;
        }
        let line = self.pipe.line();
        assert_eq!(self.seen, self.known(&line), "a frame is there and not handled");
        let behind = line.given - self.reference.starts[self.seen];
        let broken = matches!(self.reference.rest, Rest::Empty | Rest::TooLong(_));
        assert!(
            !(broken && self.seen == self.reference.ends.len() && behind >= 4),
            "a broken frame is there and not refused"
        );
        assert!(!line.ended, "the end was read and is not told");
    }
}
