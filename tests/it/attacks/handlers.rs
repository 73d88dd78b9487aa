//! Cases 64 to 73: what a game's own handlers and calls may do, in whatever order.
//!
//! 66 and 67 cannot be written down: a context registers nothing, and a server cannot be borrowed
//! by its own handler. `src/context.rs` shows both to the compiler, which must refuse them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use hexapod::{Client, Config, Context, Handlers, PeerId, SendError, Server, Value, msg};

use super::{Random, frame_of, in_memory, noise, size};
use crate::harness::{GREETING, Network, on_both, until};
use crate::hostile::Scene;

#[test]
fn case_64_a_panic_of_a_handler_hurts_one_message_and_no_other_peer() {
    on_both(|network| {
        let mut scene = Scene::new(network, Config::new());
        scene.server.on("boom", |_, _| panic!("on purpose"));
        scene.server.on("count", |ctx, _| ctx.state.noise += 1);
        let mut stream = scene.stream();
        let (boom, count) = (frame_of(&msg!("boom")), frame_of(&msg!("count")));
        for _ in 0..10 {
            stream.say(&[&boom[..], &count, &boom, &boom, &count].concat());
        }
        stream.shut_down_writing();
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        let mut panics = 0;
        until(|| {
            panics += usize::from(panic::catch_unwind(AssertUnwindSafe(|| scene.pump())).is_err());
            scene.world.left.len() == 1
        });
        panic::set_hook(hook);
        let world = scene.end();
        assert_eq!((panics, world.noise, world.faults.len()), (30, 20, 0));
        assert_eq!(world.left, ["#2: closed by the peer"]);
    });
}

/// What becomes of each peer, as handlers see it.
#[derive(Default)]
struct Story {
    dice: u64,
    up: BTreeMap<PeerId, usize>,
    down: BTreeMap<PeerId, usize>,
    said: usize,
}

/// Does something that a handler may do, to anybody.
fn act(ctx: &mut Context<'_, Story, u32>) {
    let mut dice = Random(ctx.state.dice);
    let everybody: Vec<PeerId> = ctx.state.up.keys().copied().collect();
    let somebody = everybody[dice.below(everybody.len())];
    match dice.below(9) {
        0 => ctx.send(msg!("x")),
        1 => ctx.send_to(somebody, msg!("x", bytes: vec![7_u8; 3000])),
        2 => ctx.broadcast(msg!("x")),
        3 => ctx.broadcast_except(somebody, msg!("x")),
        4 => drop(ctx.kick(somebody, "away")),
        5 => drop(ctx.kick(ctx.peer(), "oneself")),
        6 => ctx.each_peer(|peer| peer.send(msg!("x"))),
        7 if dice.below(30) == 0 => ctx.close(),
        _ => *ctx.data_mut() += 1,
    }
    ctx.state.dice = dice.0;
}

#[test]
fn case_65_handlers_do_whatever_they_like_to_anybody() {
    for seed in 1..=size(60, 2000) as u64 {
        let network = in_memory();
        let config = Config::new().max_outbound(9000).max_frame_len(4000);
        let (mut server, addr) = network.server::<Story, u32>(config);
        server.on_connect(|ctx| {
            let id = ctx.peer();
            *ctx.state.up.entry(id).or_default() += 1;
            act(ctx);
        });
        server.on_any(|ctx, _| {
            assert!(!ctx.state.down.contains_key(&ctx.peer()), "nothing comes after the end");
            assert!(ctx.state.up.contains_key(&ctx.peer()), "nothing comes before the start");
            ctx.state.said += 1;
            act(ctx);
        });
        server.on_disconnect(|ctx, _| {
            let id = ctx.peer();
            *ctx.state.down.entry(id).or_default() += 1;
            act(ctx);
        });
        let mut story = Story { dice: seed * 0x9e37_79b9, ..Story::default() };
        let (mut streams, mut dice, mut now) = (Vec::new(), Random(seed), Instant::now());
        for _ in 0..40 {
            now += Duration::from_millis(16);
            match (dice.below(4), &network) {
                (0, Network::Memory(memory)) => streams.extend(memory.connect(addr).ok()),
                (1, _) if !streams.is_empty() => {
                    drop(streams.swap_remove(dice.below(streams.len())));
                }
                _ => {
                    for stream in &mut streams {
                        // The far end may have closed.
                        let _ = std::io::Write::write(stream, &noise().repeat(3));
                    }
                }
            }
            server.pump_at(now, &mut story);
        }
        server.close();
        until(|| {
            now += Duration::from_secs(1);
            server.pump_at(now, &mut story);
            server.is_closed()
        });
        assert!(story.up.values().chain(story.down.values()).all(|times| *times == 1));
        assert!(story.up.keys().eq(story.down.keys()), "seed {seed}: one end for each start");
    }
}

