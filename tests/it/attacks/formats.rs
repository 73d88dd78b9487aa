//! Cases 41 to 45: rencode and JSON; and what all of it may cost and may print, in every dialect.

use std::env;
use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::Instant;

use hexapod::{Config, Dialect, MemoryNetwork, Server, Value, msg};

use super::{
    MARK, Scene, World, chat, chat_of, dialects, end, framed, in_every_dialect, size, text,
};
use crate::alloc::{allowed, decoding};
use crate::harness::{Network, Stream};
#[cfg(feature = "json")]
use crate::messages::same;

/// Runs attacks in PodSixNet's dialect on both networks.
fn in_rencode(attack: impl Fn(&mut Scene)) {
    for network in [Network::Memory(MemoryNetwork::new()), Network::Tcp] {
        attack(&mut Scene::new(&network, Config::new(), Dialect::PODSIXNET));
    }
}

/// A frame of a chat message with one more value.
fn with(value: &[u8]) -> Vec<u8> {
    [b"\x68\x86action\x84chat\x81v", value, MARK].concat()
}

#[test]
fn case_41_ints_of_many_digits() {
    const BROKEN: &str = "a broken int of digits";
    let digits = |count: usize, end: &[u8]| [&b"\x3d"[..], &b"7".repeat(count), end].concat();
    in_rencode(|scene| {
        // Refused at the 64th digit, whether or not an end is to come.
        for count in [64, 65, 1000, size(100_000, 1_000_000)] {
            scene.attack(&with(&digits(count, b"\x7f"))).is_p_about(BROKEN);
            scene.attack_in_pieces(&[&digits(count, b"")]).is_p_about(BROKEN);
        }
        let mut stream = scene.stream();
        stream.say(&digits(63, b""));
        scene.pumps(20);
        assert_eq!(scene.world.left, [""; 0], "an end may be to come");
        stream.say(b"7");
        scene.until(|scene| !scene.world.left.is_empty());
        scene.outcome(stream).is_p_about(BROKEN);
        for bad in [&b"\x3d\x7f"[..], b"\x3d-\x7f", b"\x3d1__0\x7f", b"\x3d1 2\x7f", b"\x3d+-1\x7f"]
        {
            scene.attack(&with(bad)).is_p_about(BROKEN);
        }
        for bad in [&b"\x3d1e3\x7f"[..], b"\x3d0x7\x7f", b"\x3d1.0\x7f", b"\x3d\0\x7f"] {
            scene.attack(&with(bad)).is_p_about(BROKEN);
        }
        // A good int that no message can hold costs the message, and not the link.
        let beyond = "an integer beyond 64 bits";
        for int in [digits(63, b"\x7f"), b"\x3d18446744073709551616\x7f".to_vec()] {
            scene.attack(&with(&int)).is_s(beyond);
        }
        scene.attack(&with(b"\x3d-9223372036854775809\x7f")).is_s(beyond);
        for (int, value) in [
            ("18446744073709551615", i128::from(u64::MAX)),
            ("-9223372036854775808", i64::MIN.into()),
        ] {
            let heard = scene.attack(&with(format!("={int}\x7f").as_bytes())).is_k();
            assert_eq!(heard["v"], Value::Int(value));
        }
    });
}

