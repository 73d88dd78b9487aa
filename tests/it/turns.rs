//! Turns: who is listened to in which pump, and who is told first, where a queue is full or
//! handlers panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use hexapod::{Config, Step, msg};

use crate::harness::{frame, hello, memory};

type Log = Vec<String>;

const FRAME: Duration = Duration::from_millis(16);

/// A well-behaved peer says one short thing. Every pump has room for sixteen events.
#[test]
fn a_flooder_does_not_take_pump_after_pump_from_the_others_under_a_queue() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<(), ()>(Config::new());
    server.queue_events(16);
    let flood = frame(b"\x81\xa6action\xa1f").repeat(1024);
    let mut flooders: Vec<_> = (0..10).map(|_| (network.stream(addr), 0)).collect();
    let mut good = network.stream(addr);
    let (mut now, mut longest, mut said) = (Instant::now(), 0, None);
    for pump in 0..4000 {
        now += FRAME;
        for (stream, at) in &mut flooders {
            *at = (*at + stream.write_some(&flood[*at..]).expect("open")) % flood.len();
        }
        if said.is_none() {
            good.say(&frame(msg!("good").to_bytes().expect("good")));
            said = Some(pump);
        }
        server.pump_at(now, &mut ());
        while let Some(event) = server.next_event() {
            if format!("{event:?}").contains("\"good\"") {
                longest = longest.max(pump - said.take().expect("said"));
            }
        }
    }
    assert!(longest <= 50, "{longest} pumps until it was heard");
}

/// The twin of `found::a_full_queue_holds_back_flooders_and_kills_nobody`, for a long frame.
#[test]
fn a_full_queue_kills_nobody_in_the_middle_of_a_frame() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<Log, ()>(Config::new());
    server.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
    server.queue_events(16);
    let mut good = network.stream(addr);
    let (mut log, mut now) = (Log::new(), Instant::now());
    for _ in 0..6 {
        now += FRAME;
        server.pump_at(now, &mut log);
        while server.next_event().is_some() {}
    }
    let long = frame(msg!("long", text: "x".repeat(900_000)).to_bytes().expect("good"));
    let flood = frame(b"\x81\xa6action\xa1f").repeat(1024);
    let mut flooders: Vec<_> = (0..40).map(|_| (network.stream(addr), 0)).collect();
    let (mut said, mut came) = (0, false);
    for _ in 0..60_000 {
        now += FRAME;
        if said < long.len() {
            said += good.write_some(&long[said..]).unwrap_or(0);
        }
        for (stream, at) in &mut flooders {
            *at = (*at + stream.write_some(&flood[*at..]).expect("open")) % flood.len();
        }
        server.pump_at(now, &mut log);
        while let Some(event) = server.next_event() {
            came |= format!("{event:?}").contains("\"long\"");
        }
        if came || !log.is_empty() {
            break;
        }
    }
    assert!(came && log.is_empty(), "{came} {log:?} {said}");
}

/// The same where the game takes one event a pump, and there are only two flooders.
#[test]
fn two_flooders_and_a_slow_game_kill_nobody_in_the_middle_of_a_frame() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<Log, ()>(Config::new());
    server.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
    server.queue_events(1);
    let mut good = network.stream(addr);
    let flood = frame(b"\x81\xa6action\xa1f").repeat(1024);
    let mut flooders: Vec<_> = (0..2).map(|_| (network.stream(addr), 0)).collect();
    let long = frame(msg!("long", text: "x".repeat(900_000)).to_bytes().expect("good"));
    let (mut log, mut now, mut said, mut came) = (Log::new(), Instant::now(), 0, false);
    for _ in 0..200_000 {
        now += FRAME;
        if said < long.len() {
            said += good.write_some(&long[said..]).unwrap_or(0);
        }
        for (stream, at) in &mut flooders {
            *at = (*at + stream.write_some(&flood[*at..]).expect("open")) % flood.len();
        }
        server.pump_at(now, &mut log);
        came |= server.next_event().is_some_and(|event| format!("{event:?}").contains("\"long\""));
        if came || !log.is_empty() {
            break;
        }
    }
    assert!(came && log.is_empty(), "{came} {log:?} {said}");
}

/// A handler that panics for each message of one peer, and a long frame of another.
#[test]
fn panics_kill_nobody_in_the_middle_of_a_frame() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<Log, ()>(Config::new());
    server.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
    server.on("f", |_, _| std::panic::resume_unwind(Box::new(())));
    server.on("long", |ctx, _| ctx.state.push("long".to_owned()));
    let mut good = network.stream(addr);
    let flood = frame(b"\x81\xa6action\xa1f").repeat(1024);
    let mut flooders: Vec<_> = (0..2).map(|_| (network.stream(addr), 0)).collect();
    let long = frame(msg!("long", text: "x".repeat(900_000)).to_bytes().expect("good"));
    let (mut log, mut now, mut said) = (Log::new(), Instant::now(), 0);
    for _ in 0..60_000 {
        now += FRAME;
        if said < long.len() {
            said += good.write_some(&long[said..]).unwrap_or(0);
        }
        for (stream, at) in &mut flooders {
            *at = (*at + stream.write_some(&flood[*at..]).expect("open")) % flood.len();
        }
        let _ = catch_unwind(AssertUnwindSafe(|| server.pump_at(now, &mut log)));
        if !log.is_empty() {
            break;
        }
    }
    assert_eq!(log, ["long"], "{said}");
}

