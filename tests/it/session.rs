//! The session: hello, heartbeats, goodbyes, and what plain peers never notice of them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hexapod::{Client, Config, MemoryNetwork, SendError, Server, Trace, msg};

use crate::harness::{GREETING, Network, Stream, frame, on_both, until};
use crate::manual::{blocks, page};

type Log = Vec<String>;

const FRAME: Duration = Duration::from_millis(16);

/// A server and a client in memory, with a clock that the test turns.
struct Pair {
    network: Network,
    addr: SocketAddr,
    server: Server<Log>,
    client: Client<Log>,
    here: Log,
    there: Log,
    now: Instant,
}

impl Pair {
    fn new(network: Network, server: Config, client: Config) -> Self {
        let (mut server, addr) = network.server::<Log, ()>(server);
        server.on_connect(|ctx| ctx.state.push(format!("{} up", ctx.peer())));
        server
            .on_disconnect(|ctx, reason| ctx.state.push(format!("{} down: {reason}", ctx.peer())));
        server.on_any(|ctx, msg| ctx.state.push(format!("{} {}", ctx.peer(), msg.action())));
        server.on_error(|log, fault| log.push(format!("fault: {fault}")));
        let mut client = network.client_with::<Log>(addr, client);
        client.on_connect(|ctx| ctx.state.push("up".to_owned()));
        client.on_connect_failed(|ctx, error| ctx.state.push(format!("failed: {error}")));
        client.on_disconnect(|ctx, reason| ctx.state.push(format!("down: {reason}")));
        client.on_any(|ctx, msg| ctx.state.push(msg.action().to_owned()));
        client.on_error(|log, fault| log.push(format!("fault: {fault}")));
        let (here, there, now) = (Log::new(), Log::new(), Instant::now());
        Self { network, addr, server, client, here, there, now }
    }

    fn in_memory(server: Config, client: Config) -> Self {
        Self::new(Network::Memory(MemoryNetwork::new()), server, client)
    }

    fn pump(&mut self) {
        self.server.pump_at(self.now, &mut self.here);
        self.client.pump_at(self.now, &mut self.there);
    }

    /// Lets time pass in steps, with a pump of both after each.
    fn pass(&mut self, time: Duration, step: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += step;
            self.pump();
        }
    }

    #[track_caller]
    fn until(&mut self, mut done: impl FnMut(&Self) -> bool) {
        until(|| {
            self.now += Duration::from_millis(1);
            self.pump();
            done(self)
        });
    }
}

/// What a bare stream has heard, as texts, without the greeting.
fn heard(stream: &mut Stream, bytes: &mut Vec<u8>) -> bool {
    stream.read_some(bytes).expect("orderly")
}

#[test]
fn a_kick_arrives_with_its_words() {
    on_both(|network| {
        let mut pair = Pair::new(network, Config::new(), Config::new());
        pair.until(|pair| pair.client.round_trip().is_some());
        let id = pair.server.peers().next().expect("the client").id();
        // Unread data on its way in both directions must not destroy the reason.
        pair.client.send(msg!("big", bytes: vec![0_u8; 300_000]));
        pair.client.flush();
        pair.server.send_to(id, msg!("big", bytes: vec![0_u8; 300_000]));
        assert!(pair.server.kick(id, "cheating\nis \"bad\""));
        pair.until(|pair| pair.there.len() == 3 && pair.here.len() == 2 && pair.client.is_closed());
        assert_eq!(pair.there, ["up", "big", "down: kicked: cheating\\nis \"bad\""]);
        assert_eq!(pair.here[1], "#1 down: kicked: cheating\\nis \"bad\"");
    });
}

