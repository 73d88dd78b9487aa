//! Ways to turn an endpoint: run and stop, pump_until, senders of other threads, next_timeout.

use std::thread;
use std::time::{Duration, Instant};

use hexapod::{Client, Config, DisconnectReason, Event, MemoryNetwork, SendError, Server, msg};

use crate::harness::{Network, frame, on_both, until};

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn run_ticks_until_it_is_stopped_and_says_goodbye() {
    on_both(|network| {
        let (mut server, addr) = network.server::<u32, ()>(Config::new());
        let stop = server.stop_handle();
        server.on("stop", move |_, _| stop.stop());
        let thread = thread::spawn(move || {
            let mut ticks = 0;
            let delivered = server.run(&mut ticks, 1000, |server, ticks| {
                *ticks += 1;
                server.broadcast(msg!("tick", n: *ticks));
            });
            (delivered, ticks)
        });
        let mut client = network.client::<(Vec<u32>, Vec<String>)>(addr);
        client.on("tick", |ctx, msg| {
            ctx.state.0.push(msg.get("n")?);
            if ctx.state.0.len() == 5 {
                ctx.send(msg!("stop"));
            }
            Ok(())
        });
        client.on_disconnect(|ctx, reason| ctx.state.1.push(reason.to_string()));
        let mut heard = (Vec::new(), Vec::new());
        let deadline = Instant::now() + PATIENCE;
        assert!(client.pump_until(&mut heard, deadline, |heard| !heard.1.is_empty()));
        let (delivered, ticks) = thread.join().expect("the server is well");
        assert!(delivered);
        assert_eq!(heard.1, ["the server was shut down"]);
        let first = heard.0[0];
        assert!(heard.0.iter().copied().eq(first..=ticks), "every tick to the last: {heard:?}");
    });
}

#[test]
fn pump_until_gives_up_at_its_deadline() {
    let mut client = Client::<()>::with_config(Config::new());
    assert!(!client.pump_until(&mut (), Instant::now(), |()| false));
    assert!(client.pump_until(&mut (), Instant::now(), |()| true));
}

#[test]
fn other_threads_send_through_a_bounded_queue() {
    on_both(|network| {
        let (mut server, addr) = network.server::<(), ()>(Config::new().max_letters(3));
        let mut clients: Vec<_> =
            (0..2).map(|_| (network.client::<Vec<u32>>(addr), Vec::new())).collect();
        for (client, _) in &mut clients {
            client.on("n", |ctx, msg| {
                ctx.state.push(msg.get("n")?);
                Ok(())
            });
        }
        until(|| {
            server.pump(&mut ());
            clients.iter_mut().for_each(|(client, heard)| {
                client.pump(heard);
            });
            clients.iter().all(|(client, _)| client.is_connected())
        });
        let second = server.peers().nth(1).expect("two are here").id();
        let sender = server.sender();
        let posted = thread::spawn(move || {
            let all = [
                sender.send(msg!("n", n: 1)),
                sender.send_to(second, msg!("n", n: 2)),
                sender.clone().send(msg!("n", n: 3)),
                sender.send(msg!("n", n: 4)),
            ];
            (all, sender)
        });
        let (posted, sender) = posted.join().expect("the thread is well");
        assert_eq!(posted, [Ok(()), Ok(()), Ok(()), Err(SendError::Busy { max: 3 })]);
        until(|| {
            server.pump(&mut ());
            clients.iter_mut().for_each(|(client, heard)| {
                client.pump(heard);
            });
            clients.iter().map(|(_, heard)| heard.len()).sum::<usize>() == 5
        });
        let mut heard: Vec<_> = clients.into_iter().map(|(_, heard)| heard).collect();
        heard.sort();
        assert_eq!(heard, [vec![1, 2, 3], vec![1, 3]]);
        drop(server);
        assert_eq!(sender.send(msg!("n", n: 5)), Err(SendError::NotConnected));
    });
}

#[test]
fn a_clients_sender_is_kept_until_the_connection_is_up() {
    let network = Network::Memory(MemoryNetwork::new());
    let (mut server, addr) = network.server::<u32, ()>(Config::new());
    server.on("n", |ctx, _| *ctx.state += 1);
    let mut client = network.client::<()>(addr);
    let sender = client.sender();
    assert_eq!(sender.send(msg!("n")), Ok(()));
    let mut heard = 0;
    until(|| {
        client.pump(&mut ());
        server.pump(&mut heard);
        heard == 1
    });
}

