//! Cases 19 to 40: payloads of MessagePack that are broken, costly, no messages, or odd.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::thread;

use hexapod::{
    Config, Dialect, FromValue, HandlerError, MemoryNetwork, Outgoing, Timestamp, Value,
    ValueError, ValueRef, msg,
};

use super::{Outcome, Random, Scene, chat, dialects, end, framed, on_both, size};
use crate::alloc::{allowed, decoding};
use crate::harness::{Network, frame};
use crate::messages::{Longhand, check, is_tame, messages, same};

/// A chat message with these bytes as one more value.
fn with(value: &[u8]) -> Vec<u8> {
    [b"\x82\xa6action\xa4chat\xa1v", value].concat()
}

/// A frame with a chat message with these bytes as one more value.
fn frame_with(value: &[u8]) -> Vec<u8> {
    frame(&with(value))
}

#[test]
fn case_19_declared_lengths_of_four_thousand_million() {
    let claims: Vec<Vec<u8>> = [0xdd_u8, 0xdf, 0xdb, 0xc6, 0xc9]
        .iter()
        .map(|head| vec![*head, 255, 255, 255, 255, 1])
        .collect();
    on_both(|scene| {
        for claim in &claims {
            for payload in [claim.clone(), with(claim), with(&[&[0x91][..], claim].concat())] {
                scene.attack(&frame(&payload)).is_p_about("is cut short");
            }
        }
    });
    for claim in claims {
        for payload in [claim.clone(), with(&claim)] {
            let bytes = frame(&payload);
            let (outcome, heap) = decoding(Config::new(), &bytes);
            assert!(outcome.ends == 1 && heap.peak <= allowed(bytes.len()), "{heap:?}");
        }
    }
}

/// Arrays, maps, and maps as keys, so many levels deep.
fn bombs(levels: usize) -> [Vec<u8>; 4] {
    [
        [&vec![0x91; levels][..], &[0xc0]].concat(),
        [&b"\x81\xa1k".repeat(levels)[..], &[0xc0]].concat(),
        [&vec![0x81; levels][..], &vec![0xc0; levels + 1]].concat(),
        [&b"\xdd\0\0\0\x01".repeat(levels)[..], &[0xc0]].concat(),
    ]
}

const TOO_DEEP: &str = "arrays and maps nest deeper than 32";
const AS_KEY: &str = "is an array or a map";

#[test]
fn case_20_depth_bombs() {
    on_both(|scene| {
        for levels in [32, 33, 1000, 100_000] {
            for (at, bomb) in bombs(levels).iter().enumerate() {
                let (alone, inside) = (scene.attack(&frame(bomb)), scene.attack(&frame_with(bomb)));
                match (at, levels) {
                    (2, _) => {
                        alone.is_p_about(AS_KEY);
                        inside.is_p_about(AS_KEY);
                        continue;
                    }
                    // As deep as may be, but no message; and in a message, they are the 33rd.
                    (_, 32) => alone.is_s("is no message"),
                    _ => alone.is_p(TOO_DEEP),
                }
                inside.is_p(TOO_DEEP);
            }
        }
    });
}

/// Server, canary and handlers in a thread with a small stack, and values as deep as they may be,
/// made into trees and dropped: 31 levels in a message of the 32 that there are by default.
#[test]
fn case_20_the_stack_is_constant() {
    let attack = || {
        let mut scene = Scene::usual(Dialect::REPOD);
        for bomb in bombs(100_000) {
            assert!(matches!(scene.attack(&frame_with(&bomb)), Outcome::Ended(..)));
        }
        for (at, bomb) in bombs(31).into_iter().enumerate() {
            let outcome = scene.attack(&frame_with(&bomb));
            match at {
                2 => outcome.is_p_about(AS_KEY),
                _ => drop(outcome.is_k().to_string()),
            }
        }
    };
    let thread = thread::Builder::new().stack_size(128 << 10).spawn(attack);
    thread.expect("a thread").join().expect("a stack that is large enough");
}

