//! Golden frames, made by repod itself (`tests/data/msgpack.json`), in both directions.
//!
//! ```text
//! vector   00 00 00 0a | 81 a6 61 63 74 69 6f 6e a1 78        {"action": "x"}
//! in       a bare stream says the frame, a server hears the value
//! out      a server sends the value, a bare stream reads the frame
//! ```
//!
//! What a garbage frame does to other peers is not asked here: see `hostile.rs`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

use hexapod::{
    Client, Config, DecodeError, DisconnectReason, EncodeError, FaultCause, FrameError,
    MemoryNetwork, MessageError, Outgoing, ProtocolError, SendError, Server, Value, msg,
};
use serde_json::Value as Json;

use crate::harness::{GREETING, Network, PLAIN_GREETING, Stream, frame, until};
use crate::messages::same;

/// Where hexapod deliberately refuses what repod reads, and what it says then.
///
/// | vectors | repod | hexapod | why |
/// | --- | --- | --- | --- |
/// | `r_deep_*` | reads up to 1,024 levels | 32, at most 128 | decoding recurses, and stacks end |
/// | `list_len70000` | reads it | `max_elements` is 65,536 | tiny values cost more than bytes |
///
/// The second is a default and no more: the vector is read where `max_elements` allows it.
const REFUSED: [(&str, DecodeError); 5] = [
    ("r_deep_500", DecodeError::TooDeep { max: 32 }),
    ("r_deep_600", DecodeError::TooDeep { max: 32 }),
    ("r_deep_1023", DecodeError::TooDeep { max: 32 }),
    ("r_deep_1024", DecodeError::TooDeep { max: 32 }),
    ("list_len70000", DecodeError::TooManyElements { max: 65_536 }),
];

/// What each frame is refused for that repod refuses too.
const REJECTED: [(&str, ProtocolError); 11] = [
    ("r_empty_payload", ProtocolError::Frame(FrameError::Empty)),
    ("r_trailing_byte", ProtocolError::Payload(DecodeError::Trailing { extra: 1 })),
    ("r_truncated_map", ProtocolError::Payload(DecodeError::Truncated { at: 10 })),
    ("r_truncated_str", ProtocolError::Payload(DecodeError::Truncated { at: 8 })),
    ("r_utf8_surrogate", ProtocolError::Payload(DecodeError::InvalidUtf8 { at: 8 })),
    ("r_reserved_c1", ProtocolError::Payload(DecodeError::Reserved { at: 8 })),
    ("r_map32_huge", ProtocolError::Payload(DecodeError::Truncated { at: 0 })),
    ("r_str32_huge", ProtocolError::Payload(DecodeError::Truncated { at: 0 })),
    ("r_ext_timestamp_len5", ProtocolError::Payload(DecodeError::ReservedExt { kind: -1, at: 12 })),
    ("r_list_key", ProtocolError::Payload(DecodeError::ContainerKey { at: 1 })),
    ("r_map_key", ProtocolError::Payload(DecodeError::ContainerKey { at: 1 })),
];

/// The top-level values that are no message, and why.
const NO_MESSAGE: [(&str, MessageError); 5] = [
    ("top_none_payload_not_dict", MessageError::NotAMap { found: "nil" }),
    ("top_int", MessageError::NotAMap { found: "an integer" }),
    ("top_list", MessageError::NotAMap { found: "an array" }),
    ("top_no_action", MessageError::NoAction),
    ("top_action_not_str", MessageError::ActionNotText { found: "an integer" }),
];

/// One entry of the file.
struct Vector {
    name: String,
    direction: String,
    value: Option<Value>,
    decoded: Option<Value>,
    /// The whole frame; empty where there is none.
    frame: Vec<u8>,
}

