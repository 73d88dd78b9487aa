//! rencode, as PodSixNet has it: its payloads, and its frames, whose ends the payload tells.
//!
//! ```text
//! 68                                  a dict of two pairs
//! 86 61 63 74 69 6f 6e  83 70 6f 73   "action": "pos"
//! 81 70                 e2 0a 3e 64   "p": (10, 100)
//! 00 2d 2d 2d 00                      the terminator, which is no part of it
//! ```
//!
//! | PodSixNet | hexapod |
//! | --- | --- |
//! | int | an integer; beyond 64 bits it is [not expressible](crate::CodecError) |
//! | float, always of 32 bits when written | `F32`; read also of 64 bits, as `F64` |
//! | str, bytes: the same on the wire | a text if it is UTF-8, bytes if not |
//! | list | an array |
//! | tuple | an array that [is a tuple](crate::ArrayRef::is_tuple) |
//! | dict, its pairs in order | a map |
//!
//! Extensions and timestamps have no place in it, no float beyond 32 bits, and no bytes that are
//! not UTF-8 or are a key: Python's decoder fails over the former, and takes the latter for text. A
//! terminator never stands inside what is written here: PodSixNet would cut the frame there.
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

mod forms;
mod frames;
mod reader;
mod writer;

pub(crate) use frames::RencodeFrames;

use super::{Codec, CodecError};
use crate::frame::ends_early;
use crate::limits::Limits;
use crate::message::{Encoder, ValueRef};

use writer::{Care, Writer};

#[derive(Debug)]
pub(crate) struct Rencode;

impl Codec for Rencode {
    fn name(&self) -> &'static str {
        "rencode"
    }

    fn decode(&self, payload: &[u8], limits: Limits, out: &mut Encoder) -> Result<(), CodecError> {
        reader::read(payload, limits, out)
    }

    fn encode(&self, message: ValueRef<'_>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let start = out.len();
        for care in [Care::Plain, Care::NoTerminator] {
            out.truncate(start);
            Writer { out, care }.value(message)?;
            if !ends_early(out.get(start..).unwrap_or_default()) {
                return Ok(());
            }
        }
        Err(CodecError::NotExpressible { what: "a text that holds \\0---\\0" })
    }
}

#[cfg(test)]
mod tests;