#[test]
fn case_21_headers_that_are_each_full() {
    // Each says as many values as there are bytes left, so that none is cut short.
    let full = |head: u8, len: usize, key: &[u8]| {
        let mut payload = Vec::new();
        while payload.len() + 3 < len {
            let left = (len - payload.len() - 3) / (1 + key.len());
            payload.push(head);
            payload.extend((left as u16).to_be_bytes());
            payload.extend(key);
        }
        payload.resize(len, 0xc0);
        payload
    };
    let wide = |head: u8| [&[head, 0xff, 0xff][..], &vec![0xc0; 2 * 0xffff]].concat();
    on_both(|scene| {
        // What a head says counts at once: the long ones are refused before they are deep.
        let (deep, many) = ("arrays and maps nest deeper", "more than 65536 values");
        for (len, reason) in [(200, deep), (3000, many), (60_000, many)] {
            scene.attack(&frame(&full(0xdc, len, &[]))).is_p_about(reason);
            scene.attack(&frame(&full(0xde, len, &[0]))).is_p_about(reason);
        }
        // One beside the other: each is within the budget, and both are not.
        let both = [&[0x92][..], &wide(0xdc)[..3 + 0xffff], &wide(0xdc)[..3 + 0xffff]].concat();
        scene.attack(&frame(&both)).is_p("more than 65536 values");
        scene.attack(&frame(&wide(0xde))).is_p("more than 65536 values");
        let many = [&[0xdc, 0x10, 0][..], &[&[0x9f][..], &[0xc0; 15]].concat().repeat(0x1000)];
        scene.attack(&frame(&many.concat())).is_p("more than 65536 values");
    });
}

#[test]
fn case_22_the_byte_that_is_never_used() {
    on_both(|scene| {
        for (payload, at) in [
            (b"\xc1".to_vec(), 0),
            (b"\x81\xc1\x01".to_vec(), 1),
            (b"\x81\xa6action\xc1".to_vec(), 8),
            (with(b"\xc1"), 15),
            (with(b"\x93\x01\xc1\x01"), 17),
            (with(b"\x81\x01\xc1"), 17),
        ] {
            let reason = format!("the byte c1 at byte {at} is no MessagePack");
            scene.attack(&frame(&payload)).is_p(&reason);
        }
    });
}

#[test]
fn case_23_texts_that_are_no_utf8() {
    let bad: [&[u8]; 9] = [
        b"\xff\xfe",
        b"\x80",
        b"\xc0\xaf",         // overlong
        b"\xe0\x80\xaf",     // overlong
        b"\xf0\x80\x80\xaf", // overlong
        b"\xed\xa0\x80",     // half of a surrogate
        b"\xed\xa0\xbd\xed\xb8\x80",
        b"\xf4\x90\x80\x80", // beyond Unicode
        b"ok\xc3",           // cut
    ];
    on_both(|scene| {
        for text in bad {
            let text = [&[0xa0 | text.len() as u8], text].concat();
            for (payload, at) in [
                ([b"\x81\xa6action", &text[..]].concat(), 8),
                ([&b"\x81"[..], &text[..], b"\xc0"].concat(), 1),
                ([b"\x82\xa6action\xa4chat", &text[..], b"\x01"].concat(), 13),
                (with(&text), 15),
                (with(&[&b"\x91\x81\x01"[..], &text].concat()), 18),
            ] {
                scene.attack(&frame(&payload)).is_p(&format!("the text at byte {at} is not UTF-8"));
            }
        }
    });
}

