//! Security: who may attack, what the library promises, and what is left for the game.
//!
//! A server reads what strangers write. It has to go on for the others whatever that is, and to
//! believe none of it. The first half is the library's part, the second is yours.
//!
//! Five may do harm: a *stranger* who can reach the port; a player with a *modified client*;
//! *somebody on the way* between two ends; a *hostile server*, for clients; and *the game itself*,
//! by its own mistakes.
//!
//! # A stranger, a modified client
//!
//! The two can do the same, for whoever reaches the port may say anything. What it costs the others
//! has a bound each, in [`Config`](crate::Config):
//!
//! | attack | what comes of it | bound | default |
//! | --- | --- | --- | --- |
//! | announces a message of gigabytes | its link ends at the header; nothing was reserved | `max_frame_len` | 1 MiB |
//! | lists in lists without end | its link ends | `max_depth` | 32 |
//! | a million tiny values in a message | its link ends | `max_elements` | 65,536 |
//! | garbage, another protocol | its link ends; nothing of it is delivered | | |
//! | a message a few bytes at a time, for ever | its link ends | `frame_timeout` | 30 s |
//! | messages as fast as it can | others are served in every pump, and it waits | `messages_per_pump` | 1,024 |
//! | bytes as fast as it can | the same | `bytes_per_pump` | 256 KiB |
//! | asks, and never reads the answers | its link ends | `max_outbound` | 4 MiB |
//! | never reads its last words | they are dropped, and that is told | `flush_timeout` | 5 s |
//! | connects again and again | accepted in turn, greeted, forgotten; no id comes twice | `accepts_per_pump` | 512 |
//! | takes all places from one address | turned away | `max_peers_per_address` | 64 |
//! | takes all places from many | turned away, and so is everybody else | `max_peers` | 256 |
//! | is silent, and has said hello | its link ends | `idle_timeout` | 20 s |
//! | is silent, and has never said hello | its link ends | `plain_idle_timeout` | 4 h |
//!
//! Then there are promises without a number. No bytes of a peer make the library panic, take the
//! stack, or reach another peer's connection. Each peer comes once and leaves once, whatever it
//! says; a client can say goodbye for itself, but not that the server has kicked it. A
//! [`PeerId`](crate::PeerId) is never given to a second peer. What a peer has written is escaped
//! and cut where the library prints it or puts it into the text of an error. Maps of what peers
//! name have the standard library's keyed hash, so nobody can prepare names that collide.
//!
//! All of them together can still take: `max_peers` times what one may hold, which
//! [`Config`](crate::Config) adds up; your bandwidth; and the places of honest players, if they
//! have addresses enough. Against those a firewall helps, or whoever sells you the line.
//!
//! # Somebody on the way
//!
//! **Nothing is promised.** There is no encryption and no signature. Who can read the line reads
//! everything, passwords too; who can write to it can change what is said, say more in either name,
//! and end it. What comes out of that is judged like any stranger's bytes, and no more.
//!
//! Where it matters, put the port behind something that has solved it: a VPN or an SSH tunnel for a
//! circle of friends; for the public, a proxy that speaks TLS in front of the server, and one, or a
//! library, on the players' side. Let the server listen on `127.0.0.1` then, lest somebody goes
//! around. All peers come from the proxy's address then: raise `max_peers_per_address` to
//! `max_peers`, and let the proxy count addresses.
//!
//! # A hostile server
//!
//! For a client, the server is the stranger. The bounds above hold for it too, and these:
//!
//! | attack | what comes of it | bound | default |
//! | --- | --- | --- | --- |
//! | never answers | a failed attempt; no pump waits | `connect_timeout` | 10 s |
//! | answers, and never greets | a failed attempt | `handshake_timeout` | 10 s |
//! | goes silent | it is asked for a sign of life | `heartbeat` | 5 s |
//!
//! A server may lie to its clients about everything in the game. It learns the client's address,
//! its `game` and `version`, and what the game sends. It can end the connection with words that you
//! show: as text of the reason they are tame, but they are still a stranger's words.
//!
//! # The game itself
//!
//! | mistake | what comes of it | bound | default |
//! | --- | --- | --- | --- |
//! | a handler fails | that message; `on_error` is told | | |
//! | a handler panics | that message; whoever pumps may catch it and go on | | |
//! | sends what is too long, too deep, too much | refused before a byte is written | `max_frame_len` | 1 MiB |
//! | other threads send faster than it pumps | [`Sender`](crate::Sender) says `Busy` | `max_letters` | 1,024 |
//! | a handler that takes long, or for ever | **everybody waits**: it runs on your thread | | |
//!
//! # What a game must do
//!
//! * **Know who it is.** The library knows connections, not people. Let the first message prove it,
//!   by a ticket that is good once and that the player has got by a safe way; until then, do
//!   nothing else for it, and not for long.
//! * **Trust no id, name or place in a message.** [`ctx.peer()`](crate::Context::peer) and what you
//!   keep in the peer's data are true.
//! * **Check values** before they change anything: [what to
//!   believe](super::_02_messages#what-to-believe).
//! * **Ration actions.** The bounds above keep the server alive, not the game fair: a thousand
//!   shots are a thousand messages, and one message may be dear to you.
//! * **Bound what you keep of a peer**: lists, texts, objects in the world. The library bounds its
//!   own memory only, and drops a peer's data when it leaves; the state is yours.
//! * **Mind what one message makes you send.** Who may speak to all speaks a hundred times as much.
//!
//! All of it in a server:
//!
//! ```
//! use hexapod::{Config, Server, msg};
//! use std::collections::HashMap;
//!
//! #[derive(Default)]
//! struct World {
//!     /// Who may come, by tickets that were handed out elsewhere.
//!     tickets: HashMap<String, String>,
//! }
//!
//! #[derive(Default)]
//! struct Player {
//!     name: Option<String>,
//!     seconds: u32,
//!     lines: u32,
//! }
//!
//! let mut server = Server::<World, Player>::with_config(Config::new());
//! server.on("join", |ctx, msg| {
//!     let ticket: &str = msg.get("ticket")?;
//!     match ctx.state.tickets.remove(ticket) {
//!         Some(name) => ctx.data_mut().name = Some(name),
//!         None => drop(ctx.kick(ctx.peer(), "no such ticket")),
//!     }
//!     Ok(())
//! });
//! server.on("say", |ctx, msg| {
//!     let text: String = msg.get::<&str>("text")?.chars().take(200).collect();
//!     let player = ctx.data_mut();
//!     let Some(name) = player.name.clone() else {
//!         return Err("who has not joined says nothing".into());
//!     };
//!     player.lines += 1;
//!     if player.lines <= 3 { // in a second; what is more is left out
//!         ctx.broadcast(msg!("said", who: name, text: text));
//!     }
//!     Ok(())
//! });
//!
//! /// Once a second.
//! fn tick(server: &mut Server<World, Player>) {
//!     let mut late = Vec::new();
//!     server.each_peer(|peer| {
//!         let id = peer.id();
//!         let player = peer.data_mut();
//!         player.lines = 0;
//!         player.seconds += 1;
//!         if player.name.is_none() && player.seconds > 10 {
//!             late.push(id);
//!         }
//!     });
//!     for id in late {
//!         server.kick(id, "join, or make room");
//!     }
//! }
//! # use hexapod::{Client, Dialect, MemoryNetwork};
//! # let network = MemoryNetwork::new();
//! # let addr = server.listen_memory(&network, "10.0.0.1:0".parse()?, Dialect::REPOD)?;
//! # server.on_error(|_, _| {});
//! # let mut world = World::default();
//! # world.tickets.insert("4711".into(), "ann".into());
//! # let mut clients = [(); 4].map(|()| {
//! #     let mut client = Client::<Vec<String>>::connect_memory(&network, addr);
//! #     client.on("said", |ctx, msg| ctx.state.push(msg.to_string()));
//! #     client.on_disconnect(|ctx, why| ctx.state.push(why.to_string()));
//! #     (client, Vec::new())
//! # });
//! # clients[0].0.send(msg!("join", ticket: "4711"));
//! # for _ in 0..5 { clients[0].0.send(msg!("say", text: "hello")); }
//! # clients[1].0.send(msg!("say", text: "I am ann"));
//! # clients[2].0.send(msg!("join", ticket: "4712"));
//! # let mut pumps = |server: &mut Server<World, Player>| {
//! #     for _ in 0..4 {
//! #         clients.iter_mut().for_each(|(client, log)| { client.pump(log); });
//! #         server.pump(&mut world);
//! #     }
//! #     clients.iter().map(|(_, log)| log.len()).collect::<Vec<_>>()
//! # };
//! # assert_eq!(pumps(&mut server), [3, 3, 1, 3]); // three lines of five; one was kicked
//! # assert_eq!(server.peers().count(), 3);
//! # for _ in 0..11 { tick(&mut server); }
//! # assert_eq!(pumps(&mut server), [3, 4, 1, 4]);
//! # assert_eq!(server.peers().count(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Before you open the port
//!
//! 1. Limits as low as your game allows: `max_frame_len`, `max_outbound`, `max_peers_per_address`;
//!    `frame_timeout` of a few seconds. Without old clients, `plain_idle_timeout` of a minute.
//! 2. `game` and `version` are set, so that a stale client is told so. They keep nobody out.
//! 3. Descriptors enough: `max_peers`, as many again for connections that are being closed, and
//!    forty for each listener.
//! 4. `on_error` counts or logs, and somebody reads it.
//! 5. No handler can run for long, or `unwrap` what a message says.
//! 6. Whoever has not proved who it is can do nothing, and not for long.
//! 7. Secrets go through a tunnel, or are not sent.
//! 8. Your handlers were fuzzed: a [stranger in memory](crate::MemoryNetwork::connect) says what a
//!    fuzzer thinks of, and the README has the twenty lines that it takes.
//! 9. [`traffic`](crate::Server::traffic) and [`faults`](crate::Server::faults) are looked at now
//!    and then: [how a game is watched](super::_07_testing).
//!
//! What was tried against the library, and what came of it, case by case, is in `tests/ATTACKS.md`;
//! how to report a hole, in `SECURITY.md`.
