//! What the library takes from the heap, counted by the allocator itself: nothing per message once
//! a game is in its stride, and never more than the bytes that have come can justify.
//!
//! The counters belong to a thread, so tests that run at the same time do not disturb each other.
//! Only what is between the two ends of [`measure`] counts. One more counter is of all threads.
#![allow(unsafe_code, reason = "an allocator cannot be written without it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use hexapod::{Client, Config, Dialect, MemoryNetwork, MemoryStream, Outgoing, Server, msg};

use crate::harness::{Network, Stream, frame, on_both, until};

// --- The counting --------------------------------------------------------------------------------

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

#[derive(Clone, Copy)]
struct Counts {
    /// How often memory was asked for, growth included.
    calls: u64,
    /// Bytes that are taken now, and that were taken at most.
    live: isize,
    peak: isize,
}

thread_local! {
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { calls: 0, live: 0, peak: 0 }) };
}

/// Bytes that are taken now by all threads together, some of which may have come from another.
static LIVE: AtomicIsize = AtomicIsize::new(0);

fn count(change: impl FnOnce(&mut Counts)) {
    // While a thread ends there may be nobody left to count for.
    let _ = COUNTS.try_with(|cell| {
        let mut counts = cell.get();
        change(&mut counts);
        cell.set(counts);
    });
}

fn taken(bytes: usize) {
    LIVE.fetch_add(bytes as isize, Relaxed);
    count(|counts| {
        counts.calls += 1;
        counts.live += bytes as isize;
        counts.peak = counts.peak.max(counts.live);
    });
}

fn given_back(bytes: usize) {
    LIVE.fetch_sub(bytes as isize, Relaxed);
    count(|counts| counts.live -= bytes as isize);
}

// SAFETY: every call goes on to the system's allocator as it came; counting neither allocates
// (the cell needs no destructor and no lazy start) nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both at once, as when nothing can grow in place: the worst case is what is promised.
        taken(size);
        given_back(layout.size());
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        given_back(layout.size());
        unsafe { System.dealloc(old, layout) }
    }
}

/// What some work has taken from the heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heap {
    pub(crate) calls: u64,
    /// How many bytes more than before were taken at once, and how many still are.
    pub(crate) peak: isize,
    pub(crate) kept: isize,
}

/// How many bytes the whole process has taken from the heap and not given back.
pub(crate) fn live() -> isize {
    LIVE.load(Relaxed)
}

/// Does some work and tells what it took from the heap.
pub(crate) fn measure<T>(work: impl FnOnce() -> T) -> (T, Heap) {
    let before = COUNTS.get();
    COUNTS.set(Counts { peak: before.live, ..before });
    let done = work();
    let after = COUNTS.get();
    let heap = Heap {
        calls: after.calls - before.calls,
        peak: after.peak - before.live,
        kept: after.live - before.live,
    };
    (done, heap)
}

#[test]
fn the_allocator_counts() {
    let (text, heap) = measure(|| vec![0_u8; black_box(1000)]);
    assert_eq!(heap, Heap { calls: 1, peak: 1000, kept: 1000 });
    let (_, heap) = measure(|| drop(text));
    assert_eq!(heap, Heap { calls: 0, peak: 0, kept: -1000 });
    let (_, heap) = measure(|| {
        let mut vec = Vec::<u8>::with_capacity(black_box(100));
        vec.resize(black_box(150), 0);
        black_box(&vec);
    });
    assert!(heap.calls == 2 && heap.peak >= 250 && heap.kept == 0, "{heap:?}");
}

// --- Nothing per message -------------------------------------------------------------------------

/// Rounds before counting begins: buffers find their sizes, and each hash map and queue its own.
const WARM_UP: usize = 60;
const ROUNDS: usize = 60;

/// A server that reads four fields of each "move", and its client.
struct Duel {
    server: Server<(u64, f64)>,
    client: Client<()>,
    state: (u64, f64),
}

