//! All kinds at once: two hundred clients of every dialect in one game, and real ones among them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use hexapod::{Client, Config, Dialect, MemoryNetwork, Outgoing, Server, Value, msg};

use super::{PODSIXNET, REPOD, dialects, host_and_port, podsixnet, repod, run};
use crate::examples::{Program, joined, serving_all};
use crate::harness::{Network, Stream, frame, until};

/// How many say one thing each, which everybody hears.
const CLIENTS: u16 = 200;
/// Those on sockets take two descriptors each; the others are in memory.
const ON_SOCKETS: u16 = 24;
/// From here on they are bare streams, which know nothing of hexapod. All numbers of these take as
/// many bytes.
const BARE: u16 = 170;

/// Somebody in the crowd, and whom they have heard: each in its own words, once.
enum Member {
    Hexapod(Box<Client<Vec<String>>>, Vec<String>),
    Bare(Stream, Dialect, Vec<u8>),
    Real(Program, Vec<String>),
}

impl Member {
    fn hexapod(mut client: Client<Vec<String>>) -> Self {
        client.on("said", |ctx, msg| ctx.state.push(msg.to_string()));
        client.on_disconnect(|_, reason| panic!("{reason}"));
        Self::Hexapod(Box::new(client), Vec::new())
    }

    fn says(&mut self, n: u16) {
        match self {
            Self::Hexapod(client, _) => client.send(msg!("say", n: n)),
            Self::Bare(stream, dialect, _) => stream.say(&said(*dialect, n)),
            // One literal for two languages.
            Self::Real(program, ..) => {
                program.types(&format!(r#"send {{"action":"say","n":{n}}}"#))
            }
        }
    }

    fn pump(&mut self) {
        match self {
            Self::Hexapod(client, heard) => drop(client.pump(heard)),
            Self::Bare(stream, _, heard) => drop(stream.read_some(heard).expect("open")),
            Self::Real(program, heard) => {
                while let Some(line) = program.try_next() {
                    if line.contains("said") {
                        heard.push(line);
                    }
                }
            }
        }
    }

    /// All that was heard: how much, and how much of it is different.
    fn heard(&self) -> (usize, usize) {
        match self {
            Self::Hexapod(_, heard) | Self::Real(.., heard) => {
                (heard.len(), heard.iter().collect::<BTreeSet<_>>().len())
            }
            Self::Bare(_, dialect, heard) => {
                let payloads = payloads(*dialect, heard);
                (payloads.len(), payloads.into_iter().collect::<BTreeSet<_>>().len())
            }
        }
    }
}

/// What a stream says, byte for byte.
fn said(dialect: Dialect, n: u16) -> Vec<u8> {
    let n8 = n as u8;
    match dialect.name() {
        "repod" => frame(&[&b"\x82\xa6action\xa3say\xa1n\xcc"[..], &[n8]].concat()),
        "podsixnet" => [&b"\x68\x86action\x83say\x81n\x3f\0"[..], &[n8], b"\0---\0"].concat(),
        _ => format!("{{\"action\":\"say\",\"n\":{n}}}\0---\0").into_bytes(),
    }
}

/// The payloads that a stream has heard, its greeting left out.
fn payloads(dialect: Dialect, mut heard: &[u8]) -> Vec<&[u8]> {
    let mut payloads = Vec::new();
    while !heard.is_empty() {
        let (from, to, next) = if dialect == Dialect::REPOD {
            let Some((len, _)) = heard.split_first_chunk() else { break };
            let end = 4 + u32::from_be_bytes(*len) as usize;
            (4, end, end)
        } else {
            let Some(end) = heard.windows(5).position(|five| five == b"\0---\0") else { break };
            (0, end, end + 5)
        };
        let (Some(payload), Some(rest)) = (heard.get(from..to), heard.get(next..)) else { break };
        payloads.push(payload);
        heard = rest;
    }
    if payloads.is_empty() { payloads } else { payloads.split_off(1) }
}

/// Real clients, so many of each kind that can be run here. They need not be connected yet.
fn real(of_each: usize, addr: impl Fn(Dialect) -> SocketAddr) -> Vec<(Program, Dialect)> {
    let mut programs = Vec::new();
    for _ in 0..of_each {
        for (interpreter, program, dialect) in [
            (REPOD, "repod_client.py", Dialect::REPOD),
            (PODSIXNET, "podsixnet_client.py", Dialect::PODSIXNET),
        ] {
            let Some(python) = interpreter.find() else { continue };
            let addr = addr(dialect).to_string();
            programs.push((run(&python, program, &host_and_port(&addr)), dialect));
        }
        #[cfg(feature = "json")]
        if let Some(node) = super::NODE.find() {
            let dialect = Dialect::JSON;
            programs.push((super::node::client(&node, &addr(dialect).to_string()), dialect));
        }
    }
    programs
}

#[test]
fn two_hundred_of_all_kinds_hear_each_other() {
    let network = Network::Memory(MemoryNetwork::new());
    let Network::Memory(memory) = &network else { unreachable!() };
    let config = Config::new().quiet(true).max_peers(300).max_peers_per_address(300);
    let mut server = Server::<(u16, u16)>::with_config(config);
    server.on("say", |ctx, msg| {
        ctx.broadcast(msg!("said", n: msg.get::<u32>("n")?, list: [1, 2], text: "grüße ✓"));
        Ok(())
    });
    server.on_connect(|ctx| ctx.state.0 += 1);
    server.on_disconnect(|ctx, _| ctx.state.1 += 1);
    let any = ([127, 0, 0, 1], 0).into();
    let listeners: Vec<_> = dialects()
        .into_iter()
        .map(|dialect| {
            let on_socket = server.listen(any, dialect).expect("a free port");
            (dialect, on_socket, server.listen_memory(memory, any, dialect).expect("a free port"))
        })
        .collect();

    let on_socket = |dialect| listeners.iter().find(|it| it.0 == dialect).expect("one").1;
    let real = real(2, on_socket).into_iter();
    let mut members: Vec<_> = real.map(|(program, _)| Member::Real(program, Vec::new())).collect();
    let mut count = (0, 0);
    for n in members.len() as u16..CLIENTS {
        let (dialect, on_socket, in_memory) = listeners[usize::from(n) % listeners.len()];
        let config = Config::new().dialect(dialect);
        members.push(match n {
            _ if n >= BARE => Member::Bare(network.stream(in_memory), dialect, Vec::new()),
            ..ON_SOCKETS => Member::hexapod(Network::Tcp.client_with(on_socket, config)),
            _ => Member::hexapod(network.client_with(in_memory, config)),
        });
    }
    until(|| {
        server.pump(&mut count);
        members.iter_mut().for_each(Member::pump);
        count.0 == CLIENTS
    });
    for (n, member) in (0..).zip(&mut members) {
        member.says(n);
    }
    until(|| {
        server.pump(&mut count);
        members.iter_mut().for_each(Member::pump);
        members.iter().all(|member| member.heard().0 >= usize::from(CLIENTS))
    });
    let all = (usize::from(CLIENTS), usize::from(CLIENTS));
    assert!(members.iter().all(|member| member.heard() == all), "each once");
    assert_eq!((server.faults(), count.1), (Default::default(), 0));
    drop(members);
    until(|| {
        server.pump(&mut count);
        count == (CLIENTS, CLIENTS)
    });
    assert_eq!(server.peers().count(), 0);
}

#[test]
fn four_real_kinds_are_on_one_server() {
    let mut server = Server::<Vec<String>>::with_config(Config::new().quiet(true));
    server.on("say", |ctx, msg| ctx.broadcast(Outgoing::from(msg)));
    server.on("long", |ctx, msg| ctx.broadcast(Outgoing::from(msg)));
    server.on_connect(|ctx| ctx.state.push(format!("{} came", ctx.dialect().name())));
    server.on_disconnect(|ctx, _| ctx.state.push(format!("{} left", ctx.dialect().name())));
    server.on_error(|log, fault| log.push(fault.to_string()));
    let listen = |dialect| (dialect, server.listen("127.0.0.1:0", dialect).expect("a free port"));
    let addrs: Vec<_> = dialects().into_iter().map(listen).collect();
    let addr = |dialect| addrs.iter().find(|it| it.0 == dialect).expect("a listener").1;
    let mut programs = real(1, addr);
    if programs.len() < addrs.len() {
        return; // which has been told
    }
    let kinds = 1 + programs.len();
    let (mut log, mut heard) = (Vec::new(), Vec::new());
    let mut client = Client::<Vec<String>>::connect(addr(Dialect::REPOD));
    client.on("say", |ctx, msg| ctx.state.push(msg.to_string()));
    client.on("long", |ctx, msg| {
        ctx.state.push(format!("long {}", msg.get::<&str>("text")?.len()));
        Ok(())
    });
    until(|| {
        client.pump(&mut heard);
        server.pump(&mut log);
        log.len() == kinds
    });

    // Each says the same, in their language, and each hears what all say, in theirs.
    let python = concat!(
        r"{'action': 'say', 'text': 'gr\xfc\xdfe \u2713 \U0001f40d', 'x': 1.5, 'nested': {'list': ",
        r"[1, -2, [None, True]], 'n': 9223372036854775807}}",
    );
    let json = concat!(
        r#"{"action":"say","text":"grüße ✓ 🐍","x":1.5,"nested":{"list":"#,
        r#"[1,-2,[null,true]],"n":9223372036854775807}}"#,
    );
    let rust = concat!(
        r#"{"action": "say", "text": "grüße ✓ 🐍", "x": 1.5, "nested": {"list": "#,
        r#"[1, -2, [nil, true]], "n": 9223372036854775807}}"#,
    );
    let len = (1 << 20) - 64;
    let words = |dialect: Dialect| if dialect.name() == "json" { json } else { python };
    for (program, dialect) in &mut programs {
        let words = words(*dialect);
        program.types(&format!("send {words}"));
    }
    let nested = BTreeMap::from([("list", (1, -2, (None::<u8>, true)))]);
    let mut nested = Value::from(msg!("nested", v: nested))["v"].clone();
    let Value::Map(pairs) = &mut nested else { unreachable!() };
    pairs.push(("n".into(), i64::MAX.into()));
    client.send(msg!("say", text: "grüße ✓ 🐍", x: 1.5, nested: nested));
    let mut lines = vec![Vec::new(); programs.len()];
    let mut hear =
        |client: &mut Client<_>, programs: &mut [(Program, Dialect)], messages: usize| {
            until(|| {
                client.pump(&mut heard);
                server.pump(&mut log);
                for ((program, _), lines) in programs.iter_mut().zip(&mut lines) {
                    lines.extend(program.try_next().filter(|it| !it.contains("connected")));
                }
                heard.len() >= messages && lines.iter().all(|it| it.len() >= messages)
            });
            (heard.clone(), lines.clone())
        };
    let (ours, theirs) = hear(&mut client, &mut programs, kinds);
    assert_eq!(ours, vec![rust; kinds]);
    for ((_, dialect), lines) in programs.iter().zip(theirs) {
        assert_eq!(lines, vec![format!("got {}", words(*dialect)); kinds]);
    }

    // Just below the limit of a frame, from all to all.
    client.send(msg!("long", text: "x".repeat(len)));
    programs.iter_mut().for_each(|(program, _)| program.types(&format!("long {len}")));
    let (ours, theirs) = hear(&mut client, &mut programs, 2 * kinds);
    for lines in theirs.into_iter().chain([ours]) {
        assert_eq!(lines[kinds..], vec![format!("long {len}"); kinds]);
    }

    // They vanish one by one, and those who stay go on.
    while let Some((mut program, dialect)) = programs.pop() {
        program.types("die");
        assert_eq!(program.ends(), Some(1));
        let before = log.len();
        until(|| {
            server.broadcast(msg!("say", noise: true));
            client.pump(&mut heard);
            server.pump(&mut log);
            log.len() > before
        });
        assert_eq!(log[before..], [format!("{} left", dialect.name())]);
    }
    assert!(client.is_connected() && server.peers().count() == 1);
}

#[test]
fn four_real_kinds_are_in_one_chat() {
    let (Some(new), Some(old)) = (REPOD.find(), PODSIXNET.find()) else { return };
    let mut served = serving_all("chat");
    let mut ann = joined(&served.repod, "ann");
    let mut rob = repod::client(&new, &served.repod);
    rob.types("nick rob");
    rob.says("got {'action': 'players', 'players': ['ann', 'rob'], 'list': ['ann', 'rob']}");
    let mut pia = podsixnet::client(&old, &served.podsixnet);
    pia.types("nick pia");
    pia.line_with(|line| line.contains("'players': ['ann', 'rob', 'pia']"), "all players");
    let mut jan = node(&served.json);
    if let Some(jan) = &mut jan {
        jan.types(r#"send {"action":"nickname","nickname":"jan"}"#);
        jan.line_with(|line| line.contains(r#""list":["ann","rob","pia","jan"]"#), "all players");
    }

    ann.types("ann says ✓");
    rob.types("say rob says ✓");
    pia.types("say pia says ✓");
    if let Some(jan) = &mut jan {
        jan.types(r#"send {"action":"message","text":"jan says ✓"}"#);
    }
    let nicks = ["ann", "rob", "pia", "jan"];
    for nick in &nicks[..if jan.is_some() { 4 } else { 3 }] {
        let text = format!("{nick} says ");
        // They need not come in the order in which they were said.
        for program in [Some(&mut ann), Some(&mut rob), Some(&mut pia), jan.as_mut()] {
            let Some(program) = program else { continue };
            if !program.seen().iter().any(|line| line.contains(&text)) {
                program.line_with(|line| line.contains(&text), &text);
            }
        }
    }
    served.program.types("quit");
    for program in [&mut rob, &mut pia] {
        program.says("disconnected");
        assert_eq!(program.ends(), Some(0));
    }
    if let Some(jan) = &mut jan {
        jan.says("disconnected");
        assert_eq!(jan.ends(), Some(0));
    }
    ann.says("*** the chat is over: the server was shut down");
}

/// A client in Node, if there is one and the server has a place for it.
#[cfg(feature = "json")]
fn node(json: &Option<String>) -> Option<Program> {
    Some(super::node::client(&super::NODE.find()?, json.as_deref()?))
}

#[cfg(not(feature = "json"))]
fn node(_: &Option<String>) -> Option<Program> {
    None
}
