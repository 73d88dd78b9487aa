//! Coming and going: each peer connects once and leaves once, whatever happens in between.
//!
//! Every test runs over TCP and in memory.

use std::net::SocketAddr;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use hexapod::{Client, Config, Handlers, Message, PeerId, Server, msg};

use crate::harness::{GREETING, Network, frame, on_both, until};

/// What handlers have seen, in order, as text.
type Log = Vec<String>;

/// A server that writes down every event.
fn logging_server(network: &Network, config: Config) -> (Server<Log>, SocketAddr) {
    let (mut server, addr) = network.server::<Log, ()>(config);
    server.on_connect(|ctx| ctx.state.push(format!("{} up", ctx.peer())));
    server.on_disconnect(|ctx, reason| ctx.state.push(format!("{} down: {reason}", ctx.peer())));
    server.on_any(|ctx, msg| ctx.state.push(format!("{} {}", ctx.peer(), msg.action())));
    server.on_error(|log, fault| log.push(format!("fault: {fault}")));
    (server, addr)
}

/// A client that writes down every event.
fn logging_client(network: &Network, addr: SocketAddr) -> Client<Log> {
    let mut client = network.client::<Log>(addr);
    client.on_connect(|ctx| ctx.state.push("up".to_owned()));
    client.on_connect_failed(|ctx, error| ctx.state.push(format!("failed: {error}")));
    client.on_disconnect(|ctx, reason| ctx.state.push(format!("down: {reason}")));
    client.on_any(|ctx, msg| ctx.state.push(msg.action().to_owned()));
    client.on_error(|log, fault| log.push(format!("fault: {fault}")));
    client
}

/// Pumps both ends until the condition holds.
#[track_caller]
fn play(
    server: (&mut Server<Log>, &mut Log),
    client: (&mut Client<Log>, &mut Log),
    done: impl Fn(&Log, &Log) -> bool,
) {
    until(|| {
        server.0.pump(server.1);
        client.0.pump(client.1);
        done(server.1, client.1)
    });
}

#[test]
fn a_peer_connects_once_speaks_and_leaves_once() {
    on_both(|network| {
        let (mut server, addr) = logging_server(&network, Config::new());
        let mut client = logging_client(&network, addr);
        let (mut here, mut there) = (Log::new(), Log::new());
        client.send(msg!("hello"));
        play((&mut server, &mut here), (&mut client, &mut there), |here, _| here.len() == 2);
        assert!(client.is_connected() && !client.is_connecting());
        client.close();
        assert!(!client.is_connected());
        play((&mut server, &mut here), (&mut client, &mut there), |here, _| here.len() == 3);
        until(|| {
            server.pump(&mut here);
            client.pump(&mut there);
            client.is_closed()
        });
        assert_eq!(here, ["#1 up", "#1 hello", "#1 down: closed by the peer"]);
        assert_eq!(there, ["up", "down: closed by this side"]);
    });
}

#[test]
fn the_greeting_is_repods_and_fires_nothing_twice() {
    on_both(|network| {
        let (mut server, addr) = logging_server(&network, Config::new());
        let (mut here, mut stream, mut seen) = (Log::new(), network.stream(addr), Vec::new());
        until(|| {
            server.pump(&mut here);
            stream.read_some(&mut seen).expect("open");
            seen.len() >= GREETING.len()
        });
        assert_eq!(seen, GREETING);

        // The same words, and the other names of events, are messages like any other.
        for word in ["connected", "disconnected", "error", "socketConnect", "$hello"] {
            let said = msg!("x", word: word);
            let forged = said.to_bytes().expect("good");
            let forged =
                [&b"\x81\xa6action"[..], &forged[forged.len() - word.len() - 1..]].concat();
            stream.say(&frame(&forged));
        }
        until(|| {
            server.pump(&mut here);
            here.len() == 6
        });
        assert_eq!(
            here,
            [
                "#1 up",
                "#1 connected",
                "#1 disconnected",
                "#1 error",
                "#1 socketConnect",
                "#1 $hello"
            ]
        );
    });
}

