//! What went wrong in the two Python libraries, each fault with the tests that it does not happen
//! here. The faults were reproduced on PodSixNet 0.11.0 (A) and repodnet 0.1.2 (B).
//!
//! A test that begins with a fault's number is in this file, and plays it through in every dialect,
//! without anybody's Python. The table names what else looks at the same fault: with the real
//! peers, on other limits, in other scenes. What the old wire itself forces is in the manual, on
//! the page for those who come from Python.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use hexapod::{
    Client, Config, Dialect, MemoryNetwork, Outgoing, PeerId, SendError, Server, Tuple, Value, msg,
};

use super::dialects;
use crate::examples::accepted;
use crate::harness::{Network, Stream, frame, on_both, until};

/// The fault, and tests beside those of its number.
const DEFECTS: [(&str, &str, &[&str]); 25] = [
    (
        "A1",
        "a terminator inside of a payload cuts it",
        &[
            "what_podsixnet_writes_is_heard_as_it_was_meant",
            "what_hexapod_writes_is_what_podsixnet_writes",
            "a_stream_byte_by_byte_and_all_at_once",
            "everything_that_podsixnet_can_say_comes_back_as_it_was",
            "messages_full_of_terminators_come_back_from_a_podsixnet",
            "a_client_plays_with_a_podsixnet_server",
        ],
    ),
    (
        "A2",
        "no limit on a frame, nor on what waits",
        &[
            "a_frame_without_end_is_cut_off_at_the_limit",
            "a_peer_that_does_not_read_is_cut_off_and_the_others_miss_nothing",
            "a_message_just_below_the_limit_goes_both_ways_and_beyond_it_ends_one_link",
        ],
    ),
    (
        "A3",
        "who has left stays in the list for ever",
        &["a_podsixnet_that_vanishes_leaves_once", "podsixnet_and_rust_chat"],
    ),
    (
        "A4",
        "few wait to be accepted, one is in a pump, a thousand are at all",
        &[
            "many_connect_and_leave_at_once",
            "no_more_are_accepted_in_a_pump_than_allowed",
            "a_crowd_is_echoed_exactly_once_and_in_order_whoever_is_killed_or_reset_meanwhile",
        ],
    ),
    (
        "A5",
        "floats of 32 bits, bytes as text: forced by the wire, and told",
        &["everything_that_podsixnet_can_say_comes_back_as_it_was"],
    ),
    (
        "A6",
        "messages lost or doubled by the order of pumps",
        &[
            "a_full_queue_of_events_holds_peers_back_and_drops_nothing",
            "every_seed_delivers_all_in_order_and_the_same_seed_does_the_same",
        ],
    ),
    (
        "A7",
        "an error that is not what its page says",
        &[
            "nobody_there_is_a_failure_and_not_a_freeze",
            "every_reason_for_an_end_is_there_with_its_words",
        ],
    ),
    ("A8", "an error in place of the end", &["resets_in_the_middle_of_everything"]),
    (
        "A9",
        "words that are taken for events",
        &[
            "everything_that_podsixnet_can_say_comes_back_as_it_was",
            "a_client_plays_with_a_podsixnet_server",
            "a_server_that_says_the_words_of_events_fires_none_on_the_client",
        ],
    ),
    ("A10", "one connection in a process", &["two_hundred_of_all_kinds_hear_each_other"]),
    (
        "A11",
        "no IPv6, no time-outs, no heartbeat, no kick (and no secrecy: forced by the wire)",
        &[
            "a_name_is_looked_up_and_ipv6_works_where_it_exists",
            "heartbeats_keep_a_silent_link_and_measure_it",
            "a_kick_arrives_with_its_words",
            "a_server_that_never_greets_is_given_up",
        ],
    ),
    (
        "A12",
        "gone with Python 3.12",
        &["four_real_kinds_are_in_one_chat", "four_real_kinds_are_on_one_server"],
    ),
    ("B1", "nil stalls the stream", &["values_that_are_no_message_are_left_out"]),
    (
        "B2",
        "a handler's exception makes a zombie",
        &["an_error_of_a_handler_is_told_and_hurts_one_message"],
    ),
    (
        "B3",
        "the word disconnected makes a zombie",
        &["the_greeting_is_repods_and_fires_nothing_twice"],
    ),
    (
        "B4",
        "what is sent before the connection is up is lost",
        &[
            "what_is_sent_before_the_connection_is_up_comes_first_and_in_order",
            "a_client_plays_with_a_python_server",
        ],
    ),
    (
        "B5",
        "connected is told twice",
        &["a_peer_connects_once_speaks_and_leaves_once", "a_client_plays_with_a_python_server"],
    ),
    (
        "B6",
        "no limits, a quadratic buffer, one starves all",
        &[
            "a_frame_that_is_too_long_ends_the_link_with_its_header",
            "a_flood_holds_up_nobody_for_longer_than_a_pump",
            "one_byte_at_a_time_is_as_good_as_all_at_once",
        ],
    ),
    (
        "B7",
        "an error while connecting leaks the peer",
        &[
            "a_panic_unwinds_to_the_caller_and_the_next_pump_goes_on",
            "every_set_of_handlers_hears_everything_and_a_panic_in_one_repeats_nothing",
        ],
    ),
    ("B8", "a reset during a write leaves a ghost", &["no_ghosts_after_resets_while_writing"]),
    ("B9", "five milliseconds before anything is sent", &["a_flush_sends_without_a_pump"]),
    (
        "B10",
        "nobody can be kicked",
        &["a_kick_arrives_with_its_words", "a_kick_shows_its_words_in_the_other_terminal"],
    ),
    (
        "B11",
        "errors are told to nobody",
        &["what_cannot_be_sent_is_told_with_peer_action_and_cause"],
    ),
    (
        "B12",
        "what is sent just before a close is lost",
        &["what_is_sent_just_before_a_close_arrives", "a_client_leaves_a_python_server"],
    ),
    ("B13", "handlers run beside the game", &["a_server_may_live_on_a_thread_of_its_own"]),
];

