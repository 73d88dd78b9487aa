//! What is passed on from one dialect to another: a stranger's words harm nobody who is told them.

use std::time::{Duration, Instant};

use hexapod::{Config, Dialect, MemoryNetwork, Outgoing, Server};

use crate::harness::{Network, frame};

/// What the peer of another dialect is told when a stranger says this and the game passes it on.
/// Where it cannot be told, the game hears why.
fn relayed(dialect: Dialect, payload: &[u8]) -> Result<Vec<u8>, String> {
    let network = MemoryNetwork::new();
    let mut server = Server::<Vec<String>>::with_config(Config::new().quiet(true));
    let [new, old] = ["10.0.0.1:1", "10.0.0.1:2"].map(|addr| addr.parse().expect("an address"));
    server.listen_memory(&network, new, Dialect::REPOD).expect("free");
    server.listen_memory(&network, old, dialect).expect("free");
    server.on("move", |ctx, msg| {
        ctx.state.push("heard".to_owned());
        ctx.broadcast_except(ctx.peer(), Outgoing::from(msg));
    });
    server.on_error(|log, fault| log.push(fault.to_string()));
    server.on_disconnect(|ctx, reason| ctx.state.push(format!("{}: {reason}", ctx.peer())));
    let (network, mut log) = (Network::Memory(network), Vec::new());
    let (mut victim, mut told, mut now) = (network.stream(old), Vec::new(), Instant::now());
    let mut pump = |log: &mut Vec<String>| {
        now += Duration::from_millis(16);
        server.pump_at(now, log);
        !log.is_empty()
    };
    pump(&mut log);
    victim.read_some(&mut told).expect("open");
    told.clear();
    let mut stranger = network.stream(new);
    stranger.say(&frame(payload));
    assert!((0..10).any(|_| pump(&mut log)), "it is heard");
    pump(&mut log);
    assert!(!victim.read_some(&mut told).expect("open"), "the victim stays");
    if told.is_empty() { Err(log.pop().expect("a reason")) } else { Ok(told) }
}

#[test]
fn what_is_good_is_passed_on() {
    let told = relayed(Dialect::PODSIXNET, b"\x82\xa6action\xa4move\xa1x\xc4\x02ok");
    assert_eq!(told, Ok(b"h\x86action\x84move\x81x\x82ok\0---\0".to_vec()));
    let told = relayed(Dialect::REPOD, b"\x82\xa6action\xa4move\xa1v\xd6\xff\0\0\0\x01");
    assert_eq!(told, Ok(frame(b"\x82\xa6action\xa4move\xa1v\xd6\xff\0\0\0\x01")));
}

/// Python's decoder fails over them, and PodSixNet ends the connection.
#[test]
fn bytes_that_are_no_text_do_not_reach_podsixnet() {
    let told = relayed(Dialect::PODSIXNET, b"\x82\xa6action\xa4move\xa1x\xc4\x01\xff");
    let fault = told.expect_err("bytes");
    assert!(fault.contains("bytes that are not UTF-8"), "{fault}");
}

/// A text and bytes are one there, and the last of two equal keys counts: what the game has looked
/// at is not what would arrive.
#[test]
fn bytes_as_a_key_do_not_reach_podsixnet() {
    for payload in [
        &b"\x82\xa6action\xa4move\xc4\x06action\xacdisconnected"[..],
        b"\x83\xa6action\xa4move\xa1n\x01\xc4\x01n\x28",
    ] {
        let fault = relayed(Dialect::PODSIXNET, payload).expect_err("bytes as a key");
        assert!(fault.contains("bytes as a key"), "{fault}");
    }
}

#[cfg(feature = "json")]
#[test]
fn keys_that_would_become_one_do_not_reach_json() {
    let fault = relayed(Dialect::JSON, b"\x83\xa6action\xa4move\xa17\x01\x07\x02");
    let fault = fault.expect_err("7 and \"7\"");
    assert!(fault.contains("an integer and a text are the same key"), "{fault}");
    let told = relayed(Dialect::JSON, b"\x83\xa6action\xa4move\xa207\x01\x07\x02");
    assert_eq!(told, Ok(b"{\"action\":\"move\",\"07\":1,\"7\":2}\0---\0".to_vec()));
}

/// msgpack-python raises ValueError over each of these, and repod ends the connection.
#[test]
fn extensions_that_are_reserved_end_who_says_them_and_nobody_else() {
    for ext in [&b"\xd4\xfe\0"[..], b"\xc7\x03\xff\0\0\0", b"\xd7\xff\xff\xff\xff\xff\0\0\0\0"] {
        let payload = [b"\x82\xa6action\xa4move\xa1v", ext].concat();
        let reason = relayed(Dialect::REPOD, &payload).expect_err("reserved");
        assert!(reason.starts_with("#2: ") && reason.contains("reserved type"), "{reason}");
    }
}