impl Vector {
    fn read(json: &Json) -> Self {
        let text = |key: &str| json[key].as_str().expect("a text").to_owned();
        let frame = match (&json["hex"], &json["hex_parts"]) {
            (Json::String(hex), _) => bytes(hex),
            (_, Json::Array(parts)) => parts
                .iter()
                .flat_map(|part| {
                    let hex = bytes(part[0].as_str().expect("hex"));
                    hex.repeat(part[1].as_u64().expect("a count") as usize)
                })
                .collect(),
            _ => Vec::new(),
        };
        let len = json["len"].as_u64().unwrap_or_default();
        assert_eq!(frame.len() as u64, len, "{}", json["name"]);
        Self {
            name: text("name"),
            direction: text("direction"),
            value: json.get("value").map(value),
            decoded: json.get("decoded").map(value),
            frame,
        }
    }

    /// What the frame says.
    fn meaning(&self) -> &Value {
        self.decoded.as_ref().or(self.value.as_ref()).expect("a value")
    }

    /// The value that was encoded. A tuple is a list here: the bytes are the same.
    fn value(&self) -> &Value {
        self.value.as_ref().expect("a value")
    }

    fn payload(&self) -> &[u8] {
        &self.frame[4..]
    }

    /// Why the value is no message, if it is none.
    fn fault(&self) -> Option<MessageError> {
        NO_MESSAGE.iter().find(|(name, _)| *name == self.name).map(|(_, error)| *error)
    }
}

/// Hex digits as bytes.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits");
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// The value that a file's tagged JSON stands for.
pub(crate) fn value(json: &Json) -> Value {
    let values = |json: &Json| json.as_array().expect("a list").iter().map(value).collect();
    let object = match json {
        Json::Null => return Value::Nil,
        Json::Bool(bool) => return Value::Bool(*bool),
        Json::Number(number) => return Value::Int(number.as_i64().expect("an integer").into()),
        Json::String(text) => return Value::Str(text.clone()),
        Json::Array(_) => return Value::Array(values(json)),
        Json::Object(object) => object,
    };
    let (tag, it) = object.iter().next().expect("one tag");
    let text = |json: &Json| json.as_str().expect("a text").to_owned();
    let number = |json: &Json| json.as_i64().expect("an integer");
    match tag.as_str() {
        "$int" => Value::Int(text(it).parse().expect("a decimal")),
        "$f64" => {
            let bits = u64::from_str_radix(&text(it), 16).expect("8 bytes");
            Value::F64(f64::from_bits(bits))
        }
        "$bytes" => Value::Bytes(bytes(&text(it))),
        "$tuple" => Value::Array(values(it)),
        "$map" => {
            let pairs = it.as_array().expect("pairs").iter();
            Value::Map(pairs.map(|pair| (value(&pair[0]), value(&pair[1]))).collect())
        }
        "$ext" => Value::Ext(number(&it[0]) as i8, bytes(&text(&it[1]))),
        "$timestamp" => Value::Timestamp(hexapod::Timestamp {
            seconds: number(&it[0]),
            nanoseconds: number(&it[1]) as u32,
        }),
        "$repeat" => {
            let count = number(&it[2]) as usize;
            match it[0].as_str() {
                Some("str") => Value::Str(text(&it[1]).repeat(count)),
                Some("bytes") => Value::Bytes(bytes(&text(&it[1])).repeat(count)),
                Some("list") => Value::Array(vec![value(&it[1]); count]),
                other => panic!("$repeat of {other:?}"),
            }
        }
        "$nest" => {
            let levels = number(&it[0]);
            (0..levels).fold(value(&it[1]), |inner, _| Value::Array(vec![inner]))
        }
        other => panic!("the tag {other}"),
    }
}

fn vectors() -> Vec<Vector> {
    let file: Json = serde_json::from_str(include_str!("../data/msgpack.json")).expect("JSON");
    assert_eq!((&file["codec"], &file["format"]), (&"msgpack".into(), &1.into()));
    file["vectors"].as_array().expect("vectors").iter().map(Vector::read).collect()
}

fn vector(name: &str) -> Vector {
    vectors().into_iter().find(|vector| vector.name == name).expect("a vector of this name")
}

