//! Typed messages: structs on one side, `msg!` and `get` on the other.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use hexapod::{MemoryNetwork, Outgoing, SendError, Timestamp, Value, msg};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::harness::{Network, until};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Move {
    id: u32,
    to: (f32, f64),
    name: Option<String>,
    tags: Vec<String>,
    scores: BTreeMap<String, i64>,
    mode: Mode,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Mode {
    #[default]
    Walk,
    Jump {
        height: u8,
    },
}

fn full() -> Move {
    Move {
        id: 7,
        to: (1.5, -2.25),
        name: Some("ann".to_owned()),
        tags: vec!["red".to_owned(), "fast".to_owned()],
        scores: BTreeMap::from([("a".to_owned(), -1), ("b".to_owned(), i64::MAX)]),
        mode: Mode::Jump { height: 3 },
    }
}

#[test]
fn a_struct_goes_out_and_comes_back_the_same() {
    for value in [full(), Move::default()] {
        let message = Outgoing::typed("move", &value).expect("a struct");
        assert_eq!(message.action(), "move");
        assert_eq!(message.view(|msg| msg.typed::<Move>()).expect("the same"), value);
    }
}

#[test]
fn the_wire_is_that_of_msg() {
    let typed = Outgoing::typed("move", &full()).expect("a struct");
    let by_hand = msg!(
        "move",
        id: 7,
        to: (1.5_f32, -2.25),
        name: "ann",
        tags: ["red", "fast"],
        scores: BTreeMap::from([("a", -1), ("b", i64::MAX)]),
        mode: BTreeMap::from([("Jump", BTreeMap::from([("height", 3)]))]),
    );
    assert_eq!(typed, by_hand);
    #[derive(Serialize)]
    struct Nothing;
    assert_eq!(Outgoing::typed("nothing", &Nothing), Ok(Outgoing::new("nothing")));

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Ping {}
    let ping = Outgoing::typed("ping", &Ping {}).expect("a struct");
    assert_eq!(ping, Outgoing::new("ping"));
    assert_eq!(ping.view(|msg| msg.typed::<Ping>()).expect("no fields"), Ping {});
}

#[test]
fn typed_handlers_and_untyped_ones_meet() {
    let network = Network::Memory(MemoryNetwork::new());
    let (mut server, addr) = network.server::<Vec<String>, ()>(hexapod::Config::new());
    server.on_as("move", |ctx, mut it: Move| {
        it.id += 1;
        ctx.send_as("moved", &it);
        ctx.broadcast_as("all", &it);
        Ok(())
    });
    server.on_error(|log, fault| log.push(fault.to_string()));
    let mut client = network.client::<Vec<String>>(addr);
    client.on_as("moved", |ctx, it: Move| ctx.state.push(format!("{} {:?}", it.id, it.mode)));
    client.on("all", |ctx, msg| {
        ctx.state.push(msg.get::<u32>("id")?.to_string());
        Ok(())
    });
    client.send_as("move", &full());
    // Whoever writes it by hand, in Rust or in Python, may add what this side does not know.
    client.send(msg!("move", id: "seven"));
    client.send(msg!("move", id: 8));
    let (mut log, mut heard) = (Vec::new(), Vec::new());
    until(|| {
        client.pump(&mut heard);
        server.pump(&mut log);
        log.len() == 2 && heard.len() == 2
    });
    assert_eq!(heard, ["8 Jump { height: 3 }", "8"]);
    let start = "the handler of \"move\" from #1 failed: ";
    assert!(log[0].starts_with(&format!("{start}field \"id\" of action \"move\" cannot be read:")));
    assert!(log[1].starts_with(&format!("{start}the value of action \"move\" cannot be read:")));
    assert!(log[1].contains("missing field `to`"), "{}", log[1]);
}

#[test]
fn an_error_names_the_field_however_deep() {
    let scores = BTreeMap::from([("a", "many")]);
    let error = msg!("move", id: 1, to: (0, 0), tags: [""; 0], scores: scores, mode: "Walk")
        .view(|msg| msg.typed::<Move>())
        .expect_err("a text is no number");
    let start = "field \"scores.a\" of action \"move\" cannot be read: ";
    assert!(error.to_string().starts_with(start), "{error}");
}

