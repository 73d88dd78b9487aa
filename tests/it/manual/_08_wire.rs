//! The wire: its bytes are those that go over it, its tables what a server reads, its Python plays.

use std::env;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hexapod::{Config, Event, MemoryNetwork, Server, Value, msg};

use super::{blocks, page, rows};
use crate::examples::Program;
use crate::harness::{Network, Stream, frame, on_both, until};

/// The bytes that stand in front of the bars of a block.
fn bytes(block: &str) -> Vec<u8> {
    let left = block.lines().filter_map(|line| line.split('|').next());
    let digits = left.flat_map(|left| left.split_whitespace());
    digits.map(|byte| u8::from_str_radix(byte, 16).unwrap_or_else(|_| panic!("{byte}"))).collect()
}

/// Everything that a stream has heard, once it is so much.
fn hears(stream: &mut Stream, len: usize, mut pump: impl FnMut()) -> Vec<u8> {
    let mut heard = Vec::new();
    until(|| {
        pump();
        stream.read_some(&mut heard).expect("a stream") || heard.len() >= len
    });
    heard
}

#[test]
fn the_bytes_of_the_wire_are_what_goes_over_it() {
    let blocks = blocks(&page("_08_wire.rs"), "text");
    let [message, greeting, hello, ping, pong, bye] = &blocks[..] else {
        panic!("{} blocks of bytes", blocks.len());
    };
    let moved = msg!("move", x: 7, y: -1.5_f32);
    assert_eq!(bytes(message), frame(moved.to_bytes().expect("good")));
    // A map of three pairs: what is said of it is what it says.
    assert!(message.contains("\"move\"") && message.contains("-1.5"));

    on_both(|network| {
        let config = || Config::new().game("dots").version("2");
        let (mut server, addr) = network.server::<(), ()>(config());
        let mut now = Instant::now();
        let mut stream = network.stream(addr);
        let greeting = bytes(greeting);
        let heard = hears(&mut stream, greeting.len(), || {
            now += Duration::from_millis(10);
            server.pump_at(now, &mut ());
        });
        assert_eq!(heard, greeting);
        stream.say(&bytes(hello));
        let heard = hears(&mut stream, bytes(ping).len(), || {
            now += Duration::from_millis(10);
            server.pump_at(now, &mut ());
        });
        assert_eq!(heard, bytes(ping));
        stream.say(&bytes(pong));
        until(|| {
            now += Duration::from_millis(10);
            server.pump_at(now, &mut ());
            server.peers().next().is_some_and(|peer| peer.round_trip().is_some())
        });
        let id = server.peers().next().expect("the peer").id();
        server.kick(id, "enough");
        let heard = hears(&mut stream, bytes(bye).len(), || {
            server.pump_at(now, &mut ());
        });
        assert_eq!(heard, bytes(bye));
    });

    // And from the other side: the client's hello is the very first that it says.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("its address");
    let mut client =
        Network::Tcp.client_with::<Vec<String>>(addr, Config::new().game("dots").version("2"));
    client.send(msg!("early"));
    client.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
    let (mut log, mut far) = (Vec::new(), None);
    listener.set_nonblocking(true).expect("non-blocking");
    until(|| {
        client.pump(&mut log);
        far = listener.accept().ok();
        far.is_some()
    });
    let stream = far.expect("accepted").0;
    stream.set_nonblocking(true).expect("non-blocking");
    let mut stream = Stream::Tcp(stream);
    stream.say(&bytes(greeting));
    let early = msg!("early");
    let wanted = [bytes(hello), frame(early.to_bytes().expect("good"))].concat();
    let heard = hears(&mut stream, wanted.len(), || {
        client.pump(&mut log);
    });
    assert_eq!(heard[..wanted.len()], wanted);
    stream.say(&bytes(bye));
    until(|| {
        client.pump(&mut log);
        !log.is_empty()
    });
    assert_eq!(log, ["kicked: enough"]);
}

