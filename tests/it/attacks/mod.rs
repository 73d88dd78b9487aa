//! The catalogue of attacks, case by case: `tests/ATTACKS.md` says which there are, what each does
//! and what must come of it. A test is named after the number of its case.
//!
//! ```text
//! attackers ──their dialect──┐
//!                          server    what they say ends their link, is left out, or is heard
//! canary ──────repod─────────┘        it sings a number at each pump, and hears each, in order
//! ```
//!
//! Sizes are such that all of it takes some seconds, on 256 descriptors. `HEXAPOD_ATTACKS=full`
//! makes them those of the catalogue; the gate does, on an optimised build with its checks left in.

mod connections;
mod fairness;
mod formats;
mod framing;
mod handlers;
mod messagepack;
mod refusals;
mod seeds;
mod systems;
mod time;

use std::env;
use std::net::SocketAddr;
use std::time::Instant;

use hexapod::{Activity, Client, Config, Dialect, MemoryNetwork, Outgoing, Server, Value, msg};

use crate::harness::{Network, Stream, frame, until};

/// PodSixNet's mark, which JSON's frames have as well.
const MARK: &[u8] = b"\0---\0";

/// How much of an attack there is, as a rule and in full.
fn size(usual: usize, full: usize) -> usize {
    if env::var_os("HEXAPOD_ATTACKS").is_some() { full } else { usual }
}

/// All that there is to listen in.
fn dialects() -> Vec<Dialect> {
    vec![
        Dialect::REPOD,
        Dialect::PODSIXNET,
        #[cfg(feature = "json")]
        Dialect::JSON,
    ]
}

/// A configuration that lets so many in from one address.
fn room_for(peers: usize) -> Config {
    Config::new().max_peers(peers).max_peers_per_address(peers)
}

fn in_memory() -> Network {
    Network::Memory(MemoryNetwork::new())
}

fn streams(network: &Network, addr: SocketAddr, count: usize) -> Vec<Stream> {
    (0..count).map(|_| network.stream(addr)).collect()
}

/// The frame of a message, in repod's dialect.
fn frame_of(message: &Outgoing) -> Vec<u8> {
    frame(message.to_bytes().expect("a good message"))
}

/// A frame that the scene of `hostile.rs` counts as noise.
fn noise() -> Vec<u8> {
    frame(b"\x81\xa6action\xa5noise")
}

/// The frame around a payload in a dialect.
fn framed(dialect: Dialect, payload: &[u8]) -> Vec<u8> {
    if dialect == Dialect::REPOD { frame(payload) } else { [payload, MARK].concat() }
}

/// A chat message with this plain text, as a payload.
fn chat(dialect: Dialect, text: &str) -> Vec<u8> {
    let len = text.len();
    match dialect.name() {
        "podsixnet" => format!("\u{68}6:action4:chat4:text{len}:{text}").into_bytes(),
        "json" => format!("{{\"action\":\"chat\",\"text\":\"{text}\"}}").into_bytes(),
        _ => msg!("chat", text: text).to_bytes().expect("a good message").to_vec(),
    }
}

/// A chat message whose payload is exactly so long.
fn chat_of(dialect: Dialect, len: usize) -> Vec<u8> {
    // The head of a text takes more bytes where the text is longer.
    let around = |text: usize| chat(dialect, &"x".repeat(text)).len() - text;
    let text = (0..16).map(|head| len - around(0) - head).find(|text| text + around(*text) == len);
    chat(dialect, &"x".repeat(text.expect("a length that can be had")))
}

/// The last words of an attacker, from which it is known that everything before was handled.
fn end(dialect: Dialect) -> Vec<u8> {
    let payload: &[u8] = match dialect.name() {
        "podsixnet" => b"\x67\x86action\x83end",
        "json" => b"{\"action\":\"end\"}",
        _ => b"\x81\xa6action\xa3end",
    };
    framed(dialect, payload)
}

/// What the server has seen of the attackers.
#[derive(Debug, Default)]
struct World {
    /// The chat messages that were delivered.
    chat: Vec<Value>,
    /// Actions without a handler.
    strange: Vec<String>,
    /// How many have said their last words.
    ends: usize,
    /// Why attackers have left, one for each disconnect event.
    left: Vec<String>,
    /// How many attackers have come.
    came: usize,
    faults: Vec<String>,
}

