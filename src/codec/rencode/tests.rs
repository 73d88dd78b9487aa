//! rencode by example, and what holds for all of it.

use proptest::prelude::*;

use super::*;
use crate::codec::check_codec;
use crate::frame::{Frame, FrameError, Framing, Input, Progress, TERMINATOR};
use crate::message::{Index, IntoValue, Message, Outgoing};
use crate::{MessageError, Timestamp, Tuple, Value, msg};

fn encode(message: &Outgoing) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::new();
    match message.view(|msg| Rencode.encode(ValueRef::Map(msg.fields()), &mut out)) {
        Ok(()) => Ok(out),
        Err(CodecError::NotExpressible { what }) => Err(what),
        Err(error) => panic!("{error}"),
    }
}

fn decode(payload: &[u8]) -> Result<Vec<u8>, CodecError> {
    let mut out = Encoder::writing_to(Vec::new());
    Rencode.decode(payload, Limits::default(), &mut out)?;
    assert_eq!(out.one_value(), Ok(()));
    Ok(out.into_buffer())
}

/// The value that a payload is, as text.
fn shown(payload: &[u8]) -> Result<String, CodecError> {
    decode(payload).map(|bytes| ValueRef::at(&bytes, 0).unwrap().to_string())
}

fn framed(payload: &[u8]) -> Vec<u8> {
    [payload, &TERMINATOR].concat()
}

fn find(stream: &[u8], max: usize) -> Result<Option<Frame>, FrameError> {
    RencodeFrames.find(Input::new((stream, &[])), &mut Progress::default(), max)
}

#[test]
fn values_of_every_form() {
    for (payload, text) in [
        (&b"\x00"[..], "0"),
        (b"\x2b", "43"),
        (b"\x46", "-1"),
        (b"\x65", "-32"),
        (b"\x3e\x80", "-128"),
        (b"\x3f\xff\x00", "-256"),
        (b"\x40\x00\x2d\x2d\x2d", "2960685"),
        (b"\x41\x80\0\0\0\0\0\0\0", "-9223372036854775808"),
        (b"\x3d18446744073709551615\x7f", "18446744073709551615"),
        (b"\x3d -0_0_7 \x7f", "-7"),
        (b"\x42\x3f\x80\0\0", "1.0"),
        (b"\x2c\x3f\xb9\x99\x99\x99\x99\x99\x9a", "0.1"),
        (b"\x43", "true"),
        (b"\x44", "false"),
        (b"\x45", "nil"),
        (b"\x80", "\"\""),
        (b"\x83abc", "\"abc\""),
        (b"0:", "\"\""),
        (b"03:abc", "\"abc\""),
        (b"\x82\xff\xfe", "<2 bytes>"),
        (b"\xc0", "[]"),
        (b"\xc2\xe1\x01\x3a\x02\x3b\x03\x7f\x7f", "[[1], [2, [3]]]"),
        (b"\x66", "{}"),
        (b"\x67\x45\x43", "{nil: true}"),
        (b"\x3c\x81a\x01\x81b\x68\x01\x02\x03\x04\x7f", "{\"a\": 1, \"b\": {1: 2, 3: 4}}"),
    ] {
        assert_eq!(shown(payload).as_deref(), Ok(text), "{payload:x?}");
        let len = framed(payload).len();
        let found = find(&framed(payload), 100);
        assert_eq!(found, Ok(Some(Frame { payload: 0..payload.len(), len })), "{payload:x?}");
        // Cut anywhere it is neither a value nor a frame.
        for end in 0..len {
            assert_eq!(find(&framed(payload)[..end], 100), Ok(None), "{payload:x?} up to {end}");
            if end < payload.len() {
                assert!(decode(&payload[..end]).is_err(), "{payload:x?} up to {end}");
            }
        }
    }
}

