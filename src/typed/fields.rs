//! The fields of a message, as serde's derived code asks for them.
//!
//! What a message is, is decided here, so that `typed` finds what `get` finds: `"action"` is no
//! field, nor is what stands under a key that is no text; of equal keys the last one counts. What
//! is inside of a field is rmp-serde's affair.

use std::collections::HashSet;

use rmp_serde::decode::Error;
use serde::Deserializer;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::message::{ACTION, Message, ValueRef};

/// The fields of a message that have not been read yet.
pub(super) struct Fields<'m> {
    /// The bytes of key and value; the next one to be read is the last one here.
    left: Vec<(&'m [u8], &'m [u8])>,
    /// The value of the key that was read last.
    value: &'m [u8],
}

impl<'m> Fields<'m> {
    pub(super) fn of(message: &Message<'m>) -> Self {
        let mut left: Vec<_> = message.fields().encoded_pairs().collect();
        // From behind, so that of equal keys the last one is seen first. The set's hashes are
        // seeded: no peer can choose keys that make it slow.
        left.reverse();
        let mut seen = HashSet::with_capacity(left.len());
        left.retain(|(key, _)| {
            let key = ValueRef::at(key, 0).and_then(ValueRef::as_str);
            key.is_some_and(|key| key != ACTION && seen.insert(key))
        });
        Self { left, value: &[] }
    }
}

impl<'de> Deserializer<'de> for Fields<'de> {
    type Error = Error;

    /// As for the values inside, and for what is written.
    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.left.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    /// It has no fields, and passes over those that there are, as any struct does.
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.left.len() {
            1 => MapAccessDeserializer::new(self).deserialize_enum(name, variants, visitor),
            // Which of them is the variant, nobody could say.
            len => Err(Error::invalid_length(len, &"one field, named like a variant")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.left.pop() else { return Ok(None) };
        self.value = value;
        seed.deserialize(&mut rmp_serde::Deserializer::from_read_ref(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(&mut rmp_serde::Deserializer::from_read_ref(self.value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}