#[test]
fn a_server_that_says_the_words_of_events_fires_none_on_the_client() {
    on_both(|network| {
        let (mut server, addr) = logging_server(&network, Config::new());
        server.on_connect(|ctx| {
            for word in ["connected", "disconnected", "error"] {
                ctx.send(msg!(word));
            }
        });
        let mut client = logging_client(&network, addr);
        let (mut here, mut there) = (Log::new(), Log::new());
        play((&mut server, &mut here), (&mut client, &mut there), |_, there| there.len() == 4);
        assert_eq!(there, ["up", "connected", "disconnected", "error"]);
        assert!(client.is_connected());
    });
}

#[test]
fn who_is_cut_off_in_a_frame_has_left_too() {
    on_both(|network| {
        let (mut server, addr) = logging_server(&network, Config::new());
        let (mut here, mut stream) = (Log::new(), network.stream(addr));
        let hello = frame(b"\x81\xa6action\xa5hello");
        stream.say(&hello);
        stream.say(&hello[..7]);
        stream.shut_down_writing();
        until(|| {
            server.pump(&mut here);
            here.len() == 3
        });
        assert_eq!(
            here,
            ["#1 up", "#1 hello", "#1 down: cut off in the middle of a frame, after 7 bytes of it"]
        );
    });
}

#[test]
fn all_that_was_said_before_a_half_close_is_heard_and_answered() {
    on_both(|network| {
        let (mut server, addr) = logging_server(&network, Config::new().messages_per_pump(7));
        server.on("hello", |ctx, _| ctx.send(msg!("hello")));
        let (mut here, mut stream, mut seen) = (Log::new(), network.stream(addr), Vec::new());
        let hello = frame(b"\x81\xa6action\xa5hello");
        stream.say(&hello.repeat(100));
        stream.shut_down_writing();
        until(|| {
            server.pump(&mut here);
            stream.read_some(&mut seen).expect("orderly")
        });
        assert_eq!(here.len(), 102);
        assert_eq!(here[101], "#1 down: closed by the peer");
        assert_eq!(seen, [GREETING, &hello.repeat(100)].concat());
    });
}

#[test]
fn nobody_there_is_a_failure_and_not_a_freeze() {
    on_both(|network| {
        let addr = {
            let (_server, addr) = logging_server(&network, Config::new());
            addr
        };
        let (mut client, mut log) = (logging_client(&network, addr), Log::new());
        client.send(msg!("hello"));
        assert!(client.is_connecting());
        until(|| {
            client.pump(&mut log);
            log.len() == 2
        });
        assert!(log[0].starts_with("fault: could not deliver the last"), "{log:?}");
        assert_eq!(log[1], format!("failed: nobody listens at {addr} (connection refused)"));
        assert!(!client.is_connecting() && client.is_closed());

        // The same object, with the same handlers, tries again.
        client.reconnect();
        until(|| {
            client.pump(&mut log);
            log.len() == 3
        });
        assert_eq!(log[2], log[1]);
    });
}

#[test]
fn closing_before_the_connection_is_up_is_a_failed_attempt() {
    on_both(|network| {
        let (mut server, addr) = logging_server(&network, Config::new());
        let (mut client, mut log) = (logging_client(&network, addr), Log::new());
        client.close();
        client.close();
        until(|| {
            client.pump(&mut log);
            server.pump(&mut Log::new());
            client.is_closed()
        });
        assert_eq!(log, ["failed: closed by this side before the connection was up"]);
    });
}

