//! One server, and peers of many dialects in one table.
//!
//! ```text
//! repod  ──┐                       what one says, all hear, each in its own dialect;
//! podsixnet ──┤  server, one table    what one dialect cannot say, the others hear
//! json   ──┤
//! bencode ──┘  (see bencode.rs)
//! ```

use std::io::Read;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use hexapod::{
    Client, Codec, CodecError, Config, DecodeError, Dialect, DisconnectReason, EncodeError,
    Encoder, FaultCause, FrameError, IntoValue, Limits, MemoryNetwork, MessageError, Outgoing,
    ProtocolError, SendError, Server, Timestamp, Value, ValueRef, msg,
};
use serde_json::Value as Json;

use crate::bencode::Bencode;
use crate::harness::{Network, Stream, on_both, until};
use crate::wire;

const TERMINATOR: &[u8] = b"\0---\0";

/// Everything there is to listen in, one from outside included.
fn dialects() -> Vec<Dialect> {
    vec![
        Dialect::REPOD,
        Dialect::PODSIXNET,
        #[cfg(feature = "json")]
        Dialect::JSON,
        Dialect::length_prefixed("bencode", &Bencode),
        Dialect::terminated("bencode with a mark", &Bencode),
    ]
}

#[derive(Default)]
struct World {
    heard: Vec<Value>,
    faults: Vec<String>,
    not_messages: Vec<MessageError>,
    left: Vec<DisconnectReason>,
}

fn server(
    network: &Network,
    config: Config,
    dialects: &[Dialect],
) -> (Server<World>, Vec<SocketAddr>) {
    let mut server: Server<World> = Server::with_config(config.quiet(true));
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listen = |dialect: &Dialect| match network {
        Network::Tcp => server.listen(any, *dialect).expect("a free port"),
        Network::Memory(network) => {
            server.listen_memory(network, any, *dialect).expect("a free port")
        }
    };
    let addrs = dialects.iter().map(listen).collect();
    server.on_any(|ctx, msg| ctx.state.heard.push(msg.to_value()));
    server.on_error(|world: &mut World, fault| {
        world.faults.push(fault.to_string());
        if let FaultCause::NotAMessage(error) = &fault.cause {
            world.not_messages.push(*error);
        }
    });
    server.on_disconnect(|ctx, reason| ctx.state.left.push(reason.clone()));
    (server, addrs)
}

#[derive(Debug, Default)]
struct Heard {
    said: Vec<String>,
    up: bool,
    left: Option<DisconnectReason>,
}

fn client(network: &Network, addr: SocketAddr, dialect: Dialect) -> (Client<Heard>, Heard) {
    let config = Config::new().dialect(dialect).heartbeat(Duration::from_millis(20));
    let mut client = network.client_with::<Heard>(addr, config);
    client.on_connect(|ctx| ctx.state.up = true);
    client.on_any(|ctx, msg| ctx.state.said.push(msg.to_string()));
    client.on_disconnect(|ctx, reason| ctx.state.left = Some(reason.clone()));
    (client, Heard::default())
}

#[test]
fn peers_of_all_dialects_hear_each_other_and_are_hexapods() {
    on_both(|network| {
        let dialects = dialects();
        let (mut server, addrs) = server(&network, Config::new(), &dialects);
        server.on("say", |ctx, msg| {
            ctx.broadcast(msg!("said", who: ctx.dialect().name(), what: msg.field("what")));
        });
        let mut world = World::default();
        let clients = addrs.iter().zip(&dialects);
        let mut clients: Vec<_> =
            clients.map(|(addr, dialect)| client(&network, *addr, *dialect)).collect();
        let mut pump = |server: &mut Server<World>, clients: &mut [(Client<Heard>, Heard)]| {
            server.pump(&mut world);
            for (client, heard) in clients {
                client.pump(heard);
            }
            assert_eq!(world.faults, [""; 0]);
        };
        until(|| {
            pump(&mut server, &mut clients);
            let measured = |(client, heard): &(Client<Heard>, _)| {
                let heard: &Heard = heard;
                heard.up && client.round_trip().is_some()
            };
            clients.iter().all(measured)
                && server.peers().all(|peer| !peer.is_plain() && peer.round_trip().is_some())
        });
        let mut speaks: Vec<_> = server.peers().map(|peer| peer.dialect().name()).collect();
        speaks.sort_unstable();
        let mut names: Vec<_> = dialects.iter().map(|dialect| dialect.name()).collect();
        names.sort_unstable();
        assert_eq!(speaks, names);

        for (client, _) in &mut clients {
            client.send(msg!("say", what: ("hi", [1, -2], 1_u64 << 60)));
        }
        let count = clients.len();
        until(|| {
            pump(&mut server, &mut clients);
            clients.iter().all(|(_, heard)| heard.said.len() == count)
        });
        for (_, heard) in &mut clients {
            heard.said.sort_unstable();
            let line = |name| {
                format!(
                    "{{\"action\": \"said\", \"who\": \"{name}\", \
                     \"what\": [\"hi\", [1, -2], 1152921504606846976]}}"
                )
            };
            let mut lines: Vec<_> = names.iter().map(line).collect();
            lines.sort_unstable();
            assert_eq!(heard.said, lines);
        }

        // A kick arrives with its reason, whatever it is said in.
        for peer in server.peers().map(|peer| peer.id()).collect::<Vec<_>>() {
            server.kick(peer, "that will do");
        }
        until(|| {
            pump(&mut server, &mut clients);
            clients.iter().all(|(_, heard)| heard.left.is_some())
        });
        for (_, heard) in clients {
            assert_eq!(heard.left, Some(DisconnectReason::Kicked("that will do".to_owned())));
        }
    });
}

