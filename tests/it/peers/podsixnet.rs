//! PodSixNet: its clients at our servers, ours at its.

use hexapod::{Client, Config, Dialect, Encoder, IntoValue, MapRef, Outgoing, Server, Tuple, msg};

use super::{PODSIXNET, host_and_port, run};
use crate::examples::{Program, joined, serving, serving_all};
use crate::harness::until;
use crate::manual::{blocks, page};
use crate::tutorial::Built;

/// A Python client that is connected.
#[track_caller]
pub(super) fn client(python: &str, addr: &str) -> Program {
    let mut program = run(python, "podsixnet_client.py", &host_and_port(addr));
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
fn podsixnet_and_rust_chat() {
    let Some(python) = PODSIXNET.find() else { return };
    let mut served = serving_all("chat");
    let mut ann = joined(&served.repod, "ann");
    let mut pia = client(&python, &served.podsixnet);
    assert_eq!(pia.next(), system("'anonymous joined the chat'"));
    assert_eq!(pia.next(), players("'ann', 'anonymous'"));
    pia.types("nick pía");
    pia.says(&players(r"'ann', 'p\xeda'"));
    ann.says("*** players: ann, pía");
    pia.types("say grüße ✓");
    assert_eq!(pia.next(), message(r"'p\xeda'", r"'gr\xfc\xdfe \u2713'"));
    assert_eq!(ann.next(), "pía: grüße ✓");
    ann.types("hello 🐍");
    assert_eq!(pia.next(), message("'ann'", r"'hello \U0001f40d'"));

    // One leaves in good order, another one without a word.
    let mut leo = client(&python, &served.podsixnet);
    leo.types("nick leo");
    leo.says(&players(r"'ann', 'p\xeda', 'leo'"));
    for (nick, order, left) in [("leo", "leave", "ann, pía"), ("pía", "die", "ann")] {
        let who = if nick == "leo" { &mut leo } else { &mut pia };
        who.types(order);
        ann.says(&format!("*** {nick} left the chat"));
        assert_eq!(ann.next(), format!("*** players: {left}"));
    }
    assert_eq!((leo.ends(), pia.ends()), (Some(0), Some(1)));

    let mut tom = client(&python, &served.podsixnet);
    served.program.types("quit");
    tom.says(&system("'the server ends the chat'"));
    assert_eq!(tom.next(), "disconnected");
    assert_eq!(tom.ends(), Some(0));
}

type Log = Vec<String>;

/// A server for PodSixNet's clients that passes everything on to everybody, and writes down what
/// happens.
fn relay() -> (Server<Log>, String) {
    let mut server = Server::<Log>::with_config(Config::new().quiet(true));
    let addr = server.listen("127.0.0.1:0", Dialect::PODSIXNET).expect("a free port");
    server.on_connect(|ctx| ctx.state.push(format!("{} up", ctx.peer())));
    server.on_disconnect(|ctx, reason| ctx.state.push(format!("{} down: {reason}", ctx.peer())));
    server.on_any(|ctx, msg| match msg.action() {
        // Its clients take these for events of their own, whoever says them.
        "connected" | "disconnected" | "error" | "socketConnect" => {
            ctx.state.push(format!("{} says {}", ctx.peer(), msg.action()));
        }
        _ => ctx.broadcast(Outgoing::from(msg)),
    });
    server.on_error(|log, fault| log.push(fault.to_string()));
    (server, addr.to_string())
}

/// Pumps until a program says something; returns it.
#[track_caller]
fn next(server: &mut Server<Log>, log: &mut Log, program: &mut Program) -> String {
    let mut line = None;
    until(|| {
        server.pump(log);
        line = program.try_next();
        line.is_some()
    });
    line.expect("a line")
}

#[test]
fn everything_that_podsixnet_can_say_comes_back_as_it_was() {
    let Some(python) = PODSIXNET.find() else { return };
    let ((mut server, addr), mut log) = (relay(), Log::new());
    let [mut ann, mut bob] = [(); 2].map(|()| {
        let mut program = run(&python, "podsixnet_client.py", &host_and_port(&addr));
        assert_eq!(next(&mut server, &mut log, &mut program), "connected");
        program
    });
    for said in [
        r"{'action': 'a', 'text': 'gr\xfc\xdfe \u2713 \U0001f40d', '': None, 'yes': True}",
        "{'action': 'a', 'list': [1, [2, []]], 'tuple': (1, (2, ())), 'both': [(1,), [(2, [3])]]}",
        "{'action': 'a', 1: 'int', -1.5: 'float', None: 'none', False: 'bool', 'dict': {0: {}}}",
        "{'action': 'a', 'ints': [0, 43, 44, -32, -33, 127, 128, 32767, 32768, 2147483648]}",
        "{'action': 'a', 'big': 9223372036854775807, 'small': -9223372036854775808}",
        "{'action': 'a', 'floats': [0.0, 1.5, -0.25, 16777216.0]}",
        // What PodSixNet's own server cuts in two: plain values that hold its terminator.
        "{'action': 'pos', 'p': [2960685, 0]}",
        "{'action': 'pos', 'p': (2960685, 0, 72057594041063680)}",
        r"{'action': 'pos', 'p': [0, '---\x00', 0], 'q': '\x00---'}",
    ] {
        ann.types(&format!("send {said}"));
        for program in [&mut ann, &mut bob] {
            assert_eq!(next(&mut server, &mut log, program), format!("got {said}"));
        }
    }
    // Floats have 32 bits there, and text and bytes are one type.
    ann.types("send {'action': 'a', 'x': 0.1, 'b': b'abc'}");
    let heard = "got {'action': 'a', 'x': 0.10000000149011612, 'b': 'abc'}";
    assert_eq!(next(&mut server, &mut log, &mut bob), heard);

    // What is heard and cannot be said to them is told, and hurts nobody.
    ann.types(r"send {'action': 'a', 'text': 'all five: \x00---\x00'}");
    ann.types("send {'action': 'a', 'n': 340282366920938463463374607431768211456}");
    ann.types("send {'action': 'a', (1, 2): 'a tuple as a key'}");
    // Nor does what is no message, or uses the words of events.
    for odd in ["None", "[1, 2]", "{}", "{'text': 'no action'}", "{'action': 5}", "'connected'"] {
        ann.types(&format!("send {odd}"));
    }
    for event in ["connected", "disconnected", "error", "socketConnect"] {
        ann.types(&format!("send {{'action': '{event}'}}"));
    }
    ann.types("send {'action': 'last'}");
    while next(&mut server, &mut log, &mut bob) != "got {'action': 'last'}" {}
    assert_eq!(log[..2], ["#1 up", "#2 up"]);
    let faults = server.faults();
    assert_eq!((faults.send, faults.not_a_message), (1, 8), "{log:?}");
    assert!(log[2].contains("did not send \"a\": "), "{log:?}");
    assert_eq!(log.iter().filter(|line| line.starts_with("#1 says ")).count(), 4);
    assert_eq!(log.len(), 2 + 1 + 8 + 4);
    assert_eq!(server.peers().count(), 2);
}

#[test]
fn a_message_just_below_the_limit_goes_both_ways_and_beyond_it_ends_one_link() {
    let Some(python) = PODSIXNET.find() else { return };
    let ((mut server, addr), mut log) = (relay(), Log::new());
    let [mut ann, mut bob] = [(); 2].map(|()| {
        let mut program = run(&python, "podsixnet_client.py", &host_and_port(&addr));
        assert_eq!(next(&mut server, &mut log, &mut program), "connected");
        program
    });
    let len = (1 << 20) - 64;
    ann.types(&format!("long {len}"));
    for program in [&mut ann, &mut bob] {
        assert_eq!(next(&mut server, &mut log, program), format!("long {len}"));
    }
    ann.types(&format!("long {}", 1 << 20));
    assert_eq!(next(&mut server, &mut log, &mut ann), "disconnected");
    assert!(log[2].starts_with("#1 down: not understood: a frame of 104"), "{log:?}");
    bob.types("send {'action': 'still', 'here': 1}");
    let heard = next(&mut server, &mut log, &mut bob);
    assert_eq!(heard, "got {'action': 'still', 'here': 1}");
}

#[test]
fn a_client_plays_with_a_podsixnet_server() {
    let Some(python) = PODSIXNET.find() else { return };
    let (mut server, addr) = serving(run(&python, "podsixnet_server.py", &[]));
    let mut client = Client::<Log>::with_config(Config::new().dialect(Dialect::PODSIXNET));
    let mut log = Log::new();
    client.on_connect(|ctx| ctx.state.push("up".to_owned()));
    client.on_disconnect(|ctx, reason| ctx.state.push(format!("down: {reason}")));
    client.on_error(|log, fault| log.push(format!("fault: {fault}")));
    client.on("pong", |ctx, msg| {
        ctx.send(msg!("thanks", n: msg.get::<u8>("n")?));
        let nested = msg.get::<MapRef<'_>>("nested")?.get("k");
        ctx.state.push(format!("{msg} {nested:?}"));
        Ok(())
    });
    client.on_unhandled(|ctx, msg| ctx.state.push(msg.to_string()));
    client.connect_to(&addr);
    // Said before the connection is up; two plain ints among it that hold the terminator.
    client.send(msg!("ping", n: 1, text: "grüße", pair: Tuple((1.5, -1)), list: [2_960_685, 0],
        nested: std::collections::BTreeMap::from([("k", 7)])));
    let mut wait_for = |client: &mut Client<Log>, entries: usize| {
        until(|| {
            client.pump(&mut log);
            log.len() >= entries
        });
        assert_eq!(log.len(), entries, "{log:?}");
        log[entries - 1].clone()
    };
    assert_eq!(wait_for(&mut client, 1), "up");
    server.says("joined");
    let fields = r"'n': 1, 'text': 'gr\xfc\xdfe', 'pair': (1.5, -1), 'list': [2960685, 0]";
    assert_eq!(server.next(), format!("got {{'action': 'ping', {fields}, 'nested': {{'k': 7}}}}"));
    let pong = concat!(
        r#"{"action": "pong", "n": 1, "text": "grüße", "pair": [1.5, -1], "#,
        r#""list": [2960685, 0], "nested": {"k": 7}} Some(Int(7))"#,
    );
    assert_eq!(wait_for(&mut client, 2), pong);
    client.flush();
    assert_eq!(server.next(), "got {'action': 'thanks', 'n': 1}");
    server.types("all {'action': 'connected'}");
    assert_eq!(wait_for(&mut client, 3), r#"{"action": "connected"}"#);
    server.types("all {'action': 'disconnected'}");
    assert_eq!(wait_for(&mut client, 4), r#"{"action": "disconnected"}"#);

    // Just below the limit of a frame, there and back.
    let len = (1 << 20) - 64;
    client.on("long", |ctx, msg| {
        ctx.state.push(format!("long {}", msg.get::<&str>("text")?.len()));
        Ok(())
    });
    client.send(msg!("long", text: "x".repeat(len)));
    assert_eq!(wait_for(&mut client, 5), format!("long {len}"));
    server.says(&format!("long {len}"));

    // What is said just before the end is heard; and the end of the server is an end with a reason.
    let mut second = Client::<Log>::with_config(Config::new().dialect(Dialect::PODSIXNET));
    second.connect_to(&addr);
    let mut seen = Log::new();
    until(|| {
        second.pump(&mut seen);
        second.is_connected()
    });
    second.send(msg!("last", words: "and these"));
    assert!(second.shutdown(&mut seen, std::time::Duration::from_secs(10)));
    server.says("got {'action': 'last', 'words': 'and these'}");
    assert_eq!(server.next(), "left");
    server.types("quit");
    assert_eq!(wait_for(&mut client, 6), "down: closed by the peer");
    assert_eq!(server.ends(), Some(0));
}

/// A player's own program for a game of old.
fn player(python: &str, game: &str, addr: &str) -> Program {
    let [host, port] = host_and_port(addr);
    run(python, "podsixnet_games.py", &[game, host, port])
}

#[test]
fn lag_time_of_podsixnet() {
    let Some(python) = PODSIXNET.find() else { return };
    // It says the same back from within its handler, eleven times, and leaves.
    let mut served = serving_all("lag_time");
    let mut player = player(&python, "lag", &served.podsixnet);
    for count in 0..=10 {
        assert_eq!(player.next(), format!("ping {count}"));
    }
    assert_eq!(player.ends(), Some(0));
    let line = served.program.line_with(|line| line.contains("left"), "left");
    assert!(line.starts_with("#1 ") && line.contains(" 11   "), "{line}");
}

#[test]
fn whiteboard_of_podsixnet() {
    let Some(python) = PODSIXNET.find() else { return };
    let served = serving_all("whiteboard");
    let mut ann = player(&python, "board", &served.podsixnet);
    assert_eq!(ann.next(), "initial {'1': {'color': [168, 0, 84], 'lines': []}}");
    assert_eq!(ann.next(), "players 1");
    ann.types("line 10,20 30,40 -5,600");
    ann.says("points 3");

    // Bob goes on with the lists that he was sent: a tuple would be the end of him.
    let mut bob = player(&python, "board", &served.podsixnet);
    let of_ann = "'1': {'color': [168, 0, 84], 'lines': [[(10, 20), (30, 40), (-5, 600)]]}";
    let of_bob = "'2': {'color': [0, 84, 168], 'lines': []}";
    assert_eq!(bob.next(), format!("initial {{{of_ann}, {of_bob}}}"));
    assert_eq!(bob.next(), "players 2");
    ann.says("players 2");
    ann.types("line 7,7");
    bob.says("points 4");
    bob.types("line 1,2 3,4");
    ann.says("points 6");
    bob.says("points 6");
    let of_ann =
        "'1': {'color': [168, 0, 84], 'lines': [[(10, 20), (30, 40), (-5, 600)], [(7, 7)]]}";
    let of_bob = "'2': {'color': [0, 84, 168], 'lines': [[(1, 2), (3, 4)]]}";
    for program in [&mut ann, &mut bob] {
        program.types("show");
        assert_eq!(program.next(), format!("board {{{of_ann}, {of_bob}}}"));
    }
    ann.types("leave");
    assert_eq!(ann.ends(), Some(0));
    bob.says("players 1");
    bob.types("show");
    assert_eq!(bob.next(), format!("board {{{of_bob}}}"));
}

#[test]
fn a_podsixnet_that_vanishes_leaves_once() {
    let Some(python) = PODSIXNET.find() else { return };
    let ((mut server, addr), mut log) = (relay(), Log::new());
    let mut programs = [(); 4].map(|()| {
        let mut program = run(&python, "podsixnet_client.py", &host_and_port(&addr));
        assert_eq!(next(&mut server, &mut log, &mut program), "connected");
        program
    });
    programs[0].types("leave");
    programs[1].types("die");
    programs[2].end_of_input();
    let [.., killed] = programs;
    drop(killed);
    until(|| {
        // Some of this meets those who have gone.
        server.broadcast(msg!("noise", list: [0; 100]));
        server.pump(&mut log);
        server.peers().next().is_none()
    });
    for _ in 0..100 {
        server.pump(&mut log);
    }
    // Whether the last noise met them still, or a closed door, is chance.
    log.retain(|line| line.starts_with('#'));
    log.sort();
    for (n, events) in (1..).zip(log.chunks(2)) {
        assert!(events[0].starts_with(&format!("#{n} down: ")), "{log:?}");
        assert_eq!(events[1], format!("#{n} up"));
    }
    assert_eq!(log.len(), 8, "{log:?}");
}

// --- Messages that are made to break it ----------------------------------------------------------

/// Numbers that look like chance, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Bytes of the terminator and a few others.
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        [(); N].map(|()| self.of(&[0, 0x2d, 0x2d, 0x2d, 1]))
    }

    /// A text of zeros and dashes that comes as near to the terminator as can be said.
    fn text(&mut self) -> String {
        loop {
            let len = self.of(&[0, 1, 3, 4, 5, 9, 63, 64, 70]);
            let text: String = (0..len).map(|_| self.of(&['\0', '-', '-', '-', 'x'])).collect();
            if !text.contains("\0---\0") {
                return text;
            }
        }
    }

    fn value(&mut self, depth: usize) -> Chance {
        let len = self.of(&[0, 1, 2, 3, 4, 33]);
        match self.below(if depth == 0 { 5 } else { 8 }) {
            0 => Chance::Text(self.text()),
            1 => {
                let shift = self.of(&[0, 8, 24, 32, 40, 48, 56]);
                Chance::Int((i64::from_be_bytes(self.bytes()) >> shift) - self.below(2) as i64)
            }
            2 => Chance::Int(self.of(&[0, 0, 45, -46, 0x2d2d, 0x2d_2d2d, -0x2d_2d2e])),
            3 => Chance::Float(f32::from_be_bytes(self.bytes())),
            4 => Chance::Bool(self.of(&[None, Some(true), Some(false)])),
            5 => Chance::List((0..len).map(|_| self.value(depth - 1)).collect()),
            6 => Chance::Tuple((0..len).map(|_| self.value(depth - 1)).collect()),
            _ => {
                let first = self.of(&[0, 43, 0x2d_2d2d, 0x2d2d_2d00, 0x0100_2d2d_2d00]);
                Chance::Dict((first..).take(len).map(|key| (key, self.value(depth - 1))).collect())
            }
        }
    }
}

/// A value that is chance.
enum Chance {
    Text(String),
    Int(i64),
    Float(f32),
    Bool(Option<bool>),
    List(Vec<Self>),
    Tuple(Vec<Self>),
    Dict(Vec<(i64, Self)>),
}

impl IntoValue for Chance {
    fn encode(&self, out: &mut Encoder) {
        let items = |out: &mut Encoder, items: &[Self]| items.iter().for_each(|it| out.value(it));
        match self {
            Self::Text(text) => out.value(text),
            Self::Int(int) => out.value(int),
            Self::Float(float) => out.value(float),
            Self::Bool(bool) => out.value(bool),
            Self::List(list) => out.array(|out| items(out, list)),
            Self::Tuple(tuple) => out.tuple(|out| items(out, tuple)),
            Self::Dict(pairs) => out.map(|map| {
                for (key, value) in pairs {
                    map.entry(key, value);
                }
            }),
        }
    }
}

#[test]
fn messages_full_of_terminators_come_back_from_a_podsixnet() {
    let Some(python) = PODSIXNET.find() else { return };
    let mut server = Server::<Vec<Outgoing>>::with_config(Config::new().quiet(true));
    let addr = server.listen("127.0.0.1:0", Dialect::PODSIXNET).expect("a free port").to_string();
    server.on_any(|ctx, msg| ctx.state.push(msg.into()));
    server.on_disconnect(|_, reason| panic!("{reason}"));
    server.on_error(|_, fault| panic!("{fault}"));
    let mut ann = run(&python, "podsixnet_client.py", &host_and_port(&addr));
    let (mut heard, mut said) = (Vec::new(), Vec::new());
    ann.types("echo");
    until(|| {
        server.pump(&mut heard);
        ann.try_next().is_some_and(|line| line == "echoes")
    });
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..1000 {
        let message = msg!("x", a: random.value(2), b: random.value(0), c: random.value(1));
        server.broadcast(message.clone());
        said.push(message);
    }
    until(|| {
        server.pump(&mut heard);
        heard.len() == said.len()
    });
    // Byte for byte, so tuples are tuples, and floats are those of 32 bits.
    for (heard, said) in heard.iter().zip(&said) {
        assert_eq!(heard, said);
    }
}

/// The chat of the manual, on PodSixNet and here: the same clients, the same words.
#[test]
fn the_two_chats_of_the_manual_do_the_same() {
    let Some(python) = PODSIXNET.find() else { return };
    let page = page("_09_from_python.rs");
    let blocks = blocks(&page, "python");
    let [program] = &blocks[..] else { panic!("one program in Python") };
    let bound = "chat = Chat(localaddr=(\"127.0.0.1\", 31425))\n";
    let tell = "print(\"listening on 127.0.0.1:%d\" % chat.socket.getsockname()[1], flush=True)\n";
    assert_eq!(program.matches(bound).count(), 1);
    let program = program.replace(bound, &(bound.replace("31425", "0") + tell));
    let mut command = std::process::Command::new(&python);
    let in_python = serving(Program::start(command.args(["-W", "ignore", "-c", &program])));

    let built = Built::build("from-python", &page, "127.0.0.1:31425");
    let in_rust = built.server("chat_for_python");
    for (_server, addr) in [in_python, in_rust] {
        let mut ann = client(&python, &addr);
        let mut bob = client(&python, &addr);
        ann.types("say hello ✓");
        ann.types("nick ann");
        ann.types("say it is me");
        for program in [&mut ann, &mut bob] {
            let message = |who: &str, text: &str| {
                format!("got {{'action': 'message', 'who': '{who}', 'message': '{text}'}}")
            };
            assert_eq!(program.next(), message("somebody", r"hello \u2713"));
            assert_eq!(program.next(), message("ann", "it is me"));
        }
    }
}
