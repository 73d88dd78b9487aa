//! Cases 1 to 18: bytes that are no frames, frames that come oddly, and ends in the middle.

use std::time::{Duration, Instant};

use hexapod::{Config, Dialect, MemoryNetwork, msg};

use super::{
    MARK, Outcome, Random, Scene, chat, chat_of, dialects, end, framed, in_every_dialect, on_both,
    size, text,
};
use crate::alloc::{allowed, measure};
use crate::harness::{Network, Stream};

const SECOND: Duration = Duration::from_secs(1);

/// A server for so many attackers.
fn crowd(network: &Network, config: Config, dialect: Dialect, links: usize) -> Scene {
    let config = config.max_peers(links + 1).max_peers_per_address(links + 1);
    Scene::new(network, config, dialect)
}

/// What a pump may read of one peer: its share, and one read that passes it.
fn share(config: &Config) -> u64 {
    (config.bytes_per_pump + (64 << 10)) as u64
}

#[test]
fn case_01_a_length_of_zero() {
    in_every_dialect(|network, dialect| {
        let mut scene = Scene::new(network, Config::new(), dialect);
        let outcome = scene.attack(&framed(dialect, b""));
        match dialect.name() {
            // The mark begins with a zero, which is a value there; what follows is no mark.
            "podsixnet" => outcome.is_p_about("no terminator at byte 1"),
            _ => outcome.is_p("a frame without payload"),
        }
    });
}

#[test]
fn case_02_the_longest_length_and_then_silence_or_megabytes() {
    on_both(|scene| {
        // Ended at the fourth byte, and at none before.
        let mut stream = scene.stream();
        stream.say(&[255; 3]);
        scene.pumps(20);
        assert_eq!(scene.world.left, [""; 0]);
        stream.say(&[255]);
        scene.until(|scene| !scene.world.left.is_empty());
        scene.outcome(stream).is_p("a frame of 4294967295 bytes is longer than 1048576");
        // Whatever is said after it is not even read; nor kept by anybody.
        let flood = [&[255; 4][..], &vec![7; size(2 << 20, 32 << 20)]].concat();
        let mut stream = scene.stream();
        let (_, heap) = measure(|| {
            scene.say(&mut stream, &flood);
            scene.until(|scene| !scene.world.left.is_empty());
        });
        scene.outcome(stream).is_p("a frame of 4294967295 bytes is longer than 1048576");
        // In memory, the network's own lane counts: 64 KiB, doubled as it grew.
        assert!(heap.kept < 300 << 10, "{heap:?}");
    });
}

#[test]
fn case_03_lengths_that_overflow() {
    let lengths = [0x7fff_ffff, 0x8000_0000, 0xffff_fffb, 0xffff_fffc, 0xffff_ffff_u32];
    on_both(|scene| {
        for len in lengths {
            let reason = format!("a frame of {len} bytes is longer than 1048576");
            scene.attack(&len.to_be_bytes()).is_p(&reason);
        }
        scene.attack(&0x0010_0001_u32.to_be_bytes()).is_p_about("1048577");
    });
    // Where a game allows all that a header can say, they are lengths like any other: waited for,
    // for as long as a frame may take, and for nothing but what has come.
    let network = Network::Memory(MemoryNetwork::new());
    let config = Config::new().max_frame_len(usize::MAX).frame_timeout(3 * SECOND);
    let mut scene = crowd(&network, config, Dialect::REPOD, 20);
    let mut streams: Vec<Stream> = lengths.iter().map(|_| scene.stream()).collect();
    let (_, heap) = measure(|| {
        for (stream, len) in streams.iter_mut().zip(lengths) {
            stream.say(&[&len.to_be_bytes()[..], &[0x82; 100]].concat());
        }
        scene.pump();
    });
    assert!(heap.peak <= allowed(5 * 104), "{heap:?}");
    for _ in 0..15 {
        assert_eq!(scene.world.left, [""; 0]);
        scene.now += SECOND / 5;
        scene.pump();
    }
    scene.now += SECOND / 5;
    scene.pump();
    assert_eq!(scene.world.left, ["too slow: a frame was never finished"; 5]);
    scene.sings();
}

