//! JSON (feature `json`): for clients in languages that have it at hand.
//!
//! ```text
//! {"action":"move","x":1.5,"path":[1,2]}
//! ```
//!
//! | JSON | hexapod |
//! | --- | --- |
//! | a number without `.` and exponent, within −2⁶³ … 2⁶⁴ − 1, but for `-0` | an integer |
//! | any other number, within a float's range | a float: always written with `.` or exponent |
//! | object, its pairs in order | a map; keys that are integers are written as text |
//! | the rest | what it says |
//!
//! Bytes, extensions, timestamps, NaN and infinities have no place in it, nor do more than 127
//! levels, nor a map in which an integer and a text would become the same key. Reading is
//! serde_json's; what it finds is written as it comes, and no tree is built.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::{Codec, CodecError};
use crate::limits::Limits;
use crate::message::{Container, Encoder, MapRef, Open, ValueRef};

#[derive(Debug)]
pub(crate) struct Json;

impl Codec for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn decode(&self, payload: &[u8], limits: Limits, out: &mut Encoder) -> Result<(), CodecError> {
        let mut source = serde_json::Deserializer::from_slice(payload);
        let max = limits.depth.min(LEVELS);
        let read = Slot { out, depth: 0, max }.deserialize(&mut source);
        read.and_then(|()| source.end()).map_err(|error| {
            let what = match error.classify() {
                Category::Eof => "an end too early",
                Category::Data if error.to_string().starts_with(TOO_DEEP) => TOO_DEEP,
                Category::Data | Category::Syntax | Category::Io => "what is no JSON",
            };
            CodecError::Malformed { what, at: offset(payload, error.line(), error.column()) }
        })
    }

    fn encode(&self, message: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        write(message, LEVELS, out)
    }
}

/// How deep arrays and objects may nest: serde_json reads no deeper.
const LEVELS: usize = 127;

const TOO_DEEP: &str = "arrays and objects inside of too many others";

/// Where a column of a line stands; both count from one, and a column 0 is the line's start.
fn offset(payload: &[u8], line: usize, column: usize) -> usize {
    let ends = payload.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    let start = match line.checked_sub(2) {
        Some(before) => ends.into_iter().nth(before).map_or(0, |at| at.saturating_add(1)),
        None => 0,
    };
    start.saturating_add(column.saturating_sub(1)).min(payload.len())
}

/// The place for one value, inside of so many containers.
struct Slot<'e> {
    out: &'e mut Encoder,
    depth: usize,
    max: usize,
}

impl Slot<'_> {
    /// A place inside of the container that is open.
    fn inside(&mut self) -> Slot<'_> {
        Slot { out: self.out, depth: self.depth.saturating_add(1), max: self.max }
    }

    /// A number that has come as text, read as serde_json reads it without that feature.
    fn number<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        match (text.parse::<i64>(), text.parse::<u64>(), text.parse::<f64>()) {
            _ if text == "-0" => self.out.f64(-0.0),
            (Ok(int), ..) => self.out.int(int.into()),
            (_, Ok(int), _) => self.out.int(int.into()),
            (.., Ok(float)) if float.is_finite() => self.out.f64(float),
            _ => return Err(E::custom("a number beyond the range of floats")),
        }
        Ok(())
    }

    /// An error that is not serde_json's own.
    fn check<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.depth < self.max { Ok(()) } else { Err(E::custom(TOO_DEEP)) }
    }
}

impl<'de> DeserializeSeed<'de> for Slot<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Slot<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.out.nil();
        Ok(())
    }

    fn visit_bool<E>(self, bool: bool) -> Result<(), E> {
        self.out.bool(bool);
        Ok(())
    }

    fn visit_i64<E>(self, int: i64) -> Result<(), E> {
        self.out.int(int.into());
        Ok(())
    }

    fn visit_u64<E>(self, int: u64) -> Result<(), E> {
        self.out.int(int.into());
        Ok(())
    }

    fn visit_f64<E>(self, float: f64) -> Result<(), E> {
        self.out.f64(float);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.out.str(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        self.check()?;
        let open = self.out.open();
        while items.next_element_seed(self.inside())?.is_some() {}
        self.out.close(open, Container::Array);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut pairs: A) -> Result<(), A::Error> {
        let open = match pairs.next_key_seed(FirstKey(self.out))? {
            Some(None) => return self.number(&pairs.next_value::<String>()?),
            Some(Some(open)) => {
                self.check()?;
                pairs.next_value_seed(self.inside())?;
                open
            }
            None => {
                self.check()?;
                self.out.open()
            }
        };
        while pairs.next_key_seed(self.inside())?.is_some() {
            pairs.next_value_seed(self.inside())?;
        }
        self.out.close(open, Container::Map);
        Ok(())
    }
}