#[test]
fn a_stranger_who_answers_is_no_server() {
    on_both(|network| {
        // A server whose greeting is followed, for the second client, by something else first:
        // here the raw far end of a listener is the server's own kind, so a bare stream plays one.
        let Network::Tcp = network else { return };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("bound");
        for (answer, expected) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], "(this looks like HTTP)"),
            (&frame(b"\x81\xa6action\xa1x"), "the first message is not a server's greeting"),
            (b"", "closed by the peer"),
        ] {
            let (mut client, mut log) = (logging_client(&network, addr), Log::new());
            let (mut stream, _) = listener.accept().expect("the client comes");
            std::io::Write::write_all(&mut stream, answer).expect("it fits");
            drop(stream);
            until(|| {
                client.pump(&mut log);
                !log.is_empty()
            });
            let start = format!("failed: {addr} answers, but not as a game server: ");
            assert!(log[0].starts_with(&start) && log[0].ends_with(expected), "{log:?}");
            assert_eq!(log.len(), 1);
        }
    });
}

#[test]
fn what_is_sent_before_the_connection_is_up_comes_first_and_in_order() {
    on_both(|network| {
        let (mut server, addr) = logging_server(&network, Config::new());
        let mut client = logging_client(&network, addr);
        client.on_connect(|ctx| ctx.send(msg!("d")));
        for word in ["a", "b", "c"] {
            client.send(msg!(word));
        }
        let (mut here, mut there) = (Log::new(), Log::new());
        play((&mut server, &mut here), (&mut client, &mut there), |here, _| here.len() == 5);
        assert_eq!(here, ["#1 up", "#1 a", "#1 b", "#1 c", "#1 d"]);
    });
}

#[test]
fn what_is_sent_just_before_a_close_arrives() {
    on_both(|network| {
        let (mut server, addr) = logging_server(&network, Config::new());
        let mut client = logging_client(&network, addr);
        let (mut here, mut there) = (Log::new(), Log::new());
        play((&mut server, &mut here), (&mut client, &mut there), |_, there| there.len() == 1);
        for _ in 0..50 {
            // More than a socket takes at once.
            client.send(msg!("big", bytes: vec![0_u8; 50_000]));
        }
        client.send(msg!("last words"));
        client.close();
        play((&mut server, &mut here), (&mut client, &mut there), |here, _| here.len() == 53);
        assert_eq!(here[51..], ["#1 last words", "#1 down: closed by the peer"]);
        assert_eq!(there, ["up", "down: closed by this side"]);
    });
}

#[test]
fn a_dropped_client_has_said_what_it_had_to_say() {
    on_both(|network| {
        let (mut server, addr) = logging_server(&network, Config::new());
        let mut client = logging_client(&network, addr);
        let (mut here, mut there) = (Log::new(), Log::new());
        play((&mut server, &mut here), (&mut client, &mut there), |_, there| there.len() == 1);
        client.send(msg!("last words"));
        drop(client);
        until(|| {
            server.pump(&mut here);
            here.len() == 3
        });
        assert_eq!(here, ["#1 up", "#1 last words", "#1 down: closed by the peer"]);
    });
}

/// Promise 4: closing with unread bytes would make the system destroy what is on its way.
#[test]
fn a_kick_delivers_what_came_before_it_even_under_unread_data() {
    on_both(|network| {
        let (mut server, addr) = logging_server(&network, Config::new().messages_per_pump(1));
        server.on("hello", |ctx, _| {
            ctx.send(msg!("sorry", why: "no room"));
            let me = ctx.peer();
            assert!(ctx.kick(me, "no room"));
            assert!(!ctx.kick(me, "twice"), "it is gone already");
        });
        let (mut here, mut stream, mut seen) = (Log::new(), network.stream(addr), Vec::new());
        let hello = frame(b"\x81\xa6action\xa5hello");
        // Far more than the server will ever look at: as much as fits on the way to it.
        let much = hello.repeat(3000);
        while stream.write_some(&much).expect("open") > 0 {}
        let mut ended = false;
        until(|| {
            server.pump(&mut here);
            ended |= stream.read_some(&mut seen).expect("no reset: the words must arrive");
            if !ended {
                let _ = stream.write_some(&much);
            }
            ended
        });
        let said = msg!("sorry", why: "no room");
        assert_eq!(seen, [GREETING, &frame(said.to_bytes().expect("good"))].concat());
        assert_eq!(here, ["#1 up", "#1 hello", "#1 down: kicked: no room"]);
    });
}