#[test]
fn versions_that_differ_are_told_on_both_sides() {
    on_both(|network| {
        let config = |version: &str| Config::new().game("tag").version(version);
        let mut pair = Pair::new(network, config("2"), config("3"));
        pair.client.send(msg!("never sent"));
        pair.until(|pair| pair.here.len() == 2 && pair.client.is_closed());
        let addr = pair.addr;
        assert_eq!(
            pair.there[1],
            format!("failed: versions differ: here is \"tag 3\", {addr} has \"tag 2\"")
        );
        assert!(pair.there[0].starts_with("fault: could not deliver"), "{:?}", pair.there);
        assert_eq!(
            pair.here,
            ["#1 up", "#1 down: versions differ: here is \"tag 2\", there is \"tag 3\""]
        );
        // With the right one, and for those who are not asked, it is no matter.
        let mut friend = pair.network.client_with::<Log>(pair.addr, config("2"));
        let plain = pair.network.stream(pair.addr);
        until(|| {
            friend.pump(&mut Log::new());
            pair.pump();
            friend.is_connected() && pair.here.len() == 4
        });
        assert_eq!(pair.server.peers().count(), 2);
        drop(plain);
    });
}

#[test]
fn a_full_server_says_so() {
    on_both(|network| {
        let mut pair = Pair::new(network, Config::new().max_peers(1), Config::new());
        pair.until(|pair| pair.client.is_connected());
        let (mut late, mut log) = (pair.network.client::<Log>(pair.addr), Log::new());
        late.on_connect_failed(|ctx, error| ctx.state.push(error.to_string()));
        until(|| {
            pair.pump();
            late.pump(&mut log);
            !log.is_empty()
        });
        assert_eq!(log, [format!("{} is full", pair.addr)]);
        assert!(pair.client.is_connected());
    });
}

#[test]
fn heartbeats_keep_a_silent_link_and_measure_it() {
    let mut pair = Pair::in_memory(Config::new(), Config::new());
    pair.pass(Duration::from_secs(3600), Duration::from_millis(100));
    assert_eq!(
        (&pair.here[..], &pair.there[..]),
        (&["#1 up".to_owned()][..], &["up".to_owned()][..])
    );
    // The client answers in the same step, the server hears it in the next.
    let of = |round_trip: Option<hexapod::RoundTrip>| round_trip.expect("measured");
    let peer = pair.server.peers().next().expect("the client");
    assert!(!peer.is_plain());
    let (there, here) = (of(peer.round_trip()), of(pair.client.round_trip()));
    assert_eq!((there.last, there.min), (Duration::from_millis(100), Duration::from_millis(100)));
    assert_eq!(there.smooth.as_millis(), 100);
    assert!(here.last <= Duration::from_millis(100), "{here:?}");
}

#[test]
fn a_pause_makes_no_burst_and_no_victim() {
    let mut pair = Pair::in_memory(Config::new(), Config::new());
    pair.pass(Duration::from_secs(30), Duration::from_millis(100));
    // The laptop sleeps for an hour, server and client alike.
    pair.now += Duration::from_secs(3600);
    let done = pair.server.pump_at(pair.now, &mut pair.here);
    assert!(done.bytes_written < 100, "one heartbeat and not seven hundred: {done:?}");
    pair.pass(Duration::from_secs(30), Duration::from_millis(100));
    assert_eq!((pair.here.len(), pair.there.len()), (1, 1), "{:?} {:?}", pair.here, pair.there);
    assert!(pair.client.is_connected());
}

#[test]
fn a_link_that_is_dead_without_a_word_is_found_by_both() {
    let mut pair = Pair::in_memory(Config::new(), Config::new());
    pair.until(|pair| pair.client.round_trip().is_some());
    // The client is suspended; the server goes on.
    for _ in 0..25 {
        pair.now += Duration::from_secs(1);
        pair.server.pump_at(pair.now, &mut pair.here);
    }
    assert_eq!(pair.here, ["#1 up", "#1 down: silent for too long"]);
    // When it is resumed, it finds out and why.
    pair.until(|pair| pair.there.len() == 2);
    assert_eq!(pair.there, ["up", "down: ended by the peer: silent for too long"]);

    let mut pair = Pair::in_memory(Config::new(), Config::new());
    pair.until(|pair| pair.client.round_trip().is_some());
    for _ in 0..25 {
        pair.now += Duration::from_secs(1);
        pair.client.pump_at(pair.now, &mut pair.there);
    }
    assert_eq!(pair.there, ["up", "down: silent for too long"]);
}

