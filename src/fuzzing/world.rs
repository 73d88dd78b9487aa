//! The game that the target `endpoint` and the simulation play: what its handlers are told is held
//! against what was sent.
//!
//! ```text
//! line    sent  [ message | message | no message | half a fra     what one connection has said
//!                          ^ at                                   what the handlers have heard
//! ```
//!
//! Whatever the server tells of a connection has to be what stands next in its line: a message, a
//! value that is none, or an end for this very reason. The target writes into the lines itself; the
//! simulation has a [`Tap`] at each of the server's pipes, and knows what the server has read.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::panic::resume_unwind;
use std::time::{Duration, Instant};

use super::simulation::{Choices, Tap, kind_of};
use crate::config::Config;
use crate::context::Context;
use crate::dialect::Dialect;
use crate::dispatch::Handlers;
use crate::error::{Fault, FaultCause, HandlerError, Limit};
use crate::event::Event;
use crate::frame::{Input, Progress};
use crate::id::PeerId;
use crate::inbox::{Unread, translate};
use crate::message::{Index, Message, MessageError, Outgoing, ReadError, ValueRef};
use crate::net::Faults;
use crate::reason::{DisconnectReason, ProtocolError, Timeout};
use crate::server::Server;
use crate::value::Value;

/// How much more than the game the library may have waiting for a peer.
pub(super) const OWN_ROOM: usize = 2048;

/// The canary's line is the first.
const CANARY: usize = 0;

/// What the server and its well-behaved clients call themselves.
pub(super) const GAME: &str = "fuzz";
pub(super) const VERSION: &str = "1";

/// What a handler throws that panics because it was told to. Thrown without the panic hook, so that
/// a fuzzer does not take it for a failure.
pub(super) struct Tripped;

/// What is known of one connection to the server.
#[derive(Default)]
pub(super) struct Line {
    /// What was sent to the server, and how far its handlers have heard of it.
    pub(super) sent: Vec<u8>,
    pub(super) at: usize,
    /// Whether this side has said that nothing more comes.
    pub(super) ended: bool,
    pub(super) peer: Option<PeerId>,
    household: u16,
    pub(super) refused: bool,
    pub(super) left: bool,
    /// Why it has left.
    pub(super) reason: Option<DisconnectReason>,
    /// How long it had been silent when it was given up, if that is told by a later pump only: a
    /// handler's panic has kept it from being told by its own.
    pub(super) silent_for: Option<Duration>,
    /// How many of the last bytes to it the server has told to be lost.
    pub(super) undelivered: Option<usize>,
    pub(super) dialect: Dialect,
    /// Where the server's end of it is listened to.
    pub(super) tap: Option<Tap>,
    /// How far it had been read, and when.
    arrivals: Vec<(usize, Instant)>,
    /// When its connection came about, and bytes came last.
    pub(super) up_at: Option<Instant>,
    pub(super) read_at: Option<Instant>,
    pub(super) heard: usize,
    pub(super) heard_in_pump: usize,
    /// When the handlers last heard of it.
    pub(super) heard_at: Option<Instant>,
    /// Whether a message of it was heard, and whether that or a later one has made it a hexapod.
    spoken: bool,
    pub(super) hexapod: bool,
    /// The longest payload that a hexapod accepts.
    pub(super) max_frame: usize,
    /// How many of its words are for the session: nobody is told when they are heard.
    pub(super) untold: usize,
    /// Whether it was sent away, and closed from within.
    pub(super) kicked: bool,
    pub(super) closed: bool,
    /// What the second set of handlers was told: that it has come, and that it has left.
    second: (bool, bool),
}

/// What the server's next words about a connection can be, by what was sent.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    Message {
        canonical: Vec<u8>,
        end: usize,
    },
    NotAMessage {
        end: usize,
        error: MessageError,
    },
    Broken(ProtocolError),
    /// The peer plays another game.
    Mismatch,
    Goodbye,
    /// The start of a frame: this many bytes.
    Unfinished(usize),
}