/// What a dict of Python's holds: the last of equal keys, where the first of them stood.
fn like_python(value: Value) -> Value {
    let Value::Map(pairs) = value else { return value };
    let mut kept: Vec<(Value, Value)> = Vec::new();
    for (key, value) in pairs {
        match kept.iter_mut().find(|(name, _)| same(name, &key)) {
            Some((_, old)) => *old = value,
            None => kept.push((key, value)),
        }
    }
    Value::Map(kept)
}

/// What a server has heard.
#[derive(Default)]
struct Heard {
    messages: Vec<Value>,
    faults: Vec<MessageError>,
    left: Vec<DisconnectReason>,
}

/// A server, and one bare stream to it.
struct Scene {
    network: Network,
    addr: SocketAddr,
    server: Server<Heard>,
    heard: Heard,
    stream: Stream,
    /// What the stream has read.
    read: Vec<u8>,
    /// A clock that stands still: each pump looks at everything.
    now: Instant,
}

impl Scene {
    fn new(config: Config) -> Self {
        let network = Network::Memory(MemoryNetwork::new());
        let (mut server, addr) = network.server::<Heard, ()>(config);
        server.on_any(|ctx, msg| ctx.state.messages.push(msg.to_value()));
        server.on_disconnect(|ctx, reason| ctx.state.left.push(reason.clone()));
        server.on_error(|heard, fault| match &fault.cause {
            FaultCause::NotAMessage(error) => heard.faults.push(*error),
            _ => panic!("{fault}"),
        });
        let stream = network.stream(addr);
        let heard = Heard::default();
        let (read, now) = (Vec::new(), Instant::now());
        let mut scene = Self { network, addr, server, heard, stream, read, now };
        scene.pump();
        assert_eq!(scene.read, GREETING);
        scene.read.clear();
        scene
    }

    /// A new stream instead of one that the server has closed.
    fn renew(&mut self) {
        self.stream = self.network.stream(self.addr);
        self.pump();
        self.read.clear();
    }

    fn pump(&mut self) {
        self.server.pump_at(self.now, &mut self.heard);
        // Where the server has closed there is nothing more to read, or a reset.
        let _ = self.stream.read_some(&mut self.read);
    }

    /// Says bytes, as many as fit at a time.
    fn say(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let written = self.stream.write_some(bytes).expect("an open stream");
            bytes = &bytes[written..];
            self.pump();
        }
        self.pump();
    }

    /// Sends the message to the one peer there is, and gives what the stream reads.
    fn send(&mut self, message: Outgoing) -> Vec<u8> {
        let peer = self.server.peers().next().expect("one peer").id();
        self.server.try_send_to(peer, message).expect("a message that can be sent");
        // Twice a lane, so that the longest vector passes through.
        (0..3).for_each(|_| self.pump());
        std::mem::take(&mut self.read)
    }

    /// The one message that was heard, and nothing else.
    #[track_caller]
    fn one_message(&mut self) -> Value {
        assert_eq!((self.heard.faults.len(), &self.heard.left[..]), (0, &[][..]));
        assert_eq!(self.heard.messages.len(), 1, "one message");
        self.heard.messages.pop().expect("one")
    }
}

#[test]
fn the_vectors_are_all_here() {
    let vectors = vectors();
    let count = |direction: &str| vectors.iter().filter(|v| v.direction == direction).count();
    assert_eq!(vectors.len(), 129);
    assert_eq!(
        [count("both"), count("decode"), count("reject"), count("encode_error")],
        [98, 18, 11, 2]
    );
    let mut names: Vec<&str> = vectors.iter().map(|vector| &vector.name[..]).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 129, "each name once");
    let tables =
        REFUSED.iter().map(|(name, _)| *name).chain(REJECTED.iter().map(|(name, _)| *name));
    for name in tables.chain(NO_MESSAGE.iter().map(|(name, _)| *name)) {
        assert!(names.binary_search(&name).is_ok(), "{name} is in a table here, not in the file");
    }
}