/// Between two pumps, that is; within one it cannot be said.
#[test]
fn case_66_handlers_come_go_and_are_replaced() {
    let network = in_memory();
    let (mut server, addr) = network.server::<Vec<u32>, ()>(Config::new());
    let (mut stream, mut log) = (network.stream(addr), Vec::new());
    for round in 0..20_u32 {
        server.on("noise", move |ctx, _| ctx.state.push(round));
        let mut set = Handlers::<Vec<u32>>::new();
        set.on("noise", move |ctx, _| ctx.state.push(100 + round));
        let id = server.attach(set);
        stream.say(&noise());
        server.pump(&mut log);
        let set = server.detach(id).expect("it is there");
        assert!(server.detach(id).is_none());
        drop(set);
        stream.say(&noise());
        server.pump(&mut log);
        assert_eq!(std::mem::take(&mut log), [round, 100 + round, round]);
    }
}

/// A host that plays along: the client of its own server is part of the server's state.
struct Host {
    client: Client<u32>,
    heard: u32,
    rounds: u32,
}

fn host() -> (Server<Host>, Host, SocketAddr) {
    let network = in_memory();
    let (mut server, addr) = network.server::<Host, ()>(Config::new().messages_per_pump(50));
    server.on("ball", |ctx, _| {
        ctx.state.rounds += 1;
        ctx.send(msg!("ball"));
        // Another endpoint may be pumped here; it is not this one.
        let Host { client, heard, .. } = ctx.state;
        client.pump(heard);
    });
    let mut client = network.client::<u32>(addr);
    client.on("ball", |ctx, _| {
        *ctx.state += 1;
        ctx.send(msg!("ball"));
    });
    (server, Host { client, heard: 0, rounds: 0 }, addr)
}

#[test]
fn case_67_a_handler_may_pump_another_endpoint_and_comes_back() {
    let (mut server, mut host, _) = host();
    host.client.send(msg!("ball"));
    for _ in 0..10 {
        host.client.pump(&mut host.heard);
        server.pump(&mut host);
    }
    assert!(host.heard > 0 && host.rounds >= host.heard);
}

#[test]
fn case_70_two_handlers_that_answer_each_other_for_ever_end_with_the_pump() {
    let (mut server, mut host, _) = host();
    // Many balls, so that there is always one in the air.
    (0..200).for_each(|_| host.client.send(msg!("ball")));
    let mut most = 0;
    for _ in 0..50 {
        host.client.pump(&mut host.heard);
        most = most.max(server.pump(&mut host).messages);
    }
    assert_eq!(most, 50, "its share of a pump, and no more");
    assert!(server.peers().count() == 1 && host.heard > 500, "and the game goes on");
}

