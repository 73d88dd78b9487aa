//! Every limit of [`Config`], at its border and just beyond: in memory, on a clock that the test
//! turns. What a limit stops is told to somebody, and nobody else notices.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use hexapod::{
    Activity, Client, Config, Dialect, Fault, FaultCause, Limit, MemoryNetwork, Outgoing, PeerId,
    SendError, Server, Value, msg,
};

use crate::harness::{GREETING, Network, Stream, frame, until};

const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(1);

/// What one direction of a stream in memory holds.
const LANE: usize = 64 << 10;

/// What a server has heard.
#[derive(Default)]
struct World {
    /// Who said something, in order.
    heard: Vec<u64>,
    /// Events and faults, as text.
    log: Vec<String>,
    /// The stream of a flooder, and what it says: its lane is filled up after each message.
    flood: Option<(Stream, Vec<u8>)>,
}

/// A server in memory, on a clock of its own.
struct Scene {
    network: MemoryNetwork,
    server: Server<World>,
    addr: SocketAddr,
    world: World,
    now: Instant,
}

impl Scene {
    fn new(config: Config) -> Self {
        let network = MemoryNetwork::new();
        let (mut server, addr) = Network::Memory(network.clone()).server::<World, ()>(config);
        server.on_connect(|ctx| ctx.state.log.push(format!("{} up", ctx.peer())));
        server.on_disconnect(|ctx, reason| {
            let line = format!("{} down: {reason}", ctx.peer());
            ctx.state.log.push(line);
        });
        server.on_any(|ctx, _| {
            ctx.state.heard.push(ctx.peer().number());
            if let Some((stream, noise)) = &mut ctx.state.flood {
                while stream.write_some(noise).expect("open") == noise.len() {}
            }
        });
        server.on_error(|world, fault| world.log.push(format!("fault: {fault}")));
        Self { network, server, addr, world: World::default(), now: Instant::now() }
    }

    /// A server with so many peers that are up and greeted.
    fn with_peers(config: Config, peers: usize) -> (Self, Vec<Stream>) {
        let mut scene = Self::new(config);
        let mut streams: Vec<_> = (0..peers).map(|_| scene.join()).collect();
        scene.pump();
        streams.iter_mut().for_each(|stream| drop(read(stream)));
        assert_eq!(scene.log().len(), peers);
        (scene, streams)
    }

    fn join(&self) -> Stream {
        Stream::Memory(self.network.connect(self.addr).expect("the server listens"))
    }

    fn join_from(&self, from: &str) -> Stream {
        let from: IpAddr = from.parse().expect("an address");
        Stream::Memory(self.network.connect_from(from, self.addr).expect("the server listens"))
    }

    /// A pump at a time that stands still: it looks at everything.
    fn pump(&mut self) -> Activity {
        self.server.pump_at(self.now, &mut self.world)
    }

    /// Time passes, in steps, as in a game that pumps all the while.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.now = (self.now + SECOND / 5).min(until);
            self.pump();
        }
    }

    /// What has been written down since this was last asked.
    fn log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.world.log)
    }

    fn heard(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.world.heard)
    }

    /// The peer that joined as the `n`th.
    fn peer(&self, n: u64) -> PeerId {
        let peer = self.server.peers().find(|peer| peer.id().number() == n);
        peer.expect("a peer of this number").id()
    }
}

/// All that a stream has to read now.
fn read(stream: &mut Stream) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert!(!stream.read_some(&mut bytes).expect("no reset"), "an open stream");
    bytes
}

/// Whether the far end has closed; what it had said before does not matter.
fn is_closed(stream: &mut Stream) -> bool {
    !matches!(stream.read_some(&mut Vec::new()), Ok(false))
}

/// A message of exactly so many bytes.
fn sized(len: usize) -> Outgoing {
    let left = len - b"\x82\xa6action\xa1x\x01".len();
    let head = match left {
        0..258 => 2,
        258..65_539 => 3,
        _ => 5,
    };
    let bytes = vec![7_u8; left - head];
    let message = msg!("x", 1: bytes);
    assert_eq!(message.to_bytes().map(<[u8]>::len), Ok(len));
    message
}

/// The frame of a message.
fn framed(message: &Outgoing) -> Vec<u8> {
    frame(message.to_bytes().expect("a good message"))
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(Value::Nil, |inner, _| Value::Array(vec![inner]))
}

// --- One message ---------------------------------------------------------------------------------

/// The first message passes in both directions, the second in neither: received it ends the link,
/// and to send it is an error that costs nothing.
fn passes_and_does_not(
    config: Config,
    good: &Outgoing,
    bad: &Outgoing,
    error: SendError,
    reason: &str,
) {
    let (mut scene, mut streams) = Scene::with_peers(config, 2);
    let [canary, stream] = &mut streams[..] else { panic!("two") };
    stream.say(&framed(good));
    scene.pump();
    assert_eq!(scene.heard(), [2]);
    let peer = scene.peer(2);
    assert_eq!(scene.server.try_send_to(peer, bad.clone()), Err(error.clone()));
    scene.server.send_to(peer, bad.clone());
    scene.server.broadcast(bad.clone());
    scene.server.try_send_to(peer, good.clone()).expect("a message that may be sent");
    scene.pump();
    assert_eq!(read(stream), framed(good), "and not a byte of the other");
    assert_eq!(read(canary), b"");
    let faults = [
        format!("fault: did not send \"x\" to #2: {error}"),
        format!("fault: did not send \"x\": {error}"),
    ];
    assert_eq!(scene.log(), faults);
    stream.say(&framed(bad));
    scene.pump();
    assert_eq!(scene.heard(), [0; 0]);
    assert_eq!(scene.log(), [format!("#2 down: not understood: {reason}")]);
    assert!(is_closed(stream));
    canary.say(&framed(&msg!("x")));
    scene.pump();
    assert_eq!(scene.heard(), [1]);
}

