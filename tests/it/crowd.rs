//! A crowd on real sockets: many clients, each echoed many messages, with some of them killed and
//! others reset in the middle of it.
//!
//! Small here; `HEXAPOD_CROWD=1000` makes it a thousand of a thousand each, and then counts the
//! descriptors and the memory of the process too, which only makes sense where no other test runs.

use std::collections::BTreeMap;
use std::env;
use std::io::ErrorKind;
use std::net::SocketAddr;

use hexapod::{Client, Conditions, Config, DisconnectReason, Outgoing, Server, Simulator, msg};

use crate::alloc::{live, measure};
use crate::harness::{Network, until};

/// How many messages of a client are on their way at most.
const WINDOW: u32 = 20;

/// What a server may hold when all have left: the buffer it reads into, the rings that wait for the
/// next burst, some more; and for each peer that there was at once its places in tables and queues.
const HELD: usize = (64 << 10) + (1 << 20) + (32 << 10);
const HELD_EACH: usize = 640;

/// What becomes of a member of the crowd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    /// The client is dropped; what it has just sent is echoed to nobody.
    Killed,
    /// The connection is reset, with echoes that were not read.
    Reset,
}

/// A client of the crowd, and what it has seen.
struct Member {
    who: u32,
    fate: Fate,
    /// `None` once it was killed.
    client: Option<Client<Seen>>,
    seen: Seen,
    sent: u32,
    cable: Simulator,
}

#[derive(Default)]
struct Seen {
    up: usize,
    down: Vec<DisconnectReason>,
    echoes: u32,
}

/// What the server has seen: how many came, and of each who left, how much was heard and why.
#[derive(Default)]
struct World {
    up: usize,
    gone: BTreeMap<u32, (u32, DisconnectReason)>,
}

#[derive(Default)]
struct Player {
    who: Option<u32>,
    heard: u32,
}

impl Member {
    fn new(who: u32, addr: SocketAddr) -> Self {
        let fate = match who % 10 {
            3 => Fate::Killed,
            7 => Fate::Reset,
            _ => Fate::Stays,
        };
        let cable = Simulator::new(0, Conditions::new());
        let mut client = Client::<Seen>::with_config(Config::new().quiet(true));
        if fate == Fate::Reset {
            client.simulate(&cable);
        }
        client.connect_to(addr);
        client.on_connect(|ctx| ctx.state.up += 1);
        client.on_disconnect(|ctx, reason| ctx.state.down.push(reason.clone()));
        client.on_connect_failed(|_, error| panic!("{error}"));
        client.on("n", |ctx, msg| {
            assert_eq!(msg.get::<u32>("n")?, ctx.state.echoes);
            ctx.state.echoes += 1;
            Ok(())
        });
        Self { who, fate, client: Some(client), seen: Seen::default(), sent: 0, cable }
    }

    /// One turn; halfway, its fate comes about. Tells whether there is nothing more to come.
    fn turn(&mut self, messages: u32) -> bool {
        let Some(client) = &mut self.client else { return true };
        let is_halfway = self.seen.echoes > messages / 2;
        if is_halfway && self.fate == Fate::Reset {
            // What came back since the last turn lies unread, so the system resets the connection.
            self.cable.reset_all();
        }
        client.pump(&mut self.seen);
        while client.is_connected() && self.sent < messages && self.sent - self.seen.echoes < WINDOW
        {
            client.send(msg!("n", who: self.who, n: self.sent));
            self.sent += 1;
        }
        client.flush();
        if is_halfway && self.fate == Fate::Killed {
            self.client = None;
        }
        match self.fate {
            Fate::Stays => self.seen.echoes == messages,
            Fate::Killed => self.client.is_none(),
            Fate::Reset => !self.seen.down.is_empty(),
        }
    }
}

fn server(peers: usize) -> (Server<World, Player>, SocketAddr) {
    let config = Config::new().max_peers(2 * peers).max_peers_per_address(2 * peers);
    let (mut server, addr) = Network::Tcp.server::<World, Player>(config);
    server.on_connect(|ctx| ctx.state.up += 1);
    server.on("n", |ctx, msg| {
        let player = ctx.data_mut();
        // Each once and in order, or this handler is told so by the test's own panic.
        assert_eq!(msg.get::<u32>("n")?, player.heard);
        player.heard += 1;
        player.who = Some(msg.get("who")?);
        ctx.send(Outgoing::from(msg));
        Ok(())
    });
    server.on_disconnect(|ctx, reason| {
        let player = ctx.data();
        let (who, heard) = (player.who.expect("all have spoken"), player.heard);
        let before = ctx.state.gone.insert(who, (heard, reason.clone()));
        assert!(before.is_none(), "{who} left twice");
    });
    (server, addr)
}

