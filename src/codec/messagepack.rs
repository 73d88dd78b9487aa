//! MessagePack as a dialect's format: what is canonical inside is what goes over the wire.

use super::{Codec, CodecError};
use crate::limits::Limits;
use crate::msgpack::DecodeError;

#[derive(Debug)]
pub(crate) struct MessagePack;

impl Codec for MessagePack {
    fn decode<'b>(
        &self,
        payload: &'b [u8],
        _scratch: &'b mut Vec<u8>,
        _limits: Limits,
    ) -> Result<&'b [u8], DecodeError> {
        Ok(payload)
    }

    fn encode<'b>(
        &self,
        canonical: &'b [u8],
        _scratch: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], CodecError> {
        Ok(canonical)
    }
}