/// Any Python 3; `None` if there is none, and the test is to be skipped.
fn python() -> Option<&'static str> {
    let is_there = |name: &&str| {
        let mut command = Command::new(name);
        command.args(["-c", "import sys; sys.exit(sys.version_info < (3, 6))"]);
        let status = command.stdin(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let found = ["python3", "python"].into_iter().find(is_there);
    if found.is_none() {
        assert!(env::var_os("HEXAPOD_REQUIRE_PYTHON").is_none(), "no Python 3 on the path");
        eprintln!("skipped: there is no Python 3 on the path");
    }
    found
}

#[test]
fn the_client_in_python_is_sixty_lines_and_a_hexapod() {
    let blocks = blocks(&page("_08_wire.rs"), "python");
    let [program] = &blocks[..] else { panic!("one program") };
    assert!(program.lines().count() <= 60, "{} lines", program.lines().count());
    let Some(python) = python() else { return };

    let config = Config::new().game("dots").version("2").heartbeat(Duration::from_millis(50));
    let (mut server, addr) = Network::Tcp.server::<(), ()>(config);
    server.queue_events(100);
    let (host, port) = (addr.ip().to_string(), addr.port().to_string());
    let mut command = Command::new(python);
    let mut program = Program::start(
        command.args(["-c", program, &host, &port]).env("PYTHONIOENCODING", "utf-8"),
    );

    let mut said = None;
    until(|| {
        server.pump(&mut ());
        while let Some(event) = server.next_event() {
            match event {
                Event::Message { message, .. } => said = Some(message.to_string()),
                Event::Disconnected { reason, .. } => panic!("{reason}"),
                _ => {}
            }
        }
        let mut peers = server.peers();
        let measured = peers.next().and_then(|peer| peer.round_trip()).is_some();
        measured && said.is_some()
    });
    let wanted = r#"{"text": "hello from Python", "numbers": [1, -2, 3.5, true], "action": "say"}"#;
    assert_eq!(said.as_deref(), Some(wanted));

    // Every form of MessagePack but extensions, and what the limits of each form are.
    let long = "x".repeat(300);
    let items: Vec<i64> = [0, 127, 128, 255, 256, 65_536, 1 << 40, -1, -32, -33, -129, -40_000]
        .into_iter()
        .chain([i64::MIN, i64::MAX])
        .collect();
    let all = msg!("all", items: items, long: long, short: "grüße ✓", nothing: Value::Nil,
        f: 1.5_f32, bytes: [0_u8, 255].as_slice(),
        map: Value::from(msg!("x", y: true)));
    server.broadcast(all);
    let id = server.peers().next().expect("the peer").id();
    server.kick(id, "enough");
    until(|| {
        server.pump(&mut ());
        server.is_closed() || server.peers().next().is_none()
    });
    let line = loop {
        server.pump(&mut ());
        if let Some(line) = program.try_next() {
            break line;
        }
    };
    let numbers = "[0, 127, 128, 255, 256, 65536, 1099511627776, -1, -32, -33, -129, -40000, \
        -9223372036854775808, 9223372036854775807]";
    assert!(line.starts_with(&format!("all {{'items': {numbers}, 'long': 'xxx")), "{line}");
    let rest = "'short': 'grüße ✓', 'nothing': None, 'f': 1.5, 'bytes': b'\\x00\\xff', \
        'map': {'action': 'x', 'y': True}}";
    assert!(line.ends_with(rest), "{line}");
    until(|| {
        server.pump(&mut ());
        program.try_next().is_some_and(|line| line == "the end: kicked enough")
    });
    assert_eq!(program.ends(), Some(0));
}

/// The counts or sizes that a cell lists: `1, 2, 4 bytes`.
fn sizes(text: &str) -> Vec<usize> {
    let words = text.split([',', ' ']).filter(|word| !word.is_empty());
    words.map_while(|word| word.parse().ok()).collect()
}

/// What a row says of a first byte, as bytes: a value that begins with it.
fn example(at: usize, first: u8, row: &[String]) -> Vec<u8> {
    let (value, then) = (&row[1], &row[2]);
    // How many pairs, values or bytes there are: the first byte says so, or a length behind it.
    let (mut bytes, mut count) = (vec![first], at);
    if let Some(lengths) = then.strip_prefix("a length of ") {
        let size = sizes(lengths)[at];
        count = 3;
        bytes.extend(&[0, 0, 0, 3][4 - size..]);
    } else if let Some(lengths) = value.strip_prefix("an extension of ") {
        count = sizes(lengths)[at];
    }
    let last = then.rsplit("; ").next().unwrap_or_default();
    if then.contains("a type, one byte") {
        bytes.push(7);
    }
    match last {
        "" => {}
        "the pairs" | "key, value, key, value, …" => {
            (0..count).for_each(|n| bytes.extend([n as u8, 0xc0]))
        }
        "the values" => bytes.extend(vec![0xc0; count]),
        "the bytes" => bytes.extend(vec![b'a'; count]),
        // A number's own: one size for each first byte of the row.
        numbers => bytes.extend(vec![1; sizes(numbers)[at]]),
    }
    bytes
}

/// What a row says that the value is, as [`ValueRef::kind`](hexapod::ValueRef::kind) says it.
fn kind(at: usize, value: &str) -> &'static str {
    let kinds = ["a map", "an array", "a text", "bytes", "an extension", "a float"];
    match value {
        "nil, false, true" => ["nil", "a bool", "a bool"][at],
        _ => kinds.into_iter().find(|kind| value.starts_with(kind)).unwrap_or("an integer"),
    }
}

