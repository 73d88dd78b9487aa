//! Cases 90 to 94: pauses, stutter, clocks that jump, and pumps of any rhythm.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use hexapod::{Client, Config, Server, msg};

use super::{Random, frame_of, in_memory, noise, size};
use crate::harness::{Network, Stream, on_both, until};

const SECOND: Duration = Duration::from_secs(1);
const FRAME: Duration = Duration::from_millis(16);

type Log = Vec<String>;

/// A server, a client that talks, one that is silent, and a plain peer in the middle of a frame.
struct Four {
    server: Server<Log>,
    talker: Client<Vec<u32>>,
    silent: Client<Vec<u32>>,
    plain: Stream,
    log: Log,
    heard: Vec<u32>,
    said: u32,
    now: Instant,
}

impl Four {
    fn new(network: &Network, config: Config) -> Self {
        let (mut server, addr) = network.server::<Log, ()>(config.clone());
        server.on("n", |ctx, msg| ctx.send(hexapod::Outgoing::from(msg)));
        server.on_unhandled(|ctx, msg| ctx.state.push(msg.action().to_owned()));
        server.on_disconnect(|ctx, why| ctx.state.push(format!("{} down: {why}", ctx.peer())));
        server.on_error(|log, fault| log.push(fault.to_string()));
        let client = || {
            let mut client = network.client_with::<Vec<u32>>(addr, config.clone());
            client.on("n", |ctx, msg| {
                ctx.state.push(msg.get("n")?);
                Ok(())
            });
            client.on_disconnect(|_, reason| panic!("a client is down: {reason}"));
            client
        };
        let (talker, silent, plain) = (client(), client(), network.stream(addr));
        let (log, heard, said, now) = (Log::new(), Vec::new(), 0, Instant::now());
        let mut four = Self { server, talker, silent, plain, log, heard, said, now };
        until(|| {
            four.step(Duration::from_millis(1));
            four.server.peers().count() == 3 && four.silent.round_trip().is_some()
        });
        four
    }

    /// Time passes, and everybody pumps once.
    fn step(&mut self, time: Duration) {
        self.now += time;
        if self.talker.is_connected() {
            self.talker.send(msg!("n", n: self.said));
            self.said += 1;
        }
        self.talker.pump_at(self.now, &mut self.heard);
        self.silent.pump_at(self.now, &mut Vec::new());
        self.server.pump_at(self.now, &mut self.log);
    }

    /// Everybody is still here, and nothing was lost.
    #[track_caller]
    fn end(mut self) -> Log {
        let said = self.said;
        until(|| {
            self.step(Duration::from_millis(1));
            self.heard.len() >= said as usize
        });
        assert!(self.heard[..said as usize].iter().copied().eq(0..said));
        assert_eq!(self.server.peers().count(), 3, "{:?}", self.log);
        self.log
    }
}

#[test]
fn case_90_after_a_long_pause_everybody_is_read_before_anybody_is_judged() {
    on_both(|network| {
        for pause in [6 * SECOND, 40 * SECOND, 3600 * SECOND] {
            let mut four = Four::new(&network, Config::new());
            let whole = noise();
            four.plain.say(&whole[..7]);
            (0..10).for_each(|_| four.step(FRAME));
            // The laptop sleeps, and with it all ends that are on it.
            four.step(pause);
            four.plain.say(&whole[7..]);
            (0..10).for_each(|_| four.step(FRAME));
            assert_eq!(four.end(), ["noise"], "{pause:?}");
        }
        // An impatient game, and a pause that is short but longer than all its patience.
        let config = Config::new().frame_timeout(SECOND).idle_timeout(2 * SECOND);
        let mut four = Four::new(&network, config);
        let whole = noise();
        four.plain.say(&whole[..7]);
        (0..10).for_each(|_| four.step(FRAME));
        four.step(3 * SECOND);
        four.plain.say(&whole[7..]);
        (0..10).for_each(|_| four.step(FRAME));
        assert_eq!(four.end(), ["noise"]);
    });
}

#[test]
fn case_91_a_stuttering_game_loses_nobody() {
    on_both(|network| {
        let mut four = Four::new(&network, Config::new());
        let mut dice = Random(77);
        for _ in 0..size(300, 20_000) {
            let stutter = dice.below(10) == 0;
            four.step(Duration::from_millis(dice.below(if stutter { 9000 } else { 30 }) as u64));
        }
        assert_eq!(four.end(), [""; 0]);
    });
}