#[test]
fn case_04_the_limit_and_one_byte_more() {
    in_every_dialect(|network, dialect| {
        // It is each server's own.
        for limit in [100, 1000, 70_000] {
            let config = Config::new().max_frame_len(limit);
            let mut scene = Scene::new(network, config, dialect);
            scene.attack(&framed(dialect, &chat_of(dialect, limit))).is_k();
            let outcome = scene.attack(&framed(dialect, &chat_of(dialect, limit + 1)));
            outcome.is_p_about(&format!(" bytes is longer than {limit}"));
        }
    });
}

#[test]
fn case_05_one_byte_at_a_time() {
    in_every_dialect(|network, dialect| {
        let mut scene = Scene::new(network, Config::new(), dialect);
        let whole = framed(dialect, &chat_of(dialect, 300));
        let end = end(dialect);
        let bytes: Vec<&[u8]> = whole.chunks(1).chain([&end[..]]).collect();
        let heard = scene.attack_in_pieces(&bytes).is_k();
        assert_eq!(heard, scene.attack(&whole).is_k());
    });
}

/// What a server does for each byte is constant: neither the heap nor the number of bytes that it
/// reads says anything of how much has come before. How often framings look at a byte is counted
/// beside the dialects (`case_05_a_megabyte_byte_by_byte_is_looked_at_once`).
#[test]
fn case_05_one_byte_at_a_time_takes_from_the_heap_as_all_at_once() {
    for dialect in dialects() {
        let mut scene = Scene::usual(dialect);
        let whole = framed(dialect, &chat_of(dialect, size(10_000, 1_000_000)));
        let mut stream = scene.stream();
        // The canary is silent here: it would be counted.
        let (mut reads, mut read) = (0_u64, 0);
        let (_, heap) = measure(|| {
            for byte in whole.chunks(1) {
                stream.say(byte);
                let done = scene.server.pump_at(scene.now, &mut scene.world);
                (reads, read) = (reads + 1, read + done.bytes_read);
            }
        });
        assert_eq!((read, reads), (whole.len() as u64, whole.len() as u64));
        assert_eq!(scene.world.chat.len(), 1);
        let (name, calls) = (dialect.name(), heap.calls);
        eprintln!("{} bytes of {name}, one by one: {calls} calls of the allocator", whole.len());
        // The ring doubles; a tree and a text are made of the message, once.
        assert!(calls < 60, "{name}: {heap:?}");
        assert!(heap.peak <= allowed(whole.len()), "{name}: {heap:?}");
        stream.say(&end(dialect));
        scene.until(|scene| scene.world.ends == 1);
        scene.outcome(stream).is_k();
    }
}

#[test]
fn case_06_slowloris() {
    for network in [Network::Memory(MemoryNetwork::new()), Network::Tcp] {
        let links = size(40, 200);
        let mut scene = crowd(&network, Config::new(), Dialect::REPOD, links);
        let mut streams: Vec<Stream> = (0..links).map(|_| scene.stream()).collect();
        let whole = framed(Dialect::REPOD, &chat_of(Dialect::REPOD, 500));
        // A byte each half second, of frames that would take four minutes.
        for (half_seconds, byte) in whole.iter().enumerate() {
            for stream in &mut streams {
                let _ = stream.write_some(&[*byte]);
            }
            scene.pump();
            scene.sings();
            match half_seconds {
                0..=59 => assert_eq!(scene.world.left, [""; 0], "after {half_seconds}"),
                _ if scene.world.left.len() == links => break,
                60..=64 => {}
                _ => panic!("{} have left", scene.world.left.len()),
            }
            scene.now += SECOND / 2;
        }
        assert!(scene.world.left.iter().all(|it| it == "too slow: a frame was never finished"));
        assert_eq!((scene.world.left.len(), scene.world.chat.len()), (links, 0));
    }
}