#[test]
fn every_first_byte_is_in_the_table_and_means_what_it_says() {
    let byte = |text: &str| u8::from_str_radix(text.trim_matches('`'), 16).expect("a byte");
    let mut covered = Vec::new();
    for row in rows(&page("_08_wire.rs"), "first byte") {
        let firsts: Vec<u8> = match row[0].split_once(" … ") {
            Some((from, to)) => (byte(from)..=byte(to)).collect(),
            None => row[0].split(' ').map(byte).collect(),
        };
        for (at, first) in firsts.iter().copied().enumerate() {
            let value = example(at, first, &row);
            let payload = [b"\x82\xa6action\xa1x\xa2it", &value[..]].concat();
            let network = Network::Memory(MemoryNetwork::new());
            let (mut server, addr) = network.server::<Vec<(&str, String)>, ()>(Config::new());
            server.on("x", |ctx, msg| {
                let it = msg.field("it").expect("a field");
                ctx.state.push((it.kind(), it.to_string()));
            });
            let (mut stream, mut seen) = (network.stream(addr), Vec::new());
            stream.say(&frame(&payload));
            server.pump(&mut seen);
            let [(is, text)] = &seen[..] else { panic!("{first:02x}: {value:02x?} was not heard") };
            assert_eq!(*is, kind(at, &row[1]), "{first:02x}");
            // Small integers are the byte itself; the ends of each range are in the table.
            if let ("an integer", Some((from, to))) = (*is, row[1].split_once(" … ")) {
                let said = |text: &str| text.replace('−', "-").parse::<usize>();
                let low: i32 = from.replace('−', "-").parse().expect("a number");
                assert_eq!(text.parse(), Ok(low + at as i32));
                if at + 1 == firsts.len() {
                    assert_eq!(text, &to.replace('−', "-"), "{:?}", said(to));
                }
            }
        }
        covered.extend(firsts);
    }
    covered.sort();
    let all: Vec<u8> = (0..=255).filter(|byte| *byte != 0xc1).collect();
    assert_eq!(covered, all, "each once, and c1 is none");
}

/// A server of "dots", version "2", with a clock that stands still.
struct Dots {
    server: Server<Vec<String>>,
    network: Network,
    addr: std::net::SocketAddr,
    log: Vec<String>,
    now: Instant,
}

impl Dots {
    fn new(config: Config) -> Self {
        let network = Network::Memory(MemoryNetwork::new());
        let config = config.game("dots").version("2");
        let (mut server, addr) = network.server::<Vec<String>, ()>(config);
        server.on_any(|ctx, msg| ctx.state.push(msg.to_string()));
        server.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
        Self { server, network, addr, log: Vec::new(), now: Instant::now() }
    }

    /// What a stream hears that says these messages at once, and whether its connection has ended.
    fn hears(&mut self, stream: &mut Stream, said: &[hexapod::Outgoing]) -> (Vec<Value>, bool) {
        for message in said {
            stream.say(&frame(message.to_bytes().expect("good")));
        }
        self.server.pump_at(self.now, &mut self.log);
        let mut heard = Vec::new();
        // A connection that is cut off may be reset.
        let ended = stream.read_some(&mut heard).unwrap_or(true);
        (messages(&heard), ended)
    }
}

