//! Faults that were found by reading and not by a test: each has one now.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hexapod::{
    Client, Conditions, Config, Dialect, Event, Handlers, MemoryNetwork, Server, Simulator, msg,
};

use crate::harness::{Network, frame, hello, memory, until};

type Log = Vec<String>;

const FRAME: Duration = Duration::from_millis(16);

fn logging<P: Default>(server: &mut Server<Log, P>) {
    server.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
    server.on_error(|log, fault| log.push(fault.to_string()));
}

/// A full queue of events leaves unread bytes in the inbox; another connection must not get them.
#[test]
fn a_reconnect_under_a_full_queue_hears_the_new_server_only() {
    let (memory, network) = memory();
    let (mut old, old_addr) = network.server::<(), ()>(Config::new());
    let (mut new, new_addr) = network.server::<(), ()>(Config::new());
    old.on_connect(|ctx| (0..10).for_each(|n| ctx.send(msg!("old", n: n))));
    new.on_connect(|ctx| ctx.send(msg!("new")));
    let mut client = network.client::<()>(old_addr);
    client.queue_events(3);
    let mut now = Instant::now();
    let mut turn = |client: &mut Client<()>, old: &mut Server<()>, new: &mut Server<()>| {
        now += FRAME;
        client.pump_at(now, &mut ());
        old.pump_at(now, &mut ());
        new.pump_at(now, &mut ());
    };
    (0..6).for_each(|_| turn(&mut client, &mut old, &mut new));
    client.connect_to_memory(&memory, new_addr);
    (0..6).for_each(|_| turn(&mut client, &mut old, &mut new));
    let mut last = None;
    for _ in 0..40 {
        while let Some(event) = client.next_event() {
            last = Some(event);
        }
        turn(&mut client, &mut old, &mut new);
    }
    assert!(client.is_connected());
    let Some(Event::Message { message, .. }) = last else { panic!("{last:?}") };
    assert_eq!(message.action(), "new");
}

/// A megabyte at 40 KB/s takes longer than the idle timeout, and is no silence.
#[test]
fn a_long_message_on_its_way_is_a_sign_of_life_both_ways() {
    for up in [true, false] {
        let (_, network) = memory();
        let (mut server, addr) = network.server::<Log, ()>(Config::new());
        logging(&mut server);
        server.on("big", |ctx, _| ctx.state.push("big".to_owned()));
        let mut client = Client::<Log>::with_config(Config::new());
        client.simulate(&Simulator::new(1, Conditions::new().bandwidth(40_000)));
        let Network::Memory(memory) = &network else { unreachable!("in memory") };
        client.connect_to_memory(memory, addr);
        client.on("big", |ctx, _| ctx.state.push("big".to_owned()));
        client.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
        let big = msg!("big", text: "x".repeat(1_000_000));
        if up {
            client.send(big);
        } else {
            server.on_connect(move |ctx| ctx.send(big.clone()));
        }
        let (mut here, mut there, mut now) = (Log::new(), Log::new(), Instant::now());
        for _ in 0..2000 {
            now += FRAME;
            client.pump_at(now, &mut there);
            server.pump_at(now, &mut here);
        }
        assert_eq!([here, there].concat(), ["big"], "up: {up}");
    }
}

#[test]
fn a_client_cannot_say_that_the_server_has_kicked_it() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<Log, ()>(Config::new());
    logging(&mut server);
    let mut log = Log::new();
    for (at, code) in ["kicked", "shutdown", "ended", "closed"].into_iter().enumerate() {
        let mut stream = network.stream(addr);
        stream.say(&hello());
        let bye = msg!("$bye", code: code, text: "cheat");
        stream.say(&frame(bye.to_bytes().expect("good")));
        until(|| {
            server.pump(&mut log);
            log.len() > at
        });
    }
    let ended = "ended by the peer: cheat";
    assert_eq!(log, [ended, ended, ended, "closed by the peer"]);
}

/// The game fills the outbound bytes by `try_send`: heartbeats and goodbyes still find room.
#[test]
fn a_full_outbound_costs_neither_a_heartbeat_nor_a_goodbye() {
    for kick in [true, false] {
        let (_, network) = memory();
        let config = Config::new().max_frame_len(1000).max_outbound(100_000);
        let (mut server, addr) = network.server::<Log, ()>(config.clone());
        logging(&mut server);
        let mut client = network.client_with::<Log>(addr, config);
        client.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
        let (mut here, mut there, mut now) = (Log::new(), Log::new(), Instant::now());
        for _ in 0..5 {
            now += FRAME;
            client.pump_at(now, &mut there);
            server.pump_at(now, &mut here);
        }
        let id = server.peers().next().expect("the client").id();
        // The client's game loads for some seconds.
        for _ in 0..400 {
            now += FRAME;
            while server.try_send_to(id, msg!("p")).is_ok() {}
            server.pump_at(now, &mut here);
        }
        if kick {
            server.kick(id, "because");
        }
        for _ in 0..5000 {
            now += FRAME;
            client.pump_at(now, &mut there);
            server.pump_at(now, &mut here);
        }
        let expected = if kick { vec!["kicked: because".to_owned()] } else { Log::new() };
        assert_eq!((here, there), (expected.clone(), expected));
    }
}