/// The names of all tests of this crate.
fn names(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            names(&path, into);
            continue;
        }
        let source = fs::read_to_string(&path).expect("a source");
        let tests = source.split("#[test]\n").skip(1);
        let name = |test: &str| Some(test.split_once("fn ")?.1.split_once('(')?.0.to_owned());
        into.extend(tests.filter_map(name));
    }
}

#[test]
fn every_fault_of_old_has_its_test() {
    let mut tests = BTreeSet::new();
    names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"), &mut tests);
    let numbers: Vec<_> = DEFECTS.iter().map(|(number, _, _)| (*number).to_owned()).collect();
    let a = (1..=12).map(|n| format!("A{n}"));
    assert_eq!(numbers, a.chain((1..=13).map(|n| format!("B{n}"))).collect::<Vec<_>>());
    for (number, fault, names) in DEFECTS {
        let prefix = format!("{}_", number.to_lowercase());
        // That there is no Python in this library needs no test of its own.
        let has_own = number == "A12" || tests.iter().any(|test| test.starts_with(&prefix));
        assert!(has_own && !names.is_empty(), "{number}, {fault}: there is no test {prefix}…");
        for name in names {
            assert!(tests.contains(*name), "{number}, {fault}: there is no test {name}");
        }
    }
}

// --- Each fault, in every dialect, in memory and over TCP ----------------------------------------

const TERMINATOR: &[u8] = b"\0---\0";

/// What one end has seen: a server, or a client.
#[derive(Default)]
struct Seen {
    up: usize,
    down: Vec<String>,
    failed: Vec<String>,
    heard: Vec<Value>,
    faults: Vec<String>,
}

/// A server in one dialect.
struct Scene {
    network: Network,
    dialect: Dialect,
    server: Server<Seen>,
    addr: SocketAddr,
    seen: Seen,
}

/// A client in the dialect of the server.
struct Guest {
    client: Client<Seen>,
    seen: Seen,
}

/// Runs a test in every dialect, in memory and over TCP.
fn everywhere(test: impl Fn(Scene)) {
    with(Config::new, test);
}

fn with(config: impl Fn() -> Config, test: impl Fn(Scene)) {
    on_both(|network| {
        for dialect in dialects() {
            test(Scene::new(&network, dialect, config()));
        }
    });
}

impl Scene {
    fn new(network: &Network, dialect: Dialect, config: Config) -> Self {
        let (mut server, addr) = network.server::<Seen, ()>(config.dialect(dialect));
        server.on_connect(|ctx| ctx.state.up += 1);
        server.on_disconnect(|ctx, reason| {
            let line = format!("{}: {reason}", ctx.peer());
            ctx.state.down.push(line);
        });
        server.on("echo", |ctx, msg| ctx.send(Outgoing::from(msg)));
        server.on("fail", |_, _| Err("on purpose".into()));
        server.on_any(|ctx, msg| ctx.state.heard.push(msg.to_value()));
        server.on_error(|seen, fault| seen.faults.push(fault.to_string()));
        Self { network: network.clone(), dialect, server, addr, seen: Seen::default() }
    }

    /// A client that wants to be connected.
    fn guest(&self) -> Guest {
        let config = Config::new().dialect(self.dialect).heartbeat(Duration::from_millis(20));
        Guest::new(self.network.client_with(self.addr, config))
    }

    /// A client that is connected.
    fn connected(&mut self) -> Guest {
        let mut guest = self.guest();
        self.until(&mut [&mut guest], |_, guests| guests[0].client.is_connected());
        guest
    }

    /// A plain peer that has read its greeting.
    fn plain(&mut self) -> Stream {
        let (mut stream, mut greeting) = (self.network.stream(self.addr), Vec::new());
        let up = self.seen.up + 1;
        until(|| {
            self.server.pump(&mut self.seen);
            stream.read_some(&mut greeting).expect("open");
            !greeting.is_empty() && self.seen.up == up
        });
        stream
    }

    /// Who has come last.
    fn last(&self) -> PeerId {
        self.server.peers().last().expect("somebody").id()
    }

    fn pump(&mut self, guests: &mut [&mut Guest]) {
        self.server.pump(&mut self.seen);
        for guest in guests {
            guest.pump();
        }
    }