#[test]
fn a_shutdown_delivers_to_all_and_tells_all() {
    on_both(|network| {
        let (mut server, addr) = logging_server(&network, Config::new());
        let mut clients: Vec<_> =
            (0..5).map(|_| (logging_client(&network, addr), Log::new())).collect();
        let mut here = Log::new();
        until(|| {
            server.pump(&mut here);
            clients.iter_mut().for_each(|(client, log)| {
                client.pump(log);
            });
            here.len() == 5 && server.peers().all(|peer| !peer.is_plain())
        });
        server.broadcast(msg!("good night"));
        // The clients have a loop of their own, as they would have on other machines.
        let others = thread::spawn(move || {
            until(|| {
                clients.iter_mut().for_each(|(client, log)| {
                    client.pump(log);
                });
                clients.iter().all(|(client, _)| client.is_closed())
            });
            clients.into_iter().map(|(_, log)| log).collect::<Vec<_>>()
        });
        assert!(server.shutdown(&mut here, Duration::from_secs(20)));
        for log in others.join().expect("the clients are well") {
            assert_eq!(log, ["up", "good night", "down: the server was shut down"]);
        }
        let down: Vec<_> = here[5..].to_vec();
        let expected: Vec<_> =
            (1..=5).map(|n| format!("#{n} down: the server was shut down")).collect();
        assert_eq!(down, expected);
    });
}

#[test]
fn connecting_again_with_the_same_object() {
    on_both(|network| {
        let (mut server, addr) = logging_server(&network, Config::new());
        let mut client = logging_client(&network, addr);
        let (mut here, mut there) = (Log::new(), Log::new());
        for round in 1..=3 {
            client.send(msg!("hello"));
            play((&mut server, &mut here), (&mut client, &mut there), |here, there| {
                here.len() == 3 * round - 1 && there.len() == 2 * round - 1
            });
            // A connection that is up is closed first.
            client.reconnect();
            play((&mut server, &mut here), (&mut client, &mut there), |here, _| {
                here.iter().any(|line| line.starts_with(&format!("#{round} down")))
            });
        }
        until(|| {
            server.pump(&mut here);
            client.pump(&mut there);
            there.len() == 7 && here.len() == 10
        });
        assert_eq!(
            there[..4],
            ["up", "down: closed by this side", "up", "down: closed by this side"]
        );
        for id in 1..=3 {
            let of: Vec<_> =
                here.iter().filter(|line| line.starts_with(&format!("#{id} "))).collect();
            assert_eq!(of.len(), 3, "{here:?}");
            assert!(of[0].ends_with("up") && of[2].ends_with("closed by the peer"), "{here:?}");
        }
    });
}

#[test]
fn an_id_is_never_somebody_elses() {
    on_both(|network| {
        let (mut server, addr) = network.server::<Vec<PeerId>, u32>(Config::new());
        server.on_connect(|ctx| {
            let id = ctx.peer();
            ctx.state.push(id);
            *ctx.data_mut() = id.number() as u32;
        });
        let mut ids = Vec::new();
        for round in 1..=20 {
            let stream = network.stream(addr);
            until(|| {
                server.pump(&mut ids);
                ids.len() == round
            });
            drop(stream);
            until(|| {
                server.pump(&mut ids);
                server.peers().next().is_none()
            });
            for id in &ids {
                assert!(server.get(*id).is_none() && !server.kick(*id, "nobody"));
                assert!(server.try_send_to(*id, msg!("x")).is_err());
            }
        }
        assert!(ids.is_sorted() && ids[19].number() == 20);
    });
}