#[test]
fn case_42_containers_of_rencode() {
    const TOO_DEEP: &str = "lists, tuples and dicts inside of";
    let nest = |link: &[u8], levels: usize, end: &[u8]| {
        [&link.repeat(levels)[..], b"\x45", &end.repeat(levels)].concat()
    };
    in_rencode(|scene| {
        // The message itself is the first of 32.
        for (link, end) in
            [(&b"\xc1"[..], &b""[..]), (b"\xe1", b""), (b"\x67\x01", b""), (b"\x3b", b"\x7f")]
                .into_iter()
                .chain([
                    (&b"\x3a"[..], &b"\x7f"[..]),
                    (b"\x3c\x01", b"\x7f"),
                    (b"\x3b\xc1", b"\x7f"),
                ])
        {
            let each = if link == b"\x3b\xc1" { 2 } else { 1 };
            scene.attack(&with(&nest(link, 31 / each, end))).is_k();
            for levels in [32, 100, 1000, 100_000] {
                scene.attack(&with(&nest(link, levels, end))).is_p_about(TOO_DEEP);
            }
        }
        // Fixed lengths, up to the longest.
        for code in 0xc0..=0xff_u8 {
            let count = usize::from(code % 32);
            let heard = scene.attack(&with(&[&[code][..], &vec![7; count]].concat())).is_k();
            assert_eq!(heard["v"], Value::Array(vec![7.into(); count]));
            scene.attack(&with(&[&[code][..], &vec![7; count + 1]].concat())).is_p_about("no term");
        }
        for code in 0x66..=0x7e_u8 {
            let pairs: Vec<u8> = (0..code - 0x66).flat_map(|key| [key, 7]).collect();
            let heard = scene.attack(&with(&[&[code][..], &pairs].concat())).is_k();
            assert!(matches!(&heard["v"], Value::Map(it) if it.len() == pairs.len() / 2));
        }
        for (broken, about) in [
            (&b"\x3c\x01\x7f"[..], "an end where a value belongs"), // a key without a value
            (b"\x3c\x01\x02\x03\x7f", "an end where a value belongs"),
            (b"\x7f", "an end where nothing can end"),
            (b"\xc2\x01\x7f", "an end where nothing can end"),
            (b"\x3b\x7f\x7f", "no terminator"),
            (b"\x67\xc0\x01", "a list or dict as a key"),
            (b"\x67\x66\x01", "a list or dict as a key"),
            (b"\x3c\x3b\x7f\x01\x7f", "a list or dict as a key"),
            (b"\x2d", "an undefined code"),
            (b"\x2e", "an undefined code"),
            (b"\x2f", "an undefined code"),
        ] {
            scene.attack(&with(broken)).is_p_about(about);
        }
        scene.attack(&with(b"\x67\xe1\x01\x01")).is_s("a tuple as a key");
        // A list that never ends takes the mark for values: `-` is none.
        scene.attack(&with(b"\x3b\x01\x02")).is_p_about("an undefined code");
    });
    // The stack is that of a list without containers.
    let attack = move || {
        let mut scene = Scene::usual(Dialect::PODSIXNET);
        scene.attack(&with(&nest(b"\xc1", 100_000, b""))).is_p_about(TOO_DEEP);
        drop(scene.attack(&with(&nest(b"\x3b", 31, b"\x7f"))).is_k().to_string());
    };
    let thread = thread::Builder::new().stack_size(128 << 10).spawn(attack);
    thread.expect("a thread").join().expect("a stack that is large enough");
}

#[test]
fn case_43_lengths_of_texts() {
    const BROKEN: &str = "a broken length of a text";
    in_rencode(|scene| {
        for claim in [&b"999999999:"[..], b"1048576:", b"4294967296:", b"9999999999999999999:"] {
            scene.attack(&with(claim)).is_p_about(" bytes is longer than 1048576");
        }
        for claim in [
            &b"18446744073709551616:"[..],
            b"99999999999999999999:",
            b"000000000000000000001:x",
            b"1",
            b"1_:x",
            b"1__0:",
            b"7e2:",
            b"1-:x",
        ] {
            scene.attack(&with(&[claim, &b"7".repeat(30)].concat())).is_p_about(BROKEN);
        }
        // As Python's `int()` reads them.
        for (claim, value) in [(&b"5:hello"[..], "hello"), (b"05:hello", "hello"), (b"0:", "")] {
            assert_eq!(scene.attack(&with(claim)).is_k()["v"], Value::from(value));
        }
        for (claim, value) in [(&b"0_5:hello"[..], "hello"), (b"005:hello", "hello")] {
            assert_eq!(scene.attack(&with(claim)).is_k()["v"], Value::from(value));
        }
        scene.attack(&with(b"-0:")).is_p_about("an undefined code");
        assert_eq!(scene.attack(&with(b"\x3d-0\x7f")).is_k()["v"], Value::from(0));
        assert_eq!(scene.attack(&with(b"\x3d007\x7f")).is_k()["v"], Value::from(7));
        // Longer or shorter than the text that is there.
        scene.attack(&with(b"4:hello")).is_p_about("no terminator");
        scene.attack(&with(b"6:hello")).is_p_about("no terminator");
    });
}

