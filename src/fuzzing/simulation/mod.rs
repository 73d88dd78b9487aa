//! The simulation: a server, honest clients and strangers in one thread, over bad pipes in memory
//! and with a clock of its own. A seed decides everything.
//!
//! ```text
//! seed, or a fuzzer's bytes ──> choices ──> time, weather, who connects, says, breaks, pauses
//!
//! client ── tap ── stream in memory ── tap ── server        taps know what was read and written
//!    └ ledger                              └ ledger         ledgers know what is said to be done
//! ```
//!
//! The model is [`World`](super::world::World), which the target `endpoint` has too: what the
//! server tells its handlers has to be what stands next in the bytes that it has read. What is
//! asked beyond that is in [`watch`]: after each pump, whatever may be asked of a server that
//! promises what this crate promises.

mod choices;
mod far;
mod ledger;
mod tap;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::mem::{Discriminant, discriminant};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

pub(super) use choices::Choices;
pub(super) use tap::Tap;

use super::world::{Ctx, GAME, Line, MoreSet, Player, Tripped, VERSION, World, register};
use crate::client::Client;
use crate::config::Config;
use crate::dialect::Dialect;
use crate::dispatch::{Handlers, SetId};
use crate::error::HandlerError;
use crate::net::Faults;
use crate::reason::{ConnectError, DisconnectReason, ProtocolError};
use crate::server::Server;
use crate::transport::{Conditions, MemoryNetwork, Simulator};

use far::{Call, Friend, Stranger, addr};
use ledger::{Book, Diary};
use tap::{Dialer, Listener, Taps, Weather};
use watch::Watch;

/// What is spoken; the first is the canary's.
#[cfg(feature = "json")]
const DIALECTS: &[Dialect] = &[Dialect::REPOD, Dialect::PODSIXNET, Dialect::JSON];
#[cfg(not(feature = "json"))]
const DIALECTS: &[Dialect] = &[Dialect::REPOD, Dialect::PODSIXNET];

/// How far time moves in a step, as often as it stands here.
const JUMPS: [u64; 16] = [
    16_000, 16_000, 16_000, 16_000, 16_000, 16_000, 16_000, 1_000, 1_000, 0, 300, 110_000, 110_000,
    500_000, 1_000_000, 1_400_000,
];

/// How many connections a run may have.
const LINES: usize = 48;

/// What one run has come to.
#[derive(Clone, Debug, Default)]
struct Report {
    steps: u64,
    pumps: u64,
    /// Messages that handlers were given, at the server and at clients.
    messages: u64,
    bytes: u64,
    connections: u64,
    /// Panics of handlers.
    trips: u64,
    /// A mark of everything that has happened: the same seed has the same.
    mark: u64,
    /// How connections have ended.
    ends: Vec<&'static str>,
}

/// The rule that is broken, without its figures.
pub(super) fn kind_of(error: &ProtocolError) -> (Discriminant<ProtocolError>, Option<usize>) {
    let inner = match error {
        ProtocolError::Frame(crate::frame::FrameError::TooLong { .. }) => Some(0),
        ProtocolError::Frame(crate::frame::FrameError::Empty) => Some(1),
        ProtocolError::Frame(crate::frame::FrameError::Endless { .. }) => Some(2),
        ProtocolError::Frame(crate::frame::FrameError::NotTerminated { .. }) => Some(3),
        _ => None,
    };
    (discriminant(error), inner)
}

/// Plays one run to its end; panics where a promise is broken.
fn run(choices: Choices, diary: &Diary) -> Report {
    let mut game = Game::new(choices, diary);
    let steps = 40 + game.world.choices.below(80);
    for _ in 0..steps {
        if game.world.choices.are_over() || game.world.closing {
            break;
        }
        game.step();
    }
    game.finish()
}

/// The body of the fuzz target.
pub(super) fn body(data: &[u8]) {
    run(Choices::script(data), &Diary::default());
}