/// The game's state.
pub(super) struct World {
    pub(super) config: Config,
    pub(super) now: Instant,
    pub(super) lines: Vec<Line>,
    /// Every peer that there ever was.
    pub(super) peers: Vec<PeerId>,
    /// Since the last pump that came to its end: peers that came and left, messages.
    pub(super) opened: u64,
    pub(super) closed: u64,
    pub(super) messages: u64,
    pub(super) trips_on_leaving: bool,
    /// Whether the server has told that something was not delivered.
    pub(super) lost: bool,
    /// What the server has told to have gone wrong, and how much more without saying what.
    pub(super) faults: Faults,
    pub(super) more_faults: u64,
    /// All messages that were handled, and their bytes.
    pub(super) handled: (u64, u64),
    /// The first pump after the last pause, as silence is judged and as frames are.
    pub(super) resumed: Option<Instant>,
    pub(super) resumed_frames: Vec<Instant>,
    /// Since when every pump has listened to everybody.
    pub(super) steady_since: Option<Instant>,
    /// What handlers do that do as they like, and whether one has asked for the end.
    pub(super) choices: Choices,
    pub(super) wants_end: bool,
    /// What further sets of handlers were told that come and go.
    pub(super) more_sets: Vec<MoreSet>,
    /// Whether the server was told to shut down.
    pub(super) closing: bool,
    /// Whether there is a queue of events, and what is to be found there.
    pub(super) queues: bool,
    pub(super) events: VecDeque<Told>,
}

/// What a queued event has to tell.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    Connected(PeerId),
    Disconnected(PeerId, DisconnectReason),
    Message(PeerId, Vec<u8>),
}

impl Told {
    pub(super) fn from_queue(event: &Event) -> Self {
        match event {
            Event::Connected { peer } => Self::Connected(*peer),
            Event::Disconnected { peer, reason } => Self::Disconnected(*peer, reason.clone()),
            Event::Message { peer, message } => {
                Self::Message(*peer, message.as_message().as_bytes().to_vec())
            }
            Event::ConnectFailed { error } => panic!("a server does not connect: {error}"),
        }
    }
}

/// What a set of handlers was told that was attached later on, until it is detached.
#[derive(Debug, Default)]
pub(super) struct MoreSet {
    pub(super) is_there: bool,
    came: Vec<PeerId>,
    left: Vec<PeerId>,
}

impl MoreSet {
    pub(super) fn attached() -> Self {
        Self { is_there: true, ..Self::default() }
    }

    pub(super) fn came(&mut self, peer: PeerId) {
        assert!(self.is_there, "told after it was detached");
        assert!(!self.came.contains(&peer) && !self.left.contains(&peer), "told twice");
        self.came.push(peer);
    }

    pub(super) fn left(&mut self, peer: PeerId) {
        assert!(self.is_there, "told after it was detached");
        assert!(!self.left.contains(&peer), "told twice");
        self.left.push(peer);
    }

    /// Of whom it was told that they came, it was told that they left.
    pub(super) fn check(&self, lines: &[Line]) {
        let gone = |peer: &&PeerId| lines.iter().any(|l| l.left && l.peer == Some(**peer));
        let gone = self.came.iter().filter(gone);
        let told = |peer: &PeerId| !self.is_there || self.left.contains(peer);
        assert!(gone.into_iter().all(told), "a set was not told of an end");
    }
}

/// The game's data of one peer.
#[derive(Debug, Default)]
pub(super) struct Player {
    pub(super) line: usize,
    pub(super) heard: usize,
}

pub(super) type Ctx<'a, 'c> = &'a mut Context<'c, World, Player>;

/// Where the payload of the frame begins and ends that stands here, if it is whole.
pub(super) fn whole_frame(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let prefix = bytes.get(at..at + 4)?;
    let len = prefix.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
    let (start, end) = (at + 4, at + 4 + len);
    (end <= bytes.len()).then_some((start, end))
}

