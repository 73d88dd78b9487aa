//! Messages: what a type goes out as and what it is read from, as the table says.

use std::collections::BTreeMap;

use hexapod::{FromValue, IntoValue, Timestamp, Value, ValueRef, msg};

use super::{page, rows};

/// One value of each kind that the wire has, under the word by which the table calls it.
fn kinds() -> Vec<(&'static str, Value)> {
    let time = Timestamp { seconds: 1, nanoseconds: 2 };
    vec![
        ("nil", Value::Nil),
        ("a bool", Value::Bool(true)),
        ("an integer", Value::Int(2)),
        ("a float of 32 bits", Value::F32(1.5)),
        ("a float of 64 bits", Value::F64(2.0)),
        ("a text", Value::Str("a".into())),
        ("bytes", Value::Bytes(vec![1, 2])),
        ("an array", Value::Array(vec![1.into(), 2.into()])),
        ("a map", Value::Map(vec![(Value::Str("a".into()), 1.into())])),
        ("a point in time", Value::Timestamp(time)),
        ("an extension", Value::Ext(7, vec![1])),
    ]
}

/// What a value goes out as: the words of the table.
fn goes_out(value: impl IntoValue) -> &'static str {
    msg!("x", it: value).view(|msg| match msg.field("it").expect("the field") {
        ValueRef::F32(_) => "a float of 32 bits",
        ValueRef::F64(_) => "a float of 64 bits",
        ValueRef::Timestamp(_) => "a point in time",
        other => other.kind(),
    })
}

/// The kinds from which a type is read, and "missing" if it need not be there.
fn reads<T: for<'v> FromValue<'v>>() -> Vec<&'static str> {
    let reads =
        |(_, value): &(&str, Value)| msg!("x", it: value).view(|msg| msg.get::<T>("it")).is_ok();
    let mut names: Vec<_> = kinds().into_iter().filter(reads).map(|(name, _)| name).collect();
    if msg!("x").view(|msg| msg.get::<T>("it")).is_ok() {
        names.push("missing");
    }
    names
}

const NUMBERS: [&str; 3] = ["an integer", "a float of 32 bits", "a float of 64 bits"];

#[test]
fn each_type_goes_out_and_is_read_as_the_table_says() {
    let map = BTreeMap::from([("a".to_owned(), 1)]);
    let time = Timestamp { seconds: 1, nanoseconds: 2 };
    let all: Vec<_> = kinds().into_iter().map(|(name, _)| name).collect();
    let table = [
        ("`bool`", goes_out(true), reads::<bool>(), vec!["a bool"]),
        ("`u8` … `i128`, `usize`", goes_out(7_i128), reads::<u8>(), vec!["an integer"]),
        ("`f32`", goes_out(1.5_f32), reads::<f32>(), NUMBERS.into()),
        ("`f64`", goes_out(1.5), reads::<f64>(), NUMBERS.into()),
        ("`&str`, `String`", goes_out("a"), reads::<String>(), vec!["a text"]),
        ("`&[u8]`, `Vec<u8>`", goes_out(vec![1_u8]), reads::<Vec<u8>>(), vec!["bytes", "an array"]),
        ("`Vec<T>`, `[T; N]`", goes_out(vec![1]), reads::<[i32; 2]>(), vec!["an array"]),
        ("tuples up to 8", goes_out((1, "a")), reads::<(i32, i32)>(), vec!["an array"]),
        ("`HashMap`, `BTreeMap`", goes_out(&map), reads::<BTreeMap<String, i32>>(), vec!["a map"]),
        (
            "`Option<T>`",
            goes_out(None::<bool>),
            reads::<Option<bool>>(),
            vec!["nil", "a bool", "missing"],
        ),
        ("`Timestamp`", goes_out(time), reads::<Timestamp>(), vec!["a point in time"]),
        ("`Value`", goes_out(Value::Nil), reads::<Value>(), all),
    ];
    let rows = rows(&page("_02_messages.rs"), "Rust");
    assert_eq!(rows.len(), table.len());
    for (row, (rust, out, reads, accepted)) in rows.iter().zip(table) {
        assert_eq!(row[0], rust);
        assert!(row[1].contains(out) || row[1] == "what it holds", "{rust}: {out}");
        assert_eq!(reads, accepted, "{rust}");
        // And the words of the table are those kinds.
        match &row[2][..] {
            "anything" => {}
            words if words.starts_with("any number") => assert_eq!(accepted, NUMBERS),
            words if rust == "`Option<T>`" => {
                assert_eq!(words, "the value, nil, or a field that is missing")
            }
            words if rust == "`&[u8]`, `Vec<u8>`" => {
                assert_eq!(words, "bytes; `Vec<u8>` an array of small integers too");
            }
            words => assert!(words.starts_with(accepted[0]), "{rust}: {words}"),
        }
    }
    // Of that length, of that size, never rounded to an integer; and what only one of a row does.
    assert!(msg!("x", it: [1, 2, 3]).view(|msg| msg.get::<[i32; 2]>("it")).is_err());
    assert!(msg!("x", it: [1, 2, 3]).view(|msg| msg.get::<(i32, i32)>("it")).is_err());
    assert!(msg!("x", it: 256).view(|msg| msg.get::<u8>("it")).is_err());
    assert!(msg!("x", it: 2.0).view(|msg| msg.get::<u8>("it")).is_err());
    assert!(msg!("x", it: [1, 2]).view(|msg| msg.get::<&[u8]>("it").is_err()));
    assert_eq!(msg!("x", it: 0.1).view(|msg| msg.get::<f32>("it")).ok(), Some(0.1));
    assert_eq!(goes_out(vec![1, 2]), "an array");
    assert_eq!(goes_out(vec![1_u8, 2]), "bytes");
    assert_eq!(goes_out(Some(true)), "a bool");
}

#[test]
fn numbers_take_the_bytes_that_the_page_says() {
    let len = |value: Value| msg!("x", it: value).to_bytes().expect("good").len();
    let of = |message: hexapod::Outgoing| message.to_bytes().expect("good").len();
    let bare = len(Value::Nil) - 1;
    assert_eq!([of(msg!("x", it: 5_u8)), of(msg!("x", it: 5_i64))], [bare + 1; 2]);
    assert_eq!(of(msg!("x", it: 1.5_f32)), bare + 5);
    assert_eq!(of(msg!("x", it: 1.5)), bare + 9);
    for (wide, fits) in [
        (-(1_i128 << 63), true),
        (-(1_i128 << 63) - 1, false),
        ((1_i128 << 64) - 1, true),
        (1_i128 << 64, false),
    ] {
        assert_eq!(msg!("x", it: wide).to_bytes().is_ok(), fits, "{wide}");
    }
}