#[test]
fn what_repod_writes_is_heard_as_it_was_meant() {
    let mut scene = Scene::new(Config::new().max_elements(100_000));
    let mut heard = 0;
    for vector in vectors() {
        let deep = vector.name.starts_with("r_deep");
        if deep || !["both", "decode"].contains(&&vector.direction[..]) {
            continue;
        }
        scene.say(&vector.frame);
        if let Some(fault) = vector.fault() {
            assert_eq!(std::mem::take(&mut scene.heard.faults), [fault], "{}", vector.name);
            assert!(scene.heard.messages.is_empty() && scene.heard.left.is_empty());
        } else {
            let value = like_python(scene.one_message());
            let wanted = vector.meaning();
            assert!(same(&value, wanted), "{}: {value} is not {wanted}", vector.name);
        }
        heard += 1;
    }
    // All on one connection, so those that are no message have cost nobody a link.
    assert_eq!(heard, 98 + 14);
}

#[test]
fn what_hexapod_writes_is_what_repod_writes() {
    let mut scene = Scene::new(Config::new().max_elements(100_000));
    let (mut sent, mut inside) = (0, 0);
    for vector in vectors().iter().filter(|vector| vector.direction == "both") {
        match (Outgoing::from_value(vector.value()), vector.fault()) {
            (Ok(message), None) => {
                assert_eq!(scene.send(message), vector.frame, "{}", vector.name);
                sent += 1;
            }
            (Err(error), Some(fault)) => {
                assert_eq!(error, fault, "{}", vector.name);
                // No message by itself, but a field may be anything.
                let message = msg!("v", v: vector.value());
                let expected = [b"\x82\xa6action\xa1v\xa1v", vector.payload()].concat();
                assert_eq!(scene.send(message), frame(&expected), "{}", vector.name);
                inside += 1;
            }
            (outcome, fault) => panic!("{}: {outcome:?} instead of {fault:?}", vector.name),
        }
    }
    assert_eq!((sent, inside), (93, 5));
}

#[test]
fn a_client_hears_what_the_server_was_given() {
    let network = MemoryNetwork::new();
    let config = Config::new().max_elements(100_000);
    let (mut server, addr) = Network::Memory(network.clone()).server::<Heard, ()>(config.clone());
    let mut client = Network::Memory(network).client_with::<Vec<Value>>(addr, config);
    client.on_any(|ctx, msg| ctx.state.push(msg.to_value()));
    let (mut heard, mut values) = (Heard::default(), Vec::new());
    let (mut sent, now) = (Vec::new(), Instant::now());
    client.pump_at(now, &mut values);
    for vector in vectors().iter().filter(|vector| vector.direction == "both") {
        let Ok(message) = Outgoing::from_value(vector.value()) else { continue };
        server.pump_at(now, &mut heard);
        server.broadcast(message);
        sent.push(vector.value().clone());
        until(|| {
            server.pump_at(now, &mut heard);
            client.pump_at(now, &mut values);
            values.len() == sent.len()
        });
    }
    assert_eq!(sent.len(), 93);
    for (heard, said) in values.iter().zip(&sent) {
        assert!(same(heard, said), "{heard} is not {said}");
    }
}

