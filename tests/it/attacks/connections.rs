//! Cases 48 to 60: connections that come, go, break and starve. `refusals.rs` has 58, 62 and 63.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use hexapod::{Client, Conditions, Config, Dialect, PeerId, Simulator, msg};

use super::{frame_of, in_memory, noise, room_for, size, streams};
use crate::alloc::measure;
use crate::harness::{GREETING, Network, on_both, until};
use crate::hostile::Scene;

const SECOND: Duration = Duration::from_secs(1);

/// Of each line `#n: why` the number; no number twice.
#[track_caller]
fn each_once(left: &[String]) {
    let mut ids: Vec<_> = left.iter().map(|line| line.split(':').next()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), left.len(), "each leaves once: {left:?}");
}

#[test]
fn case_48_two_thousand_connect_and_leave() {
    let count = size(200, 2000);
    let mut scene = Scene::new(Network::Tcp, Config::new());
    let addr = scene.addr;
    // As fast as a thread can: some leave in order, some by a reset, some before they are let in.
    let storm = thread::spawn(move || {
        for n in 0..count {
            let mut stream = TcpStream::connect(addr).expect("the server listens");
            match n % 3 {
                0 => drop(stream.read(&mut [0; 100])),
                1 => stream.write_all(b"\0\0").expect("open"),
                _ => {}
            }
        }
    });
    scene.until(|scene| scene.world.left.len() == count);
    storm.join().expect("all were let in");
    let world = scene.end();
    each_once(&world.left);
    assert_eq!((world.noise, world.faults.len()), (0, 0));
}

#[test]
fn case_49_a_thousand_silent_links() {
    let count = size(60, 1000);
    let mut scene = Scene::new(Network::Tcp, room_for(count + 1));
    let mut silent = Vec::new();
    for _ in 0..count {
        silent.push(scene.stream());
        if silent.len() % 50 == 0 {
            scene.until(|scene| scene.server.peers().count() == silent.len() + 1);
        }
    }
    scene.until(|scene| scene.server.peers().count() == count + 1);
    let begun = Instant::now();
    let ((), heap) = measure(|| (0..100).for_each(|_| scene.pump()));
    eprintln!(
        "{count} silent links: {:?} for a turn of server and canary, {} allocations in all",
        begun.elapsed() / 100,
        heap.calls,
    );
    assert!(heap.calls < 100, "a silent link allocates nothing: {heap:?}");
    assert_eq!(scene.end().left, [""; 0]);
}

#[test]
fn case_50_resets_and_ends_in_mid_frame() {
    on_both(|network| {
        let mut scene = Scene::new(network, Config::new());
        let whole = noise();
        for (round, cut) in (1..whole.len()).enumerate() {
            for reset in [false, true] {
                let mut stream = scene.stream();
                scene.until(|scene| scene.server.peers().count() == 2);
                let mut greeting = Vec::new();
                // Who leaves with the greeting unread breaks the connection.
                scene.until(|_| {
                    reset || {
                        stream.read_some(&mut greeting).expect("open");
                        greeting.len() == GREETING.len()
                    }
                });
                stream.say(&whole);
                stream.say(&whole[..cut]);
                drop(stream);
                let gone = 2 * round + 1 + usize::from(reset);
                scene.until(|scene| scene.world.left.len() == gone);
                let why = scene.world.left.last().expect("somebody").clone();
                let orderly = format!("in the middle of a frame, after {cut} bytes of it");
                assert!(why.ends_with(&orderly) || reset && why.ends_with("reset"), "{why}");
            }
        }
        let world = scene.end();
        each_once(&world.left);
        assert!(world.noise >= whole.len() - 1, "before an orderly end all is heard");
    });
}

#[test]
fn case_51_a_half_close_is_answered_in_full_or_ends_in_time() {
    const ANSWERS: usize = 100;
    // Sockets may take all of it at once. In memory little fits, so most of it is still here when
    // the end is seen.
    for (network, reads) in
        [(Network::Tcp, true), (Network::Tcp, false), (in_memory(), true), (in_memory(), false)]
    {
        let is_tcp = matches!(network, Network::Tcp);
        let config = Config::new().flush_timeout(SECOND / 2);
        let mut scene = Scene::new(network, config);
        scene.server.on("ask", |ctx, _| {
            ctx.send(msg!("answer", bytes: vec![7_u8; 30_000]));
        });
        let mut stream = scene.stream();
        stream.say(&frame_of(&msg!("ask")).repeat(ANSWERS));
        stream.shut_down_writing();
        let (mut seen, mut ended) = (Vec::new(), false);
        scene.until(|scene| {
            if reads {
                ended |= stream.read_some(&mut seen).expect("no reset");
            }
            scene.world.left.len() == 1 && (ended || !reads)
        });
        assert_eq!(scene.world.left, ["#2: closed by the peer"]);
        let answer = frame_of(&msg!("answer", bytes: vec![7_u8; 30_000]));
        let whole = GREETING.len() + ANSWERS * answer.len();
        if reads {
            assert_eq!(seen.len(), whole);
            assert_eq!(scene.end().faults, [""; 0]);
            continue;
        }
        // The system may have taken it all; otherwise the rest is told, within the time.
        let begun = Instant::now();
        scene.until(|scene| !scene.world.faults.is_empty() || begun.elapsed() > SECOND);
        let faults = scene.end().faults;
        let rest = |line: &String| line.starts_with("could not deliver the last ");
        assert!(faults.iter().all(rest) && faults.len() <= 1, "{faults:?}");
        assert!(is_tcp || faults.len() == 1, "the rest is told");
    }
}