#[test]
fn data_lives_from_before_the_first_handler_until_after_the_last() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);

    struct Player(Vec<&'static str>);

    impl Default for Player {
        fn default() -> Self {
            ALIVE.fetch_add(1, Ordering::SeqCst);
            Self(Vec::new())
        }
    }

    impl Drop for Player {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, Ordering::SeqCst);
        }
    }

    on_both(|network| {
        let (mut server, addr) = network.server::<Vec<Vec<&'static str>>, Player>(Config::new());
        server.on_connect(|ctx| ctx.data_mut().0.push("connect"));
        server.on("hello", |ctx, _| ctx.data_mut().0.push("hello"));
        server.on_disconnect(|ctx, _| {
            let (lives, player) = ctx.split();
            lives.push(player.0.clone());
        });
        let (mut lives, mut stream) = (Vec::new(), network.stream(addr));
        stream.say(&frame(b"\x81\xa6action\xa5hello"));
        stream.shut_down_writing();
        until(|| {
            server.pump(&mut lives);
            !lives.is_empty()
        });
        assert_eq!(lives, [["connect", "hello"]]);
        assert_eq!(ALIVE.load(Ordering::SeqCst), 0);
    });
}

/// A game's `Default` may panic: the newcomer is nobody then, and leaves nothing behind.
#[test]
fn who_cannot_be_given_data_is_let_go() {
    static MADE: AtomicUsize = AtomicUsize::new(0);

    struct Player;

    impl Default for Player {
        fn default() -> Self {
            let made = MADE.fetch_add(1, Ordering::SeqCst);
            assert!(made % 2 == 1, "on purpose: no data");
            Self
        }
    }

    on_both(|network| {
        let only_one = Config::new().max_peers_per_address(1).max_peers(1);
        let (mut server, addr) = network.server::<Log, Player>(only_one);
        server.on_connect(|ctx| ctx.state.push(format!("{} up", ctx.peer())));
        let (mut log, mut panics) = (Log::new(), 0);
        let mut first = network.stream(addr);
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        let (mut heard, mut is_gone) = (Vec::new(), false);
        until(|| {
            let pump = AssertUnwindSafe(|| server.pump(&mut log));
            panics += usize::from(panic::catch_unwind(pump).is_err());
            is_gone = is_gone || first.read_some(&mut heard).unwrap_or(true);
            panics == 1 && is_gone
        });
        panic::set_hook(hook);
        assert_eq!((heard, &log), (Vec::new(), &Log::new()), "it was nobody");
        // Its place is free, for its whole household.
        let _second = network.stream(addr);
        until(|| {
            server.pump(&mut log);
            !log.is_empty()
        });
        assert_eq!((log, server.peers().count()), (vec!["#1 up".to_owned()], 1));
    });
}

