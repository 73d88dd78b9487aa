//! repod: its clients at our servers, ours at its.

use hexapod::{Client, MapRef, Value, msg};

use super::{REPOD, host_and_port, run};
use crate::examples::{Program, chat_server, greeted, joined, reads, serving};
use crate::harness::{frame, until};

/// A Python client that is connected.
#[track_caller]
pub(super) fn client(python: &str, addr: &str) -> Program {
    let mut program = run(python, "repod_client.py", &host_and_port(addr));
    program.says("connected");
    program
}

/// `{'action': 'players', …}` as Python shows it.
fn players(nicks: &str) -> String {
    format!("got {{'action': 'players', 'players': [{nicks}], 'list': [{nicks}]}}")
}

/// `{'action': 'message', …}` as Python shows it.
fn message(nick: &str, text: &str) -> String {
    format!(
        "got {{'action': 'message', 'text': {text}, 'nickname': {nick}, 'message': {text}, \
         'who': {nick}}}"
    )
}

fn system(text: &str) -> String {
    format!("got {{'action': 'system', 'text': {text}}}")
}

#[test]
fn python_and_rust_chat() {
    let Some(python) = REPOD.find() else { return };
    let (mut server, addr) = chat_server();
    let mut ann = joined(&addr, "ann");
    let mut pia = client(&python, &addr);
    assert_eq!(pia.next(), system("'Anonymous joined the chat'"));
    assert_eq!(pia.next(), players("'ann', 'Anonymous'"));
    assert_eq!(ann.next(), "*** Anonymous joined the chat");
    assert_eq!(ann.next(), "*** players: ann, Anonymous");

    pia.types("nick pía");
    assert_eq!(pia.next(), system(r"'Anonymous is now p\xeda'"));
    assert_eq!(pia.next(), players(r"'ann', 'p\xeda'"));
    assert_eq!(ann.next(), "*** Anonymous is now pía");
    assert_eq!(ann.next(), "*** players: ann, pía");

    pia.types("say grüße ✓");
    assert_eq!(pia.next(), message(r"'p\xeda'", r"'gr\xfc\xdfe \u2713'"));
    assert_eq!(ann.next(), "pía: grüße ✓");
    ann.types("hello 🐍");
    assert_eq!(ann.next(), "ann: hello 🐍");
    assert_eq!(pia.next(), message("'ann'", r"'hello \U0001f40d'"));
    // The words of PodSixNet's chat.
    pia.types("send {'action': 'message', 'message': 'from of old'}");
    assert_eq!(pia.next(), message(r"'p\xeda'", "'from of old'"));
    assert_eq!(ann.next(), "pía: from of old");

    // One leaves in good order, another one without a word.
    let mut leo = client(&python, &addr);
    leo.types("nick leo");
    leo.says(&players(r"'ann', 'p\xeda', 'leo'"));
    for (nick, order, left) in [("leo", "leave", "ann, pía"), ("pía", "die", "ann")] {
        let who = if nick == "leo" { &mut leo } else { &mut pia };
        who.types(order);
        ann.says(&format!("*** {nick} left the chat"));
        assert_eq!(ann.next(), format!("*** players: {left}"));
    }
    assert_eq!((leo.ends(), pia.ends()), (Some(0), Some(1)));
    server.begins("#3 leo left: ");
    server.begins("#2 pía left: ");

    // And Rust leaves Python.
    let mut tom = client(&python, &addr);
    tom.says(&players("'ann', 'Anonymous'"));
    ann.end_of_input();
    assert_eq!(tom.next(), system("'ann left the chat'"));
    assert_eq!(tom.next(), players("'Anonymous'"));
    assert_eq!(ann.ends(), Some(0));
    server.types("quit");
    assert_eq!(tom.next(), system("'the server ends the chat'"));
    assert_eq!(tom.next(), "disconnected");
    assert_eq!((tom.ends(), server.ends()), (Some(0), Some(0)));
}