#[test]
fn a_frame_may_be_as_long_as_the_limit_and_no_longer() {
    passes_and_does_not(
        Config::new().max_frame_len(100),
        &sized(100),
        &sized(101),
        SendError::TooLong { len: 101, max: 100 },
        "a frame of 101 bytes is longer than 100",
    );
    // Also where the frame is longer than what one read takes, and than the lane holds.
    let config = || Config::new().max_frame_len(200_000).max_outbound(1 << 20);
    let (mut scene, mut streams) = Scene::with_peers(config(), 1);
    let long = framed(&sized(200_000));
    scene.server.broadcast(sized(200_000));
    let (mut said, mut seen) = (0, Vec::new());
    for _ in 0..8 {
        said += streams[0].write_some(&long[said..]).expect("open");
        scene.pump();
        seen.extend(read(&mut streams[0]));
    }
    assert_eq!((scene.heard(), seen == long), (vec![1], true));
}

#[test]
fn a_frame_that_is_too_long_ends_the_link_with_its_header() {
    let (mut scene, mut streams) = Scene::with_peers(Config::new().max_frame_len(100), 1);
    for byte in &101_u32.to_be_bytes()[..3] {
        streams[0].say(&[*byte]);
        scene.pump();
        assert_eq!(scene.log(), [""; 0]);
    }
    streams[0].say(&[101]);
    scene.pump();
    assert_eq!(scene.log(), ["#1 down: not understood: a frame of 101 bytes is longer than 100"]);
}

#[test]
fn a_message_may_nest_as_deep_as_the_limit_and_no_deeper() {
    let (good, bad) = (msg!("x", v: nested(4)), msg!("x", v: nested(5)));
    passes_and_does_not(
        Config::new().max_depth(5),
        &good,
        &bad,
        SendError::TooDeep { depth: 6, max: 5 },
        "arrays and maps nest deeper than 5",
    );
    // The default, and the most that can be asked for.
    for (config, levels) in [(Config::new(), 31), (Config::new().max_depth(usize::MAX), 127)] {
        let (mut scene, mut streams) = Scene::with_peers(config, 1);
        let deepest = msg!("x", v: nested(levels));
        streams[0].say(&framed(&deepest));
        scene.server.broadcast(deepest);
        scene.pump();
        assert_eq!((scene.heard(), scene.log()), (vec![1], vec![]));
        assert!(!read(&mut streams[0]).is_empty());
    }
}

#[test]
fn a_message_may_hold_as_many_values_as_the_limit_and_no_more() {
    // The map, two keys, the action, the array: five values before the first element.
    passes_and_does_not(
        Config::new().max_elements(10),
        &msg!("x", v: vec![(); 5]),
        &msg!("x", v: vec![(); 6]),
        SendError::TooManyElements { elements: 11, max: 10 },
        "more than 10 values",
    );
}

#[test]
fn a_relayed_message_counts_what_it_came_with() {
    let (mut scene, mut streams) =
        Scene::with_peers(Config::new().max_elements(10).max_depth(3), 1);
    scene.server.on("x", |ctx, msg| {
        let mut more = Outgoing::from(msg);
        ctx.try_send(more.clone()).expect("as it came");
        more.field("who", &1);
        ctx.try_send(more)?;
        Ok(())
    });
    streams[0].say(&framed(&msg!("x", v: [((),), ((),)])));
    scene.pump();
    let fault =
        "fault: the handler of \"x\" from #1 failed: the message holds 11 values, and may 10";
    assert_eq!(scene.log(), [fault], "nine values and two more");
    streams[0].say(&framed(&msg!("x", v: [(), (), ()])));
    scene.pump();
    assert_eq!(scene.log(), [""; 0], "eight values and two more");
}

// --- How many ------------------------------------------------------------------------------------

#[test]
fn no_more_peers_than_allowed_and_a_place_that_is_freed_is_free() {
    let (mut scene, mut streams) = Scene::with_peers(Config::new().max_peers(2), 2);
    let mut late = scene.join_from("10.0.0.9");
    let done = scene.pump();
    assert_eq!((done.opened, done.closed), (0, 0), "nobody has come, so nobody has left");
    let log = scene.log();
    assert!(log[0].starts_with("fault: turned 10.0.0.9:") && log.len() == 1, "{log:?}");
    assert!(log[0].ends_with("away: as many peers are here as may be (max_peers)"), "{log:?}");
    assert!(is_closed(&mut late));
    for (stream, n) in streams.iter_mut().zip([1, 2]) {
        stream.say(&framed(&msg!("x")));
        scene.pump();
        assert_eq!(scene.heard(), [n]);
    }
    // Whether a peer leaves or is sent away, its place is the next one's.
    streams[0].shut_down_writing();
    scene.pump();
    assert_eq!(scene.log(), ["#1 down: closed by the peer"]);
    let third = scene.join();
    scene.pump();
    assert_eq!(scene.log(), ["#3 up"]);
    scene.server.kick(scene.peer(2), "");
    scene.pump();
    let fourth = scene.join();
    scene.pump();
    assert_eq!(scene.log(), ["#2 down: kicked", "#4 up"]);
    assert!(is_closed(&mut scene.join_and_pump()));
    drop((third, fourth));
}

