//! The relay and the echo, which pass on whatever they are told.

use std::io::Write;

use hexapod::{Value, msg};

use super::{Program, framed, greeted, reads, serving};
use crate::harness::frame;

/// A map of the kind that only a relay takes: long forms, odd keys, every type.
fn odd_map() -> Vec<u8> {
    let mut bytes = b"\x8a\xa1k\xcd\x00\x01\xa6action\xd9\x04chat".to_vec();
    for pair in [
        &b"\x07\xa5seven"[..],                   // an integer as key
        b"\xc0\xc3",                             // nil as key
        b"\xcb\x3f\xf0\0\0\0\0\0\0\xca\0\0\0\0", // a float as key
        b"\xc4\x01\xff\xc4\x02\0\xff",           // bytes as key
        b"\xa0\xdc\0\x02\x90\x80",               // an empty key; an array with a long head
        b"\xa1k\xd3\0\0\0\0\0\0\0\x02",          // a key that was there before
        b"\xa2ts\xd6\xff\0\0\0\x01",             // a timestamp
        b"\xa3ext\xd4\x05\x2a",                  // an extension
    ] {
        bytes.extend(pair);
    }
    bytes
}

#[test]
fn the_relay_passes_on_every_byte() {
    let (mut relay, addr) = serving(Program::example("relay", ["serve", "127.0.0.1:0"]));
    let (mut one, mut two) = (greeted(&addr), greeted(&addr));
    let plain = framed(&msg!("chat", text: "grüße ✓", "list": [1, 2, 3]));
    for chat in [frame(&odd_map()), plain] {
        // Others are counted and not passed on, so the next thing that arrives is the chat.
        one.write_all(&framed(&msg!("secret"))).expect("a stream");
        one.write_all(&chat).expect("a stream");
        reads(&mut one, &chat);
        reads(&mut two, &chat);
    }
    relay.says("messages that were not chat: 2");
    two.write_all(&framed(&msg!("whatever"))).expect("a stream");
    relay.says("messages that were not chat: 3");
}

#[test]
fn the_echo_says_everything_back() {
    let (_echo, addr) = serving(Program::example("echo", ["127.0.0.1:0"]));
    let mut stream = greeted(&addr);
    for said in [frame(&odd_map()), framed(&msg!("connected")), framed(&msg!("", x: Value::Nil))] {
        stream.write_all(&said).expect("a stream");
        reads(&mut stream, &said);
    }
}