/// What stands at this place of what was sent.
fn next(line: &Line, config: &Config) -> Next {
    let (rest, dialect) = (&line.sent[line.at..], line.dialect);
    let (input, progress) = (Input::new((rest, &[])), &mut Progress::default());
    // Looked at in one piece; that pieces make no difference is the business of other targets.
    let frame = match dialect.framing().find(input, progress, config.max_frame_len) {
        Ok(Some(frame)) => frame,
        Ok(None) => return Next::Unfinished(rest.len()),
        Err(error) => return Next::Broken(ProtocolError::Frame(error)),
    };
    let (payload, end) = (&rest[frame.payload], line.at + frame.len);
    let canonical = match canonical(dialect, payload, config) {
        Ok(canonical) => canonical,
        Err(Unread::NotAMessage(error)) => return Next::NotAMessage { end, error },
        Err(Unread::Broken(error)) => return Next::Broken(error),
    };
    match Message::read(&canonical, &mut Index::default(), config.limits()) {
        Ok(_) => Next::Message { canonical, end },
        Err(ReadError::NotAMessage(error)) => Next::NotAMessage { end, error },
        Err(ReadError::Malformed(error)) => Next::Broken(ProtocolError::Payload(error)),
    }
}

/// A payload of a dialect as canonical bytes.
pub(super) fn canonical(
    dialect: Dialect,
    payload: &[u8],
    config: &Config,
) -> Result<Vec<u8>, Unread> {
    let mut canonical = Vec::new();
    match dialect.codec() {
        None => canonical.extend(payload),
        Some(codec) => translate(codec, payload, config.limits(), &mut canonical)?,
    }
    Ok(canonical)
}

/// What a hello calls its game, and the longest payload that it accepts; nothing if it is not
/// understood.
fn introduction(hello: &Message<'_>) -> Option<(String, usize)> {
    let (game, version): (&str, &str) = (hello.get("game").ok()?, hello.get("version").ok()?);
    let max_frame = hello.get("max_frame").ok()?;
    hello.get::<Option<bool>>("full").ok()?;
    let wire = hello.get::<u32>("wire").ok()?;
    let name = if wire == 1 { format!("{game} {version}") } else { String::new() };
    Some((name.trim().to_owned(), max_frame))
}

/// The household that has this address.
fn household(addr: SocketAddr) -> u16 {
    match addr.ip() {
        IpAddr::V6(ip) => ip.segments()[3],
        IpAddr::V4(_) => panic!("nobody comes from {addr}"),
    }
}

impl Line {
    pub(super) fn tapped(dialect: Dialect, tap: Tap) -> Self {
        Self { dialect, tap: Some(tap), ..Self::default() }
    }

    /// Takes over what the server has read.
    pub(super) fn listen(&mut self) {
        let Some(tap) = &self.tap else { return };
        let mut tap = tap.lock();
        if !tap.read.is_empty() {
            self.sent.append(&mut tap.read);
            self.arrivals.retain(|(end, _)| *end > self.at);
            self.arrivals.extend(tap.read_at.map(|then| (self.sent.len(), then)));
        }
        self.read_at = tap.read_at;
        self.ended = tap.ended;
    }

    /// How long nothing has come.
    pub(super) fn silence(&self, now: Instant, resumed: Option<Instant>) -> Duration {
        let heard = self.read_at.max(self.up_at).max(self.heard_at).unwrap_or(now);
        let since = if self.hexapod { Some(heard).max(resumed) } else { Some(heard) };
        now.saturating_duration_since(since.unwrap_or(heard))
    }

    /// How long it may be silent.
    pub(super) fn patience(&self, config: &Config) -> Duration {
        if self.hexapod { config.idle_timeout } else { config.plain_idle_timeout }
    }
}

/// The line that has this address.
pub(super) fn line(addr: SocketAddr) -> usize {
    match addr.ip() {
        IpAddr::V6(ip) => ip.segments()[7].into(),
        IpAddr::V4(_) => panic!("nobody comes from {addr}"),
    }
}

