//! Writing: each value in its smallest form.
//!
//! The head of a container may be written after its values and put in front of them; that is how a
//! container can be written whose length is not known before.
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

use rmp::Marker;

use super::{FIX_ARRAY, Head, NANOSECONDS, Reader, TIMESTAMP};
use crate::value::Timestamp;

/// The marker of a text of no more than 31 bytes, with its length in the lower bits.
const FIX_STR: u8 = 0xa0;

/// What cannot be written as MessagePack at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotExpressible;

/// Writing to a `Vec` cannot fail, which is all that rmp's result would tell.
fn written<T, E>(result: Result<T, E>) {
    debug_assert!(result.is_ok(), "writing to a Vec cannot fail");
}

pub(crate) fn write_nil(out: &mut Vec<u8>) {
    written(rmp::encode::write_nil(out));
}

pub(crate) fn write_bool(out: &mut Vec<u8>, bool: bool) {
    written(rmp::encode::write_bool(out, bool));
}

pub(crate) fn write_i64(out: &mut Vec<u8>, int: i64) {
    written(rmp::encode::write_sint(out, int));
}

pub(crate) fn write_u64(out: &mut Vec<u8>, int: u64) {
    written(rmp::encode::write_uint(out, int));
}

#[inline]
pub(crate) fn write_i128(out: &mut Vec<u8>, int: i128) -> Result<(), NotExpressible> {
    // The most common ones are a byte, and their own marker.
    if let Ok(int @ ..=127) = u8::try_from(int) {
        out.push(int);
    } else if let Ok(int) = i64::try_from(int) {
        write_i64(out, int);
    } else {
        write_u64(out, u64::try_from(int).map_err(|_| NotExpressible)?);
    }
    Ok(())
}

pub(crate) fn write_f32(out: &mut Vec<u8>, float: f32) {
    written(rmp::encode::write_f32(out, float));
}

pub(crate) fn write_f64(out: &mut Vec<u8>, float: f64) {
    written(rmp::encode::write_f64(out, float));
}

pub(crate) fn write_str(out: &mut Vec<u8>, text: &str) -> Result<(), NotExpressible> {
    // Nearly all are keys and names.
    if let Ok(len @ ..=31) = u8::try_from(text.len()) {
        out.push(FIX_STR | len);
        out.extend_from_slice(text.as_bytes());
        return Ok(());
    }
    length(text.len())?;
    written(rmp::encode::write_str(out, text));
    Ok(())
}

pub(crate) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), NotExpressible> {
    length(bytes.len())?;
    written(rmp::encode::write_bin(out, bytes));
    Ok(())
}

pub(crate) fn write_ext(out: &mut Vec<u8>, kind: i8, bytes: &[u8]) -> Result<(), NotExpressible> {
    written(rmp::encode::write_ext_meta(out, length(bytes.len())?, kind));
    out.extend_from_slice(bytes);
    Ok(())
}

pub(crate) fn write_timestamp(out: &mut Vec<u8>, time: Timestamp) -> Result<(), NotExpressible> {
    if time.nanoseconds >= NANOSECONDS {
        return Err(NotExpressible);
    }
    match (u32::try_from(time.seconds), u64::try_from(time.seconds)) {
        (Ok(seconds), _) if time.nanoseconds == 0 => {
            write_ext(out, TIMESTAMP, &seconds.to_be_bytes())
        }
        (_, Ok(seconds)) if seconds < 1 << 34 => {
            let both = (u64::from(time.nanoseconds) << 34) | seconds;
            write_ext(out, TIMESTAMP, &both.to_be_bytes())
        }
        _ => {
            let mut bytes = [0; 12];
            let (nanoseconds, seconds) = bytes.split_at_mut(4);
            nanoseconds.copy_from_slice(&time.nanoseconds.to_be_bytes());
            seconds.copy_from_slice(&time.seconds.to_be_bytes());
            write_ext(out, TIMESTAMP, &bytes)
        }
    }
}