/// Promise 3: a panic costs one message, and nothing is lost or told twice.
#[test]
fn a_panic_unwinds_to_the_caller_and_the_next_pump_goes_on() {
    on_both(|network| {
        let (mut server, addr) = network.server::<Log, ()>(Config::new());
        server.on_connect(|ctx| {
            ctx.state.push(format!("{} up", ctx.peer()));
            panic!("on purpose: connect");
        });
        server.on("n", |ctx, msg| {
            let n: u32 = msg.get("n")?;
            ctx.state.push(n.to_string());
            assert!(n % 3 != 0, "on purpose: {n}");
            Ok(())
        });
        server.on_disconnect(|ctx, reason| {
            ctx.state.push(format!("{} down: {reason}", ctx.peer()));
            panic!("on purpose: disconnect");
        });
        let mut streams = [network.stream(addr), network.stream(addr)];
        for (at, stream) in streams.iter_mut().enumerate() {
            for n in 0..10_u32 {
                let message = msg!("n", n: n + 100 * at as u32);
                stream.say(&frame(message.to_bytes().expect("good")));
            }
            stream.shut_down_writing();
        }
        let (mut log, mut panics) = (Log::new(), 0);
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        until(|| {
            let pump = AssertUnwindSafe(|| server.pump(&mut log));
            panics += usize::from(panic::catch_unwind(pump).is_err());
            log.len() == 2 * (1 + 10 + 1)
        });
        panic::set_hook(hook);
        for (at, peer) in ["#1", "#2"].into_iter().enumerate() {
            let hundreds = |line: &&String| (line.len() == 3) == (at == 1);
            let numbers: Vec<_> =
                log.iter().filter(|line| !line.starts_with('#')).filter(hundreds).collect();
            let expected: Vec<_> = (0..10).map(|n| (n + 100 * at).to_string()).collect();
            assert_eq!(numbers, expected.iter().collect::<Vec<_>>());
            let events: Vec<_> = log.iter().filter(|line| line.starts_with(peer)).collect();
            assert_eq!(
                events,
                [&format!("{peer} up"), &format!("{peer} down: closed by the peer")]
            );
        }
        // 0, 3, 6, 9 of the first, 102, 105, 108 of the second, and four events.
        assert_eq!(panics, 4 + 3 + 4);
        assert_eq!(server.peers().count(), 0);
    });
}

#[test]
fn an_error_of_a_handler_is_told_and_hurts_one_message() {
    on_both(|network| {
        let (mut server, addr) = logging_server(&network, Config::new());
        server.on("age", |ctx, msg| {
            let age: u8 = msg.get::<&str>("age")?.parse()?;
            ctx.state.push(format!("is {age}"));
            Ok(())
        });
        let (mut client, mut here) = (logging_client(&network, addr), Log::new());
        client.send(msg!("age", age: "old"));
        client.send(msg!("age", age: 7));
        client.send(msg!("age"));
        client.send(msg!("age", age: "42"));
        play((&mut server, &mut here), (&mut client, &mut Log::new()), |here, _| here.len() == 9);
        here.retain(|line| line != "#1 age");
        assert_eq!(
            here,
            [
                "#1 up",
                "fault: the handler of \"age\" from #1 failed: invalid digit found in string",
                "fault: the handler of \"age\" from #1 failed: field \"age\" of action \"age\" \
                 should be a text, but is 7",
                "fault: the handler of \"age\" from #1 failed: field \"age\" of action \"age\" is \
                 missing",
                "is 42",
            ]
        );
    });
}

#[test]
fn who_is_kicked_is_not_heard_any_more_and_leaves_before_anything_else_happens() {
    on_both(|network| {
        let (mut server, addr) = logging_server(&network, Config::new());
        server.on("kick all", |ctx, _| {
            let all: Vec<PeerId> = ctx.peers().map(|peer| peer.id()).collect();
            for id in all {
                ctx.kick(id, "party is over");
            }
            ctx.broadcast(msg!("nobody hears this"));
            let left = ctx.peers().count();
            ctx.state.push(format!("{left} left"));
        });
        let mut here = Log::new();
        let mut streams = [network.stream(addr), network.stream(addr), network.stream(addr)];
        until(|| {
            server.pump(&mut here);
            here.len() == 3
        });
        let noise = frame(b"\x81\xa6action\xa5noise");
        for stream in &mut streams {
            stream.say(&noise);
            stream.say(&frame(b"\x81\xa6action\xa8kick all"));
            stream.say(&noise.repeat(20));
        }
        until(|| {
            server.pump(&mut here);
            here.len() >= 3 + 3 + 3
        });
        for _ in 0..20 {
            server.pump(&mut here);
        }
        let kick = here.iter().position(|line| line == "0 left").expect("kicked");
        let after: Vec<_> = here[kick + 2..].to_vec();
        assert_eq!(
            after,
            ["#1", "#2", "#3"].map(|id| format!("{id} down: kicked: party is over")),
            "{here:?}"
        );
    });
}

