//! Cases 84 to 89: what one peer costs the others, in counts. Times are reported, and judged by
//! whoever runs `measures_how_late_a_canary_is` on a quiet machine.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hexapod::{Config, Outgoing, Server, msg};

use super::{frame_of, in_memory, noise, room_for, size, streams};
use crate::alloc::measure;
use crate::harness::{Network, Stream, frame, until};
use crate::hostile::Scene;

/// Threads that say the same thing for ever, each as fast as the system takes it.
struct Flood {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<u64>>,
}

impl Flood {
    fn new(addr: SocketAddr, flooders: usize, said: &[u8]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..flooders)
            .map(|_| {
                let (stop, said) = (Arc::clone(&stop), said.to_vec());
                thread::spawn(move || {
                    let mut stream = TcpStream::connect(addr).expect("the server listens");
                    let pause = Some(Duration::from_millis(50));
                    stream.set_write_timeout(pause).expect("a stream");
                    let (mut sent, mut at) = (0, 0);
                    while !stop.load(Ordering::Relaxed) {
                        if let Ok(len) = stream.write(&said[at..]) {
                            at = (at + len) % said.len();
                            sent += len as u64;
                        }
                    }
                    sent
                })
            })
            .collect();
        Self { stop, threads }
    }

    /// Ends it; tells how many bytes it has sent.
    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().map(|thread| thread.join().expect("a flooder")).sum()
    }
}

#[test]
fn case_84_flooders_hold_up_nobody_for_longer_than_their_share_of_a_pump() {
    for flooders in [1, 8] {
        let mut scene = Scene::new(Network::Tcp, Config::new());
        let flood = Flood::new(scene.addr, flooders, &noise().repeat(5000));
        scene.until(|scene| scene.server.peers().count() == flooders + 1);
        let (mut most, mut pumps) = ((0, 0), Vec::new());
        for _ in 0..size(100, 1000) {
            scene.canary.send(msg!("sing", n: scene.sung));
            scene.sung += 1;
            scene.canary.pump(&mut scene.heard);
            // Its echo is there after a pump, whatever else there was to do. The system may take a
            // moment to hand a byte from one socket to the other: then it is the next one.
            let needed = (1..100).find(|_| {
                let done = scene.server.pump(&mut scene.world);
                most = (most.0.max(done.messages), most.1.max(done.bytes_read));
                scene.canary.pump(&mut scene.heard);
                scene.heard.len() as u64 == scene.sung
            });
            pumps.push(needed.expect("an echo"));
        }
        let sent = flood.end();
        pumps.sort_unstable();
        let (median, worst) = (pumps[pumps.len() / 2], pumps[pumps.len() - 1]);
        eprintln!(
            "{flooders} flooders, {} MB: an echo took {median} pumps, {worst} at worst; a pump \
             handled {} messages and read {} bytes at most",
            sent / 1_000_000,
            most.0,
            most.1,
        );
        let config = Config::new();
        assert!(most.0 <= (flooders * config.messages_per_pump) as u64 + 2, "{most:?}");
        assert!(most.1 <= (flooders * (config.bytes_per_pump + (64 << 10))) as u64 + 4096);
        assert!(median <= 1 && worst <= 5, "{median} pumps, {worst} at worst");
        assert!(scene.world.noise > 10_000, "it was a flood: {}", scene.world.noise);
        assert_eq!(scene.end().left, [""; 0]);
    }
}

#[test]
fn case_85_sixteen_links_in_writes_of_three_bytes() {
    const LINKS: usize = 16;
    let mut scene = Scene::new(Network::Tcp, Config::new());
    let mut links = streams(&scene.network, scene.addr, LINKS);
    let said = noise().repeat(size(5, 50));
    for piece in said.chunks(3) {
        links.iter_mut().for_each(|link| link.say(piece));
        scene.pump();
    }
    let count = LINKS * said.len() / noise().len();
    scene.until(|scene| scene.world.noise == count);
    assert_eq!(scene.end().left, [""; 0]);
}

