//! The body of the target `endpoint`: a server in memory, three strangers who do as a script says,
//! and a canary that behaves.
//!
//! ```text
//! limits, 2 bytes | op | op | …          an op is a byte, what | who << 4, and what it asks for
//! ```
//!
//! Of each connection it is written down what was sent to the server. What the server then hands to
//! its handlers must be that, message by message, up to the end that it tells; what it does between
//! and after is checked against the promises of the crate. Nothing here looks into the server.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use super::simulation::Choices;
use super::world::{GAME, Line, Player, Tripped, VERSION, World, register, whole_frame};
use super::{Script, framed};
use crate::config::Config;
use crate::dialect::Dialect;
use crate::id::PeerId;
use crate::message::{Index, Message, ValueRef};
use crate::net::Faults;
use crate::server::Server;
use crate::transport::{MemoryNetwork, MemoryStream};

const STRANGERS: usize = 3;

/// How often a script may pump and connect, so that no script takes long.
const PUMPS: usize = 150;
const CONNECTS: usize = 64;

/// How far an op moves the clock: a little back, and on by up to five hours.
const JUMPS: [Duration; 8] = [
    Duration::ZERO,
    Duration::from_micros(300),
    Duration::from_millis(1),
    Duration::from_millis(110),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
    Duration::from_secs(5 * 3600),
];

/// Payloads that an op can name: for each action that the server knows, each way to be wrong.
pub(super) const PAYLOADS: [&[u8]; 32] = [
    b"\x82\xa6action\xa4echo\xa1n\x07",
    b"\x83\xa6action\xa4nums\xa4list\x93\x01\x02\x03\xa4pair\x92\x01\xca\x3f\x80\0\0",
    b"\x82\xa6action\xa4nums\xa4list\x92\x01\xa1x",
    b"\x82\xa6action\xa4blob\xa5bytes\xc4\x03abc",
    b"\x82\xa6action\xa4dict\xa3map\x82\xa1a\x01\x02\xc0",
    b"\x82\xa6action\xa4tree\xa5value\x92\x81\xa1k\xc3\xd7\xff\0\0\0\0\0\0\0\x05",
    b"\x82\xa6action\xa3say\xa4text\xa5hello",
    b"\x82\xa6action\xa4kick\xa3who\x01",
    b"\x82\xa6action\xa4kick\xa3who\x02",
    b"\x81\xa6action\xa5close",
    b"\x81\xa6action\xa4trip",
    b"\x82\xa6action\xa2to\xa3who\x02",
    b"\x82\xa6action\xa5flood\xa4text\xaa0123456789",
    b"\x81\xa6action\xa6nobody",
    b"\x81\xa6action\xa9connected",
    b"\x81\xa6action\xacdisconnected",
    b"\x81\xa6action\xa7$secret",
    b"\xc0",
    b"\x81\xa1x\x01",
    b"\x81\xa6action\x07",
    b"\x82\xa6action\xa1x\xa6action\xa1y",
    b"\x81\xa6action\xc1",
    b"\x82\xa6action\xa3say\xa1x\x91\x91\x91\x91\x91\x91\x91\x91\xc0",
    b"\x91",
    b"\x85\xa6action\xa6$hello\xa4wire\x01\xa4game\xa4fuzz\xa7version\xa11\xa9max_frame\x7f",
    b"\x85\xa6action\xa6$hello\xa4wire\x01\xa4game\xa4tag!\xa7version\xa11\xa9max_frame\x20",
    b"\x83\xa6action\xa6$hello\xa4wire\x01\xa4game\x07",
    b"\x82\xa6action\xa5$ping\xa1n\x07",
    b"\x82\xa6action\xa5$pong\xa1n\x01",
    b"\x82\xa6action\xa4$bye\xa4code\xa6closed",
    b"\x83\xa6action\xa4$bye\xa4code\xa5ended\xa4text\xa3why",
    b"\x82\xa6action\xa4$new",
];

/// Actions with the field that their handlers read.
const FIELDS: [(&str, &str); 12] = [
    ("echo", "n"),
    ("nums", "list"),
    ("blob", "bytes"),
    ("dict", "map"),
    ("tree", "value"),
    ("say", "text"),
    ("kick", "who"),
    ("flood", "text"),
    ("$hello", "wire"),
    ("$ping", "n"),
    ("$pong", "n"),
    ("$bye", "code"),
];