/// A codec that counts how often it writes; otherwise it is bencode.
#[derive(Debug)]
struct Counting(AtomicUsize);

impl Codec for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn decode(&self, payload: &[u8], limits: Limits, out: &mut Encoder) -> Result<(), CodecError> {
        Bencode.decode(payload, limits, out)
    }

    fn encode(&self, message: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.0.fetch_add(1, Relaxed);
        Bencode.encode(message, out)
    }
}

#[test]
fn a_broadcast_is_written_once_per_dialect_that_is_spoken() {
    static SPOKEN: Counting = Counting(AtomicUsize::new(0));
    static SILENT: Counting = Counting(AtomicUsize::new(0));
    let network = MemoryNetwork::new();
    let dialects = [Dialect::terminated("spoken", &SPOKEN), Dialect::terminated("silent", &SILENT)];
    let (mut server, addrs) = server(&Network::Memory(network.clone()), Config::new(), &dialects);
    let mut streams: Vec<_> = (0..20).map(|_| network.connect(addrs[0]).expect("open")).collect();
    let mut world = World::default();
    server.pump(&mut world);
    assert_eq!(SPOKEN.0.swap(0, Relaxed), 20, "the greetings");
    server.broadcast(msg!("all"));
    let ids: Vec<_> = server.peers().map(|peer| peer.id()).collect();
    server.broadcast_except(ids[0], msg!("others"));
    server.send_each(ids.iter().copied(), msg!("each"));
    assert_eq!((SPOKEN.0.load(Relaxed), SILENT.0.load(Relaxed)), (3, 0));
    // What a dialect cannot say is told once, and only where somebody speaks it.
    server.broadcast(msg!("x", v: 1.5));
    server.pump(&mut world);
    assert_eq!(world.faults, ["did not send \"x\": counting has no place for a float"]);
    let mut heard = Vec::new();
    for (at, stream) in streams.iter_mut().enumerate() {
        heard.clear();
        let _ = stream.read_to_end(&mut heard);
        let said = heard.windows(5).filter(|part| *part == TERMINATOR).count();
        assert_eq!(said, if at == 0 { 3 } else { 4 });
    }
}

/// However those who speak them take turns in the list.
#[test]
fn what_is_sent_to_each_is_written_once_per_dialect_that_is_spoken() {
    static ONE: Counting = Counting(AtomicUsize::new(0));
    static OTHER: Counting = Counting(AtomicUsize::new(0));
    let network = MemoryNetwork::new();
    let dialects = [
        Dialect::REPOD,
        Dialect::terminated("one", &ONE),
        Dialect::terminated("other", &OTHER),
        Dialect::length_prefixed("one, with lengths", &ONE),
    ];
    let (mut server, addrs) = server(&Network::Memory(network.clone()), Config::new(), &dialects);
    let mut world = World::default();
    let (mut streams, mut now) = (Vec::new(), Instant::now());
    for _ in 0..5 {
        for addr in &addrs {
            streams.push(network.connect(*addr).expect("open"));
            now += Duration::from_secs(1);
            server.pump_at(now, &mut world);
        }
    }
    let ids: Vec<_> = server.peers().map(|peer| peer.id()).collect();
    let written = || (ONE.0.swap(0, Relaxed), OTHER.0.swap(0, Relaxed));
    assert_eq!((ids.len(), written()), (20, (10, 5)), "the greetings");
    server.send_each(ids.iter().copied(), msg!("each", text: "hello"));
    assert_eq!(written(), (2, 1));
    server.pump_at(now, &mut world);
    for (at, stream) in streams.iter_mut().enumerate() {
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard);
        let said: &[u8] = match at % 4 {
            0 => b"\x82\xa6action\xa4each\xa4text\xa5hello",
            _ => b"d6:action4:each4:text5:helloe",
        };
        let times = heard.windows(said.len()).filter(|part| *part == said).count();
        assert_eq!(times, 1, "{at}: {}", heard.escape_ascii());
    }

    // Who cannot be told is named, each in turn, and it was tried once.
    server.send_each(ids[..8].iter().copied(), msg!("x", v: 1.5));
    assert_eq!(written(), (2, 1));
    server.pump_at(now, &mut world);
    let why = "counting has no place for a float";
    let of = |n| format!("did not send \"x\" to #{n}: {why}");
    assert_eq!(world.faults, [2, 3, 4, 6, 7, 8].map(of));
}