/// The messages in a stream's bytes.
fn messages(mut bytes: &[u8]) -> Vec<Value> {
    let network = Network::Memory(MemoryNetwork::new());
    let (mut server, addr) = network.server::<Vec<Value>, ()>(Config::new());
    server.on_any(|ctx, msg| ctx.state.push(msg.to_value()));
    let (mut stream, mut all) = (network.stream(addr), Vec::new());
    // Of a plain peer, who does not begin with a hello, all is the game's.
    stream.say(&frame(msg!("plain").to_bytes().expect("good")));
    server.pump(&mut all);
    while !bytes.is_empty() {
        bytes = &bytes[stream.write_some(bytes).expect("open")..];
        server.pump(&mut all);
    }
    all.split_off(1)
}

fn hello() -> hexapod::Outgoing {
    msg!("$hello", wire: 1, game: "dots", version: "2", max_frame: 100_000)
}

#[test]
fn a_hello_has_four_fields_and_the_game_has_to_be_the_servers() {
    for missing in ["wire", "game", "version", "max_frame", "nothing"] {
        let mut dots = Dots::new(Config::new());
        let mut stream = dots.network.stream(dots.addr);
        let mut said = hexapod::Outgoing::new("$hello");
        hello().view(|msg| {
            let fields = msg.fields().iter().filter_map(|(key, it)| Some((key.as_str()?, it)));
            for (key, it) in fields.filter(|(key, _)| ![missing, "action"].contains(key)) {
                said.field(key, &it);
            }
        });
        // What else it says is passed over, whatever it is.
        said.field("more", &[1, 2]).field("full", &"of ideas");
        let (heard, ended) = dots.hears(&mut stream, &[said]);
        let fits = missing == "nothing";
        assert_eq!(ended, !fits, "{missing}");
        // The first question comes at once, and its number is one.
        assert_eq!(heard.get(1).map(|it| it["action"].clone()), fits.then(|| "$ping".into()));
    }
    for (field, other) in [("wire", 2.into()), ("game", "lines".into()), ("version", "1".into())] {
        let mut dots = Dots::new(Config::new());
        let mut stream = dots.network.stream(dots.addr);
        let Value::Map(mut pairs) = Value::from(hello()) else { panic!("a map") };
        pairs
            .iter_mut()
            .filter(|(key, _)| key.as_str() == Some(field))
            .for_each(|it| it.1 = Value::clone(&other));
        let said = hexapod::Outgoing::from_value(&Value::Map(pairs)).expect("a message");
        let (heard, ended) = dots.hears(&mut stream, &[said]);
        assert_eq!((heard.len(), heard[1]["code"].as_str()), (2, Some("ended")), "{field}");
        assert!(ended && heard[1]["text"].as_str().is_some_and(|it| it.contains("differ")));
    }
}

#[test]
fn a_client_of_another_version_says_hello_and_closes_without_a_goodbye() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("non-blocking");
    let addr = listener.local_addr().expect("its address");
    let mut client =
        Network::Tcp.client_with::<Vec<String>>(addr, Config::new().game("dots").version("1"));
    client.on_connect_failed(|ctx, error| ctx.state.push(error.to_string()));
    let (mut log, mut far) = (Vec::new(), None);
    until(|| {
        client.pump(&mut log);
        far = far.take().or_else(|| listener.accept().ok());
        far.is_some()
    });
    let stream = far.expect("accepted").0;
    stream.set_nonblocking(true).expect("non-blocking");
    let mut stream = Stream::Tcp(stream);
    stream.say(&bytes(&blocks(&page("_08_wire.rs"), "text")[1]));
    let mut heard = Vec::new();
    until(|| {
        client.pump(&mut log);
        stream.read_some(&mut heard).expect("orderly")
    });
    let heard = messages(&heard);
    assert_eq!((heard.len(), heard[0]["action"].as_str()), (1, Some("$hello")));
    let text = format!("versions differ: here is \"dots 1\", {addr} has \"dots 2\"");
    assert_eq!(log, [text]);
}

#[test]
fn the_greeting_of_a_full_server_and_of_a_game_without_a_name() {
    let mut dots = Dots::new(Config::new().max_peers(1));
    let _there = dots.network.stream(dots.addr);
    let mut late = dots.network.stream(dots.addr);
    let (heard, ended) = dots.hears(&mut late, &[]);
    let Value::Map(pairs) = &heard[0]["hexapod"] else { panic!("{heard:?}") };
    assert_eq!((pairs.len(), &pairs[4].1), (5, &Value::Bool(true)));
    assert!(ended && pairs[4].0.as_str() == Some("full"));

    let network = Network::Memory(MemoryNetwork::new());
    let (mut server, addr) = network.server::<(), ()>(Config::new());
    let (mut stream, mut heard) = (network.stream(addr), Vec::new());
    server.pump(&mut ());
    stream.read_some(&mut heard).expect("open");
    let greeting = &messages(&heard)[0]["hexapod"];
    assert_eq!((greeting["game"].as_str(), greeting["version"].as_str()), (Some(""), Some("")));
}