#[test]
fn who_was_suspended_shorter_than_the_timeout_is_not_punished() {
    let mut pair = Pair::in_memory(Config::new(), Config::new());
    pair.until(|pair| pair.client.round_trip().is_some());
    for _ in 0..18 {
        pair.now += Duration::from_secs(1);
        pair.server.pump_at(pair.now, &mut pair.here);
    }
    pair.pass(Duration::from_secs(60), Duration::from_millis(100));
    assert_eq!((pair.here.len(), pair.there.len()), (1, 1), "{:?} {:?}", pair.here, pair.there);
}

/// Whoever is impatient counts short pauses as pauses, too: nobody is judged by a silence in which
/// nobody listened.
#[test]
fn a_pause_longer_than_a_short_timeout_makes_no_victim() {
    let config = Config::new().idle_timeout(Duration::from_secs(3));
    for pause in 1..10 {
        let mut pair = Pair::in_memory(config.clone(), config.clone());
        pair.pass(Duration::from_millis(29_900), Duration::from_millis(100));
        pair.now += Duration::from_secs(pause);
        pair.pass(Duration::from_secs(30), Duration::from_millis(100));
        let logs = (&pair.here, &pair.there);
        assert_eq!((logs.0.len(), logs.1.len()), (1, 1), "{pause} s: {logs:?}");
    }
    // A slow loop is no pause: it still finds out who is silent.
    let mut pair = Pair::in_memory(config.clone(), config);
    pair.pass(Duration::from_secs(30), Duration::from_secs(1));
    assert_eq!((pair.here.len(), pair.there.len()), (1, 1));
    for _ in 0..5 {
        pair.now += Duration::from_secs(1);
        pair.server.pump_at(pair.now, &mut pair.here);
    }
    assert_eq!(pair.here[1..], ["#1 down: silent for too long"]);
}

/// Who sleeps as long as `next_timeout` allows does not pause, and finds out as well.
#[test]
fn who_sleeps_until_something_is_due_finds_dead_links_too() {
    for seconds in [3, 20, 300] {
        let idle = Duration::from_secs(seconds);
        let config = Config::new().idle_timeout(idle).heartbeat(idle);
        let mut pair = Pair::in_memory(config.clone(), config);
        pair.until(|pair| pair.client.round_trip().is_some());
        // The client is suspended; the server sleeps, and a little longer each time than it wanted.
        let begun = pair.now;
        while pair.here.len() == 1 && pair.now < begun + 2 * idle {
            pair.now += pair.server.next_timeout().expect("a heartbeat") + FRAME;
            pair.server.pump_at(pair.now, &mut pair.here);
        }
        let took = pair.now - begun;
        assert!(pair.here.len() == 2 && took < idle + idle / 10, "{idle:?}: {took:?}");
    }
}

/// A laptop that is suspended between a connection and its greeting does not fail to connect.
#[test]
fn a_pause_in_the_middle_of_a_handshake_makes_no_victim() {
    let mut pair = Pair::in_memory(Config::new(), Config::new());
    pair.client.pump_at(pair.now, &mut pair.there);
    pair.now += Duration::from_secs(3600);
    pair.client.pump_at(pair.now, &mut pair.there);
    pair.pass(Duration::from_secs(1), Duration::from_millis(100));
    assert_eq!((&pair.here[..], &pair.there[..]), (&["#1 up".into()][..], &["up".into()][..]));
}

#[test]
fn a_plain_peer_hears_nothing_but_the_greeting_for_hours() {
    let mut pair = Pair::in_memory(Config::new(), Config::new());
    let (mut stream, mut bytes) = (pair.network.stream(pair.addr), Vec::new());
    pair.pass(Duration::from_secs(3 * 3600), Duration::from_secs(1));
    assert!(!heard(&mut stream, &mut bytes));
    assert_eq!(bytes, GREETING);
    let id = pair.server.peers().find(|peer| peer.is_plain()).expect("the stream").id();
    pair.server.kick(id, "no reason is told to the plain");
    pair.pump();
    assert!(heard(&mut stream, &mut bytes));
    assert_eq!(bytes, GREETING);
}