    #[track_caller]
    fn until(&mut self, guests: &mut [&mut Guest], done: impl Fn(&Seen, &[&mut Guest]) -> bool) {
        until(|| {
            self.pump(guests);
            done(&self.seen, guests)
        });
    }

    /// Goes on for a while, in which nothing more is to happen.
    fn rest(&mut self, guests: &mut [&mut Guest]) {
        let end = Instant::now() + Duration::from_millis(5);
        while Instant::now() < end {
            self.pump(guests);
        }
    }

    fn name(&self) -> &'static str {
        self.dialect.name()
    }
}

impl Guest {
    fn new(mut client: Client<Seen>) -> Self {
        client.on_connect(|ctx| ctx.state.up += 1);
        client.on_disconnect(|ctx, reason| ctx.state.down.push(reason.to_string()));
        client.on_connect_failed(|ctx, error| ctx.state.failed.push(error.to_string()));
        client.on("fail", |_, _| Err("on purpose".into()));
        client.on_any(|ctx, msg| ctx.state.heard.push(msg.to_value()));
        client.on_error(|seen, fault| seen.faults.push(fault.to_string()));
        Self { client, seen: Seen::default() }
    }

    fn pump(&mut self) {
        self.client.pump(&mut self.seen);
    }
}

/// A message with no fields, as a plain peer says it.
fn bare(dialect: Dialect, action: &str) -> Vec<u8> {
    let (len, action) = (action.len() as u8, action.as_bytes());
    match dialect.name() {
        "repod" => frame(&[b"\x81\xa6action", &[0xa0 + len][..], action].concat()),
        "podsixnet" => [b"\x67\x86action", &[0x80 + len][..], action, TERMINATOR].concat(),
        _ => [b"{\"action\":\"", action, b"\"}", TERMINATOR].concat(),
    }
}

/// A message of more than 20,000 bytes, as a plain peer says it.
fn long(dialect: Dialect) -> Vec<u8> {
    let text = "t".repeat(20_000).into_bytes();
    match dialect.name() {
        "repod" => frame(&[b"\x82\xa6action\xa4long\xa1t\xda\x4e\x20", &text[..]].concat()),
        "podsixnet" => [b"\x68\x86action\x84long\x81t20000:", &text[..], TERMINATOR].concat(),
        _ => [b"{\"action\":\"long\",\"t\":\"", &text[..], b"\"}", TERMINATOR].concat(),
    }
}

/// What is no message: nothing, a list, a map without an action, an action that is a number.
fn odd(dialect: Dialect) -> [Vec<u8>; 4] {
    match dialect.name() {
        "repod" => [&b"\xc0"[..], b"\x91\x01", b"\x80", b"\x81\xa6action\x07"].map(frame),
        "podsixnet" => [&b"\x45"[..], b"\xc1\x01", b"\x66", b"\x67\x86action\x07"]
            .map(|payload| [payload, TERMINATOR].concat()),
        _ => [&b"null"[..], b"[1]", b"{}", b"{\"action\":7}"]
            .map(|payload| [payload, TERMINATOR].concat()),
    }
}

/// The actions of what was heard.
fn actions(heard: &[Value]) -> Vec<&str> {
    heard.iter().map(|value| value["action"].as_str().expect("a text")).collect()
}

/// The numbers `n` of what was heard.
fn numbers(heard: &[Value]) -> Vec<i64> {
    heard.iter().filter_map(|value| value.get("n").and_then(Value::as_i64)).collect()
}

/// A listener of the system's, and a client that it greets as an old server does.
fn greeted_by_hand(dialect: Dialect, then: &[u8]) -> (TcpStream, Guest) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let mut guest = Guest::new(Network::Tcp.client_with(addr, Config::new().dialect(dialect)));
    let mut stream = accepted(&listener);
    stream.write_all(&[&bare(dialect, "connected"), then].concat()).expect("open");
    until(|| {
        guest.pump();
        guest.client.is_connected()
    });
    (stream, guest)
}

/// Values whose rencode holds PodSixNet's terminator, or begins it just before the end.
fn treacherous() -> Vec<Outgoing> {
    let float = f32::from_bits(0x002d_2d2d);
    vec![
        msg!("pos", p: [2_960_685, 0]),
        msg!("pos", p: Tuple((0, 2_960_685, 0, 2_960_685, 0))),
        msg!("pos", p: [0x0100_2d2d_2d00_0000_i64, 0x002d_2d2d_002d_2d2d, 0]),
        msg!("pos", p: [-0x00ff_d2d2_d2ff_0000_i64, 0x2d2d_2d00]),
        msg!("pos", p: (float, 0), q: [float, float]),
        msg!("text", p: ("\0---", 0, "---\0")),
        msg!("text", list: ["\0---", "\0---"], last: "\0---"),
        msg!("keys", p: BTreeMap::from([(2_960_685, 0), (0, 2_960_685)])),
        msg!("last", n: 2_960_685),
    ]
}

