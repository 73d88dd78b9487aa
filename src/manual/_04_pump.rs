//! A pump: all that happens in it, in order; what a handler may do.
//!
//! # The order
//!
//! 1. What other threads have handed to a [`Sender`](crate::Sender) is sent: as much as may wait
//!    at once, [`Config::max_letters`](crate::Config::max_letters); the rest is the next pump's.
//! 2. Then listener after listener, in the order in which they were added:
//!    1. Who is waiting is accepted, up to
//!       [`Config::accepts_per_pump`](crate::Config::accepts_per_pump). Each newcomer is greeted,
//!       and its `on_connect` runs, before the next is looked at.
//!    2. Every peer has its turn. What it has sent is read and handled, message by message, until
//!       nothing is left, or until its share of the pump is used up:
//!       [`Config::messages_per_pump`](crate::Config::messages_per_pump) and
//!       [`Config::bytes_per_pump`](crate::Config::bytes_per_pump). The rest waits for the next
//!       pump. Who is first changes from pump to pump.
//! 3. At most ten times a second: who has been silent for too long is disconnected, and heartbeats
//!    are sent where it is time. (More often only where a wait of the `Config` is shorter than 1.6
//!    seconds: sixteen times in the shortest.)
//! 4. What was sent is written, with one system call for each peer that has something to be told.
//!
//! Between any two messages, what has come up meanwhile is told first: faults to `on_error`, then
//! `on_connect`, `on_connect_failed` and `on_disconnect`, in the order in which they came about. So
//! a peer that a handler kicks has left before the next message is handled, but all handlers of
//! this one run before.
//!
//! Sockets that have been quiet for a tenth of a second, and listeners, are asked at most once a
//! millisecond; a loop that pumps less often does not notice.
//!
//! # Who hears of a message
//!
//! First the queue of events, if there is one. Then each set of handlers, the own one first, then
//! those [attached](crate::Server::attach), in the order in which they were. In each set: the
//! handler of the action, or `on_unhandled` where there is none; then `on_any`. The error of one
//! handler keeps no other from running. The same order holds for who comes and goes.
//!
//! So a part of a program (a chat window, a score board, a logger) can bring handlers of its own,
//! and take them away again:
//!
//! ```
//! # use hexapod::{Client, MemoryNetwork, Server, msg};
//! use hexapod::Handlers;
//!
//! # let network = MemoryNetwork::new();
//! # let addr = "10.0.0.1:5071".parse()?;
//! # let mut server = Server::<Vec<&'static str>>::bind_memory(&network, addr)?;
//! server.on("say", |ctx, _| ctx.state.push("own"));
//!
//! let mut logger = Handlers::<Vec<&str>>::new();
//! logger.on_any(|ctx, _| ctx.state.push("logger"));
//! let logger = server.attach(logger);
//! # let mut client = Client::<()>::connect_memory(&network, addr);
//! # let mut log = Vec::new();
//! # for _ in 0..2 { client.send(msg!("say")); client.pump(&mut ()); server.pump(&mut log); }
//! # client.pump(&mut ()); server.pump(&mut log);
//! # assert_eq!(log, ["own", "logger", "own", "logger"]);
//! // … and when nobody wants to read its log any more:
//! server.detach(logger);
//! # client.send(msg!("say")); client.pump(&mut ()); server.pump(&mut log);
//! # assert_eq!(log[4..], ["own"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # An example
//!
//! ```
//! use hexapod::{Client, MemoryNetwork, Server, msg};
//!
//! type Log = Vec<String>;
//!
//! let network = MemoryNetwork::new();
//! let addr = "10.0.0.1:5071".parse()?;
//! let mut server = Server::<Log>::bind_memory(&network, addr)?;
//! server
//!     .on_connect(|ctx| ctx.state.push(format!("{} has come", ctx.peer())))
//!     .on("hello", |ctx, _| ctx.state.push("hello".to_owned()))
//!     .on("fail", |ctx, _| {
//!         ctx.state.push("failing".to_owned());
//!         Err::<(), _>("on purpose".into())
//!     })
//!     .on("kick me", |ctx, _| {
//!         ctx.kick(ctx.peer(), "as you like");
//!         ctx.state.push("kicked".to_owned());
//!     })
//!     .on_any(|ctx, msg| ctx.state.push(format!("any: {}", msg.action())))
//!     .on_error(|log, fault| log.push(fault.to_string()))
//!     .on_disconnect(|ctx, reason| ctx.state.push(format!("{} has left: {reason}", ctx.peer())));
//!
//! let mut client = Client::<()>::connect_memory(&network, addr);
//! for action in ["hello", "fail", "kick me", "hello"] {
//!     client.send(msg!(action));
//! }
//!
//! let mut log = Log::new();
//! client.pump(&mut ()); // asks for the connection
//! server.pump(&mut log); // accepts it, and greets
//! client.pump(&mut ()); // hears the greeting, and says what it has kept
//! server.pump(&mut log); // handles it
//! assert_eq!(log, [
//!     "#1 has come",
//!     "hello",
//!     "any: hello",
//!     "failing",
//!     "any: fail",
//!     "the handler of \"fail\" from #1 failed: on purpose",
//!     "kicked",
//!     "any: kick me",
//!     "#1 has left: kicked: as you like",
//! ]); // the last hello is not heard
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a handler may do
//!
//! Everything that [`Context`](crate::Context) has, at any time: send to anybody, kick anybody,
//! look at all peers. What is sent leaves at the end of the pump, and for each peer in the order in
//! which it was sent. Who is kicked is gone at once for `peers`, `broadcast` and `send`; what was
//! sent to it before is still delivered. The message is borrowed from the library's buffer, so
//! nothing is copied that you do not keep.
//!
//! Only the handlers are out of reach: they are registered before or between pumps.
//!
//! A message goes to one peer, to some, or to all: `send` and `send_to`; `send_each`; `broadcast`
//! and `broadcast_except`. Rooms, teams, and who is in sight are lists of ids that your game keeps:
//!
//! ```
//! use hexapod::{Client, MemoryNetwork, PeerId, Server, msg};
//! use std::collections::HashMap;
//!
//! #[derive(Default)]
//! struct Lobby { rooms: HashMap<String, Vec<PeerId>> }
//!
//! #[derive(Default)]
//! struct Player { room: String, lines: u32 }
//!
//! # let network = MemoryNetwork::new();
//! # let addr = "10.0.0.1:5071".parse()?;
//! let mut server = Server::<Lobby, Player>::bind_memory(&network, addr)?;
//! server
//!     .on("enter", |ctx, msg| {
//!         let peer = ctx.peer();
//!         let (lobby, player) = ctx.split(); // the state and this peer's data, both at once
//!         if let Some(room) = lobby.rooms.get_mut(&player.room) {
//!             room.retain(|id| *id != peer);
//!         }
//!         player.room = msg.get("room")?;
//!         lobby.rooms.entry(player.room.clone()).or_default().push(peer);
//!         Ok(())
//!     })
//!     .on("say", |ctx, msg| {
//!         ctx.data_mut().lines += 1;
//!         let said = msg!("said", n: ctx.data().lines, text: msg.get::<&str>("text")?);
//!         let room = ctx.state.rooms.get(&ctx.data().room).cloned().unwrap_or_default();
//!         ctx.send_each(room, said);
//!         Ok(())
//!     })
//!     .on_disconnect(|ctx, _| {
//!         let peer = ctx.peer();
//!         let (lobby, player) = ctx.split();
//!         if let Some(room) = lobby.rooms.get_mut(&player.room) {
//!             room.retain(|id| *id != peer); // an id that has left would be a fault
//!         }
//!     });
//! # let mut players: Vec<_> = ["red", "blue", "red"].map(|room| {
//! #     let mut client = Client::<Vec<String>>::connect_memory(&network, addr);
//! #     client.on("said", |ctx, msg| ctx.state.push(msg.to_string()));
//! #     client.send(msg!("enter", room: room));
//! #     (client, Vec::new())
//! # }).into();
//! # let mut lobby = Lobby::default();
//! # let mut turn = |players: &mut Vec<(Client<Vec<String>>, Vec<String>)>| {
//! #     for _ in 0..3 {
//! #         players.iter_mut().for_each(|(client, log)| { client.pump(log); });
//! #         server.pump(&mut lobby);
//! #     }
//! # };
//! # turn(&mut players);
//! # players[0].0.send(msg!("say", text: "hi"));
//! # turn(&mut players);
//! # let heard: Vec<_> = players.iter().map(|(_, log)| log.len()).collect();
//! # assert_eq!(heard, [1, 0, 1]);
//! # players[0].0.close();
//! # players[2].0.send(msg!("say", text: "alone"));
//! # turn(&mut players);
//! # assert_eq!(players[2].1.len(), 2);
//! # assert_eq!(server.faults().send, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `ctx.data()` and `ctx.data_mut()` borrow the context, and `ctx.state` does not: look at what you
//! need first, then send. An id, as [`ctx.peer()`](crate::Context::peer) gives it, is a small copy,
//! is never somebody else's later, and is the way to remember a player.
//!
//! `send` cuts a peer off that reads too slowly. `try_send` and `try_send_to` leave it alone and
//! say so: for what can be left out, such as the positions of this tick where the next are soon to
//! come.
//!
//! ```
//! # use hexapod::{Client, MemoryNetwork, Server, msg};
//! # let network = MemoryNetwork::new();
//! # let addr = "10.0.0.1:5071".parse()?;
//! # let mut server = Server::<()>::bind_memory(&network, addr)?;
//! # let mut client = Client::<u32>::connect_memory(&network, addr);
//! # client.on("positions", |ctx, _| *ctx.state += 1);
//! # let mut heard = 0;
//! # for _ in 0..3 { client.pump(&mut heard); server.pump(&mut ()); }
//! # let all = vec![(1.0_f32, 2.0_f32); 8];
//! # let mut skipped = 0;
//! server.each_peer(|peer| {
//!     // More than a tick or two is waiting for it already: it gets the next ones.
//!     if peer.as_peer().queued() > 10_000 || peer.try_send(msg!("positions", all: all)).is_err() {
//!         skipped += 1;
//!     }
//! });
//! # server.pump(&mut ());
//! # client.pump(&mut heard);
//! # assert_eq!((heard, skipped), (1, 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When a handler fails
//!
//! | it | then |
//! | --- | --- |
//! | returns an error | `on_error` is told, with peer, action and error; the peer stays |
//! | panics | the panic comes out of `pump`, and the next pump goes on behind that message |
//! | takes long | everybody waits: it is your loop |
//!
//! After a panic nothing is lost and nothing is handled twice: what had been read is still there.
//! The library does not catch it; where a server is to live on, `std::panic::catch_unwind` around
//! `pump` is the place, and what the handler has left half done in your state is yours to mend.
//!
//! # Coming and going
//!
//! On a server a peer is there, and `on_connect` runs, as soon as it is accepted; old clients never
//! say more than what they play. On a client the server is there when its greeting has come. From
//! then on, exactly one `on_disconnect` follows, whoever ends it; a client's attempt that comes to
//! nothing is one `on_connect_failed` instead. None of these can be caused by the words of a
//! message.
//!
//! Who ends a connection has its last words delivered: what was sent before a `kick`, a `close` or
//! a `shutdown` comes first. The exceptions are a link that is dead, a peer that does not read, and
//! a plain one whose bytes are no messages: those are cut off. What the other side was still saying
//! is not heard. Where the peer ends it, all that it had said is heard, then comes `on_disconnect`.
//!
//! Next: [every reason for an end](super::_05_ends).