/// Short texts are looked at many bytes at a time: not one is passed over.
#[test]
fn case_23_one_byte_that_is_no_text_at_every_place_of_texts_of_every_length() {
    let mut scene = Scene::usual(Dialect::REPOD);
    for len in 1..=40_usize {
        for place in 0..len {
            let mut text = vec![b'x'; len];
            text[place] = 0xff;
            let head = if len < 32 { vec![0xa0 | len as u8] } else { vec![0xd9, len as u8] };
            let text = [head, text].concat();
            // As an action, a key, a value, and one further down.
            for payload in [
                [b"\x81\xa6action", &text[..]].concat(),
                [b"\x82\xa6action\xa4chat", &text[..], b"\x01"].concat(),
                with(&text),
                with(&[&b"\x92\x01"[..], &text].concat()),
            ] {
                scene.attack(&frame(&payload)).is_p_about("is not UTF-8");
            }
        }
    }
}

#[test]
fn case_24_trailing_bytes() {
    on_both(|scene| {
        let good = chat(Dialect::REPOD, "hello");
        for extra in [&b"\0"[..], b"\xc0\xc0", b"\xc1", &good] {
            let reason = format!("{} bytes follow the value", extra.len());
            scene.attack(&frame(&[&good, extra].concat())).is_p(&reason);
        }
    });
}

#[test]
fn case_25_cut_payloads_and_odd_maps() {
    on_both(|scene| {
        let good = with(b"\x92\xcb\x3f\xf8\0\0\0\0\0\0\xc7\x03\x05abc");
        scene.attack(&frame(&good)).is_k();
        for cut in 1..good.len() {
            scene.attack(&frame(&good[..cut])).is_p_about("is cut short");
        }
        scene.attack(&frame(b"\x82\xa6action\xa4chat\xa1v")).is_p_about("is cut short");
    });
}

#[test]
fn cases_26_to_28_what_is_no_message() {
    let nan = &b"\x81\xa6action\xcb\x7f\xf8\0\0\0\0\0\0"[..];
    on_both(|scene| {
        for (payload, fault) in [
            // 26
            (&b"\x80"[..], "a map without \"action\" is no message"),
            (b"\x81\xa1v\x07", "a map without \"action\" is no message"),
            (b"\x81\xc4\x06action\xa4chat", "a map without \"action\" is no message"),
            // 27
            (b"\x81\xa6action\x07", "is a text, not an integer"),
            (b"\x81\xa6action\xc0", "is a text, not nil"),
            (b"\x81\xa6action\x91\xa4chat", "is a text, not an array"),
            (b"\x81\xa6action\x80", "is a text, not a map"),
            (b"\x81\xa6action\xc4\x04chat", "is a text, not bytes"),
            (b"\x81\xa6action\xc3", "is a text, not a bool"),
            (b"\x81\xa6action\xd6\xff\0\0\0\0", "is a text, not an extension"),
            (nan, "is a text, not a float"),
            // 28
            (b"\xc0", "nil is no message"),
            (b"\xc2", "a bool is no message"),
            (b"\x07", "an integer is no message"),
            (b"\xa4chat", "a text is no message"),
            (b"\xc4\0", "bytes is no message"),
            (b"\x92\xa6action\xa4chat", "an array is no message"),
            (b"\xca\0\0\0\0", "a float is no message"),
            (b"\xd4\x05\x05", "an extension is no message"),
        ] {
            scene.attack(&frame(payload)).is_s(fault);
        }
    });
}

#[test]
fn case_29_keys_of_every_kind() {
    on_both(|scene| {
        for key in [
            &b"\x07"[..],
            b"\xff",
            b"\xc0",
            b"\xc3",
            b"\xcb\x7f\xf8\0\0\0\0\0\0",
            b"\xc4\x01k",
            b"\xd4\x05\x05",
            b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            // Kept as data, at the top and inside: they can be walked, and are not looked up.
            let top = [b"\x82\xa6action\xa4chat", key, b"\x01"].concat();
            let Value::Map(pairs) = scene.attack(&frame(&top)).is_k() else { panic!("a map") };
            assert!(pairs.len() == 2 && pairs[1].0.as_str().is_none());
            let inside = scene.attack(&frame_with(&[&b"\x81"[..], key, b"\x01"].concat())).is_k();
            let Value::Map(pairs) = &inside["v"] else { panic!("{inside}") };
            assert!(pairs[0].0.as_str().is_none());
        }
        for key in [&b"\x90"[..], b"\x80", b"\x91\x01", b"\x81\x01\x01"] {
            let reason = "is an array or a map";
            let top = [b"\x82\xa6action\xa4chat", key, b"\x01"].concat();
            scene.attack(&frame(&top)).is_p_about(reason);
            scene.attack(&frame_with(&[&b"\x81"[..], key, b"\x01"].concat())).is_p_about(reason);
        }
    });
}

