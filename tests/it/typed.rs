//! Typed messages: structs on one side, `msg!` and `get` on the other.

use std::collections::BTreeMap;

use hexapod::{MemoryNetwork, Outgoing, SendError, msg};
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
