//! A crowd on real sockets: many clients, each echoed many messages, with some of them killed in
//! the middle of it. Small here; `HEXAPOD_CROWD=1000` makes it a thousand of a thousand each, and
//! counts descriptors too, which only makes sense where no other test runs.

use std::env;

use hexapod::{Client, Config, Outgoing, msg};

use crate::harness::{Network, until};

/// How many messages of a client are on their way at most.
const WINDOW: u32 = 20;

#[derive(Default)]
struct World {
    up: usize,
    down: usize,
    /// How many messages were heard of peers that have left.
    heard: Vec<u32>,
}

/// What a client has seen.
#[derive(Default)]
struct Seen {
    up: usize,
    down: usize,
    echoes: u32,
}

fn descriptors() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count())
}

#[test]
fn a_crowd_is_echoed_exactly_once_and_in_order_whoever_is_killed_meanwhile() {
    let full = env::var("HEXAPOD_CROWD").ok().and_then(|size| size.parse().ok());
    let (peers, messages) = full.map_or((20, 100), |size: usize| (size, size as u32));
    let before = descriptors();

    let config = Config::new().max_peers(2 * peers).max_peers_per_address(2 * peers);
    let (mut server, addr) = Network::Tcp.server::<World, u32>(config);
    server.on("n", |ctx, msg| {
        // Each once and in order, or this handler is told so by the test's own panic.
        assert_eq!(msg.get::<u32>("n")?, *ctx.data());
        *ctx.data_mut() += 1;
        ctx.send(Outgoing::from(msg));
        Ok(())
    });
    server.on_connect(|ctx| ctx.state.up += 1);
    server.on_disconnect(|ctx, _| {
        let heard = *ctx.data();
        ctx.state.heard.push(heard);
        ctx.state.down += 1;
    });
    let mut world = World::default();

    let mut crowd: Vec<Option<(Client<Seen>, Seen, u32)>> = Vec::new();
    for at in 0..peers {
        let mut client = Network::Tcp.client::<Seen>(addr);
        client.on_connect(|ctx| ctx.state.up += 1);
        client.on_disconnect(|ctx, _| ctx.state.down += 1);
        client.on_connect_failed(|_, error| panic!("{error}"));
        client.on("n", |ctx, msg| {
            assert_eq!(msg.get::<u32>("n")?, ctx.state.echoes);
            ctx.state.echoes += 1;
            Ok(())
        });
        crowd.push(Some((client, Seen::default(), 0)));
        // No more than the system lets wait to be accepted.
        if at % 50 == 49 {
            until(|| {
                server.pump(&mut world);
                world.up > at.saturating_sub(50)
            });
        }
    }

    let mut killed = 0;
    until(|| {
        server.pump(&mut world);
        let mut done = world.up == peers;
        for (at, place) in crowd.iter_mut().enumerate() {
            let Some((client, seen, sent)) = place else { continue };
            while client.is_connected() && *sent < messages && *sent - seen.echoes < WINDOW {
                client.send(msg!("n", n: *sent));
                *sent += 1;
            }
            client.pump(seen);
            assert!(seen.up <= 1 && seen.down == 0);
            done &= seen.echoes == messages;
            // Every tenth is dropped halfway, with messages on their way in both directions.
            if at % 10 == 3 && seen.echoes > messages / 2 {
                *place = None;
                killed += 1;
            }
        }
        done
    });
    assert_eq!(killed, (0..peers).filter(|at| at % 10 == 3).count());
    assert!(crowd.iter().flatten().all(|(_, seen, _)| seen.up == 1));

    for (client, _, _) in crowd.iter_mut().flatten() {
        client.close();
    }
    until(|| {
        server.pump(&mut world);
        crowd.iter_mut().flatten().all(|(client, seen, _)| {
            client.pump(seen);
            client.is_closed() && seen.down == 1
        }) && server.peers().next().is_none()
    });
    assert_eq!((world.up, world.down), (peers, peers));
    let whole = world.heard.iter().filter(|heard| **heard == messages).count();
    assert!(whole >= peers - killed, "{whole} of {peers} were heard to the end");
    let least = world.heard.iter().min().expect("somebody was here");
    assert!(*least > messages / 2, "who was killed halfway had been heard so far: {least}");

    drop((crowd, server));
    if let (Some(_), Some(before), Some(after)) = (full, before, descriptors()) {
        assert_eq!(before, after, "descriptors before and after");
        eprintln!("{peers} peers, {messages} messages each, {killed} killed: all as it should be");
    }
}