#[test]
fn case_30_keys_that_occur_twice() {
    on_both(|scene| {
        let twice = "the map has \"action\" more than once";
        scene.attack(&frame(b"\x82\xa6action\xa4chat\xa6action\xa4kick")).is_s(twice);
        // Whatever stands under it, and however its key is written.
        scene.attack(&frame(b"\x82\xa6action\xa4chat\xd9\x06action\xa4kick")).is_s(twice);
        scene.attack(&frame(b"\x82\xa6action\xc0\xa6action\xa4chat")).is_s(twice);
        scene.attack(&frame(b"\x82\xa6action\xa4chat\xa6action\xc0")).is_s(twice);
        scene.attack(&frame(b"\x83\xa6action\xa1a\xa6action\xa1b\xa6action\xa4chat")).is_s(twice);
        let heard = scene.attack(&frame(b"\x83\xa6action\xa4chat\xa1v\x01\xa1v\x02")).is_k();
        assert_eq!(heard["v"], Value::from(2), "the last one, as in Python");
        // Inside, "action" is a key like any other.
        let heard = scene.attack(&frame_with(b"\x82\xa6action\x01\xa6action\x02")).is_k();
        assert_eq!(heard["v"]["action"], Value::from(2));
        // A handler that asks for one field agrees with who walks through all of them.
        scene.server.on("ask", |ctx, msg| {
            let told = (msg.get::<u8>("v")?, msg.fields().get("v").map(|it| it.to_string()));
            ctx.state.strange.push(format!("{told:?}"));
            Ok(())
        });
        let asked = frame(b"\x83\xa6action\xa3ask\xa1v\x01\xa1v\x02");
        scene.attack(&asked).is_unhandled("(2, Some(\"2\"))");
    });
}

#[test]
fn case_31_extensions_of_all_types_and_sizes() {
    let mut scene = Scene::usual(Dialect::REPOD);
    scene.server.on("chat", |ctx, msg| {
        let message = Outgoing::from(msg);
        assert_eq!(message.to_bytes(), Ok(msg.as_bytes()), "passed on as it is");
        ctx.state.chat.push(msg.to_value());
    });
    let fixed = |len: usize| [1, 2, 4, 8, 16].iter().position(|fixed| *fixed == len);
    for kind in 0..=127_i8 {
        let lengths = (0..=300_usize).filter(|len| *len < 20 || len % 50 < 6);
        let payloads = lengths.clone().map(|len| {
            let head = match (fixed(len), len) {
                (Some(log), _) => vec![0xd4 + log as u8],
                (None, 0..=255) => vec![0xc7, len as u8],
                _ => [&[0xc8][..], &(len as u16).to_be_bytes()].concat(),
            };
            with(&[&head[..], &[kind as u8], &vec![kind as u8 ^ 0x5a; len]].concat())
        });
        let payloads: Vec<Vec<u8>> = payloads.collect();
        let frames: Vec<u8> = payloads.iter().flat_map(|payload| frame(payload)).collect();
        let Outcome::Kept(heard, ..) = scene.attack(&frames) else { panic!("{kind}") };
        assert_eq!(heard.len(), payloads.len());
        for ((message, payload), len) in heard.iter().zip(&payloads).zip(lengths) {
            assert_eq!(message["v"], Value::Ext(kind, vec![kind as u8 ^ 0x5a; len]));
            // It is written as it came.
            let again = Outgoing::from_value(message).expect("what was read can be written");
            assert_eq!(again.to_bytes(), Ok(&payload[..]), "{kind} {len}");
        }
    }
    on_both(|scene| {
        // More nanoseconds than a second has, and lengths that no timestamp has.
        for value in [
            &b"\xd7\xff\xff\xff\xff\xff\0\0\0\0"[..],
            b"\xc7\x0c\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0",
            b"\xc7\x05\xff\0\0\0\0\0",
            b"\xc7\0\xff",
        ] {
            scene
                .attack(&frame_with(value))
                .is_p_about("of the reserved type -1, and no timestamp");
        }
        for kind in -128..=-2_i8 {
            let reserved = frame_with(&[0xd4, kind as u8, 0]);
            scene.attack(&reserved).is_p_about(&format!("of the reserved type {kind}, "));
        }
        let good =
            scene.attack(&frame_with(b"\xc7\x0c\xff\x3b\x9a\xc9\xff\xff\0\0\0\0\0\0\0")).is_k();
        let time = Timestamp { seconds: -(1 << 56), nanoseconds: 999_999_999 };
        assert_eq!(good["v"], Value::Timestamp(time));
    });
}

