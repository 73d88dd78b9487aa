//! The session: what two ends say to each other before and between the game's own messages.
//!
//! ```text
//! server                                          client
//!   ── {"action": "connected", "hexapod": {…}} ──>   the greeting, the first frame of all
//!   <── {"action": "$hello", …} ──                    the client's very first message
//!   <── {"action": "$ping", "n": 7} ──>               answered by {"action": "$pong", "n": 7}
//!   <── {"action": "$bye", "code": "kicked", "text": "…"} ──>    the last frame before a close
//! ```
//!
//! The greeting is repod's with one more key, which repod does not look at:
//!
//! ```text
//! "hexapod": {"wire": 1, "game": "tag", "version": "2", "max_frame": 1048576}
//!            and "full": true where the connection is closed again at once
//! ```
//!
//! A hello has the same four fields. Who has said hello, or has answered one, is a hexapod; only
//! hexapods are told what begins with `$`. All others are *plain*, and to them these words are
//! messages like any other. A control message that is not known is passed over: a later version
//! may have more of them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::peers::{Entry, Wire};
use super::{Net, Phase};
use crate::config::Config;
use crate::error::SendError;
use crate::id::PeerId;
use crate::limits::after;
use crate::message::{Encoder, IntoValue, Message, Outgoing, ValueError, ValueRef};
use crate::quote::Plain;
use crate::reason::{ConnectError, DisconnectReason, ProtocolError};
use crate::trace::Step;

/// The version of what is said here.
const WIRE: u32 = 1;

const GREETING: &str = "connected";
const HELLO: &str = "$hello";
const PING: &str = "$ping";
const PONG: &str = "$pong";
const BYE: &str = "$bye";

/// Whose a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The game's: handlers run.
    Game,
    /// The library's own, and done with.
    Session,
}

/// What is known of a peer that is a hexapod. Plain peers have none.
#[derive(Debug)]
pub(super) struct Vitals {
    /// The longest payload that the peer accepts.
    pub(super) max_frame: usize,
    /// The pump in which it was last told that a message is too long for this peer.
    pub(super) told_too_long: Option<Instant>,
    /// When it is to be asked for a sign of life.
    next_ping: Instant,
    /// The number of the last ping.
    pings: u64,
    /// The ping whose answer is being waited for, and when it was sent. Others may follow it, as
    /// signs of life to the peer, but are not measured.
    asked: Option<(u64, Instant)>,
    pub(super) round_trip: Option<RoundTrip>,
}

/// How long a message takes to a peer and back, as heartbeats have measured it.
///
/// It includes the time that either end takes until its next pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoundTrip {
    /// The last measurement.
    pub last: Duration,
    /// The shortest of all.
    pub min: Duration,
    /// A mean in which each measurement weighs an eighth, as TCP has it (RFC 6298).
    pub smooth: Duration,
}

impl RoundTrip {
    fn after(before: Option<Self>, last: Duration) -> Self {
        match before {
            None => Self { last, min: last, smooth: last },
            Some(before) => Self {
                last,
                min: before.min.min(last),
                smooth: before.smooth - before.smooth / 8 + last / 8,
            },
        }
    }
}

/// What an end says of itself, in a greeting or a hello.
struct Introduction<'m> {
    wire: u32,
    game: &'m str,
    version: &'m str,
    max_frame: usize,
    full: bool,
}

impl<'m> Introduction<'m> {
    /// Reads the fields, wherever they stand.
    fn read(field: impl Fn(&str) -> Option<ValueRef<'m>>) -> Result<Self, ValueError> {
        let get = |key: &str| field(key).unwrap_or(ValueRef::Nil);
        Ok(Self {
            wire: get("wire").get()?,
            game: get("game").get()?,
            version: get("version").get()?,
            max_frame: get("max_frame").get()?,
            // Not one of the four: whatever else stands there is passed over.
            full: get("full") == ValueRef::Bool(true),
        })
    }

    /// Whether the two ends can play together.
    fn matches(&self, other: &Introduction<'_>) -> bool {
        (self.wire, self.game, self.version) == (other.wire, other.game, other.version)
    }

    /// For people: the game and its version, or the wire's version where that differs.
    fn name(&self) -> String {
        if self.wire != WIRE {
            return format!("hexapod's wire {}", self.wire);
        }
        format!("{} {}", self.game, self.version).trim().to_owned()
    }
}

impl IntoValue for Introduction<'_> {
    fn encode(&self, out: &mut Encoder) {
        out.map(|map| {
            map.entry("wire", &self.wire);
            map.entry("game", self.game);
            map.entry("version", self.version);
            map.entry("max_frame", &self.max_frame);
            if self.full {
                map.entry("full", &true);
            }
        });
    }
}

impl Vitals {
    fn new(max_frame: usize, now: Instant) -> Self {
        // The first question comes at once: who shows a round-trip time need not wait for it.
        Self {
            max_frame,
            told_too_long: None,
            next_ping: now,
            pings: 0,
            asked: None,
            round_trip: None,
        }
    }

