//! The manual, held against the library: its tables, its bytes, its Python. Its Rust examples are
//! doc tests; the programs of its tutorial are run in `tutorial.rs`.

use std::env;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hexapod::{
    Config, ConnectError, DisconnectReason, Event, Fault, FaultCause, FrameError, Limit,
    MessageError, ProtocolError, SendError, Server, Timeout, Value, msg,
};

use crate::examples::Program;
use crate::harness::{Network, Stream, frame, on_both, until};

/// A page of the manual: its text, without the signs of a comment.
pub(crate) fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual").join(name);
    let source = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let strip = |line: &str| line.get(4..).unwrap_or_default().to_owned() + "\n";
    source.lines().take_while(|line| line.starts_with("//!")).map(strip).collect()
}

/// The blocks of code of a language on a page: what stands behind three backticks.
pub(crate) fn blocks(page: &str, language: &str) -> Vec<String> {
    let parts: Vec<_> = page.split("```").collect();
    assert!(parts.len() % 2 == 1, "a block that does not end");
    let inside = parts.iter().skip(1).step_by(2);
    inside
        .filter_map(|part| Some(part.strip_prefix(language)?.strip_prefix('\n')?.into()))
        .collect()
}

/// The rows of the tables on a page whose heads begin with a word: the texts of their cells.
fn rows(page: &str, head: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        let line = line.trim_start_matches('|').trim_end_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let (mut rows, mut inside) = (Vec::new(), false);
    for line in page.lines() {
        if !line.starts_with('|') {
            inside = false;
        } else if cells(line)[0] == head {
            inside = true;
        } else if inside && !line.starts_with("| ---") {
            rows.push(cells(line));
        }
    }
    assert!(!rows.is_empty(), "no table begins with {head}");
    rows
}

/// The names of an enum's variants, as its source has them.
fn variants(file: &str, name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    let source = fs::read_to_string(path).expect("a source");
    let start = source.find(&format!("pub enum {name} {{")).expect("the enum");
    let body = source[start..].split("\n}").next().expect("its end");
    let variant = |line: &str| {
        let name = line.strip_prefix("    ")?.split([' ', '(', '{', ',']).next()?;
        name.starts_with(char::is_uppercase).then(|| name.to_owned())
    };
    body.lines().filter_map(variant).collect()
}

/// Holds a table of values and texts against the values themselves: each variant has its row, and
/// each text is what a program would show.
#[track_caller]
fn check(rows: &[Vec<String>], variants: &[String], samples: &[(&str, String)]) {
    let names: Vec<_> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    assert_eq!(names, variants, "one row for each, in the order of the code");
    for row in rows {
        let (name, text) = (row[0].trim_matches('`'), &row[1]);
        if text.starts_with('(') {
            continue;
        }
        let sample = samples.iter().find(|(sample, _)| *sample == name);
        let (_, sample) = sample.unwrap_or_else(|| panic!("{name}: no sample"));
        let text = text.trim_end_matches('…');
        assert!(sample.starts_with(text), "{name}: the manual says {text:?}, the code {sample:?}");
        assert!(row[1].ends_with('…') || sample == text, "{name}: {sample:?}");
    }
}

#[test]
fn every_reason_for_an_end_is_there_with_its_words() {
    let page = page("_5_ends.rs");
    let all = rows(&page, "value");
    let count = |file, name| variants(file, name).len();
    let reasons = count("reason.rs", "DisconnectReason");
    let (ends, rest) = all.split_at(reasons);
    let (failures, sends) = rest.split_at(count("reason.rs", "ConnectError"));

    let ours = || "dots 2".to_owned();
    let theirs = || "dots 1".to_owned();
    let samples = [
        ("Closed", DisconnectReason::Closed),
        ("CutOff", DisconnectReason::CutOff { bytes: 3 }),
        ("LocalClose", DisconnectReason::LocalClose),
        ("Kicked", DisconnectReason::Kicked("bye".into())),
        ("Shutdown", DisconnectReason::Shutdown),
        ("VersionMismatch", DisconnectReason::VersionMismatch { ours: ours(), theirs: theirs() }),
        ("EndedByPeer", DisconnectReason::EndedByPeer("silent for too long".into())),
        ("SlowConsumer", DisconnectReason::SlowConsumer { queued: 5_000_000, max: 4 << 20 }),
        ("Protocol", DisconnectReason::Protocol(ProtocolError::Frame(FrameError::Empty))),
        ("Timeout", DisconnectReason::Timeout(Timeout::Idle)),
        ("Io", DisconnectReason::Io(std::io::ErrorKind::ConnectionReset)),
    ]
    .map(|(name, reason)| (name, reason.to_string()));
    check(ends, &variants("reason.rs", "DisconnectReason"), &samples);
    for timeout in [Timeout::Frame, Timeout::Handshake] {
        let text = DisconnectReason::Timeout(timeout).to_string();
        assert!(page.contains(&format!("`{timeout:?}`, \"{text}\"")), "{text}");
    }

    let target = || "127.0.0.1:5071".to_owned();
    let far = || "10.0.0.1:5071".to_owned();
    let handshake = DisconnectReason::Timeout(Timeout::Handshake);
    let unreachable = std::io::ErrorKind::NetworkUnreachable;
    let samples = [
        ("BadTarget", ConnectError::BadTarget { target: "nonsense".into() }),
        (
            "NotFound",
            ConnectError::NotFound {
                target: "nowhere.example:5071".into(),
                cause: "Name or service not known".into(),
            },
        ),
        ("Refused", ConnectError::Refused { target: target() }),
        ("TimedOut", ConnectError::TimedOut { target: far(), after: Duration::from_secs(10) }),
        (
            "Io",
            ConnectError::Io {
                target: far(),
                kind: unreachable,
                cause: "Network is unreachable".into(),
            },
        ),
        ("NotAServer", ConnectError::NotAServer { target: target(), reason: handshake }),
        ("ServerFull", ConnectError::ServerFull { target: target() }),
        (
            "VersionMismatch",
            ConnectError::VersionMismatch { target: target(), ours: ours(), theirs: theirs() },
        ),
        ("Cancelled", ConnectError::Cancelled),
    ]
    .map(|(name, error)| (name, error.to_string()));
    check(failures, &variants("reason.rs", "ConnectError"), &samples);

    let samples = [
        ("NotConnected", SendError::NotConnected),
        ("Full", SendError::Full { queued: 5_000_000, max: 4 << 20 }),
        ("Busy", SendError::Busy { max: 1024 }),
        ("TooLong", SendError::TooLong { len: 2_000_000, max: 1 << 20 }),
        ("TooDeep", SendError::TooDeep { depth: 40, max: 32 }),
        ("TooManyElements", SendError::TooManyElements { elements: 70_000, max: 65_536 }),
        ("Reserved", SendError::Reserved),
        ("NotSerializable", SendError::NotSerializable { cause: "a map has text keys".into() }),
    ]
    .map(|(name, error)| (name, error.to_string()));
    check(sends, &variants("error.rs", "SendError"), &samples);
}