#[test]
fn case_32_numbers_at_the_edges() {
    on_both(|scene| {
        for bits in [
            0x7ff8_0000_0000_0000_u64, // NaN
            0x7ff0_0000_0000_0001,     // a NaN that signals
            0xfff8_dead_beef_0001,     // a NaN with a payload
            0x7ff0_0000_0000_0000,     // infinity
            0xfff0_0000_0000_0000,
            0x8000_0000_0000_0000, // -0.0
            1,                     // the smallest of all
            0x000f_ffff_ffff_ffff, // the largest subnormal
            0x7fef_ffff_ffff_ffff, // the largest of all
        ] {
            let heard = scene.attack(&frame_with(&[&[0xcb][..], &bits.to_be_bytes()].concat()));
            let Value::F64(float) = heard.is_k()["v"] else { panic!("a float") };
            assert_eq!(float.to_bits(), bits);
            let bits = (bits >> 32) as u32 | 1;
            let heard = scene.attack(&frame_with(&[&[0xca][..], &bits.to_be_bytes()].concat()));
            let Value::F32(float) = heard.is_k()["v"] else { panic!("32 bits stay 32 bits") };
            assert_eq!(float.to_bits(), bits);
        }
        for (bytes, int) in [
            (&[0xcf, 255, 255, 255, 255, 255, 255, 255, 255][..], i128::from(u64::MAX)),
            (&[0xd3, 128, 0, 0, 0, 0, 0, 0, 0], i64::MIN.into()),
            (&[0xd3, 127, 255, 255, 255, 255, 255, 255, 255], i64::MAX.into()),
            (&[0xcf, 128, 0, 0, 0, 0, 0, 0, 0], 1 << 63),
            (&[0xce, 255, 255, 255, 255], u32::MAX.into()),
            (&[0xd2, 128, 0, 0, 0], i32::MIN.into()),
        ] {
            assert_eq!(scene.attack(&frame_with(bytes)).is_k()["v"], Value::Int(int));
        }
    });
}