struct Game {
    network: MemoryNetwork,
    addrs: Vec<SocketAddr>,
    server: Server<World, Player>,
    world: World,
    queue: usize,
    taps: Taps,
    now: Instant,
    watch: Watch,
    /// Sets of handlers that do as they like, while they are there.
    whims: Vec<(SetId, usize)>,
    canary: Friend,
    /// How many complete pumps have passed since the canary was all ears, and the songs it sang.
    waits: usize,
    friends: Vec<Option<Friend>>,
    strangers: Vec<Option<Stranger>>,
    bad_pipes: bool,
    report: Report,
    diary: Diary,
}

impl Game {
    fn new(mut choices: Choices, diary: &Diary) -> Self {
        let config = Config::new()
            .quiet(true)
            .game(GAME)
            .version(VERSION)
            .max_frame_len(choices.one_of(&[120, 1000]))
            .max_depth(6)
            .max_elements(choices.one_of(&[400, 12]))
            .max_outbound(choices.one_of(&[3000, 0, 400]))
            .max_peers(choices.one_of(&[9, 3]))
            .max_peers_per_address(choices.one_of(&[9, 2, 1]))
            .accepts_per_pump(choices.one_of(&[3, 1]))
            .messages_per_pump(choices.one_of(&[1000, 5, 2, 1]))
            .bytes_per_pump(choices.one_of(&[5000, 100, 1]))
            .max_letters(2)
            .frame_timeout(Duration::from_secs(2))
            .flush_timeout(Duration::from_secs(1))
            .handshake_timeout(Duration::from_secs(2))
            .heartbeat(Duration::from_secs(1))
            .idle_timeout(Duration::from_secs(3))
            .plain_idle_timeout(Duration::from_secs(5));
        let network = MemoryNetwork::new();
        let (taps, now) = (Taps::default(), Instant::now() + Duration::from_secs(24 * 3600));
        let mut server = Server::with_config(config.clone());
        let watch = Watch::new(now);
        server.on_trace(watch.ledger.tracer("server".to_owned(), diary));
        let trouble = choices.one_of(&[0, 0, 20, 80]);
        let mut addrs = Vec::new();
        for (n, dialect) in DIALECTS.iter().enumerate() {
            let addr = SocketAddr::from(([10, 0, 0, 1], 5071 + n as u16));
            let source = network.listen(addr).expect("a free address");
            let source = Listener::new(source, &taps, choices.branch(), trouble);
            addrs.push(server.add_listener(source, *dialect));
        }
        register(&mut server);
        let queue = choices.one_of(&[0, 0, 0, 20, 1]);
        if queue > 0 {
            server.queue_events(queue);
        }
        let bad_pipes = choices.below(8) != 7;
        let trips_on_leaving = choices.below(4) == 3;
        let canary = Client::with_config(config.clone().max_elements(400));
        let canary = Friend::new(canary, choices.branch(), true, true);
        let world = World {
            config,
            now,
            lines: Vec::new(),
            peers: Vec::new(),
            opened: 0,
            closed: 0,
            messages: 0,
            trips_on_leaving,
            lost: false,
            faults: Faults::default(),
            more_faults: 0,
            handled: (0, 0),
            resumed: None,
            resumed_frames: Vec::new(),
            steady_since: None,
            choices,
            wants_end: false,
            more_sets: Vec::new(),
            closing: false,
            queues: queue > 0,
            events: VecDeque::new(),
        };
        let mut game = Self {
            network,
            addrs,
            server,
            world,
            queue,
            taps,
            now,
            watch,
            whims: Vec::new(),
            canary,
            waits: 0,
            friends: vec![None, None, None],
            strangers: vec![None, None, None],
            bad_pipes,
            report: Report::default(),
            diary: diary.clone(),
        };
        game.canary.client.on_trace(game.canary.ledger.tracer("canary".to_owned(), diary));
        let mut canary = std::mem::replace(
            &mut game.canary,
            Friend::new(Client::with_config(Config::new()), Choices::none(), true, true),
        );
        game.dial(&mut canary, 0, Weather::default(), Weather::default(), 0xffff);
        game.canary = canary;
        for _ in 0..200 {
            if game.canary.client.is_connected() {
                break;
            }
            game.now += Duration::from_millis(60);
            game.waits = 0;
            game.pump_canary();
            game.pump();
            game.pump_canary();
        }
        assert!(game.canary.client.is_connected(), "the canary is not let in");
        game
    }