#[test]
fn a1_a_terminator_inside_of_a_payload_is_a_part_of_it() {
    everywhere(|mut scene| {
        let mut guest = scene.connected();
        let messages = treacherous();
        for message in &messages {
            guest.client.send(message.clone());
            scene.server.broadcast(message.clone());
        }
        scene.until(&mut [&mut guest], |here, guests| {
            here.heard.len() == messages.len() && guests[0].seen.heard.len() == messages.len()
        });
        for heard in [&scene.seen.heard, &guest.seen.heard] {
            for (heard, said) in heard.iter().zip(&messages) {
                // JSON's keys are text.
                let is_same = heard.to_string() == Value::from(said.clone()).to_string();
                assert!(is_same || said.action() == "keys", "{}: {heard}, {said}", scene.name());
            }
        }
        assert_eq!((scene.seen.faults.len(), guest.seen.faults.len()), (0, 0));
        assert_eq!((scene.seen.down.len(), guest.seen.down.len()), (0, 0));
    });
}

#[test]
fn a1_nothing_that_is_sent_to_a_podsixnet_holds_a_terminator() {
    let network = Network::Memory(MemoryNetwork::new());
    let mut scene = Scene::new(&network, Dialect::PODSIXNET, Config::new());
    let mut stream = scene.plain();
    let messages = treacherous();
    let mut heard = Vec::new();
    for message in &messages {
        scene.server.broadcast(message.clone());
        scene.server.broadcast(msg!("pos", p: message.action()));
    }
    // All five in one text cannot be said at all. They can be heard.
    scene.server.broadcast(msg!("text", all: "\0---\0"));
    stream.say(b"\x68\x86action\x81x\x81t\x85\0---\0\0---\0");
    scene.until(&mut [], |here, _| here.heard.len() == 1 && here.faults.len() == 1);
    assert_eq!(scene.seen.heard[0], Value::from(msg!("x", t: "\0---\0")));
    stream.read_some(&mut heard).expect("open");
    // PodSixNet looks for the first one from the left, and goes on behind it.
    let (mut rest, mut frames) = (&heard[..], 0);
    while let Some(at) = rest.windows(5).position(|five| five == TERMINATOR) {
        assert!([0x66..=0x7e, 0x3c..=0x3c].iter().any(|dict| dict.contains(&rest[0])));
        (rest, frames) = (&rest[at + 5..], frames + 1);
    }
    assert_eq!((rest.len(), frames), (0, 2 * messages.len()));
}

#[test]
fn a2_frames_and_queues_have_limits() {
    let config = || Config::new().max_frame_len(10_000).max_outbound(50_000);
    with(config, |mut scene| {
        let mut witness = scene.connected();
        let (mut talker, deaf) = (scene.plain(), scene.plain());
        talker.say(&long(scene.dialect));
        scene.until(&mut [&mut witness], |here, _| !here.down.is_empty());
        assert!(
            scene.seen.down[0].starts_with("#2: not understood: a frame of"),
            "{:?}",
            scene.seen.down
        );
        // Nobody but the witness reads.
        until(|| {
            scene.server.broadcast(msg!("noise", text: "n".repeat(5000)));
            scene.pump(&mut [&mut witness]);
            assert!(scene.server.queued() <= 2 * 50_000);
            scene.seen.down.len() == 2
        });
        assert!(scene.seen.down[1].starts_with("#3: too slow a reader"), "{:?}", scene.seen.down);
        assert_eq!((witness.seen.down.len(), scene.server.peers().count()), (0, 1));
        drop(deaf);
    });
}

#[test]
fn a3_who_has_left_is_forgotten() {
    everywhere(|mut scene| {
        let mut ids = Vec::new();
        for round in 1..=10 {
            let mut guest = scene.connected();
            ids.push(scene.last());
            let stream = scene.plain();
            ids.push(scene.last());
            guest.client.close();
            drop(stream);
            scene.until(&mut [&mut guest], |here, _| here.down.len() == 2 * round);
        }
        let before = scene.server.traffic().messages_sent;
        scene.server.broadcast(msg!("is anybody there"));
        scene.rest(&mut []);
        assert_eq!(scene.server.traffic().messages_sent, before);
        assert_eq!((scene.server.peers().count(), scene.server.queued()), (0, 0));
        for id in ids {
            assert!(scene.server.get(id).is_none());
            let sent = scene.server.try_send_to(id, msg!("you?"));
            assert_eq!(sent, Err(SendError::NotConnected));
        }
        assert_eq!(scene.seen.up, 20);
    });
}

#[test]
fn a4_a_burst_of_a_hundred_is_accepted() {
    let config = || Config::new().max_peers_per_address(100);
    for dialect in dialects() {
        let network = Network::Memory(MemoryNetwork::new());
        let mut scene = Scene::new(&network, dialect, config());
        let streams: Vec<_> = (0..100).map(|_| network.stream(scene.addr)).collect();
        scene.pump(&mut []);
        assert_eq!((scene.seen.up, scene.server.peers().count()), (100, 100), "in one pump");
        drop(streams);
    }
    // Over TCP all wait to be accepted, and have left by then: so they take no descriptors.
    let mut scene = Scene::new(&Network::Tcp, Dialect::PODSIXNET, config());
    for _ in 0..100 {
        drop(TcpStream::connect(scene.addr).expect("the server listens"));
    }
    scene.until(&mut [], |here, _| here.down.len() == 100);
    assert_eq!(scene.seen.up, 100);
}