#[test]
fn case_44_the_mark_inside_of_data() {
    // Rencode: the value says where it ends, so a mark inside of it is data; in pieces of any cut.
    let inside = "\u{0}---\u{0} \u{0}--\u{0}---\u{0}";
    in_rencode(|scene| {
        let whole = framed(Dialect::PODSIXNET, &chat(Dialect::PODSIXNET, inside));
        let stream = [&whole[..], &end(Dialect::PODSIXNET)].concat();
        for cut in 0..=stream.len() {
            let (first, second) = stream.split_at(cut);
            assert_eq!(text(&scene.attack_in_pieces(&[first, second]).is_k()), inside, "{cut}");
        }
        // An int of four bytes can be the start of one.
        let heard = scene.attack(&with(b"\x40\0---")).is_k();
        assert_eq!(heard["v"], Value::from(0x2d_2d2d));
        // Missing for ever, in a value that ends and in one that does not.
        let unmarked = &whole[..whole.len() - MARK.len()];
        scene.attack_in_pieces(&[unmarked, b"x"]).is_p_about("no terminator");
        scene.attack_in_pieces(&[unmarked, b"\0---x"]).is_p_about("no terminator");
        let endless = [&b"\x3b"[..], &vec![7; 1 << 20]].concat();
        scene.attack_in_pieces(&[&endless]).is_p_about(" bytes is longer than 1048576");
    });
}

/// JSON: a mark cannot be inside, so the first one ends the frame; and what has none is looked at
/// once, up to the limit. How often each byte is looked at is counted beside the dialects.
#[cfg(feature = "json")]
#[test]
fn case_44_the_mark_inside_of_json() {
    for network in [Network::Memory(MemoryNetwork::new()), Network::Tcp] {
        let mut scene = Scene::new(&network, Config::new(), Dialect::JSON);
        let whole = framed(Dialect::JSON, b"{\"action\":\"chat\",\"text\":\"\0---\0\"}");
        scene.attack_in_pieces(&[&whole]).is_p_about("broken json: ");
        let escaped = br#"{"action":"chat","text":"\u0000---\u0000"}"#;
        let heard = scene.attack(&framed(Dialect::JSON, escaped)).is_k();
        assert_eq!(text(&heard), "\0---\0");
        for endless in [&b"x"[..], b"\0", b"\0--", b"\0---x"] {
            let endless = endless.repeat((1 << 20) / endless.len() + 10);
            let outcome = scene.attack_in_pieces(&[&endless]);
            outcome.is_p_about(" bytes is longer than 1048576");
        }
    }
}