#[test]
fn the_relay_passes_on_what_python_says() {
    let Some(python) = REPOD.find() else { return };
    let (mut relay, addr) = serving(Program::example("relay", ["serve", "127.0.0.1:0"]));
    let (mut one, mut two) = (client(&python, &addr), client(&python, &addr));
    for chat in [
        concat!(
            r"{'action': 'chat', 'text': 'gr\xfc\xdfe \u2713 \U0001f40d', 'nested': {'list': ",
            r"[1, -2, [], {}, [[3.5, None], True]], 'inside': {'bytes': b'\x00\xff', '': 0}}}",
        ),
        concat!(
            r"{'big': 18446744073709551615, 'action': 'chat', 'small': -9223372036854775808, ",
            r"7: 'seven', None: False, 0.5: b'', b'\xff': 1e+300, 'Action': 'chat'}",
        ),
    ] {
        one.types("send {'action': 'secret'}");
        one.types(&format!("send {chat}"));
        assert_eq!(one.next(), format!("got {chat}"));
        assert_eq!(two.next(), format!("got {chat}"));
    }
    relay.says("messages that were not chat: 2");

    // The same between Python and bare bytes.
    let mut stream = greeted(&addr);
    two.types(r"send {'action': 'chat', 'x': [1, 2.5, '\xe4']}");
    let chat = b"\x82\xa6action\xa4chat\xa1x\x93\x01\xcb\x40\x04\0\0\0\0\0\0\xa2\xc3\xa4";
    reads(&mut stream, &frame(chat));
    assert_eq!(one.next(), r"got {'action': 'chat', 'x': [1, 2.5, '\xe4']}");
}

#[test]
fn the_rust_chat_joins_a_python_server() {
    let Some(python) = REPOD.find() else { return };
    let (mut server, addr) = serving(run(&python, "repod_server.py", &[]));
    let mut ann = Program::example("chat", ["join", &addr, "--nick", "ann"]);
    server.says("joined");
    assert_eq!(server.next(), "got {'action': 'nickname', 'nickname': 'ann'}");
    ann.types("grüße ✓");
    assert_eq!(server.next(), r"got {'action': 'message', 'text': 'gr\xfc\xdfe \u2713'}");
    ann.begins("*** you are in: type your messages");
    // The words of repod's own chat, and then some.
    server.types("all {'action': 'system', 'text': 'ann joined the chat'}");
    server.types("all {'action': 'what', 'is': 'this'}");
    server.types("all {'action': 'players', 'list': ['ann', 'bob']}");
    server.types(r"all {'action': 'message', 'text': 'hi \u2713', 'nickname': 'bob'}");
    assert_eq!(ann.next(), "*** ann joined the chat");
    assert_eq!(ann.next(), "*** players: ann, bob");
    assert_eq!(ann.next(), "bob: hi ✓");
    server.types("quit");
    assert_eq!(ann.next(), "*** the chat is over: closed by the peer");
    assert_eq!((ann.ends(), server.ends()), (Some(0), Some(0)));
}

/// What a client has been told, in order.
type Log = Vec<String>;