#[test]
fn case_33_longer_forms_than_needed() {
    on_both(|scene| {
        for (value, meaning) in [
            (&b"\xcc\x05"[..], Value::from(5)),
            (b"\xcf\0\0\0\0\0\0\0\x05", Value::from(5)),
            (b"\xd3\0\0\0\0\0\0\0\x05", Value::from(5)),
            (b"\xd3\xff\xff\xff\xff\xff\xff\xff\xff", Value::from(-1)),
            (b"\xdb\0\0\0\x01x", Value::from("x")),
            (b"\xc6\0\0\0\x01x", Value::Bytes(b"x".to_vec())),
            (b"\xdd\0\0\0\x01\x05", Value::Array(vec![5.into()])),
            (b"\xdf\0\0\0\x01\x05\x06", Value::Map(vec![(5.into(), 6.into())])),
            (b"\xc9\0\0\0\x01\x07x", Value::Ext(7, b"x".to_vec())),
            (b"\xc7\x01\x07x", Value::Ext(7, b"x".to_vec())),
        ] {
            assert_eq!(scene.attack(&frame_with(value)).is_k()["v"], meaning);
        }
        // The message itself, and its action, too.
        let long = b"\xdf\0\0\0\x01\xdb\0\0\0\x06action\xda\0\x04chat";
        let heard = scene.attack(&frame(long)).is_k();
        // What is made anew is never long.
        let again = Outgoing::from_value(&heard).expect("a message");
        assert_eq!(again.to_bytes(), Ok(&b"\x81\xa6action\xa4chat"[..]));
    });
}

#[test]
fn case_34_actions_of_all_sorts() {
    let huge = "x".repeat(60_000);
    let turns = "\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}";
    let wild = &format!("a\x1b[2J\r\n\0\u{7f}\u{9b}{turns}\u{2069}\u{feff}b")[..];
    let of = |action: &str| frame(msg!(action).to_bytes().expect("a text"));
    on_both(|scene| {
        for action in ["", &huge, wild, "chat ", "Chat", "chat\0", "ch\u{430}t", "$nothing", "$"] {
            let outcome = scene.attack(&of(action));
            // What begins with `$` is the library's own: of a plain peer it goes nowhere.
            match outcome {
                Outcome::Kept(chat, strange, faults) => {
                    assert_eq!((chat.len(), faults.len()), (0, 0), "{faults:?}");
                    assert_eq!(strange, [action]);
                }
                ended => panic!("{ended:?}"),
            }
        }
    });
    // A log sees it escaped, and cut at 64 characters.
    let mut scene = Scene::usual(Dialect::REPOD);
    scene.server.on(wild, |_, _| Err(HandlerError::from("on purpose")));
    scene.server.on(&huge[..], |_, _| Err(HandlerError::from("on purpose")));
    for action in [wild, &huge] {
        scene.attack(&of(action)).is_s("on purpose");
        scene.server.on(action, |ctx, msg| {
            let shown = msg.get::<u8>("v").map_err(|error| error.to_string()).unwrap_err();
            ctx.state.faults.push(shown);
        });
        let Outcome::Kept(_, _, faults) = scene.attack(&of(action)) else { panic!() };
        assert!(is_tame(&faults[0]) && faults[0].chars().count() < 200, "{faults:?}");
    }
}

#[test]
fn case_35_many_values() {
    let many = |count: u32, value: &[u8]| {
        frame_with(&[&[0xdd][..], &count.to_be_bytes(), &value.repeat(count as usize)].concat())
    };
    let keys = |count: u32| {
        let mut payload = [&[0xdf][..], &(count + 1).to_be_bytes(), b"\xa6action\xa4chat"].concat();
        (0..count).for_each(|key| payload.extend([&[0xce][..], &key.to_be_bytes(), &[0]].concat()));
        frame(&payload)
    };
    let too_many = "more than 65536 values";
    on_both(|scene| {
        scene.attack(&keys(20_000)).is_k();
        scene.attack(&many(60_000, &[0xc0])).is_k();
        scene.attack(&many(30_000, &[0x80])).is_k();
        scene.attack(&keys(40_000)).is_p(too_many);
        scene.attack(&many(200_000, &[0xc0])).is_p(too_many);
        scene.attack(&many(100_000, &[0x80])).is_p(too_many);
        scene.attack(&many(33_000, &[0x91, 0x80])).is_p(too_many);
    });
    // What they take from the heap, with and without the budget.
    for budget in [1 << 16, usize::MAX] {
        for bytes in [keys(20_000), keys(40_000), many(200_000, &[0xc0]), many(100_000, &[0x80])] {
            let (_, heap) = decoding(Config::new().max_elements(budget), &bytes);
            assert!(heap.peak <= allowed(bytes.len()), "{heap:?} of {}", bytes.len());
        }
    }
}

