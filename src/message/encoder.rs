//! [`Encoder`]: writes values as canonical MessagePack, each in its smallest form.
//!
//! It counts what it writes, so a type that encodes itself wrongly (nothing, or two values where
//! one belongs) makes an error and never broken bytes. The first error stays; what is written
//! after it is thrown away.

use thiserror::Error;

use super::IntoValue;
use crate::limits::DEEPEST;
use crate::msgpack::{self, NotExpressible};
use crate::quote::debug_like_display;
use crate::value::Timestamp;

/// Why a message cannot be written.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// An integer beyond 64 bits.
    #[error("the integer {value} is not within -2^63 … 2^64 - 1")]
    IntegerRange {
        /// The integer; cut to 128 bits.
        value: i128,
    },
    /// A timestamp whose nanoseconds are a second or more.
    #[error("a timestamp has at most 999999999 nanoseconds, not {nanoseconds}")]
    TimestampRange {
        /// What it has.
        nanoseconds: u32,
    },
    /// An extension of a type below 0, which are MessagePack's own, and no good timestamp.
    #[error(
        "extension types below 0 are MessagePack's own, and this one of type {kind} is no timestamp"
    )]
    ReservedExt {
        /// The extension's type.
        kind: i8,
    },
    /// A text, array, map or run of bytes of 4 GiB or more.
    #[error("a value is longer than 4 GiB")]
    TooLong,
    /// More than 128 levels of arrays and maps.
    #[error("arrays and maps nest deeper than {DEEPEST}")]
    TooDeep,
    /// A map with an array or a map as a key.
    #[error("the key of a map is an array or a map")]
    ContainerKey,
    /// An [`IntoValue`] wrote no value, or more than one.
    #[error("a type's IntoValue::encode wrote {values} values where one belongs")]
    NotOneValue {
        /// How many it wrote.
        values: usize,
    },
    /// A field of the name `action`, which is the message's own.
    #[error("a field cannot be named \"action\": that is the first argument of msg!")]
    ActionField,
}

/// Writes values; an [`IntoValue`] is given one to write itself.
#[derive(Debug)]
pub struct Encoder {
    out: Vec<u8>,
    /// Values written in all.
    elements: usize,
    /// How many containers are open, and how many were at most.
    depth: usize,
    deepest: usize,
    /// Values written in the innermost open container.
    written: usize,
    error: Option<EncodeError>,
}

/// A container that is being written.
#[derive(Debug)]
#[must_use]
pub(crate) struct Open {
    /// Where its head is to stand.
    at: usize,
    /// How many values were written around it.
    outside: usize,
}

/// What a container is in the end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Container {
    Array,
    Tuple,
    Map,
}

/// Writes the pairs of a map: what [`Encoder::map`] hands out.
#[derive(Debug)]
pub struct MapEncoder<'e>(&'e mut Encoder);

impl Encoder {
    /// Writes nil: Python's `None`.
    pub fn nil(&mut self) {
        self.put(|out| {
            msgpack::write_nil(out);
            Ok(())
        });
    }

    /// Writes a truth value.
    pub fn bool(&mut self, bool: bool) {
        self.put(|out| {
            msgpack::write_bool(out, bool);
            Ok(())
        });
    }

    /// Writes an integer, which must be within −2⁶³ … 2⁶⁴ − 1.
    pub fn int(&mut self, int: i128) {
        self.put(|out| {
            msgpack::write_i128(out, int)
                .map_err(|NotExpressible| EncodeError::IntegerRange { value: int })
        });
    }

    /// Writes a 32-bit float.
    pub fn f32(&mut self, float: f32) {
        self.put(|out| {
            msgpack::write_f32(out, float);
            Ok(())
        });
    }

    /// Writes a 64-bit float.
    pub fn f64(&mut self, float: f64) {
        self.put(|out| {
            msgpack::write_f64(out, float);
            Ok(())
        });
    }

    /// Writes a text.
    pub fn str(&mut self, text: &str) {
        self.put(|out| msgpack::write_str(out, text).map_err(too_long));
    }