#[test]
fn case_86_the_costliest_bodies() {
    let mut scene = Scene::new(Network::Tcp, Config::new());
    let bombs = size(20, 200);
    for round in 1..=bombs {
        let mut bomb = scene.stream();
        // An array in an array in an array, and a map in a map.
        let body = if round % 2 == 0 { vec![0x91; 50_000] } else { b"\x81\xc0".repeat(25_000) };
        bomb.say(&frame(&body));
        scene.until(|scene| scene.world.left.len() == round);
    }
    // As many values as a message may hold, in a body that is good.
    let nils = [b"\x82\xa6action\xa5noise\xa1v\xdc\xff\xf0".to_vec(), vec![0xc0; 0xfff0]].concat();
    let heavy = size(3, 15);
    let mut links = streams(&scene.network, scene.addr, heavy);
    let begun = Instant::now();
    for link in &mut links {
        let (bytes, mut at) = (frame(&nils), 0);
        scene.until(|_| {
            at += link.write_some(&bytes[at..]).expect("open");
            at == bytes.len()
        });
    }
    scene.until(|scene| scene.world.noise == heavy);
    eprintln!("{heavy} bodies of 65,520 nils: {:?}, canary included", begun.elapsed());
    let world = scene.end();
    assert_eq!(world.left.len(), bombs);
    let reason = "not understood: arrays and maps nest deeper than 32";
    assert!(world.left.iter().all(|line| line.ends_with(reason)), "{:?}", world.left);
}

/// In memory, so that what is counted is this library's work and not the system's.
#[test]
fn case_87_what_a_refusal_costs() {
    let count = size(200, 2000);
    let now = Instant::now();
    // After the first few every table has found its size.
    for (what, config, said) in [
        ("a bad message", Config::new(), &b"\0\0\0\x01\xc1"[..]),
        ("a bad length", Config::new(), b"\xff\xff\xff\xff"),
        ("one too many", Config::new().max_peers(0), b""),
        ("one too many of an address", Config::new().max_peers_per_address(0), b""),
    ] {
        let network = in_memory();
        let (mut server, addr) = network.server::<usize, ()>(config);
        server.on_disconnect(|ctx, _| *ctx.state += 1);
        server.on_error(|refused, _| *refused += 1);
        let (mut gone, mut heaps, mut written) = (0, Vec::new(), Vec::new());
        let begun = Instant::now();
        for round in 1..=count {
            let mut stream = network.stream(addr);
            stream.say(said);
            stream.shut_down_writing();
            let (done, heap) = measure(|| server.pump_at(now, &mut gone));
            // Who is refused is closed in good order, which takes another one.
            let (more, rest) = measure(|| server.pump_at(now, &mut gone));
            assert_eq!((gone, server.peers().count()), (round, 0), "{what}");
            assert!(rest.calls == 0 && more.is_idle(), "{what}: {rest:?}, {more:?}");
            heaps.push(heap.calls);
            written.push(done.bytes_written);
            drop(stream);
        }
        let refused = if what.starts_with("one too many") { count } else { 0 };
        assert_eq!(server.faults().refused, refused as u64, "{what}");
        let took = begun.elapsed() / count as u32;
        let (heap, written) = (heaps[count - 1], written[count - 1]);
        eprintln!("{what}: {took:?}, {heap} allocations and {written} bytes written for each");
        assert!(heap <= 8 && written <= 100, "{what}: {heap} allocations, {written} bytes");
    }
}