#[test]
fn what_is_broken_and_where() {
    for (payload, what, at) in [
        (&b""[..], "a cut value", 0),
        (b"\xc2\x01", "a cut value", 2),
        (b"\x85ab", "a cut value", 0),
        (b"\x3b\x01", "a cut value", 2),
        (b"\xc1\x2d", "an undefined code", 1),
        (b"\x7f", "an end where a value belongs", 0),
        (b"\xc2\x01\x7f", "an end where a value belongs", 2),
        (b"\x3c\x01\x7f", "an end where a value belongs", 2),
        (b"\x01\x02", "more than one value", 1),
        (b"\xc1\x3d\x7f", "a broken int of digits", 1),
        (b"\x3d1a\x7f", "a broken int of digits", 0),
        (
            b"\x3d0000000000000000000000000000000000000000000000000000000000000001\x7f",
            "a broken int of digits",
            0,
        ),
        (b"3abc", "a broken length of a text", 0),
        (b"5-1:a", "a broken length of a text", 0),
        (b"99999999999999999999:", "a broken length of a text", 0),
        (b"\x67\x66\x01", "a list or dict as a key", 1),
        (b"\x67\xc0\x01", "a list or dict as a key", 1),
        (b"\x67\x3b\x7f\x01", "a list or dict as a key", 1),
    ] {
        let expected = CodecError::Malformed { what, at };
        assert_eq!(decode(payload), Err(expected), "{payload:x?}");
    }
    let digits = [&b"\x3d"[..], &[b'9'; 63], b"\x7f"].concat();
    for (payload, what) in [
        (&b"\x67\xe1\x01\x02"[..], "a tuple as a key"),
        (b"\x67\x3a\x7f\x02", "a tuple as a key"),
        (b"\x3d18446744073709551616\x7f", "an integer beyond 64 bits"),
        (b"\x3d-9223372036854775809\x7f", "an integer beyond 64 bits"),
        (&digits, "an integer beyond 64 bits"),
    ] {
        assert_eq!(decode(payload), Err(CodecError::NotExpressible { what }), "{payload:x?}");
    }
}

#[test]
fn frames_that_are_none() {
    let endless = |what, at| Err(FrameError::Endless { what, at });
    assert_eq!(find(b"\xc1\x2d", 100), endless("an undefined code", 1));
    assert_eq!(find(b"\x7f", 100), endless("an end where nothing can end", 0));
    assert_eq!(find(b"\x3b\xc1\x7f", 100), endless("an end where nothing can end", 2));
    let looks_like = None;
    assert_eq!(
        find(b"\x01\x00\x2d\x00", 100),
        Err(FrameError::NotTerminated { at: 1, looks_like })
    );
    let what = "lists, tuples and dicts inside of more than 128 others";
    assert_eq!(find(&[b'\x3b'; 128], 1000), Ok(None));
    assert_eq!(find(&[b'\x3b'; 129], 1000), endless(what, 128));
    for (stranger, name) in [
        (&b"GET / HTTP/1.1\r\n"[..], "HTTP"),
        (b"\0\0\0\x0a\x81\xa6action\xa1x", "a length in front, as repod has it"),
    ] {
        let error = find(stranger, 100).expect_err("no frame").to_string();
        assert!(error.ends_with(&format!(" (this looks like {name})")), "{error}");
    }
}

#[test]
fn what_is_too_long_is_so_as_soon_as_it_is_known() {
    let too_long = |len| Err(FrameError::TooLong { len, max: 100, looks_like: None });
    assert_eq!(find(b"1000000:", 100), too_long(1_000_008));
    assert_eq!(find(b"97:", 100), Ok(None));
    assert_eq!(find(b"98:", 100), too_long(101));
    // Fifty values are to come, and each takes a byte.
    assert_eq!(find(b"\xdf\xc0\xdf\xd4", 100), Ok(None));
    assert_eq!(find(&[0xdf, 0xdf, 0xdf, 0xdf], 100), too_long(4 + 31 * 4 - 3));
    assert_eq!(find(&[0x3b; 101], 100), too_long(101));
    let fits = framed(&[&[0x3b][..], &[7; 98], &[0x7f]].concat());
    assert_eq!(find(&fits, 100), Ok(Some(Frame { payload: 0..100, len: 105 })));
}