/// The largest frame of a dialect, as far as a peer can only announce it, and one byte of it.
fn announcement(dialect: Dialect) -> &'static [u8] {
    match dialect.name() {
        "podsixnet" => b"1048568:x",
        // Nothing announces a length there.
        "json" => b"{\"action\":\"chat\",\"text\":\"x",
        _ => b"\0\x10\0\0\x82",
    }
}

#[test]
fn case_07_announced_and_never_sent() {
    in_every_dialect(|network, dialect| {
        let links = size(30, 200);
        let mut scene = crowd(network, Config::new(), dialect, links);
        let mut streams: Vec<Stream> = (0..links).map(|_| scene.stream()).collect();
        streams.iter_mut().for_each(|stream| stream.say(announcement(dialect)));
        scene.pumps(20);
        scene.sings();
        assert_eq!((scene.world.left.len(), scene.server.peers().count()), (0, links + 1));
    });
}

/// All that a server holds, given back when it is dropped: buffers, tables, queues, rings.
#[test]
fn case_07_a_thousand_links_that_announce_the_largest_frame_hold_less_than_16_mib() {
    const LINKS: usize = 1000;
    for dialect in dialects() {
        let network = Network::Memory(MemoryNetwork::new());
        let config = Config::new().max_peers(LINKS).max_peers_per_address(LINKS).dialect(dialect);
        let ((server, streams), heap) = measure(|| {
            let (mut server, addr) = network.server::<(), ()>(config);
            let mut streams: Vec<Stream> = (0..LINKS).map(|_| network.stream(addr)).collect();
            streams.iter_mut().for_each(|stream| stream.say(announcement(dialect)));
            // It lets in 512 a pump.
            let now = Instant::now();
            (0..3).for_each(|_| assert!(server.pump_at(now, &mut ()).closed == 0));
            (server, streams)
        });
        assert_eq!(server.peers().count(), LINKS);
        let (_, given_back) = measure(|| drop(server));
        eprintln!(
            "{LINKS} links that announce the largest frame of {}: {} bytes at most with the \
             network and the links' own ends, {} of them the server's",
            dialect.name(),
            heap.peak,
            -given_back.kept
        );
        assert!(heap.peak < 16 << 20, "{}: {heap:?}", dialect.name());
        drop(streams);
    }
}

#[test]
fn case_08_the_largest_frames_back_to_back() {
    in_every_dialect(|network, dialect| {
        let config = Config::new();
        let mut scene = Scene::new(network, config.clone(), dialect);
        let whole = framed(dialect, &chat_of(dialect, 1 << 20));
        let (count, mut stream) = (size(3, 64), scene.stream());
        let (mut at, mut most, mut heard) = (0, 0, 0);
        scene.until(|scene| {
            if at < count * whole.len() {
                at += stream.write_some(&whole[at % whole.len()..]).expect("open");
            }
            let done = scene.pump();
            most = most.max(done.bytes_read);
            heard += scene
                .world
                .chat
                .drain(..)
                .inspect(|it| assert!(text(it).len() > 1_000_000))
                .count();
            heard == count
        });
        // The canary's few bytes count, too.
        assert!(most <= share(&config) + 1000, "{most} bytes in a pump");
        stream.say(&end(dialect));
        scene.until(|scene| scene.world.ends == 1);
        assert_eq!(scene.outcome(stream), Outcome::Kept(vec![], vec![], vec![]));
    });
}