#[test]
fn a_server_may_live_on_a_thread_of_its_own() {
    fn is_send<T: Send>() {}
    is_send::<Server<Log, Vec<u8>>>();
    is_send::<Client<Log>>();
    // The state need not be `Send` for the type to be.
    is_send::<Server<std::rc::Rc<u8>>>();

    on_both(|network| {
        let (mut server, addr) = network.server::<u32, ()>(Config::new());
        server.on("stop", |ctx, _| *ctx.state = 1);
        let thread = thread::spawn(move || {
            let mut state = 0;
            until(|| {
                server.pump(&mut state);
                state == 1
            });
            server.shutdown(&mut state, Duration::from_secs(20))
        });
        let (mut client, mut log) = (logging_client(&network, addr), Log::new());
        client.send(msg!("stop"));
        until(|| {
            client.pump(&mut log);
            log.len() == 2
        });
        assert_eq!(log, ["up", "down: the server was shut down"]);
        assert!(thread.join().expect("the server is well"));
    });
}

#[test]
fn connect_blocking_needs_no_thread_and_greets_in_a_pump() {
    let network = Network::Tcp;
    let (mut server, addr) = logging_server(&network, Config::new());
    let patience = Duration::from_secs(20);
    let mut client = Client::<Log>::connect_blocking(addr, patience).expect("it listens");
    client.on_connect(|ctx| ctx.state.push("up".to_owned()));
    assert!(!client.is_connected() && client.is_connecting());
    let (mut here, mut there) = (Log::new(), Log::new());
    client.send(msg!("hello"));
    play((&mut server, &mut here), (&mut client, &mut there), |here, _| here.len() == 2);
    assert_eq!((client.server_addr(), &there[..]), (Some(addr), &["up".to_owned()][..]));
    drop((client, server));
    let refused = Client::<Log>::connect_blocking(addr, patience).expect_err("nobody is there");
    assert!(refused.to_string().contains("nobody listens"), "{refused}");
}

#[test]
fn a_name_is_looked_up_and_ipv6_works_where_it_exists() {
    let (mut server, addr) = logging_server(&Network::Tcp, Config::new());
    let mut client = Client::<Log>::connect(format!("localhost:{}", addr.port()));
    let (mut here, mut there) = (Log::new(), Log::new());
    play((&mut server, &mut here), (&mut client, &mut there), |here, _| here.len() == 1);

    let Ok(mut server) = Server::<Log>::bind("[::1]:0") else {
        eprintln!("skipped: this machine has no IPv6");
        return;
    };
    let addr = server.local_addr().expect("bound");
    let mut client = Client::<Log>::connect(addr);
    server.on_connect(|ctx| ctx.state.push(ctx.addr().ip().to_string()));
    let mut here = Log::new();
    until(|| {
        server.pump(&mut here);
        client.pump(&mut there);
        here == ["::1"]
    });
}

#[test]
fn several_listeners_share_one_table() {
    let network = Network::Tcp;
    let (mut server, first) = logging_server(&network, Config::new());
    let second = server.listen("127.0.0.1:0", hexapod::Dialect::REPOD).expect("a free port");
    assert_eq!(server.local_addrs().collect::<Vec<_>>(), [first, second]);
    let streams = [network.stream(first), network.stream(second)];
    let mut here = Log::new();
    until(|| {
        server.pump(&mut here);
        here.len() == 2
    });
    assert_eq!(server.peers().count(), streams.len());
}

#[test]
fn an_address_that_is_taken_is_an_error_and_a_freed_one_is_not() {
    on_both(|network| {
        let (server, addr) = logging_server(&network, Config::new());
        let again = |network: &Network| match network {
            Network::Tcp => Server::<Log>::bind(addr),
            Network::Memory(memory) => Server::<Log>::bind_memory(memory, addr),
        };
        let error = again(&network).expect_err("taken");
        assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
        drop(server);
        assert!(again(&network).is_ok());
    });
}

