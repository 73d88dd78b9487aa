//! MessagePack by example: every format, and what is refused.

use super::*;
use crate::limits::Limits;

const LIMITS: Limits = Limits { depth: 32, elements: 1000 };

fn check(bytes: &[u8]) -> Result<(usize, usize), DecodeError> {
    let mut checker = Checker::new(LIMITS);
    checker.value(Reader::new(bytes, 0), 0)?.end()?;
    Ok(checker.measure())
}

#[test]
fn heads_of_every_format() {
    for (bytes, head) in [
        (&[0x00][..], Head::Int(0)),
        (&[0x7f], Head::Int(127)),
        (&[0xff], Head::Int(-1)),
        (&[0xe0], Head::Int(-32)),
        (&[0xcc, 0xff], Head::Int(255)),
        (&[0xcd, 0x01, 0x00], Head::Int(256)),
        (&[0xce, 0, 0, 0, 1], Head::Int(1)),
        (&[0xcf, 255, 255, 255, 255, 255, 255, 255, 255], Head::Large(u64::MAX)),
        (&[0xd0, 0x80], Head::Int(-128)),
        (&[0xd1, 0x80, 0], Head::Int(i16::MIN.into())),
        (&[0xd2, 0x80, 0, 0, 0], Head::Int(i32::MIN.into())),
        (&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], Head::Int(i64::MIN)),
        (&[0xca, 0x3f, 0xc0, 0, 0], Head::F32(1.5)),
        (&[0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0], Head::F64(1.5)),
        (&[0xa1, b'x'], Head::Str(b"x")),
        (&[0xd9, 1, b'x'], Head::Str(b"x")),
        (&[0xda, 0, 1, b'x'], Head::Str(b"x")),
        (&[0xdb, 0, 0, 0, 1, b'x'], Head::Str(b"x")),
        (&[0xc4, 1, b'x'], Head::Bytes(b"x")),
        (&[0xc5, 0, 1, b'x'], Head::Bytes(b"x")),
        (&[0xc6, 0, 0, 0, 1, b'x'], Head::Bytes(b"x")),
        (&[0x92], Head::Array(2)),
        (&[0xdc, 0, 2], Head::Array(2)),
        (&[0xdd, 0, 0, 0, 2], Head::Array(2)),
        (&[0x82], Head::Map(2)),
        (&[0xde, 0, 2], Head::Map(2)),
        (&[0xdf, 0, 0, 0, 2], Head::Map(2)),
        (&[0xd4, 5, 9], Head::Ext(5, &[9])),
        (&[0xd5, 5, 9, 9], Head::Ext(5, &[9, 9])),
        (&[0xc7, 3, 5, 9, 9, 9], Head::Ext(5, &[9, 9, 9])),
        (&[0xc8, 0, 1, 5, 9], Head::Ext(5, &[9])),
        (&[0xc9, 0, 0, 0, 1, 5, 9], Head::Ext(5, &[9])),
        (&[0xc0], Head::Nil),
        (&[0xc2], Head::Bool(false)),
        (&[0xc3], Head::Bool(true)),
    ] {
        let mut reader = Reader::new(bytes, 0);
        assert_eq!(reader.head(), Ok(head), "{bytes:x?}");
        assert_eq!(reader.left(), 0, "{bytes:x?}");
        for cut in 0..bytes.len() {
            let cut = Reader::new(&bytes[..cut], 0).head();
            assert_eq!(cut, Err(DecodeError::Truncated { at: 0 }), "{bytes:x?}");
        }
    }
    assert_eq!(Reader::new(&[0xc1], 0).head(), Err(DecodeError::Reserved { at: 0 }));
}

#[test]
fn the_budget_is_for_the_whole_payload() {
    // Each array's own length is below what is left, but together they are too many.
    let mut bytes = vec![0xdc, 0x01, 0x00];
    for _ in 0..256 {
        bytes.extend([0x9f]);
        bytes.extend([0xc0; 15]);
    }
    assert_eq!(check(&bytes), Err(DecodeError::TooManyElements { max: 1000 }));
    assert_eq!(check(&[0x92, 0x90, 0xa0]), Ok((3, 2)));
    // To the last one: two arrays, the nils in the inner one, and a nil behind it.
    let of = |nils: u16| {
        [&[0x92, 0xdc][..], &nils.to_be_bytes(), &vec![0xc0; usize::from(nils)], &[0xc0]].concat()
    };
    assert_eq!(check(&of(997)), Ok((1000, 2)));
    assert_eq!(check(&of(998)), Err(DecodeError::TooManyElements { max: 1000 }));
}

#[test]
fn depth_ends_at_the_limit() {
    let nested = |depth: usize| [vec![0x91; depth], vec![0xc0]].concat();
    assert_eq!(check(&nested(32)), Ok((33, 32)));
    assert_eq!(check(&nested(33)), Err(DecodeError::TooDeep { max: 32 }));
    assert_eq!(check(&nested(100_000)), Err(DecodeError::TooDeep { max: 32 }));
}