#[test]
fn what_one_dialect_cannot_say_the_others_hear() {
    on_both(|network| {
        let dialects = dialects();
        let (mut server, addrs) = server(&network, Config::new(), &dialects);
        let mut world = World::default();
        let clients = addrs.iter().zip(&dialects);
        let mut clients: Vec<_> =
            clients.map(|(addr, dialect)| client(&network, *addr, *dialect)).collect();
        let mut pump = |server: &mut Server<World>, clients: &mut [(Client<Heard>, Heard)]| {
            server.pump(&mut world);
            for (client, heard) in clients {
                client.pump(heard);
            }
            std::mem::take(&mut world.faults)
        };
        until(|| {
            pump(&mut server, &mut clients);
            clients.iter().all(|(_, heard)| heard.up)
        });
        let mut faults = Vec::new();
        let time = Timestamp { seconds: 5, nanoseconds: 0 };
        let messages = [
            (msg!("time", v: time), &["repod"][..]),
            (msg!("float", v: 1e300), &["repod", "json"]),
            (msg!("bytes", v: b"\xff\0"), &["repod", "bencode", "bencode with a mark"]),
            (
                msg!("text as bytes", v: b"a\0"),
                &["repod", "podsixnet", "bencode", "bencode with a mark"],
            ),
            (msg!("mark", v: "\0---\0"), &["repod", "json", "bencode"]),
            (msg!("nan", v: f64::NAN), &["repod", "podsixnet"]),
            (msg!("end"), &["repod", "podsixnet", "json", "bencode", "bencode with a mark"]),
        ];
        for (message, _) in &messages {
            server.broadcast(message.clone());
        }
        until(|| {
            faults.extend(pump(&mut server, &mut clients));
            let end = |heard: &Heard| heard.said.last().is_some_and(|said| said.contains("end"));
            clients.iter().all(|(_, heard)| end(heard))
        });
        let mut missing = 0;
        for ((_, heard), dialect) in clients.iter().zip(&dialects) {
            for (message, hear) in &messages {
                let action = format!("{:?}", message.action());
                let has = heard.said.iter().any(|said| said.contains(&action));
                assert_eq!(has, hear.contains(&dialect.name()), "{action} in {}", dialect.name());
                missing += usize::from(!has);
            }
            assert_eq!(heard.left, None);
        }
        assert_eq!((faults.len(), server.faults().send), (missing, missing as u64), "{faults:#?}");
        let wanted = "did not send \"mark\": rencode has no place for a text that holds \\0---\\0";
        assert!(faults.iter().any(|fault| fault == wanted), "{faults:#?}");
        let wanted = "did not send \"mark\": the message holds the bytes \\0---\\0, which end a \
                      frame of bencode with a mark";
        assert!(faults.iter().any(|fault| fault == wanted), "{faults:#?}");
        // Tried for one peer, it is an answer and no fault.
        let peer =
            server.peers().find(|peer| peer.dialect() == Dialect::PODSIXNET).map(|it| it.id());
        let outcome = server.try_send_to(peer.expect("one"), msg!("time", v: time));
        let expected = SendError::NotExpressible { codec: "rencode", what: "a timestamp" };
        assert_eq!(outcome, Err(expected));
    });
}

/// A server in one dialect and in repod's, with a bare stream to the first and a witness.
struct Scene {
    network: Network,
    server: Server<World>,
    world: World,
    addr: SocketAddr,
    stream: Stream,
    witness: (Client<Heard>, Heard),
    read: Vec<u8>,
    /// A clock that stands still: each pump looks at everything.
    now: Instant,
}

impl Scene {
    fn new(network: Network, dialect: Dialect) -> Self {
        let config = Config::new().max_elements(100_000);
        let (server, addrs) = server(&network, config, &[dialect, Dialect::REPOD]);
        let witness = client(&network, addrs[1], Dialect::REPOD);
        let stream = network.stream(addrs[0]);
        let (world, read, now) = (World::default(), Vec::new(), Instant::now());
        let addr = addrs[0];
        let mut scene = Self { network, server, world, addr, stream, witness, read, now };
        scene.until(|scene| scene.witness.1.up && !scene.read.is_empty());
        scene.read.clear();
        scene
    }