thread_local! {
    /// How often two keys were compared.
    static COMPARED: Cell<u64> = const { Cell::new(0) };
}

/// A key that counts how often it is compared.
#[derive(Debug)]
struct Key(i64);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        COMPARED.set(COMPARED.get() + 1);
        self.0 == other.0
    }
}

impl Eq for Key {}

impl FromValue<'_> for Key {
    fn from_value(value: ValueRef<'_>) -> Result<Self, ValueError> {
        value.get().map(Self)
    }
}

/// The keys are such that a hash that multiplies puts them all in one place. The actions are such
/// that they are all unknown.
#[test]
fn case_36_hash_flooding() {
    const KEYS: u32 = 30_000;
    let mut scene = Scene::usual(Dialect::REPOD);
    scene.server.on("flood", |ctx, msg| {
        let map: HashMap<Key, u8> = msg.get("v")?;
        ctx.state.strange.push(map.len().to_string());
        Ok(())
    });
    let mut payload = b"\x82\xa6action\xa5flood\xa1v\xdf".to_vec();
    payload.extend(KEYS.to_be_bytes());
    for key in 0..u64::from(KEYS) {
        payload.push(0xcf);
        payload.extend((key << 40).to_be_bytes());
        payload.push(0);
    }
    COMPARED.set(0);
    scene.attack(&frame(&payload)).is_unhandled(&KEYS.to_string());
    let compared = COMPARED.get();
    eprintln!("{KEYS} keys: {compared} comparisons");
    assert!(compared < 4 * u64::from(KEYS), "{compared} comparisons");
    // A field is looked for among the fields, in the order in which they stand: no hash at all.
    // Names of actions are hashed by the standard library's keyed hash.
    for block in 0..size(5, 50) {
        let strangers: Vec<u8> = (0..1000)
            .flat_map(|n| {
                let action = (((block * 1000 + n) as u64) << 40).to_string();
                frame(msg!(&action).to_bytes().expect("a good message"))
            })
            .collect();
        let Outcome::Kept(chat, strange, faults) = scene.attack(&strangers) else { panic!() };
        assert_eq!((chat.len(), strange.len(), faults.len()), (0, 1000, 0));
    }
}

#[test]
fn case_37_names_of_the_life_cycle() {
    on_both(|scene| {
        for action in ["connected", "disconnected", "error", "socketConnect", "connect", "close"] {
            for more in [&b"\xc0"[..], b"\x01", b"\x81\xa4wire\x01"] {
                let mut payload = b"\x82\xa6action".to_vec();
                payload.push(0xa0 | action.len() as u8);
                payload.extend(action.as_bytes());
                payload.extend(b"\xa7hexapod");
                payload.extend(more);
                let came = scene.world.came;
                scene.attack(&frame(&payload)).is_unhandled(action);
                assert_eq!(scene.world.came, came + 1, "connected once, by connecting");
            }
        }
    });
}

/// Every payload of one, two and three bytes, against the specification: see
/// `case_38_every_payload_of_up_to_three_bytes` beside the fuzz targets.
#[test]
fn case_38_each_single_byte() {
    on_both(|scene| {
        let mut ended = 0;
        for byte in 0..=255_u8 {
            match (byte, scene.attack(&frame(&[byte]))) {
                (0x00..=0x80 | 0x90 | 0xa0 | 0xc0 | 0xc2 | 0xc3 | 0xe0.., outcome) => {
                    outcome.is_s("is no message");
                }
                (0xc1, outcome) => outcome.is_p("the byte c1 at byte 0 is no MessagePack"),
                (_, outcome) => {
                    outcome.is_p("the value at byte 0 is cut short");
                    ended += 1;
                }
            }
        }
        assert_eq!(ended, 256 - 0x81 - 5 - 0x20 - 1);
    });
}