#[test]
fn what_is_no_message_is_told() {
    #[derive(Serialize)]
    struct Bad {
        action: u8,
    }
    for (made, cause) in [
        (Outgoing::typed("x", &5), "a message is a struct or a map, not an integer"),
        (Outgoing::typed("x", &[1, 2]), "a message is a struct or a map, not an array"),
        (Outgoing::typed("x", &Bad { action: 1 }), "the map has \"action\" more than once"),
    ] {
        assert_eq!(made, Err(SendError::NotSerializable { cause: cause.to_owned() }));
    }
}

/// What a type reads from a message.
fn read<T: DeserializeOwned>(message: &Outgoing) -> Result<T, String> {
    message.view(|msg| msg.typed()).map_err(|error| error.to_string())
}

/// A value goes out, shows these fields, and comes back the same.
#[track_caller]
fn there_and_back<T>(value: &T, fields: &str)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let message = Outgoing::typed("p", value).expect("a message");
    assert_eq!(message.to_string(), format!("{{\"action\": \"p\"{fields}}}"));
    assert_eq!(read::<T>(&message).as_ref(), Ok(value));
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    x: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[test]
fn an_error_shows_a_peers_text_escaped_and_cut() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code)]
    struct Hard {
        mode: Option<Mode>,
        list: Option<Vec<u8>>,
        scores: Option<BTreeMap<String, u8>>,
    }
    let long = format!("\x1b[2J\n\u{202e}{}", "a".repeat(1 << 20));
    let mut messages = vec![
        msg!("p", mode: &long),
        msg!("p", list: &long),
        msg!("p", scores: BTreeMap::from([(&long, "many")])),
        msg!("p", scores: BTreeMap::from([(&long, BTreeMap::from([(&long, 1)]))])),
    ];
    let mut unknown = Outgoing::new("p");
    unknown.field(&long, &1);
    messages.push(unknown);
    for message in messages {
        let error = read::<Hard>(&message).expect_err("nothing that fits");
        assert!(!error.contains(['\x1b', '\n', '\u{202e}']), "{error:?}");
        assert!(error.contains("\\u{1b}[2J\\n\\u{202e}aaa"), "{error}");
        assert!(error.len() < 600, "{} bytes: {error}", error.len());
    }
    // What is not a peer's is told whole.
    let error = read::<Hard>(&msg!("p", scor: 1)).expect_err("no such field");
    let expected = "field \"scor\" of action \"p\" cannot be read: \
        unknown field `scor`, expected one of `mode`, `list`, `scores`";
    assert_eq!(error, expected);
}

#[test]
fn maps_go_out_and_come_back_without_the_action() {
    let numbers = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), -2)]);
    there_and_back(&numbers, ", \"a\": 1, \"b\": -2");
    there_and_back(&BTreeMap::from([("a".to_owned(), "b".to_owned())]), ", \"a\": \"b\"");
    there_and_back(&HashMap::<String, f64>::new(), "");
    // Keys can be types of the game's own.
    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    struct Name(String);
    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    enum Side {
        Left,
        Right,
    }
    there_and_back(&BTreeMap::from([(Name("a".to_owned()), 1)]), ", \"a\": 1");
    let sides = BTreeMap::from([(Side::Left, 1), (Side::Right, 2)]);
    there_and_back(&sides, ", \"Left\": 1, \"Right\": 2");
    let numbered = Outgoing::typed("p", &BTreeMap::from([(1, 2)]));
    let cause = "a field's key is a text, not an integer".to_owned();
    assert_eq!(numbered, Err(SendError::NotSerializable { cause }));
}