#[test]
fn next_timeout_tells_what_is_due() {
    let network = Network::Memory(MemoryNetwork::new());
    let (mut server, addr) = network.server::<(), ()>(Config::new());
    assert_eq!(server.next_timeout(), None);
    let (mut client, mut now) = (network.client::<()>(addr), Instant::now());
    for _ in 0..4 {
        now += Duration::from_millis(200);
        client.pump_at(now, &mut ());
        server.pump_at(now, &mut ());
    }
    // The first question has been asked and answered; the next one is due after five seconds.
    let next = server.next_timeout().expect("a heartbeat");
    assert!(next <= Duration::from_secs(5) && next > Duration::from_secs(4), "{next:?}");
    now += next;
    assert!(server.pump_at(now, &mut ()).bytes_written > 0);

    let (mut server, addr) = network.server::<(), ()>(Config::new());
    let _plain = network.stream(addr);
    server.pump_at(now, &mut ());
    let timeout = Config::new().plain_idle_timeout;
    assert_eq!(server.next_timeout(), Some(timeout + Duration::from_nanos(1)));
    // Who pumps when it is time, and only then, gets there.
    now += timeout + Duration::from_nanos(1);
    server.pump_at(now, &mut ());
    assert_eq!(server.peers().count(), 0);
}

#[test]
fn waits_without_end_are_no_overflow() {
    let forever = Duration::MAX;
    let config = Config::new()
        .heartbeat(forever)
        .idle_timeout(forever)
        .plain_idle_timeout(forever)
        .handshake_timeout(forever)
        .frame_timeout(forever)
        .flush_timeout(forever)
        .connect_timeout(forever);
    on_both(|network| {
        let (mut server, addr) = network.server::<u32, ()>(config.clone());
        server.on_connect(|ctx| *ctx.state += 1);
        let mut client = network.client_with::<u32>(addr, config.clone());
        let (mut here, mut there) = (0, 0);
        until(|| {
            server.pump(&mut here);
            client.pump(&mut there);
            client.is_connected()
        });
        client.close();
        until(|| {
            server.pump(&mut here);
            client.pump(&mut there);
            client.is_closed()
        });
        assert!(Server::shutdown(server, &mut here, forever));
    });
}

#[test]
fn a_full_queue_of_events_holds_peers_back_and_drops_nothing() {
    on_both(|network| {
        let (mut server, addr) = network.server::<(), ()>(Config::new());
        server.queue_events(10);
        let mut streams: Vec<_> = (0..3).map(|_| network.stream(addr)).collect();
        for (at, stream) in streams.iter_mut().enumerate() {
            for n in 0..100 {
                let message = msg!("n", n: n, of: at);
                stream.say(&frame(message.to_bytes().expect("good")));
            }
            stream.shut_down_writing();
        }
        let mut heard = vec![Vec::<u32>::new(); 3];
        let (mut up, mut down) = (0, 0);
        until(|| {
            server.pump(&mut ());
            let mut kept = 0;
            // Not all of them each time: the queue stays full for a while.
            while let Some(event) = server.next_event() {
                match event {
                    Event::Connected { .. } => up += 1,
                    Event::Message { message, .. } => {
                        let of: usize = message.get("of").expect("a field");
                        heard[of].push(message.get("n").expect("a field"));
                    }
                    Event::Disconnected { reason, .. } => {
                        assert_eq!(reason, DisconnectReason::Closed);
                        down += 1;
                    }
                    other => panic!("{other:?}"),
                }
                kept += 1;
                if kept == 7 {
                    break;
                }
            }
            assert!(kept <= 13, "ten, and one event for each peer");
            down == 3
        });
        assert_eq!(up, 3);
        assert!(heard.iter().all(|numbers| numbers.iter().copied().eq(0..100)), "{heard:?}");
    });
}

#[test]
fn events_of_a_client_tell_of_failure_too() {
    let network = Network::Memory(MemoryNetwork::new());
    let mut client = network.client::<()>(([127, 0, 0, 1], 9).into());
    client.queue_events(10);
    client.pump(&mut ());
    let Some(Event::ConnectFailed { error }) = client.next_event() else { panic!("an event") };
    assert_eq!(error.to_string(), "nobody listens at 127.0.0.1:9 (connection refused)");
    assert!(client.next_event().is_none());
}