#[cfg(feature = "json")]
#[test]
fn case_45_json() {
    let with = |value: &str| {
        framed(Dialect::JSON, format!("{{\"action\":\"chat\",\"v\":{value}}}").as_bytes())
    };
    let deep = |levels: usize| ["[".repeat(levels), "]".repeat(levels)].concat();
    let objects =
        |levels: usize| ["{\"a\":".repeat(levels), "1".into(), "}".repeat(levels)].concat();
    let long = size(100_000, 1_000_000);
    for network in [Network::Memory(MemoryNetwork::new()), Network::Tcp] {
        let mut scene = Scene::new(&network, Config::new(), Dialect::JSON);
        scene.attack(&with(&deep(31))).is_k();
        scene.attack(&with(&objects(31))).is_k();
        for levels in [32, 33, 128, 129, 1000, 100_000] {
            scene.attack(&with(&deep(levels))).is_p_about("broken json: ");
            scene.attack(&with(&objects(levels))).is_p_about("broken json: ");
            scene.attack(&framed(Dialect::JSON, "[".repeat(levels).as_bytes())).is_p_about("json");
        }
        for broken in [
            "1e999999",
            "-1e999999",
            &"9".repeat(long),
            "NaN",
            "Infinity",
            "-Infinity",
            "nan",
            "01",
            "+1",
            ".5",
            "1.",
            "0x10",
            "--1",
            "'a'",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "{1:1}",
            "{\"a\"}",
            "[1",
            "1]",
            "/*c*/1",
            "\"a\nb\"",
            "\"\\x41\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\ud800\"",
            "\"\\ud800x\"",
            "tru",
            "",
        ] {
            let outcome = scene.attack(&with(broken));
            outcome.is_p_about("broken json: ");
        }
        for (bytes, about) in [
            (&b"\xef\xbb\xbf{\"action\":\"chat\"}"[..], "what is no JSON"), // a BOM
            (b"{\"action\":\"chat\",\"v\":\"\xff\"}", "what is no JSON"),
            (b"{\"action\":\"chat\",\"v\":\"\xed\xa0\x80\"}", "what is no JSON"),
            (b"{\"action\":\"chat\"}{\"action\":\"chat\"}", "what is no JSON"),
            (b" ", "an end too early"),
        ] {
            scene.attack(&framed(Dialect::JSON, bytes)).is_p_about(about);
        }
        // Long and good, or odd and good.
        for (json, value) in [
            (format!("0.{}", "0".repeat(long)), Value::F64(0.0)),
            (format!("1{}e-{long}", "0".repeat(long)), Value::F64(1.0)),
            ("1e-999999".to_owned(), Value::F64(0.0)),
            ("-0".to_owned(), Value::F64(-0.0)),
            ("18446744073709551616".to_owned(), Value::F64(18_446_744_073_709_551_616.0)),
            ("\"\\ud83d\\udc19\"".to_owned(), Value::from("\u{1f419}")),
        ] {
            let heard = scene.attack(&with(&json)).is_k();
            assert!(same(&heard["v"], &value), "{}: {}", &json[..json.len().min(30)], heard["v"]);
        }
        let heard = scene.attack(&with("{\"a\":1,\"a\":2}")).is_k();
        assert_eq!(heard["v"]["a"], Value::from(2), "of equal keys the last one counts");
        let twice = br#"{"action":"chat","action":"kick"}"#;
        scene.attack(&framed(Dialect::JSON, twice)).is_s("\"action\" more than once");
        let escaped = br#"{"action":"chat","\u0061ction":"kick"}"#;
        scene.attack(&framed(Dialect::JSON, escaped)).is_s("\"action\" more than once");
    }
    let attack = move || {
        let mut scene = Scene::usual(Dialect::JSON);
        scene.attack(&framed(Dialect::JSON, "[".repeat(100_000).as_bytes())).is_p_about("json");
        drop(scene.attack(&with(&deep(31))).is_k().to_string());
    };
    let thread = thread::Builder::new().stack_size(128 << 10).spawn(attack);
    thread.expect("a thread").join().expect("a stack that is large enough");
}

// --- What it may cost, in every dialect ----------------------------------------------------------

/// Cases 19, 41, 43 and 45, and what their like is in MessagePack: lengths that are only claimed.
#[test]
fn claims_take_no_more_than_their_bytes_justify() {
    let mut most = 0;
    let repod = |value: &[u8]| framed(Dialect::REPOD, &[&b"\x81\xa6action"[..], value].concat());
    #[cfg_attr(not(feature = "json"), allow(unused_mut))]
    let mut claims = vec![
        (Dialect::REPOD, repod(b"\xdb\xff\xff\xff\xff")),
        (Dialect::REPOD, repod(b"\xdd\xff\xff\xff\xff")),
        (Dialect::REPOD, vec![0, 16, 0, 0, 0xdf, 255, 255, 255, 255]),
        (Dialect::PODSIXNET, with(b"1048000:")),
        (Dialect::PODSIXNET, with(b"999999999:")),
        (Dialect::PODSIXNET, with(b"\xff")),
        (Dialect::PODSIXNET, with(b"\x7e")),
        (Dialect::PODSIXNET, with(&[&b"\x3d"[..], &[b'7'; 63]].concat())),
        (Dialect::PODSIXNET, with(&[0x3b; 90])),
    ];
    #[cfg(feature = "json")]
    claims.extend([
        (Dialect::JSON, framed(Dialect::JSON, b"{\"action\":1e999999}")),
        (Dialect::JSON, framed(Dialect::JSON, &b"[".repeat(200))),
        (Dialect::JSON, framed(Dialect::JSON, &b"{\"\\u0000\":".repeat(30))),
    ]);
    for (dialect, bytes) in claims {
        let (outcome, heap) = decoding(Config::new().dialect(dialect), &bytes);
        assert_eq!(outcome.messages, 0);
        assert!(heap.peak <= allowed(bytes.len()), "{bytes:x?}: {heap:?}");
        most = most.max(heap.peak);
    }
    eprintln!("claims of a few bytes: at most {most} bytes from the heap");
}