    fn pump(&mut self) {
        self.server.pump_at(self.now, &mut self.world);
        self.witness.0.pump(&mut self.witness.1);
        let _ = self.stream.read_some(&mut self.read);
        assert_eq!(self.witness.1.left, None, "what others do is nothing to the witness");
    }

    fn until(&mut self, done: impl Fn(&Self) -> bool) {
        until(|| {
            self.pump();
            done(self)
        });
    }

    fn say(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let written = self.stream.write_some(bytes).expect("an open stream");
            bytes = &bytes[written..];
            self.pump();
        }
    }

    /// What the server says in answer to a message handed to this peer.
    fn sent(&mut self, message: Outgoing, end: &[u8]) -> Result<Vec<u8>, SendError> {
        let speaks = |peer: &hexapod::Peer<'_, ()>| peer.dialect() != Dialect::REPOD;
        let peer = self.server.peers().find(speaks).expect("the stream's peer").id();
        self.server.try_send_to(peer, message)?;
        let end = end.to_owned();
        self.until(|scene| scene.read.ends_with(&end));
        Ok(std::mem::take(&mut self.read))
    }

    /// The one thing that has come of what was said.
    fn outcome(&mut self) -> Outcome {
        self.until(|scene| {
            let World { heard, not_messages, left, .. } = &scene.world;
            heard.len() + not_messages.len() + left.len() > 0
        });
        let World { mut heard, mut not_messages, mut left, .. } = std::mem::take(&mut self.world);
        assert_eq!(heard.len() + not_messages.len() + left.len(), 1);
        match (heard.pop(), not_messages.pop(), left.pop()) {
            (Some(value), None, None) => Outcome::Heard(value),
            (None, Some(error), None) => Outcome::NotAMessage(error),
            (None, None, Some(reason)) => {
                self.stream = self.network.stream(self.addr);
                self.read.clear();
                self.until(|scene| !scene.read.is_empty());
                self.read.clear();
                Outcome::Left(reason)
            }
            other => panic!("{other:?}"),
        }
    }
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Heard(Value),
    NotAMessage(MessageError),
    Left(DisconnectReason),
}

fn broken(codec: &'static str, what: &'static str, at: usize) -> Outcome {
    let error = ProtocolError::Codec { codec, what, at };
    Outcome::Left(DisconnectReason::Protocol(error))
}

fn no_frame(error: FrameError) -> Outcome {
    Outcome::Left(DisconnectReason::Protocol(ProtocolError::Frame(error)))
}

// --- The golden frames of PodSixNet ------------------------------------------------------------

/// Where hexapod deliberately differs from what PodSixNet reads.
///
/// | vectors | PodSixNet | hexapod | why |
/// | --- | --- | --- | --- |
/// | ints beyond 64 bits | reads them | leaves the message out | MessagePack has none |
/// | `c_tuple_key` | reads it | leaves the message out | MessagePack's maps have none |
/// | `r_bad_utf8` | ends the connection | bytes | bytes are a good value |
/// | lists in lists | as deep as its stack | 32 levels, at most 128 | stacks end |
/// | group `terminator` | cuts the frame | reads what was meant | the value tells its end |
const LEFT_OUT: [(&str, MessageError); 9] = [
    ("int_neg_2p63_minus1", BEYOND),
    ("int_63_digits", BEYOND),
    ("int_neg_62_digits", BEYOND),
    ("c_tuple_key", MessageError::Untranslatable { codec: "rencode", what: "a tuple as a key" }),
    ("top_none_payload_not_dict", MessageError::NotAMap { found: "nil" }),
    ("top_int", MessageError::NotAMap { found: "an integer" }),
    ("top_list", MessageError::NotAMap { found: "an array" }),
    ("top_no_action", MessageError::NoAction),
    ("top_action_not_str", MessageError::ActionNotText { found: "an integer" }),
];
const BEYOND: MessageError =
    MessageError::Untranslatable { codec: "rencode", what: "an integer beyond 64 bits" };

/// What each frame is refused for that PodSixNet refuses too.
fn rejected(name: &str) -> Outcome {
    let not_terminated = |at| no_frame(FrameError::NotTerminated { at, looks_like: None });
    let endless = |what, at| no_frame(FrameError::Endless { what, at });
    match name {
        "r_empty_payload" => not_terminated(1),
        "r_trailing_byte" => not_terminated(10),
        "r_truncated_dict" => endless("an undefined code", 11),
        "r_truncated_str" => not_terminated(14),
        "r_undefined_code_2d" => endless("an undefined code", 8),
        "r_list_open_no_end" => endless("an undefined code", 4),
        "r_int4_truncated" => not_terminated(17),
        "r_intdec_no_end" => endless("a broken int of digits", 12),
        "r_intdec_empty" => broken("rencode", "a broken int of digits", 12),
        "r_intdec_letters" => endless("a broken int of digits", 12),
        "r_str_no_colon" => endless("a broken length of a text", 12),
        "r_dict_key" => broken("rencode", "a list or dict as a key", 1),
        "r_deep_2000" => broken("rencode", "lists, tuples and dicts inside of too many others", 32),
        other => panic!("{other} is in no table"),
    }
}