#[test]
fn case_68_who_sends_to_nobody_is_told() {
    on_both(|network| {
        let (mut server, addr) = network.server::<Vec<String>, ()>(Config::new());
        server.on_error(|log, fault| log.push(fault.to_string()));
        let mut client = network.client::<()>(addr);
        let mut nobody = Client::<Vec<String>>::with_config(Config::new().quiet(true));
        nobody.on_error(|log, fault| log.push(fault.to_string()));
        assert_eq!(nobody.try_send(msg!("x")), Err(SendError::NotConnected));
        nobody.send(msg!("x"));
        let mut log = Vec::new();
        nobody.pump(&mut log);
        assert_eq!(log.len(), 1, "not silent: {log:?}");
        // Before the connection is up it is kept.
        assert_eq!(client.try_send(msg!("early")), Ok(()));
        let mut log = Vec::new();
        until(|| {
            client.pump(&mut ());
            server.pump(&mut log);
            client.is_connected()
        });
        let id = server.peers().next().expect("the client").id();
        // While it closes, and when it is gone.
        assert!(server.kick(id, "") && !server.kick(id, ""));
        for _ in 0..3 {
            assert_eq!(server.try_send_to(id, msg!("x")), Err(SendError::NotConnected));
            server.send_to(id, msg!("x"));
            server.send_each([id, id], msg!("x"));
            server.pump(&mut log);
            client.pump(&mut ());
        }
        assert!(!log.is_empty() && log.iter().all(|line| line.starts_with("did not send \"x\"")));
        until(|| {
            client.pump(&mut ());
            server.pump(&mut log);
            client.is_closed()
        });
        assert_eq!(client.try_send(msg!("x")), Err(SendError::NotConnected));
        client.close();
        assert!(!server.kick(id, "") && server.get(id).is_none());
    });
}

#[test]
fn case_69_what_is_too_large_or_too_deep_is_refused_and_the_link_stays_good() {
    on_both(|network| {
        let config = Config::new().max_frame_len(100).max_depth(5).max_elements(50);
        let mut scene = Scene::new(network, config);
        let mut stream = scene.stream();
        scene.until(|scene| scene.server.peers().count() == 2);
        let id = scene.server.peers().last().expect("the stream").id();
        let deep = (0..6).fold(Value::Nil, |inner, _| Value::Array(vec![inner]));
        for (bad, fits) in [
            (msg!("x", v: vec![7_u8; 200]), "TooLong"),
            (msg!("x", v: deep), "TooDeep"),
            (msg!("x", v: vec![(); 60]), "TooManyElements"),
        ] {
            let error = scene.server.try_send_to(id, bad.clone()).expect_err(fits);
            let right = match error {
                SendError::TooLong { .. } => "TooLong",
                SendError::TooDeep { .. } => "TooDeep",
                SendError::TooManyElements { .. } => "TooManyElements",
                other => panic!("{other}"),
            };
            assert_eq!(right, fits);
            scene.server.send_to(id, msg!("good"));
        }
        let mut seen = Vec::new();
        let greeting = GREETING.len() - 4; // its max_frame is a shorter number here
        let wanted = greeting + 3 * frame_of(&msg!("good")).len();
        scene.until(|_| {
            stream.read_some(&mut seen).expect("open");
            seen.len() >= wanted
        });
        assert!(seen.ends_with(&frame_of(&msg!("good")).repeat(3)), "not a byte of the others");
        assert_eq!(scene.end().left, [""; 0]);
    });
}