#[test]
fn what_repod_cannot_read_ends_this_link_and_no_other() {
    let mut scene = Scene::new(Config::new());
    let witness = scene.network.stream(scene.addr);
    let mut refused = 0;
    for vector in vectors() {
        let wanted = match (&vector.direction[..], &vector.name[..]) {
            ("reject", name) => REJECTED.iter().find(|row| row.0 == name).map(|row| row.1),
            (_, name) => {
                REFUSED.iter().find(|row| row.0 == name).map(|row| ProtocolError::Payload(row.1))
            }
        };
        let Some(error) = wanted else {
            assert_ne!(vector.direction, "reject", "{} is in no table", vector.name);
            continue;
        };
        scene.say(&vector.frame);
        let left = std::mem::take(&mut scene.heard.left);
        assert_eq!(left, [DisconnectReason::Protocol(error)], "{}", vector.name);
        assert!(scene.heard.messages.is_empty() && scene.heard.faults.is_empty());
        let end = scene.stream.read_some(&mut Vec::new());
        assert!(!matches!(end, Ok(false)), "{}: the link is closed", vector.name);
        scene.renew();
        refused += 1;
    }
    assert_eq!(refused, REJECTED.len() + REFUSED.len());
    assert_eq!(scene.server.peers().count(), 2, "the last stream and the witness");
    drop(witness);
}

#[test]
fn no_depth_limit_is_deep_enough_for_repods_deepest() {
    // 128 is the most that a configuration can ask for, so that decoding has a bound.
    let mut scene = Scene::new(Config::new().max_depth(5000));
    scene.say(&vector("r_deep_500").frame);
    let error = ProtocolError::Payload(DecodeError::TooDeep { max: 128 });
    assert_eq!(scene.heard.left, [DisconnectReason::Protocol(error)]);
}

#[test]
fn what_repod_cannot_write_cannot_be_sent() {
    let mut scene = Scene::new(Config::new());
    let peer = scene.server.peers().next().expect("one peer").id();
    for name in ["int_over_u64", "int_under_i64"] {
        let vector = vector(name);
        assert_eq!(vector.direction, "encode_error");
        let value = vector.value();
        let Value::Int(beyond) = value["v"] else { panic!("{name}: {value}") };
        let error = EncodeError::IntegerRange { value: beyond };
        assert_eq!(Outgoing::from_value(value), Err(MessageError::NotExpressible(error)));
        for message in [msg!("v", v: beyond), msg!("v", v: value["v"])] {
            let outcome = scene.server.try_send_to(peer, message);
            assert_eq!(outcome, Err(SendError::NotEncodable(error)), "{name}");
        }
        scene.pump();
        assert_eq!(scene.read, b"", "not a byte of it");
    }
}

#[test]
fn the_greeting_is_the_golden_one_on_either_end() {
    let golden = vector("greeting").frame;
    assert_eq!(golden, PLAIN_GREETING);
    // What a server says first is the same with one key more: see `Scene::new`.
    assert!(GREETING[5..].starts_with(&golden[5..]));

    // And from the other end: these bytes, from whoever listens, are what a client waits for.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("an address");
    let mut client = Network::Tcp.client::<u32>(addr);
    client.on_connect(|ctx| *ctx.state += 1);
    client.send(msg!("x"));
    let (mut server, _): (TcpStream, _) = listener.accept().expect("the client");
    let mut ups = 0;
    for (at, byte) in golden.iter().enumerate() {
        assert_eq!(ups, 0, "connected after {at} bytes");
        server.write_all(&[*byte]).expect("open");
        until(|| client.pump(&mut ups).bytes_read == 1);
    }
    assert_eq!(ups, 1);
    let said = vector("action_only").frame;
    let mut heard = vec![0; said.len()];
    server.read_exact(&mut heard).expect("what was sent before the greeting");
    assert_eq!(heard, said);
}

#[test]
fn a_client_takes_no_other_first_message_for_the_greeting() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("an address");
    for name in ["action_only", "socket_connect", "top_no_action", "r_reserved_c1"] {
        let mut client: Client<Vec<String>> = Network::Tcp.client(addr);
        client.on_connect(|_| panic!("connected by anything"));
        client.on_connect_failed(|ctx, error| ctx.state.push(error.to_string()));
        client.on_error(|_, _| {});
        let (mut server, _) = listener.accept().expect("the client");
        let mut log = Vec::new();
        server.write_all(&vector(name).frame).expect("open");
        let reason = match name {
            "r_reserved_c1" => "not understood: the byte c1 at byte 8 is no MessagePack",
            // No message is left out, so it is not the first one: the client goes on waiting.
            "top_no_action" => {
                until(|| client.pump(&mut log).bytes_read > 0);
                assert!(client.is_connecting() && log.is_empty());
                continue;
            }
            _ => "not understood: the first message is not a server's greeting",
        };
        until(|| {
            client.pump(&mut log);
            !log.is_empty()
        });
        assert_eq!(log, [format!("{addr} answers, but not as a game server: {reason}")]);
    }
}