struct Vector {
    name: String,
    direction: String,
    group: String,
    json: Json,
    frame: Vec<u8>,
}

fn vectors() -> Vec<Vector> {
    let file: Json = serde_json::from_str(include_str!("../data/rencode.json")).expect("JSON");
    assert_eq!((&file["codec"], &file["format"]), (&"rencode".into(), &1.into()));
    let read = |json: &Json| {
        let text = |key: &str| json[key].as_str().expect("a text").to_owned();
        let frame = match (&json["hex"], &json["hex_parts"]) {
            (Json::String(hex), _) => wire::bytes(hex),
            (_, Json::Array(parts)) => {
                let part = |part: &Json| {
                    let hex = wire::bytes(part[0].as_str().expect("hex"));
                    hex.repeat(part[1].as_u64().expect("a count") as usize)
                };
                parts.iter().flat_map(part).collect()
            }
            _ => Vec::new(),
        };
        assert_eq!(frame.len() as u64, json["len"].as_u64().unwrap_or_default());
        let (name, direction, group) = (text("name"), text("direction"), text("group"));
        Vector { name, direction, group, json: json.clone(), frame }
    };
    file["vectors"].as_array().expect("vectors").iter().map(read).collect()
}

/// A value of the file with its tuples, which the tree does not know.
struct Tagged<'j>(&'j Json);

impl IntoValue for Tagged<'_> {
    fn encode(&self, out: &mut Encoder) {
        let items = |json: &Json, out: &mut Encoder| {
            json.as_array().expect("a list").iter().for_each(|item| out.value(&Tagged(item)));
        };
        match (self.0, &self.0["$tuple"], &self.0["$map"]) {
            (Json::Array(_), _, _) => out.array(|out| items(self.0, out)),
            (_, tuple @ Json::Array(_), _) => out.tuple(|out| items(tuple, out)),
            (_, _, Json::Array(pairs)) => out.map(|map| {
                for pair in pairs {
                    map.entry(&Tagged(&pair[0]), &Tagged(&pair[1]));
                }
            }),
            (scalar, _, _) => out.value(&wire::value(scalar)),
        }
    }
}

impl Vector {
    /// The message that its value is, tuples included; nothing where it is none.
    fn message(&self) -> Option<Outgoing> {
        let pairs = self.json["value"]["$map"].as_array()?;
        let is_action = |pair: &&Json| pair[0] == "action";
        let mut message = Outgoing::new(pairs.iter().find(is_action)?[1].as_str()?);
        for pair in pairs.iter().filter(|pair| pair[0] != "action") {
            message.field(pair[0].as_str()?, &Tagged(&pair[1]));
        }
        Some(message)
    }

    fn left_out(&self) -> Option<MessageError> {
        LEFT_OUT.iter().find(|(name, _)| *name == self.name).map(|(_, error)| *error)
    }
}

/// Whether two trees are the same but for the width of their floats.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::F32(_) | Value::F64(_), Value::F32(_) | Value::F64(_)) => {
            a.as_f64().map(f64::to_bits) == b.as_f64().map(f64::to_bits)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            let same =
                |((k, v), (l, w)): (&(Value, Value), &(Value, Value))| alike(k, l) && alike(v, w);
            a.len() == b.len() && a.iter().zip(b).all(same)
        }
        (a, b) => a == b,
    }
}

#[test]
fn what_podsixnet_writes_is_heard_as_it_was_meant() {
    on_both(|network| {
        let mut scene = Scene::new(network, Dialect::PODSIXNET);
        let (mut heard, mut refused) = (0, 0);
        for vector in vectors() {
            match &vector.direction[..] {
                "encode_error" => continue,
                "reject" if vector.name != "r_bad_utf8" => {
                    scene.say(&vector.frame);
                    assert_eq!(scene.outcome(), rejected(&vector.name), "{}", vector.name);
                    refused += 1;
                    continue;
                }
                _ => {}
            }
            scene.say(&vector.frame);
            let outcome = scene.outcome();
            let bytes = MessageError::ActionNotText { found: "bytes" };
            let reject = (vector.direction == "reject").then_some(bytes);
            if let Some(error) = vector.left_out().or(reject) {
                assert_eq!(outcome, Outcome::NotAMessage(error), "{}", vector.name);
            } else {
                let Outcome::Heard(value) = outcome else { panic!("{}: {outcome:?}", vector.name) };
                let json = &vector.json;
                let mut meant = wire::value(json.get("decoded").unwrap_or_else(|| &json["value"]));
                if vector.name == "t_bytes_inside" {
                    // PodSixNet never gets to see it; bytes that are UTF-8 come as text.
                    meant = Value::from(msg!("v", v: "\0---\0"));
                }
                assert!(alike(&value, &meant), "{}: {value} is not {meant}", vector.name);
            }
            heard += 1;
        }
        assert_eq!((heard, refused), (116, 13));
    });
}