pub(crate) fn write_array_len(out: &mut Vec<u8>, len: usize) -> Result<(), NotExpressible> {
    written(rmp::encode::write_array_len(out, length(len)?));
    Ok(())
}

pub(crate) fn write_map_len(out: &mut Vec<u8>, len: usize) -> Result<(), NotExpressible> {
    written(rmp::encode::write_map_len(out, length(len)?));
    Ok(())
}

/// Puts the head of an array in front of its values, which begin at `at` and were written first.
pub(crate) fn head_array(out: &mut Vec<u8>, at: usize, len: usize) -> Result<(), NotExpressible> {
    let end = out.len();
    write_array_len(out, len)?;
    to_front(out, at, end);
    Ok(())
}

/// As [`head_array`], with a longer head than the array needs: that is what tells a tuple. One of
/// more than 65,535 values has no longer head, and stays an array.
pub(crate) fn head_tuple(out: &mut Vec<u8>, at: usize, len: usize) -> Result<(), NotExpressible> {
    let end = out.len();
    write_tuple_len(out, len)?;
    to_front(out, at, end);
    Ok(())
}

/// Gives the array at this offset the head of a tuple. What is there and is no array stays so.
pub(crate) fn widen_array(out: &mut Vec<u8>, at: usize) -> Result<(), NotExpressible> {
    let mut reader = Reader::new(out, at);
    let Ok(Head::Array(len)) = reader.head() else { return Ok(()) };
    let old = reader.at().saturating_sub(at);
    let end = out.len();
    write_tuple_len(out, len)?;
    let new = out.len().saturating_sub(end);
    to_front(out, at, end);
    // The old head stands behind the new one now.
    let behind = at.saturating_add(new);
    out.drain(behind..behind.saturating_add(old));
    Ok(())
}

/// The shortest head of an array that is longer than it needs to be.
fn write_tuple_len(out: &mut Vec<u8>, len: usize) -> Result<(), NotExpressible> {
    match (length(len)?, u16::try_from(len)) {
        (_, Ok(short)) if short <= FIX_ARRAY => {
            out.push(Marker::Array16.to_u8());
            out.extend_from_slice(&short.to_be_bytes());
        }
        (long, _) => {
            out.push(Marker::Array32.to_u8());
            out.extend_from_slice(&long.to_be_bytes());
        }
    }
    Ok(())
}

/// Puts the head of a map in front of its keys and values, which begin at `at`.
pub(crate) fn head_map(out: &mut Vec<u8>, at: usize, len: usize) -> Result<(), NotExpressible> {
    let end = out.len();
    write_map_len(out, len)?;
    to_front(out, at, end);
    Ok(())
}

/// Rewrites the head of the map at the start of the bytes, which may have been of a longer form
/// than it needs.
pub(crate) fn change_map_len(out: &mut Vec<u8>, len: usize) -> Result<(), NotExpressible> {
    let old = match out.first().map(|first| Marker::from_u8(*first)) {
        Some(Marker::Map16) => 3,
        Some(Marker::Map32) => 5,
        _ => 1,
    };
    let end = out.len();
    write_map_len(out, len)?;
    let new = out.len().saturating_sub(end);
    if new == old {
        // Mostly nothing moves, so that fields can be added one by one.
        out.copy_within(end.., 0);
        out.truncate(end);
    } else {
        to_front(out, 0, end);
        // The old head stands behind the new one now.
        out.drain(new..new.saturating_add(old));
    }
    Ok(())
}

/// Moves what stands after `end` to `at`.
fn to_front(out: &mut [u8], at: usize, end: usize) {
    let head = out.len().saturating_sub(end);
    if let Some(tail) = out.get_mut(at..) {
        tail.rotate_right(head);
    }
}

fn length(len: usize) -> Result<u32, NotExpressible> {
    u32::try_from(len).map_err(|_| NotExpressible)
}