#[test]
fn the_depth_that_is_allowed_fits_the_stack_that_is_promised() {
    fn nested(levels: usize) -> Vec<u8> {
        // Of every sort in turn, the message around them.
        let mut bytes = b"\x68\x86action\x81x\x81v".to_vec();
        let mut ends = 0;
        for level in 1..levels {
            match level % 3 {
                0 => bytes.push(0xc1),
                1 => bytes.push(0xe1),
                _ => {
                    bytes.extend(b"\x3c\x01");
                    ends += 1;
                }
            }
        }
        bytes.push(0x45);
        bytes.extend(vec![0x7f; ends]);
        bytes
    }
    for (levels, kib) in [(32, 64), (128, 256)] {
        let there_and_back = move || {
            let mut canonical = Encoder::writing_to(Vec::new());
            let limits = Limits { depth: levels, ..Limits::default() };
            Rencode.decode(&nested(levels), limits, &mut canonical)?;
            let (canonical, mut out) = (canonical.into_buffer(), Vec::new());
            Rencode.encode(ValueRef::at(&canonical, 0).unwrap(), &mut out).map(|()| out)
        };
        let thread = std::thread::Builder::new().stack_size(kib << 10).spawn(there_and_back);
        assert!(thread.unwrap().join().unwrap().is_ok());
        let limits = Limits { depth: levels - 1, ..Limits::default() };
        let deeper = Rencode.decode(&nested(levels), limits, &mut Encoder::writing_to(Vec::new()));
        assert!(matches!(deeper, Err(CodecError::Malformed { .. })), "{deeper:?}");
    }
}

#[test]
fn terminators_never_stand_inside() {
    for (message, plain) in [
        (msg!("pos", p: [2_960_685, 0]), &b"\x40\0---\0"[..]),
        (msg!("pos", p: 0x0100_2d2d_2d00_u64), b"\x41\0\0\x01\0---\0"),
        (msg!("v", v: -9_223_322_364_803_018_462_i64), b"\x41\x80\0---\0"),
        (msg!("v", v: (f32::from_bits(0x002d_2d2d), 0)), b"\x42\0---\0"),
        (msg!("v", v: ("abc\0---", 0)), b"abc\0---\0"),
        (msg!("v", v: "abc\0---"), b"abc\0---"),
        (msg!("v", v: f32::from_bits(0x002d_2d2d)), b"\x42\0---"),
        (msg!("v", v: [std::collections::BTreeMap::from([(1, "\0---")])]), b"\0---"),
    ] {
        let mut bytes = Vec::new();
        let mut writer = Writer { out: &mut bytes, care: Care::Plain };
        message.view(|msg| writer.value(ValueRef::Map(msg.fields()))).unwrap();
        assert!(bytes.windows(plain.len()).any(|part| part == plain), "{message}: {bytes:x?}");
        assert!(ends_early(&bytes), "{message}");
        let sent = encode(&message).unwrap();
        assert!(!ends_early(&sent), "{message}: {sent:x?}");
        assert_eq!(decode(&sent).as_deref(), Ok(message.to_bytes().unwrap()), "{message}");
    }
    assert_eq!(
        encode(&msg!("pos", p: [2_960_685, 0])).unwrap(),
        b"\x3c\x86action\x83pos\x81p\xc2\x3d2960685\x7f\x3d0\x7f\x7f"
    );
    let what = "a text that holds \\0---\\0";
    assert_eq!(encode(&msg!("v", v: "hello\0---\0goodbye")), Err(what));
    assert_eq!(encode(&msg!("v", v: b"\0---\0")), Err(what));
    // One that only looks like it costs nothing.
    let harmless = msg!("v", v: (0, "---", 0));
    assert_eq!(encode(&harmless).unwrap(), b"\x68\x86action\x81v\x81v\xc3\0\x83---\0");
}

#[test]
fn what_has_no_place_in_it() {
    let time = Timestamp { seconds: 1, nanoseconds: 0 };
    for (message, what) in [
        (msg!("x", v: time), "a timestamp"),
        (msg!("x", v: [Value::Ext(5, vec![1])]), "an extension"),
        (msg!("x", v: 1e39), "a float beyond 32 bits"),
        (msg!("x", v: -3.4028235677973366e38), "a float beyond 32 bits"),
    ] {
        assert_eq!(encode(&message), Err(what));
    }
    for float in [f64::from(f32::MAX), f64::INFINITY, f64::NEG_INFINITY, 1e-300] {
        assert!(encode(&msg!("x", v: float)).is_ok(), "{float}");
    }
    assert!(encode(&msg!("x", v: f64::NAN)).is_ok());
}

