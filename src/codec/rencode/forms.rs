//! The forms of rencode: what the first bytes of a value say of the rest.
//!
//! ```text
//! 00-2b  0 … 43             3a  tuple, open     42     f32       66-7e  dict of 0 … 24
//! 2c     f64                3b  list, open      43-45  constants 7f     end of what is open
//! 30-39  str, "len:"        3c  dict, open      46-65  -1 … -32  80-bf  str of 0 … 63
//! 3d     int, "digits" 7f   3e-41  i8 … i64                      c0-df  list, e0-ff tuple
//! ```
//!
//! Both sides of the room stand on this table: the reader of payloads, and the framing that looks
//! for their ends while they are still coming.
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

use crate::frame::Input;

pub(super) const F64: u8 = 0x2c;
pub(super) const OPEN_TUPLE: u8 = 0x3a;
pub(super) const OPEN_LIST: u8 = 0x3b;
pub(super) const OPEN_DICT: u8 = 0x3c;
pub(super) const DECIMAL: u8 = 0x3d;
pub(super) const I8: u8 = 0x3e;
pub(super) const I16: u8 = 0x3f;
pub(super) const I32: u8 = 0x40;
pub(super) const I64: u8 = 0x41;
pub(super) const F32: u8 = 0x42;
pub(super) const TRUE: u8 = 0x43;
pub(super) const FALSE: u8 = 0x44;
pub(super) const NONE: u8 = 0x45;
pub(super) const MINUS_ONE: u8 = 0x46;
pub(super) const DICT: u8 = 0x66;
pub(super) const END: u8 = 0x7f;
pub(super) const STR: u8 = 0x80;
pub(super) const LIST: u8 = 0xc0;
pub(super) const TUPLE: u8 = 0xe0;

/// Where 0 would stand, counted back from -1.
const ZERO: i16 = 0x45;

/// The largest int that is its own code, and the most values of the short forms.
pub(super) const LARGEST_CODE: u8 = 43;
pub(super) const LONGEST_DICT: u8 = 24;
pub(super) const LONGEST_STR: u8 = 63;
pub(super) const LONGEST_LIST: u8 = 31;

/// The most characters of a decimal int, its sign included: PodSixNet refuses more.
const DIGITS: usize = 63;
/// The most characters of a text's length: more than the longest frame has digits.
const LENGTH_DIGITS: usize = 20;

/// What a value is, as far as its head tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    None,
    Bool(bool),
    /// The value is its code.
    Code(i16),
    /// The data is the int, big-endian, 1, 2, 4 or 8 bytes of it.
    Int,
    /// The data is the int in characters.
    Decimal,
    F32,
    F64,
    Str,
    /// This many values follow; in a dict they are keys and values in turn.
    Fixed(Container, usize),
    /// Values follow, up to an end.
    Open(Container),
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    List,
    Tuple,
    Dict,
}

/// The head of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) form: Form,
    /// Where the data begins, and its length.
    pub(super) data: usize,
    pub(super) len: usize,
    /// Where the next head begins.
    pub(super) end: usize,
}

/// What is wrong with a head, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) what: &'static str,
    pub(super) at: usize,
}

/// The head of the value that begins at `at`; nothing if the bytes end inside of it. The data need
/// not be there.
pub(super) fn head(input: Input<'_>, at: usize) -> Result<Option<Head>, Broken> {
    let here = input.from(at);
    let Some([code]) = here.start() else { return Ok(None) };
    let behind = at.saturating_add(1);
    let (form, len) = match code {
        0..=LARGEST_CODE => (Form::Code(code.into()), 0),
        F64 => (Form::F64, 8),
        b'0'..=b'9' => return text_head(here, at),
        OPEN_TUPLE => (Form::Open(Container::Tuple), 0),
        OPEN_LIST => (Form::Open(Container::List), 0),
        OPEN_DICT => (Form::Open(Container::Dict), 0),
        DECIMAL => return decimal_head(here, at),
        I8 => (Form::Int, 1),
        I16 => (Form::Int, 2),
        I32 => (Form::Int, 4),
        I64 => (Form::Int, 8),
        F32 => (Form::F32, 4),
        TRUE => (Form::Bool(true), 0),
        FALSE => (Form::Bool(false), 0),
        NONE => (Form::None, 0),
        MINUS_ONE..DICT => (Form::Code(ZERO.saturating_sub(code.into())), 0),
        DICT..END => {
            let pairs = usize::from(code.saturating_sub(DICT));
            (Form::Fixed(Container::Dict, pairs.saturating_mul(2)), 0)
        }
        END => (Form::End, 0),
        STR..LIST => (Form::Str, code.saturating_sub(STR).into()),
        LIST..TUPLE => (Form::Fixed(Container::List, code.saturating_sub(LIST).into()), 0),
        TUPLE.. => (Form::Fixed(Container::Tuple, code.saturating_sub(TUPLE).into()), 0),
        0x2d..=0x2f => return Err(Broken { what: "an undefined code", at }),
    };
    Ok(Some(Head { form, data: behind, len, end: behind.saturating_add(len) }))
}