impl Scene {
    fn join_and_pump(&mut self) -> Stream {
        let stream = self.join();
        self.pump();
        stream
    }
}

#[test]
fn who_is_turned_away_is_told_with_address_and_limit() {
    type Refused = Vec<(SocketAddr, Limit)>;
    let network = MemoryNetwork::new();
    let config = Config::new().max_peers(3).max_peers_per_address(1);
    let (mut server, addr) = Network::Memory(network.clone()).server::<Refused, ()>(config);
    server.on_error(|refused, fault: &Fault| match &fault.cause {
        FaultCause::Refused { addr, limit } => refused.push((*addr, *limit)),
        _ => panic!("{fault}"),
    });
    let from = ["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
    let streams = from.map(|from| network.connect_from(from.parse().expect("an address"), addr));
    let mut refused = Refused::new();
    server.pump(&mut refused);
    let refused: Vec<_> =
        refused.iter().map(|(addr, limit)| (addr.ip().to_string(), *limit)).collect();
    assert_eq!(
        refused,
        [("10.0.0.1".to_owned(), Limit::PeersPerAddress), ("10.0.0.4".to_owned(), Limit::Peers)]
    );
    drop(streams);
}

#[test]
fn no_more_peers_of_one_address_than_allowed() {
    let mut scene = Scene::new(Config::new().max_peers_per_address(2));
    let mut streams = Vec::new();
    let mut joins = |scene: &mut Scene, from: &str| {
        streams.push(scene.join_from(from));
        scene.pump();
        let log = scene.log();
        assert_eq!(log.len(), 1);
        let up = log[0].ends_with(" up");
        assert!(up || log[0].ends_with("(max_peers_per_address)"), "{log:?}");
        if !up {
            assert!(is_closed(&mut streams.pop().expect("the last")));
        }
        up
    };
    for (from, up) in [
        ("10.0.0.1", true),
        ("10.0.0.1", true),
        ("10.0.0.1", false),
        ("::ffff:10.0.0.1", false), // the same in other words
        ("10.0.0.2", true),
        // A household has 2^64 addresses, and counts as one.
        ("2001:db8::1", true),
        ("2001:db8::ffff:1", true),
        ("2001:db8:0:0:1234::", false),
        ("2001:db8:0:1::1", true),
        ("::1", true),
        ("127.0.0.1", true),
    ] {
        assert_eq!(joins(&mut scene, from), up, "{from}");
    }
    scene.server.kick(scene.peer(1), "");
    scene.pump();
    assert_eq!(scene.log(), ["#1 down: kicked"]);
    assert!(joins(&mut scene, "::ffff:10.0.0.1"), "the place is free again");
    assert!(!joins(&mut scene, "10.0.0.1"));
}

#[test]
fn no_more_are_accepted_in_a_pump_than_allowed() {
    let mut scene = Scene::new(Config::new().accepts_per_pump(3));
    let streams: Vec<_> = (0..10).map(|_| scene.join()).collect();
    let opened: Vec<_> = (0..5).map(|_| scene.pump().opened).collect();
    assert_eq!(opened, [3, 3, 3, 1, 0]);
    drop(streams);
}

#[test]
fn of_those_who_are_being_closed_the_oldest_makes_room() {
    let config = Config::new().max_peers(2).flush_timeout(60 * SECOND);
    let (mut scene, deaf) = Scene::with_peers(config, 2);
    let all_go = |scene: &mut Scene| {
        scene.server.broadcast(msg!("x", bytes: vec![0_u8; 2 * LANE]));
        let peers: Vec<_> = scene.server.peers().map(|peer| peer.id()).collect();
        peers.iter().for_each(|peer| assert!(scene.server.kick(*peer, "bye")));
        scene.pump();
        scene.log()
    };
    assert_eq!(all_go(&mut scene), ["#1 down: kicked: bye", "#2 down: kicked: bye"]);
    // Both are still being written to, and hold a descriptor each.
    let more = [scene.join(), scene.join()];
    scene.pump();
    assert_eq!(scene.log(), ["#3 up", "#4 up"]);
    let mut log = all_go(&mut scene);
    scene.pump();
    log.extend(scene.log());
    let faults: Vec<_> = log.iter().filter(|line| line.starts_with("fault: ")).collect();
    assert_eq!(faults.len(), 2, "{log:?}");
    assert!(faults[0].starts_with("fault: could not deliver the last"), "{log:?}");
    assert!(faults[0].ends_with(" bytes to #1"), "{log:?}");
    assert!(faults[1].ends_with(" bytes to #2"), "{log:?}");
    drop((deaf, more));
}

// --- Sending -------------------------------------------------------------------------------------

/// Messages of 1,000 bytes on the wire, and 20 of them at most for each peer.
fn narrow() -> Config {
    Config::new().max_frame_len(996).max_outbound(20_000)
}

#[test]
fn a_peer_that_does_not_read_is_cut_off_and_the_others_miss_nothing() {
    let (mut scene, mut streams) = Scene::with_peers(narrow(), 3);
    let (mut seen, mut sent, mut log) = ([0, 0], 0, Vec::new());
    while log.is_empty() {
        scene.server.broadcast(sized(996));
        sent += 1000;
        scene.pump();
        seen[0] += read(&mut streams[0]).len();
        seen[1] += read(&mut streams[2]).len();
        log = scene.log();
    }
    // What the lane holds, and what may wait before it: a message more does not fit.
    assert_eq!(sent, (LANE + 20_000) / 1000 * 1000 + 1000);
    let queued = sent - 1000 - LANE;
    assert_eq!(
        log,
        [format!(
            "#2 down: too slow a reader: {queued} bytes were waiting to be sent, and 20000 may"
        )]
    );
    assert_eq!(seen, [sent, sent]);
    scene.server.broadcast(msg!("more"));
    scene.pump();
    assert_eq!(read(&mut streams[0]), framed(&msg!("more")));
    let mut heard = Vec::new();
    let _ = streams[1].read_some(&mut heard);
    assert!(heard.len() <= LANE, "it may read what was on its way, and then no more");
    assert!(is_closed(&mut streams[1]));
}

#[test]
fn try_send_tells_that_no_more_fits_and_cuts_nobody_off() {
    let (mut scene, mut streams) = Scene::with_peers(narrow(), 1);
    let peer = scene.peer(1);
    let mut sent = 0;
    let full = loop {
        match scene.server.try_send_to(peer, sized(996)) {
            Ok(()) => sent += 1000,
            Err(error) => break error,
        }
        assert!(sent < 10 * LANE, "it never ends");
    };
    // The lane took what it could, although no pump has come yet.
    assert_eq!(sent, (LANE + 20_000) / 1000 * 1000);
    assert_eq!(full, SendError::Full { queued: sent - LANE, max: 20_000 });
    for _ in 0..10 {
        assert_eq!(scene.server.try_send_to(peer, sized(996)), Err(full.clone()));
        scene.pump();
    }
    assert_eq!(scene.log(), [""; 0], "neither cut off nor complained about");
    // It reads, and is served again: nothing of what was taken is lost, nothing else came through.
    let mut seen = read(&mut streams[0]);
    scene.pump();
    seen.extend(read(&mut streams[0]));
    assert!(seen == framed(&sized(996)).repeat(sent / 1000));
    assert_eq!(scene.server.try_send_to(peer, sized(996)), Ok(()));
    scene.pump();
    assert_eq!(read(&mut streams[0]).len(), 1000);
}

#[test]
fn as_much_may_wait_as_the_limit_says_to_the_byte() {
    // Eighty-six messages: what a lane holds, and the rest of the last one exactly.
    let limit = 86_000 - LANE;
    for (max, fit) in [(limit, 86), (limit - 1, 85)] {
        let (mut scene, mut streams) = Scene::with_peers(narrow().max_outbound(max), 1);
        let peer = scene.peer(1);
        let sent = (0..100).take_while(|_| scene.server.try_send_to(peer, sized(996)).is_ok());
        assert_eq!(sent.count(), fit);
        // Where one byte was missing, one that is read makes room.
        let Stream::Memory(stream) = &mut streams[0] else { panic!("in memory") };
        stream.read_exact(&mut [0]).expect("bytes");
        assert_eq!(scene.server.try_send_to(peer, sized(996)).is_ok(), fit == 85);
    }
}

#[test]
fn a_burst_beyond_the_limit_is_no_slow_reader_if_the_system_takes_it() {
    let (mut scene, mut streams) = Scene::with_peers(narrow(), 1);
    (0..60).for_each(|_| scene.server.broadcast(sized(996)));
    scene.pump();
    assert_eq!(scene.log(), [""; 0]);
    assert_eq!(read(&mut streams[0]).len(), 60_000);
}

#[test]
fn a_burst_larger_than_a_lane_arrives_whole_and_in_order() {
    let mut scene = Scene::new(Config::new());
    let mut client: Client<Vec<u32>> =
        Network::Memory(scene.network.clone()).client_with(scene.addr, Config::new());
    client.on("n", |ctx, msg| {
        assert_eq!(msg.get::<&[u8]>("bytes")?.len(), 5000);
        ctx.state.push(msg.get("n")?);
        Ok(())
    });
    let mut heard = Vec::new();
    for _ in 0..3 {
        client.pump_at(scene.now, &mut heard);
        scene.pump();
    }
    assert!(client.is_connected());
    // Four megabytes are the limit, and a lane holds a sixty-fourth of it.
    (0..800_u32).for_each(|n| scene.server.broadcast(msg!("n", n: n, bytes: vec![7_u8; 5000])));
    until(|| {
        scene.pump();
        client.pump_at(scene.now, &mut heard);
        heard.len() == 800
    });
    assert!(heard.iter().copied().eq(0..800));
    assert_eq!(scene.log(), ["#1 up"]);
}

#[test]
fn one_whole_frame_may_always_wait() {
    let config = Config::new().max_frame_len(100_000).max_outbound(0);
    let (mut scene, mut streams) = Scene::with_peers(config, 1);
    scene.server.broadcast(sized(100_000));
    let mut seen = Vec::new();
    for _ in 0..3 {
        scene.pump();
        seen.extend(read(&mut streams[0]));
    }
    assert!(seen == framed(&sized(100_000)));
    assert_eq!(scene.log(), [""; 0]);
}

#[test]
fn what_a_client_says_too_early_is_kept_up_to_the_limit() {
    let mut scene = Scene::new(Config::new());
    let config = narrow();
    let mut client: Client<Vec<String>> =
        Network::Memory(scene.network.clone()).client_with(scene.addr, config);
    client.on_error(|log, fault| log.push(fault.to_string()));
    client.on_connect(|ctx| ctx.state.push("up".to_owned()));
    for _ in 0..20 {
        assert_eq!(client.try_send(sized(996)), Ok(()));
    }
    let full = SendError::Full { queued: 20_000, max: 20_000 };
    assert_eq!(client.try_send(msg!("x")), Err(full.clone()));
    client.send(msg!("x"));
    let mut log = Vec::new();
    for _ in 0..4 {
        client.pump_at(scene.now, &mut log);
        scene.pump();
    }
    assert_eq!(log, [format!("did not send \"x\" to #1: {full}"), "up".to_owned()]);
    assert_eq!(scene.heard(), [1; 20], "all that was kept, once");
    assert!(client.is_connected(), "to say too much is no reason to leave");
}

#[test]
fn what_cannot_be_delivered_in_time_is_told() {
    let config = Config::new().flush_timeout(3 * SECOND);
    let (mut scene, mut streams) = Scene::with_peers(config, 3);
    let [talker, deaf, slow] = &mut streams[..] else { panic!("three") };
    let message = msg!("x", bytes: vec![7_u8; LANE + 10_000 - 24 - 4]);
    let whole = framed(&message).len();
    for n in [2, 3] {
        scene.server.send_to(scene.peer(n), message.clone());
        scene.server.kick(scene.peer(n), "enough");
    }
    scene.pump();
    assert_eq!(scene.log(), ["#2 down: kicked: enough", "#3 down: kicked: enough"]);
    scene.pass(2 * SECOND);
    // One reads after all, in time; what it has sent meanwhile goes nowhere.
    slow.say(&framed(&msg!("x")));
    let mut seen = read(slow);
    scene.pump();
    assert!(slow.read_some(&mut seen).expect("no reset"), "the end, in good order");
    assert_eq!(seen.len(), whole);
    scene.pass(SECOND - TICK);
    assert_eq!(scene.log(), [""; 0]);
    scene.pass(TICK);
    // What the lane holds is out of the server's hands; the rest is not.
    scene.pump();
    let left = whole - LANE;
    assert_eq!(scene.log(), [format!("fault: could not deliver the last {left} bytes to #2")]);
    assert!(is_closed(deaf));
    talker.say(&framed(&msg!("x")));
    scene.pass(10 * SECOND);
    assert_eq!((scene.heard(), scene.log()), (vec![1], vec![]));
}

// --- Shares of a pump ----------------------------------------------------------------------------

#[test]
fn so_many_messages_of_one_peer_are_handled_in_a_pump() {
    let (mut scene, mut streams) = Scene::with_peers(Config::new().messages_per_pump(10), 2);
    streams[0].say(&framed(&msg!("x")).repeat(25));
    streams[1].say(&framed(&msg!("x")).repeat(12));
    let mut counts = Vec::new();
    for _ in 0..4 {
        let done = scene.pump();
        let heard = scene.heard();
        assert_eq!(done.messages, heard.len() as u64);
        counts.push([1, 2].map(|n| heard.iter().filter(|who| **who == n).count()));
    }
    assert_eq!(counts, [[10, 10], [10, 2], [5, 0], [0, 0]]);
}

/// A server with a peer that has always more to say: of frames of this length.
fn flooded(config: Config, frame_len: usize, peers: usize) -> (Scene, Vec<Stream>) {
    let (mut scene, mut streams) = Scene::with_peers(config, peers);
    let noise = framed(&sized(frame_len - 4));
    let mut stream = streams.remove(0);
    stream.say(&noise.repeat(LANE / frame_len));
    scene.world.flood = Some((stream, noise));
    (scene, streams)
}

#[test]
fn so_many_bytes_of_one_peer_are_read_in_a_pump() {
    // Each read takes a whole lane, which is full again by the time of the next one.
    for (limit, reads) in [(1, 1), (LANE, 1), (LANE + 1, 2), (100_000, 2), (256 << 10, 4)] {
        let config = Config::new().bytes_per_pump(limit);
        let (mut scene, _) = flooded(config, 1024, 1);
        for _ in 0..3 {
            let done = scene.pump();
            assert_eq!(done.bytes_read, (reads * LANE) as u64, "{limit}");
            assert_eq!(done.messages, (reads * LANE / 1024) as u64, "{limit}");
        }
    }
}

#[test]
fn a_flood_holds_up_nobody_for_longer_than_a_pump() {
    for (config, most) in [
        (Config::new().messages_per_pump(50), 50),
        // Up to 64 KiB are read before the bound is looked at.
        (Config::new().bytes_per_pump(1000).messages_per_pump(usize::MAX), LANE / 64),
        (Config::new(), 1024),
    ] {
        let (mut scene, mut canaries) = flooded(config, 64, 4);
        for pump in 0..20 {
            for canary in &mut canaries {
                canary.say(&framed(&msg!("sing")));
            }
            scene.pump();
            let heard = scene.heard();
            let noise = heard.iter().filter(|who| **who == 1).count();
            assert_eq!(noise, most, "a full share, and no more, in pump {pump}");
            let mut others: Vec<_> = heard.into_iter().filter(|who| *who != 1).collect();
            others.sort_unstable();
            assert_eq!(others, [2, 3, 4], "in pump {pump}");
        }
        assert_eq!(scene.log(), [""; 0]);
    }
}

#[test]
fn everybody_is_first_in_turn() {
    let (mut scene, mut streams) = Scene::with_peers(Config::new(), 4);
    let mut firsts = Vec::new();
    for _ in 0..8 {
        streams.iter_mut().for_each(|stream| stream.say(&framed(&msg!("x"))));
        scene.pump();
        let heard = scene.heard();
        assert_eq!(heard.len(), 4);
        firsts.push(heard[0]);
    }
    let mut each = firsts[..4].to_vec();
    each.sort_unstable();
    assert_eq!((&each[..], &firsts[..4]), (&[1, 2, 3, 4][..], &firsts[4..]));
}

#[test]
fn everybody_is_first_in_turn_when_a_crowd_has_left_too() {
    // Who stays: neighbours with the gap behind them, and some with gaps between them.
    for stay in [&[1, 2][..], &[2, 30, 60], &[59, 60]] {
        let (mut scene, streams) = Scene::with_peers(Config::new(), 60);
        let (mut left, gone): (Vec<_>, Vec<_>) =
            (1..).zip(streams).partition(|(n, _)| stay.contains(n));
        drop(gone);
        scene.pump();
        assert_eq!(scene.log().len(), 60 - stay.len());
        let mut firsts = Vec::new();
        for _ in 0..4 * stay.len() {
            left.iter_mut().for_each(|(_, stream)| stream.say(&framed(&msg!("x"))));
            scene.pump();
            let heard = scene.heard();
            assert_eq!(heard.len(), stay.len());
            firsts.push(heard[0]);
        }
        for turns in firsts.chunks_mut(stay.len()) {
            turns.sort_unstable();
            assert_eq!(turns, stay);
        }
    }
}

// --- Time ----------------------------------------------------------------------------------------

#[test]
fn a_frame_may_take_so_long_and_no_longer() {
    let config = Config::new().frame_timeout(3 * SECOND);
    let (mut scene, mut streams) = Scene::with_peers(config, 3);
    let whole = framed(&msg!("x"));
    // One says half a frame, one a byte a second, one nothing at all.
    streams[0].say(&whole[..7]);
    scene.pump();
    for byte in 0..3 {
        streams[1].say(&whole[byte..=byte]);
        scene.pass(SECOND);
        assert_eq!(scene.log(), [""; 0]);
    }
    scene.pass(TICK);
    assert_eq!(scene.log(), ["#1 down: too slow: a frame was never finished"]);
    assert!(is_closed(&mut streams[0]));
    // The second one's frame began later: with the first pump that saw a byte of it.
    streams[1].say(&whole[3..]);
    scene.pump();
    assert_eq!(scene.heard(), [2]);
    // The next frame has the whole time again.
    streams[1].say(&whole[..1]);
    scene.pass(3 * SECOND);
    streams[1].say(&whole[1..]);
    scene.pump();
    assert_eq!((scene.heard(), scene.log()), (vec![2], vec![]));
    scene.pass(60 * SECOND);
    assert_eq!(scene.log(), [""; 0], "silence between frames is something else");
}

#[test]
fn a_pause_of_the_game_is_nobodys_slowness() {
    let config = Config::new().frame_timeout(30 * SECOND).plain_idle_timeout(3600 * SECOND);
    let (mut scene, mut streams) = Scene::with_peers(config, 3);
    let whole = framed(&msg!("x"));
    streams[0].say(&whole[..7]);
    streams[1].say(&whole[..7]);
    scene.pump();
    // A laptop sleeps for two hours; one peer has gone on talking into the sockets.
    streams[0].say(&whole[7..]);
    streams[2].say(&whole);
    scene.now += 7200 * SECOND;
    scene.pump();
    let mut heard = scene.heard();
    heard.sort_unstable();
    assert_eq!(heard, [1, 3], "read first, judged afterwards");
    assert_eq!(scene.log(), ["#2 down: silent for too long"], "but two hours of nothing are that");
    // A pause too short for that is forgiven, and the frame has its whole time again.
    streams[2].say(&whole[..7]);
    scene.pump();
    scene.now += 600 * SECOND;
    scene.pump();
    scene.pass(30 * SECOND);
    assert_eq!(scene.log(), [""; 0]);
    scene.pass(TICK);
    assert_eq!(scene.log(), ["#3 down: too slow: a frame was never finished"]);
}

#[test]
fn who_is_silent_for_too_long_is_sent_away() {
    let config = Config::new().plain_idle_timeout(10 * SECOND);
    let (mut scene, mut streams) = Scene::with_peers(config, 2);
    for _ in 0..5 {
        scene.pass(9 * SECOND);
        streams[1].say(&framed(&msg!("x")));
        scene.pump();
        assert_eq!(scene.heard(), [2]);
        let log = scene.log();
        assert!(log.is_empty() || log == ["#1 down: silent for too long"], "{log:?}");
    }
    assert_eq!(scene.server.peers().count(), 1);
    assert!(is_closed(&mut streams[0]));
    scene.pass(10 * SECOND);
    assert_eq!(scene.log(), [""; 0], "exactly as long is not too long");
    scene.pass(SECOND / 5);
    assert_eq!(scene.log(), ["#2 down: silent for too long"]);
}

#[test]
fn a_player_who_only_reads_may_stay_for_hours() {
    let (mut scene, mut streams) = Scene::with_peers(Config::new(), 1);
    for _ in 0..(4 * 3600) {
        scene.now += SECOND;
        scene.pump();
    }
    assert_eq!(scene.log(), [""; 0]);
    assert_eq!(read(&mut streams[0]), b"");
    scene.pass(SECOND);
    assert_eq!(scene.log(), ["#1 down: silent for too long"]);
}

#[test]
fn a_server_that_never_greets_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("an address");
    let config = Config::new().handshake_timeout(3 * SECOND);
    let mut client: Client<Vec<String>> = Network::Tcp.client_with(addr, config);
    client.on_connect_failed(|ctx, error| ctx.state.push(error.to_string()));
    client.on_error(|log, fault| log.push(fault.to_string()));
    client.send(msg!("early"));
    let (mut server, _) = listener.accept().expect("the client");
    let (mut now, mut log) = (Instant::now(), Vec::new());
    // That the client is connected shows in the bytes that it reads: the start of a greeting, which
    // does not buy any time.
    server.write_all(&GREETING[..2]).expect("open");
    until(|| client.pump_at(now, &mut log).bytes_read == 2);
    for _ in 0..3 {
        now += SECOND;
        client.pump_at(now, &mut log);
        assert!(client.is_connecting() && log.is_empty(), "{log:?}");
    }
    now += SECOND / 5;
    client.pump_at(now, &mut log);
    assert!(!client.is_connecting());
    assert_eq!(
        log,
        [
            "could not deliver the last 18 bytes to #1".to_owned(),
            format!("{addr} answers, but not as a game server: no greeting came"),
        ]
    );
}

