//! The watch: what must hold after each pump, whatever has happened in it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use super::far::Friend;
use super::ledger::{Book, Entry, Ledger, What, action};
use crate::fuzzing::world::{Line, Next, OWN_ROOM, Player, World};
use crate::id::PeerId;
use crate::limits::READ_BUFFER;
use crate::message::MapRef;
use crate::net::{Activity, Faults};
use crate::reason::{ConnectError, DisconnectReason, ProtocolError};
use crate::server::Server;

/// How often silence is judged, at most.
const JUDGING: Duration = Duration::from_millis(100);

/// After a pump that did not come to its end: the next one ends that round, the one after it is
/// the first in which everybody has a turn.
const UNSTEADY: usize = 2;

/// How many pumps in a row may leave something due though all was heard.
const DUE_PUMPS: usize = 12;

/// How often an interrupted call is repeated.
const RETRIES: usize = 8;

/// How often a closing pipe is drained in a pump.
const DRAINED: usize = 16;

/// What is known of the server beyond the model.
pub(super) struct Watch {
    pub(super) ledger: Ledger,
    /// By line: what the server has to say.
    pub(super) books: Vec<Book>,
    times: Vec<Times>,
    /// The line of each peer, by its number.
    lines: Vec<usize>,
    pub(super) pumped_at: Instant,
    /// When something was due before this pump.
    due: Option<Instant>,
    /// How many pumps in a row have left something due, though all was heard.
    due_pumps: usize,
    /// How many pumps it takes until everything is as if none had been cut short, and since when.
    unsteady: usize,
    /// How much the canary had been told before this pump.
    canary_was_told: usize,
    /// Whether the last one was cut short by a panic.
    is_cut_short: bool,
    steady_since: Instant,
    /// Words of sessions and of the game that have come.
    read: u64,
    written: u64,
    sent: (u64, u64),
    pub(super) mark: u64,
}

/// What is to be remembered of a line.
#[derive(Clone, Debug, Default)]
struct Times {
    /// The longest payload that a hexapod takes, and whether it has said so in this pump.
    max_frame: Option<usize>,
    is_fresh: bool,
    is_known: bool,
    /// How many messages were received, those for the session too.
    received: usize,
    has_ended: bool,
    said_goodbye: bool,
    is_taken: bool,
    /// Since when its end is under way.
    leaving: Option<Instant>,
    /// Where a frame has begun, since when, and how many pumps have seen it.
    unfinished: Option<(usize, Instant, usize)>,
    /// How many pumps have come to their end since its pipe was dropped.
    gone: usize,
    /// Whether so many were leaving at once that the first had to go.
    is_crowded: bool,
}