    /// A friend begins to connect.
    fn dial(
        &mut self,
        friend: &mut Friend,
        dialect: usize,
        far: Weather,
        near: Weather,
        house: u16,
    ) {
        let (line, choices) = (self.world.lines.len(), &mut self.world.choices);
        let tap = Tap::new(far, choices.branch());
        let dialer = Dialer {
            network: self.network.clone(),
            from: addr(line, house),
            to: Some(self.addrs[dialect]),
            tap: tap.clone(),
            looks: choices.one_of(&[0, 0, 1, 4]),
            fails: line > 0 && choices.once_in(10),
        };
        self.add_line(DIALECTS[dialect], near);
        if let Some(call) = friend.call() {
            call.is_ours = true;
        }
        let book = Book::new(DIALECTS[dialect], false);
        friend.life.calls.push(Call { line, tap: Some(tap), book, ..Call::default() });
        friend.client.dial(dialer, "the server".to_owned());
    }

    /// A new connection with the server, behind a pipe of the server's.
    fn add_line(&mut self, dialect: Dialect, near: Weather) {
        let tap = Tap::new(near, self.world.choices.branch());
        self.taps.push(tap.clone());
        self.world.lines.push(Line::tapped(dialect, tap));
        self.watch.books.push(Book::new(dialect, true));
    }

    fn weather(&mut self) -> Weather {
        let choices = &mut self.world.choices;
        if !self.bad_pipes || choices.below(4) == 0 {
            return Weather::default();
        }
        Weather {
            piece: choices.one_of(&[0, 1, 7, 64, 300]),
            later: choices.one_of(&[0, 0, 30, 128, 250]),
            interrupted: choices.one_of(&[0, 0, 30, 128, 230]),
            breaks: choices.one_of(&[0, 0, 0, 300, 2000]),
            one_way: choices.below(2) == 1,
        }
    }

    fn note(&self, line: impl FnOnce() -> String) {
        self.diary.note(line);
    }

    fn step(&mut self) {
        self.report.steps += 1;
        let jump = JUMPS[self.world.choices.below(JUMPS.len())];
        let mut jump = Duration::from_micros(jump);
        if self.world.choices.once_in(16) {
            // As who sleeps until something is due, and not a moment longer.
            let due = self.server.next_timeout().unwrap_or(Duration::ZERO);
            jump = (self.watch.pumped_at + due).saturating_duration_since(self.now);
            jump = jump.min(Duration::from_secs(2));
        } else if self.world.choices.once_in(50) {
            jump = Duration::from_secs(self.world.choices.one_of(&[2, 6, 6, 5 * 3600]));
        }
        // What a panic has kept from being said is said by the next pump, so a game that wants to
        // be heard does not wait for half of its patience before it pumps again.
        if self.watch.is_cut_short() && jump < Duration::from_millis(1500) {
            jump = jump.min(Duration::from_millis(110));
        }
        self.now += jump;
        self.note(|| format!("---- step {}: time moves by {jump:?}", self.report.steps));
        for who in 0..self.friends.len() {
            self.friend(who);
        }
        for who in 0..self.strangers.len() {
            self.stranger(who);
        }
        self.outside();
        self.pump_canary();
        // A server may miss a frame, but it is no dead one.
        if jump >= Duration::from_millis(100) || !self.world.choices.once_in(8) {
            self.pump();
        }
        self.pump_canary();
    }

    fn friend(&mut self, who: usize) {
        let Some(mut friend) = self.friends[who].take() else {
            if self.world.choices.once_in(6) && self.world.lines.len() < LINES {
                self.friends[who] = Some(self.new_friend(who));
            }
            return;
        };
        match self.world.choices.below(40) {
            1..=12 => {
                let what = self.world.choices.below(10);
                let what = if what < 4 { 0 } else { self.world.choices.below(10) };
                for _ in 0..1 + self.world.choices.below(6) {
                    friend.say(what);
                }
            }
            13 => {
                if let Some(call) = friend.call() {
                    call.is_ours = true;
                }
                friend.client.close();
            }
            14 | 15 if self.world.lines.len() < LINES => {
                let is_over = !friend.client.is_connected() && !friend.client.is_connecting();
                if is_over || self.world.choices.once_in(4) {
                    let dialect = DIALECTS.iter().position(|it| {
                        friend.life.calls.first().is_some_and(|call| call.book.dialect == *it)
                    });
                    let (far, near) = (self.weather(), self.weather());
                    self.dial(&mut friend, dialect.unwrap_or(0), far, near, who as u16);
                }
            }
            16 => {
                // The process is gone, as the system cleans up after it.
                self.note(|| format!("friend {who} is dropped"));
                return;
            }
            17 => friend.client.flush(),
            _ => {}
        }
        if self.world.choices.below(4) != 1 {
            self.pump_friend(&mut friend);
        }
        self.friends[who] = Some(friend);
    }