/// Who sleeps as long as `next_timeout` allows gives up in time, and so does who pumps seldom.
#[test]
fn whoever_pumps_seldom_gives_up_a_server_that_never_greets() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("an address");
    let given_up_after = |timeout: Duration, gap: Option<Duration>| {
        let config = Config::new().handshake_timeout(timeout).frame_timeout(600 * SECOND);
        let mut client: Client<Vec<String>> = Network::Tcp.client_with(addr, config);
        client.on_connect_failed(|ctx, error| ctx.state.push(error.to_string()));
        let (mut server, _) = listener.accept().expect("the client");
        let (mut now, mut log) = (Instant::now(), Vec::new());
        server.write_all(&GREETING[..2]).expect("open");
        until(|| client.pump_at(now, &mut log).bytes_read == 2);
        let begun = now;
        for _ in 0..20 {
            now += gap.unwrap_or_else(|| client.next_timeout().expect("a wait") + TICK);
            client.pump_at(now, &mut log);
            if !log.is_empty() {
                return now - begun;
            }
        }
        panic!("{timeout:?}, {gap:?}: a server that never greets is waited for without end");
    };
    for timeout in [SECOND, 10 * SECOND, 60 * SECOND] {
        let slept = given_up_after(timeout, None);
        assert!((timeout..=timeout + SECOND / 5).contains(&slept), "{timeout:?}: {slept:?}");
        assert_eq!(given_up_after(timeout, Some(timeout * 2)), timeout * 4, "forgiven once");
    }
}

