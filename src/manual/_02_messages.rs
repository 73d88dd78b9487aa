//! Messages: which Rust types a field can be, and which it is read as; types of your own; what to
//! believe.
//!
//! A message is an action and fields with names. There is no schema: the sender says what it likes,
//! and the receiver asks for what it wants. The two meet in the names.
//!
//! ```
//! use hexapod::msg;
//!
//! let (who, hp) = ("ann", 10);
//! let message = msg!("joined", who: who, hp: hp, at: (1.5, 2.0), tags: ["red"]);
//! assert_eq!(
//!     message.to_string(),
//!     r#"{"action": "joined", "who": "ann", "hp": 10, "at": [1.5, 2.0], "tags": ["red"]}"#,
//! );
//! ```
//!
//! The values are only borrowed, and the message is encoded when it is made. So it may be made of
//! the very state that a handler changes, kept, cloned, and sent to many.
//!
//! # Reading a field
//!
//! The type that you ask for decides what is accepted. Nothing is converted but numbers to floats.
//!
//! ```
//! # use hexapod::msg;
//! # let message = msg!("joined", who: "ann", hp: 10, at: (1.5, 2.0), tags: ["red"]);
//! message.view(|msg| { // a handler is given such a `msg`
//!     let who: &str = msg.get("who")?; // borrowed: nothing is copied
//!     let hp = msg.get::<u32>("hp")?;
//!     let (x, y): (f32, f32) = msg.get("at")?;
//!     let tags: Vec<String> = msg.get("tags")?; // owned: yours to keep
//!     let team: Option<&str> = msg.get("team")?; // missing, or nil: `None`
//! #   assert_eq!((who, hp, x, y, tags.len(), team), ("ann", 10, 1.5, 2.0, 1, None));
//! #   Ok::<(), hexapod::ValueError>(())
//! })?;
//!
//! let error = message.view(|msg| msg.get::<u8>("who")).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     r#"field "who" of action "joined" should be an integer in 0..=255, but is the text "ann""#,
//! );
//! # Ok::<(), hexapod::ValueError>(())
//! ```
//!
//! | Rust | goes out as | is read from |
//! | --- | --- | --- |
//! | `bool` | a bool | a bool |
//! | `u8` … `i128`, `usize` | an integer | an integer that fits, never a float |
//! | `f32` | a float of 32 bits | any number, rounded; one beyond its range is an infinity |
//! | `f64` | a float of 64 bits | any number |
//! | `&str`, `String` | a text | a text |
//! | `&[u8]`, `Vec<u8>` | bytes | bytes; `Vec<u8>` an array of small integers too |
//! | `Vec<T>`, `[T; N]` | an array; bytes where `T` is `u8` | an array, of that length |
//! | tuples up to 8 | an array | an array of that length |
//! | `HashMap`, `BTreeMap` | a map | a map |
//! | `Option<T>` | the value, or nil | the value, nil, or a field that is missing |
//! | `Timestamp` | a point in time | a point in time |
//! | `Value` | what it holds | anything |
//!
//! [`IntoValue`](crate::IntoValue) and [`FromValue`](crate::FromValue) have the whole list.
//!
//! An integer takes as few bytes as it can, whatever its type in Rust: 5 is one byte as `u8` and as
//! `i64`. It has to be within −2⁶³ … 2⁶⁴ − 1. A float is as long as its type says, so positions are
//! best sent as `f32`; mind that `1.5` alone is an `f64`. `vec![1, 2]` is an array of integers and
//! `vec![1_u8, 2]` bytes, which is the way to send pictures and maps.
//!
//! # Keys
//!
//! A key is a word, a text in quotes, a number, or an expression in parentheses. `action` is taken:
//! it is the first argument. Where the fields are not known beforehand, add them one by one.
//!
//! ```
//! use hexapod::{Outgoing, msg};
//!
//! let name = String::from("ann");
//! let scores = msg!("scores", (name): 3, "bob smith": 5, type: "final");
//!
//! let mut same = Outgoing::new("scores");
//! same.field("ann", &3).field("bob smith", &5).field("type", &"final");
//! assert_eq!(scores, same);
//! ```
//!
//! # Types of your own
//!
//! A type is written through those that there are, and read through them. Short ones go well as
//! tuples; what may get more fields one day goes better as a map, with a default for what an older
//! version does not say.
//!
//! ```
//! use hexapod::{Encoder, FromValue, IntoValue, MapRef, ValueError, ValueRef, msg};
//!
//! #[derive(Clone, Copy, Debug, PartialEq)]
//! struct Vec2 { x: f32, y: f32 }
//!
//! impl IntoValue for Vec2 {
//!     fn encode(&self, out: &mut Encoder) {
//!         (self.x, self.y).encode(out);
//!     }
//! }
//!
//! impl FromValue<'_> for Vec2 {
//!     fn from_value(value: ValueRef<'_>) -> Result<Self, ValueError> {
//!         let (x, y) = value.get()?;
//!         Ok(Self { x, y })
//!     }
//! }
//!
//! #[derive(Debug, PartialEq)]
//! enum Colour { Red, Blue }
//!
//! impl IntoValue for Colour {
//!     fn encode(&self, out: &mut Encoder) {
//!         out.str(match self {
//!             Self::Red => "red",
//!             Self::Blue => "blue",
//!         });
//!     }
//! }
//!
//! impl FromValue<'_> for Colour {
//!     fn from_value(value: ValueRef<'_>) -> Result<Self, ValueError> {
//!         match value.get()? {
//!             "red" => Ok(Self::Red),
//!             "blue" => Ok(Self::Blue),
//!             _ => Err(ValueError::wanted("a known colour", value)),
//!         }
//!     }
//! }
//!
//! #[derive(Debug, PartialEq)]
//! struct Ship { at: Vec2, colour: Colour, shield: u32 }
//!
//! impl IntoValue for Ship {
//!     fn encode(&self, out: &mut Encoder) {
//!         out.map(|map| {
//!             map.entry("at", &self.at);
//!             map.entry("colour", &self.colour);
//!             map.entry("shield", &self.shield);
//!         });
//!     }
//! }
//!
//! impl FromValue<'_> for Ship {
//!     fn from_value(value: ValueRef<'_>) -> Result<Self, ValueError> {
//!         let map: MapRef<'_> = value.get()?;
//!         let field = |key| map.get(key).unwrap_or(ValueRef::Nil);
//!         Ok(Self {
//!             at: field("at").get().map_err(|error| error.at_key("at"))?,
//!             colour: field("colour").get().map_err(|error| error.at_key("colour"))?,
//!             shield: field("shield").get::<Option<u32>>()?.unwrap_or(0),
//!         })
//!     }
//! }
//!
//! let ship = Ship { at: Vec2 { x: 1.0, y: 2.5 }, colour: Colour::Red, shield: 3 };
//! let ships = msg!("ships", all: [&ship]);
//! assert_eq!(
//!     ships.to_string(),
//!     r#"{"action": "ships", "all": [{"at": [1.0, 2.5], "colour": "red", "shield": 3}]}"#,
//! );
//! assert_eq!(ships.view(|msg| msg.get::<Vec<Ship>>("all"))?, [ship]);
//!
//! let error = msg!("paint", it: "pink").view(|msg| msg.get::<Colour>("it")).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     r#"field "it" of action "paint" should be a known colour, but is the text "pink""#,
//! );
//! # Ok::<(), ValueError>(())
//! ```
//!
//! # A struct as the message
//!
//! With the feature `serde` (`cargo add hexapod --features serde`), a struct that derives
//! `Serialize` and `Deserialize` can be all the fields of a message. The bytes are those that
//! [`msg!`](crate::msg) would make, so the other end need not know. There are two exceptions: a
//! `Vec<u8>` or `[u8; N]` is written as an array of integers, unless the crate `serde_bytes` makes
//! it bytes; and `i128` and `u128` as 16 bytes, so take 64 bits where others listen.
//!
//! ```
//! # #[cfg(feature = "serde")] {
//! use hexapod::{Client, MemoryNetwork, Server, msg};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct Move {
//!     x: f32,
//!     y: f32,
//!     #[serde(default)]
//!     run: bool,
//! }
//!
//! let network = MemoryNetwork::new();
//! let addr = ([10, 0, 0, 1], 5071).into();
//! let mut server = Server::<Vec<Move>>::bind_memory(&network, addr).unwrap();
//! server.on_as("move", |ctx, it: Move| {
//!     ctx.broadcast_as("moved", &it);
//!     ctx.state.push(it);
//! });
//!
//! let mut client = Client::<()>::connect_memory(&network, addr);
//! client.send_as("move", &Move { x: 1.5, y: 2.0, run: true });
//! client.send(msg!("move", x: 3, y: 4)); // the same, by hand
//! let mut moves = Vec::new();
//! for _ in 0..3 {
//!     client.pump(&mut ());
//!     server.pump(&mut moves);
//! }
//! assert_eq!(moves, [
//!     Move { x: 1.5, y: 2.0, run: true },
//!     Move { x: 3.0, y: 4.0, run: false },
//! ]);
//! # }
//! ```
//!
//! A map with texts as keys will do as well, and so will an enum: `Jump { height: 3 }` is the one
//! field `"Jump"`, with a map in it. `struct Ping;` is a message without fields. `"action"` is
//! never one of the fields, and a struct with a field of that name cannot be sent.
//!
//! Each such message takes memory from the heap, which `get` does not: for what is sent a thousand
//! times a second, read fields.
//!
//! # What you do not know beforehand
//!
//! [`Value`](crate::Value) is any value, as a tree that you own; what is not there is
//! `Value::Nil`. [`ValueRef`](crate::ValueRef) is the same, borrowed, and costs no tree. A relay
//! need not look at all: [`Outgoing::from`](crate::Outgoing) makes of a message the same again,
//! byte for byte.
//!
//! ```
//! use hexapod::{Outgoing, Value, msg};
//!
//! let message = msg!("move", to: [1, 2], how: "fast");
//! let tree = message.view(|msg| msg.to_value());
//! assert_eq!(tree["to"][1], Value::Int(2));
//! assert_eq!(tree["from"], Value::Nil);
//! assert_eq!(message.view(|msg| Outgoing::from(msg)), message);
//! ```
//!
//! # What to believe
//!
//! Nothing that a client says. `get` has seen to the types, [`Config`](crate::Config) to the
//! amounts; the meaning is yours to check, in the handler, before the state is changed:
//!
//! * **Who it is.** [`ctx.peer()`](crate::Context::peer) is true, a field `"id"` or `"nick"` is a
//!   claim. Keep what is known of a player in its data, as the tutorial's chat does.
//! * **Whether it is its turn**, whether it is near enough, has the money, is alive.
//! * **Numbers.** An integer is within its type and no more: compare it with your board before it
//!   is an index, and add with `checked_add`. A float may be infinite, or no number at all.
//! * **Texts and lists** are up to a megabyte long: cut nicknames.
//! * **How often.** The library bounds what is read of a peer in a pump, not what the game makes of
//!   it. Count in the peer's data what is dear.
//!
//! ```
//! # use hexapod::{Client, MemoryNetwork, Server, msg};
//! # #[derive(Default)]
//! # struct Player { x: f32, steps: u32 }
//! # let network = MemoryNetwork::new();
//! # let addr = "10.0.0.1:5071".parse()?;
//! # let mut server = Server::<(), Player>::bind_memory(&network, addr)?;
//! server.on("step", |ctx, msg| {
//!     let by: f32 = msg.get("by")?;
//!     if !by.is_finite() || by.abs() > 1.0 {
//!         return Err(format!("a step of {by}").into()); // `on_error` is told; the player stays
//!     }
//!     let player = ctx.data_mut();
//!     player.steps += 1;
//!     if player.steps > 60 { // the tick sets it to 0 once a second
//!         ctx.kick(ctx.peer(), "too fast");
//!         return Ok(());
//!     }
//!     player.x += by;
//!     Ok(())
//! });
//! # server.on_error(|(), _| {});
//! # let mut client = Client::<Vec<String>>::connect_memory(&network, addr);
//! # client.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
//! # client.send(msg!("step", by: f32::NAN));
//! # for _ in 0..60 { client.send(msg!("step", by: 0.5)); }
//! # let mut log = Vec::new();
//! # for _ in 0..3 { client.pump(&mut log); server.pump(&mut ()); }
//! # let player = server.peers().next().unwrap();
//! # assert_eq!((player.data().x, player.data().steps), (30.0, 60));
//! # client.send(msg!("step", by: 0.5));
//! # for _ in 0..3 { client.pump(&mut log); server.pump(&mut ()); }
//! # assert_eq!(log, ["kicked: too fast"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Next: [where the loop is already somebody else's](super::_03_loops).
