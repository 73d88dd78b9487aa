//! All kinds at once: two hundred clients of every dialect in one game, and real ones among them.

use hexapod::{Client, Config, Dialect, MemoryNetwork, Server, msg};

use super::{PODSIXNET, REPOD, podsixnet, repod};
use crate::examples::{Program, joined, serving_all};
use crate::harness::until;

/// The dialects that this build has.
fn dialects() -> Vec<Dialect> {
    vec![
        Dialect::REPOD,
        Dialect::PODSIXNET,
        #[cfg(feature = "json")]
        Dialect::JSON,
    ]
}

/// How many say one thing each, which everybody hears. Most are in memory, where they take no
/// descriptors.
const CLIENTS: u32 = 200;
const ON_SOCKETS: u32 = 30;

/// What a client has heard: how often each of them.
type Heard = Vec<u32>;

#[test]
fn two_hundred_of_all_kinds_hear_each_other() {
    let network = MemoryNetwork::new();
    let config = Config::new().quiet(true).max_peers(300).max_peers_per_address(300);
    let mut server = Server::<(u32, u32)>::with_config(config);
    server.on("say", |ctx, msg| {
        ctx.broadcast(msg!("said", n: msg.get::<u32>("n")?, list: [1, 2], text: "grüße ✓"));
        Ok(())
    });
    server.on_connect(|ctx| ctx.state.0 += 1);
    server.on_disconnect(|ctx, _| ctx.state.1 += 1);
    let any = ([127, 0, 0, 1], 0).into();
    let listen = |server: &mut Server<_>, dialect| {
        let on_socket = server.listen(any, dialect).expect("a free port");
        (on_socket, server.listen_memory(&network, any, dialect).expect("a free port"))
    };
    let listeners: Vec<_> =
        dialects().into_iter().map(|it| (it, listen(&mut server, it))).collect();

    let mut clients: Vec<(Client<Heard>, Heard)> = Vec::new();
    for n in 0..CLIENTS {
        let (dialect, (on_socket, in_memory)) = listeners[n as usize % listeners.len()];
        let config = Config::new().dialect(dialect).quiet(true);
        let mut client = Client::<Heard>::with_config(config);
        match n < ON_SOCKETS {
            true => client.connect_to(on_socket),
            false => client.connect_to_memory(&network, in_memory),
        }
        client.on("said", |ctx, msg| {
            let (a, b): (u8, u8) = msg.get("list")?;
            assert_eq!((a, b, msg.get::<&str>("text")?), (1, 2, "grüße ✓"));
            ctx.state[msg.get::<usize>("n")?] += 1;
            Ok(())
        });
        clients.push((client, vec![0; CLIENTS as usize]));
    }
    let mut count = (0, 0);
    until(|| {
        server.pump(&mut count);
        let connected = |(client, heard): &mut (Client<Heard>, Heard)| {
            client.pump(heard);
            client.is_connected()
        };
        clients.iter_mut().filter_map(|it| connected(it).then_some(())).count() == CLIENTS as usize
    });
    for (n, (client, _)) in (0..).zip(&mut clients) {
        client.send(msg!("say", n: n as u32));
    }
    until(|| {
        server.pump(&mut count);
        clients
            .iter_mut()
            .filter_map(|(client, heard)| {
                client.pump(heard);
                heard.iter().all(|times| *times == 1).then_some(())
            })
            .count()
            == CLIENTS as usize
    });
    assert_eq!(server.faults(), Default::default());
    drop(clients);
    until(|| {
        server.pump(&mut count);
        count == (CLIENTS, CLIENTS)
    });
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