impl World {
    /// What stands next in a line, and is for the game; the session's own words are passed over.
    pub(super) fn next(&mut self, line: usize) -> Next {
        let line = &mut self.lines[line];
        line.listen();
        loop {
            let next = next(line, &self.config);
            let Next::Message { canonical, end } = &next else { return next };
            let (end, mut index) = (*end, Index::default());
            let message = Message::read(canonical, &mut index, self.config.limits());
            let Ok(message) = message else { panic!("a message that is none") };
            match (message.action(), line.hexapod) {
                ("$bye", true) => return Next::Goodbye,
                (action, true) if action.starts_with('$') => {}
                ("$hello", false) if !line.spoken => match introduction(&message) {
                    None => return Next::Broken(ProtocolError::BadHello),
                    Some((name, _)) if name != format!("{GAME} {VERSION}") => {
                        return Next::Mismatch;
                    }
                    Some((_, max_frame)) => {
                        line.hexapod = true;
                        line.max_frame = max_frame;
                    }
                },
                _ => return next,
            }
            line.spoken = true;
            line.untold += 1;
            line.at = end;
        }
    }

    /// Whether a line may be told what is only for hexapods.
    pub(super) fn is_hexapod(&mut self, line: usize) -> bool {
        self.next(line) == Next::Mismatch || self.lines[line].hexapod
    }

    fn keep(&mut self, told: Told) {
        if self.queues {
            self.events.push_back(told);
        }
    }

    /// The line of a peer that has connected.
    pub(super) fn line_of(&mut self, peer: PeerId) -> &mut Line {
        let line = self.lines.iter_mut().find(|line| line.peer == Some(peer));
        line.expect("a peer that has connected")
    }

    /// Any peer that there ever was, but the canary.
    pub(super) fn some_peer(&self, which: usize) -> Option<PeerId> {
        let strangers = self.peers.get(1..)?;
        strangers.get(which % strangers.len().max(1)).copied()
    }

    /// Whether there is nothing more to be told of a line for now.
    pub(super) fn is_settled(&mut self, at: usize) -> bool {
        let line = &self.lines[at];
        line.refused
            || line.left
            || (line.peer.is_some() && matches!(self.next(at), Next::Unfinished(_)))
    }

    /// Whether both sets of handlers have been told the same.
    pub(super) fn sets_agree(&self) -> bool {
        self.lines.iter().all(|line| line.second == (line.peer.is_some(), line.left))
    }

    /// Fetches what was queued, which is what the handlers were told; tells whether it was so much
    /// that reading has stopped.
    pub(super) fn fetch(&mut self, server: &mut Server<Self, Player>, queue: usize) -> bool {
        let mut fetched = 0;
        while let Some(event) = server.next_event() {
            fetched += 1;
            assert_eq!(Some(Told::from_queue(&event)), self.events.pop_front());
        }
        assert!(self.events.is_empty(), "not queued: {:?}", self.events);
        // One more message, and whoever left because of it.
        let most = queue + 2 + self.lines.len();
        assert!(!self.queues || fetched <= most, "read on with a full queue");
        self.queues && fetched >= queue
    }

    /// The table of peers is what the handlers have been told.
    pub(super) fn check_peers(&self, server: &Server<Self, Player>) {
        let here: Vec<PeerId> = server.peers().map(|peer| peer.id()).collect();
        let told = self.peers.iter().copied();
        let told = told.filter(|id| self.lines.iter().any(|l| l.peer == Some(*id) && !l.left));
        assert!(told.eq(here.iter().copied()), "the table differs from what was told");
        assert!(here.is_sorted() && here.len() <= self.config.max_peers);
        for peer in server.peers() {
            let (player, line) = (peer.data(), line(peer.addr()));
            assert_eq!((player.line, player.heard), (line, self.lines[line].heard));
            assert_eq!(peer.dialect(), self.lines[line].dialect);
        }
    }