#[test]
fn pings_of_any_number_are_answered_and_goodbyes_are_read_as_the_table_says() {
    let mut dots = Dots::new(Config::new());
    let mut stream = dots.network.stream(dots.addr);
    let pings = [0, 1, 300, u64::MAX].map(|n| msg!("$ping", n: n));
    let (heard, _) = dots.hears(&mut stream, &[&[hello()][..], &pings].concat());
    let pongs = heard.iter().filter(|it| it["action"].as_str() == Some("$pong"));
    let numbers: Vec<_> = pongs.map(|pong| pong["n"].clone()).collect();
    assert_eq!(numbers, [0, 1, 300, u64::MAX].map(Value::from));

    // A server's goodbyes: the codes of the table, each for its reason; of a text the beginning.
    let rows = rows(&page("_08_wire.rs"), "code");
    let long = "ä".repeat(600);
    let mut codes = Vec::new();
    for end in 0..4 {
        let mut dots = Dots::new(Config::new());
        dots.server.on("close", |ctx, _| ctx.close());
        let mut stream = dots.network.stream(dots.addr);
        dots.hears(&mut stream, &[hello()]);
        let id = dots.server.peers().next().expect("the stream").id();
        let mut said = Vec::new();
        match end {
            0 => drop(dots.server.kick(id, &long[..])),
            1 => dots.server.close(),
            2 => said.push(msg!("close")),
            _ => (0..21).for_each(|_| {
                dots.now += Duration::from_secs(1);
                dots.server.pump_at(dots.now, &mut dots.log);
            }),
        }
        let (heard, ended) = dots.hears(&mut stream, &said);
        let bye = heard.last().expect("a goodbye");
        assert!(ended && bye["action"].as_str() == Some("$bye"), "{heard:?}");
        let text = bye["text"].as_str().expect("a text");
        match end {
            0 => assert_eq!(text, "ä".repeat(500)),
            3 => assert_eq!(text, "silent for too long"),
            _ => assert_eq!(text, ""),
        }
        codes.push(format!("`{}`", bye["code"].as_str().expect("a text")));
    }
    assert_eq!(
        rows.iter().map(|row| &row[0]).collect::<Vec<_>>(),
        codes.iter().collect::<Vec<_>>()
    );

    // A client's: what only a server says, and what nobody knows, is `ended`.
    for code in ["kicked", "shutdown", "ended", "of the future", "closed"] {
        let mut dots = Dots::new(Config::new());
        let mut stream = dots.network.stream(dots.addr);
        let bye = msg!("$bye", code: code, text: "so long");
        let (heard, ended) = dots.hears(&mut stream, &[hello(), msg!("last"), bye]);
        let wanted =
            if code == "closed" { "closed by the peer" } else { "ended by the peer: so long" };
        assert_eq!(dots.log, ["{\"action\": \"last\"}", wanted]);
        // It is not answered with another one.
        assert!(ended && heard.iter().all(|it| it["action"].as_str() != Some("$bye")), "{heard:?}");
    }
}

#[test]
fn the_last_of_equal_keys_counts_and_of_equal_actions_none() {
    let mut dots = Dots::new(Config::new());
    let mut stream = dots.network.stream(dots.addr);
    stream.say(&frame(b"\x83\xa1x\x01\xa6action\xa1a\xa1x\x02"));
    stream.say(&frame(b"\x82\xa6action\xa1a\xa6action\xa1a"));
    stream.say(&frame(b"\x81\xa6action\xa1b"));
    dots.server.on("a", |ctx, msg| {
        ctx.state.push(msg.get::<u8>("x")?.to_string());
        Ok(())
    });
    let (_, ended) = dots.hears(&mut stream, &[]);
    assert!(!ended);
    assert_eq!((dots.log.len(), &dots.log[0][..], dots.server.faults().not_a_message), (3, "2", 1));
}
