//! Cases 58, 62 and 63: who is not let in, listeners that cannot be had, targets that are nowhere.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use hexapod::{Config, Dialect, Server};

use super::{in_memory, noise, room_for, size, streams};
use crate::harness::{Network, Stream, until};
use crate::hostile::Scene;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn case_58_three_hundred_links_from_one_address() {
    let (allowed, count) = (size(10, 64), size(40, 300));
    let config = Config::new().max_peers_per_address(allowed);
    let mut scene = Scene::new(Network::Tcp, config);
    let mut links = Vec::new();
    let refused = count + 1 - allowed;
    for n in 0..count {
        links.push(scene.stream());
        if n % 50 == 49 {
            scene.pump();
        }
    }
    scene.until(|scene| scene.world.faults.len() == refused);
    assert_eq!(scene.server.peers().count(), allowed);
    assert_eq!(scene.server.faults().refused, refused as u64);
    // Who is refused is told, and hears the end of it.
    for link in &mut links[allowed - 1..] {
        let mut seen = Vec::new();
        scene.until(|_| link.read_some(&mut seen).unwrap_or(true));
        assert!(seen.is_empty() || String::from_utf8_lossy(&seen).contains("full"), "{seen:?}");
    }
    // Those who are in are none the worse for it.
    links.truncate(allowed - 1);
    links.iter_mut().for_each(|link| link.say(&noise()));
    scene.until(|scene| scene.world.noise == allowed - 1);
    let world = scene.end();
    let limit = |line: &String| line.ends_with("(max_peers_per_address)");
    assert!(world.faults.iter().all(limit) && world.left.is_empty());
}

#[test]
fn case_62_listeners_that_cannot_be_had_and_one_that_is_had_again_at_once() {
    let kind = |addr: &str| Server::<()>::bind(addr).map(drop).map_err(|error| error.kind());
    let mut server = Server::<()>::bind("127.0.0.1:0").expect("a free port");
    let addr = server.local_addr().expect("bound");
    assert_ne!(addr.port(), 0, "the port that was given is told");
    assert_eq!(kind(&addr.to_string()), Err(ErrorKind::AddrInUse));
    assert_eq!(kind("192.0.2.77:0"), Err(ErrorKind::AddrNotAvailable));
    assert_eq!(kind("5071"), Err(ErrorKind::InvalidInput));
    assert!(kind("no-such-host.invalid:5071").is_err());
    // A listener for one family does not take what comes by the other.
    if let Ok(six) = Server::<()>::bind("[::1]:0") {
        let port = six.local_addr().expect("bound").port();
        let error = TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(|it| it.kind());
        assert_eq!(error, Err(ErrorKind::ConnectionRefused));
    }
    // A failed listener costs nothing: the others go on.
    assert!(server.listen(addr, Dialect::REPOD).is_err());
    assert_eq!(server.local_addrs().count(), 1);
    // Dropped with a peer in it, which leaves the port in the state that systems keep for a while.
    let _peer = TcpStream::connect(addr).expect("it listens");
    until(|| server.pump(&mut ()).opened == 1);
    drop(server);
    if cfg!(unix) {
        assert_eq!(kind(&addr.to_string()), Ok(()), "free again at once");
    }
}

#[test]
fn case_63_targets_that_are_not_there_fail_in_time_and_hold_up_no_pump() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
    let timeout = SECOND / 2;
    for (target, starts) in [
        (free.to_string(), "nobody listens at "),
        ("no-such-host.invalid:5071".to_owned(), "cannot find no-such-host.invalid"),
        ("".to_owned(), "\"\" is no address"),
        ("localhost".to_owned(), "\"localhost\" is no address"),
        ("localhost:99999".to_owned(), "\"localhost:99999\" is no address"),
        (":5071".to_owned(), ""),
        ("198.51.100.1:5071".to_owned(), ""),
        ("0.0.0.0:1".to_owned(), ""),
        ("255.255.255.255:1".to_owned(), ""),
    ] {
        // Some networks answer for everybody; then no greeting comes.
        let config = Config::new().connect_timeout(timeout).handshake_timeout(timeout);
        let mut client = Network::Tcp.client_with::<Vec<String>>(free, config);
        client.close();
        client.on_connect_failed(|ctx, error| ctx.state.push(error.to_string()));
        let mut log = Vec::new();
        client.pump(&mut log);
        log.clear();
        client.connect_to(&target);
        until(|| {
            let begun = Instant::now();
            client.pump(&mut log);
            assert!(begun.elapsed() < timeout / 2, "no pump waits for a connection");
            !log.is_empty()
        });
        assert!(log.len() == 1 && log[0].starts_with(starts), "{target:?}: {log:?}");
        assert!(!client.is_connecting() && log.len() == 1);
    }
}

/// A listener whose backlog is full answers nobody. It takes more descriptors than few.
#[test]
fn case_63_a_connection_that_is_never_answered_is_given_up_in_time() {
    if size(0, 1) == 0 {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    let patience = SECOND / 5;
    let queue: Vec<_> =
        (0..4200).map_while(|_| TcpStream::connect_timeout(&addr, patience).ok()).collect();
    let config = Config::new().connect_timeout(SECOND / 2);
    let mut client = Network::Tcp.client_with::<Vec<String>>(addr, config);
    client.on_connect_failed(|ctx, error| ctx.state.push(error.to_string()));
    let (mut log, begun) = (Vec::new(), Instant::now());
    until(|| {
        client.pump(&mut log);
        !log.is_empty()
    });
    assert!((SECOND / 2..SECOND * 2).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert_eq!(log, [format!("no answer from {addr} within 500ms")], "{} wait", queue.len());
}

/// Not a peer of a server: what is refused takes a place of its own, and gives it back.
#[test]
fn case_58_who_is_refused_and_never_leaves_holds_no_place() {
    let network = in_memory();
    let (mut server, addr) = network.server::<(), ()>(room_for(1));
    // A clock that stands still rations nothing.
    let (now, mut here) = (Instant::now(), network.stream(addr));
    server.pump_at(now, &mut ());
    let mut strangers: Vec<Stream> = Vec::new();
    for _ in 0..40 {
        strangers.extend(streams(&network, addr, 10));
        server.pump_at(now, &mut ());
    }
    here.shut_down_writing();
    server.pump_at(now, &mut ());
    assert_eq!(server.peers().count(), 0);
    let _next = network.stream(addr);
    server.pump_at(now, &mut ());
    assert_eq!(server.peers().count(), 1);
    assert_eq!(server.faults().refused, 400);
    // Most of them are not even held: what they say goes nowhere.
    let held = strangers.iter_mut().filter_map(|it| it.write_some(b"x").ok()).count();
    eprintln!("of 400 that are refused and stay, {held} are held");
    assert!(held <= 40, "{held} are held");
}