    /// When the peer is to be asked next.
    pub(super) fn next_ping(&self) -> Instant {
        self.next_ping
    }
}

/// Saying.
impl<P: Default> Net<P> {
    /// Says the first words to a new peer of a server.
    pub(super) fn greet(&mut self, wire: Wire) -> Option<Outgoing> {
        let mut greeting = self.greeting(false);
        let mut outcome = self.say(wire, None, &greeting);
        // The first words on a new connection find room. A format may have no place for what is
        // more than repod's greeting; its peers are plain then.
        if matches!(outcome, Err(SendError::NotExpressible { .. })) {
            greeting = crate::msg!(GREETING);
            outcome = self.say(wire, None, &greeting);
        }
        outcome.is_ok().then_some(greeting)
    }

    /// The first words of a server, and for one who is turned away also the last.
    pub(super) fn greeting(&self, full: bool) -> Outgoing {
        crate::msg!(GREETING, hexapod: Introduction { full, ..self.introduction() })
    }

    /// What this end says of itself.
    fn introduction(&self) -> Introduction<'_> {
        let Config { game, version, .. } = &self.config;
        Introduction { wire: WIRE, game, version, max_frame: self.config.frame_len(), full: false }
    }

    /// Says goodbye to a hexapod, if the reason is one that its end would not see by itself.
    pub(super) fn say_goodbye(&mut self, peer: PeerId, reason: &DisconnectReason) {
        let Some(Entry { vitals: Some(_), wire: Some(wire), .. }) = self.peers.get(peer.0) else {
            return;
        };
        let wire = *wire;
        let (code, text) = match reason {
            DisconnectReason::Kicked(text) => ("kicked", text.chars().take(500).collect()),
            DisconnectReason::Shutdown => ("shutdown", String::new()),
            DisconnectReason::LocalClose => ("closed", String::new()),
            other => ("ended", other.to_string()),
        };
        // If there is no room for it, the end has to speak for itself.
        let _ = self.say(wire, Some(peer), &crate::msg!(BYE, code: code, text: text));
    }

    /// Asks hexapods for a sign of life where it is time.
    pub(crate) fn beat(&mut self) {
        let mut next = self.peers.first();
        while let Some(key) = next {
            next = self.peers.next(key);
            let Some(Entry { vitals: Some(vitals), phase: Phase::Up, .. }) =
                self.peers.get_mut(key)
            else {
                continue;
            };
            if self.now < vitals.next_ping {
                continue;
            }
            vitals.next_ping = after(self.now, self.config.beat());
            let n = vitals.pings + 1;
            // Where there is no room for it, the peer has enough to read as a sign of life.
            if self.tell(PeerId(key), &crate::msg!(PING, n: n)).is_err() {
                continue;
            }
            let now = self.now;
            if let Some(vitals) = self.peers.get_mut(key).and_then(|entry| entry.vitals.as_mut()) {
                vitals.pings = n;
                vitals.asked.get_or_insert((n, now));
            }
        }
    }

    /// Says something to a peer that has a connection.
    fn tell(&mut self, peer: PeerId, message: &Outgoing) -> Result<(), SendError> {
        let wire = self.peers.get(peer.0).and_then(|entry| entry.wire);
        self.say(wire.ok_or(SendError::NotConnected)?, Some(peer), message)
    }
}

/// Hearing.
impl<P: Default> Net<P> {
    /// A client's connection is there, and the server has the word; tells whether anybody waits.
    pub(super) fn connected(&mut self, peer: PeerId, addr: SocketAddr, wire: Wire) -> bool {
        let entry = self.peers.get_mut(peer.0).filter(|entry| entry.phase == Phase::Dialling);
        let Some(Entry { dialled: Some(dialled), addr: at, wire: to, phase, .. }) = entry else {
            return false;
        };
        dialled.since = self.now;
        (*at, *to, *phase) = (addr, Some(wire), Phase::Greeting);
        true
    }

    /// Takes note of a message; tells whether it is for the game.
    pub(crate) fn hear(&mut self, peer: PeerId, message: &Message<'_>) -> Verdict {
        self.trace(peer, || Step::Received(message.fields()));
        let Some(entry) = self.peers.get_mut(peer.0) else { return Verdict::Session };
        let first = !std::mem::replace(&mut entry.has_spoken, true);
        match entry.phase {
            Phase::Up if message.is_reserved() => {
                if entry.vitals.is_some() {
                    self.hear_control(peer, message);
                    return Verdict::Session;
                }
                // A client is greeted and does not greet: only who has come here may say hello.
                if first && entry.dialled.is_none() && message.action() == HELLO {
                    self.hear_hello(peer, message);
                    return Verdict::Session;
                }
            }
            Phase::Up => {}
            Phase::Greeting => {
                self.hear_greeting(peer, message);
                return Verdict::Session;
            }
            Phase::Dialling | Phase::Leaving => return Verdict::Session,
        }
        let len = message.as_bytes().len();
        entry.traffic().received(self.now, len);
        self.traffic.received(self.now, len);
        self.activity.messages += 1;
        Verdict::Game
    }