pub(super) fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let mut game = Game::new(&mut script);
    while !script.is_over() {
        game.op(&mut script);
    }
    game.finish();
}

struct Game {
    network: MemoryNetwork,
    addr: SocketAddr,
    server: Server<World, Player>,
    /// How many events may wait.
    queue: usize,
    world: World,
    now: Instant,
    /// The latest time that there was: the clock may be turned back a little.
    latest: Instant,
    pumps: usize,
    /// Whether the last pump ended with a panic, or with a full queue of events: then the next one
    /// goes on where that one was.
    tripped: bool,
    canary: Stranger,
    sung: u64,
    heard: u64,
    /// What everybody was told between pumps, and how much of that the canary has heard.
    news: usize,
    news_heard: usize,
    strangers: [Option<Stranger>; STRANGERS],
}

/// The far end of a connection.
struct Stranger {
    line: usize,
    stream: MemoryStream,
    received: Vec<u8>,
    /// How much of that was looked at.
    at: usize,
    /// Whether it was asked for a sign of life: from there on it is known as a hexapod.
    asked: bool,
    /// Whether what was on its way to it is lost.
    broken: bool,
}

impl Game {
    fn new(script: &mut Script<'_>) -> Self {
        let limits = script.byte();
        let shares = script.byte();
        let config = Config::new()
            .quiet(true)
            .game(GAME)
            .version(VERSION)
            .max_frame_len([60, 1000][usize::from(limits & 1)])
            .max_depth(6)
            .max_elements([12, 400][usize::from(limits >> 1 & 1)])
            .max_outbound([0, 3000][usize::from(limits >> 2 & 1)])
            .max_peers([2, 9][usize::from(limits >> 3 & 1)])
            .max_peers_per_address([1, 2, 9][usize::from(limits >> 4 & 3) % 3])
            .accepts_per_pump([1, 3][usize::from(limits >> 6 & 1)])
            .messages_per_pump([1, 2, 5, 1000][usize::from(shares & 3)])
            .bytes_per_pump([1, 100, 5000][usize::from(limits >> 4) % 3])
            .frame_timeout(Duration::from_secs(2))
            .flush_timeout(Duration::from_secs(1))
            .heartbeat(Duration::from_secs(1))
            .idle_timeout(Duration::from_secs(3))
            .plain_idle_timeout(Duration::from_secs(5));
        let network = MemoryNetwork::new();
        let mut server = Server::with_config(config.clone());
        let addr = SocketAddr::from(([10, 0, 0, 1], 5071));
        let addr = server.listen_memory(&network, addr, Dialect::REPOD).expect("a free address");
        register(&mut server);
        let queue = [0, 0, 1, 20][usize::from(shares >> 2 & 3)];
        if queue > 0 {
            server.queue_events(queue);
        }
        let now = Instant::now() + Duration::from_secs(3600);
        let mut world = World {
            config,
            now,
            lines: Vec::new(),
            peers: Vec::new(),
            opened: 0,
            closed: 0,
            messages: 0,
            trips_on_leaving: limits & 0x80 != 0,
            lost: false,
            faults: Faults::default(),
            more_faults: 0,
            handled: (0, 0),
            resumed: None,
            resumed_frames: None,
            choices: Choices::none(),
            wants_end: false,
            more_sets: Vec::new(),
            closing: false,
            queues: queue > 0,
            events: VecDeque::new(),
        };
        let canary = Stranger::connect(&network, addr, &mut world, 0xffff);
        let (pumps, tripped, sung, heard) = (0, false, 0, 0);
        let strangers = [None, None, None];
        let mut game = Self {
            network,
            addr,
            server,
            queue,
            world,
            now,
            latest: now,
            pumps,
            tripped,
            canary,
            sung,
            heard,
            news: 0,
            news_heard: 0,
            strangers,
        };
        game.pump();
        game
    }