#[test]
fn case_39_there_and_back() {
    let scene = std::cell::RefCell::new(Scene::usual(Dialect::REPOD));
    scene.borrow_mut().server.on_any(|ctx, msg| {
        if ctx.peer().number() > 1 {
            ctx.state.chat.push(msg.to_value());
        }
    });
    let hear = |bytes: &[u8]| {
        let mut scene = scene.borrow_mut();
        let mut stream = scene.stream();
        scene.say(&mut stream, &frame(bytes));
        scene.until(|scene| !scene.world.chat.is_empty());
        scene.world.strange.clear();
        scene.outcome(stream)
    };
    let choices = proptest::collection::vec(proptest::num::u8::ANY, 1..50);
    check((messages(), choices), |(tree, choices)| {
        // Encode, decode.
        let short = Outgoing::from_value(&tree)?;
        let heard = hear(short.to_bytes()?).is_k();
        proptest::prop_assert!(same(&heard, &tree), "{} is not {}", heard, tree);
        // Decode what an encoder of another mind has written, encode, decode.
        let long = hear(&Longhand::write(&tree, &choices)).is_k();
        proptest::prop_assert!(same(&long, &tree), "{} is not {}", long, tree);
        let again = Outgoing::from_value(&long)?;
        proptest::prop_assert_eq!(again.to_bytes(), short.to_bytes());
        Ok(())
    });
}

/// The same bytes, good and damaged, at once and in any pieces: the same is heard, and what ends
/// the link is found at the same place.
#[test]
fn case_40_in_pieces_as_at_once() {
    let mut random = Random(0x6865_7861_706f_6421);
    for dialect in dialects() {
        let mut scene = Scene::usual(dialect);
        for round in 0..size(150, 2000) {
            let mut bytes: Vec<u8> = (0..=random.below(4))
                .flat_map(|n| framed(dialect, &chat(dialect, &"x\u{e9}".repeat(n * n))))
                .collect();
            for _ in 0..random.below(4) {
                let at = random.below(bytes.len());
                bytes[at] = random.next() as u8;
            }
            let mut rest = &bytes[..];
            let mut pieces = Vec::new();
            while !rest.is_empty() {
                let most = [1, 3, 40][round % 3];
                let (piece, more) = rest.split_at(rest.len().min(1 + random.below(most)));
                pieces.push(piece);
                rest = more;
            }
            let hear = |scene: &mut Scene, pieces: &[&[u8]]| {
                let mut stream = scene.stream();
                for piece in pieces.iter().chain([&&end(dialect)[..]]) {
                    if scene.say(&mut stream, piece) {
                        scene.pump();
                    }
                }
                stream.shut_down_writing();
                scene.until(|scene| !scene.world.left.is_empty());
                let others = (
                    std::mem::take(&mut scene.world.strange),
                    std::mem::take(&mut scene.world.faults).len(),
                    std::mem::take(&mut scene.world.ends),
                );
                (scene.outcome(stream), others)
            };
            let at_once = hear(&mut scene, &[&bytes]);
            assert_eq!(hear(&mut scene, &pieces), at_once, "{bytes:x?} in {pieces:x?}");
        }
    }
}

#[test]
fn the_bombs_are_bombs() {
    let network = Network::Memory(MemoryNetwork::new());
    let config = Config::new().max_depth(128);
    let mut scene = Scene::new(&network, config, Dialect::REPOD);
    for (at, bomb) in bombs(127).into_iter().enumerate() {
        match at {
            2 => scene.attack(&frame_with(&bomb)).is_p_about(AS_KEY),
            _ => drop(scene.attack(&frame_with(&bomb)).is_k()),
        }
    }
}