/// A server with one peer that does not read, and much to be said to it.
fn stuck(within: Duration, flush: Duration) -> (bool, Log) {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<Log, ()>(Config::new().flush_timeout(flush));
    server.on_error(|log, fault| log.push(fault.to_string()));
    let _deaf = network.stream(addr);
    let mut log = Log::new();
    server.pump(&mut log);
    server.broadcast(msg!("much", text: "x".repeat(300_000)));
    (server.shutdown(&mut log, within), log)
}

#[test]
fn a_shutdown_says_truly_whether_all_was_delivered_and_tells_what_was_not() {
    let ms = Duration::from_millis;
    for (within, flush) in [(ms(400), ms(20)), (ms(20), ms(400)), (ms(0), ms(400))] {
        let (delivered, log) = stuck(within, flush);
        assert!(!delivered, "{within:?} {flush:?} {log:?}");
        assert_eq!(log.len(), 1, "{within:?} {flush:?} {log:?}");
        assert!(log[0].contains("the last 23"), "{log:?}");
    }
}

#[test]
fn what_other_threads_handed_in_before_a_close_is_sent() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<Log, ()>(Config::new());
    let (mut stream, mut bytes, mut log) = (network.stream(addr), Vec::new(), Log::new());
    server.pump(&mut log);
    server.sender().send(msg!("last words")).expect("room for it");
    stream.shut_down_writing();
    assert!(server.shutdown(&mut log, Duration::from_secs(20)));
    stream.read_some(&mut bytes).expect("orderly");
    assert!(String::from_utf8_lossy(&bytes).contains("last words"));
}

#[test]
fn the_time_to_flush_begins_when_somebody_looks() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<u32, ()>(Config::new());
    server.on("big", |ctx, _| *ctx.state += 1);
    let mut client = network.client::<()>(addr);
    let (mut heard, mut now) = (0, Instant::now());
    for _ in 0..5 {
        now += FRAME;
        client.pump_at(now, &mut ());
        server.pump_at(now, &mut heard);
    }
    // The game loads for longer than the flush timeout, says its last words, and pumps again.
    now += Duration::from_secs(6);
    client.send(msg!("big", text: "x".repeat(300_000)));
    client.close();
    for _ in 0..50 {
        now += FRAME;
        client.pump_at(now, &mut ());
        server.pump_at(now, &mut heard);
    }
    assert_eq!(heard, 1);
}

#[test]
fn a_full_queue_holds_back_flooders_and_kills_nobody() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<(), ()>(Config::new());
    server.queue_events(16);
    let mut client = network.client::<Log>(addr);
    client.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
    let (mut log, mut now) = (Log::new(), Instant::now());
    for _ in 0..6 {
        now += FRAME;
        client.pump_at(now, &mut log);
        server.pump_at(now, &mut ());
        while server.next_event().is_some() {}
    }
    let flood = frame(b"\x81\xa6action\xa1f").repeat(1024);
    let mut flooders: Vec<_> = (0..30).map(|_| (network.stream(addr), 0)).collect();
    for _ in 0..3000 {
        now += FRAME;
        for (stream, at) in &mut flooders {
            *at = (*at + stream.write_some(&flood[*at..]).expect("open")) % flood.len();
        }
        client.pump_at(now, &mut log);
        server.pump_at(now, &mut ());
        while server.next_event().is_some() {}
    }
    assert_eq!(log, [""; 0]);
    assert_eq!(server.peers().count(), 31);
}

#[test]
fn strangers_that_are_turned_away_do_not_crowd_out_who_is_being_closed() {
    let (memory, network) = memory();
    let config = Config::new().max_peers(4).max_peers_per_address(2);
    let (mut server, addr) = network.server::<(), ()>(config);
    let from = "10.1.1.1".parse().expect("an address");
    let mut friend = memory.connect_from(from, addr).expect("the server listens");
    let mut now = Instant::now();
    server.pump_at(now, &mut ());
    let id = server.peers().next().expect("the friend").id();
    server.send_to(id, msg!("much", text: "x".repeat(200_000)));
    server.kick(id, "no more");
    let _strangers: Vec<_> = (0..50).map(|_| network.stream(addr)).collect();
    let (mut heard, mut buffer) = (0, vec![0; 1 << 20]);
    for _ in 0..20 {
        now += FRAME;
        server.pump_at(now, &mut ());
        heard += friend.read(&mut buffer).unwrap_or(0);
    }
    assert!(heard > 200_000, "{heard}");
}