#[test]
fn a5_floats_of_32_bits_and_text_that_was_bytes_are_as_the_manual_says() {
    let network = Network::Memory(MemoryNetwork::new());
    let mut scene = Scene::new(&network, Dialect::PODSIXNET, Config::new());
    let mut guest = scene.connected();
    guest.client.send(msg!("x", a: 0.1, b: 16_777_217.0, c: -0.0, d: f64::INFINITY));
    guest.client.send(msg!("x", bytes: b"abc"));
    guest.client.send(msg!("x", large: 1e39));
    guest.client.send(msg!("x", others: b"\xff\xfe"));
    scene.until(&mut [&mut guest], |here, _| here.heard.len() == 2);
    let [floats, bytes] = &scene.seen.heard[..] else { unreachable!() };
    let [a, b] = ["a", "b"].map(|key| floats[key].as_f64());
    assert_eq!((a, b), (Some(0.100_000_001_490_116_12), Some(16_777_216.0)));
    let [c, d] = ["c", "d"].map(|key| floats[key].as_f64().expect("a float"));
    assert!(c == 0.0 && c.is_sign_negative() && d == f64::INFINITY);
    assert_eq!(bytes["bytes"], Value::from("abc"));
    let faults = ["a float beyond 32 bits", "bytes that are not UTF-8"]
        .map(|what| format!("did not send \"x\" to #1: rencode has no place for {what}"));
    assert_eq!(guest.seen.faults, faults);
    assert_eq!(guest.client.faults().send, 2);
}

#[test]
fn a6_no_order_of_pumps_loses_or_doubles_a_message() {
    everywhere(|mut scene| {
        let mut guest = scene.connected();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut said = 0;
        for _ in 0..600 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            match random % 8 {
                0..=1 => {
                    guest.client.send(msg!("n", n: said));
                    scene.server.broadcast(msg!("n", n: said));
                    said += 1;
                }
                2..=4 => guest.pump(),
                5 => guest.client.flush(),
                6 => scene.server.flush(),
                _ => scene.pump(&mut []),
            }
        }
        let count = said as usize;
        scene.until(&mut [&mut guest], |here, guests| {
            here.heard.len() >= count && guests[0].seen.heard.len() >= count
        });
        scene.rest(&mut [&mut guest]);
        for heard in [&scene.seen.heard, &guest.seen.heard] {
            assert!(numbers(heard).into_iter().eq(0..said), "{}", scene.name());
        }
    });
}

#[test]
fn a7_a_connection_that_does_not_come_about_is_an_error_that_can_be_read() {
    everywhere(|scene| {
        let Scene { network, dialect, server, addr, .. } = scene;
        drop(server);
        let mut guest = Guest::new(network.client_with(addr, Config::new().dialect(dialect)));
        guest.client.send(msg!("hello"));
        until(|| {
            guest.pump();
            !guest.seen.failed.is_empty()
        });
        (0..20).for_each(|_| guest.pump());
        let Seen { up, down, failed, .. } = &guest.seen;
        assert_eq!((*up, down.len(), failed.len()), (0, 0, 1));
        let error = format!("nobody listens at {addr} (connection refused)");
        assert_eq!(failed[0], error);
    });
}

#[test]
fn a8_a_handlers_error_does_not_take_the_place_of_the_end() {
    everywhere(|mut scene| {
        let mut stream = scene.plain();
        scene.server.broadcast(msg!("so that its end is a reset"));
        stream.say(&bare(scene.dialect, "fail"));
        scene.until(&mut [], |here, _| here.faults.len() == 1);
        assert_eq!(scene.seen.down.len(), 0);
        drop(stream);
        scene.until(&mut [], |here, _| here.down.len() == 1);
        scene.rest(&mut []);
        assert_eq!((scene.seen.faults.len(), scene.seen.down.len()), (1, 1));
        let fault = "the handler of \"fail\" from #1 failed: on purpose";
        assert_eq!(scene.seen.faults[0], fault);
    });
}

#[test]
fn a9_the_words_of_events_are_messages_on_either_side() {
    const WORDS: [&str; 4] = ["connected", "disconnected", "error", "socketConnect"];
    everywhere(|mut scene| {
        let mut guest = scene.connected();
        let mut stream = scene.plain();
        for word in WORDS {
            scene.server.broadcast(msg!(word));
            guest.client.send(msg!(word));
            stream.say(&bare(scene.dialect, word));
        }
        scene.until(&mut [&mut guest], |here, guests| {
            here.heard.len() == 8 && guests[0].seen.heard.len() == 4
        });
        scene.rest(&mut [&mut guest]);
        assert_eq!(actions(&guest.seen.heard), WORDS);
        for ups in [(scene.seen.up, 2), (guest.seen.up, 1)] {
            assert_eq!(ups.0, ups.1, "{}", scene.name());
        }
        for seen in [&scene.seen, &guest.seen] {
            assert_eq!((seen.down.len(), seen.failed.len(), seen.faults.len()), (0, 0, 0));
        }
        assert!(guest.client.is_connected() && scene.server.peers().count() == 2);
    });
}