/// What serde_json calls the one key of a number, should any crate of the game's have switched on
/// its feature `arbitrary_precision`: that counts for all.
const NUMBER: &str = "$serde_json::private::Number";

/// Opens a map with its first key, unless it is a number in disguise.
struct FirstKey<'e>(&'e mut Encoder);

impl<'de> DeserializeSeed<'de> for FirstKey<'_> {
    type Value = Option<Open>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        source.deserialize_str(self)
    }
}

impl Visitor<'_> for FirstKey<'_> {
    type Value = Option<Open>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        if text == NUMBER {
            return Ok(None);
        }
        let open = self.0.open();
        self.0.str(text);
        Ok(Some(open))
    }
}

/// Writes a value that may have so many levels of arrays and maps.
fn write(value: ValueRef<'_>, levels: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let no_place = |what| Err(CodecError::NotExpressible { what });
    let inside = || {
        let what = "more than 127 levels of arrays and maps";
        levels.checked_sub(1).ok_or(CodecError::NotExpressible { what })
    };
    match value {
        ValueRef::Nil => out.extend_from_slice(b"null"),
        ValueRef::Bool(bool) => out.extend_from_slice(if bool { b"true" } else { b"false" }),
        ValueRef::Int(int) => put(out, format_args!("{int}")),
        ValueRef::F32(float) if !float.is_finite() => return no_place("NaN or an infinity"),
        ValueRef::F64(float) if !float.is_finite() => return no_place("NaN or an infinity"),
        // Rust's own form is the shortest that is read as the same, and never that of an integer.
        ValueRef::F32(float) => put(out, format_args!("{float:?}")),
        ValueRef::F64(float) => put(out, format_args!("{float:?}")),
        ValueRef::Str(text) => write_text(text, out),
        ValueRef::Array(items) => {
            let levels = inside()?;
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(item, levels, out)?;
            }
            out.push(b']');
        }
        ValueRef::Map(pairs) => write_object(pairs, inside()?, out)?,
        ValueRef::Bytes(_) => return no_place("bytes"),
        ValueRef::Timestamp(_) => return no_place("a timestamp"),
        ValueRef::Ext(..) => return no_place("an extension"),
    }
    Ok(())
}