#[test]
fn next_timeout_knows_of_late_frames_and_of_ends() {
    let (_, network) = memory();
    let second = Duration::from_secs(1);
    let (mut server, addr) = network.server::<Log, ()>(Config::new().frame_timeout(second));
    logging(&mut server);
    let (mut stream, mut log, mut now) = (network.stream(addr), Log::new(), Instant::now());
    stream.say(b"\0\0\0\x09ab");
    server.pump_at(now, &mut log);
    // It is woken before that too, lest its sleep be a pause; and it may oversleep a little.
    let begun = now;
    while log.is_empty() {
        let nap = server.next_timeout().expect("a late frame");
        assert!(nap <= second / 3, "{nap:?}");
        now += nap + FRAME / 10;
        server.pump_at(now, &mut log);
    }
    assert!((second..second + FRAME).contains(&(now - begun)), "{:?}", now - begun);
    assert_eq!(log, ["too slow: a frame was never finished"]);

    let deaf = network.stream(addr);
    server.pump_at(now, &mut log);
    let id = server.peers().next().expect("the second").id();
    server.kick(id, "");
    assert_eq!(server.next_timeout(), Some(Duration::ZERO), "its handlers are to be told");
    server.pump_at(now, &mut log);
    assert_eq!(server.next_timeout(), Some(Config::new().flush_timeout));
    drop(deaf);
}

#[test]
fn a_set_that_is_detached_after_a_panic_takes_no_event_of_others_with_it() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<Log, ()>(Config::new());
    let mut bad = Handlers::new();
    bad.on_connect(|_| panic!("on purpose"));
    let mut good = Handlers::<Log>::new();
    good.on_connect(|ctx| ctx.state.push("up".to_owned()));
    good.on_disconnect(|ctx, _| ctx.state.push("down".to_owned()));
    let id = server.attach(bad);
    server.attach(good);
    let (stream, mut log) = (network.stream(addr), Log::new());
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let panicked = catch_unwind(AssertUnwindSafe(|| server.pump(&mut log))).is_err();
    std::panic::set_hook(hook);
    assert!(panicked && server.detach(id).is_some());
    server.pump(&mut log);
    drop(stream);
    server.pump(&mut log);
    assert_eq!(log, ["up", "down"]);
}

#[test]
fn a_pump_ends_while_another_thread_goes_on_sending() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<(), ()>(Config::new().max_letters(10));
    let _streams: Vec<_> = (0..60).map(|_| network.stream(addr)).collect();
    server.pump(&mut ());
    let (sender, stop) = (server.sender(), Arc::new(AtomicBool::new(false)));
    let stopped = Arc::clone(&stop);
    let thread = thread::spawn(move || {
        let mut sent = 0_u64;
        // It stops by itself too, lest a broken pump make this test endless.
        while !stopped.load(Ordering::Relaxed) && sent < 3_000_000 {
            sent += u64::from(sender.send(msg!("n")).is_ok());
        }
        sent
    });
    for _ in 0..50 {
        server.pump(&mut ());
    }
    stop.store(true, Ordering::Relaxed);
    assert!(thread.join().expect("the thread is well") < 3_000_000);
}

#[test]
fn games_are_told_apart_by_name_and_version_and_not_by_both_in_one() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<(), ()>(Config::new().game("tag 2"));
    let mut client = network.client_with::<()>(addr, Config::new().game("tag").version("2"));
    for _ in 0..5 {
        client.pump(&mut ());
        server.pump(&mut ());
    }
    assert!(!client.is_connected());
}

#[test]
fn who_takes_next_to_nothing_makes_one_fault_a_pump() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<Log, ()>(Config::new());
    logging(&mut server);
    let (mut stream, mut log) = (network.stream(addr), Log::new());
    let hello = msg!("$hello", wire: 1, game: "", version: "", max_frame: 0);
    stream.say(&frame(hello.to_bytes().expect("good")));
    server.pump(&mut log);
    for _ in 0..3 {
        (0..100).for_each(|_| server.broadcast(msg!("hi")));
        server.pump(&mut log);
    }
    assert_eq!(log.len(), 3, "{log:?}");
}