    fn new_friend(&mut self, who: usize) -> Friend {
        let dialect = self.world.choices.below(DIALECTS.len());
        let config = self.world.config.clone().dialect(DIALECTS[dialect]).max_elements(400);
        let config = config.max_frame_len(self.world.choices.one_of(&[1000, 150]));
        let config = config.max_outbound(self.world.choices.one_of(&[3000, 0]));
        let version = if self.world.choices.once_in(12) { "2" } else { VERSION };
        let mut client = Client::with_config(config.version(version));
        let is_simulated = self.world.choices.below(6) == 5;
        if is_simulated {
            let conditions = Conditions::new()
                .latency(Duration::from_millis(30))
                .jitter(Duration::from_millis(40))
                .max_piece(self.world.choices.one_of(&[0, 40]));
            client.simulate(&Simulator::new(self.world.choices.below(1 << 16) as u64, conditions));
        }
        let choices = self.world.choices.branch();
        let mut friend = Friend::new(client, choices, !is_simulated, false);
        friend.client.on_trace(friend.ledger.tracer(format!("friend {who}"), &self.diary));
        let (far, near) = (self.weather(), self.weather());
        self.dial(&mut friend, dialect, far, near, who as u16);
        friend
    }

    fn stranger(&mut self, who: usize) {
        let Some(mut stranger) = self.strangers[who].take() else {
            if self.world.choices.once_in(5) && self.world.lines.len() < LINES {
                self.strangers[who] = self.new_stranger(who);
            }
            return;
        };
        let choices = &mut self.world.choices;
        let phrase = |choices: &mut Choices| choices.below(stranger.phrases.len());
        match choices.below(32) {
            1..=9 => {
                let bytes = stranger.phrases[phrase(choices)].clone();
                stranger.write(&bytes);
            }
            10 | 11 => {
                let bytes = stranger.phrases[phrase(choices)].repeat(1 + choices.below(12));
                stranger.write(&bytes);
            }
            12 | 13 => {
                let bytes = stranger.phrases[phrase(choices)].clone();
                let cut = choices.below(bytes.len());
                stranger.write(&bytes[..cut]);
            }
            14 => {
                let mut bytes = stranger.phrases[phrase(choices)].clone();
                let at = choices.below(bytes.len());
                bytes[at] = choices.below(256) as u8;
                stranger.write(&bytes);
            }
            15 => {
                let len = choices.below(40);
                let bytes = choices.bytes(len);
                stranger.write(&bytes);
            }
            16 => {
                stranger.ended = true;
                stranger.stream.shut_down_writing();
            }
            17 => {
                stranger.stream.reset();
                return;
            }
            18 => return,
            20 | 21 => {
                // Questions upon questions, and not an ear for the answers.
                let greeting = stranger.phrases.iter().position(|it| has(it, b"$hello"));
                let question = stranger.phrases.iter().position(|it| has(it, b"$ping"));
                let greeting = stranger.phrases[greeting.unwrap_or(0)].clone();
                let questions = stranger.phrases[question.unwrap_or(0)].repeat(150);
                stranger.write(&[greeting, questions].concat());
                stranger.reads = false;
            }
            19 => stranger.reads = !stranger.reads,
            _ => {}
        }
        if stranger.reads {
            stranger.read();
        }
        self.strangers[who] = Some(stranger);
    }