    fn op(&mut self, script: &mut Script<'_>) {
        let op = script.byte();
        let (who, how) = (usize::from(op >> 4) % STRANGERS, usize::from(op >> 4));
        match op & 15 {
            0 => self.connect(who, how / STRANGERS),
            1 => {
                let len = script.byte();
                self.write(who, script.bytes(len.into()));
            }
            2 => {
                let len = script.byte();
                self.write(who, &framed(script.bytes(len.into())));
            }
            3 => {
                let payload = PAYLOADS[script.below(PAYLOADS.len())];
                self.write(who, &framed(payload));
            }
            4 => {
                // A part of a frame; the rest may come by a later op, or never.
                let frame = framed(PAYLOADS[script.below(PAYLOADS.len())]);
                let (start, end) = (script.below(frame.len()), script.below(frame.len() + 1));
                self.write(who, &frame[start.min(end)..end]);
            }
            5 => {
                let frame = framed(PAYLOADS[script.below(PAYLOADS.len())]);
                let times = script.below(32);
                self.write(who, &frame.repeat(times));
            }
            6 => self.pump_within_reason(1),
            7 => self.pump_within_reason(how + 1),
            8 => match how {
                // Silence is judged by when a round of listening began: that is not to be turned
                // back.
                15 if self.tripped => {}
                15 => {
                    self.now -= Duration::from_millis(700);
                    for line in &mut self.world.lines {
                        line.heard_at = line.heard_at.map(|then| then.min(self.now));
                    }
                }
                _ => {
                    // After a pump that was cut short the canary has no song on its way, and a
                    // long pause would make it a plain peer that is silent for too long.
                    let jump = JUMPS[how % JUMPS.len()];
                    self.now += if self.tripped { jump.min(JUMPS[2]) } else { jump };
                    self.latest = self.latest.max(self.now);
                }
            },
            9 => self.shut_down(who),
            10 => self.drop(who),
            11 => self.reset(who),
            12 => {
                if let Some(stranger) = &mut self.strangers[who] {
                    stranger.receive(&mut self.world);
                }
            }
            13 => {
                // A message of a known action, with any bytes as its field.
                let (action, field) = FIELDS[script.below(FIELDS.len())];
                let len = script.byte();
                let text = |text: &str| [&[0xa0 | text.len() as u8], text.as_bytes()].concat();
                let pairs = [text("action"), text(action), text(field)].concat();
                self.write(who, &framed(&[&[0x82], &pairs[..], script.bytes(len.into())].concat()));
            }
            14 => self.outside(how, script.byte()),
            _ => self.strangers.iter_mut().flatten().for_each(|s| s.receive(&mut self.world)),
        }
    }

    fn connect(&mut self, who: usize, household: usize) {
        if self.strangers[who].is_none() && self.world.lines.len() <= CONNECTS {
            let household = household as u16;
            let stranger = Stranger::connect(&self.network, self.addr, &mut self.world, household);
            self.strangers[who] = Some(stranger);
        }
    }

    fn write(&mut self, who: usize, bytes: &[u8]) {
        if let Some(stranger) = &mut self.strangers[who] {
            stranger.write(bytes, &mut self.world);
        }
    }

    fn shut_down(&mut self, who: usize) {
        if let Some(stranger) = &mut self.strangers[who] {
            self.world.lines[stranger.line].ended = true;
            stranger.stream.shut_down_writing();
        }
    }

    fn drop(&mut self, who: usize) {
        if let Some(stranger) = self.strangers[who].take() {
            self.world.lines[stranger.line].ended = true;
        }
    }

    fn reset(&mut self, who: usize) {
        if let Some(mut stranger) = self.strangers[who].take() {
            stranger.stream.reset();
        }
    }

    /// What a game does between pumps.
    fn outside(&mut self, how: usize, with: u8) {
        let Some(id) = self.world.some_peer(with.into()) else { return };
        let how = how % 9;
        // The canary is among those who are told.
        self.news += usize::from(matches!(how, 1 | 4 | 5 | 6));
        match how {
            0 => {
                let was_here = self.server.peers().any(|peer| peer.id() == id);
                self.world.line_of(id).kicked |= was_here;
                assert_eq!(self.server.kick(id, "from outside"), was_here);
                assert!(!self.server.kick(id, "twice"), "who was kicked is gone");
            }
            1 => self.server.broadcast(crate::msg!("news", with: with)),
            2 => self.server.send_to(id, crate::msg!("news", with: with)),
            3 => {
                let is_here = self.server.peers().any(|peer| peer.id() == id);
                let sent = self.server.try_send_to(id, crate::msg!("news", with: with));
                assert!(is_here || sent.is_err(), "sent to nobody");
            }
            4 => {
                let ids = self.world.peers.clone();
                self.server.send_each(ids, crate::msg!("news", with: with));
            }
            5 => self.server.each_peer(|peer| peer.send(crate::msg!("news", with: with))),
            6 => drop(self.server.sender().send(crate::msg!("news", with: with))),
            7 => drop(self.server.sender().send_to(id, crate::msg!("news", with: with))),
            _ => self.server.flush(),
        }
        self.hear();
    }