    /// Writes bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.put(|out| msgpack::write_bytes(out, bytes).map_err(too_long));
    }

    /// Writes an extension of your own: its type is 0 … 127.
    pub fn ext(&mut self, kind: i8, bytes: &[u8]) {
        self.put(|out| {
            if !msgpack::is_good_ext(kind, bytes) {
                return Err(EncodeError::ReservedExt { kind });
            }
            msgpack::write_ext(out, kind, bytes).map_err(too_long)
        });
    }

    /// Writes a point in time.
    pub fn timestamp(&mut self, time: Timestamp) {
        self.put(|out| {
            msgpack::write_timestamp(out, time).map_err(|NotExpressible| {
                EncodeError::TimestampRange { nanoseconds: time.nanoseconds }
            })
        });
    }

    /// Writes an array of whatever values the closure writes.
    ///
    /// ```
    /// # use hexapod::{Encoder, IntoValue};
    /// # struct Board { squares: [[u8; 8]; 8], turn: u32 }
    /// impl IntoValue for Board {
    ///     fn encode(&self, out: &mut Encoder) {
    ///         out.array(|items| {
    ///             items.value(&self.turn);
    ///             items.value(&self.squares);
    ///         });
    ///     }
    /// }
    /// ```
    pub fn array(&mut self, fill: impl FnOnce(&mut Self)) {
        self.container(Container::Array, fill);
    }

    /// Writes an array as [`array`](Self::array) does, which peers of PodSixNet see as a tuple: see
    /// [`Tuple`](crate::Tuple).
    pub fn tuple(&mut self, fill: impl FnOnce(&mut Self)) {
        self.container(Container::Tuple, fill);
    }

    /// Writes a map of whatever pairs the closure writes.
    ///
    /// ```
    /// # use hexapod::{Encoder, IntoValue};
    /// # struct Player { name: String, hp: u32 }
    /// impl IntoValue for Player {
    ///     fn encode(&self, out: &mut Encoder) {
    ///         out.map(|map| {
    ///             map.entry("name", &self.name);
    ///             map.entry("hp", &self.hp);
    ///         });
    ///     }
    /// }
    /// ```
    pub fn map(&mut self, fill: impl FnOnce(&mut MapEncoder<'_>)) {
        self.container(Container::Map, |out| fill(&mut MapEncoder(out)));
    }

    /// Writes any one value.
    pub fn value(&mut self, value: &(impl IntoValue + ?Sized)) {
        let before = self.written;
        value.encode(self);
        let values = self.written - before;
        if values != 1 {
            self.error.get_or_insert(EncodeError::NotOneValue { values });
        }
    }

    /// Writes an array whose length is known, which saves moving its values.
    pub(crate) fn items<'i, T: IntoValue + 'i>(
        &mut self,
        len: usize,
        items: impl Iterator<Item = &'i T>,
    ) {
        self.check(|out| msgpack::write_array_len(out, len).map_err(too_long));
        let open = self.open();
        self.fill(|out| items.for_each(|item| out.value(item)));
        self.leave(open);
    }

    /// Writes a map whose length is known, which saves moving its pairs.
    pub(crate) fn pairs<'i, K: IntoValue + 'i, V: IntoValue + 'i>(
        &mut self,
        len: usize,
        pairs: impl Iterator<Item = (&'i K, &'i V)>,
    ) {
        self.check(|out| msgpack::write_map_len(out, len).map_err(too_long));
        let open = self.open();
        self.fill(|out| pairs.for_each(|(key, value)| MapEncoder(out).pair(key, value)));
        self.leave(open);
    }

    fn container(&mut self, container: Container, fill: impl FnOnce(&mut Self)) {
        let open = self.open();
        self.fill(fill);
        self.close(open, container);
    }

    /// After an error nothing is written, so not even a bottomless type is followed further.
    fn fill(&mut self, fill: impl FnOnce(&mut Self)) {
        if self.error.is_none() {
            fill(self);
        }
    }

    /// Counts a container; what is written now is inside of it.
    pub(crate) fn open(&mut self) -> Open {
        self.elements += 1;
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        if self.depth > DEEPEST {
            self.error.get_or_insert(EncodeError::TooDeep);
        }
        Open { at: self.out.len(), outside: std::mem::take(&mut self.written) }
    }

    /// Ends a container, and puts its head in front of what was written into it. A map's values are
    /// key and value in turn.
    pub(crate) fn close(&mut self, open: Open, container: Container) {
        let (at, len) = (open.at, self.leave(open));
        self.check(|out| {
            let written = match container {
                Container::Array => msgpack::head_array(out, at, len),
                Container::Tuple => msgpack::head_tuple(out, at, len),
                Container::Map => msgpack::head_map(out, at, len / 2),
            };
            written.map_err(too_long)
        });
    }

    /// Ends a container whose head is there already; tells how many values are in it.
    fn leave(&mut self, Open { outside, .. }: Open) -> usize {
        self.depth -= 1;
        std::mem::replace(&mut self.written, outside + 1)
    }

    /// Writes a value; if that is an array, as a tuple.
    pub(super) fn widened(&mut self, value: &(impl IntoValue + ?Sized)) {
        let at = self.out.len();
        value.encode(self);
        self.check(|out| msgpack::widen_array(out, at).map_err(too_long));
    }

    fn put(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>) {
        self.elements += 1;
        self.written += 1;
        self.check(write);
    }

    fn check(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>) {
        if self.error.is_none() {
            self.error = write(&mut self.out).err();
        }
    }
}