#[test]
fn what_hexapod_writes_is_what_podsixnet_writes() {
    let mut scene = Scene::new(Network::Memory(MemoryNetwork::new()), Dialect::PODSIXNET);
    let (mut same, mut other, mut none) = (0, 0, 0);
    for vector in vectors() {
        let beyond = vector.left_out() == Some(BEYOND) || vector.name.contains("digits");
        if !["both", "encode", "encode_error"].contains(&&vector.direction[..]) || beyond {
            continue;
        }
        let Some(message) = vector.message() else {
            // No message by itself, but a field may be anything.
            let payload = &vector.frame[..vector.frame.len() - TERMINATOR.len()];
            let message = msg!("v", v: Tagged(&vector.json["value"]));
            let expected = [b"\x68\x86action\x81v\x81v", payload, TERMINATOR].concat();
            assert_eq!(scene.sent(message, TERMINATOR), Ok(expected), "{}", vector.name);
            same += 1;
            continue;
        };
        let sent = scene.sent(message.clone(), TERMINATOR);
        match &vector.name[..] {
            "float_1e300_over_f32" | "t_str_inside" | "t_bytes_inside" => {
                assert!(matches!(sent, Err(SendError::NotExpressible { .. })), "{sent:?}");
                none += 1;
            }
            "t_int4_then_zero" | "t_str_tail_nul_dashes" | "t_int8_neg" => {
                let sent = sent.expect("another form");
                let marks = sent.windows(5).filter(|part| *part == TERMINATOR).count();
                assert_eq!(marks, 1, "{}: {sent:x?}", vector.name);
                scene.say(&sent);
                let Outcome::Heard(value) = scene.outcome() else { panic!("{}", vector.name) };
                assert!(alike(&value, &Value::from(message)), "{}", vector.name);
                other += 1;
            }
            name => {
                assert_eq!(sent.as_deref(), Ok(&vector.frame[..]), "{name} ({})", vector.group);
                same += 1;
            }
        }
    }
    assert_eq!((same, other, none), (94, 3, 3));
}

#[test]
fn every_value_of_the_vectors_comes_back_over_a_client_of_podsixnets() {
    let network = Network::Memory(MemoryNetwork::new());
    let config = Config::new().max_elements(100_000);
    let (mut server, addrs) = server(&network, config.clone(), &[Dialect::PODSIXNET]);
    server.on_any(|ctx, msg| ctx.send(msg.into()));
    let mut client =
        network.client_with::<Vec<Outgoing>>(addrs[0], config.dialect(Dialect::PODSIXNET));
    client.on_any(|ctx, msg| ctx.state.push(msg.into()));
    let (mut world, mut echoed, mut sent) = (World::default(), Vec::new(), Vec::new());
    let now = Instant::now();
    for vector in vectors() {
        let group = ["float", "bytes", "terminator", "game", "schema"];
        if vector.direction != "both" || group.contains(&&vector.group[..]) {
            continue;
        }
        // A float comes back shorter than it went out.
        if vector.left_out().is_some() || vector.name == "dict_float_key" {
            continue;
        }
        let message = vector.message().expect("a message");
        client.send(message.clone());
        sent.push(message);
        until(|| {
            server.pump_at(now, &mut world);
            client.pump_at(now, &mut echoed);
            echoed.len() == sent.len()
        });
    }
    // Byte for byte what was sent, so tuples are tuples after four translations.
    assert!(sent.len() > 50 && echoed == sent, "{}", sent.len());
}

// --- What codecs may do wrong ------------------------------------------------------------------

/// A codec that minds no limits, and what it reads is a choice of faults.
#[derive(Debug)]
struct Careless;

impl Codec for Careless {
    fn name(&self) -> &'static str {
        "careless"
    }

    fn decode(&self, payload: &[u8], _: Limits, out: &mut Encoder) -> Result<(), CodecError> {
        let nested = |levels| (0..levels).fold(Value::Nil, |inner, _| Value::Array(vec![inner]));
        match payload {
            b"nothing" => {}
            b"two" => (0..2).for_each(|_| out.value(&msg_tree(Value::Nil))),
            b"broken" => return Err(CodecError::Malformed { what: "a fault", at: 3 }),
            b"foreign" => return Err(CodecError::NotExpressible { what: "a dream" }),
            b"large" => out.value(&msg_tree(Value::Int(i128::MAX))),
            b"key" => out.value(&msg_tree(Value::Map(vec![(nested(1), Value::Nil)]))),
            b"deep" => out.value(&msg_tree(nested(40))),
            b"bottomless" => out.value(&msg_tree(nested(200))),
            _ => out.value(&msg_tree(Value::from("good"))),
        }
        Ok(())
    }

    fn encode(&self, _: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.push(b'!');
        Ok(())
    }
}