impl Duel {
    fn new(network: &Network) -> Self {
        let (mut server, addr) = network.server::<(u64, f64), ()>(Config::new());
        server.on("move", |ctx, msg| {
            let (x, y): (f32, f32) = msg.get("at")?;
            let name: &str = msg.get("name")?;
            let hp = msg.get::<Option<u32>>("hp")?.unwrap_or(10);
            let speed: f64 = msg.get("speed")?;
            ctx.state.0 += 1;
            ctx.state.1 += f64::from(x + y) + speed + f64::from(hp) + name.len() as f64;
            Ok(())
        });
        let client = network.client::<()>(addr);
        let mut duel = Self { server, client, state: (0, 0.0) };
        until(|| {
            duel.client.pump(&mut ());
            duel.server.pump(&mut duel.state);
            duel.client.is_connected()
        });
        duel
    }

    /// Ten messages, and where they have been handled. What each end has taken meanwhile is added.
    fn round(&mut self, sending: &mut Heap, receiving: &mut Heap) {
        let wanted = self.state.0 + 10;
        let (_, heap) = measure(|| {
            for n in 0..10 {
                let (x, y) = (n as f32, 0.5_f32);
                self.client.send(msg!("move", at: (x, y), name: "ann", hp: n, speed: 1.5));
            }
            self.client.pump(&mut ());
        });
        sending.calls += heap.calls;
        until(|| {
            let (_, heap) = measure(|| self.server.pump(&mut self.state));
            receiving.calls += heap.calls;
            self.state.0 == wanted
        });
    }
}

#[test]
fn sending_receiving_and_reading_take_nothing_from_the_heap() {
    on_both(|network| {
        let mut duel = Duel::new(&network);
        let (mut sending, mut receiving) = (Heap::default(), Heap::default());
        for _ in 0..WARM_UP {
            duel.round(&mut sending, &mut receiving);
        }
        (sending, receiving) = Default::default();
        for _ in 0..ROUNDS {
            duel.round(&mut sending, &mut receiving);
        }
        assert_eq!(duel.state.0, 10 * (WARM_UP + ROUNDS) as u64);
        assert_eq!((sending.calls, receiving.calls), (0, 0), "{network:?}");
    });
}

/// A server and so many bare streams in memory.
fn crowd<S>(config: Config, guests: usize, state: &mut S) -> (Server<S>, Vec<Stream>) {
    let network = Network::Memory(MemoryNetwork::new());
    let config = config.max_peers(guests + 1).max_peers_per_address(guests + 1);
    let (mut server, addr) = network.server::<S, ()>(config);
    let streams = (0..guests).map(|_| network.stream(addr)).collect();
    server.pump_at(Instant::now(), state);
    assert_eq!(server.peers().count(), guests);
    (server, streams)
}

#[test]
fn a_broadcast_to_a_hundred_takes_nothing_from_the_heap() {
    let now = Instant::now();
    let (mut server, mut streams) = crowd(Config::new(), 100, &mut ());
    let mut heard = Vec::with_capacity(1 << 16);
    for round in 0..WARM_UP + ROUNDS {
        let (_, heap) = measure(|| {
            server.broadcast(msg!("state", tick: round, at: [1.5, 2.5], name: "everybody"));
            server.pump_at(now, &mut ());
        });
        for stream in &mut streams {
            heard.clear();
            stream.read_some(&mut heard).expect("open");
            assert!(heard.ends_with(b"\xa9everybody"), "round {round}");
        }
        assert!(round < WARM_UP || heap.calls == 0, "{heap:?} in round {round}");
    }
}