#[test]
fn a10_a_process_may_have_many_connections() {
    on_both(|network| {
        // Two clients at a server of each dialect, and the servers end one by one.
        let scenes = dialects().into_iter();
        let mut scenes: Vec<_> =
            scenes.map(|dialect| Scene::new(&network, dialect, Config::new())).collect();
        let mut guests: Vec<_> =
            scenes.iter_mut().map(|scene| [scene.connected(), scene.connected()]).collect();
        while let Some(mut scene) = scenes.pop() {
            for [one, two] in &mut guests[..=scenes.len()] {
                one.client.send(msg!("echo"));
                two.client.send(msg!("echo"));
            }
            until(|| {
                scenes.iter_mut().for_each(|scene| scene.pump(&mut []));
                scene.pump(&mut []);
                let mut all = guests[..=scenes.len()].iter_mut().flatten();
                all.all(|guest| {
                    guest.pump();
                    guest.seen.heard.len() == 1
                })
            });
            guests[..=scenes.len()].iter_mut().flatten().for_each(|it| it.seen.heard.clear());
            let [mut one, mut two] = guests.pop().expect("two for each");
            scene.server.close();
            scene.until(&mut [&mut one, &mut two], |_, guests| {
                guests.iter().all(|guest| guest.seen.down.len() == 1)
            });
        }
    });
}

#[test]
fn a11_ipv6_heartbeats_and_a_kick_with_its_words() {
    for dialect in dialects() {
        let network = Network::Tcp;
        let mut scene = Scene::new(&network, dialect, Config::new());
        match scene.server.listen("[::1]:0", dialect) {
            Ok(addr) => scene.addr = addr,
            Err(error) => eprintln!("no IPv6 here: {error}"),
        }
        let mut guest = scene.connected();
        scene.until(&mut [&mut guest], |_, guests| guests[0].client.round_trip().is_some());
        let id = scene.last();
        assert!(scene.server.kick(id, "that will do"));
        scene.until(&mut [&mut guest], |_, guests| !guests[0].seen.down.is_empty());
        assert_eq!(guest.seen.down, ["kicked: that will do"]);
        assert_eq!(scene.seen.down, ["#1: kicked: that will do"]);
    }
}

#[test]
fn a11_who_is_silent_for_too_long_has_left() {
    for dialect in dialects() {
        let config = Config::new().plain_idle_timeout(Duration::from_secs(60));
        let network = Network::Memory(MemoryNetwork::new());
        let mut scene = Scene::new(&network, dialect, config);
        let _stream = scene.plain();
        // In steps, because a long pause is not held against anybody.
        let start = Instant::now();
        for second in 0..59 {
            scene.server.pump_at(start + Duration::from_secs(second), &mut scene.seen);
        }
        assert_eq!(scene.seen.down.len(), 0, "{}", scene.name());
        for second in 59..70 {
            scene.server.pump_at(start + Duration::from_secs(second), &mut scene.seen);
        }
        assert_eq!(scene.seen.down.len(), 1, "{}", scene.name());
    }
}

#[test]
fn b1_what_is_no_message_stalls_nothing() {
    everywhere(|mut scene| {
        let mut stream = scene.plain();
        let odd = odd(scene.dialect);
        let all = [&odd.concat()[..], &bare(scene.dialect, "good"), &odd.concat()].concat();
        stream.say(&all);
        stream.say(&bare(scene.dialect, "better"));
        scene.until(&mut [], |here, _| here.heard.len() == 2 && here.faults.len() == 8);
        assert_eq!(actions(&scene.seen.heard), ["good", "better"]);
        assert_eq!((scene.server.faults().not_a_message, scene.seen.down.len()), (8, 0));
    });
    // And from a server.
    for dialect in dialects() {
        let (mut stream, mut guest) = greeted_by_hand(dialect, &odd(dialect).concat());
        stream.write_all(&bare(dialect, "good")).expect("open");
        until(|| {
            guest.pump();
            guest.seen.heard.len() == 1
        });
        assert_eq!((guest.seen.faults.len(), guest.seen.down.len()), (4, 0));
    }
}

#[test]
fn b2_a_handlers_error_makes_no_zombie() {
    everywhere(|mut scene| {
        let mut guest = scene.connected();
        for n in 0..20 {
            guest.client.send(msg!("fail"));
            guest.client.send(msg!("echo", n: n));
            scene.server.broadcast(msg!("fail"));
        }
        scene.until(&mut [&mut guest], |here, guests| {
            here.heard.len() == 40 && guests[0].seen.heard.len() == 40
        });
        assert!(numbers(&guest.seen.heard).into_iter().eq(0..20));
        assert_eq!((scene.seen.faults.len(), guest.seen.faults.len()), (20, 20));
        assert_eq!((scene.seen.down.len(), guest.seen.down.len()), (0, 0));
    });
}

