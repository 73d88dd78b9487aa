//! Limits: each field of `Config` has its row, with its default, and is passed where the row says.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use hexapod::{
    Config, ConnectError, DisconnectReason, FaultCause, MemoryNetwork, SendError, Server, Timeout,
    Value, msg,
};

use super::{page, rows};
use crate::harness::{Network, Stream, frame, until};

/// A limit as people write it, as the code shows it.
pub(super) fn figure(text: &str) -> String {
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

/// The fields that are limits, with their defaults.
pub(super) fn limits() -> Vec<(String, String)> {
    let config = format!("{:#?}", Config::new());
    let mut fields: Vec<_> = config
        .lines()
        .filter_map(|line| line.trim().trim_end_matches(',').split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert!(fields.len() > 15, "{config}");
    fields.retain(|(name, _)| !["game", "version", "dialect", "quiet"].contains(&&name[..]));
    fields
}

#[test]
fn every_limit_is_there_with_its_default() {
    let mut fields = limits();
    let page = page("_06_limits.rs");
    let table: Vec<_> = rows(&page, "field")
        .iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), figure(&row[1])))
        .collect();
    assert_eq!(table, fields);
    for name in ["game", "version", "dialect", "quiet"] {
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

/// What a limit has come to: words of the column "where it is passed".
type Seen = Vec<&'static str>;

fn end(reason: &DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::Protocol(_) => "Protocol",
        DisconnectReason::SlowConsumer { .. } => "SlowConsumer",
        DisconnectReason::Timeout(Timeout::Frame) => "Timeout(Frame)",
        DisconnectReason::Timeout(Timeout::Idle) => "Timeout(Idle)",
        other => panic!("{other}"),
    }
}

fn failure(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::ServerFull { .. } => "ServerFull",
        ConnectError::TimedOut { .. } => "TimedOut",
        ConnectError::NotAServer { .. } => "NotAServer",
        other => panic!("{other}"),
    }
}

/// A server in memory that writes down what limits come to, and a clock of its own.
struct Scene {
    network: Network,
    addr: SocketAddr,
    server: Server<(Seen, u64)>,
    seen: (Seen, u64),
    now: Instant,
}

impl Scene {
    fn new(config: Config) -> Self {
        let network = Network::Memory(MemoryNetwork::new());
        let (mut server, addr) = network.server::<(Seen, u64), ()>(config);
        server.on_any(|ctx, _| ctx.state.1 += 1);
        server.on_disconnect(|ctx, reason| ctx.state.0.push(end(reason)));
        server.on_error(|seen, fault| {
            seen.0.push(match fault.cause {
                FaultCause::Refused { .. } => "Refused",
                FaultCause::Undelivered { .. } => "Undelivered",
                _ => panic!("{fault}"),
            });
        });
        Self { network, addr, server, seen: (Seen::new(), 0), now: Instant::now() }
    }

    fn pump(&mut self) {
        self.server.pump_at(self.now, &mut self.seen);
    }

    /// A bare stream that is up.
    fn stream(&mut self) -> Stream {
        let stream = self.network.stream(self.addr);
        self.pump();
        stream
    }

    /// What becomes of a peer that says these bytes.
    fn hears(mut self, bytes: &[u8]) -> Seen {
        let mut stream = self.stream();
        stream.say(bytes);
        self.pump();
        self.seen.0
    }

    /// What becomes of it after so long, with a pump each second; not before.
    fn after(mut self, limit: Duration) -> Seen {
        let second = Duration::from_secs(1);
        let mut waited = Duration::ZERO;
        while waited < limit {
            assert!(self.seen.0.is_empty(), "{waited:?} {:?}", self.seen);
            (self.now, waited) = (self.now + second, waited + second);
            self.pump();
        }
        self.now += second;
        self.pump();
        self.seen.0
    }
}

fn said(message: &hexapod::Outgoing) -> Vec<u8> {
    frame(message.to_bytes().expect("good"))
}

/// What a client that comes to a server is told instead of being let in.
fn turned_away(config: Config) -> Seen {
    let mut scene = Scene::new(config);
    let _there = scene.stream();
    let mut client = scene.network.client::<Seen>(scene.addr);
    client.on_connect_failed(|ctx, error| ctx.state.push(failure(error)));
    let mut seen = Seen::new();
    for _ in 0..3 {
        client.pump_at(scene.now, &mut seen);
        scene.pump();
    }
    [seen, scene.seen.0].concat()
}

/// Something that is no server listens, on real sockets; what a client makes of it.
fn no_server(config: Config) -> Seen {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut client =
        Network::Tcp.client_with::<Seen>(listener.local_addr().expect("its address"), config);
    client.on_connect_failed(|ctx, error| ctx.state.push(failure(error)));
    let mut seen = Seen::new();
    until(|| {
        client.pump(&mut seen);
        !seen.is_empty()
    });
    seen
}

