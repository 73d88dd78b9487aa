//! Hostile and broken peers on real sockets, each beside a well-behaved one that must notice
//! nothing: it sends a number now and then and hears it back, all of them, in order.

use std::net::SocketAddr;

use hexapod::{Client, Config, Server, msg};

use crate::harness::{Network, Stream, frame, on_both, until};

/// What the server has seen.
pub(crate) struct World {
    /// `#n: reason` for each peer that has left.
    pub(crate) left: Vec<String>,
    /// What went wrong without an end.
    pub(crate) faults: Vec<String>,
    /// Messages of peers other than the canary.
    pub(crate) noise: usize,
}

/// A server, and a well-behaved client that chats with it at every pump.
pub(crate) struct Scene {
    pub(crate) network: Network,
    pub(crate) server: Server<World>,
    pub(crate) addr: SocketAddr,
    pub(crate) world: World,
    pub(crate) canary: Client<Vec<u64>>,
    pub(crate) sung: u64,
    pub(crate) heard: Vec<u64>,
}

impl Scene {
    pub(crate) fn new(network: Network, config: Config) -> Self {
        let (mut server, addr) = network.server::<World, ()>(config);
        server.on("sing", |ctx, msg| {
            ctx.send(msg!("sing", n: msg.get::<u64>("n")?));
            Ok(())
        });
        server.on_unhandled(|ctx, _| ctx.state.noise += 1);
        server.on_disconnect(|ctx, reason| {
            let line = format!("{}: {reason}", ctx.peer());
            ctx.state.left.push(line);
        });
        server.on_error(|world, fault| world.faults.push(fault.to_string()));
        let mut canary = network.client::<Vec<u64>>(addr);
        canary.on("sing", |ctx, msg| {
            ctx.state.push(msg.get("n")?);
            Ok(())
        });
        canary.on_disconnect(|_, reason| panic!("the canary is dead: {reason}"));
        let world = World { left: Vec::new(), faults: Vec::new(), noise: 0 };
        let mut scene = Self { network, server, addr, world, canary, sung: 0, heard: Vec::new() };
        // The canary is #1.
        scene.until(|scene| scene.canary.is_connected());
        scene
    }

    pub(crate) fn pump(&mut self) {
        self.canary.send(msg!("sing", n: self.sung));
        self.sung += 1;
        self.canary.pump(&mut self.heard);
        self.server.pump(&mut self.world);
        self.canary.pump(&mut self.heard);
    }

    #[track_caller]
    pub(crate) fn until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        until(|| {
            self.pump();
            done(self)
        });
    }

    pub(crate) fn stream(&self) -> Stream {
        self.network.stream(self.addr)
    }

    /// The canary has heard all that it has sung.
    #[track_caller]
    pub(crate) fn end(mut self) -> World {
        let sung = self.sung;
        until(|| {
            self.canary.pump(&mut self.heard);
            self.server.pump(&mut self.world);
            self.heard.len() as u64 >= sung
        });
        assert!(self.heard.iter().copied().eq(0..sung), "each once, in order");
        self.world
    }
}

/// Says these bytes; the peer must be sent away for this reason, with nothing delivered.
#[track_caller]
fn ends_with(bytes: &[u8], reason: &str) {
    on_both(|network| {
        let mut scene = Scene::new(network, Config::new());
        let mut stream = scene.stream();
        stream.say(bytes);
        scene.until(|scene| !scene.world.left.is_empty());
        let world = scene.end();
        assert_eq!(world.left, [format!("#2: {reason}")]);
        assert_eq!((world.noise, world.faults.len()), (0, 0));
    });
}

/// Says these bytes, then a good message; the peer stays, and the good message is handled.
#[track_caller]
fn is_left_out(payload: &[u8], fault: &str) {
    on_both(|network| {
        let mut scene = Scene::new(network, Config::new());
        let mut stream = scene.stream();
        stream.say(&frame(payload));
        stream.say(&frame(b"\x81\xa6action\xa4good"));
        scene.until(|scene| scene.world.noise == 1);
        let world = scene.end();
        assert_eq!(world.left, [""; 0]);
        assert_eq!(world.faults, [format!("left out what came from #2: {fault}")]);
    });
}

#[test]
fn lengths_that_no_frame_may_have() {
    for (len, bytes) in [
        (u32::MAX, [255, 255, 255, 255]),
        (0x8000_0000, [128, 0, 0, 0]),
        (0x7fff_ffff, [127, 255, 255, 255]),
        ((1 << 20) + 1, [0, 16, 0, 1]),
    ] {
        ends_with(
            &bytes,
            &format!("not understood: a frame of {len} bytes is longer than 1048576"),
        );
    }
    ends_with(&[0; 4], "not understood: a frame without payload");
}

#[test]
fn other_protocols_are_named() {
    for (bytes, name) in [
        (&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], "HTTP"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "TLS"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        (b"*1\r\n$4\r\nPING\r\n", "Redis"),
        (b"{\"action\": \"x\"}\0---\0", "JSON"),
        (b"g\x86action\x81x\0---\0", "PodSixNet's rencode"),
    ] {
        let len = u32::from_be_bytes(bytes[..4].try_into().expect("four"));
        ends_with(
            bytes,
            &format!(
                "not understood: a frame of {len} bytes is longer than 1048576 \
                 (this looks like {name})"
            ),
        );
    }
}