    /// How many are here, in all and from a household.
    fn here(&self, household: u16) -> (usize, usize) {
        let here = self.lines.iter().filter(|line| line.peer.is_some() && !line.left);
        (here.clone().count(), here.filter(|line| line.household == household).count())
    }

    fn connected(&mut self, line: usize, peer: PeerId, household: u16) {
        let (all, housemates) = self.here(household);
        assert!(all < self.config.max_peers && housemates < self.config.max_peers_per_address);
        assert!(self.peers.last().is_none_or(|last| *last < peer), "ids count up");
        self.peers.push(peer);
        self.opened += 1;
        self.keep(Told::Connected(peer));
        let line = &mut self.lines[line];
        assert!(line.peer.is_none() && !line.refused, "connected twice");
        line.peer = Some(peer);
        line.household = household;
        // It was there before anybody was told: who watches the taps knows since when.
        if line.tap.is_none() {
            line.heard_at = Some(self.now);
        }
    }

    /// A message is handled: the next one of this line, and no other.
    fn handle(&mut self, at: usize, peer: PeerId, payload: &[u8]) {
        let next = self.next(at);
        let Next::Message { canonical, end } = next else { panic!("handled, and it is {next:?}") };
        self.keep(Told::Message(peer, payload.to_vec()));
        let line = &mut self.lines[at];
        assert_eq!(payload, canonical, "the next message");
        assert_eq!(line.peer, Some(peer), "handled before on_connect");
        assert!(!line.left, "handled after on_disconnect");
        line.at = end;
        line.spoken = true;
        line.heard += 1;
        line.heard_in_pump += 1;
        line.heard_at = Some(self.now);
        self.messages += 1;
        self.handled = (self.handled.0 + 1, self.handled.1 + payload.len() as u64);
        assert!(line.heard_in_pump <= self.config.messages_per_pump, "more than its share");
    }

    fn fault(&mut self, fault: &Fault) {
        assert!(!fault.to_string().is_empty());
        self.faults.count(&fault.cause);
        match (&fault.cause, fault.peer) {
            (FaultCause::NotAMessage(error), Some(peer)) => {
                let at = self.lines.iter().position(|line| line.peer == Some(peer));
                let at = at.expect("a peer that has connected");
                assert!(!self.lines[at].left, "a fault after the end");
                match self.next(at) {
                    Next::NotAMessage { end, error: expected } if expected == *error => {
                        let line = &mut self.lines[at];
                        line.at = end;
                        line.heard_at = Some(self.now);
                    }
                    other => panic!("{fault} where there is {other:?}"),
                }
            }
            (FaultCause::Refused { addr, limit }, None) => {
                let (all, housemates) = self.here(household(*addr));
                assert!(match limit {
                    Limit::Peers => all == self.config.max_peers,
                    Limit::PeersPerAddress => housemates == self.config.max_peers_per_address,
                });
                let line = &mut self.lines[line(*addr)];
                assert!(line.peer.is_none() && !line.refused, "refused who is in");
                line.refused = true;
            }
            (FaultCause::NotAMessage(_) | FaultCause::Refused { .. }, _) => panic!("{fault}"),
            (FaultCause::Undelivered { bytes }, peer) => {
                assert!(*bytes > 0);
                self.lost = true;
                let line = self.line_of(peer.expect("bytes for somebody"));
                assert!(line.undelivered.is_none(), "lost twice");
                line.undelivered = Some(*bytes);
            }
            (FaultCause::More { faults }, _) => self.more_faults += faults,
            _ => {}
        }
    }

