//! A pump: its order, who hears of a message, and whose last words are delivered.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hexapod::{
    Config, Dialect, Event, Handlers, MemoryNetwork, MemoryStream, Outgoing, Server, Step, msg,
};

use crate::harness::{Network, Stream, frame};

type Log = Vec<String>;

fn framed(message: &Outgoing) -> Vec<u8> {
    frame(message.to_bytes().expect("good"))
}

fn says(stream: MemoryStream, action: &str) -> Stream {
    let mut stream = Stream::Memory(stream);
    stream.say(&framed(&msg!(action)));
    stream
}

/// A server in memory on two addresses, that writes down what happens.
fn two_doors(config: Config) -> (MemoryNetwork, Server<Log>) {
    let network = MemoryNetwork::new();
    let mut server = Server::<Log>::with_config(config.quiet(true));
    for door in [1, 2] {
        let addr = ([10, 0, 0, 1], door).into();
        server.listen_memory(&network, addr, Dialect::REPOD).expect("free");
    }
    server.on_connect(|ctx| ctx.state.push(format!("{} up", ctx.peer())));
    server.on_any(|ctx, msg| ctx.state.push(format!("{} {}", ctx.peer(), msg.action())));
    server.on_error(|log, fault| log.push(fault.to_string()));
    server.on_disconnect(|ctx, reason| ctx.state.push(format!("{} down: {reason}", ctx.peer())));
    (network, server)
}

#[test]
fn listener_after_listener_and_newcomers_before_messages() {
    let (network, mut server) = two_doors(Config::new());
    let join = |door: u16, action| {
        says(network.connect(([10, 0, 0, 1], door).into()).expect("it listens"), action)
    };
    // Who came first is not who is first: the first door is.
    let _streams = [join(2, "late"), join(1, "hi"), join(1, "ho")];
    let mut log = Log::new();
    server.pump(&mut log);
    assert_eq!(log, ["#1 up", "#2 up", "#1 hi", "#2 ho", "#3 up", "#3 late"]);
}

#[test]
fn what_other_threads_say_goes_first_and_no_more_of_it_than_may_wait() {
    let (network, mut server) = two_doors(Config::new().max_letters(2));
    let (mut log, now) = (Log::new(), Instant::now());
    let mut stream = says(network.connect(([10, 0, 0, 1], 1).into()).expect("it listens"), "hi");
    server.pump_at(now, &mut log);
    let steps = Arc::new(Mutex::new(Log::new()));
    let shown = Arc::clone(&steps);
    server.on_trace(move |trace| {
        let sign = if matches!(trace.step, Step::Sent(_)) { "->" } else { "<-" };
        let step = format!("{sign} {}", trace.action().unwrap_or_default());
        shown.lock().expect("no panic").push(step);
    });
    let sender = server.sender();
    assert!(sender.send(msg!("a")).is_ok() && sender.send(msg!("b")).is_ok());
    assert!(sender.send(msg!("c")).is_err(), "it keeps nothing");
    stream.say(&framed(&msg!("ho")));
    server.pump_at(now, &mut log);
    assert_eq!(*steps.lock().expect("no panic"), ["-> a", "-> b", "<- ho"]);
}

#[test]
fn the_queue_hears_first_then_the_own_set_then_the_others_in_order() {
    let (network, mut server) = two_doors(Config::new());
    let mut log = Log::new();
    let note = |who: &'static str| move |log: &mut Log| log.push(who.to_owned());
    let (own, unhandled) = (note("own"), note("unhandled"));
    server.on("hi", move |ctx, _| own(ctx.state)).on_unhandled(move |ctx, _| unhandled(ctx.state));
    for who in ["first", "second"] {
        let mut set = Handlers::new();
        let (on, any, failing) = (note(who), note("any"), note("failing"));
        set.on("hi", move |ctx, _| on(ctx.state)).on_any(move |ctx, _| any(ctx.state));
        set.on("fail", move |ctx, _| {
            failing(ctx.state);
            Err::<(), _>("on purpose".into())
        });
        server.attach(set);
    }
    let mut stream = says(network.connect(([10, 0, 0, 1], 1).into()).expect("it listens"), "hi");
    server.pump(&mut log);
    assert_eq!(log, ["#1 up", "own", "#1 hi", "first", "any", "second", "any"]);
    // Of the others' errors nobody is told before all have run.
    stream.say(&framed(&msg!("fail")));
    log.clear();
    server.pump(&mut log);
    let fault = "the handler of \"fail\" from #1 failed: on purpose";
    let all = ["unhandled", "#1 fail", "failing", "any", "failing", "any", fault, fault];
    assert_eq!(log, all);

    // That the queue is first is seen where the first handler panics.
    server.queue_events(10);
    server.on("panic", |_, _| panic!("on purpose"));
    stream.say(&framed(&msg!("panic")));
    stream.say(&framed(&msg!("hi")));
    log.clear();
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let pump = panic::catch_unwind(AssertUnwindSafe(|| server.pump(&mut log)));
    panic::set_hook(hook);
    assert!(pump.is_err() && log.is_empty(), "{log:?}");
    assert!(matches!(server.next_event(), Some(Event::Message { .. })));
    server.pump(&mut log);
    assert_eq!(log, ["own", "#1 hi", "first", "any", "second", "any"]);
}