#[test]
fn who_speaks_first_and_says_hello_later_stays_plain() {
    let mut pair = Pair::in_memory(Config::new(), Config::new());
    let (mut stream, mut bytes) = (pair.network.stream(pair.addr), Vec::new());
    let hello = msg!("$hello", wire: 1, game: "", version: "", max_frame: 9);
    let hello = frame(hello.to_bytes().expect("good"));
    stream.say(&frame(b"\x81\xa6action\xa2hi"));
    stream.say(&hello);
    stream.say(&frame(b"\x81\xa6action\xa4$bye"));
    stream.say(&frame(b"\x81\xa6action\xa5$ping"));
    pair.pass(Duration::from_secs(1), Duration::from_millis(100));
    assert!(!heard(&mut stream, &mut bytes));
    assert_eq!(bytes, GREETING);
    let of_stream: Vec<_> =
        pair.here.iter().filter(|line| line.contains("#2") || line.contains("#1")).collect();
    for said in ["hi", "$hello", "$bye", "$ping"] {
        assert!(of_stream.iter().any(|line| line.ends_with(said)), "{said}: {of_stream:?}");
    }
}

#[test]
fn a_tracer_is_shown_every_step_of_both_ends_in_order() {
    let mut pair = Pair::in_memory(Config::new().game("g"), Config::new().game("g"));
    let logs = [(); 3].map(|()| Arc::new(Mutex::new(Vec::new())));
    let tracer = |log: &Arc<Mutex<Vec<String>>>| {
        let log = Arc::clone(log);
        move |trace: &Trace<'_>| {
            let names_action = |action| trace.to_string().contains(&format!("{action:?}"));
            assert!(trace.action().is_none_or(names_action), "{trace:?}");
            let line = trace.to_string().replace(", \"max_frame\": 1048576", "");
            log.lock().expect("no panic").push(line.replace(", \"version\": \"\"", ""));
        }
    };
    pair.server.on_trace(tracer(&logs[0]));
    pair.client.on_trace(tracer(&logs[1]));
    pair.client.send(msg!("move", x: 7));
    pair.server.on("move", |ctx, _| {
        ctx.send(msg!("ouch"));
        ctx.kick(ctx.peer(), "enough");
    });
    pair.until(|pair| pair.there.len() == 3);
    // An attempt that fails is shown too.
    let mut lonely = Client::<Log>::connect_memory(&MemoryNetwork::new(), pair.addr);
    lonely.on_trace(tracer(&logs[2]));
    lonely.pump_at(pair.now, &mut Log::new());

    let [here, there, nowhere] = logs.map(|log| log.lock().expect("no panic").join("\n"));
    let from = here.lines().next().and_then(|line| line.rsplit(' ').next());
    let from = from.expect("an address").to_owned();
    let blocks = blocks(&page("_07_testing.rs"), "text");
    assert_eq!(here + "\n", blocks[0].replace("127.0.0.1:53422", &from), "as in the manual");
    assert_eq!(
        there,
        format!(
            r#"   0.001 s  #1 <- {{"action": "connected", "hexapod": {{"wire": 1, "game": "g"}}}}
   0.001 s  #1 -> {{"action": "$hello", "wire": 1, "game": "g"}}
   0.001 s  #1 -> {{"action": "move", "x": 7}}
   0.001 s  #1 -- connected with {}
   0.002 s  #1 <- {{"action": "ouch"}}
   0.002 s  #1 <- {{"action": "$bye", "code": "kicked", "text": "enough"}}
   0.002 s  #1 -- disconnected: kicked: enough"#,
            pair.addr
        )
    );
    let refused = "-- not connected: nobody listens at";
    assert_eq!(nowhere, format!("   0.000 s  #1 {refused} {} (connection refused)", pair.addr));
}

