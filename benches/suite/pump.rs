//! What a pump costs for so many idle peers, in one thread and by a clock of our own, on which
//! 16 ms pass between two pumps. The limit reads the sockets at the other ends, which are as idle.
//!
//! And what is beside the reading: looking for who is silent, and asking hexapods for a sign of
//! life.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hexapod::{Server, msg};

use super::{Better, Entrants, Options, Report, Table, ours};

/// One pump of a game.
const TICK: Duration = Duration::from_millis(16);

pub(crate) fn run(_entrants: &Entrants<'_>, options: &Options, report: &mut Report) {
    let most = most_connections();
    for peers in [1, 10, 100, 1_000, 5_000, 10_000] {
        let peers = options.size(peers, peers.min(10)).min(most);
        let title = format!("pump for {peers} idle peers");
        report.progress(format_args!("{title}"));
        let mut crowd = Crowd::new(peers);
        let (mut limit, mut own) = (Vec::new(), Vec::new());
        let pumps = options.size((40_000 / peers).clamp(10, 400), 2);
        for _ in 0..options.rounds {
            limit.push(micros(pumps, || crowd.scan()));
            own.push(micros(pumps, || crowd.pump(TICK)));
        }
        let rows = vec![("raw-scan", limit), ("hexapod", own)];
        let table = Table { title: &title, unit: "µs", better: Better::Less, rows, goals: &[] };
        report.add(table);
    }
    heartbeats(options, report, options.size(10_000, 10).min(most));
}

/// What hexapods cost that say nothing but what they are asked, per second of a game.
fn heartbeats(options: &Options, report: &mut Report, peers: usize) {
    let title = "heartbeats and timeouts of 10,000 idle peers";
    report.progress(format_args!("{title}"));
    let mut crowd = Crowd::new(peers);
    crowd.say_hello();
    let (mut limit, mut own) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let scan = micros(options.size(5, 1), || crowd.scan());
        // Silence is looked for ten times a second, and a pump less than a millisecond after the
        // last one reads nobody: what it costs then is the looking.
        let (mut looking, mut not) = (Vec::new(), Vec::new());
        for _ in 0..options.size(5, 1) {
            crowd.pump(Duration::from_micros(99_500));
            looking.push(micros(1, || crowd.pump(Duration::from_micros(900))));
            not.push(micros(1, || crowd.pump(Duration::from_micros(10))));
        }
        let looking = super::report::median(&looking) - super::report::median(&not);
        // Everybody is asked every five seconds, and answers.
        crowd.pump(Duration::from_secs(5));
        let idle = micros(1, || crowd.pump(TICK));
        let asking = micros(1, || crowd.pump(Duration::from_secs(5)));
        crowd.answer();
        let hearing = micros(1, || crowd.pump(TICK));
        let asking = (asking - idle) + (hearing - idle);
        limit.push(60.0 * scan / 1e3);
        own.push((10.0 * looking + asking / 5.0) / 1e3);
    }
    let rows = vec![("reading them, 60 times", limit), ("hexapod", own)];
    let goals = &[("reading them, 60 times", 0.05)];
    report.add(Table { title, unit: "ms per second", better: Better::Less, rows, goals });
}

fn micros(times: usize, mut work: impl FnMut()) -> f64 {
    let each = (0..times).map(|_| {
        let begun = Instant::now();
        work();
        begun.elapsed().as_secs_f64() * 1e6
    });
    super::report::median(&each.collect::<Vec<_>>())
}

/// How many connections fit, both ends of each being in this process.
fn most_connections() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3)?.parse::<usize>().ok());
    // Some systems give a process no more than 256.
    (soft.unwrap_or(256).saturating_sub(50) / 2).max(10)
}

/// A server with idle clients.
struct Crowd {
    server: Server<()>,
    now: Instant,
    clients: Vec<TcpStream>,
    buffer: Vec<u8>,
}

impl Crowd {
    fn new(peers: usize) -> Self {
        let mut server = Server::<()>::with_config(ours::config());
        let addr = server.listen("127.0.0.1:0", Default::default()).expect("a free port");
        let now = Instant::now();
        let mut crowd = Self { server, now, clients: Vec::new(), buffer: vec![0; 64 << 10] };
        for _ in 0..peers {
            crowd.clients.push(TcpStream::connect(addr).expect("the server listens"));
            if crowd.clients.len() % 100 == 0 {
                crowd.pump(TICK);
            }
        }
        while crowd.server.peers().count() < peers {
            crowd.pump(TICK);
        }
        crowd.hear();
        // Everybody is quiet from here on.
        (0..10).for_each(|_| crowd.pump(TICK));
        crowd
    }

    fn pump(&mut self, later: Duration) {
        self.now += later;
        self.server.pump_at(self.now, &mut ());
    }

    /// The limit: reads as many sockets as there are peers, which are as idle: the other ends.
    fn scan(&mut self) {
        for mut client in &self.clients {
            let _ = client.read(&mut self.buffer);
        }
    }

    /// Reads away what the server has said.
    fn hear(&mut self) {
        for mut client in &self.clients {
            client.set_nonblocking(true).expect("non-blocking");
            while client.read(&mut self.buffer).is_ok_and(|len| len > 0) {}
        }
    }

    fn say(&mut self, frame: &[u8]) {
        for mut client in &self.clients {
            client.write_all(frame).expect("there is room");
        }
    }

    /// Everybody becomes a hexapod.
    fn say_hello(&mut self) {
        let hello = msg!("_hello", wire: 1, game: "", version: "", max_frame: 1 << 20);
        self.say(&framed(&hello, b"_hello", b"$hello"));
        (0..4).for_each(|_| self.pump(TICK));
        self.answer();
        self.pump(TICK);
    }

    /// Everybody answers the ping that has come; which one that is, nobody minds here.
    fn answer(&mut self) {
        self.hear();
        self.say(&framed(&msg!("_pong", n: 0), b"_pong", b"$pong"));
    }
}

/// A control message's frame: a game cannot make one, so it is made of another.
fn framed(message: &hexapod::Outgoing, word: &[u8], control: &[u8]) -> Vec<u8> {
    let mut payload = message.to_bytes().expect("a good message").to_vec();
    let at = payload.windows(word.len()).position(|bytes| bytes == word).expect("the action");
    payload[at..at + control.len()].copy_from_slice(control);
    [&(payload.len() as u32).to_be_bytes()[..], &payload].concat()
}