    fn pump_within_reason(&mut self, times: usize) {
        for _ in 0..times {
            if self.pumps < PUMPS {
                self.pump();
            }
        }
    }

    fn pump(&mut self) {
        self.pumps += 1;
        if self.heard == self.sung && !self.tripped {
            let song = crate::msg!("echo", n: self.sung);
            let song = framed(song.to_bytes().expect("a good message"));
            assert_eq!(self.canary.write(&song, &mut self.world), song.len(), "it can sing");
            self.sung += 1;
        }
        self.world.now = self.now;
        self.world.lines.iter_mut().for_each(|line| line.heard_in_pump = 0);
        let (server, world, now) = (&mut self.server, &mut self.world, self.now);
        match catch_unwind(AssertUnwindSafe(|| server.pump_at(now, world))) {
            Ok(activity) => {
                let world = &mut self.world;
                let told = (activity.opened, activity.closed, activity.messages);
                assert_eq!(told, (world.opened, world.closed, world.messages), "as was told");
                assert!(world.sets_agree(), "the sets of handlers were told different things");
                (world.opened, world.closed, world.messages) = (0, 0, 0);
                self.world.check_peers(&self.server);
                self.hear();
                // A pump that does not come to its end leaves the rest to the next, and that is
                // all.
                let full = self.world.fetch(&mut self.server, self.queue);
                assert!(full || self.tripped || self.heard == self.sung, "the canary waits");
                self.tripped = full;
            }
            Err(panic) if panic.is::<Tripped>() => {
                self.tripped = true;
                self.world.fetch(&mut self.server, self.queue);
            }
            Err(panic) => resume_unwind(panic),
        }
    }

    /// The canary hears its own songs, each once and in order, among whatever else is said.
    fn hear(&mut self) {
        let (heard, news) = (&mut self.heard, &mut self.news_heard);
        self.canary.receive_each(&mut self.world, |message| {
            if message.action() == "echo" {
                assert_eq!(message.get::<u64>("n").ok(), Some(*heard), "the canary's next song");
                *heard += 1;
            }
            *news += usize::from(message.action() == "news");
        });
    }

    /// All that was sent is handled, the canary is well, and a server that closes comes to its end.
    fn finish(mut self) {
        // What is for the session takes its place in a pump too, though nobody is told.
        let frames = |line: &Line| (line.sent.len() - line.at) / 5 + line.untold + 4;
        let most = self.world.lines.iter().map(frames).sum::<usize>() * 4;
        let mut pumps = 0;
        loop {
            // Listeners and quiet connections are looked at once a millisecond.
            self.now += Duration::from_millis(1);
            self.pump();
            // A stranger that reads keeps its connection, as far as that is up to it.
            for stranger in self.strangers.iter_mut().flatten() {
                stranger.receive(&mut self.world);
            }
            let mut lines = 0..self.world.lines.len();
            if !self.tripped && lines.all(|line| self.world.is_settled(line)) {
                break;
            }
            pumps += 1;
            assert!(pumps <= most, "what was sent is not handled");
        }
        for stranger in self.strangers.iter().flatten() {
            let answered = stranger.at > 0 || stranger.broken || self.world.lost;
            assert!(answered || !self.world.lines[stranger.line].refused, "turned away in silence");
        }
        // What is for the session is heard without a word: there is time for that.
        let untold = self.world.lines.iter().map(|line| line.untold).max();
        (0..untold.unwrap_or_default() * 2).for_each(|_| self.pump());
        // A frame that has begun and does not go on is ended; later, so is who says nothing.
        self.now = self.now.max(self.latest);
        let mut seconds = 0;
        for _ in 0..400 {
            self.now += Duration::from_secs(1);
            seconds += usize::from(!self.tripped);
            self.pump();
            if seconds == 12 && !self.tripped {
                break;
            }
        }
        let mut strangers = self.world.lines.iter().skip(1);
        assert!(strangers.all(|line| line.refused || line.left), "silent, and still here");
        (0..6).for_each(|_| self.pump());
        assert_eq!(self.heard, self.sung, "the canary is well");
        assert_eq!(self.news_heard, self.news, "the canary has heard the news, each once");

        self.server.close();
        self.world.closing = true;
        for _ in 0..self.world.lines.len() + 4 {
            self.now += Duration::from_secs(2);
            let (server, world, now) = (&mut self.server, &mut self.world, self.now);
            let pump = catch_unwind(AssertUnwindSafe(|| server.pump_at(now, world)));
            self.world.fetch(&mut self.server, self.queue);
            match pump {
                Ok(_) if self.server.is_closed() => break,
                Err(panic) if !panic.is::<Tripped>() => resume_unwind(panic),
                _ => {}
            }
        }
        assert!(self.server.is_closed(), "closing has no end");
        let mut all = self.world.lines.iter();
        assert!(all.all(|line| line.left == line.peer.is_some()), "each has left");
    }
}