    fn new_stranger(&mut self, who: usize) -> Option<Stranger> {
        let dialect = self.world.choices.below(DIALECTS.len());
        let line = self.world.lines.len();
        let near = self.weather();
        let house = self.world.choices.below(3) as u16;
        let stream = self.network.connect_from(addr(line, house), self.addrs[dialect]);
        // Nobody listens any more.
        let stream = stream.ok()?;
        self.add_line(DIALECTS[dialect], near);
        self.note(|| format!("stranger {who} is line {line}, {near:?}"));
        let reads = self.world.choices.below(3) != 2;
        let phrases = Stranger::phrases(DIALECTS[dialect]);
        Some(Stranger { line, stream, reads, wrote: 0, ended: false, phrases })
    }

    /// What a game does between pumps.
    fn outside(&mut self) {
        let which = self.world.choices.below(64);
        let id = self.world.choices.below(64);
        let id = self.world.some_peer(id);
        let news = || crate::msg!("news", with: which);
        let (here, sent) = (self.server.peers().count(), self.server.traffic().messages_sent);
        match (which, id) {
            (1, Some(id)) => {
                let was_here = self.server.peers().any(|peer| peer.id() == id);
                self.world.line_of(id).kicked |= was_here;
                assert_eq!(self.server.kick(id, "from outside"), was_here);
            }
            (2 | 3, _) => self.server.broadcast(news()),
            (4, Some(id)) => self.server.send_to(id, news()),
            (5 | 6, Some(id)) => {
                let is_sent = self.server.try_send_to(id, news()).is_ok();
                assert_eq!(self.server.traffic().messages_sent - sent, u64::from(is_sent));
            }
            (7, _) => self.server.send_each(self.world.peers.clone(), news()),
            (8, _) => self.server.each_peer(|peer| peer.send(news())),
            (9 | 10, _) => drop(self.server.sender().send(news())),
            (11, Some(id)) => drop(self.server.sender().send_to(id, news())),
            (12 | 13, _) => self.server.flush(),
            (14, _) if !self.whims.is_empty() => {
                let at = self.world.choices.below(self.whims.len());
                let (id, set) = self.whims.remove(at);
                self.world.more_sets[set].is_there = false;
                assert!(self.server.detach(id).is_some(), "a set that was there is not");
            }
            (15..=18, _) if self.whims.len() < 3 => {
                let set = self.world.more_sets.len();
                self.world.more_sets.push(MoreSet::attached());
                self.whims.push((self.server.attach(whims(set)), set));
            }
            (19, Some(id)) => self.server.broadcast_except(id, news()),
            (20, _) if self.world.choices.once_in(3) => self.close(),
            _ => {}
        }
        if matches!(which, 2 | 3 | 8) {
            let gone = here - self.server.peers().count();
            let sent = (self.server.traffic().messages_sent - sent) as usize;
            // Some may have said that they take next to nothing.
            let deaf = self.server.peers().filter(|peer| self.watch.takes(peer.id()) < 40).count();
            let reached = sent + gone..=sent + gone + deaf;
            assert!(reached.contains(&here), "to everybody, or who is too slow is gone");
        }
        if self.world.wants_end && !self.world.closing {
            self.close();
        }
    }

    fn close(&mut self) {
        self.note(|| "the server closes".to_owned());
        self.server.close();
        self.world.closing = true;
    }

    /// One pump of the server, and what must hold then.
    fn pump(&mut self) {
        self.report.pumps += 1;
        self.watch.begin(self.now, &mut self.world, &self.server);
        let (server, world, now) = (&mut self.server, &mut self.world, self.now);
        match catch_unwind(AssertUnwindSafe(|| server.pump_at(now, world))) {
            Ok(activity) => {
                self.watch.read(&mut self.world);
                let is_full = self.world.fetch(&mut self.server, self.queue);
                self.watch.end(&mut self.world, &self.server, activity, is_full);
                self.waits += usize::from(!is_full);
            }
            Err(panic) if panic.is::<Tripped>() => {
                self.note(|| "a handler has panicked".to_owned());
                self.report.trips += 1;
                self.watch.read(&mut self.world);
                self.watch.tripped(self.now);
                self.world.fetch(&mut self.server, self.queue);
            }
            Err(panic) => resume_unwind(panic),
        }
    }