/// With a real cable: `cable.rs`. Here in memory: who is gone without a word is found.
#[test]
fn case_52_half_open_links_are_found_by_heartbeats() {
    let network = in_memory();
    let (mut server, addr) = network.server::<Vec<String>, ()>(Config::new());
    server.on_disconnect(|ctx, why| ctx.state.push(format!("{}: {why}", ctx.peer())));
    let mut client = network.client::<()>(addr);
    let mut plain = network.stream(addr);
    let (mut log, mut now) = (Vec::new(), Instant::now());
    for _ in 0..10 {
        client.pump_at(now, &mut ());
        server.pump_at(now, &mut log);
    }
    // The client's cable is pulled: it neither hears nor says anything, and nothing is closed.
    let idle = Config::new().idle_timeout;
    let begun = now;
    while log.is_empty() {
        now += SECOND / 5;
        server.pump_at(now, &mut log);
        assert!(now - begun < 2 * idle, "nobody finds it");
    }
    assert!((idle..idle + SECOND).contains(&(now - begun)), "{:?}", now - begun);
    // Nobody knows whether the plain one can answer: it has hours.
    assert_eq!(log, ["#2: silent for too long"].map(|it| it.replace("#2", &log[0][..2])));
    assert_eq!(server.peers().count(), 1);
    plain.say(&noise());
}

/// Whoever asks without reading is cut off for what it has asked.
#[test]
fn case_53_who_floods_and_never_reads_is_cut_off() {
    let config = Config::new().max_outbound(100_000).max_frame_len(50_000);
    let mut scene = Scene::new(Network::Tcp, config);
    scene.server.on("ask", |ctx, _| {
        ctx.send(msg!("answer", bytes: vec![7_u8; 30_000]));
    });
    let mut stream = scene.stream();
    let (asks, mut at) = (frame_of(&msg!("ask")).repeat(50), 0);
    scene.until(|scene| {
        at = (at + stream.write_some(&asks[at..]).unwrap_or(0)) % asks.len();
        !scene.world.left.is_empty()
    });
    drop(stream);
    let left = scene.end().left;
    assert!(left.len() == 1 && left[0].starts_with("#2: too slow a reader: "), "{left:?}");
}

#[test]
fn case_54_twenty_deaf_links_under_a_broadcast() {
    const CAP: usize = 100_000;
    let count = size(2, 20);
    let mut scene = Scene::new(Network::Tcp, Config::new().max_outbound(CAP).max_frame_len(60_000));
    let deaf = streams(&scene.network, scene.addr, count);
    scene.until(|scene| scene.server.peers().count() == count + 1);
    // What the system takes for a deaf link differs; each is written to until it takes no more.
    let ((), heap) = measure(|| {
        scene.until(|scene| {
            scene.server.broadcast(msg!("news", bytes: vec![0_u8; 50_000]));
            scene.world.left.len() == count
        });
    });
    drop(deaf);
    let left = scene.end().left;
    each_once(&left);
    assert!(left.iter().all(|line| line.contains(": too slow a reader: ")), "{left:?}");
    // A ring doubles, and holds the old half while it does; the canary's two ends count as well.
    let most = (count + 2) * 3 * CAP + (1 << 20);
    eprintln!("{count} deaf links with {CAP} bytes each: {} bytes at most", heap.peak);
    assert!(heap.peak <= most as isize, "{heap:?}, and {most} may");
}