#[test]
fn payloads_that_are_broken() {
    let cut = "the value at byte";
    for (payload, reason) in [
        (&b"\xc1"[..], "the byte c1 at byte 0 is no MessagePack".to_owned()),
        (b"\x81\xa6action\xc1", "the byte c1 at byte 8 is no MessagePack".to_owned()),
        (b"\x81\xa6action\xa5x", format!("{cut} 8 is cut short")),
        (b"\x82\xa6action\xa1x", format!("{cut} 10 is cut short")),
        (b"\xdd\xff\xff\xff\xff", format!("{cut} 0 is cut short")),
        (b"\x81\xa6action\xa2\xff\xfe", "the text at byte 8 is not UTF-8".to_owned()),
        (b"\x81\xa6action\xa1x\x00", "1 bytes follow the value".to_owned()),
        (b"\x81\x90\xa1x", "the key at byte 1 is an array or a map".to_owned()),
        (&[0x91; 60_000], "arrays and maps nest deeper than 32".to_owned()),
    ] {
        ends_with(&frame(payload), &format!("not understood: {reason}"));
    }
}

#[test]
fn values_that_are_no_message_are_left_out() {
    is_left_out(b"\xc0", "nil is no message: a message is a map with a text under \"action\"");
    is_left_out(
        b"\x07",
        "an integer is no message: a message is a map with a text under \"action\"",
    );
    is_left_out(b"\x80", "a map without \"action\" is no message");
    is_left_out(b"\x81\xa6action\x07", "a message's \"action\" is a text, not an integer");
    is_left_out(b"\x82\xa6action\xa1x\xa6action\xa1y", "the map has \"action\" more than once");
}

#[test]
fn garbage_of_fifty_kinds() {
    on_both(|network| {
        let mut scene = Scene::new(network, Config::new());
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 1..=50 {
            let garbage: Vec<u8> = (0..2000)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state as u8
                })
                .collect();
            let mut stream = scene.stream();
            stream.say(&garbage);
            stream.shut_down_writing();
            scene.until(|scene| scene.world.left.len() == round);
        }
        let world = scene.end();
        assert_eq!(world.noise, 0);
    });
}

#[test]
fn one_byte_at_a_time_is_as_good_as_all_at_once() {
    on_both(|network| {
        let mut scene = Scene::new(network, Config::new());
        let mut stream = scene.stream();
        for byte in frame(b"\x82\xa6action\xa4good\xa1x\xc3").repeat(3) {
            stream.say(&[byte]);
            scene.pump();
        }
        scene.until(|scene| scene.world.noise == 3);
        assert_eq!(scene.end().left, [""; 0]);
    });
}

#[test]
fn resets_in_the_middle_of_everything() {
    on_both(|network| {
        let mut scene = Scene::new(network, Config::new());
        for round in 1..=30 {
            let mut stream = scene.stream();
            stream.say(&frame(b"\x81\xa6action\xa4good")[..round % 15]);
            scene.until(|scene| scene.server.peers().count() == 2);
            // The greeting is unread, so this is a reset and not an end.
            drop(stream);
            scene.until(|scene| scene.world.left.len() == round);
        }
        for line in scene.end().left {
            let reset = line.ends_with("connection reset") || line.contains("bytes of it");
            assert!(reset || line.ends_with("closed by the peer"), "{line}");
        }
    });
}

/// interop.md B8: forty peers that vanish while they are written to.
#[test]
fn no_ghosts_after_resets_while_writing() {
    on_both(|network| {
        let mut scene = Scene::new(network, Config::new());
        let streams: Vec<Stream> = (0..40).map(|_| scene.stream()).collect();
        scene.until(|scene| scene.server.peers().count() == 41);
        for _ in 0..20 {
            scene.server.broadcast(msg!("noise", bytes: vec![0_u8; 5000]));
            scene.pump();
        }
        drop(streams);
        scene.until(|scene| {
            scene.server.broadcast(msg!("noise", bytes: vec![0_u8; 5000]));
            scene.world.left.len() == 40
        });
        assert_eq!(scene.server.peers().count(), 1);
        let mut ids: Vec<String> = scene.end().left;
        ids.iter_mut().for_each(|line| line.truncate(line.find(':').expect("an id")));
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 40, "each once");
    });
}

#[test]
fn who_never_reads_is_cut_off_and_nobody_else_waits() {
    on_both(|network| {
        let mut scene =
            Scene::new(network, Config::new().max_outbound(200_000).max_frame_len(9000));
        let deaf = scene.stream();
        scene.until(|scene| scene.server.peers().count() == 2);
        scene.until(|scene| {
            let id = scene.server.peers().last().expect("somebody").id();
            if id.number() == 2 {
                scene.server.send_to(id, msg!("noise", bytes: vec![0_u8; 8000]));
            }
            !scene.world.left.is_empty()
        });
        drop(deaf);
        let left = scene.end().left;
        assert!(left[0].starts_with("#2: too slow a reader: ") && left.len() == 1, "{left:?}");
    });
}

#[test]
fn many_connect_and_leave_at_once() {
    let mut scene = Scene::new(Network::Tcp, Config::new());
    // As many as fit the backlog between two pumps.
    for round in 1..=4 {
        let streams: Vec<Stream> = (0..60).map(|_| scene.stream()).collect();
        drop(streams);
        scene.until(|scene| scene.world.left.len() == round * 60);
    }
    let world = scene.end();
    assert_eq!((world.left.len(), world.faults.len()), (240, 0));
}