/// A payload that is well-formed, and no message.
fn not_a_message(dialect: Dialect) -> &'static [u8] {
    match dialect.name() {
        "podsixnet" => b"\x45",
        "json" => b"null",
        _ => b"\xc0",
    }
}

/// What a peer has sent for nothing is dropped, and what a peer may cause is bounded: messages and
/// bytes per pump, whatever is flooded, and the canary is heard in each pump.
#[test]
fn a_flood_is_bounded_per_pump_and_holds_up_nobody() {
    in_every_dialect(|network, dialect| {
        let config = Config::new().messages_per_pump(100).bytes_per_pump(10_000);
        let mut scene = Scene::new(network, config, dialect);
        for flood in [not_a_message(dialect), &chat(dialect, "x"), &chat_of(dialect, 5000)] {
            let flood = framed(dialect, flood).repeat(400 / (1 + flood.len() / 1000));
            let (mut stream, mut at) = (scene.stream(), 0);
            for _ in 0..20 {
                at += stream.write_some(&flood[at % flood.len()..]).expect("open");
                let done = scene.pump();
                let World { chat, faults, .. } = &mut scene.world;
                let handled = chat.drain(..).len() + faults.drain(..).len();
                assert!(handled <= 100, "{handled} in a pump");
                // A read takes up to 64 KiB; the canary's bytes are few.
                assert!(done.bytes_read <= 10_000 + (64 << 10) + 1000, "{done:?}");
                scene.sings();
                scene.world.chat.clear();
                scene.world.faults.clear();
            }
            drop(stream);
            scene.until(|scene| scene.server.peers().count() == 1);
            scene.world = World { came: scene.world.came, ..World::default() };
        }
    });
}

const ROLE: &str = "HEXAPOD_ATTACKED";

/// A server that tells nobody of its faults, and so prints them: attacked in one dialect, with
/// everything that is reported, by ever new peers.
#[test]
#[ignore = "a role in another test"]
fn is_attacked() {
    let Some(role) = env::var_os(ROLE) else { return };
    let is_meant = |dialect: &Dialect| role == dialect.name();
    let dialect = dialects().into_iter().find(is_meant).expect("a dialect");
    let (network, now) = (MemoryNetwork::new(), Instant::now());
    let config = Config::new().max_peers(4).max_peers_per_address(4);
    let mut server = Server::<()>::with_config(config);
    server.on("fails", |_, msg| {
        msg.get::<u8>("nothing")?;
        Ok(())
    });
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let addr = server.listen_memory(&network, any, dialect).expect("a free port");
    for round in 0..300 {
        let mut stream = Stream::Memory(network.connect(addr).expect("the server listens"));
        let refused: Vec<_> = (0..6).map(|_| network.connect(addr)).collect();
        let named = |action: &str| match dialect.name() {
            "podsixnet" => format!("g6:action{}:{action}", action.len()).into_bytes(),
            "json" => format!("{{\"action\":\"{action}\"}}").into_bytes(),
            _ => msg!(action).to_bytes().expect("good").to_vec(),
        };
        let strange = named(&format!("{round}-{}", "x".repeat(300)));
        for payload in [&strange[..], &named("fails"), not_a_message(dialect), b"\xff\xff\xff"] {
            stream.say(&framed(dialect, payload));
        }
        server.pump_at(now, &mut ());
        drop((stream, refused));
        server.pump_at(now, &mut ());
    }
}

#[test]
fn what_is_printed_under_attack_is_bounded() {
    for dialect in dialects() {
        let mut myself = Command::new(env::current_exe().expect("this test"));
        myself.args(["--exact", "attacks::formats::is_attacked", "--ignored", "--nocapture"]);
        let done = myself.env(ROLE, dialect.name()).output().expect("this test, once more");
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{told}");
        let lines: Vec<&str> = told.lines().filter(|it| it.starts_with("hexapod: ")).collect();
        assert_eq!(lines.len(), 65, "64, and one that there will be no more:\n{told}");
        assert_eq!(lines[64], "hexapod: more will not be reported");
        assert!(lines.iter().all(|line| line.chars().count() < 300), "{told}");
        let kinds = ["no handler for action", "the handler of \"fails\"", "left out what came"];
        for kind in kinds.iter().chain([&"turned 1"]) {
            assert!(lines.iter().any(|line| line.contains(kind)), "{kind:?} is not among\n{told}");
        }
    }
}