#[test]
fn case_55_a_storm_of_reconnections() {
    let (clients, rounds) = (size(10, 40), size(6, 30));
    let mut scene = Scene::new(Network::Tcp, room_for(4 * clients + 2));
    let mut storm: Vec<Client<usize>> = (0..clients)
        .map(|_| {
            let mut client = scene.network.client::<usize>(scene.addr);
            client.on_connect(|ctx| *ctx.state += 1);
            client.on_connect_failed(|_, error| panic!("{error}"));
            client
        })
        .collect();
    let mut ups = vec![0; clients];
    scene.until(|_| {
        for (client, ups) in storm.iter_mut().zip(&mut ups) {
            let before = *ups;
            client.pump(ups);
            if *ups > before && *ups < rounds {
                client.send(msg!("noise"));
                client.reconnect();
            }
        }
        ups.iter().all(|ups| *ups == rounds)
    });
    storm.iter_mut().for_each(Client::close);
    scene.until(|scene| {
        for (client, ups) in storm.iter_mut().zip(&mut ups) {
            client.pump(ups);
        }
        scene.world.left.len() == clients * rounds
    });
    assert_eq!(scene.server.peers().count(), 1);
    let world = scene.end();
    each_once(&world.left);
    assert_eq!(world.noise, clients * (rounds - 1), "what was said before a close is heard");
}

/// With the very same address and port: `transport/stream/tests.rs`.
#[test]
fn case_56_nothing_is_carried_over_from_a_connection_that_was_reset() {
    on_both(|network| {
        let (mut server, addr) = network.server::<Vec<PeerId>, u32>(Config::new());
        server.on("n", |ctx, _| {
            let id = ctx.peer();
            *ctx.data_mut() += 1;
            assert_eq!(*ctx.data(), 1, "its data are new");
            ctx.state.push(id);
        });
        let mut ids: Vec<PeerId> = Vec::new();
        for round in 1..=30 {
            let mut stream = network.stream(addr);
            stream.say(&frame_of(&msg!("n")));
            // And the start of a frame, which is nobody's afterwards.
            stream.say(b"\0\0\0\x50\x81");
            until(|| {
                server.pump(&mut ids);
                ids.len() == round
            });
            drop(stream);
            until(|| {
                server.pump(&mut ids);
                server.peers().next().is_none()
            });
            let stale = ids[round - 1];
            assert!(server.try_send_to(stale, msg!("x")).is_err() && !server.kick(stale, ""));
        }
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "each has an id of its own");
    });
}

/// The system takes the urgent byte out of the stream, or leaves it in: then the link is broken,
/// and no other. No program of the standard library can send one; Python can.
#[cfg(unix)]
#[test]
fn case_59_urgent_data_hurts_at_most_its_own_link() {
    use std::process::Command;
    let mut scene = Scene::new(Network::Tcp, Config::new());
    let script = "import socket, sys, time\n\
        s = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 10)\n\
        noise = b'\\0\\0\\0\\x0e\\x81\\xa6action\\xa5noise'\n\
        s.sendall(noise + noise[:7]); s.send(b'!', socket.MSG_OOB); s.sendall(noise[7:] + noise)\n\
        s.shutdown(socket.SHUT_WR)\n\
        while s.recv(4096): pass\n";
    let mut command = Command::new("python3");
    command.args(["-c", script]).arg(scene.addr.port().to_string());
    let Ok(mut python) = command.spawn() else {
        eprintln!("skipped: there is no Python here");
        return;
    };
    scene.until(|scene| scene.world.left.len() == 1);
    python.wait().expect("a child");
    let world = scene.end();
    match &world.left[0][..] {
        "#2: closed by the peer" => assert_eq!(world.noise, 3),
        other => assert!(other.starts_with("#2: not understood: "), "{other}"),
    }
}

#[test]
fn case_60_through_a_window_of_one_byte() {
    on_both(|network| {
        for piece in [1, 2, 3] {
            let (mut server, addr) = network.server::<(), ()>(Config::new());
            server.simulate(&Simulator::new(7, Conditions::new().max_piece(piece)));
            // What listens already is not simulated; a second listener is.
            let addr = match &network {
                Network::Tcp => server.listen("127.0.0.1:0", Dialect::REPOD),
                Network::Memory(memory) => server.listen_memory(
                    memory,
                    "10.0.0.2:0".parse().expect("an address"),
                    Dialect::REPOD,
                ),
            }
            .map_err(|error| panic!("{addr}: {error}"))
            .expect("a free port");
            server.on("n", |ctx, msg| ctx.send(hexapod::Outgoing::from(msg)));
            let mut client = network.client::<Vec<u32>>(addr);
            client.on("n", |ctx, msg| {
                ctx.state.push(msg.get("n")?);
                Ok(())
            });
            (0..20).for_each(|n| client.send(msg!("n", n: n, bytes: vec![7_u8; n as usize])));
            let mut heard = Vec::new();
            until(|| {
                server.pump(&mut ());
                client.pump(&mut heard);
                heard.len() == 20
            });
            assert!(heard.into_iter().eq(0..20));
        }
    });
}