#[test]
fn claims_are_not_believed() {
    for bytes in [
        &[0xdd, 255, 255, 255, 255][..],
        &[0xdf, 255, 255, 255, 255],
        &[0xdb, 255, 255, 255, 255, b'x'],
        &[0xc6, 255, 255, 255, 255],
        &[0xc9, 255, 255, 255, 255, 1],
        &[0x92, 0xc0],
        &[0x82, 0xa0, 0xc0, 0xa0],
    ] {
        assert!(matches!(check(bytes), Err(DecodeError::Truncated { .. })), "{bytes:x?}");
    }
    assert_eq!(check(&[0xc0, 0xc0, 0xc0]), Err(DecodeError::Trailing { extra: 2 }));
    assert_eq!(check(&[0x81, 0x90, 0xc0]), Err(DecodeError::ContainerKey { at: 1 }));
    assert_eq!(check(&[0x91, 0xa2, 0xc3, 0x28]), Err(DecodeError::InvalidUtf8 { at: 1 }));
}

#[test]
fn timestamps_take_the_smallest_of_three_forms() {
    for (seconds, nanoseconds, len) in [
        (0, 0, 6),
        (i64::from(u32::MAX), 0, 6),
        (i64::from(u32::MAX) + 1, 0, 10),
        (5, 999_999_999, 10),
        ((1 << 34) - 1, 1, 10),
        (1 << 34, 1, 15),
        (-1, 0, 15),
    ] {
        let (time, mut out) = (Timestamp { seconds, nanoseconds }, Vec::new());
        assert_eq!(write_timestamp(&mut out, time), Ok(()));
        assert_eq!(out.len(), len);
        let Ok(Head::Ext(kind, bytes)) = Reader::new(&out, 0).head() else { panic!() };
        assert_eq!(timestamp(kind, bytes), Some(time));
    }
    assert_eq!(timestamp(-1, &[0; 5]), None);
    assert_eq!(timestamp(-1, &[255; 12]), None, "too many nanoseconds");
    let bad = Timestamp { seconds: 0, nanoseconds: NANOSECONDS };
    assert_eq!(write_timestamp(&mut Vec::new(), bad), Err(NotExpressible));
}

/// What passes over a value and what reads it are two paths, and must be of one mind.
#[test]
fn short_values_are_those_that_a_head_is_made_of() {
    for first in 0..=u8::MAX {
        for len in 0..=40 {
            let mut bytes = vec![first];
            bytes.extend(std::iter::repeat_n(b'x', len));
            let start = Reader::new(&bytes, 0);
            let mut reader = start;
            match (start.short(), reader.head()) {
                (None, Ok(head)) => {
                    let is_small_int = matches!(head, Head::Int(_) | Head::Nil | Head::Bool(_));
                    assert!(!is_small_int, "{first:x} is short");
                }
                (None, Err(_)) => {}
                (Some((Short::Plain, behind)), Ok(head)) => {
                    assert_eq!(behind.left(), reader.left(), "{first:x}");
                    assert!(!matches!(head, Head::Str(_) | Head::Array(_) | Head::Map(_)));
                }
                (Some((Short::Text(text), behind)), Ok(Head::Str(read))) => {
                    assert_eq!((text.bytes, behind.left()), (read, reader.left()));
                    assert_eq!(text.word, word(read));
                    assert!(text.is_ascii());
                }
                (Some(_), head) => panic!("{first:x}, {len} bytes: {head:?}"),
            }
        }
    }
}

/// Every byte of a short text is looked at, wherever it stands.
#[test]
fn a_byte_that_is_not_ascii_is_seen_wherever_it_stands() {
    for len in 0..=31_usize {
        for behind in [0, 1, 7, 8, 40] {
            let mut bytes = vec![0xa0 | len as u8];
            bytes.extend((0..len + behind).map(|at| b'a' + (at % 26) as u8));
            let is_ascii = |bytes: &[u8]| match Reader::new(bytes, 0).short() {
                Some((short, _)) => short.is_ascii(),
                None => panic!("{len} bytes are short"),
            };
            assert!(is_ascii(&bytes));
            for at in 0..len + behind {
                let old = std::mem::replace(&mut bytes[1 + at], 0x80);
                assert_eq!(is_ascii(&bytes), at >= len, "{len} bytes, and {behind}: {at}");
                bytes[1 + at] = old;
            }
        }
    }
}

#[test]
fn words_tell_short_texts_apart() {
    let texts = ["", "\0", "a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh"];
    for (at, text) in texts.iter().enumerate() {
        for other in &texts[at + 1..] {
            let alike =
                (word(text.as_bytes()), text.len()) == (word(other.as_bytes()), other.len());
            assert!(!alike, "{text:?} and {other:?}");
        }
    }
    assert_eq!(word(b"abcdefghi"), word(b"abcdefgh"), "more does not fit");
}
