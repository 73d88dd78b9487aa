//! Ends and errors: every reason for an end, every fault, and what to do.
//!
//! A normal end is no error. Why a connection has ended is a value that `on_disconnect` is given;
//! why one never came about, `on_connect_failed`; and what goes wrong without ending anything goes
//! to `on_error`. All of them are made to be shown: as text they complete the sentence "the peer
//! has left: …".
//!
//! # Why a peer has left
//!
//! [`DisconnectReason`](crate::DisconnectReason), as `on_disconnect` is given it.
//!
//! | value | as text | what has happened, and what to do |
//! | --- | --- | --- |
//! | `Closed` | closed by the peer | Its player left, or its process ended: the usual end. |
//! | `CutOff` | cut off in the middle of a frame, after 3 bytes of it | It was ended or killed while it was sending. What came before was handled. |
//! | `LocalClose` | closed by this side | Your own `close`: a client's, or `ctx.close()`. |
//! | `Kicked` | kicked: bye | On a server, your own `kick`; on a client, the server's, with its words: show them. |
//! | `Shutdown` | the server was shut down | On both sides; a server's own `close` is the same. A client may `reconnect` after a while. |
//! | `VersionMismatch` | versions differ: here is "dots 2", there is "dots 1" | A client of another game or version, seen by the server. The client is told in `on_connect_failed`. |
//! | `EndedByPeer` | ended by the peer: silent for too long | It found fault with this side and says so: it was not heard from here, or did not understand what came. |
//! | `SlowConsumer` | too slow a reader: 5000000 bytes were waiting to be sent, and 4194304 may | It reads more slowly than the game sends. Send less often, or only what has changed; look at `Peer::queued`, or use `try_send`. |
//! | `Protocol` | not understood: a frame without payload | It is no client of this game, or a broken one. |
//! | `Timeout` | silent for too long | The link is dead though nobody has closed it: a pulled cable, a suspended process. |
//! | `Io` | connection reset | What the system says: the far process has died with data unread, or the network gave up. |
//!
//! A timeout has three kinds: `Idle`, as above; `Frame`, "too slow: a frame was never finished";
//! and `Handshake`, "no greeting came", which a client sees inside of `NotAServer`.
//!
//! Which of them a far end sees depends on what it is. Two ends of hexapod tell each other: a kick
//! arrives as `Kicked`, with its words, though the connection is closed behind it, and even where
//! neither side has read what the other had sent. A *plain* peer, an old client, only sees its
//! connection end; tell it in the game's own words before.
//!
//! # Why there is no connection
//!
//! [`ConnectError`](crate::ConnectError), as `on_connect_failed` is given it.
//!
//! | value | as text | what to do |
//! | --- | --- | --- |
//! | `BadTarget` | "nonsense" is no address: write host:port, for instance localhost:5071 | A mistyped address: let the player correct it. |
//! | `NotFound` | cannot find nowhere.example:5071: Name or service not known | The name does not exist, or there is no network. |
//! | `Refused` | nobody listens at 127.0.0.1:5071 (connection refused) | The server is not running, or on another port. |
//! | `TimedOut` | no answer from 10.0.0.1:5071 within 10s | A firewall, or the machine is off. |
//! | `Io` | cannot connect to 10.0.0.1:5071: Network is unreachable | What the system says. |
//! | `NotAServer` | 127.0.0.1:5071 answers, but not as a game server: no greeting came | Another service has this port. |
//! | `ServerFull` | 127.0.0.1:5071 is full | As many are there as may be; try later. |
//! | `VersionMismatch` | versions differ: here is "dots 2", 127.0.0.1:5071 has "dots 1" | One of the two has to be updated: the text says which. |
//! | `Cancelled` | closed by this side before the connection was up | Your own `close`. |
//!
//! # Connecting again
//!
//! A client that has lost its server keeps its handlers, and
//! [`reconnect`](crate::Client::reconnect) tries again where it was. It begins a new connection:
//! the server has a new peer with new data, and what was sent and not delivered is gone. If players
//! are to come back to where they were, let the first message say who they are, by a secret that
//! the server has given them.
//!
//! ```
//! use hexapod::{Client, MemoryNetwork, Server, msg};
//! use std::time::{Duration, Instant};
//!
//! #[derive(Default)]
//! struct Game { lost: bool, joined: u32 }
//!
//! # let network = MemoryNetwork::new();
//! # let addr = "10.0.0.1:5071".parse()?;
//! # let mut server = Server::<()>::bind_memory(&network, addr)?;
//! let mut net = Client::<Game>::connect_memory(&network, addr);
//! net.on_connect(|ctx| {
//!     ctx.state.joined += 1;
//!     ctx.send(msg!("join", secret: 4711));
//! });
//! net.on_connect_failed(|ctx, _| ctx.state.lost = true);
//! net.on_disconnect(|ctx, _| ctx.state.lost = true);
//!
//! let (mut game, mut again) = (Game::default(), None);
//! # let begun = Instant::now();
//! # for frame in 0..60 {
//! # let now = begun + Duration::from_millis(100 * frame);
//! # if frame == 10 { server.close(); }
//! # if frame == 12 { server = Server::bind_memory(&network, addr)?; }
//! # server.pump_at(now, &mut ());
//! // … and each frame:
//! # net.pump_at(now, &mut game);
//! # /*
//! let now = Instant::now();
//! net.pump(&mut game);
//! # */
//! if std::mem::take(&mut game.lost) {
//!     again = Some(now + Duration::from_secs(2));
//! }
//! if again.is_some_and(|then| now >= then) {
//!     again = None;
//!     net.reconnect();
//! }
//! # }
//! # assert!(net.is_connected());
//! # assert_eq!(game.joined, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What goes wrong without an end
//!
//! [`Fault`](crate::Fault), as `on_error` is given it: a cause, and peer and action where it is
//! about one. Each is also counted, in [`faults`](crate::Server::faults).
//!
//! | cause | as text | what to do |
//! | --- | --- | --- |
//! | `Handler` | the handler of "move" from #3 failed: … | A field that is missing or of another type: a client of another version, or a stranger. |
//! | `Send` | did not send "move" to #3: not connected | See below. |
//! | `NotAMessage` | left out what came from #3: a map without "action" is no message | The peer may be an old one; the next message is read as if nothing had been. |
//! | `Undelivered` | could not deliver the last 5 bytes to #3 | The peer did not read its last words within `flush_timeout`; or there never was a connection. |
//! | `Refused` | turned 10.0.0.9:4000 away: as many peers are here as may be (max_peers) | Raise the limit, if there are so many players. |
//! | `Listener` | cannot accept connections now: Too many open files | Raise the number of descriptors (`ulimit -n`). It goes on trying. |
//! | `More` | 7 more faults in this pump | More than 256 came up before `on_error` could be told, in one handler or between two pumps. The others are counted only. |
//!
//! [`SendError`](crate::SendError) says why a message was not sent. `send` tells `on_error`,
//! `try_send` returns it. For `send`, a peer for which too much is waiting is no fault but an end:
//! `SlowConsumer`.
//!
//! | value | as text |
//! | --- | --- |
//! | `NotConnected` | not connected |
//! | `Full` | 5000000 bytes are waiting to be sent, and 4194304 may |
//! | `Busy` | 1024 messages of other threads wait for the next pump already |
//! | `TooLong` | a message of 2000000 bytes is longer than 1048576 |
//! | `TooDeep` | arrays and maps nest 40 deep, and may 32 |
//! | `TooManyElements` | the message holds 70000 values, and may 65536 |
//! | `Reserved` | actions that begin with $ are the library's own |
//! | `NotEncodable` | (what stands in the way) |
//! | `NotSerializable` | the value cannot be a message: a message is a struct or a map, not an integer |
//! | `NotExpressible` | rencode has no place for a timestamp |
//! | `HoldsTerminator` | the message holds the bytes \0---\0, which end a frame of words |
//!
//! Without an `on_error`, the first fault of each kind and action goes to standard error; an action
//! without a handler, and an attempt to connect that has failed without an `on_connect_failed`,
//! likewise. That is 64 lines at most, and one that says so.
//! [`Config::quiet`](crate::Config::quiet) turns it off.
//!
//! # How long it takes to notice
//!
//! A closed connection is seen in the next pump. A link that is dead without a word is seen after
//! [`Config::idle_timeout`](crate::Config::idle_timeout), by both ends, because heartbeats are
//! missed: one is sent every [`Config::heartbeat`](crate::Config::heartbeat), also where nobody has
//! anything to say. Plain peers cannot answer heartbeats, so of them only the system finds out, or
//! [`Config::plain_idle_timeout`](crate::Config::plain_idle_timeout).
//!
//! Whoever was suspended itself, for more than half of `idle_timeout` without a pump, gives the
//! others their time anew; and what they have sent meanwhile is read before anybody is judged. A
//! client that was suspended for longer than the server's patience finds the server's goodbye:
//! `EndedByPeer`.
//!
//! Next: [what is bounded, and by how much](super::_06_limits).