#[test]
fn a_blocking_connection_waits_for_the_greeting_in_its_pumps() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("an address");
    let mut client: Client<Vec<String>> =
        Client::connect_blocking(addr, 5 * SECOND).expect("somebody listens");
    client.on_connect_failed(|ctx, error| ctx.state.push(error.to_string()));
    let (mut now, mut log) = (Instant::now(), Vec::new());
    client.pump_at(now, &mut log);
    // Ten seconds are the default.
    for _ in 0..10 {
        now += SECOND;
        client.pump_at(now, &mut log);
        assert_eq!(log, [""; 0]);
    }
    now += SECOND;
    client.pump_at(now, &mut log);
    assert_eq!(log, [format!("{addr} answers, but not as a game server: no greeting came")]);
}

// --- The configuration itself --------------------------------------------------------------------

/// Sets each field by its setter and by hand, and tells how many fields that were.
macro_rules! setters {
    ($($field:ident: $value:expr),* $(,)?) => {{
        let mut fields = Vec::new();
        $(
            let set = Config::new().$field($value);
            let mut by_hand = Config::new();
            assert_ne!(set, by_hand, "{} is not its default", stringify!($field));
            by_hand.$field = $value;
            assert_eq!(set, by_hand, "{} is set, and nothing else", stringify!($field));
            fields.push(stringify!($field));
        )*
        fields
    }};
}