/// Values as rencode has them, with many bytes of which a terminator is made.
fn values() -> impl Strategy<Value = Sent> {
    let near = |int: i128| (int - 3)..(int + 4);
    let ints = prop_oneof![
        any::<i8>().prop_map(i128::from),
        near(2_960_685),
        near(0x2d_2d2d_0000),
        near(0x2d_2d2d),
        near(0x0000_002d_2d2d_0000),
        near(44),
        near(-32),
        Just(0),
        any::<i64>().prop_map(i128::from),
        any::<u64>().prop_map(i128::from),
    ];
    let bytes =
        prop::collection::vec(prop_oneof![4 => Just(0), 8 => Just(0x2d), 1 => any::<u8>()], 0..8);
    let leaf = prop_oneof![
        ints.prop_map(Sent::Int),
        Just(Sent::Int(0)),
        prop::collection::vec(prop_oneof![Just(0), Just(0x2d)], 4)
            .prop_map(|bits| Sent::Float(f32::from_be_bytes(bits.try_into().unwrap()))),
        bytes.prop_map(Sent::Str),
        prop::collection::vec(any::<u8>(), 55..70).prop_map(Sent::Str),
        prop_oneof![Just(Sent::None), any::<bool>().prop_map(Sent::Bool)],
    ];
    leaf.clone().prop_recursive(4, 60, 8, move |inner| {
        let some = prop_oneof![5 => 0..5_usize, 1 => 22..36_usize];
        let inner = some.prop_flat_map(move |len| prop::collection::vec(inner.clone(), len));
        let keys = leaf.clone();
        prop_oneof![
            inner.clone().prop_map(Sent::List),
            inner.clone().prop_map(Sent::Tuple),
            inner.prop_flat_map(move |values| {
                let keys = prop::collection::vec(keys.clone(), values.len());
                keys.prop_map(move |keys| {
                    Sent::Dict(keys.into_iter().zip(values.iter().cloned()).collect())
                })
            }),
        ]
    })
}

#[derive(Clone, Debug)]
enum Sent {
    None,
    Bool(bool),
    Int(i128),
    Float(f32),
    Str(Vec<u8>),
    List(Vec<Self>),
    Tuple(Vec<Self>),
    Dict(Vec<(Self, Self)>),
}

impl IntoValue for Sent {
    fn encode(&self, out: &mut Encoder) {
        match self {
            Self::None => out.nil(),
            Self::Bool(bool) => out.bool(*bool),
            Self::Int(int) => out.int(*int),
            Self::Float(float) => out.f32(*float),
            Self::Str(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => out.str(text),
                Err(_) => out.bytes(bytes),
            },
            Self::List(items) => items.encode(out),
            Self::Tuple(items) => Tuple(items).encode(out),
            Self::Dict(pairs) => out.map(|map| {
                for (key, value) in pairs {
                    map.entry(key, value);
                }
            }),
        }
    }
}

impl Sent {
    /// The value in forms that PodSixNet reads and never writes, chosen by the bits of `odd`.
    fn odd(&self, odd: &mut u64, out: &mut Vec<u8>) {
        *odd = odd.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let choice = *odd >> 61;
        let all = |items: &[Self], odd: &mut u64, out: &mut Vec<u8>| {
            items.iter().for_each(|item| item.odd(odd, out));
        };
        match self {
            Self::None => out.push(0x45),
            Self::Bool(bool) => out.push(if *bool { 0x43 } else { 0x44 }),
            Self::Int(int) => match i64::try_from(*int) {
                Ok(int) if choice < 3 => out.extend([&[0x41][..], &int.to_be_bytes()].concat()),
                _ => out.extend(
                    format!("\x3d 00{int:+}\x7f")
                        .replace("00+", "+00")
                        .replace("00-", "-00")
                        .bytes(),
                ),
            },
            Self::Float(float) => out.extend([&[0x42][..], &float.to_be_bytes()].concat()),
            Self::Str(bytes) => {
                out.extend(format!("{:03}:", bytes.len()).bytes());
                out.extend(bytes);
            }
            Self::List(items) => {
                let short = items.len() < 32 && choice < 4;
                out.push(if short { 0xc0 + items.len() as u8 } else { 0x3b });
                all(items, odd, out);
                if !short {
                    out.push(0x7f);
                }
            }
            Self::Tuple(items) => {
                out.push(0x3a);
                all(items, odd, out);
                out.push(0x7f);
            }
            Self::Dict(pairs) => {
                out.push(0x3c);
                for (key, value) in pairs {
                    key.odd(odd, out);
                    value.odd(odd, out);
                }
                out.push(0x7f);
            }
        }
    }
}