#[test]
fn b3_who_says_disconnected_goes_on() {
    everywhere(|mut scene| {
        let mut stream = scene.plain();
        stream.say(&bare(scene.dialect, "disconnected"));
        stream.say(&bare(scene.dialect, "n").repeat(100));
        scene.until(&mut [], |here, _| here.heard.len() == 101);
        assert_eq!(scene.seen.down.len(), 0);
        stream.shut_down_writing();
        scene.until(&mut [], |here, _| !here.down.is_empty());
        scene.rest(&mut []);
        assert_eq!(scene.seen.down, ["#1: closed by the peer"]);
    });
}

#[test]
fn b4_what_is_sent_before_the_connection_is_up_arrives_first() {
    everywhere(|mut scene| {
        let mut guest = scene.guest();
        (0..50).for_each(|n| guest.client.send(msg!("n", n: n)));
        guest.pump();
        (50..100).for_each(|n| guest.client.send(msg!("n", n: n)));
        scene.until(&mut [&mut guest], |_, guests| guests[0].client.is_connected());
        guest.client.send(msg!("n", n: 100));
        scene.until(&mut [&mut guest], |here, _| here.heard.len() == 101);
        assert!(numbers(&scene.seen.heard).into_iter().eq(0..101), "{}", scene.name());
    });
}

#[test]
fn b5_a_client_is_connected_once() {
    everywhere(|mut scene| {
        let mut guest = scene.connected();
        scene.rest(&mut [&mut guest]);
        assert_eq!((scene.seen.up, guest.seen.up), (1, 1));
    });
    // However often it is greeted.
    for dialect in dialects() {
        let (_stream, mut guest) = greeted_by_hand(dialect, &bare(dialect, "connected").repeat(2));
        until(|| {
            guest.pump();
            guest.seen.heard.len() == 2
        });
        assert_eq!((guest.seen.up, actions(&guest.seen.heard)[1]), (1, "connected"));
    }
}

#[test]
fn b6_who_floods_or_dribbles_starves_nobody() {
    for dialect in dialects() {
        let network = Network::Memory(MemoryNetwork::new());
        let mut scene = Scene::new(&network, dialect, Config::new().messages_per_pump(50));
        let (mut flooder, mut dribbler) = (scene.plain(), scene.plain());
        let mut guest = scene.connected();
        let (noise, long) = (bare(dialect, "noise").repeat(200), long(dialect));
        let (mut cut, mut dribbled) = (0, long.iter());
        let mut now = Instant::now();
        for round in 0..300 {
            // Never a part of a frame twice.
            cut = (cut + flooder.write_some(&noise[cut..]).expect("open")) % noise.len();
            dribbler.say(&[*dribbled.next().expect("more than that")]);
            guest.client.send(msg!("echo", n: round));
            now += Duration::from_millis(2);
            guest.client.pump_at(now, &mut guest.seen);
            scene.server.pump_at(now, &mut scene.seen);
            guest.client.pump_at(now, &mut guest.seen);
            let noises = actions(&scene.seen.heard).iter().filter(|it| **it == "noise").count();
            assert_eq!(noises, 50, "its share and no more");
            scene.seen.heard.clear();
            let heard = numbers(&guest.seen.heard);
            assert_eq!(heard.len(), round + 1, "each in its pump, in {dialect:?}");
        }
        dribbler.say(dribbled.as_slice());
        scene.until(&mut [], |here, _| actions(&here.heard).contains(&"long"));
        assert_eq!(scene.seen.down.len(), 0);
    }
}

#[test]
fn b7_who_made_the_hook_of_connecting_panic_leaves_like_anybody() {
    with(
        || Config::new().max_peers(2),
        |mut scene| {
            scene.server.on_connect(|ctx| {
                ctx.state.up += 1;
                panic!("on purpose");
            });
            // Were one of them kept, there would be no place for the third.
            for round in 1..=5 {
                let streams = [(); 2].map(|()| scene.network.stream(scene.addr));
                let mut panics = 0;
                let mut pump = |scene: &mut Scene| {
                    let pump = AssertUnwindSafe(|| scene.server.pump(&mut scene.seen));
                    panics += usize::from(catch_unwind(pump).is_err());
                };
                until(|| {
                    pump(&mut scene);
                    scene.seen.up == 2 * round
                });
                assert_eq!(scene.server.peers().count(), 2);
                drop(streams);
                until(|| {
                    pump(&mut scene);
                    scene.seen.down.len() == 2 * round
                });
                assert_eq!((panics, scene.server.peers().count()), (2, 0));
            }
            assert_eq!(scene.server.faults().refused, 0);
        },
    );
}

#[test]
fn b8_a_reset_during_a_write_leaves_no_ghost() {
    everywhere(|mut scene| {
        let mut witness = scene.connected();
        let streams: Vec<_> = (0..30).map(|_| scene.network.stream(scene.addr)).collect();
        scene.until(&mut [&mut witness], |here, _| here.up == 31);
        let noise = msg!("noise", text: "n".repeat(5000));
        for _ in 0..10 {
            scene.server.broadcast(noise.clone());
            scene.pump(&mut [&mut witness]);
        }
        drop(streams);
        until(|| {
            scene.server.broadcast(noise.clone());
            scene.pump(&mut [&mut witness]);
            scene.seen.down.len() >= 30
        });
        scene.rest(&mut [&mut witness]);
        let ids = scene.seen.down.iter().map(|line| line.split(':').next());
        assert_eq!(ids.collect::<BTreeSet<_>>().len(), 30, "each once");
        assert_eq!((scene.seen.down.len(), scene.server.peers().count()), (30, 1));
        assert_eq!(witness.seen.down.len(), 0);
    });
}