/// A text with its length in front: `12:twelve bytes`.
fn text_head(here: Input<'_>, at: usize) -> Result<Option<Head>, Broken> {
    let broken = Broken { what: "a broken length of a text", at };
    let Some((digits, len)) = characters(here, b':', LENGTH_DIGITS).map_err(|()| broken)? else {
        return Ok(None);
    };
    let digits = digits.get(..len).unwrap_or_default();
    let text = integer(digits).map_err(|()| broken)?;
    let text = text.and_then(|len| usize::try_from(len).ok()).ok_or(broken)?;
    let data = at.saturating_add(len).saturating_add(1);
    Ok(Some(Head { form: Form::Str, data, len: text, end: data.saturating_add(text) }))
}

/// An int in characters: `=`, digits, end.
fn decimal_head(here: Input<'_>, at: usize) -> Result<Option<Head>, Broken> {
    let broken = Broken { what: "a broken int of digits", at };
    let Some((_, len)) = characters(here.from(1), END, DIGITS).map_err(|()| broken)? else {
        return Ok(None);
    };
    let data = at.saturating_add(1);
    let end = data.saturating_add(len).saturating_add(1);
    Ok(Some(Head { form: Form::Decimal, data, len, end }))
}

/// The characters of an int up to a closing byte; nothing if that has not come.
fn characters(here: Input<'_>, close: u8, max: usize) -> Result<Option<([u8; DIGITS], usize)>, ()> {
    let mut characters = [0; DIGITS];
    let mut len = 0_usize;
    for byte in here.bytes() {
        if byte == close {
            return Ok(Some((characters, len)));
        }
        let is_digit =
            byte.is_ascii_digit() || is_space(byte) || matches!(byte, b'+' | b'-' | b'_');
        let place = characters.get_mut(len).filter(|_| is_digit && len < max);
        *place.ok_or(())? = byte;
        len = len.saturating_add(1);
    }
    Ok(None)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// An int as Python's `int()` reads it: spaces around, a sign, and `_` between digits. `None` if it
/// is one that is beyond 128 bits.
pub(super) fn integer(characters: &[u8]) -> Result<Option<i128>, ()> {
    let start = characters.iter().position(|byte| !is_space(*byte)).ok_or(())?;
    let end = characters.iter().rposition(|byte| !is_space(*byte)).ok_or(())?;
    let trimmed = characters.get(start..=end).ok_or(())?;
    let (is_negative, digits) = match trimmed {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let (mut value, mut after_digit) = (Some(0_i128), false);
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                let digit = i128::from(byte.saturating_sub(b'0'));
                let grown = value.and_then(|value| value.checked_mul(10));
                value = if is_negative {
                    grown.and_then(|value| value.checked_sub(digit))
                } else {
                    grown.and_then(|value| value.checked_add(digit))
                };
                after_digit = true;
            }
            b'_' if after_digit => after_digit = false,
            _ => return Err(()),
        }
    }
    // Neither nothing at all nor an underscore is an end.
    if after_digit { Ok(value) } else { Err(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ints_as_python_reads_them() {
        for (text, value) in [
            ("7", 7),
            ("007", 7),
            ("+7", 7),
            ("-7", -7),
            ("-0", 0),
            ("1_0", 10),
            (" 1_0_0\t\n", 100),
            ("-9223372036854775809", -9_223_372_036_854_775_809),
            ("170141183460469231731687303715884105727", i128::MAX),
            ("-170141183460469231731687303715884105728", i128::MIN),
        ] {
            assert_eq!(integer(text.as_bytes()), Ok(Some(value)), "{text:?}");
        }
        assert_eq!(integer(&[b'9'; 63]), Ok(None));
        for text in ["", " ", "+", "-", "_1", "1_", "1__0", "+-1", "1 2", "a", "1a", "- 1"] {
            assert_eq!(integer(text.as_bytes()), Err(()), "{text:?}");
        }
    }

    #[test]
    fn every_code_has_a_head_or_is_refused() {
        let bytes = |code: u8| [&[code][..], b"1:\x7f"].concat();
        let mut refused = Vec::new();
        for code in 0..=255 {
            match head(Input::new((&bytes(code), &[])), 0) {
                Ok(Some(head)) => assert!(head.end >= 1 && head.data <= head.end, "{code}"),
                Ok(None) => panic!("{code} wants more"),
                Err(_) => refused.push(code),
            }
        }
        // The int of digits, because a colon is none.
        assert_eq!(refused, [0x2d, 0x2e, 0x2f, DECIMAL]);
        let code = |code| head(Input::new((&[code], &[])), 0).map(|head| head.map(|it| it.form));
        assert_eq!(code(0x46), Ok(Some(Form::Code(-1))));
        assert_eq!(code(0x65), Ok(Some(Form::Code(-32))));
        assert_eq!(code(0x7e), Ok(Some(Form::Fixed(Container::Dict, 48))));
        assert_eq!(code(0xdf), Ok(Some(Form::Fixed(Container::List, 31))));
    }
}
