//! JSON in another language: Node, with nothing but its own modules.

use hexapod::{Client, Config, Dialect, Outgoing, Server, msg};

use super::{NODE, host_and_port, script};
use crate::examples::{Program, serving};
use crate::harness::until;

type Log = Vec<String>;

fn run(node: &str, args: &[&str]) -> Program {
    Program::start(std::process::Command::new(node).arg(script("node/json_peer.js")).args(args))
}

/// A client in Node.
pub(super) fn client(node: &str, addr: &str) -> Program {
    let [host, port] = host_and_port(addr);
    run(node, &["join", host, port])
}

#[test]
fn node_plays_on_a_server() {
    let Some(node) = NODE.find() else { return };
    let mut server = Server::<Log>::with_config(Config::new().quiet(true));
    let addr = server.listen("127.0.0.1:0", Dialect::JSON).expect("a free port").to_string();
    server.on_any(|ctx, msg| ctx.broadcast(Outgoing::from(msg)));
    server.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
    server.on_error(|log, fault| log.push(fault.to_string()));
    let (mut ann, mut log) = (client(&node, &addr), Log::new());
    let next = |server: &mut Server<Log>, log: &mut Log, program: &mut Program| {
        let mut line = None;
        until(|| {
            server.pump(log);
            line = program.try_next();
            line.is_some()
        });
        line.expect("a line")
    };
    assert!(next(&mut server, &mut log, &mut ann).starts_with(r#"got {"action":"connected""#));
    for said in [
        r#"{"action":"a","text":"grüße ✓ 🐍","":null,"yes":true,"list":[1,[2,[]]],"map":{"k":{}}}"#,
        r#"{"action":"a","ints":[0,-1,9007199254740991,-9007199254740991],"floats":[1.5,-0.1]}"#,
    ] {
        ann.types(&format!("send {said}"));
        assert_eq!(next(&mut server, &mut log, &mut ann), format!("got {said}"));
    }
    let len = (1 << 20) - 64;
    ann.types(&format!("long {len}"));
    assert_eq!(next(&mut server, &mut log, &mut ann), format!("long {len}"));

    // What is no message is left out; broken text ends this link and no other.
    let mut bob = client(&node, &addr);
    assert!(next(&mut server, &mut log, &mut bob).starts_with(r#"got {"action":"connected""#));
    for odd in ["null", "[1]", "{}", r#"{"action":7}"#, r#"{"action":"a","action":"b"}"#] {
        bob.types(&format!("send {odd}"));
    }
    bob.types(r#"send {"action":"still here"}"#);
    assert_eq!(next(&mut server, &mut log, &mut bob), r#"got {"action":"still here"}"#);
    assert_eq!(log.len(), 5, "{log:?}");
    bob.types(r#"send {"action":"a",}"#);
    assert_eq!(next(&mut server, &mut log, &mut bob), "disconnected");
    assert!(log[5].starts_with("not understood: "), "{log:?}");
    ann.types("die");
    until(|| {
        server.pump(&mut log);
        log.len() == 7
    });
    assert_eq!((ann.ends(), bob.ends()), (Some(1), Some(0)));
}

#[test]
fn a_client_plays_on_a_server_in_node() {
    let Some(node) = NODE.find() else { return };
    let (mut server, addr) = serving(run(&node, &["serve"]));
    let mut client = Client::<Log>::with_config(Config::new().dialect(Dialect::JSON));
    client.on_any(|ctx, msg| ctx.state.push(msg.to_string()));
    client.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
    client.connect_to(&addr);
    client.send(msg!("early", x: 1.0, text: "grüße \" \\"));
    let mut log = Log::new();
    until(|| {
        client.pump(&mut log);
        client.is_connected()
    });
    server.says("joined");
    assert_eq!(server.next(), r#"got {"action":"early","x":1.0,"text":"grüße \" \\"}"#);
    server.types(r#"send {"action":"news","list":[1,2.5,null]}"#);
    server.types("leave");
    until(|| {
        client.pump(&mut log);
        log.len() == 2
    });
    assert_eq!(log, [r#"{"action": "news", "list": [1, 2.5, nil]}"#, "closed by the peer"]);
}