#[test]
fn a_relay_takes_nothing_from_the_heap() {
    let now = Instant::now();
    let (mut server, mut streams) = crowd(Config::new(), 20, &mut 0_u64);
    server.on("as it is", |ctx, msg| {
        *ctx.state += 1;
        ctx.broadcast_except(ctx.peer(), Outgoing::from(msg));
    });
    server.on("with a name", |ctx, msg| {
        *ctx.state += 1;
        let mut message = Outgoing::from(msg);
        message.field("who", &ctx.peer().number());
        ctx.broadcast(message);
    });
    let plain = frame(b"\x82\xa6action\xa8as it is\xa1x\xcb\x3f\xf8\0\0\0\0\0\0");
    // Fifteen pairs: one more takes a longer head, so that everything behind it moves.
    let mut fifteen = b"\x8f\xa6action\xabwith a name".to_vec();
    (0..14).for_each(|n| fifteen.extend([n, n]));
    let named = frame(&fifteen);
    let (mut relayed, mut heard) = (0, Vec::with_capacity(1 << 16));
    for round in 0..WARM_UP + ROUNDS {
        streams[round % 20].say(&plain);
        streams[round % 20].say(&named);
        let (_, heap) = measure(|| server.pump_at(now, &mut relayed));
        assert!(round < WARM_UP || heap.calls == 0, "{heap:?} in round {round}");
        for stream in &mut streams {
            heard.clear();
            stream.read_some(&mut heard).expect("open");
        }
    }
    assert_eq!(relayed, 2 * (WARM_UP + ROUNDS) as u64);
}

#[test]
fn frames_that_come_in_pieces_take_nothing_from_the_heap() {
    let now = Instant::now();
    let (mut server, mut streams) = crowd(Config::new(), 20, &mut 0_u64);
    server.on("x", |ctx, _| *ctx.state += 1);
    let frame = frame(&[b"\x82\xa6action\xa1x\x01\xc5\x03\xe8", &[7; 1000][..]].concat());
    let mut heard = 0;
    for round in 0..WARM_UP + ROUNDS {
        // Short and long pieces in turn, so that the warm-up has seen every size of a ring.
        let (first, second) = frame.split_at(1 + round * 337 % (frame.len() - 1));
        for piece in [first, second] {
            streams.iter_mut().for_each(|stream| stream.say(piece));
            let (_, heap) = measure(|| server.pump_at(now, &mut heard));
            assert!(round < WARM_UP || heap.calls == 0, "{heap:?} in round {round}");
        }
    }
    assert_eq!(heard, 20 * (WARM_UP + ROUNDS) as u64);
}

/// A message in each dialect that has a codec.
fn translated() -> Vec<(Dialect, Vec<u8>)> {
    vec![
        (
            Dialect::PODSIXNET,
            [
                // A list of forty and a tuple, both in short forms and open ones.
                &b"\x69\x86action\x81x\x81v\x3b"[..],
                &[7; 40],
                b"\x7f\x83ann\xe2\x42\x3f\x80\0\0\x3c\x81k\xc1\x3d12\x7f\x7f\0---\0",
            ]
            .concat(),
        ),
        #[cfg(feature = "json")]
        (
            Dialect::JSON,
            br#"{"action": "x", "v": [1, 2.5, null, {"k": [true]}], "ann": "gr\u00fcn"}"#
                .iter()
                .chain(b"\0---\0")
                .copied()
                .collect(),
        ),
    ]
}

#[test]
fn a_relay_in_another_dialect_takes_nothing_from_the_heap() {
    let now = Instant::now();
    for (dialect, frame) in translated() {
        let (mut server, mut streams) = crowd(Config::new().dialect(dialect), 20, &mut 0_u64);
        server.on("x", |ctx, msg| {
            *ctx.state += 1;
            ctx.broadcast(msg!("x", v: msg.field("v"), ann: msg.field("ann"), n: *ctx.state));
        });
        server.on_error(|_, fault| panic!("{fault}"));
        let (mut relayed, mut heard) = (0, Vec::with_capacity(1 << 16));
        for round in 0..WARM_UP + ROUNDS {
            streams[round % 20].say(&frame);
            let (_, heap) = measure(|| server.pump_at(now, &mut relayed));
            // Of what serde_json keeps for texts with escapes, one allocation a message.
            let most = if dialect == Dialect::PODSIXNET { 0 } else { 1 };
            assert!(round < WARM_UP || heap.calls <= most, "{heap:?} in {dialect:?}");
            for stream in &mut streams {
                heard.clear();
                stream.read_some(&mut heard).expect("open");
                assert!(heard.ends_with(b"\0---\0"));
            }
        }
        assert_eq!(relayed, (WARM_UP + ROUNDS) as u64);
    }
}