#[test]
fn case_09_a_pipeline_of_the_smallest_messages() {
    in_every_dialect(|network, dialect| {
        let config = Config::new();
        let mut scene = Scene::new(network, config.clone(), dialect);
        let smallest: &[u8] = match dialect.name() {
            "podsixnet" => b"\x67\x86action\x80",
            "json" => b"{\"action\":\"\"}",
            _ => b"\x81\xa6action\xa0",
        };
        // Some shares at a time, so that one pump could do more than its own.
        const BLOCK: usize = 4000;
        let count = size(2 * BLOCK, 63 * BLOCK);
        let block = framed(dialect, smallest).repeat(BLOCK);
        let (mut stream, mut at) = (scene.stream(), 0);
        let mut heard = 0;
        scene.until(|scene| {
            if at < count / BLOCK * block.len() {
                at += stream.write_some(&block[at % block.len()..]).expect("open");
            }
            let done = scene.pump();
            let strange = std::mem::take(&mut scene.world.strange).len();
            // A share of the messages, and a share of the bytes; the canary sings and beats.
            assert!(done.messages <= config.messages_per_pump as u64 + 40, "{done:?}");
            assert!(done.bytes_read <= share(&config) + 1000, "{done:?}");
            heard += strange;
            heard == count
        });
        stream.say(&end(dialect));
        scene.until(|scene| scene.world.ends == 1);
        assert_eq!(scene.outcome(stream), Outcome::Kept(vec![], vec![], vec![]));
    });
}

/// Every pair of cuts of every short frame stands beside the dialects:
/// `case_10_every_pair_of_cuts_of_every_frame_of_up_to_64_bytes`.
#[test]
fn case_10_cut_at_every_offset() {
    in_every_dialect(|network, dialect| {
        let mut scene = Scene::new(network, Config::new(), dialect);
        let whole = framed(dialect, &chat(dialect, "hello there"));
        let stream = [&whole[..], &end(dialect)].concat();
        for cut in 0..=stream.len() {
            let (first, second) = stream.split_at(cut);
            let heard = scene.attack_in_pieces(&[first, second]).is_k();
            assert_eq!(text(&heard), "hello there", "cut at {cut}");
        }
    });
}

/// The smallest ring there is, with its head at every place and each length of frame around its
/// end: what is read never ends where a frame does, so that it is never empty. Smaller rings, with
/// every number of bytes in them, stand beside the ring:
/// `case_11_every_capacity_head_and_length_up_to_64`.
#[test]
fn case_11_frames_of_every_length_wrap_around_at_every_place() {
    const RING: usize = 256;
    let said = |n: usize, len: usize| ["a", "b", "c", "d", "e"][n % 5].repeat(len);
    for len in (0..42).step_by(size(3, 1)) {
        let mut scene = Scene::usual(Dialect::REPOD);
        let mut stream = scene.stream();
        let frames = |n| framed(Dialect::REPOD, &chat(Dialect::REPOD, &said(n, len)));
        let all: Vec<u8> = (0..RING + 2).flat_map(frames).collect();
        let (each, ahead) = (frames(0).len(), 1 + len % 20);
        stream.say(&all[..ahead]);
        scene.server.pump_at(scene.now, &mut scene.world);
        for n in 0..RING {
            stream.say(&all[ahead + n * each..][..each]);
            scene.server.pump_at(scene.now, &mut scene.world);
            let message = scene.world.chat.pop().expect("one a pump");
            assert_eq!(text(&message), said(n, len));
        }
        scene.sings();
    }
}