fn msg_tree(value: Value) -> Value {
    Value::Map(vec![("action".into(), "x".into()), ("v".into(), value)])
}

#[test]
fn a_careless_codec_costs_a_message_or_its_peer_and_nothing_else() {
    use EncodeError::{ContainerKey, IntegerRange, NotOneValue};
    let network = Network::Memory(MemoryNetwork::new());
    let mut scene = Scene::new(network, Dialect::terminated("careless", &Careless));
    let mut say = |text: &str| {
        scene.say(&[text.as_bytes(), TERMINATOR].concat());
        scene.outcome()
    };
    let not_expressible = |error| Outcome::NotAMessage(MessageError::NotExpressible(error));
    let too_deep = || {
        let error = ProtocolError::Payload(DecodeError::TooDeep { max: 32 });
        Outcome::Left(DisconnectReason::Protocol(error))
    };
    for _ in 0..2 {
        assert_eq!(say("good"), Outcome::Heard(msg_tree(Value::from("good"))));
        assert_eq!(say("nothing"), not_expressible(NotOneValue { values: 0 }));
        assert_eq!(say("two"), not_expressible(NotOneValue { values: 2 }));
        assert_eq!(say("large"), not_expressible(IntegerRange { value: i128::MAX }));
        assert_eq!(say("key"), not_expressible(ContainerKey));
        let error = MessageError::Untranslatable { codec: "careless", what: "a dream" };
        assert_eq!(say("foreign"), Outcome::NotAMessage(error));
        assert_eq!(error.to_string(), "careless payload with a dream, which no message can hold");
        assert_eq!(say("deep"), too_deep());
        assert_eq!(say("bottomless"), too_deep());
        assert_eq!(say("broken"), broken("careless", "a fault", 3));
    }
}

// --- What peers may say ------------------------------------------------------------------------

#[test]
fn nothing_that_is_well_formed_costs_a_link() {
    on_both(|network| {
        let mut scene = Scene::new(network, Dialect::PODSIXNET);
        for frame in [
            &b"\x45\0---\0"[..],                          // None
            b"\x66\0---\0",                               // {}
            b"\x67\x83foo\x01\0---\0",                    // out of band
            b"\xe2\x01\x02\0---\0",                       // a tuple
            b"\x67\x86action\xc0\0---\0",                 // an action that is a list
            b"\x68\x86action\x81a\x86action\x81b\0---\0", // two of them
            b"\x67\x86action\x82\xff\xfe\0---\0",         // an action that is no UTF-8
            b"\x3d99999999999999999999\x7f\0---\0",       // a large int
        ] {
            scene.say(frame);
            assert!(matches!(scene.outcome(), Outcome::NotAMessage(_)), "{frame:x?}");
        }
        assert_eq!(scene.server.faults().not_a_message, 8);
        // The same stream still speaks, and bytes that are no text are bytes.
        scene.say(b"\x68\x86action\x81x\x81v\x82\xff\xfe\0---\0");
        let Outcome::Heard(value) = scene.outcome() else { panic!() };
        assert_eq!(value["v"], Value::Bytes(vec![0xff, 0xfe]));
    });
}

#[test]
fn a_stream_byte_by_byte_and_all_at_once() {
    on_both(|network| {
        let mut scene = Scene::new(network, Dialect::PODSIXNET);
        // What PodSixNet's own server would cut in two.
        let frame = b"\x68\x86action\x83pos\x81p\xc2\x40\0---\0\0---\0";
        for byte in frame {
            scene.say(&[*byte]);
            scene.pump();
        }
        let expected = Value::from(msg!("pos", p: [2_960_685, 0]));
        assert_eq!(scene.outcome(), Outcome::Heard(expected.clone()));
        scene.say(&frame.repeat(300));
        scene.until(|scene| scene.world.heard.len() == 300);
        assert!(scene.world.heard.iter().all(|value| *value == expected));
    });
}