// --- Never more than the bytes can justify -------------------------------------------------------

/// The promise: at most this while so many bytes are decoded.
pub(crate) fn allowed(received: usize) -> isize {
    (64 * received + 4096) as isize
}

/// What has come of a frame: how many messages, and how many ends.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) messages: usize,
    pub(crate) ends: usize,
}

/// What a server takes from the heap while a peer says this frame, in the dialect of the
/// configuration.
pub(crate) fn decoding(config: Config, bytes: &[u8]) -> (Outcome, Heap) {
    let (now, dialect) = (Instant::now(), config.dialect);
    let config = config.messages_per_pump(usize::MAX);
    let (mut server, mut streams) = crowd(config, 1, &mut Outcome::default());
    server.on_any(|ctx, _| ctx.state.messages += 1);
    server.on_disconnect(|ctx, _| ctx.state.ends += 1);
    server.on_error(|_, _| {});
    let mut outcome = Outcome::default();
    let mut say = |bytes: &[u8], outcome: &mut Outcome| {
        let mut rest = bytes;
        while !rest.is_empty() && outcome.ends == 0 {
            let written = streams[0].write_some(rest).expect("open");
            rest = &rest[written..];
            server.pump_at(now, outcome);
        }
    };
    // The network's own lane finds its full size before anything is counted. The messages are small
    // and whole, so that nothing that belongs to the server does.
    let small: &[u8] = match dialect.name() {
        "podsixnet" => b"\x67\x86action\x81x\0---\0",
        "json" => b"{\"action\":\"x\"}\0---\0",
        _ => b"\0\0\0\x0a\x81\xa6action\xa1x",
    };
    let many = (64 << 10) / small.len();
    say(&small.repeat(many), &mut outcome);
    assert_eq!(std::mem::take(&mut outcome), Outcome { messages: many, ends: 0 });
    let (_, heap) = measure(|| say(bytes, &mut outcome));
    (outcome, heap)
}

/// A message with these bytes as the value of its one field.
fn with_field(value: &[u8]) -> Vec<u8> {
    [b"\x82\xa6action\xa1x\x01", value].concat()
}

#[test]
fn lengths_that_are_only_claimed_take_nothing() {
    let mut most = 0;
    for head in [0xdd_u8, 0xdf, 0xdb, 0xc6, 0xc9] {
        let claim = [head, 255, 255, 255, 255, 1];
        for payload in [claim.to_vec(), with_field(&claim)] {
            let (outcome, heap) = decoding(Config::new(), &frame(&payload));
            assert_eq!(outcome, Outcome { messages: 0, ends: 1 }, "{head:x}");
            assert!(heap.peak <= allowed(payload.len()), "{head:x}: {heap:?}");
            most = most.max(heap.peak);
        }
    }
    eprintln!("a claim of 2^32-1 values in 10 bytes: at most {most} bytes from the heap");
}