#[test]
fn case_12_other_protocols() {
    let strangers = [
        (&b"GET / HTTP/1.1\r\nHost: game\r\n\r\n"[..], "HTTP"),
        (b"POST / HTTP/1.1\r\n\r\n", "HTTP"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP"),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", "TLS"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        (b"*1\r\n$4\r\nPING\r\n", "Redis"),
        (b"PING\r\n", "Redis"),
        (b"{\"action\": \"chat\"}\0---\0", "JSON"),
        (b"h\x86action\x84chat\x84text\x81x\0---\0", "PodSixNet's rencode"),
        (b"\0\0\0\x0a\x81\xa6action\xa1x", "a length in front, as repod has it"),
    ];
    let own = |dialect: Dialect| match dialect.name() {
        "podsixnet" => "PodSixNet's rencode",
        "json" => "JSON",
        _ => "a length in front, as repod has it",
    };
    in_every_dialect(|network, dialect| {
        let mut scene = Scene::new(network, Config::new().max_frame_len(1000), dialect);
        for (bytes, name) in strangers {
            if name == own(dialect) {
                continue;
            }
            // What is told apart by its length needs no more than that; a mark is waited for, up
            // to the limit.
            let endless = [bytes, &vec![b'x'; 2000]].concat();
            let said = if dialect.name() == "json" { &endless } else { bytes };
            match scene.attack_in_pieces(&[said]) {
                // Two of them are values of the other dialect, and what follows is not its mark.
                Outcome::Ended(reason, chat) => {
                    assert!(reason.starts_with("not understood: "), "{reason}");
                    let named = reason.ends_with(&format!("(this looks like {name})"));
                    let endless = reason.contains("a frame without end");
                    let broken = reason.contains("broken json");
                    assert!(named || endless || broken, "{name} in {}: {reason}", dialect.name());
                    assert_eq!(chat, []);
                }
                kept => panic!("{name} in {}: {kept:?}", dialect.name()),
            }
        }
    });
}

#[test]
fn case_13_garbage_of_fifty_seeds() {
    in_every_dialect(|network, dialect| {
        let mut scene = Scene::new(network, Config::new(), dialect);
        for seed in 1..=50 {
            let garbage = Random(seed * 0x9e37_79b9).bytes(2000);
            let mut stream = scene.stream();
            scene.say(&mut stream, &garbage);
            stream.shut_down_writing();
            scene.until(|scene| !scene.world.left.is_empty());
            let Outcome::Ended(_, chat) = scene.outcome(stream) else { panic!("{seed}") };
            assert_eq!(chat, []);
        }
    });
}

#[test]
fn case_14_a_length_that_is_off_by_one() {
    on_both(|scene| {
        let mut whole = framed(Dialect::REPOD, &chat(Dialect::REPOD, "hello"));
        whole[3] += 1;
        // It takes the first byte of the next frame with it.
        scene.attack(&whole).is_p("1 bytes follow the value");
        whole[3] -= 2;
        scene.attack(&whole).is_p_about("is cut short");
    });
    let mut scene = Scene::usual(Dialect::PODSIXNET);
    scene.attack(b"\x68\x86action\x84chat\x84text\x84hello\0---\0").is_p_about("at byte 23");
    scene.attack(b"\x68\x86action\x84chat\x84text\x86hello\0---\0").is_p_about("at byte 25");
}

/// A flip within the text is the text of another message: TCP has a checksum, the library has none.
/// But never are bytes of something else taken for chat.
#[test]
fn case_15_flipped_bits() {
    const TEXT: &str = "abcdefghijklmnopqrstuvwxyz";
    in_every_dialect(|network, dialect| {
        let mut scene = Scene::new(network, Config::new(), dialect);
        let whole = framed(dialect, &chat(dialect, TEXT));
        let (mut ended, mut kept, mut heard) = (0, 0, 0);
        let flips = whole.len() * 8;
        for flip in (0..flips).step_by(size(3, 1)) {
            let mut flipped = whole.clone();
            flipped[flip / 8] ^= 1 << (flip % 8);
            let mut stream = scene.stream();
            scene.say(&mut stream, &flipped);
            scene.say(&mut stream, &end(dialect));
            // Where it has made the frame longer, this is its end.
            stream.shut_down_writing();
            scene.until(|scene| !scene.world.left.is_empty());
            let is_protocol = scene.world.left[0].starts_with("not understood");
            let strange = scene.world.strange.drain(..).len() + scene.world.faults.drain(..).len();
            scene.world.ends = 0;
            let Outcome::Ended(_, chat) = scene.outcome(stream) else { panic!("it has ended") };
            // It may be the key that was flipped: then there is no text.
            let texts: Vec<_> = chat.iter().filter_map(|it| it["text"].as_str()).collect();
            for text in &texts {
                let text = text.as_bytes();
                let differ = text.iter().zip(TEXT.as_bytes()).map(|(a, b)| (a ^ b).count_ones());
                assert!(text.len() == TEXT.len() && differ.sum::<u32>() <= 1, "{chat:?}");
            }
            heard += texts.len();
            kept += strange;
            ended += usize::from(is_protocol);
            assert!(chat.len() + strange <= 1);
        }
        assert!(ended > 20 && kept > 10 && heard > 20, "{ended} P, {kept} S, {heard} K");
    });
}

#[test]
fn case_16_a_thousand_messages_in_one_segment() {
    in_every_dialect(|network, dialect| {
        let mut scene = Scene::new(network, Config::new(), dialect);
        let texts: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        let all: Vec<u8> =
            texts.iter().flat_map(|text| framed(dialect, &chat(dialect, text))).collect();
        assert!(all.len() < 64 << 10);
        let Outcome::Kept(chat, strange, faults) = scene.attack(&all) else { panic!() };
        assert!(chat.iter().map(text).eq(texts.iter()), "each once, in order");
        assert_eq!((strange.len(), faults.len()), (0, 0));
    });
}

#[test]
fn case_17_an_end_in_the_middle_of_a_frame() {
    in_every_dialect(|network, dialect| {
        let mut scene = Scene::new(network, Config::new(), dialect);
        let whole = framed(dialect, &chat(dialect, "hello"));
        for cut in 0..whole.len() {
            let mut stream = scene.stream();
            stream.say(&whole);
            stream.say(&whole[..cut]);
            stream.shut_down_writing();
            scene.until(|scene| !scene.world.left.is_empty());
            let Outcome::Ended(reason, chat) = scene.outcome(stream) else { panic!("{cut}") };
            let expected = match cut {
                0 => "closed by the peer".to_owned(),
                _ => format!("cut off in the middle of a frame, after {cut} bytes of it"),
            };
            assert_eq!((reason, chat.len()), (expected, 1));
        }
    });
}

#[test]
fn case_18_bytes_after_this_side_has_closed() {
    for dialect in dialects() {
        let mut scene = Scene::usual(dialect);
        let mut stream = scene.stream();
        let whole = framed(dialect, &chat(dialect, "too late"));
        // In three places: what the server has read already, what lies in the network, and what
        // is said when all is over.
        stream.say(&whole[..5]);
        scene.pump();
        stream.say(&[&whole[5..], &whole].concat());
        let id = scene.server.peers().last().expect("the attacker").id();
        assert!(scene.server.kick(id, "enough"));
        scene.pump();
        let _ = stream.write_some(&whole.repeat(20));
        scene.pumps(5);
        let _ = stream.write_some(&whole);
        let Outcome::Ended(reason, chat) = scene.outcome(stream) else { panic!("{dialect:?}") };
        assert_eq!((&reason[..], chat.len()), ("kicked: enough", 0));
    }
    // Nor what comes in one piece with the message for which the handler sends the peer away.
    let mut scene = Scene::usual(Dialect::REPOD);
    scene.server.on("bye", |ctx, _| {
        ctx.kick(ctx.peer(), "bye");
    });
    let bye = framed(Dialect::REPOD, msg!("bye").to_bytes().expect("good"));
    let whole = framed(Dialect::REPOD, &chat(Dialect::REPOD, "too late"));
    let outcome = scene.attack(&[&bye[..], &whole.repeat(3)].concat());
    assert_eq!(outcome, Outcome::Ended("kicked: bye".to_owned(), Vec::new()));
    assert!(!whole.ends_with(MARK));
}
