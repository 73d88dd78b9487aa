//! Coming from PodSixNet or repod: name by name, and what is different.
//!
//! A server in Rust takes the place of one in Python, and every program that joined the old one
//! joins the new one, unchanged: beside Rust players, in one game. It works the other way round as
//! well: a client in Rust joins a server in Python.
//!
//! ```no_run
//! use hexapod::{Dialect, Server};
//!
//! # fn main() -> std::io::Result<()> {
//! let mut server = Server::<()>::bind("0.0.0.0:5071")?; // repod's clients, and Rust's
//! server.listen("0.0.0.0:31425", Dialect::PODSIXNET)?; // PodSixNet's
//! # Ok(())
//! # }
//! ```
//!
//! One address cannot serve both, because in all of them the server speaks first. But all peers are
//! in one table: [`broadcast`](crate::Server::broadcast) reaches everybody, each in their own
//! dialect, and [`ctx.dialect()`](crate::Context::dialect) tells which that is.
//!
//! # Names
//!
//! | PodSixNet | repod | hexapod |
//! | --- | --- | --- |
//! | `Server(localaddr=…)` | `Server(host, port)` | [`Server::bind`](crate::Server::bind), [`listen`](crate::Server::listen) |
//! | a subclass of `Channel` | a subclass of `Channel` | a type of yours for each peer: [`ctx.data()`](crate::Context::data) |
//! | attributes of the server | attributes of the server | the state: [`ctx.state`](crate::Context) |
//! | `Network_move(self, data)` | `Network_move(self, data)` | `server.on("move", \|ctx, msg\| …)` |
//! | `Network(self, data)`, after the one above | | [`on_any`](crate::Server::on_any) |
//! | `Network(self, data)`, where there is no other | `network_received(self, data)` | [`on_unhandled`](crate::Server::on_unhandled) |
//! | `data["x"]` | `data["x"]` | [`msg.get("x")?`](crate::Message::get) |
//! | `Connected(self, channel, addr)` | `on_connect` | [`on_connect`](crate::Server::on_connect) |
//! | `Close(self)` | `on_close`, `on_disconnect` | [`on_disconnect`](crate::Server::on_disconnect), with a reason |
//! | `Error(self, error)` | `on_error` | [`on_error`](crate::Server::on_error) |
//! | `channel.Send({"action": "move", "x": 1})` | `channel.send({…})` | `ctx.send(msg!("move", x: 1))` |
//! | a loop over the channels | `send_to_all` | [`broadcast`](crate::Server::broadcast) |
//! | `server.Pump()` | `run`, `launch` | [`pump`](crate::Server::pump), [`run`](crate::Server::run) |
//! | `Connect((host, port))` | `connect(host, port)` | [`Client::connect`](crate::Client::connect) |
//! | `connection.Pump()` and `self.Pump()` | `pump()` | one [`pump`](crate::Client::pump) |
//! | several `ConnectionListener`s | | sets of handlers: [`attach`](crate::Client::attach) |
//! | `Network_connected` | `Network_connected` | `on_connect` |
//! | `Network_error` | `Network_error` | [`on_connect_failed`](crate::Client::on_connect_failed), [`on_error`](crate::Client::on_error) |
//! | `Network_disconnected` | `Network_disconnected` | `on_disconnect` |
//! | `connection.Close()` | `close()` | [`close`](crate::Client::close) |
//!
//! # A chat, in both
//!
//! In Python, on PodSixNet:
//!
//! ```python
//! from time import sleep
//! from PodSixNet.Channel import Channel
//! from PodSixNet.Server import Server
//!
//! class Player(Channel):
//!     nick = "somebody"
//!
//!     def Network_nickname(self, data):
//!         self.nick = data["nickname"]
//!
//!     def Network_message(self, data):
//!         line = {"action": "message", "who": self.nick, "message": data["message"]}
//!         for player in self._server.players:
//!             player.Send(line)
//!
//!     def Close(self):
//!         self._server.players.remove(self)
//!
//! class Chat(Server):
//!     channelClass = Player
//!     players = []
//!
//!     def Connected(self, channel, addr):
//!         self.players.append(channel)
//!
//! chat = Chat(localaddr=("127.0.0.1", 31425))
//! while True:
//!     chat.Pump()
//!     sleep(0.01)
//! ```
//!
//! In Rust, for the same clients:
//!
//! ```no_run
//! // src/bin/chat_for_python.rs
//! use std::io;
//!
//! use hexapod::{Config, Dialect, Server, msg};
//!
//! struct Player {
//!     nick: String,
//! }
//!
//! impl Default for Player {
//!     fn default() -> Self {
//!         Self { nick: "somebody".to_owned() }
//!     }
//! }
//!
//! fn main() -> io::Result<()> {
//!     let mut server = Server::<(), Player>::with_config(Config::new());
//!     server.listen("127.0.0.1:31425", Dialect::PODSIXNET)?;
//!     server
//!         .on("nickname", |ctx, msg| {
//!             ctx.data_mut().nick = msg.get("nickname")?;
//!             Ok(())
//!         })
//!         .on("message", |ctx, msg| {
//!             let text: &str = msg.get("message")?;
//!             ctx.broadcast(msg!("message", who: ctx.data().nick, message: text));
//!             Ok(())
//!         });
//!     server.run(&mut (), 100, |_, _| {});
//!     Ok(())
//! }
//! ```
//!
//! # What is different, and why
//!
//! * **One pump.** Nothing is lost or handled twice however often you pump, and several sets of
//!   handlers share one connection.
//! * **Nothing said is lost.** What is sent before the connection is up is kept; what is sent just
//!   before it is closed is delivered.
//! * **A handler's error is one message's error.** It is reported, with peer and action; the peer
//!   stays connected, and its next message is handled.
//! * **Nobody forges an event.** A peer may send `{"action": "disconnected"}`: it is a message like
//!   any other. The hooks cannot be reached by words; `on("connected", …)` panics and names the
//!   right one.
//! * **Who has left is forgotten.** `on_disconnect` runs exactly once for each peer, with a reason,
//!   be it that its process was killed while you were sending to it.
//! * **Strange values do no harm.** What is no map, or has no action, is left out and reported.
//!   Broken bytes end the one connection that they came on.
//! * **Everything is bounded**: the length of a message, what waits for a slow reader, how long a
//!   dead link is kept. An old client cannot answer heartbeats, so it may be silent for four hours.
//! * **Errors are values.** A connection that does not come about is an `on_connect_failed` with a
//!   [`ConnectError`](crate::ConnectError), which reads "nobody listens at 127.0.0.1:31425
//!   (connection refused)".
//! * **No thread runs your handlers**, so no lock is needed: they run inside of `pump`.
//! * **Defaults.** A hexapod is at home at port 5071, as repod is. PodSixNet's clients look for
//!   port 31425 unless they are told otherwise.
//!
//! # What the old wire forces
//!
//! * PodSixNet's floats have 32 bits. 0.1 comes as 0.10000000149011612; 16777217.0 goes out as
//!   16777216.0, and 1e39 cannot be sent.
//! * It has one type for text and bytes. What is UTF-8 comes as text, all else as bytes. It takes
//!   for text whatever it is sent, and ends its connection over what is none: such bytes are
//!   refused and reported, and so are bytes as a key, which would be a second `action`, say.
//! * Lists and tuples are two things there, and its programs may care: one that appends to what it
//!   has received needs a list. Arrays go out as lists, a [`Tuple`](crate::Tuple) as a tuple; a
//!   tuple that came is passed on as one. repod, MessagePack and JSON have lists only.
//! * Integers beyond 64 bits, and tuples as keys, cannot be expressed here: such a message is left
//!   out, and reported.
//! * A frame of PodSixNet ends with the bytes `\0---\0`, and its own decoder looks for them inside
//!   of payloads too, where two plain integers, 2960685 and 0, already make it cut a message in the
//!   middle. What its clients send in this way is read rightly here. What is sent to them is
//!   written so that it does not happen; a text that holds all five bytes is refused, and reported.
//! * An old client takes `connected`, `disconnected` and `error` for its own events, whoever says
//!   them. A server that passes on what it does not know had better not pass on these.
//! * A plain peer has no goodbye: why it was kicked it learns only if the game tells it before, in
//!   its own words.
//! * None of them encrypts, nor does hexapod.
//!
//! # A client for an old server
//!
//! What a client speaks is in its [`Config`](crate::Config), beside the limits:
//!
//! ```
//! use hexapod::{Client, Config, Dialect, msg};
//!
//! let mut net = Client::<Vec<String>>::with_config(Config::new().dialect(Dialect::PODSIXNET));
//! net.on("message", |ctx, msg| {
//!     ctx.state.push(msg.get("message")?);
//!     Ok(())
//! });
//! net.on_connect(|ctx| ctx.send(msg!("nickname", nickname: "ann")));
//! # if false {
//! net.connect_to("127.0.0.1:31425");
//! # }
//! ```
//!
//! # JSON
//!
//! With the feature `json`, [`Dialect::JSON`](crate::Dialect) is JSON text with the same five bytes
//! behind each message: the shortest way in for a client in another language. Any other format that
//! can dump and load is a [`Codec`](crate::Codec) of your own.
//!
//! Next: [who may attack, and what is left for you to do](super::_10_security).