#[test]
fn b9_what_a_handler_sends_goes_out_in_the_same_pump() {
    for dialect in dialects() {
        let network = Network::Memory(MemoryNetwork::new());
        let mut scene = Scene::new(&network, dialect, Config::new());
        let mut guest = scene.connected();
        scene.rest(&mut [&mut guest]);
        let mut now = Instant::now();
        for round in 1..=20 {
            now += Duration::from_millis(2);
            guest.client.send(msg!("echo", n: round));
            guest.client.flush();
            scene.server.pump_at(now, &mut scene.seen);
            guest.client.pump_at(now, &mut guest.seen);
            assert_eq!(guest.seen.heard.len(), round, "{}", scene.name());
        }
    }
}

#[test]
fn b10_who_is_kicked_is_gone() {
    everywhere(|mut scene| {
        let (mut guest, mut stream) = (scene.connected(), scene.plain());
        let (plain, mut heard) = (scene.last(), Vec::new());
        scene.server.send_to(plain, msg!("full"));
        let ids: Vec<_> = scene.server.peers().map(|peer| peer.id()).collect();
        assert!(ids.into_iter().all(|id| scene.server.kick(id, "full")));
        stream.say(&bare(scene.dialect, "n"));
        until(|| {
            scene.pump(&mut [&mut guest]);
            stream.read_some(&mut heard).unwrap_or(true) && !guest.seen.down.is_empty()
        });
        // The plain one has heard what the game had to say, and no more.
        assert_eq!(heard, bare(scene.dialect, "full"));
        assert_eq!(guest.seen.down, ["kicked: full"]);
        assert_eq!(scene.seen.down, ["#1: kicked: full", "#2: kicked: full"]);
        assert_eq!((scene.seen.heard.len(), scene.server.peers().count()), (0, 0));
    });
}

#[test]
fn b11_whatever_goes_wrong_is_told() {
    everywhere(|mut scene| {
        let mut stream = scene.plain();
        stream.say(&[bare(scene.dialect, "fail"), odd(scene.dialect).concat()].concat());
        let last = scene.last();
        scene.server.send_to(last, msg!("long", text: "t".repeat(2 << 20)));
        scene.until(&mut [], |here, _| here.faults.len() == 6);
        let faults = scene.server.faults();
        assert_eq!((faults.handler, faults.not_a_message, faults.send), (1, 4, 1));
        for part in [
            "\"fail\" from #1 failed: on purpose",
            "came from #1: ",
            "did not send \"long\" to #1: ",
        ] {
            let told = scene.seen.faults.iter().any(|fault| fault.contains(part));
            assert!(told, "{part}: {:#?}", scene.seen.faults);
        }
        assert_eq!(scene.seen.down.len(), 0);
    });
}

#[test]
fn b12_what_is_said_just_before_the_end_is_heard() {
    everywhere(|mut scene| {
        let (mut one, mut two) = (scene.connected(), scene.connected());
        (0..100).for_each(|n| one.client.send(msg!("n", n: n)));
        one.client.close();
        scene.until(&mut [&mut one], |here, _| here.down.len() == 1);
        assert!(numbers(&scene.seen.heard).into_iter().eq(0..100), "{}", scene.name());
        (0..100).for_each(|n| scene.server.broadcast(msg!("n", n: n)));
        scene.server.close();
        scene.until(&mut [&mut two], |_, guests| guests[0].seen.down.len() == 1);
        assert!(numbers(&two.seen.heard).into_iter().eq(0..100), "{}", scene.name());
        assert_eq!(two.seen.down, ["the server was shut down"]);
    });
}

#[test]
fn b13_handlers_run_on_the_thread_that_pumps_with_a_state_without_locks() {
    type Threads = Rc<RefCell<Vec<ThreadId>>>;
    let network = Network::Memory(MemoryNetwork::new());
    for dialect in dialects() {
        let config = Config::new().dialect(dialect);
        let (mut server, addr) = network.server::<Threads, ()>(config.clone());
        let mut client = network.client_with::<Threads>(addr, config);
        server.on_connect(|ctx| ctx.state.borrow_mut().push(thread::current().id()));
        server.on("n", |ctx, _| {
            ctx.state.borrow_mut().push(thread::current().id());
            ctx.send(msg!("n"));
        });
        client.on("n", |ctx, _| ctx.state.borrow_mut().push(thread::current().id()));
        client.send(msg!("n"));
        let mut threads = Threads::default();
        let mut same = Rc::clone(&threads);
        until(|| {
            server.pump(&mut threads);
            client.pump(&mut same);
            threads.borrow().len() == 3
        });
        assert!(threads.borrow().iter().all(|thread| *thread == thread::current().id()));
    }
}