#[test]
fn control_messages_of_the_future_are_passed_over() {
    let mut pair = Pair::in_memory(Config::new(), Config::new());
    pair.until(|pair| pair.client.is_connected());
    let mut stream = pair.network.stream(pair.addr);
    let hello = msg!("$hello", wire: 1, game: "", version: "", max_frame: 100, more: [1, 2]);
    stream.say(&frame(hello.to_bytes().expect("good")));
    stream.say(&frame(b"\x81\xa6action\xa7$future"));
    stream.say(&frame(b"\x81\xa6action\xa5$ping"));
    stream.say(&frame(b"\x81\xa6action\xa2hi"));
    pair.until(|pair| pair.here.contains(&"#2 hi".to_owned()));
    assert_eq!(pair.here, ["#1 up", "#2 up", "#2 hi"]);
    // It has said how long a message it takes.
    let id = pair.server.peers().last().expect("the stream").id();
    let long = pair.server.try_send_to(id, msg!("long", text: "x".repeat(200)));
    assert!(matches!(long, Err(SendError::TooLong { max: 100, .. })), "{long:?}");
}

#[test]
fn a_hello_that_is_none_ends_the_connection() {
    let mut pair = Pair::in_memory(Config::new(), Config::new());
    pair.until(|pair| pair.client.is_connected());
    let mut stream = pair.network.stream(pair.addr);
    stream.say(&frame(msg!("$hello", wire: "one").to_bytes().expect("good")));
    pair.until(|pair| pair.here.len() == 3);
    assert_eq!(pair.here[2], "#2 down: not understood: the hello is not understood");
}

#[test]
fn what_a_broken_hexapod_did_is_told_to_it() {
    on_both(|network| {
        let mut pair = Pair::new(network, Config::new(), Config::new());
        let (mut stream, mut bytes) = (pair.network.stream(pair.addr), Vec::new());
        let hello = msg!("$hello", wire: 1, game: "", version: "", max_frame: 1000);
        stream.say(&frame(hello.to_bytes().expect("good")));
        stream.say(&frame(b"\xc1"));
        until(|| {
            pair.now += Duration::from_millis(1);
            pair.pump();
            heard(&mut stream, &mut bytes)
        });
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("$bye") && text.contains("the byte c1 at byte 0"), "{text}");
    });
}

#[test]
fn who_asks_for_ever_and_never_reads_the_answers_is_cut_off() {
    let config = Config::new().max_outbound(70_000).max_frame_len(60_000);
    let mut pair = Pair::in_memory(config, Config::new());
    pair.until(|pair| pair.client.is_connected());
    let mut stream = pair.network.stream(pair.addr);
    let hello = msg!("$hello", wire: 1, game: "", version: "", max_frame: 100);
    stream.say(&frame(hello.to_bytes().expect("good")));
    let ping = frame(msg!("$ping", n: 7).to_bytes().expect("good")).repeat(1000);
    pair.until(|pair| {
        // Once it is cut off it cannot write any more.
        let _ = stream.write_some(&ping);
        pair.here.len() == 3
    });
    assert!(pair.here[2].starts_with("#2 down: too slow a reader"), "{:?}", pair.here);
    assert!(pair.client.is_connected());
}

/// What the library says itself has some room beyond the limit, of which nobody was told.
#[test]
fn who_asks_for_ever_is_told_the_limit_that_is_configured() {
    let config = Config::new().max_outbound(10_000).max_frame_len(1000);
    let mut pair = Pair::in_memory(config, Config::new());
    pair.until(|pair| pair.client.is_connected());
    let mut stream = pair.network.stream(pair.addr);
    let hello = msg!("$hello", wire: 1, game: "", version: "", max_frame: 100);
    stream.say(&frame(hello.to_bytes().expect("good")));
    let ping = frame(msg!("$ping", n: 7).to_bytes().expect("good")).repeat(100);
    pair.until(|pair| {
        let _ = stream.write_some(&ping);
        pair.here.len() == 3
    });
    assert!(pair.here[2].starts_with("#2 down: too slow a reader"), "{:?}", pair.here);
    assert!(pair.here[2].ends_with("and 10000 may"), "{:?}", pair.here);
}

#[test]
fn a_heartbeat_slower_than_the_timeout_kills_nobody() {
    let config = Config::new().heartbeat(Duration::from_secs(600));
    let mut pair = Pair::in_memory(config.clone(), config);
    pair.pass(Duration::from_secs(300), Duration::from_millis(200));
    assert_eq!((pair.here.len(), pair.there.len()), (1, 1), "{:?} {:?}", pair.here, pair.there);
}