#[test]
fn every_setter_sets_its_field() {
    let fields = setters! {
        dialect: Dialect::PODSIXNET,
        game: "tag".to_owned(),
        version: "2".to_owned(),
        max_frame_len: 1,
        max_depth: 2,
        max_elements: 3,
        max_peers: 4,
        max_peers_per_address: 5,
        max_outbound: 6,
        max_letters: 16,
        messages_per_pump: 7,
        bytes_per_pump: 8,
        accepts_per_pump: 9,
        connect_timeout: Duration::from_millis(11),
        handshake_timeout: Duration::from_millis(12),
        frame_timeout: Duration::from_millis(13),
        heartbeat: Duration::from_millis(17),
        idle_timeout: Duration::from_millis(18),
        plain_idle_timeout: Duration::from_millis(14),
        flush_timeout: Duration::from_millis(15),
        quiet: true,
    };
    // No field is missing above: what `Debug` shows is what there is.
    let shown = format!("{:#?}", Config::new());
    let named = shown.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(": "));
    let named: Vec<_> = named.map(|(name, _)| name).filter(|name| !name.starts_with(' ')).collect();
    assert_eq!(named, fields);
    assert_eq!(Config::new(), Config::default());
}

#[test]
fn every_default_is_finite_and_what_its_page_says() {
    let config = Config::new();
    let hour = 3600 * SECOND;
    assert_eq!((config.max_frame_len, config.max_outbound), (1 << 20, 4 << 20));
    assert_eq!((config.max_depth, config.max_elements), (32, 65_536));
    assert_eq!((config.max_peers, config.max_peers_per_address), (256, 64));
    assert_eq!((config.messages_per_pump, config.bytes_per_pump), (1024, 256 << 10));
    assert_eq!(config.accepts_per_pump, 512);
    assert_eq!((config.connect_timeout, config.handshake_timeout), (10 * SECOND, 10 * SECOND));
    assert_eq!((config.frame_timeout, config.plain_idle_timeout), (30 * SECOND, 4 * hour));
    assert_eq!((config.flush_timeout, config.quiet), (5 * SECOND, false));
}