impl Watch {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            ledger: Ledger::default(),
            books: Vec::new(),
            times: Vec::new(),
            lines: Vec::new(),
            pumped_at: now,
            due: None,
            due_pumps: 0,
            unsteady: 0,
            canary_was_told: 0,
            is_cut_short: false,
            steady_since: now,
            read: 0,
            written: 0,
            sent: (0, 0),
            mark: 0,
        }
    }

    pub(super) fn is_unsteady(&self) -> bool {
        self.unsteady == UNSTEADY
    }

    pub(super) fn is_cut_short(&self) -> bool {
        self.is_cut_short
    }

    /// Whether the server has come to all that it has read of a line. The model passes over words
    /// for the session as soon as they are read.
    pub(super) fn has_heard(&self, at: usize, line: &Line) -> bool {
        self.times[at].received >= line.untold + line.heard
    }

    /// A pump begins.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        world: &mut World,
        server: &Server<World, Player>,
    ) {
        world.now = now;
        self.times.resize(world.lines.len(), Times::default());
        for (line, times) in world.lines.iter_mut().zip(&mut self.times) {
            line.heard_in_pump = 0;
            line.tap.as_ref().expect("each has one").begin();
            times.is_fresh = false;
        }
        // What was done since is told apart from what is due in this pump.
        self.read(world);
        self.canary_was_told = self.books[0].sent;
        self.due = server.next_timeout().map(|due| self.pumped_at + due);
        let gap = now.saturating_duration_since(self.pumped_at);
        if gap > world.config.idle_timeout / 2 {
            world.resumed = Some(now);
        }
        if gap > world.config.frame_timeout / 2 {
            world.resumed_frames.push(now);
        }
        world.steady_since = Some(self.steady_since);
        self.pumped_at = now;
    }

    /// A pump was cut short.
    pub(super) fn tripped(&mut self, now: Instant) {
        self.unsteady = UNSTEADY;
        // What one such pump has kept from being said, the next one says, be it such a one itself.
        if std::mem::replace(&mut self.is_cut_short, true) {
            assert!(self.books[0].written() >= self.canary_was_told, "told, and never written");
        }
        self.steady_since = now;
    }

    /// How long a message this peer takes.
    pub(super) fn takes(&self, peer: PeerId) -> usize {
        self.times[self.line(peer)].max_frame.unwrap_or(usize::MAX)
    }

    /// The line of a peer.
    fn line(&self, peer: PeerId) -> usize {
        self.lines[peer.number() as usize - 1]
    }

    /// Takes in what the server has said that it does, and what it has done.
    pub(super) fn read(&mut self, world: &mut World) {
        self.times.resize(world.lines.len(), Times::default());
        let entries = self.ledger.take();
        let is_early = self.due.is_none_or(|due| world.now < due);
        // The greeting is the first word on a connection, before anybody is told of it.
        for Entry { peer, what } in &entries {
            if let What::Connected(line) = what {
                assert_eq!(self.lines.len() + 1, peer.number() as usize, "ids count up");
                self.lines.push(*line);
                world.lines[*line].up_at = Some(world.now);
                self.times[*line].is_known = true;
            }
        }
        for Entry { peer, what } in entries {
            let at = self.line(peer);
            let times = &mut self.times[at];
            let mut hasher = DefaultHasher::new();
            (self.mark, peer.number()).hash(&mut hasher);
            match what {
                What::Connected(_) => {}
                What::Received(message) => {
                    message.hash(&mut hasher);
                    world.lines[at].heard_at = Some(world.now);
                    let is_first = times.received == 0;
                    times.received += 1;
                    if action(&message) == "$hello" && is_first {
                        let max = MapRef::of(&message).get("max_frame");
                        times.max_frame = max.and_then(|max| usize::try_from(max.as_i64()?).ok());
                        times.is_fresh = true;
                    }
                }
                What::Sent(message) => {
                    message.hash(&mut hasher);
                    let is_control = action(&message).starts_with('$');
                    assert!(
                        !is_control || times.max_frame.is_some(),
                        "a plain peer is told {}",
                        action(&message),
                    );
                    if action(&message) == "joined" {
                        let who = MapRef::of(&message).get("who").and_then(|who| who.as_i64());
                        assert_ne!(who, Some(peer.number() as i64), "told to the one exception");
                    }
                    times.said_goodbye = action(&message) == "$bye";
                    let is_ping = action(&message) == "$ping";
                    assert!(
                        !is_ping || times.is_fresh || !is_early || world.queues,
                        "asked for a sign of life before it was due"
                    );
                    let is_greeting = action(&message) == "connected" && self.books[at].is_new();
                    let len = self.books[at].sent(&message);
                    if !is_control && !is_greeting {
                        self.sent = (self.sent.0 + 1, self.sent.1 + len as u64);
                        let max = times.max_frame.unwrap_or(usize::MAX);
                        let fits = len <= max.min(world.config.max_frame_len);
                        assert!(fits, "more is said than the peer takes");
                    }
                    assert!(!times.has_ended, "said to who has left");
                }
                What::Ended(reason) => {
                    reason.to_string().hash(&mut hasher);
                    let is_late = matches!(reason, DisconnectReason::Timeout(_));
                    assert!(!is_late || !is_early, "{reason}, before it was due");
                    assert!(!times.has_ended, "ended twice");
                    times.has_ended = true;
                    let line = &mut world.lines[at];
                    if !line.left {
                        line.listen();
                        line.silent_for = Some(line.silence(world.now, world.resumed));
                    }
                    let is_ours = is_from_here(&reason);
                    let tap = world.lines[at].tap.as_ref().expect("each has one").lock();
                    let said = !is_ours || times.max_frame.is_none() || times.said_goodbye;
                    // Who asks for signs of life and reads none may have no room left for it.
                    let is_full = self.books[at].waiting_in_all() >= world.config.max_outbound;
                    let is_lost = is_full || tap.is_stuck || !tap.errors.is_empty();
                    assert!(said || is_lost, "no goodbye: {reason}");
                }
            }
            self.mark = hasher.finish();
        }
        for (at, line) in world.lines.iter_mut().enumerate() {
            line.listen();
            let tap = line.tap.as_ref().expect("each has one");
            // Who is turned away is told so, and nobody else.
            if self.times[at].is_known {
                self.books[at].read(tap);
            }
        }
    }

    /// A pump has come to its end.
    pub(super) fn end(
        &mut self,
        world: &mut World,
        server: &Server<World, Player>,
        activity: Activity,
        is_full: bool,
    ) {
        let now = world.now;
        let told = (activity.opened, activity.closed, activity.messages);
        assert_eq!(told, (world.opened, world.closed, world.messages), "as was told");
        (world.opened, world.closed, world.messages) = (0, 0, 0);
        world.more_sets.iter().for_each(|set| set.check(&world.lines));
        assert!(world.sets_agree(), "the sets of handlers were told different things");
        world.check_peers(server);
        self.count(world, server, activity);
        if is_full {
            self.unsteady = UNSTEADY;
        }
        let goes_on = !is_full && self.unsteady == UNSTEADY;
        if self.unsteady > 0 {
            self.steady_since = now;
            self.unsteady -= usize::from(!is_full);
        }
        self.check_accepts(world);
        for at in 0..world.lines.len() {
            self.check_work(world, at);
            if !is_full {
                self.check_line(world, at);
            }
        }
        self.is_cut_short = false;
        for peer in server.peers() {
            let (at, queued) = (self.line(peer.id()), peer.queued());
            let game = self.books[at].waiting();
            // What is sent over a pipe that is broken is not kept: the end is near, and says so.
            let is_broken =
                !world.lines[at].tap.as_ref().expect("each has one").lock().errors.is_empty();
            assert!(
                is_broken || game <= world.config.outbound(),
                "{game} bytes of the game's wait"
            );
            assert!(queued <= world.config.outbound() + OWN_ROOM, "{queued} bytes wait");
            assert!((queued == 0) == self.books[at].is_empty(), "{queued} bytes wait, they say");
            let traffic = peer.traffic();
            let said = &self.books[at];
            assert_eq!(traffic.messages_sent, said.said.len() as u64, "as was sent");
            // What is passed on may be longer than it would have to be.
            assert!(traffic.bytes_sent >= said.bytes, "as was sent");
            assert_eq!(traffic.messages_received, world.lines[at].heard as u64, "as was heard");
            assert_eq!(!peer.is_plain(), self.times[at].max_frame.is_some(), "who is plain");
        }
        let leaving = |times: &Times, line: &Line| (line.left || line.refused) && times.gone < 2;
        let crowd = self.times.iter().zip(&world.lines).filter(|(t, l)| leaving(t, l)).count();
        for times in &mut self.times {
            times.is_crowded |= times.gone < 2 && crowd >= world.config.max_peers;
        }
        let idle = server.next_timeout() != Some(Duration::ZERO);
        // Nobody is judged before everybody was listened to for a whole round.
        let is_done = !goes_on && !is_full && self.is_done(world);
        // What a pump's end has brought about, losses say, is told by the next one, and that may
        // bring about more.
        self.due_pumps = if idle || !is_done { 0 } else { self.due_pumps + 1 };
        assert!(self.due_pumps <= DUE_PUMPS, "what is due was not done");
    }

    /// Whether nothing that has come waits for its turn.
    fn is_done(&self, world: &mut World) -> bool {
        (0..world.lines.len()).all(|at| {
            let line = &world.lines[at];
            let is_here = line.peer.is_some() && !line.left;
            let is_heard = |world: &mut World| {
                matches!(world.next(at), Next::Unfinished(_))
                    && self.has_heard(at, &world.lines[at])
            };
            !is_here || is_heard(world)
        })
    }

    /// What is counted is what has happened.
    fn count(&mut self, world: &World, server: &Server<World, Player>, activity: Activity) {
        self.read += activity.bytes_read;
        self.written += activity.bytes_written;
        let taps = || world.lines.iter().flat_map(|line| &line.tap).map(|tap| tap.lock());
        assert_eq!(self.read, taps().map(|tap| tap.read_in_all).sum::<u64>(), "bytes read");
        let written: u64 = taps().map(|tap| tap.written_in_all).sum();
        assert_eq!(self.written, written, "bytes written");
        let traffic = server.traffic();
        let received = (traffic.messages_received, traffic.bytes_received);
        assert_eq!(received, world.handled, "messages received");
        assert_eq!(traffic.messages_sent, self.sent.0, "messages sent");
        assert!(traffic.bytes_sent >= self.sent.1, "bytes sent");
        let sum = |it: &Faults| {
            it.handler + it.send + it.not_a_message + it.undelivered + it.refused + it.listener
        };
        if world.more_faults == 0 {
            assert_eq!(server.faults(), world.faults, "faults");
        }
        assert_eq!(sum(&server.faults()), sum(&world.faults) + world.more_faults, "faults in all");
    }

    /// One pump lets so many in, and no more; one that ends the round of another may do both's.
    fn check_accepts(&mut self, world: &World) {
        let mut accepted = Vec::new();
        for (line, times) in world.lines.iter().zip(&mut self.times) {
            let is_taken = line.tap.as_ref().expect("each has one").lock().is_taken;
            if is_taken && !std::mem::replace(&mut times.is_taken, true) {
                accepted.push(line.dialect);
            }
        }
        for dialect in &accepted {
            let count = accepted.iter().filter(|it| *it == dialect).count();
            let is_too_much = count > world.config.accepts_per_pump;
            assert!(!is_too_much || self.unsteady > 0, "{count} accepted in a pump");
        }
    }

    /// One pump does so much for one peer, and no more.
    fn check_work(&self, world: &World, at: usize) {
        let (line, config) = (&world.lines[at], &world.config);
        let tap = line.tap.as_ref().expect("each has one").lock();
        let most = config.bytes_per_pump + READ_BUFFER;
        assert!(tap.bytes <= most, "{} bytes of line {at} read in a pump", tap.bytes);
        let most = RETRIES * (2 + config.bytes_per_pump / READ_BUFFER);
        assert!(tap.reads <= most, "line {at} read {} times in a pump", tap.reads);
        // What was left to do by a pump that was cut short is done by the next one as well.
        let most = DRAINED * (1 + usize::from(self.is_cut_short));
        assert!(tap.drains <= most, "line {at} drained {} times in a pump", tap.drains);
        let held = line.sent.len() - line.at;
        let most = config.frame_len() + 16 + READ_BUFFER;
        assert!(line.left || held <= most, "{held} bytes of line {at} are held");
    }

    /// Whoever is late is found, and nobody's last words are lost without a word.
    fn check_line(&mut self, world: &mut World, at: usize) {
        let (now, config) = (world.now, world.config.clone());
        let next = world.next(at);
        let waits = !self.has_heard(at, &world.lines[at]);
        let (line, times) = (&world.lines[at], &mut self.times[at]);
        let tap = line.tap.as_ref().expect("each has one").lock();
        if line.peer.is_some() && !line.left {
            let steady = now.saturating_duration_since(self.steady_since) > 2 * JUDGING;
            let silence = line.silence(now, world.resumed);
            let late = silence > line.patience(&config) + JUDGING;
            assert!(!late || !steady, "line {at} is silent for {silence:?}, and still here");
            times.unfinished = match (next, times.unfinished.take()) {
                (Next::Unfinished(0), _) => None,
                _ if waits => None,
                // Its time may be counted from the second pump on: the first may have gone on
                // with a round that had passed by.
                (Next::Unfinished(_), Some((start, since, pumps))) if start == line.at => {
                    Some((start, if pumps == 0 { now } else { since }, pumps + 1))
                }
                (Next::Unfinished(_), _) => Some((line.at, now, 0)),
                _ => None,
            };
            if let Some((_, since, pumps)) = times.unfinished {
                // Where handlers panic before anybody is read, that is a pause as well.
                let since = since
                    .max(self.steady_since)
                    .max(*world.resumed_frames.last().unwrap_or(&since));
                let age = now.saturating_duration_since(since);
                let late = age > config.frame_timeout && pumps > 1 && steady && !tap.ended;
                assert!(!late, "a frame of line {at} is {age:?} old");
            }
            // A broken pipe is found by reading.
            return;
        }
        if !line.left && !line.refused {
            return;
        }
        if !tap.is_gone {
            let since = *times.leaving.get_or_insert(now);
            let age = now.saturating_duration_since(since);
            assert!(
                age < config.flush_timeout || age.is_zero(),
                "line {at} is closing for {age:?}"
            );
            return;
        }
        times.gone += 1;
        if times.gone == 2 && line.left {
            let all_is_said = line.undelivered.is_none() && self.books[at].is_empty();
            let was_asked = line.reason.as_ref().is_some_and(is_from_here);
            let is_shut = tap.is_shut || !tap.errors.is_empty() || times.is_crowded;
            assert!(!was_asked || !all_is_said || is_shut, "line {at} was dropped without an end");
            drop(tap);
            check_last_words(&self.books[at], line);
        }
    }

    /// The server is closed: nothing is left.
    pub(super) fn all_is_over(&self, world: &World) {
        for (at, line) in world.lines.iter().enumerate() {
            assert_eq!(line.left, line.peer.is_some(), "line {at} has an end");
            let tap = line.tap.as_ref().expect("each has one").lock();
            assert!(line.peer.is_none() || tap.is_gone, "line {at} is still held");
            if line.left {
                check_last_words(&self.books[at], line);
            }
        }
    }
}

