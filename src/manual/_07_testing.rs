//! Testing: your game's netcode in one thread, with lag, broken links, and a clock of your own;
//! and how to watch it run.
//!
//! # A server and its players, in one thread
//!
//! A [`MemoryNetwork`](crate::MemoryNetwork) carries bytes as TCP does, without a system: no port
//! is taken, nothing has to be waited for, and a pump has done when it returns. Here are the rules
//! of [the tutorial's counter](super::_01_tutorial), tested:
//!
//! ```
//! use hexapod::{Client, MemoryNetwork, Server, msg};
//! # #[derive(Default)]
//! # struct World { count: i64, has_changed: bool }
//! # fn rules(server: &mut Server<World>) {
//! #     server
//! #         .on_connect(|ctx| ctx.send(msg!("count", n: ctx.state.count)))
//! #         .on("add", |ctx, msg| {
//! #             let n: i64 = msg.get("n")?;
//! #             if !(-10..=10).contains(&n) {
//! #                 ctx.kick(ctx.peer(), format!("{n} at once is cheating"));
//! #                 return Ok(());
//! #             }
//! #             ctx.state.count += n;
//! #             ctx.state.has_changed = true;
//! #             Ok(())
//! #         });
//! # }
//!
//! let network = MemoryNetwork::new();
//! let addr = "10.0.0.1:5071".parse()?;
//! let mut server = Server::bind_memory(&network, addr)?;
//! rules(&mut server);
//!
//! let mut client = Client::<Vec<String>>::connect_memory(&network, addr);
//! client.on("count", |ctx, msg| {
//!     ctx.state.push(msg.get::<i64>("n")?.to_string());
//!     Ok(())
//! });
//! client.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
//! client.send(msg!("add", n: 7));
//! client.send(msg!("add", n: 11));
//!
//! let (mut world, mut seen) = (World::default(), Vec::new());
//! for _ in 0..3 {
//!     client.pump(&mut seen);
//!     server.pump(&mut world);
//! }
//! assert_eq!(world.count, 7);
//! assert_eq!(seen, ["0", "kicked: 11 at once is cheating"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A clock of your own
//!
//! Time comes in as an argument. [`pump_at`](crate::Server::pump_at) takes the time that it is to
//! be, so twenty seconds of silence take no time at all.
//!
//! ```
//! # use hexapod::{Client, MemoryNetwork, Server};
//! use std::time::{Duration, Instant};
//!
//! # let network = MemoryNetwork::new();
//! # let addr = "10.0.0.1:5071".parse()?;
//! # let mut server = Server::<Vec<String>>::bind_memory(&network, addr)?;
//! server.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
//! # let mut client = Client::<()>::connect_memory(&network, addr);
//! # let mut seen = Vec::new();
//! let mut now = Instant::now();
//! for _ in 0..4 {
//!     now += Duration::from_millis(100);
//!     client.pump_at(now, &mut ());
//!     server.pump_at(now, &mut seen);
//! }
//! for _ in 0..21 {
//!     now += Duration::from_secs(1); // the client hangs
//!     server.pump_at(now, &mut seen);
//! }
//! assert_eq!(seen, ["silent for too long"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Give one server and its clients one clock, and let it go forward only.
//!
//! # Bad weather
//!
//! A [`Simulator`](crate::Simulator) stands between a server or client and its network, be it
//! memory or TCP, and makes of it a link with [`Conditions`](crate::Conditions): latency, jitter, a
//! bandwidth, reads and writes in small pieces, stalls, resets. It is all drawn from a seed: the
//! same seed, and the same pumps at the same times, give the same run again.
//!
//! ```
//! use hexapod::{Client, Conditions, Config, MemoryNetwork, Server, Simulator, msg};
//! use std::time::{Duration, Instant};
//!
//! let weather = Conditions::new()
//!     .latency(Duration::from_millis(80))
//!     .jitter(Duration::from_millis(40))
//!     .max_piece(64);
//! for seed in 0..20 {
//!     let network = MemoryNetwork::new();
//!     let addr = "10.0.0.1:5071".parse()?;
//!     let mut server = Server::<u32>::bind_memory(&network, addr)?;
//!     server.on("step", |ctx, msg| {
//!         assert_eq!(*ctx.state, msg.get::<u32>("n")?, "in order, and each once");
//!         *ctx.state += 1;
//!         Ok(())
//!     });
//!     let mut client = Client::<()>::with_config(Config::new());
//!     client.simulate(&Simulator::new(seed, weather));
//!     client.connect_to_memory(&network, addr);
//!
//!     let (mut steps, mut now) = (0, Instant::now());
//!     for frame in 0..300 {
//!         now += Duration::from_millis(16);
//!         if frame < 100 {
//!             client.send(msg!("step", n: frame));
//!         }
//!         client.pump_at(now, &mut ());
//!         server.pump_at(now, &mut steps);
//!     }
//!     assert_eq!(steps, 100, "seed {seed}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! While a game runs, [`set`](crate::Simulator::set) changes the weather, and
//! [`unplug`](crate::Simulator::unplug) pulls the cable: a key for each is the quickest way to see
//! what your players will see.
//!
//! # Strangers
//!
//! [`MemoryNetwork::connect`](crate::MemoryNetwork::connect) gives a bare stream, for what no
//! client would say. With it a fuzzer can try your handlers: the README shows how.
//!
//! # Watching it run
//!
//! [`on_trace`](crate::Server::on_trace) shows every step of every connection.
//!
//! ```
//! # let network = hexapod::MemoryNetwork::new();
//! # let mut server = hexapod::Server::<()>::bind_memory(&network, "10.0.0.1:5071".parse()?)?;
//! server.on_trace(|trace| eprintln!("{trace}"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```text
//!    0.001 s  #1 -- connected with 127.0.0.1:53422
//!    0.001 s  #1 -> {"action": "connected", "hexapod": {"wire": 1, "game": "g"}}
//!    0.002 s  #1 <- {"action": "$hello", "wire": 1, "game": "g"}
//!    0.002 s  #1 <- {"action": "move", "x": 7}
//!    0.002 s  #1 -> {"action": "ouch"}
//!    0.002 s  #1 -> {"action": "$bye", "code": "kicked", "text": "enough"}
//!    0.002 s  #1 -- disconnected: kicked: enough
//! ```
//!
//! The greeting and the hello are shortened here. `<-` has come, `->` goes out, and what begins
//! with `$` is the library's own.
//!
//! And in numbers: [`Peer::round_trip`](crate::Peer::round_trip),
//! [`Peer::traffic`](crate::Peer::traffic), [`Peer::queued`](crate::Peer::queued) for each peer,
//! [`traffic`](crate::Server::traffic) and [`faults`](crate::Server::faults) in all, and what a
//! single pump has done: the [`Activity`](crate::Activity) that it returns.
//!
//! Next: [what goes over the wire](super::_08_wire).