#[test]
fn each_single_byte_is_answered() {
    let mut scene = Scene::new(Config::new());
    for byte in 0..=255_u8 {
        scene.say(&frame(&[byte]));
        let no_map = |found| Ok(MessageError::NotAMap { found });
        let wanted = match byte {
            0x00..=0x7f | 0xe0.. => no_map("an integer"),
            0x80 => Ok(MessageError::NoAction),
            0x90 => no_map("an array"),
            0xa0 => no_map("a text"),
            0xc0 => no_map("nil"),
            0xc1 => Err(DecodeError::Reserved { at: 0 }),
            0xc2 | 0xc3 => no_map("a bool"),
            _ => Err(DecodeError::Truncated { at: 0 }),
        };
        let faults = std::mem::take(&mut scene.heard.faults);
        let left = std::mem::take(&mut scene.heard.left);
        match wanted {
            Ok(fault) => assert_eq!((faults, left), (vec![fault], vec![]), "{byte:x}"),
            Err(error) => {
                let reason = DisconnectReason::Protocol(ProtocolError::Payload(error));
                assert_eq!((faults, left), (vec![], vec![reason]), "{byte:x}");
                scene.renew();
            }
        }
        assert!(scene.heard.messages.is_empty());
    }
}

/// Short vectors of every kind that a frame can be made of.
const CUT: [&str; 8] = [
    "action_only",
    "repod_startline_up",
    "repod_tag_state",
    "str_emoji",
    "dict_mixed_keys",
    "ext_fix16",
    "c_timestamp96",
    "c_map16_short",
];

#[test]
fn a_frame_may_come_one_byte_at_a_time() {
    let mut scene = Scene::new(Config::new());
    for name in CUT.into_iter().chain(["game_state", "bytes_len256"]) {
        let vector = vector(name);
        for (at, byte) in vector.frame.iter().enumerate() {
            assert!(scene.heard.messages.is_empty(), "{name} was heard at byte {at}");
            scene.stream.say(&[*byte]);
            scene.pump();
        }
        let value = scene.one_message();
        assert!(same(&value, vector.meaning()), "{name}: {value}");
    }
}

#[test]
fn a_frame_may_be_cut_anywhere() {
    let mut scene = Scene::new(Config::new());
    for name in CUT {
        let vector = vector(name);
        for cut in 0..=vector.frame.len() {
            let (first, second) = vector.frame.split_at(cut);
            scene.stream.say(first);
            scene.pump();
            scene.stream.say(second);
            scene.pump();
            let value = scene.one_message();
            assert!(same(&value, vector.meaning()), "{name} cut at {cut}: {value}");
        }
    }
}

#[test]
fn three_frames_may_be_cut_at_any_two_places() {
    let mut scene = Scene::new(Config::new());
    let vectors = ["action_only", "ping", "int_neg33"].map(vector);
    let stream: Vec<u8> = vectors.iter().flat_map(|vector| vector.frame.clone()).collect();
    for first in 0..=stream.len() {
        for second in first..=stream.len() {
            for piece in [&stream[..first], &stream[first..second], &stream[second..]] {
                scene.stream.say(piece);
                scene.pump();
            }
            let heard = std::mem::take(&mut scene.heard.messages);
            let all =
                heard.len() == 3 && heard.iter().zip(&vectors).all(|(a, b)| same(a, b.value()));
            assert!(all, "cut at {first} and {second}: {heard:?}");
        }
    }
}
