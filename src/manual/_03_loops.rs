//! Loops: in macroquad, in bevy, on a thread, without a loop of your own; a host that plays; events
//! as a queue; other threads.
//!
//! The network has no loop. It does all its work in [`pump`](crate::Client::pump), which never
//! waits, and so fits into whatever loop there is.
//!
//! | who has the loop | how |
//! | --- | --- |
//! | your game, once a frame | [`pump`](crate::Client::pump) |
//! | nobody | [`run`](crate::Server::run) |
//! | a thread for the server | `thread::spawn` with one of the two |
//! | a bot, a test: until something has happened | [`pump_until`](crate::Client::pump_until) |
//! | one that sleeps until something is due | [`next_timeout`](crate::Server::next_timeout) |
//! | a test, with a clock of its own | [`pump_at`](crate::Server::pump_at) |
//!
//! # macroquad
//!
//! The network is a variable beside the game's state.
//!
//! ```ignore
//! // src/bin/macroquad_game.rs
//! use hexapod::{Client, msg};
//! use macroquad::prelude::*;
//!
//! #[macroquad::main("dots")]
//! async fn main() {
//!     let mut net = Client::<Vec<(f32, f32)>>::connect("127.0.0.1:5071");
//!     net.on("dot", |ctx, msg| {
//!         ctx.state.push((msg.get("x")?, msg.get("y")?));
//!         Ok(())
//!     });
//!     let mut dots = Vec::new();
//!     loop {
//!         if is_mouse_button_pressed(MouseButton::Left) {
//!             let (x, y) = mouse_position();
//!             net.send(msg!("dot", x: x, y: y));
//!         }
//!         net.pump(&mut dots);
//!         dots.iter().for_each(|(x, y)| draw_circle(*x, *y, 9.0, YELLOW));
//!         next_frame().await;
//!     }
//! }
//! ```
//!
//! Any server will do that passes "dot" on to everybody: `server.on("dot", |ctx, msg|
//! ctx.broadcast(Outgoing::from(msg)))`. ggez and others are alike: `pump` in `update`, with the
//! state that the game has beside the network.
//!
//! # bevy
//!
//! An ECS wants events that a system can look at, not closures. So the client keeps them in its
//! queue, and its state is `()`. Its handlers are `Send` and not `Sync`, as a resource has to be;
//! bevy's own `SyncCell` makes up for that at no cost.
//!
//! ```ignore
//! // src/bin/bevy_game.rs
//! use bevy::{platform::cell::SyncCell, prelude::*};
//! use hexapod::{Client, Event, msg};
//!
//! #[derive(Resource)]
//! struct Net(SyncCell<Client<()>>);
//!
//! fn network(mut net: ResMut<Net>, mut commands: Commands) {
//!     let net = net.0.get();
//!     net.pump(&mut ());
//!     while let Some(event) = net.next_event() {
//!         match event {
//!             Event::Connected { .. } => net.send(msg!("dot", x: 1, y: 2)),
//!             Event::Message { message, .. } if message.action() == "dot" => {
//!                 let (Ok(x), Ok(y)) = (message.get("x"), message.get("y")) else { continue };
//!                 commands.spawn(Transform::from_xyz(x, y, 0.0));
//!             }
//!             other => info!("{other:?}"),
//!         }
//!     }
//! }
//!
//! fn main() {
//!     let mut net = Client::connect("127.0.0.1:5071");
//!     net.queue_events(1000);
//!     App::new()
//!         .add_plugins(DefaultPlugins)
//!         .insert_resource(Net(SyncCell::new(net)))
//!         .add_systems(PreUpdate, network)
//!         .run();
//! }
//! ```
//!
//! The queue holds a thousand events here. Where it is full, reading stops, and peers that send
//! more are held back by the system: nothing is dropped. The handlers that are registered run as
//! well, each before its event is fetched.
//!
//! # A server without a loop, and on a thread
//!
//! ```
//! use hexapod::{Server, msg};
//! use std::thread;
//!
//! # fn main() -> std::io::Result<()> {
//! let mut server = Server::<u64>::bind("127.0.0.1:0")?;
//! server.on("add", |ctx, msg| {
//!     *ctx.state = ctx.state.saturating_add(msg.get("n")?);
//!     Ok(())
//! });
//! let stop = server.stop_handle();
//! let host = thread::spawn(move || {
//!     let mut sum = 0;
//!     let delivered = server.run(&mut sum, 30, |server, sum| {
//!         server.broadcast(msg!("sum", n: *sum));
//!     });
//!     (sum, delivered)
//! });
//! // … and when the player leaves:
//! stop.stop();
//! assert_eq!(host.join().ok(), Some((0, true)));
//! # Ok(())
//! # }
//! ```
//!
//! Servers and clients are `Send`. [`run`](crate::Server::run) ends with
//! [`shutdown`](crate::Server::shutdown): nobody is let in any more, everybody is told, and what
//! was sent is delivered within [`Config::flush_timeout`](crate::Config::flush_timeout). It tells
//! whether all was. A tick that takes too long is not made up for by a burst of others.
//!
//! # A host that plays
//!
//! A game that hosts and plays at once may put its server on a thread, as above, or pump both from
//! one loop. Then a [`MemoryNetwork`](crate::MemoryNetwork) joins the own player, without a port,
//! and [`listen`](crate::Server::listen) lets the others in. To the server all of them are alike.
//!
//! ```
//! use hexapod::{Client, Config, Dialect, MemoryNetwork, Server, msg};
//!
//! # fn main() -> std::io::Result<()> {
//! let mut server = Server::<u32>::with_config(Config::new());
//! server.on("add", |ctx, _| {
//!     *ctx.state += 1;
//!     ctx.broadcast(msg!("count", n: *ctx.state));
//! });
//! let (home, door) = (MemoryNetwork::new(), ([127, 0, 0, 1], 1).into());
//! server.listen_memory(&home, door, Dialect::REPOD)?; // for the host
//! server.listen("127.0.0.1:0", Dialect::REPOD)?; // for everybody else
//!
//! let mut client = Client::<u32>::connect_memory(&home, door);
//! client.on("count", |ctx, msg| {
//!     *ctx.state = msg.get("n")?;
//!     Ok(())
//! });
//! client.send(msg!("add"));
//!
//! let (mut world, mut game) = (0, 0);
//! while game < 1 { // each frame
//!     client.pump(&mut game);
//!     server.pump(&mut world);
//! }
//! # assert_eq!((world, game), (1, 1));
//! # Ok(())
//! # }
//! ```
//!
//! # Other threads
//!
//! A [`Sender`](crate::Sender) sends from any thread. It is bounded: where
//! [`Config::max_letters`](crate::Config::max_letters) messages wait already, it answers with an
//! error and keeps nothing.
//!
//! ```
//! # use hexapod::{Server, msg};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut server = Server::<()>::bind("127.0.0.1:0")?;
//! let sender = server.sender();
//! std::thread::spawn(move || sender.send(msg!("map", cells: vec![0; 4096]))).join().unwrap()?;
//! server.pump(&mut ()); // sends it to everybody
//! # Ok(())
//! # }
//! ```
//!
//! # A loop that sleeps
//!
//! A pump takes a system call for each peer, whether or not it has said something; the price is
//! small at 60 pumps a second, and the same however little happens. A server that waits for players
//! may pump less often:
//!
//! ```no_run
//! # use std::time::Duration;
//! # fn main() -> std::io::Result<()> {
//! # let mut server = hexapod::Server::<()>::bind("127.0.0.1:0")?;
//! loop {
//!     let idle = server.pump(&mut ()).is_idle() && server.peers().next().is_none();
//!     let longest = if idle { Duration::from_millis(200) } else { Duration::from_millis(16) };
//!     std::thread::sleep(server.next_timeout().map_or(longest, |due| due.min(longest)));
//! }
//! # }
//! ```
//!
//! [`next_timeout`](crate::Server::next_timeout) is how long until there is something to be done
//! for the sake of time, a heartbeat say. What comes from outside it cannot know.
//!
//! A message waits until the next pump, so the time between two pumps is what the network adds to
//! every player's lag. After a pause (a debugger, a suspended laptop) nobody is punished for it:
//! the first pump reads before it judges.
//!
//! Next: [what a pump does, in order](super::_04_pump).