#[test]
fn bombs_of_containers_take_no_more_than_their_bytes_justify() {
    // Each head claims as many values as there are bytes left, so that none is cut short.
    let full = |head: u8, each: usize| -> Vec<u8> {
        let mut payload = Vec::new();
        while payload.len() < 60_000 {
            let left = (60_000 - payload.len() - 3) / each;
            payload.push(head);
            payload.extend((left as u16).to_be_bytes());
            // A key, where it takes one.
            payload.extend(&[0][..each - 1]);
        }
        payload
    };
    let many = |count: usize, value: &[u8]| {
        let head = [&[0xdd][..], &(count as u32).to_be_bytes()].concat();
        with_field(&[head, value.repeat(count)].concat())
    };
    let keys = |count: u32| {
        let mut payload = [b"\xdf".to_vec(), (count + 1).to_be_bytes().to_vec()].concat();
        payload.extend(b"\xa6action\xa1x");
        (0..count).for_each(|_| payload.extend([0xa0, 0xc0]));
        payload
    };
    let generous = || Config::new().max_elements(usize::MAX);
    for (name, config, payload, ends) in [
        ("array16 in array16, each full", Config::new(), full(0xdc, 1), 1),
        ("map16 in map16, each full", Config::new(), full(0xde, 2), 1),
        ("0x91 and nothing else", Config::new(), vec![0x91; 60_000], 1),
        (
            "0x91, as deep as may be",
            Config::new(),
            with_field(&[&[0x91; 31][..], &[0]].concat()),
            0,
        ),
        ("more nils than allowed", Config::new(), many(70_000, &[0xc0]), 1),
        ("200,000 nils", generous(), many(200_000, &[0xc0]), 0),
        ("100,000 empty maps", generous(), many(100_000, &[0x80]), 0),
        ("20,000 keys", Config::new(), keys(20_000), 0),
        ("100,000 keys", generous(), keys(100_000), 0),
    ] {
        let (outcome, heap) = decoding(config, &frame(&payload));
        assert_eq!(outcome, Outcome { messages: 1 - ends, ends }, "{name}");
        eprintln!("{name}: {} bytes took {} from the heap", payload.len(), heap.peak);
        assert!(heap.peak <= allowed(payload.len()), "{name}: {heap:?}");
    }
}

#[test]
fn bombs_in_other_dialects_take_no_more_than_their_bytes_justify() {
    let rencode = |value: &[u8], count: usize| {
        let head = &b"\x68\x86action\x81x\x01\x3b"[..];
        (Dialect::PODSIXNET, [head, &value.repeat(count), b"\x7f\0---\0"].concat())
    };
    let chain = |link: &[u8], end: &[u8]| [link.repeat(29), end.to_vec()].concat();
    let ends = |bytes: &[u8], links: usize| [bytes, &b"\x7f".repeat(links)].concat();
    #[cfg_attr(not(feature = "json"), allow(unused_mut))]
    let mut bombs = vec![
        rencode(b"\x45", 60_000),
        rencode(b"\xe0", 60_000),
        rencode(b"\x3a\x7f", 60_000),
        rencode(b"\x67\x45\x45", 20_000),
        rencode(b"\x3d1\x7f", 60_000),
        rencode(b"0:", 60_000),
        rencode(&chain(b"\xe1", b"\x45"), 2000),
        rencode(&ends(&chain(b"\x3a", b"\x45"), 29), 2000),
        rencode(&ends(&chain(b"\x3c\x45", b"\x45"), 29), 1000),
        (Dialect::PODSIXNET, b"\x68\x86action\x81x\x01999999:".to_vec()),
        (Dialect::PODSIXNET, vec![0x3b; 128]),
    ];
    #[cfg(feature = "json")]
    {
        let json = |value: &str, count: usize| {
            let values = vec![value; count].join(",");
            let text = ["{\"action\":\"x\",\"v\":[", &values, "]}\0---\0"].concat();
            (Dialect::JSON, text.into_bytes())
        };
        bombs.extend([
            json("0", 60_000),
            json("[]", 60_000),
            json("{}", 60_000),
            json("1e9", 60_000),
            json("\"\"", 60_000),
            json("{\"\":0}", 20_000),
            json(&["[".repeat(29), "]".repeat(29)].concat(), 2000),
            json("\"\\u0000\\u0000\"", 20_000),
        ]);
    }
    let mut worst = 0.0_f64;
    for (dialect, bytes) in bombs {
        let (outcome, heap) = decoding(Config::new().dialect(dialect), &bytes);
        assert_eq!(outcome.ends, 0, "{dialect:?}: good, or not yet whole");
        worst = worst.max(heap.peak as f64 / bytes.len() as f64);
        assert!(heap.peak <= allowed(bytes.len()), "{dialect:?}: {heap:?}");
    }
    eprintln!("bombs in other dialects: {worst:.1} times their bytes at most");
}