/// What has come of one attack: **P** or not.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    /// The link was ended for this reason; these were delivered before.
    Ended(String, Vec<Value>),
    /// The link is as it was: what was delivered, what had no handler, what was left out.
    Kept(Vec<Value>, Vec<String>, Vec<String>),
}

impl Outcome {
    /// **P**: nothing is delivered, the link ends, and the reason says this.
    #[track_caller]
    fn is_p(&self, reason: &str) {
        let whole = format!("not understood: {reason}");
        assert_eq!(*self, Self::Ended(whole, Vec::new()));
    }

    /// **P**, with a reason of which this is a part.
    #[track_caller]
    fn is_p_about(&self, part: &str) {
        let Self::Ended(reason, chat) = self else { panic!("{self:?}, not about {part:?}") };
        assert!(reason.starts_with("not understood: ") && reason.contains(part), "{reason}");
        assert_eq!(*chat, []);
    }

    /// **S**: the message is left out, with a fault of which this is a part, and the link goes on.
    #[track_caller]
    fn is_s(&self, part: &str) {
        let Self::Kept(chat, strange, faults) = self else { panic!("{self:?}, not {part:?}") };
        assert_eq!((chat.len(), strange.len(), faults.len()), (0, 0, 1), "{self:?}");
        assert!(faults[0].contains(part), "{faults:?}");
    }

    /// **S**: a message that nobody handles.
    #[track_caller]
    fn is_unhandled(&self, action: &str) {
        assert_eq!(*self, Self::Kept(Vec::new(), vec![action.to_owned()], Vec::new()));
    }

    /// **K**: delivered, once.
    #[track_caller]
    fn is_k(&self) -> Value {
        let Self::Kept(chat, strange, faults) = self else { panic!("{self:?}") };
        assert_eq!((chat.len(), strange.len(), faults.len()), (1, 0, 0), "{chat:?} {faults:?}");
        chat[0].clone()
    }
}

/// A server under attack, and its canary, on a clock that the test turns. Attacks on connections,
/// fairness and handlers need the system's clock and floods that are only counted: theirs is the
/// scene of `hostile.rs`.
struct Scene {
    network: Network,
    server: Server<World>,
    /// Where attackers go, and what is spoken there.
    addr: SocketAddr,
    dialect: Dialect,
    world: World,
    /// The first of all peers.
    canary: Client<Vec<u64>>,
    sung: u64,
    heard: Vec<u64>,
    /// A clock that the test turns. Where it stands still, each pump looks at everything.
    now: Instant,
}

impl Scene {
    fn new(network: &Network, config: Config, dialect: Dialect) -> Self {
        let (mut server, nest) = network.server::<World, ()>(config.dialect(Dialect::REPOD));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let addr = match network {
            Network::Tcp => server.listen(any, dialect),
            Network::Memory(network) => server.listen_memory(network, any, dialect),
        };
        server.on("sing", |ctx, msg| {
            ctx.send(msg!("sing", n: msg.get::<u64>("n")?));
            Ok(())
        });
        server.on("chat", |ctx, msg| ctx.state.chat.push(msg.to_value()));
        server.on("end", |ctx, _| ctx.state.ends += 1);
        server.on_unhandled(|ctx, msg| ctx.state.strange.push(msg.action().to_owned()));
        server.on_connect(|ctx| ctx.state.came += usize::from(ctx.peer().number() > 1));
        server.on_disconnect(|ctx, reason| ctx.state.left.push(reason.to_string()));
        server.on_error(|world, fault| world.faults.push(fault.to_string()));
        let mut canary = network.client_with::<Vec<u64>>(nest, Config::new());
        canary.on("sing", |ctx, msg| {
            ctx.state.push(msg.get("n")?);
            Ok(())
        });
        canary.on_disconnect(|_, reason| panic!("the canary is dead: {reason}"));
        let mut scene = Self {
            network: network.clone(),
            server,
            addr: addr.expect("a free port"),
            dialect,
            world: World::default(),
            canary,
            sung: 0,
            heard: Vec::new(),
            now: Instant::now(),
        };
        scene.until(|scene| scene.canary.is_connected());
        scene
    }

    /// In memory, with the limits that there are by default.
    fn usual(dialect: Dialect) -> Self {
        Self::new(&Network::Memory(MemoryNetwork::new()), Config::new(), dialect)
    }