    /// A peer has left: its reason must be what it has done.
    fn left(&mut self, at: usize, peer: PeerId, reason: &DisconnectReason) {
        let next = self.next(at);
        self.keep(Told::Disconnected(peer, reason.clone()));
        let (line, fits) = (&mut self.lines[at], matches!(next, Next::Unfinished(_)));
        assert_eq!(line.peer, Some(peer), "left without having come");
        assert!(!line.left, "left twice");
        line.left = true;
        line.reason = Some(reason.clone());
        self.closed += 1;
        let ours = [DisconnectReason::LocalClose, DisconnectReason::Shutdown];
        let well = at != CANARY || ours.contains(reason);
        assert!(well, "the canary is dead: {reason}");
        let fits = match reason {
            DisconnectReason::Closed => {
                next == Next::Goodbye || (line.ended && next == Next::Unfinished(0))
            }
            DisconnectReason::CutOff { bytes } => {
                line.ended && next == Next::Unfinished(*bytes) && *bytes > 0
            }
            // Where the bytes tell no length, the error tells how many there were.
            DisconnectReason::Protocol(error) => match &next {
                Next::Broken(expected) if line.dialect == Dialect::REPOD => expected == error,
                Next::Broken(expected) => kind_of(expected) == kind_of(error),
                _ => false,
            },
            DisconnectReason::Timeout(Timeout::Frame) if line.tap.is_some() => {
                let began = line.arrivals.iter().find(|(end, _)| *end > line.at);
                let (_, began) = began.expect("a frame that has begun");
                // Of all pauses the first one is forgiven. Where a full queue or a panic has kept
                // everybody from being read, that was one, too.
                let is_steady = self.steady_since.is_none_or(|then| then <= *began);
                let forgiven = self.resumed_frames.iter().find(|then| is_steady && *then > began);
                let since = forgiven.unwrap_or(began);
                let silence = self.now.saturating_duration_since(*since);
                fits && silence > self.config.frame_timeout
            }
            DisconnectReason::Timeout(Timeout::Frame) => {
                let since = line.heard_at.unwrap_or(self.now);
                let silence = self.now.saturating_duration_since(since);
                fits && next != Next::Unfinished(0) && silence > self.config.frame_timeout
            }
            DisconnectReason::Timeout(Timeout::Handshake) => false,
            DisconnectReason::VersionMismatch { .. } => next == Next::Mismatch,
            DisconnectReason::EndedByPeer(_) => next == Next::Goodbye,
            DisconnectReason::Kicked(_) => line.kicked,
            DisconnectReason::LocalClose => line.closed,
            DisconnectReason::Shutdown => self.closing,
            // These do not wait for what was sent to be handled.
            DisconnectReason::Timeout(Timeout::Idle) => match line.tap {
                Some(_) => {
                    let silence = || line.silence(self.now, self.resumed);
                    line.silent_for.unwrap_or_else(silence) > line.patience(&self.config)
                }
                None => true,
            },
            DisconnectReason::SlowConsumer { queued, max } => {
                let limit = self.config.outbound();
                let full = line.tap.as_ref().is_none_or(|tap| tap.lock().is_stuck);
                full && *queued <= limit + OWN_ROOM && *max == limit
            }
            DisconnectReason::Io(kind) => match &line.tap {
                Some(tap) => fits && tap.lock().errors.contains(kind),
                None => true,
            },
        };
        assert!(fits, "left because {reason}, where there is {next:?}");
    }
}