#[test]
fn a_tree_takes_no_more_than_its_bytes_justify() {
    /// What `to_value` takes, and for how many bytes.
    type Taken = Option<(Heap, usize)>;
    let now = Instant::now();
    let (mut server, mut streams) = crowd(Config::new(), 1, &mut Taken::None);
    server.on_any(|ctx, msg| {
        let (tree, heap) = measure(|| msg.to_value());
        drop(tree);
        *ctx.state = Some((heap, msg.as_bytes().len()));
    });
    // Thirty levels each, so that inner containers are as many as their bytes.
    let chain = |link: &[u8], end: &[u8]| [link.repeat(29), end.to_vec()].concat();
    let mut faults = Vec::new();
    for (name, value) in [
        ("nils", vec![0xc0]),
        ("empty texts", vec![0xa0]),
        ("texts of one letter", vec![0xa1, b'x']),
        ("bytes of one", vec![0xc4, 1, 7]),
        ("empty arrays", vec![0x90]),
        ("arrays of one", vec![0x91, 0xc0]),
        ("arrays of two", vec![0x92, 0xc0, 0xc0]),
        ("arrays of five", vec![0x95, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0]),
        ("maps of one", vec![0x81, 0xc0, 0xc0]),
        ("maps of five", [&[0x85][..], &[0xc0; 10]].concat()),
        ("arrays in arrays in arrays", chain(&[0x91], &[0xc0])),
        ("maps in maps in maps", chain(&[0x81, 0xc0], &[0xc0])),
        ("extensions", vec![0xd4, 5, 5]),
    ] {
        let values = if value.len() < 20 { 65_536 / 12 } else { 65_536 / 61 };
        let head = [&[0xdc][..], &(values as u16).to_be_bytes()].concat();
        let bytes = frame(&with_field(&[head, value.repeat(values)].concat()));
        let mut taken = Taken::None;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let written = streams[0].write_some(rest).expect("open");
            rest = &rest[written..];
            server.pump_at(now, &mut taken);
        }
        let (heap, len) = taken.expect("a message");
        let times = heap.peak as f64 / len as f64;
        eprintln!(
            "a tree of {name}: {len} bytes took {} from the heap, {times:.1} times",
            heap.peak
        );
        if heap.peak > allowed(len) {
            faults.push(format!("{name}: {times:.1} times its bytes"));
        }
    }
    assert!(faults.is_empty(), "more than 64 times:\n{}", faults.join("\n"));
}

#[test]
fn a_frame_that_is_only_announced_takes_next_to_nothing() {
    const LINKS: usize = 200;
    // What the first pump takes, which lets everybody in, greets them, and reads what they say.
    let first_pump = |said: &[u8]| {
        let network = Network::Memory(MemoryNetwork::new());
        let config = Config::new().max_peers_per_address(LINKS);
        let (mut server, addr) = network.server::<(), ()>(config);
        let mut streams: Vec<Stream> = (0..LINKS).map(|_| network.stream(addr)).collect();
        streams.iter_mut().for_each(|stream| stream.say(said));
        let (_, heap) = measure(|| server.pump(&mut ()));
        assert_eq!(server.peers().count(), LINKS, "all are waited for");
        heap
    };
    // One MiB, and a first byte of it.
    let announced = [0, 16, 0, 0, 0x82];
    let (silent, waiting) = (first_pump(&[]), first_pump(&announced));
    let (peak, kept) = (waiting.peak - silent.peak, waiting.kept - silent.kept);
    eprintln!(
        "{LINKS} links that announce 1 MiB and send a byte: {peak} bytes more than if they were \
         silent, {} a link, of which {kept} are kept",
        peak / LINKS as isize
    );
    assert!(peak.max(kept) <= allowed(LINKS * announced.len()), "{silent:?}, then {waiting:?}");
}