/// A server and a client in memory under a configuration: coming, talking, being sent away.
fn live_with(config: &Config) {
    let network = MemoryNetwork::new();
    let mut server = Server::<()>::with_config(config.clone().quiet(true));
    let any = SocketAddr::from(([10, 0, 0, 1], 0));
    let addr = server.listen_memory(&network, any, Dialect::REPOD).expect("a free port");
    server.on("x", |ctx, _| ctx.broadcast(msg!("x", bytes: [7_u8; 2000])));
    let mut client = Client::<()>::with_config(config.clone().quiet(true));
    client.connect_to_memory(&network, addr);
    client.send(msg!("x"));
    let mut now = Instant::now();
    for turn in 0..10 {
        client.pump_at(now, &mut ());
        server.pump_at(now, &mut ());
        client.send(msg!("x", bytes: [7_u8; 2000]));
        now += SECOND * turn;
    }
    let peers: Vec<_> = server.peers().map(|peer| peer.id()).collect();
    peers.iter().for_each(|peer| assert!(server.kick(*peer, "")));
    client.close();
    for _ in 0..10 {
        now += SECOND;
        client.pump_at(now, &mut ());
        server.pump_at(now, &mut ());
    }
    server.close();
    server.pump_at(now, &mut ());
    assert!(server.is_closed() && client.is_closed(), "{config:?}");
}