#[test]
fn structs_of_every_make_come_back() {
    there_and_back(&Strict { x: 7 }, ", \"x\": 7");
    let error = read::<Strict>(&msg!("p", x: 7, y: 8)).expect_err("a stranger");
    assert!(error.contains("unknown field `y`"), "{error}");

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wrapped(Strict);
    there_and_back(&Wrapped(Strict { x: 7 }), ", \"x\": 7");

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Flat {
        id: u8,
        #[serde(flatten)]
        place: Place,
        #[serde(flatten)]
        rest: BTreeMap<String, i32>,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Place {
        x: i32,
    }
    let rest = BTreeMap::from([("z".to_owned(), 3)]);
    there_and_back(&Flat { id: 1, place: Place { x: 2 }, rest }, ", \"id\": 1, \"x\": 2, \"z\": 3");
}

#[test]
fn enums_of_every_make_come_back() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Outside {
        Named { x: i32 },
        Holding(Strict),
        Pair(i32, i32),
        Number(i32),
    }
    there_and_back(&Outside::Named { x: 7 }, ", \"Named\": {\"x\": 7}");
    there_and_back(&Outside::Holding(Strict { x: 7 }), ", \"Holding\": {\"x\": 7}");
    there_and_back(&Outside::Pair(1, 2), ", \"Pair\": [1, 2]");
    there_and_back(&Outside::Number(7), ", \"Number\": 7");
    let error = read::<Outside>(&msg!("p", Named: BTreeMap::from([("x", "left")])));
    let error = error.expect_err("a text is no number");
    assert!(error.starts_with("field \"Named.x\" of action \"p\" cannot be read: "), "{error}");
    for message in [msg!("p"), msg!("p", Number: 1, Pair: (1, 2))] {
        let error = read::<Outside>(&message).expect_err("not one variant");
        assert!(error.contains("expected one field, named like a variant"), "{error}");
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Inside {
        Nothing,
        Named { x: i32 },
    }
    there_and_back(&Inside::Nothing, ", \"kind\": \"Nothing\"");
    there_and_back(&Inside::Named { x: 7 }, ", \"kind\": \"Named\", \"x\": 7");

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind", content = "it")]
    enum Beside {
        Named { x: i32 },
    }
    there_and_back(&Beside::Named { x: 7 }, ", \"kind\": \"Named\", \"it\": {\"x\": 7}");

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Bare {
        Strict(Strict),
        Other(BTreeMap<String, String>),
    }
    there_and_back(&Bare::Strict(Strict { x: 7 }), ", \"x\": 7");
    there_and_back(&Bare::Other(BTreeMap::from([("y".into(), "z".into())])), ", \"y\": \"z\"");
}

#[test]
fn what_has_no_fields_comes_back_or_does_not_go() {
    there_and_back(&(), "");
    there_and_back(&Unit, "");
    there_and_back(&None::<Strict>, "");
    there_and_back(&Some(Strict { x: 7 }), ", \"x\": 7");
    // Like any other struct, it passes over the fields that it does not have.
    assert_eq!(read(&msg!("p", x: 7)), Ok(Unit));
    assert_eq!(read(&msg!("p", x: 7)), Ok(()));

    // What the documentation owns up to.
    let something = Outgoing::typed("p", &Some(())).expect("no fields");
    assert_eq!(read(&something), Ok(None::<()>));
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Bare {
        Nothing,
    }
    let nothing = Outgoing::typed("p", &Bare::Nothing).expect("no fields");
    read::<Bare>(&nothing).expect_err("serde wants a nil for it");

    #[derive(Debug, Serialize, Deserialize)]
    struct NoPair();
    let cause = "a message is a struct or a map, not an array".to_owned();
    let refused = Err(SendError::NotSerializable { cause });
    assert_eq!(Outgoing::typed("p", &Vec::<i32>::new()), refused);
    assert_eq!(Outgoing::typed("p", &[0_i32; 0]), refused);
    assert_eq!(Outgoing::typed("p", &NoPair()), refused);
    let error = read::<Vec<i32>>(&msg!("p")).expect_err("no list");
    assert!(error.contains("invalid type: map, expected a sequence"), "{error}");
}

#[test]
fn the_action_is_never_a_field() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Bold {
        action: String,
    }
    let error = read::<Bold>(&msg!("p")).expect_err("nothing to read");
    assert!(error.contains("missing field `action`"), "{error}");
    #[derive(Debug, PartialEq, Deserialize)]
    struct Shy {
        action: Option<String>,
    }
    assert_eq!(read(&msg!("p")), Ok(Shy { action: None }));
}