#[test]
fn faults_are_told_before_the_next_message() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<Log, ()>(Config::new().max_peers(1));
    server.on("x", |ctx, _| ctx.state.push("message".to_owned()));
    server.on_error(|log, _| log.push("fault".to_owned()));
    let (mut stream, mut log, mut now) = (network.stream(addr), Log::new(), Instant::now());
    server.pump_at(now, &mut log);
    now += FRAME;
    let _one_too_many = network.stream(addr);
    stream.say(&frame(msg!("x").to_bytes().expect("good")));
    server.pump_at(now, &mut log);
    assert_eq!(log, ["fault", "message"]);
}

#[test]
fn everybody_who_is_turned_away_in_a_pump_is_told() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<usize, ()>(Config::new().max_peers(0));
    server.on_error(|told, _| *told += 1);
    let _streams: Vec<_> = (0..400).map(|_| network.stream(addr)).collect();
    let mut told = 0;
    server.pump_at(Instant::now(), &mut told);
    assert_eq!(told, 400);
}

#[test]
fn a_panic_of_the_tracer_loses_no_event() {
    for at_end in [false, true] {
        let (_, network) = memory();
        let (mut server, addr) = network.server::<Log, ()>(Config::new());
        server.on_connect(|ctx| ctx.state.push("up".to_owned()));
        server.on_disconnect(|ctx, _| ctx.state.push("down".to_owned()));
        let mut once = true;
        server.on_trace(move |trace| {
            let now = match trace.step {
                Step::Connected(_) => !at_end,
                Step::Disconnected(_) => at_end,
                _ => false,
            };
            if now && std::mem::take(&mut once) {
                // As where standard output is closed, say.
                std::panic::resume_unwind(Box::new(()));
            }
        });
        let (mut stream, mut log) = (network.stream(addr), Log::new());
        let (mut heard, mut now) = (Vec::new(), Instant::now());
        for n in 0..10 {
            now += FRAME;
            let _ = catch_unwind(AssertUnwindSafe(|| server.pump_at(now, &mut log)));
            let _ = stream.read_some(&mut heard);
            if n == 5 {
                stream.shut_down_writing();
            }
        }
        assert_eq!(
            (&log[..], heard.is_empty()),
            (&["up".to_owned(), "down".to_owned()][..], false),
            "{at_end}"
        );
        assert!(server.shutdown(&mut log, Duration::from_millis(50)));
    }
}

#[test]
fn next_timeout_knows_of_what_was_not_delivered() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<Log, ()>(Config::new());
    server.on_error(|log, fault| log.push(fault.to_string()));
    let (deaf, mut log, mut now) = (network.stream(addr), Log::new(), Instant::now());
    server.pump_at(now, &mut log);
    let id = server.peers().next().expect("the deaf one").id();
    server.send_to(id, msg!("much", text: "x".repeat(300_000)));
    server.kick(id, "");
    // Sleeps exactly as long as it may.
    for _ in 0..1000 {
        let Some(nap) = server.next_timeout() else { break };
        now += nap;
        server.pump_at(now, &mut log);
    }
    assert_eq!(server.next_timeout(), None, "it has an end");
    assert_eq!(log.len(), 1, "nothing will be, it says: {log:?}");
    drop(deaf);
}

#[test]
fn who_sleeps_as_long_as_it_may_does_not_spin_under_a_full_queue() {
    let (_, network) = memory();
    let (mut server, addr) = network.server::<(), ()>(Config::new());
    server.queue_events(1);
    let mut stream = network.stream(addr);
    stream.say(&hello());
    let mut now = Instant::now();
    // A connect; a message that fills the queue and is left there.
    server.pump_at(now, &mut ());
    while server.next_event().is_some() {}
    stream.say(&frame(msg!("x").to_bytes().expect("good")));
    now += FRAME;
    server.pump_at(now, &mut ());
    now += Duration::from_secs(1);
    let (begun, mut pumps) = (now, 0);
    while now < begun + Duration::from_secs(60) && pumps < 10_000 {
        server.pump_at(now, &mut ());
        now += server.next_timeout().expect("a heartbeat");
        pumps += 1;
    }
    assert!(pumps < 1000, "{pumps} pumps in {:?}", now - begun);
}