#[test]
fn no_value_of_a_limit_is_fatal() {
    macro_rules! each {
        ($($value:expr => $($field:ident)*;)*) => {
            $($({
                eprintln!("{} = {:?}", stringify!($field), $value);
                live_with(&Config::new().$field($value));
            })*)*
        };
    }
    for number in [0, 1, usize::MAX] {
        each! {
            number => max_frame_len max_depth max_elements max_peers max_peers_per_address
                max_outbound messages_per_pump bytes_per_pump accepts_per_pump;
        }
    }
    for time in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        each! {
            time => connect_timeout handshake_timeout frame_timeout plain_idle_timeout
                flush_timeout;
        }
    }
}

/// Of what is done one by one, one at least is done in each pump.
#[test]
fn a_share_of_nothing_is_a_share_of_one() {
    let config =
        Config::new().messages_per_pump(0).bytes_per_pump(0).accepts_per_pump(0).max_letters(0);
    let mut scene = Scene::new(config.clone());
    let mut streams = [scene.join(), scene.join()];
    assert_eq!([(); 3].map(|()| scene.pump().opened), [1, 1, 0]);
    streams[0].say(&framed(&msg!("x")).repeat(2));
    assert_eq!([(); 3].map(|()| scene.pump().messages), [1, 1, 0]);
    let sender = scene.server.sender();
    assert_eq!(sender.send(msg!("x")), Ok(()));
    assert_eq!(sender.send(msg!("x")), Err(SendError::Busy { max: 1 }));

    // An attempt to connect ends too, be it well or not.
    let network = Network::Memory(scene.network.clone());
    let nobody = SocketAddr::from(([10, 0, 0, 9], 9));
    for (addr, said) in [(scene.addr, "up"), (nobody, "failed")] {
        let mut client: Client<Vec<&str>> = network.client_with(addr, config.clone());
        client.on_connect(|ctx| ctx.state.push("up"));
        client.on_connect_failed(|ctx, _| ctx.state.push("failed"));
        let mut log = Vec::new();
        for _ in 0..100 {
            client.pump_at(scene.now, &mut log);
            scene.pass(TICK);
        }
        assert_eq!(log, [said]);
    }
}

#[test]
fn a_client_may_wait_for_ever_to_be_connected() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("an address");
    let config = Config::new().connect_timeout(Duration::MAX);
    let mut client: Client<()> = Network::Tcp.client_with(addr, config);
    let mut pumps = 0;
    until(|| {
        client.pump(&mut ());
        pumps += 1;
        pumps > 100
    });
    assert!(client.is_connecting());
}

#[test]
fn a_shutdown_may_take_as_long_as_it_takes() {
    let (scene, streams) = Scene::with_peers(Config::new(), 0);
    let Scene { server, mut world, .. } = scene;
    assert!(server.shutdown(&mut world, Duration::MAX) && streams.is_empty());
    assert!(Client::<()>::with_config(Config::new()).shutdown(&mut (), Duration::MAX));
}