/// Messages of one peer, of this many bytes with their frames, each said when the one before is
/// being handled: how many are handled in the first pump, of three.
fn in_one_pump(config: Config, len: usize) -> u64 {
    let mut scene = Scene::new(config);
    let mut stream = scene.stream();
    let message = said(&msg!("x", bytes: vec![7_u8; len - 23]));
    assert_eq!(message.len(), len);
    stream.say(&message);
    let mut more = 2;
    scene.server.on("x", move |_, _| {
        if more > 0 {
            stream.say(&message);
            more -= 1;
        }
    });
    scene.pump();
    let first = scene.seen.1;
    for _ in 0..3 {
        scene.pump();
    }
    assert_eq!(scene.seen.1, 3, "the rest comes then");
    first
}

#[test]
fn every_limit_is_passed_where_its_row_says() {
    let second = Duration::from_secs(1);
    let new = Config::new;
    let hello = said(&msg!("$hello", wire: 1, game: "", version: "", max_frame: 1000));
    let begun = [0, 0, 0, 9, 0x81];
    let passed = |field: &str| match field {
        // Its header is enough: nothing of the payload has come.
        "max_frame_len" => Scene::new(new().max_frame_len(10)).hears(&[0, 0, 0, 11]),
        "max_depth" => {
            let deep = msg!("x", it: Value::Array(vec![Value::Array(vec![])]));
            Scene::new(new().max_depth(2)).hears(&said(&deep))
        }
        "max_elements" => Scene::new(new().max_elements(4)).hears(&said(&msg!("x", it: [1]))),
        "max_peers" => turned_away(new().max_peers(1)),
        "max_peers_per_address" => turned_away(new().max_peers_per_address(1)),
        "max_outbound" => {
            let mut scene = Scene::new(new().max_frame_len(1000).max_outbound(1000));
            let _deaf = scene.stream();
            let id = scene.server.peers().next().expect("the stream").id();
            let much = || msg!("x", bytes: vec![7_u8; 900]);
            while scene.server.try_send_to(id, much()).is_ok() {}
            let full = scene.server.try_send_to(id, much());
            assert!(matches!(full, Err(SendError::Full { .. })), "{full:?}");
            scene.server.send_to(id, much());
            scene.pump();
            [scene.seen.0, vec!["SendError::Full"]].concat()
        }
        "max_letters" => {
            let mut scene = Scene::new(new().max_letters(1));
            let sender = scene.server.sender();
            assert_eq!(sender.send(msg!("x")), Ok(()));
            assert_eq!(sender.send(msg!("x")), Err(SendError::Busy { max: 1 }));
            vec!["SendError::Busy"]
        }
        // What one read can take is read in any case.
        "messages_per_pump" | "bytes_per_pump" => {
            let few = match field {
                "messages_per_pump" => new().messages_per_pump(2),
                _ => new().bytes_per_pump(100_000),
            };
            assert_eq!([few, new()].map(|config| in_one_pump(config, 64 << 10)), [2, 3]);
            vec!["waits for the next pump"]
        }
        "accepts_per_pump" => {
            let mut scene = Scene::new(new().accepts_per_pump(2));
            let _streams = [(); 3].map(|()| scene.network.stream(scene.addr));
            scene.pump();
            assert_eq!(scene.server.peers().count(), 2);
            scene.pump();
            assert_eq!(scene.server.peers().count(), 3);
            vec!["waits for the next pump"]
        }
        // No time at all is too short for any connection.
        "connect_timeout" => no_server(new().connect_timeout(Duration::ZERO)),
        "handshake_timeout" => no_server(new().handshake_timeout(second / 50)),
        "frame_timeout" => {
            let mut scene = Scene::new(new().frame_timeout(3 * second));
            let mut stream = scene.stream();
            stream.say(&begun);
            scene.pump();
            scene.after(3 * second)
        }
        "heartbeat" => vec![],
        "idle_timeout" => {
            let mut scene = Scene::new(new().idle_timeout(7 * second));
            let mut stream = scene.stream();
            stream.say(&hello);
            scene.pump();
            scene.after(7 * second)
        }
        "plain_idle_timeout" => {
            let mut scene = Scene::new(new().plain_idle_timeout(7 * second));
            let _stream = scene.stream();
            scene.after(7 * second)
        }
        "flush_timeout" => {
            let mut scene = Scene::new(new().flush_timeout(3 * second));
            scene.server.on_disconnect(|_, _| {});
            let _deaf = scene.stream();
            scene.server.broadcast(msg!("x", bytes: vec![7_u8; 300_000]));
            scene.server.close();
            scene.pump();
            scene.after(3 * second)
        }
        other => panic!("{other}: no test"),
    };
    let mut before = String::new();
    for row in rows(&page("_06_limits.rs"), "field") {
        let field = row[0].trim_matches('`');
        // "The same" is said of the row before.
        let said = if row[3] == "the same" { before } else { row[3].clone() };
        let words = match said.contains('`') {
            true => said.split('`').skip(1).step_by(2).map(str::to_owned).collect(),
            false => vec![said.clone()],
        };
        let seen = passed(field);
        assert_eq!(
            words.iter().filter(|word| !word.is_empty()).collect::<Vec<_>>(),
            seen,
            "{field}"
        );
        before = said;
    }
}