#[test]
fn case_71_drops_in_the_middle_of_everything() {
    on_both(|network| {
        let mut scene = Scene::new(network, Config::new());
        // A server that is dropped while it sends, with a client in a capture of its handler.
        let (mut server, addr) = scene.network.server::<(), ()>(Config::new());
        let inner = scene.network.client::<()>(addr);
        server.on("never", move |_, _| assert!(!inner.is_closed()));
        let mut client = scene.network.client::<Vec<String>>(addr);
        client.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
        let mut log = Vec::new();
        until(|| {
            server.pump(&mut ());
            client.pump(&mut log);
            client.is_connected()
        });
        (0..50).for_each(|_| server.broadcast(msg!("much", bytes: vec![0_u8; 60_000])));
        drop(server);
        until(|| {
            client.pump(&mut log);
            !log.is_empty()
        });
        assert_eq!(log.len(), 1, "{log:?}");
        // A client that is dropped while it sends, right after connecting, and before.
        for pumps in 0..6 {
            let mut client = scene.network.client::<()>(scene.addr);
            (0..50).for_each(|_| client.send(msg!("noise", bytes: vec![0_u8; 60_000])));
            (0..pumps).for_each(|_| {
                client.pump(&mut ());
                scene.pump();
            });
        }
        scene.until(|scene| scene.server.peers().count() == 1);
        // Who leaves before the greeting was written has not heard it.
        let unheard = |line: &String| line.starts_with("could not deliver the last ");
        assert!(scene.end().faults.iter().all(unheard));
    });
}

#[test]
fn case_72_nothing_is_heard_of_who_was_sent_away() {
    on_both(|network| {
        let mut scene = Scene::new(network, Config::new());
        scene.server.on("kick me", |ctx, _| {
            let me = ctx.peer();
            assert!(ctx.kick(me, "as you wish"));
        });
        for round in 1..=10 {
            let mut stream = scene.stream();
            let asks = [noise(), frame_of(&msg!("kick me")), noise().repeat(500)].concat();
            stream.say(&asks);
            scene.until(|scene| scene.world.left.len() == round);
            // What it goes on to say is drained, and delivered to nobody.
            let _ = stream.write_some(&noise().repeat(500));
            (0..5).for_each(|_| scene.pump());
            assert_eq!(scene.world.noise, round, "what came before the kick, each time");
        }
        let world = scene.end();
        assert!(world.left.iter().all(|line| line.ends_with(": kicked: as you wish")));
    });
}

/// What comes behind the kick may be no message at all: it does not make the end a rude one.
#[test]
fn case_72_last_words_arrive_whatever_the_peer_had_still_said() {
    on_both(|network| {
        let mut scene = Scene::new(network, Config::new());
        scene.server.on("kick me", |ctx, _| {
            let me = ctx.peer();
            ctx.send(msg!("farewell"));
            assert!(ctx.kick(me, ""));
        });
        let mut stream = scene.stream();
        stream.say(&[frame_of(&msg!("kick me")), vec![0xff; 8]].concat());
        let (mut seen, mut ended) = (Vec::new(), false);
        scene.until(|scene| {
            ended |= stream.read_some(&mut seen).expect("no reset");
            ended && scene.world.left.len() == 1
        });
        assert!(seen.ends_with(&frame_of(&msg!("farewell"))));
        assert_eq!(scene.end().left, ["#2: kicked"]);
    });
}

/// An id cannot be made up: it has no constructor. A stale one finds nobody, ever.
#[test]
fn case_73_a_stale_id_never_finds_another_peer() {
    let network = in_memory();
    let (mut server, addr) = network.server::<Vec<PeerId>, ()>(Config::new());
    server.on_connect(|ctx| {
        let id = ctx.peer();
        ctx.state.push(id);
    });
    let (mut ids, now) = (Vec::new(), Instant::now());
    for round in 0..100 {
        let mut stream = network.stream(addr);
        server.pump_at(now, &mut ids);
        let newest = ids[round];
        let mut seen = Vec::new();
        stream.read_some(&mut seen).expect("open");
        seen.clear();
        for stale in &ids[..round] {
            assert_eq!(server.try_send_to(*stale, msg!("x")), Err(SendError::NotConnected));
            assert!(!server.kick(*stale, "") && server.get_mut(*stale).is_none());
            server.send_each([*stale], msg!("x"));
        }
        server.broadcast_except(newest, msg!("x"));
        server.pump_at(now, &mut ids);
        stream.read_some(&mut seen).expect("open");
        assert_eq!(seen, b"", "nothing of it reached who has its place");
        assert!(server.kick(newest, ""));
        server.pump_at(now, &mut ids);
    }
}
