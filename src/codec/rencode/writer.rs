//! Writing: a message as rencode, each value in the form in which PodSixNet writes it.
//!
//! Two plain ints can be a terminator: `40 00 2d 2d 2d` and `00` are 2960685 and 0. Where that
//! comes about, everything is written once more in forms that cannot:
//!
//! ```text
//! ints but the shortest   3d 32 39 36 30 36 38 35 7f   in digits; 0 too, whose code ends one
//! dicts                   3c … 7f                      open, so that no payload ends in a text
//! ```
//!
//! No code is 2d, and then no code is 00: so a terminator can lie within a text only, or nowhere.
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

use super::super::CodecError;
use super::forms::{
    DECIMAL, DICT, END, F32, FALSE, I8, I16, I32, I64, LARGEST_CODE, LIST, LONGEST_DICT,
    LONGEST_LIST, LONGEST_STR, MINUS_ONE, NONE, OPEN_DICT, OPEN_LIST, OPEN_TUPLE, STR, TRUE, TUPLE,
};
use crate::message::{ArrayRef, MapRef, ValueRef};

#[derive(Debug)]
pub(super) struct Writer<'o> {
    pub(super) out: &'o mut Vec<u8>,
    pub(super) care: Care,
}

/// Which forms are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    /// Those of PodSixNet.
    Plain,
    /// Those that hold no terminator, which PodSixNet reads but never writes.
    NoTerminator,
}

impl Writer<'_> {
    pub(super) fn value(&mut self, value: ValueRef<'_>) -> Result<(), CodecError> {
        match value {
            ValueRef::Nil => self.out.push(NONE),
            ValueRef::Bool(bool) => self.out.push(if bool { TRUE } else { FALSE }),
            ValueRef::Int(int) => self.int(int),
            ValueRef::F32(float) => self.float(float),
            ValueRef::F64(float) => self.float(narrow(float)?),
            ValueRef::Str(text) => self.text(text.as_bytes()),
            // The far end takes it for text, and ends its connection over what is none.
            ValueRef::Bytes(bytes) if std::str::from_utf8(bytes).is_err() => {
                return Err(CodecError::NotExpressible { what: "bytes that are not UTF-8" });
            }
            ValueRef::Bytes(bytes) => self.text(bytes),
            ValueRef::Array(items) => self.array(items)?,
            ValueRef::Map(pairs) => self.map(pairs)?,
            ValueRef::Timestamp(_) => {
                return Err(CodecError::NotExpressible { what: "a timestamp" });
            }
            ValueRef::Ext(..) => return Err(CodecError::NotExpressible { what: "an extension" }),
        }
        Ok(())
    }

    fn int(&mut self, int: i128) {
        let shortest = match self.care {
            Care::Plain => 0..=i128::from(LARGEST_CODE),
            Care::NoTerminator => 1..=i128::from(LARGEST_CODE),
        };
        if shortest.contains(&int) || (-32..0).contains(&int) {
            let code = if int < 0 {
                i128::from(MINUS_ONE).saturating_sub(1).saturating_sub(int)
            } else {
                int
            };
            return self.out.push(u8::try_from(code).unwrap_or(NONE));
        }
        if self.care == Care::NoTerminator {
            self.decimal(int);
        } else if let Ok(int) = i8::try_from(int) {
            self.number(I8, &int.to_be_bytes());
        } else if let Ok(int) = i16::try_from(int) {
            self.number(I16, &int.to_be_bytes());
        } else if let Ok(int) = i32::try_from(int) {
            self.number(I32, &int.to_be_bytes());
        } else if let Ok(int) = i64::try_from(int) {
            self.number(I64, &int.to_be_bytes());
        } else {
            self.decimal(int);
        }
    }

    fn number(&mut self, code: u8, data: &[u8]) {
        self.out.push(code);
        self.out.extend_from_slice(data);
    }

    fn decimal(&mut self, int: i128) {
        self.out.push(DECIMAL);
        self.digits(int);
        self.out.push(END);
    }

    fn float(&mut self, float: f32) {
        self.number(F32, &float.to_be_bytes());
    }

    fn text(&mut self, text: &[u8]) {
        match short(text.len(), LONGEST_STR) {
            Some(len) => self.out.push(STR.saturating_add(len)),
            None => {
                self.digits(i128::try_from(text.len()).unwrap_or(i128::MAX));
                self.out.push(b':');
            }
        }
        self.out.extend_from_slice(text);
    }

    fn array(&mut self, items: ArrayRef<'_>) -> Result<(), CodecError> {
        let (fixed, open) = if items.is_tuple() { (TUPLE, OPEN_TUPLE) } else { (LIST, OPEN_LIST) };
        let short = short(items.len(), LONGEST_LIST);
        self.out.push(short.map_or(open, |len| fixed.saturating_add(len)));
        for item in items.iter() {
            self.value(item)?;
        }
        self.end(short);
        Ok(())
    }

    fn map(&mut self, pairs: MapRef<'_>) -> Result<(), CodecError> {
        // The message's own dict is around all others, so this sees to the payload's end.
        let short = short(pairs.len(), LONGEST_DICT).filter(|_| self.care == Care::Plain);
        self.out.push(short.map_or(OPEN_DICT, |len| DICT.saturating_add(len)));
        for (key, value) in pairs.iter() {
            // It would be a text there: a second "action", say, of which the last one counts.
            if let ValueRef::Bytes(_) = key {
                return Err(CodecError::NotExpressible { what: "bytes as a key" });
            }
            self.value(key)?;
            self.value(value)?;
        }
        self.end(short);
        Ok(())
    }

    /// A container that was opened without its length needs an end.
    fn end(&mut self, short: Option<u8>) {
        if short.is_none() {
            self.out.push(END);
        }
    }

    fn digits(&mut self, int: i128) {
        use std::io::Write;
        // Writing to a Vec cannot fail.
        let _ = write!(self.out, "{int}");
    }
}

/// The length, if the code can hold it.
fn short(len: usize, longest: u8) -> Option<u8> {
    u8::try_from(len).ok().filter(|len| *len <= longest)
}

/// A float of 32 bits, as PodSixNet makes it of every float: rounded, and refused beyond its range.
fn narrow(float: f64) -> Result<f32, CodecError> {
    let narrow = float as f32;
    if narrow.is_infinite() && float.is_finite() {
        return Err(CodecError::NotExpressible { what: "a float beyond 32 bits" });
    }
    Ok(narrow)
}
