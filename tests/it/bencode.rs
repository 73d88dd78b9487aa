//! A codec from outside of the library, in one file: bencode, as BitTorrent has it.
//!
//! ```text
//! d 6:action 4:move 1:x i7e 4:path l i1e i2e e e
//! ```
//!
//! It has no floats, no nil and no bools, and does not tell texts from bytes.

use hexapod::{Codec, CodecError, Encoder, Limits, Value, ValueRef, check_codec};

#[derive(Debug)]
pub(crate) struct Bencode;

impl Codec for Bencode {
    fn name(&self) -> &'static str {
        "bencode"
    }

    fn decode(&self, payload: &[u8], limits: Limits, out: &mut Encoder) -> Result<(), CodecError> {
        let mut rest = payload;
        let value = read(&mut rest, limits.depth).filter(|_| rest.is_empty());
        let at = payload.len() - rest.len();
        out.value(&value.ok_or(CodecError::Malformed { what: "what is no bencode", at })?);
        Ok(())
    }

    fn encode(&self, message: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match message {
            ValueRef::Int(int) => out.extend(format!("i{int}e").bytes()),
            ValueRef::Str(text) => {
                out.extend(format!("{}:{text}", text.len()).bytes());
            }
            ValueRef::Bytes(bytes) => {
                out.extend(format!("{}:", bytes.len()).bytes());
                out.extend(bytes);
            }
            ValueRef::Array(items) => {
                out.push(b'l');
                items.iter().try_for_each(|item| self.encode(item, out))?;
                out.push(b'e');
            }
            ValueRef::Map(pairs) => {
                out.push(b'd');
                for (key, value) in pairs.iter() {
                    self.encode(key, out)?;
                    self.encode(value, out)?;
                }
                out.push(b'e');
            }
            other => return Err(CodecError::NotExpressible { what: other.kind() }),
        }
        Ok(())
    }
}

fn read(rest: &mut &[u8], depth: usize) -> Option<Value> {
    match *rest.first()? {
        b'i' => {
            let int = until(&rest[1..], b'e')?.parse().ok()?;
            *rest = &rest[rest.iter().position(|byte| *byte == b'e')? + 1..];
            Some(Value::Int(int))
        }
        b'0'..=b'9' => {
            let len = until(rest, b':')?;
            let data = &rest[len.len() + 1..];
            let (text, behind) = data.split_at_checked(len.parse().ok()?)?;
            *rest = behind;
            Some(match std::str::from_utf8(text) {
                Ok(text) => Value::from(text),
                Err(_) => Value::from(text),
            })
        }
        container @ (b'l' | b'd') if depth > 0 => {
            *rest = &rest[1..];
            let mut items = Vec::new();
            while *rest.first()? != b'e' {
                items.push(read(rest, depth - 1)?);
            }
            *rest = &rest[1..];
            match container {
                b'l' => Some(Value::Array(items)),
                _ if items.len() % 2 != 0 => None,
                _ => {
                    let mut items = items.into_iter();
                    let pairs = std::iter::from_fn(|| Some((items.next()?, items.next()?)));
                    Some(Value::Map(pairs.collect()))
                }
            }
        }
        _ => None,
    }
}

fn until(bytes: &[u8], end: u8) -> Option<&str> {
    let len = bytes.iter().position(|byte| *byte == end)?;
    std::str::from_utf8(&bytes[..len]).ok()
}

#[test]
fn it_keeps_what_a_codec_promises() {
    for payload in [
        &b"d6:action4:move1:xi7e4:pathli1ei-2eee"[..],
        b"d6:action1:x1:vd1:\xff0:i5eleee",
        b"d6:action1:xlei1ee",
        b"i99999999999999999999999999999999999e",
        b"99999999999999999999:",
        b"",
        b"d",
        b"i1ei2e",
    ] {
        for end in 0..=payload.len() {
            check_codec(&Bencode, &payload[..end]);
        }
    }
}