#[test]
fn a_stranger_is_told_apart() {
    let mut scene = Scene::new(Network::Memory(MemoryNetwork::new()), Dialect::PODSIXNET);
    scene.say(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
    let looks_like = Some("HTTP");
    assert_eq!(scene.outcome(), no_frame(FrameError::NotTerminated { at: 1, looks_like }));
    scene.say(b"\0\0\0\x0a\x81\xa6action\xa1x");
    let Outcome::Left(reason) = scene.outcome() else { panic!() };
    assert_eq!(
        reason.to_string(),
        "not understood: no terminator at byte 1, where the payload ends (this looks like a \
         length in front, as repod has it)"
    );
}

#[test]
fn a_frame_without_end_is_cut_off_at_the_limit() {
    let network = Network::Memory(MemoryNetwork::new());
    for dialect in dialects().into_iter().filter(|it| *it != Dialect::REPOD) {
        let mut scene = Scene::new(network.clone(), dialect);
        let endless: &[u8] = match dialect.name() {
            "bencode" => &[0, 0x20, 0, 0],
            "podsixnet" => &[0x3b; 4],
            _ => b"{\"a\"",
        };
        let max = 1 << 20;
        let mut said = 0;
        while scene.world.left.is_empty() && said < 4 * max {
            let chunk = endless.repeat(4096);
            // It may be cut off in the middle.
            said += scene.stream.write_some(&chunk).unwrap_or(chunk.len());
            scene.pump();
        }
        assert!(said <= 2 * max, "{}: {said} bytes", dialect.name());
        let Outcome::Left(DisconnectReason::Protocol(ProtocolError::Frame(error))) =
            scene.outcome()
        else {
            panic!("{}", dialect.name())
        };
        match dialect.name() {
            "podsixnet" => assert!(matches!(error, FrameError::Endless { at: 128, .. })),
            _ => assert!(matches!(error, FrameError::TooLong { max: 1_048_576, .. }), "{error}"),
        }
    }
}

#[cfg(feature = "json")]
#[test]
fn json_from_a_language_of_its_own() {
    on_both(|network| {
        let mut scene = Scene::new(network, Dialect::JSON);
        scene.say(b"{\"action\": \"move\", \"x\": 1.0, \"n\": 1, \"path\": [[1, 2], null]}\0---\0");
        let expected = Value::from(msg!("move", x: 1.0, n: 1, path: ([1, 2], ())));
        assert_eq!(scene.outcome(), Outcome::Heard(expected));
        let message =
            msg!("joined", who: "ann \0 \"ü\"", at: (1.0, -2), to: hexapod::Tuple([true]));
        let sent = scene.sent(message, TERMINATOR).expect("what JSON can say");
        let expected = "{\"action\":\"joined\",\"who\":\"ann \\u0000 \\\"ü\\\"\",\"at\":[1.0,-2],\
                        \"to\":[true]}\0---\0";
        assert_eq!(String::from_utf8(sent).as_deref(), Ok(expected));
        for (said, error) in [
            (&b"null\0---\0"[..], MessageError::NotAMap { found: "nil" }),
            (b" [1, 2] \0---\0", MessageError::NotAMap { found: "an array" }),
            (b"{}\0---\0", MessageError::NoAction),
            (b"{\"action\": 5}\0---\0", MessageError::ActionNotText { found: "an integer" }),
            (b"{\"action\": \"a\", \"action\": \"b\"}\0---\0", MessageError::TwoActions),
        ] {
            scene.say(said);
            assert_eq!(scene.outcome(), Outcome::NotAMessage(error));
        }
        scene.say(b"{\"action\": oops}\0---\0");
        assert_eq!(scene.outcome(), broken("json", "what is no JSON", 11));
        scene.say(b"\0---\0");
        assert_eq!(scene.outcome(), no_frame(FrameError::Empty));
        let deep = ["{\"action\": \"x\", \"v\":", &"[".repeat(40), &"]".repeat(40), "}\0---\0"];
        scene.say(deep.concat().as_bytes());
        let what = "arrays and objects inside of too many others";
        assert_eq!(scene.outcome(), broken("json", what, 51));
    });
}

#[test]
fn limits_hold_in_every_dialect() {
    let network = Network::Memory(MemoryNetwork::new());
    #[cfg_attr(not(feature = "json"), allow(unused_mut))]
    let mut many: Vec<(Dialect, Vec<u8>)> = vec![(
        Dialect::PODSIXNET,
        [&b"\x68\x86action\x81x\x81v\x3b"[..], &[7; 100_000], b"\x7f\0---\0"].concat(),
    )];
    #[cfg(feature = "json")]
    many.push((
        Dialect::JSON,
        ["{\"action\":\"x\",\"v\":[7", &",7".repeat(99_999), "]}\0---\0"].concat().into_bytes(),
    ));
    for (dialect, frame) in many {
        let mut scene = Scene::new(network.clone(), dialect);
        scene.say(&frame);
        let Outcome::Left(reason) = scene.outcome() else { panic!("{}", dialect.name()) };
        assert_eq!(reason.to_string(), "not understood: more than 100000 values");
    }
}