/// The game: handlers that read fields of all sorts, send, and send away.
pub(super) fn register(server: &mut Server<World, Player>) {
    server
        .on_connect(|ctx| {
            let (line, peer) = (line(ctx.addr()), ctx.peer());
            let household = household(ctx.addr());
            ctx.state.connected(line, peer, household);
            ctx.data_mut().line = line;
            ctx.broadcast_except(peer, crate::msg!("joined", who: peer.number()));
            if line % 8 == 7 {
                ctx.state.lines[line].closed = true;
                ctx.close();
            }
        })
        .on_disconnect(|ctx, reason| {
            let (line, peer) = (ctx.data().line, ctx.peer());
            ctx.state.left(line, peer, reason);
            assert!(ctx.try_send(crate::msg!("bye")).is_err(), "sent to who has left");
            assert!(!ctx.kick(peer, "once more"), "kicked who has left");
            ctx.broadcast(crate::msg!("left", who: peer.number(), why: reason.to_string()));
            if ctx.state.trips_on_leaving && line % 2 == 1 {
                resume_unwind(Box::new(Tripped));
            }
        })
        .on_error(World::fault)
        .on_any(heard)
        .on("echo", |ctx, msg| ctx.send(Outgoing::from(msg)))
        .on("nums", |ctx, msg| {
            let pair = msg.get::<Option<(f32, f64)>>("pair")?.unwrap_or_default();
            let sum: i64 = msg.get::<Vec<i32>>("list")?.into_iter().map(i64::from).sum();
            ctx.send(crate::msg!("sum", sum: sum, pair: pair));
            Ok(())
        })
        .on("blob", |ctx, msg| {
            let twice = msg.get::<&[u8]>("bytes")?.repeat(2);
            Ok(ctx.try_send(crate::msg!("blob", bytes: twice))?)
        })
        .on("dict", |ctx, msg| {
            let map: BTreeMap<String, Option<u8>> = msg.get("map")?;
            ctx.broadcast(crate::msg!("dict", map: map));
            Ok(())
        })
        .on("tree", |ctx, msg| {
            let (view, tree): (ValueRef<'_>, Value) = (msg.get("value")?, msg.get("value")?);
            let everybody: Vec<PeerId> = ctx.peers().map(|peer| peer.id()).collect();
            ctx.send_each(everybody, crate::msg!("tree", view: view, tree: tree));
            Ok(())
        })
        .on("say", |ctx, msg| {
            msg.get::<&str>("text")?;
            ctx.broadcast(Outgoing::from(msg));
            Ok(())
        })
        .on("flood", |ctx, msg| {
            for n in 0..16 {
                ctx.send(crate::msg!("flood", n: n, text: msg.get::<&str>("text")?));
            }
            Ok(())
        })
        .on("kick", |ctx, msg| {
            let Some(id) = ctx.state.some_peer(msg.get("who")?) else { return Ok(()) };
            let was_here = ctx.peers().any(|peer| peer.id() == id);
            ctx.state.line_of(id).kicked |= was_here;
            assert_eq!(ctx.kick(id, "as somebody wished"), was_here);
            assert!(ctx.peers().all(|peer| peer.id() != id), "who was kicked is gone");
            Ok(())
        })
        .on("to", |ctx, msg| {
            let id = ctx.state.some_peer(msg.get("who")?).unwrap_or_else(|| ctx.peer());
            ctx.send_to(id, crate::msg!("from", who: ctx.peer().number()));
            ctx.each_peer(|peer| peer.send(crate::msg!("all")));
            Ok(())
        })
        .on("close", |ctx, _| {
            let line = ctx.data().line;
            ctx.state.lines[line].closed = true;
            ctx.close();
        })
        .on("trip", |ctx, msg| -> Result<(), HandlerError> {
            heard(ctx, msg);
            resume_unwind(Box::new(Tripped))
        });

    // A second set hears of coming and going as well, once each and after the first.
    let mut second = Handlers::new();
    second
        .on_connect(|ctx: Ctx<'_, '_>| {
            let peer = ctx.peer();
            let line = ctx.state.line_of(peer);
            assert_eq!(line.second, (false, false), "told twice");
            line.second = (true, false);
        })
        .on_disconnect(|ctx, _| {
            let peer = ctx.peer();
            let line = ctx.state.line_of(peer);
            assert!(line.left && line.second == (true, false), "told twice, or too early");
            line.second = (true, true);
        });
    server.attach(second);
}

/// Takes down that a message was handled. It runs after the message's own handler, unless that one
/// panics.
fn heard(ctx: Ctx<'_, '_>, msg: &Message<'_>) {
    let (line, peer) = (ctx.data().line, ctx.peer());
    ctx.state.handle(line, peer, msg.as_bytes());
    ctx.data_mut().heard += 1;
}