#[test]
fn every_fault_is_there_with_its_words() {
    // A peer's id cannot be made up: here is #3.
    let mut server = Server::<()>::with_config(Config::new());
    let network = hexapod::MemoryNetwork::new();
    let addr = SocketAddr::from(([10, 0, 0, 1], 5071));
    server.listen_memory(&network, addr, hexapod::Dialect::REPOD).expect("free");
    let streams = [(); 3].map(|()| network.connect(addr).expect("the server listens"));
    server.pump(&mut ());
    let peer = server.peers().nth(2).map(|peer| peer.id());
    drop(streams);

    let stranger = SocketAddr::from(([10, 0, 0, 9], 4000));
    let causes = [
        ("Handler", FaultCause::Handler("it failed".into())),
        ("Send", FaultCause::Send(SendError::NotConnected)),
        ("NotAMessage", FaultCause::NotAMessage(MessageError::NoAction)),
        ("Undelivered", FaultCause::Undelivered { bytes: 5 }),
        ("Refused", FaultCause::Refused { addr: stranger, limit: Limit::Peers }),
        ("Listener", FaultCause::Listener(std::io::Error::other("Too many open files"))),
        ("More", FaultCause::More { faults: 7 }),
    ];
    let samples = causes.map(|(name, cause)| {
        let has_action = matches!(cause, FaultCause::Handler(_) | FaultCause::Send(_));
        let action = has_action.then(|| "move".to_owned());
        (name, Fault { peer, action, cause }.to_string())
    });
    let rows = rows(&page("_5_ends.rs"), "cause");
    check(&rows, &variants("error.rs", "FaultCause"), &samples);
}

/// A limit as people write it, as the code shows it.
fn figure(text: &str) -> String {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let number: u64 = number.replace(',', "").parse().unwrap_or_else(|_| panic!("{text}"));
    match unit {
        "KiB" => (number << 10).to_string(),
        "MiB" => (number << 20).to_string(),
        "s" => format!("{:?}", Duration::from_secs(number)),
        "h" => format!("{:?}", Duration::from_secs(3600 * number)),
        _ => number.to_string(),
    }
}

#[test]
fn every_limit_is_there_with_its_default() {
    let config = format!("{:#?}", Config::new());
    let mut fields: Vec<_> = config
        .lines()
        .filter_map(|line| line.trim().trim_end_matches(',').split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert!(fields.len() > 15, "{config}");
    fields.retain(|(name, _)| !["game", "version", "quiet"].contains(&&name[..]));

    let page = page("_6_limits.rs");
    let table: Vec<_> = rows(&page, "field")
        .iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), figure(&row[1])))
        .collect();
    assert_eq!(table, fields);
    for name in ["game", "version", "quiet"] {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }

    // The README's table has two columns of them, and some words more.
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).expect("the README");
    let mut table = Vec::new();
    for row in rows(&readme, "limit") {
        for (names, value) in [(&row[0], &row[1]), (&row[3], &row[4])] {
            let value = value.trim_start_matches("every ").split(" per ").next().expect("a value");
            let value = value.split(" of ").next().expect("a value").trim_end_matches(" each");
            let names = names.split(", ").map(|name| name.trim_matches('`').to_owned());
            table.extend(names.map(|name| (name, figure(value))));
        }
    }
    table.sort();
    fields.sort();
    assert_eq!(table, fields);
}

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
    let blocks = blocks(&page("_8_wire.rs"), "text");
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
    let blocks = blocks(&page("_8_wire.rs"), "python");
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