#[test]
fn names_of_events_are_refused_as_actions_with_the_right_hook() {
    let mut server = Server::<()>::with_config(Config::new());
    for (action, hook) in [
        ("connected", "on_connect"),
        ("socketConnect", "on_connect"),
        ("disconnected", "on_disconnect"),
        ("error", "on_error"),
        ("$ping", "the library's own"),
    ] {
        let panic = panic::catch_unwind(AssertUnwindSafe(|| {
            server.on(action, |_, _| {});
        }))
        .expect_err("refused");
        let text = panic.downcast_ref::<String>().expect("a text");
        assert!(text.contains(hook), "{text}");
    }
}

#[test]
fn a_second_registration_replaces_the_first_and_unhandled_hears_the_rest() {
    let network = Network::Memory(hexapod::MemoryNetwork::new());
    let (mut server, addr) = network.server::<Log, ()>(Config::new());
    let note = |name: &'static str| {
        move |ctx: &mut hexapod::Context<'_, Log>, msg: &Message<'_>| {
            ctx.state.push(format!("{name} {}", msg.action()));
        }
    };
    server.on("a", note("first")).on("a", note("second"));
    server.on_unhandled(note("unhandled")).on_any(note("any"));
    let (mut client, mut log) = (network.client::<Log>(addr), Log::new());
    client.send(msg!("a"));
    client.send(msg!("b"));
    until(|| {
        client.pump(&mut Log::new());
        server.pump(&mut log);
        log.len() == 4
    });
    assert_eq!(log, ["second a", "any a", "unhandled b", "any b"]);
}

#[test]
fn state_that_is_shared_goes_through_the_handlers_send_bound() {
    // What a handler captures is `Send`; an `Arc` is the way to share with other threads.
    let network = Network::Memory(hexapod::MemoryNetwork::new());
    let (mut server, addr) = network.server::<(), ()>(Config::new());
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    server.on_connect(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    let _stream = network.stream(addr);
    server.pump(&mut ());
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn every_set_of_handlers_hears_everything_and_a_panic_in_one_repeats_nothing() {
    on_both(|network| {
        let (mut server, addr) = network.server::<Log, ()>(Config::new());
        let set = |name: &'static str, panics: bool| {
            let mut set = Handlers::<Log>::new();
            let note = move |log: &mut Log, what: &str| {
                log.push(format!("{name} {what}"));
                assert!(!panics, "on purpose");
            };
            set.on_connect(move |ctx| note(ctx.state, "up"));
            set.on("hi", move |ctx, _| note(ctx.state, "hi"));
            set.on_disconnect(move |ctx, _| note(ctx.state, "down"));
            set.on_error(move |log, _| log.push(format!("{name} fault")));
            set
        };
        server.on_connect(|ctx| ctx.state.push("own up".to_owned()));
        server.on("fail", |_, _| Err::<(), _>("on purpose".into()));
        server.attach(set("a", false));
        let wild = server.attach(set("b", true));
        server.attach(set("c", false));
        let (mut log, mut stream) = (Log::new(), network.stream(addr));
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        until(|| {
            let pump = AssertUnwindSafe(|| server.pump(&mut log));
            let _ = panic::catch_unwind(pump);
            log.contains(&"c up".to_owned())
        });
        panic::set_hook(hook);
        assert_eq!(log, ["own up", "a up", "b up", "c up"]);

        assert!(server.detach(wild).is_some() && server.detach(wild).is_none());
        stream.say(&frame(b"\x81\xa6action\xa2hi"));
        stream.say(&frame(b"\x81\xa6action\xa4fail"));
        stream.shut_down_writing();
        until(|| {
            server.pump(&mut log);
            log.contains(&"c down".to_owned())
        });
        assert_eq!(log[4..], ["a hi", "c hi", "a fault", "c fault", "a down", "c down"]);
    });
}