#[test]
fn a_simulated_answer_arrives_although_the_peer_has_half_closed() {
    let memory = MemoryNetwork::new();
    let mut server = Server::<()>::with_config(Config::new());
    let weather = Conditions::new().latency(Duration::from_millis(50));
    server.simulate(&Simulator::new(1, weather));
    let addr = SocketAddr::from(([10, 0, 0, 1], 5071));
    server.listen_memory(&memory, addr, Dialect::REPOD).expect("free");
    server.on("question", |ctx, _| ctx.send(msg!("answer")));
    let mut stream = memory.connect(addr).expect("the server listens");
    let question = msg!("question");
    stream.write_all(&frame(question.to_bytes().expect("good"))).expect("room");
    stream.shut_down_writing();
    let (mut now, mut heard, mut buffer) = (Instant::now(), Vec::new(), [0; 999]);
    for _ in 0..40 {
        now += FRAME;
        server.pump_at(now, &mut ());
        let len = stream.read(&mut buffer).unwrap_or(0);
        heard.extend(&buffer[..len]);
    }
    assert!(String::from_utf8_lossy(&heard).contains("answer"));
}

#[test]
fn a_perfect_simulated_network_is_as_fast_as_none() {
    let pumps = |simulate: bool| {
        let (memory, _) = memory();
        let mut server = Server::<u32>::with_config(Config::new());
        if simulate {
            server.simulate(&Simulator::new(1, Conditions::new()));
        }
        let addr = SocketAddr::from(([10, 0, 0, 1], 5071));
        server.listen_memory(&memory, addr, Dialect::REPOD).expect("free");
        server.on("big", |ctx, _| *ctx.state += 1);
        let mut client = Client::<()>::connect_memory(&memory, addr);
        client.send(msg!("big", text: "x".repeat(900_000)));
        let (mut heard, mut now) = (0, Instant::now());
        (1..1000)
            .find(|_| {
                now += FRAME;
                client.pump_at(now, &mut ());
                server.pump_at(now, &mut heard);
                heard == 1
            })
            .expect("it arrives")
    };
    let (plain, simulated) = (pumps(false), pumps(true));
    assert!(simulated <= plain + 2, "{simulated} pumps instead of {plain}");
}

#[test]
fn conditions_may_be_as_extreme_as_a_duration_can_say() {
    let forever = Duration::MAX;
    for weather in [
        Conditions::new().reset_every(forever),
        Conditions::new().stall_every(forever).stall_for(forever),
        Conditions::new().latency(forever),
        Conditions::new().jitter(forever),
    ] {
        for seed in 0..20 {
            let (memory, network) = memory();
            let (mut server, addr) = network.server::<(), ()>(Config::new());
            let mut client = Client::<()>::with_config(Config::new().quiet(true));
            client.simulate(&Simulator::new(seed, weather));
            client.connect_to_memory(&memory, addr);
            for _ in 0..4 {
                client.pump(&mut ());
                server.pump(&mut ());
            }
        }
    }
}

/// A peer whose every message makes a handler panic: the others hear what they were told all the
/// same, and are asked for signs of life, as long as somebody pumps on.
#[test]
fn a_panic_in_every_pump_keeps_nobody_from_hearing() {
    let (memory, network) = memory();
    let (mut server, addr): (Server<Log>, SocketAddr) = network.server(Config::new());
    server.on("trip", |ctx, _| {
        ctx.broadcast(msg!("said"));
        std::panic::resume_unwind(Box::new("on purpose"))
    });
    let mut client = Client::<u32>::with_config(Config::new().quiet(true));
    client.connect_to_memory(&memory, addr);
    client.on("said", |ctx, _| *ctx.state += 1);
    client.on_disconnect(|_, reason| panic!("{reason}"));
    let (mut log, mut said, mut now) = (Log::new(), 0, Instant::now());
    until(|| {
        now += FRAME;
        client.pump_at(now, &mut said);
        server.pump_at(now, &mut log);
        client.is_connected()
    });
    let mut streams = [network.stream(addr), network.stream(addr)];
    const PANICS: u32 = 900;
    for stream in &mut streams {
        for _ in 0..PANICS {
            stream.say(&frame(b"\x81\xa6action\xa4trip"));
        }
    }
    let mut panics = 0;
    // More than a minute, in which hardly a pump comes to its end: a round has two panics, and the
    // one after the second is free to go on.
    for _ in 0..PANICS - 1 {
        now += Duration::from_millis(80);
        panics +=
            u32::from(catch_unwind(AssertUnwindSafe(|| server.pump_at(now, &mut log))).is_err());
        client.pump_at(now, &mut said);
        assert!(said + 1 >= panics, "what was said comes one pump later: {said} of {panics}");
        assert_eq!(server.next_timeout(), Some(Duration::ZERO), "there is something left to do");
    }
    assert!(panics > PANICS / 2, "{panics}");
}