/// Everybody says something to everybody: n times n, and each exactly once.
#[test]
fn case_88_bursts_of_chat() {
    let (people, lines) = (size(20, 60), 20);
    let mut scene = Scene::new(Network::Tcp, Config::new());
    scene.server.on("say", |ctx, msg| ctx.broadcast(Outgoing::from(msg)));
    let mut heard: Vec<Vec<u32>> = vec![Vec::new(); people];
    let mut crowd: Vec<_> = (0..people)
        .map(|_| {
            let mut client = scene.network.client::<Vec<u32>>(scene.addr);
            client.on("say", |ctx, msg| {
                ctx.state.push(msg.get("n")?);
                Ok(())
            });
            client
        })
        .collect();
    scene.until(|_| {
        for (client, heard) in crowd.iter_mut().zip(&mut heard) {
            client.pump(heard);
        }
        crowd.iter().all(|client| client.is_connected())
    });
    for (who, client) in crowd.iter_mut().enumerate() {
        (0..lines).for_each(|n| client.send(msg!("say", n: (who * lines + n) as u32)));
    }
    scene.until(|_| {
        for (client, heard) in crowd.iter_mut().zip(&mut heard) {
            client.pump(heard);
        }
        heard.iter().all(|heard| heard.len() == people * lines)
    });
    for mut heard in heard {
        heard.sort_unstable();
        assert!(heard.into_iter().eq(0..(people * lines) as u32), "each once");
    }
    assert_eq!(scene.end().left, [""; 0]);
}

/// There is no bound over all peers: it is that of one, times `max_peers`.
#[test]
fn case_89_all_hostile_peers_together_hold_what_the_configuration_says() {
    const CAP: usize = 40_000;
    const FRAME: usize = 30_000;
    let peers = size(20, 200);
    let network = in_memory();
    let config = room_for(peers).max_outbound(CAP).max_frame_len(FRAME);
    let (mut server, addr) = network.server::<Vec<String>, ()>(config);
    server.on_disconnect(|ctx, why| ctx.state.push(why.to_string()));
    let (mut log, now) = (Vec::new(), Instant::now());
    let mut links = streams(&network, addr, peers);
    let news = msg!("news", bytes: vec![7_u8; 20_000]);
    // What lies in the network's own lanes is not the server's: they find their size before.
    server.pump_at(now, &mut log);
    links.iter_mut().for_each(|link| link.say(&noise().repeat(3600)));
    for _ in 0..4 {
        server.broadcast(news.clone());
        server.pump_at(now, &mut log);
    }
    assert_eq!(log, [""; 0]);
    let ((), heap) = measure(|| {
        // Each has nearly a whole frame here, and does not read.
        let part = frame(&vec![0xc0; FRAME])[..FRAME - 9].to_vec();
        links.iter_mut().for_each(|link| link.say(&part));
        server.pump_at(now, &mut log);
        while log.len() < peers {
            server.broadcast(news.clone());
            server.pump_at(now, &mut log);
        }
    });
    assert!(log.iter().all(|why| why.starts_with("too slow a reader: ")), "{log:?}");
    let each = heap.peak as usize / peers;
    eprintln!("{peers} peers that do their worst: {each} bytes for each at most");
    // Rings double, and hold the old half while they do.
    let most = 2 * (FRAME + CAP) + (64 << 10);
    assert!((FRAME..=most).contains(&each), "{each} bytes for each, and {most} may");
}