impl Stranger {
    fn connect(
        network: &MemoryNetwork,
        addr: SocketAddr,
        world: &mut World,
        household: u16,
    ) -> Self {
        let line = world.lines.len();
        world.lines.push(Line::default());
        let from = Ipv6Addr::new(0x2001, 0xdb8, 0, household, 0, 0, 0, line as u16);
        let stream = network.connect_from(IpAddr::V6(from), addr).expect("the server listens");
        Self { line, stream, received: Vec::new(), at: 0, asked: false, broken: false }
    }

    /// Writes as much as there is room for; tells how much.
    fn write(&mut self, bytes: &[u8], world: &mut World) -> usize {
        // After the end the server's side is gone, or this side has ended itself.
        let Ok(len) = self.stream.write(bytes) else { return 0 };
        world.lines[self.line].sent.extend(&bytes[..len]);
        len
    }

    fn receive(&mut self, world: &mut World) {
        self.receive_each(world, |_| {});
    }

    /// Reads all that is there: whole frames with good messages, the greeting first of all.
    fn receive_each(&mut self, world: &mut World, mut each: impl FnMut(&Message<'_>)) {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => self.received.extend(&buffer[..len]),
                Err(error) => {
                    let kind = error.kind();
                    assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::ConnectionReset));
                    self.broken |= kind == ErrorKind::ConnectionReset;
                    break;
                }
            }
        }
        let is_hexapod = world.is_hexapod(self.line);
        let line = &world.lines[self.line];
        let (mut index, config) = (Index::default(), &world.config);
        let own = line.peer.map(PeerId::number);
        while let Some((start, end)) = whole_frame(&self.received, self.at) {
            let payload = &self.received[start..end];
            // The limits are those of the game; the greeting is not the game's.
            let (first, greeting) = (self.at == 0, b"\x82\xa6action\xa9connected\xa7hexapod");
            assert_eq!(first, payload.starts_with(greeting), "one greeting, and it is the first");
            let message = Message::read(payload, &mut index, Config::new().limits());
            let message = message.unwrap_or_else(|error| panic!("the server says {error:?}"));
            let control = message.action().starts_with('$');
            assert!(is_hexapod || !control, "a plain peer is told {}", message.action());
            let max = if self.asked { line.max_frame } else { usize::MAX };
            let fits = first || control || payload.len() <= config.max_frame_len.min(max);
            assert!(fits, "the server says too much");
            self.asked |= message.action() == "$ping";
            if first {
                let Some(ValueRef::Map(hexapod)) = message.field("hexapod") else { panic!() };
                let full = hexapod.get("full").is_some();
                assert_eq!((full, !full), (line.refused, line.peer.is_some()), "who is let in");
            }
            if message.action() == "joined" {
                assert_ne!(message.get::<u64>("who").ok(), own, "told to the one exception");
            }
            self.at = end;
            each(&message);
        }
    }
}
