//! Tutorial: an echo, a chat, a counter that everybody shares.
//!
//! Three small programs, each a server and a client. Make a project to type them into:
//!
//! ```sh
//! cargo new game && cd game
//! cargo add hexapod
//! ```
//!
//! The programs go to `src/bin`; each begins with the name of its file. Servers run in one
//! terminal, `cargo run --bin echo_server`, clients in others.
//!
//! # An echo
//!
//! ```no_run
//! // src/bin/echo_server.rs
//! use std::{io, thread, time::Duration};
//!
//! use hexapod::{Server, msg};
//!
//! fn main() -> io::Result<()> {
//!     let mut server = Server::<()>::bind("127.0.0.1:5071")?;
//!     server.on("shout", |ctx, msg| {
//!         let text: &str = msg.get("text")?;
//!         ctx.send(msg!("echo", text: text.to_uppercase()));
//!         Ok(())
//!     });
//!     loop {
//!         server.pump(&mut ());
//!         thread::sleep(Duration::from_millis(16));
//!     }
//! }
//! ```
//!
//! A *message* is an action, here `shout`, and fields with names. The closure registered by
//! [`on`](crate::Server::on) is the *handler* of that action. It runs inside of
//! [`pump`](crate::Server::pump), on the thread that pumps, and nowhere else: nothing happens
//! behind your back between two pumps.
//!
//! [`get`](crate::Message::get) reads a field as the type that you ask for. Where there is no such
//! field, or it is a number, `?` ends the handler with an error that says so; the error is reported
//! on standard error (the first of each kind), the peer stays, and the server goes on.
//! [`msg!`](crate::msg) makes a message, and [`ctx.send`](crate::Context::send) gives it to the
//! peer whose message this is.
//!
//! ```no_run
//! // src/bin/echo_client.rs
//! use std::{thread, time::Duration};
//!
//! use hexapod::{Client, msg};
//!
//! fn main() {
//!     let mut net = Client::<Option<String>>::connect("127.0.0.1:5071");
//!     net.on("echo", |ctx, msg| {
//!         *ctx.state = Some(msg.get("text")?);
//!         Ok(())
//!     });
//!     net.on_connect_failed(|ctx, error| *ctx.state = Some(error.to_string()));
//!     net.send(msg!("shout", text: "hello"));
//!
//!     let mut answer = None;
//!     while answer.is_none() {
//!         net.pump(&mut answer);
//!         thread::sleep(Duration::from_millis(16));
//!     }
//!     println!("{}", answer.unwrap_or_default());
//! }
//! ```
//!
//! A client is the same from the other side. `connect` returns at once, so that a game can draw
//! frames meanwhile; what is sent before the connection is up is kept, and goes out first.
//!
//! Handlers get at the rest of the program through the *state*: `Option<String>` here, named where
//! the client is made, lent to every pump, and called `ctx.state` in a handler. Whatever your game
//! has goes there, and the network stands beside it.
//!
//! ```text
//! $ cargo run --bin echo_client
//! HELLO
//! ```
//!
//! Nothing is lost in silence. Without the server, the first line is the library's, on standard
//! error, for want of an [`on_error`](crate::Client::on_error); the second is the program's:
//!
//! ```text
//! $ cargo run --bin echo_client
//! hexapod: could not deliver the last 29 bytes to #1 (on_error would tell you of each)
//! nobody listens at 127.0.0.1:5071 (connection refused)
//! ```
//!
//! # A chat
//!
//! ```no_run
//! // src/bin/chat_server.rs
//! use std::io;
//!
//! use hexapod::{Server, msg};
//!
//! #[derive(Default)]
//! struct Player {
//!     nick: String,
//! }
//!
//! fn main() -> io::Result<()> {
//!     let mut server = Server::<(), Player>::bind("127.0.0.1:5071")?;
//!     server
//!         .on("join", |ctx, msg| {
//!             ctx.data_mut().nick = msg.get("nick")?;
//!             ctx.broadcast(msg!("note", text: format!("{} has come", ctx.data().nick)));
//!             Ok(())
//!         })
//!         .on("say", |ctx, msg| {
//!             let text: &str = msg.get("text")?;
//!             ctx.broadcast(msg!("said", who: ctx.data().nick, text: text));
//!             Ok(())
//!         })
//!         .on_disconnect(|ctx, reason| {
//!             let note = format!("{} has left: {reason}", ctx.data().nick);
//!             ctx.broadcast(msg!("note", text: note));
//!         });
//!     server.run(&mut (), 60, |_, _| {});
//!     Ok(())
//! }
//! ```
//!
//! The second type, `Player`, is kept for each peer: made by `Default` when it connects, found as
//! `ctx.data()` in every handler of its messages, still there in
//! [`on_disconnect`](crate::Server::on_disconnect), and dropped then. That handler runs exactly
//! once for every peer that was connected, whatever became of it.
//!
//! [`run`](crate::Server::run) is the loop for programs that have none: it pumps, and calls the
//! closure, 60 times a second.
//!
//! ```no_run
//! // src/bin/chat_client.rs
//! use std::{env, io, thread, time::Duration};
//!
//! use hexapod::{Client, msg};
//!
//! fn main() {
//!     let nick = env::args().nth(1).unwrap_or_else(|| "somebody".to_owned());
//!     let mut net = Client::<bool>::connect("127.0.0.1:5071");
//!     net.on("said", |_, msg| {
//!         println!("{}: {}", msg.get::<&str>("who")?, msg.get::<&str>("text")?);
//!         Ok(())
//!     });
//!     net.on("note", |_, msg| {
//!         println!("* {}", msg.get::<&str>("text")?);
//!         Ok(())
//!     });
//!     net.on_connect(move |ctx| ctx.send(msg!("join", nick: nick)));
//!     net.on_connect_failed(|ctx, error| {
//!         println!("* {error}");
//!         *ctx.state = true;
//!     });
//!     net.on_disconnect(|ctx, reason| {
//!         println!("* the end: {reason}");
//!         *ctx.state = true;
//!     });
//!
//!     // Reading a terminal waits for it, so another thread does that.
//!     let sender = net.sender();
//!     thread::spawn(move || {
//!         for line in io::stdin().lines().map_while(Result::ok) {
//!             if sender.send(msg!("say", text: line)).is_err() {
//!                 break;
//!             }
//!         }
//!     });
//!
//!     let mut over = false;
//!     while !over {
//!         net.pump(&mut over);
//!         thread::sleep(Duration::from_millis(16));
//!     }
//! }
//! ```
//!
//! A [`Sender`](crate::Sender) may be given to any thread; what it is told goes out with the next
//! pump. A game that has a window needs none of this: it sends where it handles its keys.
//!
//! ```text
//! $ cargo run --bin chat_client ann
//! * ann has come
//! * bob has come
//! bob: hello
//! * bob has left: closed by the peer
//! ```
//!
//! # A counter that everybody shares
//!
//! ```no_run
//! // src/bin/counter_server.rs
//! use std::io;
//!
//! use hexapod::{Server, msg};
//!
//! #[derive(Default)]
//! struct World {
//!     count: i64,
//!     has_changed: bool,
//! }
//!
//! fn rules(server: &mut Server<World>) {
//!     server
//!         .on_connect(|ctx| ctx.send(msg!("count", n: ctx.state.count)))
//!         .on("add", |ctx, msg| {
//!             let n: i64 = msg.get("n")?;
//!             if !(-10..=10).contains(&n) {
//!                 ctx.kick(ctx.peer(), format!("{n} at once is cheating"));
//!                 return Ok(());
//!             }
//!             ctx.state.count += n;
//!             ctx.state.has_changed = true;
//!             Ok(())
//!         });
//! }
//!
//! fn main() -> io::Result<()> {
//!     let mut server = Server::bind("127.0.0.1:5071")?;
//!     rules(&mut server);
//!     let mut world = World::default();
//!     server.run(&mut world, 20, |server, world| {
//!         if std::mem::take(&mut world.has_changed) {
//!             server.broadcast(msg!("count", n: world.count));
//!         }
//!     });
//!     Ok(())
//! }
//! ```
//!
//! This is how most games go: handlers change the world, and the *tick* tells everybody how it
//! stands, once, however many have changed it meanwhile. Who comes late is told by
//! [`on_connect`](crate::Server::on_connect).
//!
//! Never trust what a client says. It may be another program than yours: here it adds ten at most,
//! or is sent away, with a reason that its player reads. `msg.get::<i64>` has already refused what
//! is no whole number, and [`Config`](crate::Config) bounds how much anybody can send. [What to
//! believe](super::_02_messages#what-to-believe) has the rest.
//!
//! The rules are a function of their own, so that [a test can have them](super::_07_testing)
//! without a network.
//!
//! ```no_run
//! // src/bin/counter_client.rs
//! use std::{env, thread, time::Duration};
//!
//! use hexapod::{Client, msg};
//!
//! #[derive(Default)]
//! struct Game {
//!     count: Option<i64>,
//!     over: Option<String>,
//! }
//!
//! fn main() {
//!     let mut net = Client::<Game>::connect("127.0.0.1:5071");
//!     net.on("count", |ctx, msg| {
//!         ctx.state.count = Some(msg.get("n")?);
//!         Ok(())
//!     });
//!     net.on_connect_failed(|ctx, error| ctx.state.over = Some(error.to_string()));
//!     net.on_disconnect(|ctx, reason| ctx.state.over = Some(reason.to_string()));
//!     for n in env::args().skip(1).filter_map(|arg| arg.parse::<i64>().ok()) {
//!         net.send(msg!("add", n: n));
//!     }
//!
//!     let (mut game, mut drawn) = (Game::default(), None);
//!     while game.over.is_none() {
//!         net.pump(&mut game);
//!         if game.count != drawn {
//!             drawn = game.count;
//!             println!("the count is {}", drawn.unwrap_or_default());
//!         }
//!         thread::sleep(Duration::from_millis(16));
//!     }
//!     println!("the end: {}", game.over.unwrap_or_default());
//! }
//! ```
//!
//! ```text
//! $ cargo run --bin counter_client 3 4
//! the count is 0
//! the count is 7
//! ```
//!
//! And in another terminal, while the first goes on:
//!
//! ```text
//! $ cargo run --bin counter_client 11
//! the count is 7
//! the end: kicked: 11 at once is cheating
//! ```
//!
//! Next: [what a field can be, and what to believe](super::_02_messages).