#[test]
fn a_frame_takes_memory_as_its_bytes_come() {
    let now = Instant::now();
    let (mut server, mut streams) = crowd(Config::new(), 1, &mut 0);
    server.on_any(|ctx, _| *ctx.state += 1);
    let mut messages = 0;
    let chunk = [7_u8; 60_000];
    // Lanes first, then what counts.
    let noise = frame(&with_field(&[&[0xc5, 0xff, 0][..], &[7; 0xff00]].concat()));
    streams[0].say(&noise);
    server.pump_at(now, &mut messages);
    let len = b"\x82\xa6action\xa1x\x01\xc6".len() + 4 + 1_000_000;
    let head = with_field(&[&[0xc6][..], &1_000_000_u32.to_be_bytes()].concat());
    streams[0].say(&[&(len as u32).to_be_bytes()[..], &head].concat());
    let mut received = 0_usize;
    let (_, whole) = measure(|| {
        while received < 1_000_000 {
            let piece = &chunk[..chunk.len().min(1_000_000 - received)];
            streams[0].say(piece);
            received += piece.len();
            server.pump_at(now, &mut messages);
        }
    });
    assert_eq!(messages, 2);
    let times = whole.peak as f64 / received as f64;
    eprintln!("a frame of 1 MB in pieces of 60 KB: {} bytes, {times:.1} times", whole.peak);
    assert!(times <= 4.0, "doubling, and the copy while it doubles: {whole:?}");
}

// --- Who does nothing costs little ---------------------------------------------------------------

/// What a server with so many idle peers gives back to the heap when it is dropped. The bare ends
/// of the streams outlive it, and so does what belongs to the network.
fn held(guests: usize, at_once: bool, said: &[u8]) -> isize {
    let network = MemoryNetwork::new();
    let config = Config::new().max_peers(guests + 1).max_peers_per_address(guests + 1);
    let (mut server, addr): (Server<()>, SocketAddr) =
        Network::Memory(network.clone()).server(config);
    let now = Instant::now();
    let mut streams: Vec<MemoryStream> = Vec::with_capacity(guests);
    let mut say = |streams: &mut [MemoryStream]| {
        // In two pieces, so that each peer needs memory of its own for a while.
        for piece in [&said[..said.len().min(5)], &said[said.len().min(5)..]] {
            for stream in &mut *streams {
                stream.write_all(piece).expect("open");
            }
            server.pump_at(now, &mut ());
        }
    };
    for _ in 0..guests {
        streams.push(network.connect(addr).expect("the server listens"));
        if !at_once {
            let last = streams.len() - 1;
            say(&mut streams[last..]);
        }
    }
    if at_once {
        say(&mut streams);
    }
    // From here on they are idle.
    server.pump_at(now + Duration::from_millis(200), &mut ());
    assert_eq!(server.peers().count(), guests);
    let (_, heap) = measure(|| drop(server));
    -heap.kept
}

#[test]
fn an_idle_peer_holds_less_than_256_bytes() {
    let message = &frame(b"\x81\xa6action\xa1x");
    let fixed = held(0, false, message);
    let silent = (held(500, false, &[]) - fixed) / 500;
    let each = (held(500, false, message) - fixed) / 500;
    let burst = (held(500, true, message) - fixed) / 500;
    // Of who has said hello is known what heartbeats need.
    let hello = msg!("$hello", wire: 1, game: "", version: "", max_frame: 1000);
    let hello = frame(hello.to_bytes().expect("good"));
    let hexapod = (held(500, false, &[&hello[..], message].concat()) - fixed) / 500;
    eprintln!(
        "a server holds {fixed} bytes; an idle peer {silent}, one who has spoken {each}, a hexapod \
         {hexapod}; where 500 came at once {burst}, with the rings that wait for the next burst"
    );
    assert!(silent <= 256, "{silent} bytes");
    // Beside that: what is counted of its messages; what heartbeats need, and the ring in which a
    // burst of them waited; two rings of a burst, their list, and the network's queue.
    assert!(each <= 256 + 64, "{each} bytes");
    assert!(hexapod <= 256 + 64 + 136 + 168 + 16, "{hexapod} bytes");
    assert!(burst <= 256 + 64 + 2 * 168 + 128, "{burst} bytes");
}