fn write_object(pairs: MapRef<'_>, levels: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    if has_equal_keys(pairs) {
        let what = "a map in which an integer and a text are the same key there";
        return Err(CodecError::NotExpressible { what });
    }
    out.push(b'{');
    for (at, (key, value)) in pairs.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match key {
            ValueRef::Str(text) => write_text(text, out),
            ValueRef::Int(int) => put(out, format_args!("\"{int}\"")),
            _ => {
                let what = "a key that is neither text nor integer";
                return Err(CodecError::NotExpressible { what });
            }
        }
        out.push(b':');
        write(value, levels, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// Whether a text would be the same key as an integer. A reader takes the last of them, and not the
/// one that the game has looked at.
fn has_equal_keys(pairs: MapRef<'_>) -> bool {
    let integer = |(key, _)| if let ValueRef::Int(int) = key { Some(int) } else { None };
    let integers: BTreeSet<i128> = pairs.iter().filter_map(integer).collect();
    let is_one = |text: &str| {
        let int = text.parse().ok().filter(|int| integers.contains(int));
        int.is_some_and(|int| int.to_string() == text)
    };
    !integers.is_empty() && pairs.iter().filter_map(|(key, _)| key.as_str()).any(is_one)
}

/// Writes a text in quotes. Everything below a space is escaped, so no terminator can come about.
fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            0..b' ' => put(out, format_args!("\\u{byte:04x}")),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

fn put(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::check_codec;
    use crate::message::{Index, Message, Outgoing};
    use crate::msg;

    fn encode(message: &Outgoing) -> Result<String, &'static str> {
        let mut out = Vec::new();
        let encoded = message.view(|msg| Json.encode(ValueRef::Map(msg.fields()), &mut out));
        match encoded {
            Ok(()) => Ok(String::from_utf8(out).unwrap()),
            Err(CodecError::NotExpressible { what }) => Err(what),
            Err(error) => panic!("{error}"),
        }
    }

    /// What is read of a field `v` that is written like this.
    fn read(value: &str) -> Result<String, CodecError> {
        let payload = format!("{{\"action\": \"x\", \"v\": {value}}}");
        let mut out = Encoder::writing_to(Vec::new());
        Json.decode(payload.as_bytes(), Limits::default(), &mut out)?;
        out.one_value().unwrap();
        let (bytes, mut index) = (out.into_buffer(), Index::default());
        let message = Message::read(&bytes, &mut index, Limits::default()).expect("a message");
        Ok(message.field("v").unwrap().to_string())
    }

    #[test]
    fn integers_and_floats_stay_what_they_are() {
        for (json, value) in [
            ("0", "0"),
            ("-1", "-1"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("1.0", "1.0"),
            ("1e2", "100.0"),
            ("-0.0", "-0.0"),
            // No integer of ours, so it is a float: never another integer.
            ("18446744073709551616", "1.8446744073709552e19"),
            ("-9223372036854775809", "-9.223372036854776e18"),
        ] {
            assert_eq!(read(json).unwrap(), value, "{json}");
        }
        assert_eq!(
            encode(&msg!("x", a: 1.0, b: 1, c: 1e300, d: 0.1_f32, e: u64::MAX, f: -0.0)).unwrap(),
            r#"{"action":"x","a":1.0,"b":1,"c":1e300,"d":0.1,"e":18446744073709551615,"f":-0.0}"#
        );
        for float in [1e16, 1e-7, f64::MAX, f64::MIN_POSITIVE, 5e-324, 123_456_789.0] {
            let json = encode(&msg!("x", v: float)).unwrap();
            let json = json.strip_prefix(r#"{"action":"x","v":"#).unwrap().trim_end_matches('}');
            assert_eq!(read(json).unwrap(), format!("{float:?}"), "{json}");
        }
    }

    #[test]
    fn texts_are_escaped_where_they_must_be() {
        let text = "\0---\0 \u{1f}\n\t\"\\/ ü 🐙";
        let json = encode(&msg!("x", v: text)).unwrap();
        assert_eq!(
            json,
            "{\"action\":\"x\",\"v\":\"\\u0000---\\u0000 \\u001f\\n\\u0009\\\"\\\\/ ü 🐙\"}"
        );
        assert_eq!(read(r#""\u00fc\ud83d\udc19\/\b""#).unwrap(), r#""ü🐙/\u{8}""#);
    }

    #[test]
    fn what_has_no_place_in_it() {
        let time = crate::Timestamp { seconds: 1, nanoseconds: 0 };
        for (message, what) in [
            (msg!("x", v: [1_u8, 2]), "bytes"),
            (msg!("x", v: [f64::NAN]), "NaN or an infinity"),
            (msg!("x", v: f32::NEG_INFINITY), "NaN or an infinity"),
            (msg!("x", v: time), "a timestamp"),
            (msg!("x", v: crate::Value::Ext(5, vec![1])), "an extension"),
            (
                msg!("x", v: std::collections::BTreeMap::from([(true, 1)])),
                "a key that is neither text nor integer",
            ),
        ] {
            assert_eq!(encode(&message), Err(what));
        }
        let keys = std::collections::BTreeMap::from([(-1, 2), (7, 3)]);
        assert_eq!(
            encode(&msg!("x", v: keys)).unwrap(),
            r#"{"action":"x","v":{"-1":2,"7":3}}"#,
            "as Python and JavaScript write it"
        );
    }

    #[test]
    fn of_equal_keys_the_last_one_counts() {
        let mut out = Encoder::writing_to(Vec::new());
        let json = br#"{"v": 1, "action": "x", "v": 2}"#;
        Json.decode(json, Limits::default(), &mut out).unwrap();
        let (bytes, mut index) = (out.into_buffer(), Index::default());
        let message = Message::read(&bytes, &mut index, Limits::default()).unwrap();
        assert_eq!(message.get::<i32>("v").unwrap(), 2);
        assert_eq!(message.to_string(), r#"{"v": 1, "action": "x", "v": 2}"#);
    }

    #[test]
    fn faults_are_found_where_they_are() {
        for (json, what, at) in [
            ("", "an end too early", 0),
            ("{\"a\": ", "an end too early", 5),
            ("{\"a\": x}", "what is no JSON", 6),
            ("{\n\"a\":\n x}", "what is no JSON", 8),
            ("{} {}", "what is no JSON", 3),
            ("{\"a\": NaN}", "what is no JSON", 6),
            ("{\"a\": 01}", "what is no JSON", 7),
            ("{\"a\": 1e999}", "what is no JSON", 11),
            ("{\"a\": \"\\ud800\"}", "what is no JSON", 14),
        ] {
            let error = Json.decode(
                json.as_bytes(),
                Limits::default(),
                &mut Encoder::writing_to(Vec::new()),
            );
            let Err(CodecError::Malformed { what: found, at: place }) = error else {
                panic!("{json}: {error:?}")
            };
            assert_eq!(found, what, "{json}");
            assert!(place.abs_diff(at) <= 2, "{json}: {place} is not near {at}");
        }
        let bad = b"{\"a\": \"\xff\"}";
        assert!(Json.decode(bad, Limits::default(), &mut Encoder::writing_to(Vec::new())).is_err());
    }

    #[test]
    fn nesting_ends_at_the_limit_and_at_the_stack_that_is_promised() {
        fn decode(levels: usize, depth: usize) -> Result<(), CodecError> {
            let nested = ["[".repeat(levels), "]".repeat(levels)].concat();
            let limits = Limits { depth, ..Limits::default() };
            Json.decode(nested.as_bytes(), limits, &mut Encoder::writing_to(Vec::new()))
        }
        assert_eq!(decode(32, 32), Ok(()));
        assert_eq!(decode(33, 32), Err(CodecError::Malformed { what: TOO_DEEP, at: 33 }));
        assert!(decode(100_000, 32).is_err());
        assert!(decode(100_000, 128).is_err());
        for (levels, kib) in [(32, 64), (127, 256)] {
            let thread = std::thread::Builder::new().stack_size(kib << 10);
            let outcome = thread.spawn(move || decode(levels, levels)).unwrap().join().unwrap();
            assert_eq!(outcome, Ok(()));
        }
    }

    #[test]
    fn what_is_read_is_written_again() {
        for json in [r#"{"action":"x","v":[{},[],null,true,1.5,-3,"ü",{"k":{"k":[[1]]}}]}"#, "[1]"]
        {
            check_codec(&Json, json.as_bytes());
        }
    }

    /// In a build in which somebody has switched on serde_json's `arbitrary_precision`, numbers
    /// come as maps of one pair. The gate runs these tests in such a build, too.
    #[test]
    fn numbers_in_disguise_are_numbers() {
        for (number, value) in [
            ("7", "7"),
            ("-0", "-0.0"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "1.8446744073709552e19"),
            ("1e2", "100.0"),
        ] {
            let disguised = format!("{{\"{NUMBER}\": \"{number}\"}}");
            assert_eq!(read(&disguised).unwrap(), value);
            assert_eq!(read(number).unwrap(), value);
        }
        for no_number in ["\"1e999\"", "\"x\"", "[]"] {
            let error = read(&format!("{{\"{NUMBER}\": {no_number}}}")).unwrap_err();
            assert!(
                matches!(error, CodecError::Malformed { what: "what is no JSON", .. }),
                "{error}"
            );
        }
    }

    /// What is written can be read: serde_json reads 127 levels.
    #[test]
    fn no_more_levels_are_written_than_can_be_read() {
        let nested = |levels: usize| {
            let mut value = crate::Value::Nil;
            (1..levels).for_each(|_| value = crate::Value::Array(vec![value.clone()]));
            encode(&msg!("x", v: value))
        };
        assert_eq!(nested(128), Err("more than 127 levels of arrays and maps"));
        let json = nested(127).unwrap();
        let limits = Limits { depth: 128, elements: usize::MAX };
        let mut out = Encoder::writing_to(Vec::new());
        assert_eq!(Json.decode(json.as_bytes(), limits, &mut out), Ok(()));
    }
}