fn is_from_here(reason: &DisconnectReason) -> bool {
    matches!(
        reason,
        DisconnectReason::Kicked(_) | DisconnectReason::LocalClose | DisconnectReason::Shutdown
    )
}

/// All was written, or it was told what was not; but where the reason says that the pipe is no
/// more, or that nobody is worth waiting for.
fn check_last_words(book: &Book, line: &Line) {
    let is_cut = match line.reason.as_ref().expect("it has left") {
        DisconnectReason::Io(_) | DisconnectReason::SlowConsumer { .. } => true,
        DisconnectReason::Protocol(ProtocolError::Frame(_)) => true,
        DisconnectReason::Protocol(_) => !line.hexapod,
        DisconnectReason::Timeout(crate::reason::Timeout::Frame) => true,
        _ => false,
    };
    let is_told = line.undelivered.is_some();
    let reason = &line.reason;
    assert!(is_cut || is_told != book.is_empty(), "left: {reason:?}; told of a loss: {is_told}");
}

/// What must hold for a client after its pump.
pub(super) fn friend(friend: &mut Friend, watch: &mut Watch, world: &World) {
    for Entry { peer, what } in friend.ledger.take() {
        let call = &mut friend.life.calls[peer.number() as usize - 1];
        if let What::Sent(message) = what {
            let before = call.book.said.len();
            call.book.sent(&message);
            if call.book.said.len() > before {
                let n = MapRef::of(&message).get("n").and_then(|n| n.as_i64());
                let n = n.expect("messages are numbered") as u64;
                let (before, unsent) = (before as u64, call.unsent);
                assert!((before..=before + unsent).contains(&n), "{n} was sent after {before}");
            }
        }
    }
    let exact = friend.is_exact;
    let current = friend.life.calls.len();
    let is_connected = friend.client.is_connected();
    for (at, call) in friend.life.calls.iter_mut().enumerate() {
        if let Some(tap) = &call.tap {
            call.book.read(tap);
        }
        // What was heard is what the server has said, from the first word on.
        let said = &watch.books[call.line].said;
        assert!(call.heard.len() <= said.len(), "more was heard than was said");
        let new = call.compared..call.heard.len();
        assert_eq!(call.heard[new.clone()], said[new], "heard, and not what was said");
        call.compared = call.heard.len();
        let sent = call.book.said.len() as u64;
        if at + 1 == current && is_connected {
            assert_eq!(sent + call.unsent, call.accepted, "accepted, and neither sent nor told");
            let is_waiting = friend.client.queued() > 0;
            assert!(!exact || is_waiting != call.book.is_empty(), "waits: {is_waiting}");
        }
        let (book, line) = (&watch.books[call.line], &world.lines[call.line]);
        check_end(call, book, line, world, watch.is_cut_short);
    }
}

