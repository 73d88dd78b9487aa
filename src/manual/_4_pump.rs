//! A pump: all that happens in it, in order; what a handler may do.
//!
//! # The order
//!
//! 1. What other threads have handed to a [`Sender`](crate::Sender) is sent.
//! 2. Then listener after listener, in the order in which they were added:
//!    1. Who is waiting is accepted, up to
//!       [`Config::accepts_per_pump`](crate::Config::accepts_per_pump). Each newcomer is greeted,
//!       and its `on_connect` runs, before the next is looked at.
//!    2. Every peer has its turn. What it has sent is read and handled, message by message, until
//!       nothing is left, or until its share of the pump is used up:
//!       [`Config::messages_per_pump`](crate::Config::messages_per_pump) and
//!       [`Config::bytes_per_pump`](crate::Config::bytes_per_pump). The rest waits for the next
//!       pump. Who is first changes from pump to pump.
//! 3. Up to ten times a second: who has been silent for too long is disconnected, and heartbeats
//!    are sent where it is time.
//! 4. What was sent is written, with one system call for each peer that has something to be told.
//!
//! Between any two handlers, what has come up meanwhile is told first: faults to `on_error`, then
//! `on_connect`, `on_connect_failed` and `on_disconnect`, in the order in which they came about. So
//! a peer that a handler kicks has left before the next message is handled.
//!
//! Sockets that have been quiet for a tenth of a second, and listeners, are asked at most once a
//! millisecond; a loop that pumps less often does not notice.
//!
//! # Who hears of a message
//!
//! First the queue of events, if there is one. Then each set of handlers, the own one first, then
//! those [attached](crate::Server::attach), in the order in which they were. In each set: the
//! handler of the action, or `on_unhandled` where there is none; then `on_any`. The error of one
//! handler keeps no other from running.
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
//! Only the endpoint's own set of handlers is out of reach: handlers are registered before or
//! between pumps.
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
//! What was sent before an end is delivered first, in both directions, unless the link is dead or
//! the peer does not read.
//!
//! Next: [every reason for an end](super::_5_ends).