    /// The first message that a client hears.
    fn hear_greeting(&mut self, peer: PeerId, message: &Message<'_>) {
        if message.action() != GREETING {
            return self.malformed(peer, ProtocolError::NoGreeting);
        }
        let Some(ValueRef::Map(hexapod)) = message.field("hexapod") else {
            return self.greeted(peer);
        };
        let Ok(server) = Introduction::read(|key| hexapod.get(key)) else {
            return self.malformed(peer, ProtocolError::NoGreeting);
        };
        let target = self.peers.get(peer.0).map(|entry| entry.target().to_owned());
        let target = target.unwrap_or_default();
        if server.full {
            return self.fail_gracefully(peer, ConnectError::ServerFull { target });
        }
        self.introduce(peer, server.max_frame);
        let own = self.introduction();
        if !own.matches(&server) {
            let (ours, theirs) = (own.name(), server.name());
            let error = ConnectError::VersionMismatch { target, ours, theirs };
            return self.fail_gracefully(peer, error);
        }
        self.greeted(peer);
    }

    /// A client makes itself known. The words go past what was sent before the connection was up.
    fn introduce(&mut self, peer: PeerId, max_frame: usize) {
        let Introduction { wire, game, version, max_frame: ours, .. } = self.introduction();
        let hello = crate::msg!(HELLO, wire: wire, game: game, version: version, max_frame: ours);
        let now = self.now;
        if let Some(entry) = self.peers.get_mut(peer.0) {
            entry.vitals = Some(Box::new(Vitals::new(max_frame, now)));
        }
        // The first words on a new connection find room.
        let _ = self.tell(peer, &hello);
    }

    /// A client's connection is up.
    fn greeted(&mut self, peer: PeerId) {
        let Some(entry) = self.peers.get_mut(peer.0) else { return };
        if let (Phase::Greeting, Some(dialled)) = (entry.phase, &mut entry.dialled) {
            let early = std::mem::take(&mut dialled.early);
            entry.phase = Phase::Up;
            self.send_early(peer, &early);
            self.up(peer);
        }
    }

    /// A peer of a server makes itself known.
    fn hear_hello(&mut self, peer: PeerId, message: &Message<'_>) {
        let Ok(client) = Introduction::read(|key| message.field(key)) else {
            return self.malformed(peer, ProtocolError::BadHello);
        };
        let now = self.now;
        if let Some(entry) = self.peers.get_mut(peer.0) {
            entry.vitals = Some(Box::new(Vitals::new(client.max_frame, now)));
        }
        let own = self.introduction();
        if !own.matches(&client) {
            let (ours, theirs) = (own.name(), client.name());
            self.close(peer, DisconnectReason::VersionMismatch { ours, theirs });
        }
    }

    /// A hexapod has said something that is not for the game.
    fn hear_control(&mut self, peer: PeerId, message: &Message<'_>) {
        match message.action() {
            PING => {
                if let Ok(n) = message.get::<u64>("n") {
                    // A peer may ask as often as it likes, but it has to read the answers.
                    if let Err(SendError::Full { queued, max }) =
                        self.tell(peer, &crate::msg!(PONG, n: n))
                    {
                        self.cut_off(peer, DisconnectReason::SlowConsumer { queued, max });
                    }
                }
            }
            PONG => {
                let now = self.now;
                let entry = self.peers.get_mut(peer.0);
                let Some(vitals) = entry.and_then(|entry| entry.vitals.as_mut()) else { return };
                let Some((n, asked)) = vitals.asked else { return };
                if message.get::<u64>("n").ok() == Some(n) {
                    vitals.asked = None;
                    let trip = now.saturating_duration_since(asked);
                    vitals.round_trip = Some(RoundTrip::after(vitals.round_trip, trip));
                }
            }
            BYE => {
                let text = message.get::<&str>("text").unwrap_or_default();
                // Only a server kicks and shuts down: no client puts words in the game's mouth.
                let of_server = self.peers.get(peer.0).is_some_and(|it| it.dialled.is_some());
                let reason = match message.get::<&str>("code") {
                    Ok("kicked") if of_server => DisconnectReason::Kicked(text.to_owned()),
                    Ok("shutdown") if of_server => DisconnectReason::Shutdown,
                    Ok("closed") => DisconnectReason::Closed,
                    _ => DisconnectReason::EndedByPeer(Plain(text).to_string()),
                };
                self.hear_goodbye(peer, reason);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_is_smoothed() {
        let ms = Duration::from_millis;
        let trips = [80, 160, 40].map(ms).into_iter();
        let trip = trips.fold(None, |before, last| Some(RoundTrip::after(before, last))).unwrap();
        assert_eq!((trip.last, trip.min), (ms(40), ms(40)));
        assert_eq!(trip.smooth, (ms(80) - ms(10) + ms(20)) * 7 / 8 + ms(5));
    }
}