impl Sent {
    /// Whether there are bytes in it that are no text.
    fn is_raw(&self) -> bool {
        match self {
            Self::Str(bytes) => std::str::from_utf8(bytes).is_err(),
            Self::List(items) | Self::Tuple(items) => items.iter().any(Self::is_raw),
            Self::Dict(pairs) => pairs.iter().any(|(key, value)| key.is_raw() || value.is_raw()),
            _ => false,
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_sent_arrives_and_no_terminator_is_inside(value in values()) {
        let is_raw = value.is_raw();
        let message = msg!("x", v: value);
        match encode(&message) {
            Ok(payload) => {
                prop_assert!(!is_raw, "bytes that no PodSixNet takes");
                let stream = framed(&payload);
                let first = stream.windows(5).position(|part| part == TERMINATOR);
                prop_assert_eq!(first, Some(payload.len()), "{:x?}", stream);
                let canonical = decode(&payload).unwrap();
                prop_assert_eq!(&canonical[..], message.to_bytes().unwrap());
                check_codec(&Rencode, &payload);
            }
            Err("bytes that are not UTF-8" | "bytes as a key") => prop_assert!(is_raw),
            Err(what) => {
                prop_assert_eq!(what, "a text that holds \\0---\\0");
                let bytes = message.to_bytes().unwrap();
                prop_assert!(bytes.windows(5).any(|part| part == TERMINATOR));
            }
        }
    }

    #[test]
    fn other_forms_say_the_same(value in values(), odd in any::<u64>()) {
        let mut payload = Vec::new();
        let message = msg!("x", v: value);
        let dict = Sent::Dict(vec![
            (Sent::Str(b"action".to_vec()), Sent::Str(b"x".to_vec())),
            (Sent::Str(b"v".to_vec()), value),
        ]);
        dict.odd(&mut odd.clone(), &mut payload);
        let canonical = decode(&payload).unwrap();
        prop_assert_eq!(&canonical[..], message.to_bytes().unwrap());
        // Its frame ends where it ends, whatever terminators are inside, and however it is cut.
        let stream = [framed(&payload), vec![0x45]].concat();
        let whole = Frame { payload: 0..payload.len(), len: payload.len() + 5 };
        let mut progress = Progress::default();
        for end in 0..=stream.len() {
            let (first, second) = stream[..end].split_at((odd as usize) % (end + 1));
            let found = RencodeFrames.find(Input::new((first, second)), &mut progress, 1 << 20);
            let expected = (end >= whole.len).then(|| whole.clone());
            prop_assert_eq!(found, Ok(expected), "up to {}", end);
            if end >= whole.len {
                break;
            }
        }
    }

    #[test]
    fn bytes_of_all_kinds_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        check_codec(&Rencode, &bytes);
        // Where a payload is good, the framing finds its end.
        if decode(&bytes).is_ok() {
            let found = find(&framed(&bytes), 1000);
            prop_assert!(matches!(found, Ok(Some(frame)) if frame.payload == (0..bytes.len())));
        }
    }
}

#[test]
fn a_text_that_is_no_utf8_is_bytes_and_hurts_nobody() {
    let canonical = decode(b"\x68\x86action\x81v\x81v\x82\xff\xfe").unwrap();
    let mut index = Index::default();
    let message = Message::read(&canonical, &mut index, Limits::default()).unwrap();
    assert_eq!(message.get::<&[u8]>("v").unwrap(), [0xff, 0xfe]);
    // As an action it is no text, and so no message.
    let canonical = decode(b"\x67\x86action\x81\xff").unwrap();
    let error = Message::read(&canonical, &mut index, Limits::default()).map(|_| ()).unwrap_err();
    let expected = MessageError::ActionNotText { found: "bytes" };
    assert_eq!(error, crate::message::ReadError::NotAMessage(expected));
}