/// An end has its reason at both ends, and whoever hears a goodbye has heard all before it.
fn check_end(call: &super::Call, book: &Book, line: &Line, world: &World, is_cut_short: bool) {
    if let Some(failure) = &call.failure {
        let fits = match failure {
            ConnectError::Cancelled => call.is_ours,
            // Where a panic came before the telling, `flush` has said it before the handlers heard.
            ConnectError::ServerFull { .. } => line.refused || is_cut_short,
            ConnectError::VersionMismatch { .. } => line.peer.is_some(),
            _ => true,
        };
        assert!(fits, "failed: {failure:?}");
    }
    let Some(reason) = &call.reason else { return };
    let heard_all = call.heard.len() == book.said.len();
    let fits = match reason {
        DisconnectReason::Kicked(text) => {
            line.kicked
                && heard_all
                && ["as somebody wished", "from outside", "a whim"].contains(&&text[..])
        }
        DisconnectReason::Shutdown => world.closing && heard_all,
        DisconnectReason::EndedByPeer(_) => line.left && heard_all,
        DisconnectReason::LocalClose => call.is_ours,
        DisconnectReason::Closed => {
            let is_cut = line.undelivered.is_some() || !book.is_empty();
            heard_all || is_cut
        }
        _ => true,
    };
    assert!(fits, "ended: {reason:?}, heard {} of {}", call.heard.len(), book.said.len());
}