    /// The canary sings, and everybody is heard.
    fn pump(&mut self) -> Activity {
        self.canary.send(msg!("sing", n: self.sung));
        self.sung += 1;
        self.canary.pump_at(self.now, &mut self.heard);
        let done = self.server.pump_at(self.now, &mut self.world);
        self.canary.pump_at(self.now, &mut self.heard);
        done
    }

    fn pumps(&mut self, times: usize) {
        for _ in 0..times {
            self.pump();
        }
    }

    #[track_caller]
    fn until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        until(|| {
            self.pump();
            done(self)
        });
    }

    /// A new attacker, whom the server has let in.
    fn stream(&mut self) -> Stream {
        let came = self.world.came;
        let stream = self.network.stream(self.addr);
        self.until(|scene| scene.world.came > came);
        stream
    }

    /// Says bytes as they fit; tells whether all were taken before the server closed.
    fn say(&mut self, stream: &mut Stream, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let Ok(written) = stream.write_some(bytes) else { return false };
            bytes = &bytes[written..];
            if !bytes.is_empty() {
                self.pump();
            }
        }
        true
    }

    /// A new attacker says these bytes, and then its last words. What has come of it; and the
    /// canary has lost nothing.
    #[track_caller]
    fn attack(&mut self, bytes: &[u8]) -> Outcome {
        self.attack_in_pieces(&[bytes, &end(self.dialect)])
    }

    /// The same with nothing but these bytes, and pumps between the pieces.
    #[track_caller]
    fn attack_in_pieces(&mut self, pieces: &[&[u8]]) -> Outcome {
        seeds::keep(self.dialect, pieces);
        let mut stream = self.stream();
        for piece in pieces {
            self.say(&mut stream, piece);
            self.pump();
        }
        self.until(|scene| scene.world.ends + scene.world.left.len() > 0);
        self.outcome(stream)
    }

    /// What has come of the attack of this stream, which is dropped.
    #[track_caller]
    fn outcome(&mut self, stream: Stream) -> Outcome {
        let ended = !self.world.left.is_empty();
        self.sings();
        drop(stream);
        // Each leaves once, be it now; and nothing comes after that.
        self.until(|scene| scene.server.peers().count() == 1);
        assert_eq!(self.world.left.len(), 1, "one end each");
        let World { chat, strange, mut left, faults, came, .. } = std::mem::take(&mut self.world);
        self.world.came = came;
        match ended {
            true => {
                assert_eq!((strange.len(), faults.len()), (0, 0), "{strange:?} {faults:?}");
                Outcome::Ended(left.remove(0), chat)
            }
            false => Outcome::Kept(chat, strange, faults),
        }
    }

    /// The canary is connected, and has heard all that it has sung, each once and in order.
    #[track_caller]
    fn sings(&mut self) {
        let Self { server, world, canary, sung, heard, now, .. } = self;
        until(|| {
            canary.pump_at(*now, heard);
            server.pump_at(*now, world);
            heard.len() as u64 >= *sung
        });
        assert!(heard.iter().copied().eq(0..*sung), "each once, in order");
        assert!(canary.is_connected());
    }
}

/// Runs an attack on both networks and in every dialect.
fn in_every_dialect(attack: impl Fn(&Network, Dialect)) {
    for network in [Network::Memory(MemoryNetwork::new()), Network::Tcp] {
        dialects().into_iter().for_each(|dialect| attack(&network, dialect));
    }
}

/// Runs an attack in repod's dialect on both networks.
fn on_both(attack: impl Fn(&mut Scene)) {
    for network in [Network::Memory(MemoryNetwork::new()), Network::Tcp] {
        attack(&mut Scene::new(&network, Config::new(), Dialect::REPOD));
    }
}

/// The text of a chat message.
#[track_caller]
fn text(message: &Value) -> &str {
    message["text"].as_str().expect("a chat message has a text")
}

/// A generator of numbers that are the same each time: xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

#[test]
fn the_scene_tells_outcomes_apart() {
    for dialect in dialects() {
        let mut scene = Scene::usual(dialect);
        let heard = scene.attack(&framed(dialect, &chat(dialect, "hello"))).is_k();
        assert_eq!(heard, Value::from(msg!("chat", text: "hello")));
        for len in [60, 300, 1000, 70_000] {
            let payload = chat_of(dialect, len);
            assert_eq!(payload.len(), len);
            scene.attack(&framed(dialect, &payload)).is_k();
        }
    }
}