#[test]
fn silence_is_judged_at_most_ten_times_a_second() {
    let ms = Duration::from_millis;
    for (timeout, period) in [(ms(2000), ms(100)), (ms(1600), ms(100)), (ms(160), ms(10))] {
        let (network, mut server) = two_doors(Config::new().plain_idle_timeout(timeout));
        let (mut now, mut log, mut streams) = (Instant::now(), Log::new(), Vec::new());
        let mut judged = Vec::new();
        for step in 0..2700 {
            now += ms(1);
            if step % 17 == 0 && step < 500 {
                streams.push(network.connect(([10, 0, 0, 1], 1).into()).expect("it listens"));
            }
            let done = server.pump_at(now, &mut log);
            if done.closed > 0 {
                judged.push(now);
            }
        }
        assert_eq!(server.peers().count(), 0);
        assert!(judged.len() > 2);
        let apart = judged.windows(2).map(|pair| pair[1] - pair[0]).min();
        assert!(apart >= Some(period) && apart < Some(period + ms(10)), "{timeout:?} {apart:?}");
    }
}

#[test]
fn a_kick_comes_behind_the_message_and_before_the_next() {
    let (network, mut server) = two_doors(Config::new());
    server.on("bye", |ctx, _| {
        ctx.send(msg!("last words"));
        ctx.kick(ctx.peer(), "enough");
        ctx.send(msg!("too late"));
        ctx.broadcast(msg!("too late"));
        ctx.state.push(format!("{} are left", ctx.peers().count()));
    });
    let addr = ([10, 0, 0, 1], 1).into();
    let mut stream = says(network.connect(addr).expect("it listens"), "bye");
    stream.say(&framed(&msg!("more")));
    let mut log = Log::new();
    server.pump(&mut log);
    let down = "#1 down: kicked: enough";
    let fault = "did not send \"too late\" to #1: not connected";
    assert_eq!(log, ["#1 up", "0 are left", "#1 bye", fault, down]);
    let mut heard = Vec::new();
    assert!(stream.read_some(&mut heard).expect("orderly"), "it is closed behind them");
    assert!(heard.ends_with(&framed(&msg!("last words"))));
}

#[test]
fn a_plain_peer_whose_bytes_are_no_messages_is_cut_off_and_a_hexapod_is_told() {
    for plain in [true, false] {
        let (network, mut server) = two_doors(Config::new());
        server.on("hi", |ctx, _| ctx.send(msg!("answer")));
        let addr = ([10, 0, 0, 1], 1).into();
        let mut stream = Stream::Memory(network.connect(addr).expect("it listens"));
        if !plain {
            let hello = msg!("$hello", wire: 1, game: "", version: "", max_frame: 1000);
            stream.say(&framed(&hello));
        }
        stream.say(&framed(&msg!("hi")));
        stream.say(&frame(b"\xc1"));
        server.pump(&mut Log::new());
        let mut heard = Vec::new();
        let _ = stream.read_some(&mut heard);
        let heard = String::from_utf8_lossy(&heard);
        assert_eq!(heard.contains("answer") && heard.contains("$bye"), !plain, "{heard}");
    }
}

#[test]
fn all_that_a_peer_had_said_is_heard_before_its_end() {
    let network = Network::Memory(MemoryNetwork::new());
    let (mut server, addr) = network.server::<u32, ()>(Config::new());
    server.on("n", |ctx, _| *ctx.state += 1);
    server.on_disconnect(|ctx, _| *ctx.state += 1000);
    let (mut client, mut heard) = (network.client::<()>(addr), 0);
    (0..50).for_each(|_| client.send(msg!("n")));
    for _ in 0..3 {
        client.pump(&mut ());
        server.pump(&mut heard);
        if client.is_connected() {
            client.close();
        }
    }
    assert_eq!(heard, 1050);
}