    fn pump_canary(&mut self) {
        let call = self.canary.call().expect("it has one");
        if call.echoes == call.accepted && self.canary.client.is_connected() {
            self.waits = 0;
            assert!(self.canary.say(0), "it can sing");
        }
        let canary = &mut self.canary;
        canary.client.pump_at(self.now, &mut canary.life);
        self.watch.read(&mut self.world);
        watch::friend(&mut self.canary, &mut self.watch, &self.world);
        let closing = self.world.closing;
        let call = self.canary.call().expect("it has one");
        assert!(closing || call.reason.is_none(), "the canary is gone: {:?}", call.reason);
        let most = if self.world.config.messages_per_pump < 5 { 200 } else { 12 };
        assert!(closing || self.waits < most, "the canary waits");
    }

    fn pump_friend(&mut self, friend: &mut Friend) {
        let (client, life, now) = (&mut friend.client, &mut friend.life, self.now);
        match catch_unwind(AssertUnwindSafe(|| client.pump_at(now, life))) {
            Ok(_) => {}
            Err(panic) if panic.is::<Tripped>() => self.report.trips += 1,
            Err(panic) => resume_unwind(panic),
        }
        self.watch.read(&mut self.world);
        watch::friend(friend, &mut self.watch, &self.world);
    }

    fn pump_all(&mut self) {
        self.pump_canary();
        for who in 0..self.friends.len() {
            if let Some(mut friend) = self.friends[who].take() {
                self.pump_friend(&mut friend);
                self.friends[who] = Some(friend);
            }
        }
        self.strangers.iter_mut().flatten().for_each(Stranger::read);
        self.pump();
        self.pump_canary();
    }

    /// The weather clears up. All that was said is heard; who is silent is found; all comes to its
    /// end.
    fn finish(mut self) -> Report {
        self.note(|| "==== the weather clears up".to_owned());
        for line in &self.world.lines {
            line.tap.as_ref().expect("each has one").lock().weather = Weather::default();
        }
        for friend in self.friends.iter_mut().flatten() {
            friend.life.is_honest = true;
            let calls = friend.life.calls.iter();
            calls
                .flat_map(|call| &call.tap)
                .for_each(|tap| tap.lock().weather = Weather::default());
        }
        for (id, set) in self.whims.drain(..) {
            self.world.more_sets[set].is_there = false;
            self.server.detach(id);
        }
        self.world.choices = Choices::none();
        let unheard = |world: &World| -> usize {
            world.lines.iter().map(|line| line.sent.len() - line.at).sum()
        };
        let most = 4000 + 2 * unheard(&self.world);
        let mut pumps = 0;
        while !self.world.closing && !self.is_settled() {
            self.now += Duration::from_millis(2);
            self.pump_all();
            pumps += 1;
            assert!(pumps < most, "what was said is never heard");
        }
        // Strangers fall silent. Whoever sleeps until something is due finds them out.
        self.note(|| "==== strangers are silent".to_owned());
        let dead_at = self.now + Duration::from_secs(9);
        for _ in 0..4000 {
            if self.now > dead_at || self.world.closing {
                break;
            }
            let due = self.server.next_timeout().unwrap_or(Duration::from_secs(1));
            let due = self.watch.pumped_at + due.min(Duration::from_millis(900));
            // What is due at once is due a little later here: a link that is quiet is looked at
            // once a millisecond, and the canary is not to wait for it too long.
            self.now = if due > self.now { due } else { self.now + Duration::from_micros(200) };
            self.pump_all();
        }
        assert!(
            self.world.closing || self.now > dead_at,
            "it is always something due, and never done"
        );
        for stranger in self.strangers.iter().flatten() {
            let line = &self.world.lines[stranger.line];
            let is_gone = line.left || line.refused || self.world.closing;
            assert!(is_gone, "line {} is silent, and still here", stranger.line);
        }
        if !self.world.closing {
            assert_eq!(self.canary.call().map(|call| call.unsent), Some(0));
            self.close();
        }
        for n in 0..400 {
            if self.server.is_closed() {
                break;
            }
            self.now += Duration::from_millis(if n < 100 { 5 } else { 50 });
            self.pump_all();
        }
        assert!(self.server.is_closed(), "closing has no end");
        self.watch.all_is_over(&self.world);
        for n in 0..40 {
            self.now += Duration::from_millis(20 + 200 * (n / 20));
            self.pump_all();
        }
        for friend in self.friends.iter_mut().flatten().chain([&mut self.canary]) {
            friend.client.close();
            if let Some(call) = friend.call() {
                call.is_ours = true;
            }
            for _ in 0..40 {
                self.now += Duration::from_millis(100);
                let (client, life, now) = (&mut friend.client, &mut friend.life, self.now);
                client.pump_at(now, life);
            }
            watch::friend(friend, &mut self.watch, &self.world);
            assert!(friend.client.is_closed(), "a client's closing has no end");
            for call in &friend.life.calls {
                let ends = [call.reason.is_some(), call.failure.is_some()];
                assert_eq!(ends, [call.is_up, !call.is_up], "each call has one end: {call:?}");
            }
            self.report.messages +=
                friend.life.calls.iter().map(|call| call.heard.len() as u64).sum::<u64>();
        }
        self.tell()
    }