/// A gap of 2^32 milliseconds, and one backwards, which only a clock of one's own can make.
#[test]
fn case_92_clocks_may_jump() {
    let network = in_memory();
    let mut four = Four::new(&network, Config::new().plain_idle_timeout(Duration::MAX));
    four.now += 7200 * SECOND;
    four.step(FRAME);
    for jump in [1_u64 << 31, 1 << 32, (1 << 32) + 1, 1 << 33] {
        four.step(Duration::from_millis(jump));
        (0..10).for_each(|_| four.step(FRAME));
    }
    for back in [FRAME, SECOND, 3600 * SECOND] {
        four.now -= back;
        (0..10).for_each(|_| four.step(FRAME));
    }
    assert_eq!(four.end(), [""; 0]);
}

/// The time of day, which people and daemons set, is looked at nowhere.
#[test]
fn case_92_nobody_asks_for_the_time_of_day() {
    fn search(folder: &Path, found: &mut Vec<String>) -> usize {
        let mut files = 0;
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                files += search(&path, found);
            } else if path.extension().is_some_and(|it| it == "rs") {
                files += 1;
                let text = fs::read_to_string(&path).expect("a text");
                for word in ["SystemTime", "UNIX_EPOCH"] {
                    if text.contains(word) {
                        found.push(format!("{}: {word}", path.display()));
                    }
                }
            }
        }
        files
    }
    let mut found = Vec::new();
    let files = search(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(files > 40 && found.is_empty(), "{found:?}");
}

/// One to ten thousand pumps a second, and none for minutes: the same messages, the same ends.
#[test]
fn case_93_any_number_of_pumps_a_second_gives_the_same_results() {
    let play = |steps: &[Duration]| {
        let network = in_memory();
        let (mut server, addr) = network.server::<Log, ()>(Config::new());
        server.on("n", |ctx, msg| {
            let line = format!("{} {}", ctx.peer(), msg.get::<u32>("n")?);
            ctx.state.push(line);
            Ok(())
        });
        server.on_disconnect(|ctx, why| ctx.state.push(format!("{} down: {why}", ctx.peer())));
        let (mut log, mut now) = (Log::new(), Instant::now());
        let mut streams: Vec<_> = (0..3).map(|_| network.stream(addr)).collect();
        server.pump_at(now, &mut log);
        for (n, step) in steps.iter().cycle().take(30).enumerate() {
            for stream in &mut streams {
                stream.say(&frame_of(&msg!("n", n: n)));
            }
            now += *step;
            server.pump_at(now, &mut log);
        }
        streams[0].say(b"\0\0\0\0");
        streams[1].shut_down_writing();
        (0..3).for_each(|_| {
            now += 100 * FRAME;
            server.pump_at(now, &mut log);
        });
        log.sort();
        log
    };
    let usual = play(&[FRAME]);
    assert_eq!(usual.len(), 92);
    let millis = Duration::from_millis;
    for steps in [
        &[SECOND][..],
        &[millis(1)],
        &[Duration::from_micros(100), Duration::from_millis(2)],
        &[FRAME, FRAME, 600 * SECOND],
        &[Duration::ZERO],
    ] {
        assert_eq!(play(steps), usual, "{steps:?}");
    }
}

#[test]
fn case_93_a_pump_without_work_costs_the_same_however_often() {
    // Counted, not timed: nothing is read more often than once a millisecond, nothing is written.
    let (mut server, addr) = Network::Tcp.server::<(), ()>(Config::new());
    let _quiet: Vec<_> = (0..20).map(|_| Network::Tcp.stream(addr)).collect();
    until(|| {
        server.pump(&mut ());
        server.peers().count() == 20
    });
    let mut now = Instant::now() + SECOND;
    let ((), heap) = crate::alloc::measure(|| {
        for _ in 0..10_000 {
            now += Duration::from_micros(100);
            assert!(server.pump_at(now, &mut ()).is_idle());
        }
    });
    assert_eq!(heap.calls, 0, "{heap:?}");
}

/// An hour without a pump is one heartbeat late, and not seven hundred.
#[test]
fn case_94_timers_fire_once_after_a_jump() {
    let mut four = Four::new(&in_memory(), Config::new());
    (0..100).for_each(|_| four.step(FRAME));
    let before = four.server.traffic().messages_sent;
    four.now += 3600 * SECOND;
    let done = four.server.pump_at(four.now, &mut four.log);
    // The echo of the talker's last message may be among it, and two heartbeats are.
    eprintln!("after an hour without a pump: {} bytes written", done.bytes_written);
    assert!(done.bytes_written < 150, "{done:?}");
    // For as long as a heartbeat takes, in looks that are all later than the one before.
    let beat = Config::new().heartbeat;
    for _ in 0..40 {
        four.now += beat / 41;
        let done = four.server.pump_at(four.now, &mut four.log);
        assert_eq!(done.bytes_written, 0, "nothing is made up for");
    }
    assert!(four.server.traffic().messages_sent <= before + 1);
    assert_eq!(four.end(), [""; 0]);
}