/// The key "action" as MessagePack.
const ACTION_KEY: &[u8; 7] = b"\xa6action";

/// What the library needs: [`Outgoing`](super::Outgoing) stands on an encoder that is inside the
/// one map, and a codec is given one to write into.
impl Encoder {
    /// Starts a message: the head of a map of this many pairs, and the first of them. The others
    /// are written as keys and values in turn.
    pub(super) fn message(mut out: Vec<u8>, pairs: usize, action: &str) -> Self {
        out.clear();
        let head = msgpack::write_map_len(&mut out, pairs);
        out.extend_from_slice(ACTION_KEY);
        let error = head.and_then(|()| msgpack::write_str(&mut out, action)).map_err(too_long);
        Self { out, depth: 1, deepest: 1, elements: 3, written: 2, error: error.err() }
    }

    /// Writes values into a buffer, outside of any message.
    pub(crate) fn writing_to(mut out: Vec<u8>) -> Self {
        out.clear();
        Self { out, elements: 0, depth: 0, deepest: 0, written: 0, error: None }
    }

    /// A message that is there already, with its number of values and its depth.
    pub(super) fn copied(mut out: Vec<u8>, bytes: &[u8], elements: usize, deepest: usize) -> Self {
        out.clear();
        out.extend_from_slice(bytes);
        Self { out, depth: 1, deepest, elements, written: 0, error: None }
    }

    /// Says that the message's map has this many pairs; tells by how many bytes everything behind
    /// its head has moved.
    pub(super) fn set_message_len(&mut self, pairs: usize) -> isize {
        let before = self.out.len() as isize;
        self.check(|out| msgpack::change_map_len(out, pairs).map_err(too_long));
        self.out.len() as isize - before
    }

    pub(super) fn fail(&mut self, error: EncodeError) {
        self.error.get_or_insert(error);
    }

    pub(super) fn bytes_so_far(&self) -> &[u8] {
        &self.out
    }

    pub(super) fn error(&self) -> Option<EncodeError> {
        self.error
    }

    /// How many values were written, and how deep they nest.
    pub(super) fn measure(&self) -> (usize, usize) {
        (self.elements, self.deepest)
    }

    /// What was written, for somebody who drops the encoder.
    pub(super) fn take_buffer(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.out
    }

    /// Whether exactly one value was written, and what was in the way.
    pub(crate) fn one_value(&self) -> Result<(), EncodeError> {
        match (self.error, self.written) {
            (Some(error), _) => Err(error),
            (None, 1) => Ok(()),
            (None, values) => Err(EncodeError::NotOneValue { values }),
        }
    }
}

impl MapEncoder<'_> {
    /// Writes a pair. The key may be any value but an array or a map.
    pub fn entry(
        &mut self,
        key: &(impl IntoValue + ?Sized),
        value: &(impl IntoValue + ?Sized),
    ) -> &mut Self {
        self.pair(key, value);
        self
    }

    fn pair(&mut self, key: &(impl IntoValue + ?Sized), value: &(impl IntoValue + ?Sized)) {
        let deepest = std::mem::replace(&mut self.0.deepest, self.0.depth);
        self.0.value(key);
        if self.0.deepest > self.0.depth {
            self.0.fail(EncodeError::ContainerKey);
        }
        self.0.deepest = deepest;
        self.0.value(value);
    }
}

fn too_long(NotExpressible: NotExpressible) -> EncodeError {
    EncodeError::TooLong
}

debug_like_display!(EncodeError);
