//! Ends: last words reach whom they are for, however many leave at once.

use std::time::{Duration, Instant};

use hexapod::{Config, msg};

use crate::harness::{frame, hello, memory};

type Log = Vec<String>;

const FRAME: Duration = Duration::from_millis(16);

#[test]
fn who_is_turned_away_in_a_crowd_is_told() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<Log, ()>(Config::new().max_peers(1));
    let _first = network.stream(addr);
    let (mut log, mut now) = (Log::new(), Instant::now());
    server.pump_at(now, &mut log);
    let mut clients: Vec<_> = (0..40)
        .map(|_| {
            let mut client = network.client::<Log>(addr);
            client.on_connect_failed(|ctx, why| ctx.state.push(why.to_string()));
            (client, Log::new())
        })
        .collect();
    for _ in 0..5 {
        now += FRAME;
        clients.iter_mut().for_each(|(client, log)| {
            client.pump_at(now, log);
        });
        server.pump_at(now, &mut log);
    }
    let full =
        clients.iter().filter(|(_, log)| log.len() == 1 && log[0].ends_with("is full")).count();
    assert_eq!(full, 40, "{:?}", clients[0].1);
}

#[test]
fn who_is_kicked_at_the_door_hears_why_however_many_come_at_once() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<Log, ()>(Config::new().max_peers(4));
    server.on_connect(|ctx| {
        ctx.send(msg!("banned"));
        ctx.kick(ctx.peer(), "banned");
    });
    server.on_error(|log, fault| log.push(fault.to_string()));
    let mut streams: Vec<_> = (0..10).map(|_| network.stream(addr)).collect();
    let (mut log, now) = (Log::new(), Instant::now());
    server.pump_at(now, &mut log);
    server.pump_at(now + FRAME, &mut log);
    let told = streams.iter_mut().filter_map(|stream| {
        let mut heard = Vec::new();
        stream.read_some(&mut heard).ok()?;
        String::from_utf8_lossy(&heard).contains("banned").then_some(())
    });
    assert_eq!((told.count(), log), (10, Log::new()));
}

#[test]
fn strangers_of_another_version_do_not_crowd_out_who_is_being_closed() {
    let (memory, network) = memory();
    let config = Config::new().max_peers(4).max_peers_per_address(2);
    let (mut server, addr) = network.server::<Log, ()>(config);
    server.on_error(|log, fault| log.push(fault.to_string()));
    let from = "10.1.1.1".parse().expect("an address");
    let mut friend = memory.connect_from(from, addr).expect("the server listens");
    let (mut now, mut log) = (Instant::now(), Log::new());
    server.pump_at(now, &mut log);
    let id = server.peers().next().expect("the friend").id();
    server.send_to(id, msg!("much", text: "x".repeat(200_000)));
    server.kick(id, "no more");
    let hello = msg!("$hello", wire: 1, game: "other", version: "", max_frame: 1 << 20);
    let hello = frame(hello.to_bytes().expect("good"));
    let (mut heard, mut buffer, mut strangers) = (0, vec![0; 1 << 20], Vec::new());
    for _ in 0..20 {
        now += FRAME;
        for _ in 0..2 {
            let mut stranger = network.stream(addr);
            stranger.say(&hello);
            strangers.push(stranger);
        }
        server.pump_at(now, &mut log);
        if strangers.len() > 4 {
            heard += std::io::Read::read(&mut friend, &mut buffer).unwrap_or(0);
        }
    }
    assert!(heard > 200_000, "{heard} {log:?}");
}

#[test]
fn the_time_to_flush_is_not_counted_from_a_pump_long_ago() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<Log, ()>(Config::new());
    server.on_error(|log, fault| log.push(fault.to_string()));
    let (mut stream, mut log, mut now) = (network.stream(addr), Log::new(), Instant::now());
    server.pump_at(now, &mut log);
    let id = server.peers().next().expect("it").id();
    // The game loads.
    now += Duration::from_secs(6);
    server.send_to(id, msg!("much", text: "x".repeat(300_000)));
    server.kick(id, "");
    server.flush();
    let mut heard = Vec::new();
    for _ in 0..20 {
        let _ = stream.read_some(&mut heard);
        server.pump_at(now, &mut log);
        now += FRAME;
    }
    assert!(heard.len() > 300_000 && log.is_empty(), "{} {log:?}", heard.len());
}

#[test]
fn a_shutdown_under_a_full_queue_tells_what_was_not_delivered() {
    let (_, network) = memory();
    let ms = Duration::from_millis;
    let (mut server, addr) = network.server::<Log, ()>(Config::new().flush_timeout(ms(20)));
    server.on_error(|log, fault| log.push(fault.to_string()));
    server.queue_events(1);
    let _deaf = network.stream(addr);
    let mut log = Log::new();
    server.pump(&mut log);
    server.broadcast(msg!("much", text: "x".repeat(300_000)));
    assert!(!server.shutdown(&mut log, ms(100)));
    assert_eq!(log.len(), 1, "{log:?}");
}

#[test]
fn a_reply_before_a_broken_frame_is_delivered_or_reported() {
    let (_, network) = memory();
    let mut seen = Vec::new();
    for (hexapod, broken) in
        [(true, &b"\0\0\0\x01\xc1"[..]), (true, b"\0\0\0\0"), (false, b"\0\0\0\x01\xc1")]
    {
        let (mut server, addr) = network.server::<Log, ()>(Config::new());
        server.on("ask", |ctx, _| ctx.send(msg!("answer")));
        server.on_error(|log, fault| log.push(fault.to_string()));
        let (mut stream, mut log) = (network.stream(addr), Log::new());
        let now = Instant::now();
        server.pump_at(now, &mut log);
        if hexapod {
            stream.say(&hello());
        }
        stream.say(&frame(msg!("ask").to_bytes().expect("good")));
        stream.say(broken);
        server.pump_at(now + FRAME, &mut log);
        server.pump_at(now + 2 * FRAME, &mut log);
        let mut heard = Vec::new();
        let _ = stream.read_some(&mut heard);
        seen.push((String::from_utf8_lossy(&heard).contains("answer"), log));
    }
    assert!(seen.iter().all(|(heard, log)| *heard || !log.is_empty()), "{seen:?}");
}

#[test]
fn each_message_that_is_too_long_is_told() {
    let (_, network) = memory();
    let mut seen = Vec::new();
    for plain in [true, false] {
        let (mut server, addr) = network.server::<Log, ()>(Config::new());
        server.on_error(|log, fault| log.push(fault.to_string()));
        let (mut stream, mut log) = (network.stream(addr), Log::new());
        if !plain {
            stream.say(&hello());
        }
        let now = Instant::now();
        server.pump_at(now, &mut log);
        let id = server.peers().next().expect("it").id();
        server.send_to(id, msg!("map", text: "x".repeat(2 << 20)));
        server.send_to(id, msg!("inventory", text: "x".repeat(2 << 20)));
        server.pump_at(now + FRAME, &mut log);
        seen.push((log.len(), server.faults().send));
    }
    assert_eq!(seen, [(2, 2), (2, 2)]);
}