    /// Whether everything that was said is heard.
    fn is_settled(&mut self) -> bool {
        if self.watch.is_unsteady() {
            return false;
        }
        let (world, watch) = (&mut self.world, &self.watch);
        let strangers = self.strangers.iter().flatten().all(|stranger| {
            let next = world.next(stranger.line);
            let line = &world.lines[stranger.line];
            let tap = line.tap.as_ref().expect("each has one").lock();
            let is_heard = watch.has_heard(stranger.line, line)
                && tap.read_in_all == stranger.wrote
                && (tap.ended || !stranger.ended)
                && matches!(next, super::world::Next::Unfinished(_));
            let is_broken = !tap.errors.is_empty();
            line.left || line.refused || line.peer.is_some() && is_heard && !is_broken
        });
        strangers
            && self.friends.iter_mut().flatten().all(|friend| {
                let (exact, connected) = (friend.is_exact, friend.client.is_connected());
                let is_coming = friend.client.is_connecting();
                let queued = friend.client.queued();
                let Some(call) = friend.call() else { return true };
                let line = &world.lines[call.line];
                if !connected || line.left {
                    return !is_coming && !connected;
                }
                let tap = line.tap.as_ref().expect("each has one").lock();
                let far = call.tap.as_ref().expect("each has one").lock();
                let said = watch.books[call.line].said.len();
                let all_heard = tap.read_in_all == far.written_in_all && queued == 0;
                // The last of its own words may have moved it to say more.
                !exact || all_heard && line.at == line.sent.len() && call.heard.len() == said
            })
    }

    fn tell(mut self) -> Report {
        self.report.messages += self.world.handled.0;
        self.report.mark = self.watch.mark;
        for line in &self.world.lines {
            let tap = line.tap.as_ref().expect("each has one").lock();
            self.report.bytes += tap.read_in_all + tap.written_in_all;
            self.report.connections += u64::from(line.peer.is_some() || line.refused);
            self.report.ends.extend(line.reason.as_ref().map(end));
            self.report.ends.extend(line.refused.then_some("refused"));
            self.report.ends.extend(line.undelivered.map(|_| "undelivered"));
        }
        let calls = self.friends.iter().flatten().flat_map(|friend| &friend.life.calls);
        self.report.ends.extend(calls.flat_map(|call| match (&call.failure, &call.reason) {
            (Some(ConnectError::Refused { .. }), _) => Some("client: nobody there"),
            (Some(ConnectError::TimedOut { .. }), _) => Some("client: no answer"),
            (Some(ConnectError::ServerFull { .. }), _) => Some("client: full"),
            (Some(ConnectError::VersionMismatch { .. }), _) => Some("client: other version"),
            (Some(ConnectError::Cancelled), _) => Some("client: cancelled"),
            (Some(_), _) => Some("client: no server"),
            (_, Some(DisconnectReason::Kicked(_))) => Some("client: kicked"),
            (_, Some(DisconnectReason::Shutdown)) => Some("client: shut down"),
            (_, Some(DisconnectReason::Timeout(_))) => Some("client: time-out"),
            _ => None,
        }));
        if self.world.faults.listener > 0 {
            self.report.ends.push("listener in trouble");
        }
        self.report
    }
}