/// Plays it once. All that is to be seen is looked at here; what is left afterwards is not.
fn play(peers: usize, messages: u32) -> Tally {
    let (mut server, addr) = server(peers);
    let mut world = World::default();
    let mut crowd: Vec<Member> = Vec::new();
    for who in 0..peers {
        crowd.push(Member::new(who as u32, addr));
        // No more than the system lets wait to be accepted.
        if who % 50 == 49 {
            until(|| {
                server.pump(&mut world);
                world.up > who.saturating_sub(50)
            });
        }
    }
    until(|| {
        server.pump(&mut world);
        let done =
            crowd.iter_mut().filter_map(|member| member.turn(messages).then_some(())).count();
        done == peers && world.up == peers
    });
    for client in crowd.iter_mut().filter_map(|member| member.client.as_mut()) {
        client.close();
    }
    until(|| {
        server.pump(&mut world);
        crowd.iter_mut().all(|Member { client, seen, .. }| match client {
            Some(client) => {
                client.pump(seen);
                client.is_closed()
            }
            None => true,
        }) && server.peers().next().is_none()
    });

    // One connect and one disconnect each, at both ends; and of each link an exact prefix.
    assert_eq!((world.up, world.gone.len()), (peers, peers));
    const RESET: DisconnectReason = DisconnectReason::Io(ErrorKind::ConnectionReset);
    let mut tally = Tally { resets_heard: 0, killed: 0, reset: 0, held: 0 };
    for Member { who, fate, seen, sent, .. } in &crowd {
        let (heard, why) = &world.gone[who];
        assert_eq!(seen.up, 1);
        assert!(seen.echoes <= *heard && heard <= sent, "{} {heard} {sent}", seen.echoes);
        assert!(matches!(why, DisconnectReason::Closed | DisconnectReason::Io(_)), "{why}");
        tally.resets_heard += usize::from(*why == RESET);
        match fate {
            Fate::Stays => {
                assert_eq!((seen.echoes, *heard), (messages, messages));
                assert_eq!(seen.down, [DisconnectReason::LocalClose]);
                assert_eq!(*why, DisconnectReason::Closed);
            }
            Fate::Killed => {
                tally.killed += 1;
                assert!(seen.down.is_empty() && *heard > messages / 2);
            }
            Fate::Reset => {
                tally.reset += 1;
                assert_eq!(seen.down, [RESET]);
                assert!(*heard > messages / 2);
            }
        }
    }
    drop(crowd);
    // All have left, and have taken with them what they had: a server is no larger for its guests.
    let (_, heap) = measure(|| drop(server));
    tally.held = -heap.kept as usize;
    let most = HELD + peers * HELD_EACH;
    assert!(tally.held <= most, "an empty server holds {} bytes, and {most} may", tally.held);
    tally
}

/// What became of a crowd: how many were killed, how many reset and how many of these resets the
/// server has heard of; and what it held in the end.
#[derive(Debug)]
struct Tally {
    killed: usize,
    reset: usize,
    resets_heard: usize,
    held: usize,
}

fn descriptors() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count())
}

#[test]
fn a_crowd_is_echoed_exactly_once_and_in_order_whoever_is_killed_or_reset_meanwhile() {
    // The first crowd leaves behind what a thread keeps for the next one.
    play(20, 100);
    let Ok(size) = env::var("HEXAPOD_CROWD") else { return };
    let size = size.parse().expect("HEXAPOD_CROWD is a number");
    let before = (descriptors(), live());
    let Tally { killed, reset, resets_heard, held } = play(size, size as u32);
    assert_eq!((descriptors(), live()), before, "descriptors and bytes after and before");
    assert!(resets_heard > 0, "it is for the system to say, but a tenth was reset");
    eprintln!(
        "{size} peers, {size} messages each, {killed} killed, {reset} reset (the server heard of \
         {resets_heard}): all as it should be. The empty server held {held} bytes; descriptors and \
         bytes are as before: {before:?}"
    );
}