#[test]
fn typed_and_get_agree_about_strange_keys() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Go {
        #[serde(default)]
        x: i32,
    }
    let mut numbered = Outgoing::new("p");
    numbered.field(&0, &7);
    assert_eq!(read(&numbered), Ok(Go { x: 0 }));
    assert_eq!(read(&numbered), Ok(BTreeMap::<String, i32>::new()));

    // Inside of a field the rules are rmp-serde's.
    let inside = [[(Value::from("x"), Value::from(1)), (Value::from("x"), Value::from(2))]];
    let inside = msg!("p", it: Value::Map(inside.concat()));
    let error = read::<BTreeMap<String, Go>>(&inside).expect_err("x twice");
    assert!(error.contains("duplicate field `x`"), "{error}");
    assert_eq!(read(&msg!("p", it: [7])), Ok(BTreeMap::from([("it".to_owned(), Go { x: 7 })])));

    let mut twice = Outgoing::new("p");
    twice.field("x", "no number").field("y", &1).field("x", &2).field(&0, &3).field("z", &4);
    assert_eq!(twice.view(|msg| msg.get::<i32>("x")).expect("the last one"), 2);
    assert_eq!(read(&twice), Ok(Go { x: 2 }));
    let all = [("y", 1), ("x", 2), ("z", 4)].map(|(key, value)| (key.to_owned(), value));
    assert_eq!(read(&twice), Ok(BTreeMap::from(all)));
}

#[test]
fn a_hundred_thousand_fields_are_read_in_one_go() {
    // Each looked for among all others, they would take minutes.
    for same in [true, false] {
        let pairs = (0..100_000).map(|n| {
            let key = if same { "x".to_owned() } else { format!("x{n}") };
            (Value::from(key), Value::from(n))
        });
        let action = (Value::from("action"), Value::from("p"));
        let map = Value::Map(pairs.chain([action]).collect());
        let message = Outgoing::from_value(&map).expect("a message");
        let all: BTreeMap<String, i64> = read(&message).expect("numbers");
        assert_eq!(all.len(), if same { 1 } else { 100_000 });
        assert_eq!(all.get(if same { "x" } else { "x99999" }), Some(&99_999));
    }
}

#[test]
fn texts_and_bytes_are_borrowed() {
    #[derive(Deserialize)]
    struct Borrowing<'m> {
        name: &'m str,
        raw: &'m [u8],
    }
    msg!("p", name: "ann", raw: b"\x01\xff").view(|msg| {
        let it: Borrowing<'_> = msg.typed().expect("both");
        assert_eq!((it.name, it.raw), ("ann", &b"\x01\xff"[..]));
        let within = msg.as_bytes().as_ptr_range();
        assert!(within.contains(&it.name.as_ptr()) && within.contains(&it.raw.as_ptr()));
    });
}

#[test]
fn what_a_type_does_not_have_may_be_anything() {
    let time = Timestamp { seconds: 1, nanoseconds: 2 };
    let message =
        msg!("p", time: time, ext: Value::Ext(5, vec![1]), deep: [[[1]]], x: 7, raw: b"a");
    #[derive(Debug, PartialEq, Deserialize)]
    struct Go {
        x: i32,
    }
    assert_eq!(read(&message), Ok(Go { x: 7 }));
}

/// What serde does not tell apart is told apart by nobody: the documentation says so.
#[test]
fn where_the_wire_is_not_that_of_msg() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Raw {
        bytes: Vec<u8>,
        pair: [u8; 2],
    }
    let raw = Raw { bytes: vec![1, 255], pair: [3, 4] };
    there_and_back(&raw, ", \"bytes\": [1, 255], \"pair\": [3, 4]");
    // Both ways of writing are read by both ways of reading.
    assert_eq!(read(&msg!("p", bytes: [1_u8, 255], pair: [3_u8, 4])), Ok(raw));
    let message = Outgoing::typed("p", &BTreeMap::from([("bytes", [1_u8, 255])])).expect("a map");
    assert_eq!(message.view(|msg| msg.get::<Vec<u8>>("bytes")).expect("bytes"), [1, 255]);

    #[derive(Serialize, Deserialize)]
    struct Borrowing<'m> {
        raw: &'m [u8],
    }
    let array = Outgoing::typed("p", &Borrowing { raw: b"a" }).expect("a struct");
    assert!(array.view(|msg| msg.typed::<Borrowing<'_>>().is_err()), "there are no bytes");

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wide {
        id: u128,
    }
    let wide = Outgoing::typed("p", &Wide { id: u128::MAX }).expect("a struct");
    assert_eq!(wide.view(|msg| msg.get::<Vec<u8>>("id")).expect("16 bytes"), [255; 16]);
    assert_eq!(read(&wide), Ok(Wide { id: u128::MAX }));
    assert_eq!(read(&msg!("p", id: 7)), Ok(Wide { id: 7 }));
    assert_eq!(read(&msg!("p", id: -1)), Ok(Wide { id: u128::MAX }));
}