#[test]
fn a_client_plays_with_a_python_server() {
    let Some(python) = REPOD.find() else { return };
    let (mut server, addr) = serving(run(&python, "repod_server.py", &[]));
    let (mut client, mut log) = (Client::<Log>::connect(&addr), Log::new());
    client.on_connect(|ctx| ctx.state.push("up".to_owned()));
    client.on_connect_failed(|ctx, error| ctx.state.push(format!("failed: {error}")));
    client.on_disconnect(|ctx, reason| ctx.state.push(format!("down: {reason}")));
    client.on_error(|log, fault| log.push(format!("fault: {fault}")));
    client.on("pong", |ctx, msg| {
        ctx.send(msg!("thanks", n: msg.get::<u8>("n")?));
        let bytes = msg.get::<MapRef<'_>>("nested")?.get("k");
        ctx.state.push(format!("{msg} {bytes:?}"));
        Ok(())
    });
    client.on_unhandled(|ctx, msg| ctx.state.push(msg.to_string()));
    let mut wait_for = |client: &mut Client<Log>, entries: usize| {
        until(|| {
            client.pump(&mut log);
            log.len() >= entries
        });
        assert_eq!(log.len(), entries, "{log:?}");
        log[entries - 1].clone()
    };

    // Said before the connection is up.
    let nested = Value::Map(vec![(1.into(), Value::Nil), ("k".into(), Value::Bytes(vec![0, 255]))]);
    client.send(msg!("ping", n: 1, text: "grüße", pair: (1.5, -1), nested: nested));
    assert_eq!(wait_for(&mut client, 1), "up");
    let nested = r#""nested": {1: nil, "k": <2 bytes>}} Some(Bytes([0, 255]))"#;
    let pong =
        format!(r#"{{"action": "pong", "n": 1, "text": "grüße", "pair": [1.5, -1], {nested}"#);
    assert_eq!(wait_for(&mut client, 2), pong);
    server.says("joined");
    let nested = r"'pair': [1.5, -1], 'nested': {1: None, 'k': b'\x00\xff'}";
    assert_eq!(
        server.next(),
        format!(r"got {{'action': 'ping', 'n': 1, 'text': 'gr\xfc\xdfe', {nested}}}")
    );
    client.flush();
    assert_eq!(server.next(), "got {'action': 'thanks', 'n': 1}");

    // The words of the greeting are an ordinary message later on.
    server.types("all {'action': 'connected'}");
    assert_eq!(wait_for(&mut client, 3), r#"{"action": "connected"}"#);
    // Just below the limit of a frame, there and back.
    let len = (1 << 20) - 64;
    client.on("long", |ctx, msg| {
        ctx.state.push(format!("long {}", msg.get::<&str>("text")?.len()));
        Ok(())
    });
    client.send(msg!("long", text: "x".repeat(len)));
    assert_eq!(wait_for(&mut client, 4), format!("long {len}"));
    server.says(&format!("long {len}"));

    server.types("all {'action': 'bye', 'why': None}");
    assert_eq!(wait_for(&mut client, 5), r#"{"action": "bye", "why": nil}"#);
    server.types("quit");
    assert_eq!(wait_for(&mut client, 6), "down: closed by the peer");
    assert_eq!(server.ends(), Some(0));
    assert!(client.is_closed());
}

#[test]
fn a_client_leaves_a_python_server() {
    let Some(python) = REPOD.find() else { return };
    let (mut server, addr) = serving(run(&python, "repod_server.py", &[]));
    let mut client = Client::<()>::connect(&addr);
    client.send(msg!("ping"));
    server.says("joined");
    until(|| {
        client.pump(&mut ());
        client.is_connected()
    });
    client.send(msg!("last", words: "and these"));
    assert!(client.shutdown(&mut (), std::time::Duration::from_secs(10)));
    server.says("got {'action': 'last', 'words': 'and these'}");
    assert_eq!(server.next(), "left");
}

/// The client programs that repod itself ships, untouched. `HEXAPOD_REPOD_EXAMPLES` names their
/// folder, `examples` in its source package; without it the test is skipped.
#[test]
fn repods_own_clients_play() {
    let Some(python) = REPOD.find() else { return };
    let Some(folder) = std::env::var_os("HEXAPOD_REPOD_EXAMPLES") else {
        eprintln!("skipped: HEXAPOD_REPOD_EXAMPLES does not name repod's own examples");
        return;
    };
    let own = |path: &str, addr: &str| {
        let mut command = std::process::Command::new(&python);
        let program = std::path::Path::new(&folder).join(path);
        command.args(["-u", "-X", "utf8"]).arg(program).args(host_and_port(addr));
        Program::start(&mut command)
    };

    let (_server, addr) = chat_server();
    let mut ann = joined(&addr, "ann");
    let mut pia = own("chat/client.py", &addr);
    pia.line_with(|line| line.ends_with("Connected to server!"), "Connected to server!");
    pia.types("pia");
    pia.says("Players: ann, pia");
    pia.types("grüße ✓");
    pia.says("pia: grüße ✓");
    ann.says("pia: grüße ✓");
    ann.types("hello");
    pia.says("ann: hello");

    let (mut server, addr) = serving(Program::example("lag_time", ["serve", "127.0.0.1:0"]));
    let mut player = own("lag_time/client.py", &addr);
    player.says("Disconnected from server");
    assert_eq!(player.ends(), Some(0));
    server.line_with(|line| line.starts_with("#1 ") && line.contains("left"), "#1");
}