/// A quantile of durations that are sorted.
fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// A server that pumps sixty times a second on a thread of its own, and a canary that asks for an
/// echo at any moment between two pumps, without flooders and with them: of tiny messages, whose
/// number is bounded, and of long ones, whose bytes are. What it took is reported, and
/// `tests/README.md` has the figures. Judged are counts only.
#[test]
#[ignore = "a measurement: it takes a quiet machine, and a minute"]
fn measures_how_late_a_canary_is() {
    const TRIPS: usize = 1000;
    let config = Config::new();
    let long = frame_of(&msg!("noise", bytes: vec![0_u8; 60_000]));
    for (flooders, said, share) in [
        (0, &noise(), 0),
        (1, &noise(), config.messages_per_pump),
        (8, &noise(), config.messages_per_pump),
        (1, &long, config.bytes_per_pump / long.len()),
        (8, &long, config.bytes_per_pump / long.len()),
    ] {
        let mut server = Server::<u64>::with_config(Config::new().quiet(true));
        let addr = server.listen("127.0.0.1:0", hexapod::Dialect::REPOD).expect("a free port");
        server.on("sing", |ctx, msg| ctx.send(Outgoing::from(msg)));
        server.on_unhandled(|ctx, _| *ctx.state += 1);
        // A flooder is stopped in the middle of whatever it was saying, and has read nothing.
        server.on_disconnect(|_, reason| {
            use hexapod::DisconnectReason::{Closed, CutOff, Io};
            assert!(matches!(reason, Closed | CutOff { .. } | Io(_)), "{reason}");
        });
        let (stop, stopper) = (server.stop_handle(), server.stop_handle());
        let game = thread::spawn(move || {
            let (mut noise, mut most, mut pumps) = (0, 0, Vec::new());
            let (step, mut next) = (Duration::from_secs(1) / 60, Instant::now());
            while !stop.is_stopped() {
                let begun = Instant::now();
                most = server.pump(&mut noise).messages.max(most);
                pumps.push(begun.elapsed());
                next += step;
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
            pumps.sort_unstable();
            (noise, most, pumps)
        });
        let flood = Flood::new(addr, flooders, &said.repeat(90_000 / said.len()));
        let mut canary = Network::Tcp.client::<usize>(addr);
        canary.on("sing", |ctx, _| *ctx.state += 1);
        canary.on_disconnect(|_, reason| panic!("the canary is dead: {reason}"));
        let mut heard = 0;
        until(|| {
            canary.pump(&mut heard);
            canary.is_connected()
        });
        let mut trips = Vec::new();
        for trip in 0..TRIPS {
            let begun = Instant::now();
            canary.send(msg!("sing"));
            until(|| {
                canary.pump(&mut heard);
                thread::sleep(Duration::from_micros(200));
                heard > trip
            });
            trips.push(begun.elapsed());
            // Anywhere between two pumps.
            thread::sleep(Duration::from_micros(trip as u64 * 7919 % 16_667));
        }
        let sent = flood.end();
        stopper.stop();
        let (noise, most, pumps) = game.join().expect("the game");
        trips.sort_unstable();
        eprintln!(
            "{flooders} flooders, {} bytes each ({} MB taken, {noise} messages handled): an echo \
             took {:?} (median), {:?} (p90), {:?} (p99), {:?} (worst of {TRIPS}); a pump {:?}, \
             {:?} at worst",
            said.len(),
            sent / 1_000_000,
            at(&trips, 50),
            at(&trips, 90),
            at(&trips, 99),
            at(&trips, 100),
            at(&pumps, 50),
            at(&pumps, 100),
        );
        assert_eq!(heard, TRIPS, "one echo each");
        let most_of_all = (flooders * config.messages_per_pump) as u64 + 2;
        assert!(most <= most_of_all, "{most} messages in a pump");
        // It was a flood, even where the system is busy with other things.
        assert!(16 * noise >= (flooders * share * pumps.len()) as u64, "{noise} messages");
    }
}

/// Reported only, and by hand; see `tests/README.md`.
#[test]
#[ignore = "a measurement: it takes a quiet machine and 2,100 descriptors"]
fn measures_what_a_thousand_idle_links_cost() {
    let (mut server, addr) = Network::Tcp.server::<(), ()>(room_for(1000));
    let mut links: Vec<Stream> = Vec::new();
    while links.len() < 1000 {
        links.extend(streams(&Network::Tcp, addr, 50));
        until(|| {
            server.pump(&mut ());
            server.peers().count() == links.len()
        });
    }
    thread::sleep(Duration::from_millis(200));
    let mut pumps: Vec<_> = (0..600)
        .map(|_| {
            thread::sleep(Duration::from_millis(2));
            let begun = Instant::now();
            assert!(server.pump(&mut ()).is_idle());
            begun.elapsed()
        })
        .collect();
    pumps.sort_unstable();
    let at = |percent| at(&pumps, percent);
    let (median, late, worst) = (at(50), at(99), at(100));
    eprintln!("1,000 idle links: a pump takes {median:?}, {late:?} (p99), {worst:?} at worst");
}
