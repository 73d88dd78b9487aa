//! Reading: a payload of rencode as canonical bytes.
//!
//! It does not recurse: what is open is in a table, as long as values may nest. What it writes is
//! at most three times as long as what it reads.
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
use super::forms::{Broken, Container, Form, Head, head, integer};
use crate::frame::Input;
use crate::limits::{DEEPEST, Limits};
use crate::message::{self, Encoder, Open};

/// Reads the one value that a payload is.
pub(super) fn read(payload: &[u8], limits: Limits, out: &mut Encoder) -> Result<(), CodecError> {
    let mut reader = Reader { payload, at: 0 };
    // The containers that are open, the innermost last.
    let mut levels: [Option<Level>; DEEPEST] = [const { None }; DEEPEST];
    let mut depth = 0_usize;
    loop {
        let at = reader.at;
        let (head, data) = reader.head()?;
        let around = depth.checked_sub(1).and_then(|around| levels.get_mut(around)?.as_mut());
        if head.form == Form::End {
            let what = "an end where a value belongs";
            around.filter(|level| level.may_end()).ok_or(CodecError::Malformed { what, at })?;
            depth = close(&mut levels, depth, out);
        } else {
            around.map_or(Ok(()), |level| level.step(head.form, at))?;
            match head.form {
                Form::Open(container) | Form::Fixed(container, _) => {
                    let place = levels.get_mut(depth).filter(|_| depth < limits.depth);
                    let what = "lists, tuples and dicts inside of too many others";
                    let place = place.ok_or(CodecError::Malformed { what, at })?;
                    let left = match head.form {
                        Form::Fixed(_, values) => Some(values),
                        _ => None,
                    };
                    *place = Some(Level { container, left, read: 0, open: out.open() });
                    depth = depth.saturating_add(1);
                }
                _ => scalar(head.form, data, at, out)?,
            }
        }
        // What ends a container may end those around it.
        while let Some(Level { left: Some(0), .. }) =
            depth.checked_sub(1).and_then(|around| levels.get(around)?.as_ref())
        {
            depth = close(&mut levels, depth, out);
        }
        if depth == 0 {
            break;
        }
    }
    if reader.at < payload.len() {
        return Err(CodecError::Malformed { what: "more than one value", at: reader.at });
    }
    Ok(())
}

/// A container that is open.
struct Level {
    container: Container,
    /// How many values are to come; `None` where an end tells.
    left: Option<usize>,
    /// How many have come.
    read: usize,
    open: Open,
}

impl Level {
    /// Counts a value, whose head is this.
    fn step(&mut self, form: Form, at: usize) -> Result<(), CodecError> {
        let is_key = self.container == Container::Dict && self.read % 2 == 0;
        self.read = self.read.saturating_add(1);
        self.left = self.left.map(|left| left.saturating_sub(1));
        match form {
            Form::Fixed(container, _) | Form::Open(container) if is_key => Err(match container {
                Container::Tuple => CodecError::NotExpressible { what: "a tuple as a key" },
                _ => CodecError::Malformed { what: "a list or dict as a key", at },
            }),
            _ => Ok(()),
        }
    }

    fn may_end(&self) -> bool {
        let is_whole = self.container != Container::Dict || self.read % 2 == 0;
        self.left.is_none() && is_whole
    }
}

/// Closes the innermost container; tells how many are open then.
fn close(levels: &mut [Option<Level>], depth: usize, out: &mut Encoder) -> usize {
    let around = depth.saturating_sub(1);
    if let Some(level) = levels.get_mut(around).and_then(Option::take) {
        out.close(level.open, kind(level.container));
    }
    around
}

struct Reader<'p> {
    payload: &'p [u8],
    at: usize,
}

impl<'p> Reader<'p> {
    /// The next head, and its data.
    fn head(&mut self) -> Result<(Head, &'p [u8]), CodecError> {
        let at = self.at;
        let found = head(Input::new((self.payload, &[])), at)
            .map_err(|Broken { what, at }| CodecError::Malformed { what, at })?;
        let whole = found.and_then(|head| {
            let data = self.payload.get(head.data..head.data.checked_add(head.len)?)?;
            Some((head, data))
        });
        let (head, data) = whole.ok_or(CodecError::Malformed { what: "a cut value", at })?;
        self.at = head.end;
        Ok((head, data))
    }
}

/// Writes a value that holds no others; its head is at `at`.
fn scalar(form: Form, data: &[u8], at: usize, out: &mut Encoder) -> Result<(), CodecError> {
    match form {
        Form::None => out.nil(),
        Form::Bool(bool) => out.bool(bool),
        Form::Code(int) => out.int(int.into()),
        Form::Int => out.int(big_endian(data)),
        Form::Decimal => {
            let what = "a broken int of digits";
            let int = integer(data).map_err(|()| CodecError::Malformed { what, at })?;
            let int = int.filter(|int| (MIN..=MAX).contains(int));
            let what = "an integer beyond 64 bits";
            out.int(int.ok_or(CodecError::NotExpressible { what })?);
        }
        Form::F32 => out.f32(data.try_into().map_or(0.0, f32::from_be_bytes)),
        Form::F64 => out.f64(data.try_into().map_or(0.0, f64::from_be_bytes)),
        Form::Str => match std::str::from_utf8(data) {
            Ok(text) => out.str(text),
            Err(_) => out.bytes(data),
        },
        Form::Fixed(..) | Form::Open(_) | Form::End => {}
    }
    Ok(())
}

const MIN: i128 = i64::MIN as i128;
const MAX: i128 = u64::MAX as i128;

/// An int of up to 8 bytes.
fn big_endian(data: &[u8]) -> i128 {
    let negative = data.first().is_some_and(|first| *first >= 0x80);
    let start = if negative { -1 } else { 0 };
    data.iter().fold(start, |int, byte| (int << 8) | i128::from(*byte))
}

fn kind(container: Container) -> message::Container {
    match container {
        Container::List => message::Container::Array,
        Container::Tuple => message::Container::Tuple,
        Container::Dict => message::Container::Map,
    }
}