/// The name of an end, for the table of ends that were reached.
fn end(reason: &DisconnectReason) -> &'static str {
    use crate::reason::Timeout;
    match reason {
        DisconnectReason::Closed => "closed",
        DisconnectReason::CutOff { .. } => "cut off",
        DisconnectReason::LocalClose => "closed by us",
        DisconnectReason::Kicked(_) => "kicked",
        DisconnectReason::Shutdown => "shut down",
        DisconnectReason::VersionMismatch { .. } => "other version",
        DisconnectReason::EndedByPeer(_) => "ended by the peer",
        DisconnectReason::SlowConsumer { .. } => "too slow a reader",
        DisconnectReason::Protocol(ProtocolError::Frame(_)) => "no frame",
        DisconnectReason::Protocol(ProtocolError::Payload(_)) => "no payload",
        DisconnectReason::Protocol(ProtocolError::Codec { .. }) => "no payload of a codec",
        DisconnectReason::Protocol(_) => "no hello",
        DisconnectReason::Timeout(Timeout::Frame) => "late frame",
        DisconnectReason::Timeout(_) => "silent",
        DisconnectReason::Io(ErrorKind::ConnectionReset) => "reset",
        DisconnectReason::Io(_) => "broken",
    }
}

/// Whether a word stands among bytes.
fn has(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|it| it == word)
}

/// Handlers that do as they like.
fn whims(set: usize) -> Handlers<World, Player> {
    let mut handlers = Handlers::new();
    handlers
        .on_connect(move |ctx: Ctx<'_, '_>| {
            let peer = ctx.peer();
            ctx.state.more_sets[set].came(peer);
            whim(ctx)
        })
        .on_disconnect(move |ctx, _| {
            let peer = ctx.peer();
            ctx.state.more_sets[set].left(peer);
            whim(ctx)
        })
        .on_any(|ctx, _| whim(ctx));
    handlers
}

fn whim(ctx: Ctx<'_, '_>) -> Result<(), HandlerError> {
    let peer = ctx.peer();
    // The canary is not to be harmed.
    let is_canary = ctx.state.peers.first() == Some(&peer);
    match ctx.state.choices.below(32) {
        1 => ctx.broadcast(crate::msg!("whim", who: peer.number())),
        2 => ctx.broadcast_except(peer, crate::msg!("whim", text: "to all but one")),
        3 | 4 if !is_canary => {
            let was_here = ctx.peers().any(|it| it.id() == peer);
            ctx.state.line_of(peer).kicked |= was_here;
            assert_eq!(ctx.kick(peer, "a whim"), was_here);
            assert!(ctx.try_send(crate::msg!("whim")).is_err(), "sent to who was kicked");
        }
        5 => {
            let which = ctx.state.choices.below(64);
            let Some(id) = ctx.state.some_peer(which) else { return Ok(()) };
            let was_here = ctx.peers().any(|it| it.id() == id);
            ctx.state.line_of(id).kicked |= was_here;
            assert_eq!(ctx.kick(id, "a whim"), was_here);
        }
        6 if !is_canary => {
            ctx.state.line_of(peer).closed = true;
            ctx.close();
        }
        7 | 8 => Err("a whim")?,
        9 => resume_unwind(Box::new(Tripped)),
        10 if ctx.state.choices.once_in(40) => ctx.state.wants_end = true,
        11 => ctx.send(crate::msg!("whim", text: "long ".repeat(40))),
        12 => ctx.each_peer(|peer| peer.send(crate::msg!("whim", n: 1))),
        13 => {
            let ids = ctx.state.peers.clone();
            ctx.send_each(ids, crate::msg!("whim", n: [0.5_f32, 1.0]));
        }
        14 => ctx.send(crate::msg!("$whim")),
        15 => ctx.send(crate::msg!("whim", deep: [[[[[[[[1]]]]]]]])),
        16 => ctx.send(crate::msg!("whim", mark: "\0---\0", bytes: [1_u8].as_slice())),
        _ => {}
    }
    Ok(())
}
