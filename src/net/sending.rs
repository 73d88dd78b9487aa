//! Sending: from a message to the transports of those who shall have it.
//!
//! ```text
//! Outgoing ── checked once ──> canonical bytes ── once per dialect ──> payload ── each peer ──>
//! ```
//!
//! What a client says before its connection is up is kept, up to the bound of outbound bytes, and
//! goes out first when the server has greeted.

use std::time::Instant;

use super::peers::{Entry, Wire};
use super::{Link, Net, Phase};
use crate::codec::CodecError;
use crate::dialect::Dialect;
use crate::error::{FaultCause, SendError};
use crate::id::PeerId;
use crate::message::{MapRef, Outgoing, ValueRef};
use crate::reason::DisconnectReason;
use crate::slab::Key;
use crate::trace::Step;
use crate::transport::{Full, Whose};

/// What was sent before the connection was up: canonical messages, each behind its length.
#[derive(Debug, Default)]
pub(super) struct Early {
    bytes: Vec<u8>,
}

impl Early {
    fn push(&mut self, canonical: &[u8], max: usize) -> Result<(), SendError> {
        let queued = self.bytes.len();
        if queued + canonical.len() + size_of::<u32>() > max {
            return Err(SendError::Full { queued, max });
        }
        self.bytes.extend_from_slice(&(canonical.len() as u32).to_be_bytes());
        self.bytes.extend_from_slice(canonical);
        Ok(())
    }

    /// How many bytes were kept, if any.
    pub(super) fn undelivered(&self) -> Option<usize> {
        (!self.bytes.is_empty()).then_some(self.bytes.len())
    }

    fn messages(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (len, behind) = rest.split_first_chunk()?;
            let (message, behind) = behind.split_at(u32::from_be_bytes(*len) as usize);
            rest = behind;
            Some(message)
        })
    }
}

/// The payload that a dialect makes of canonical bytes, which are that already in most.
fn encode<'b>(
    dialect: Dialect,
    canonical: &'b [u8],
    scratch: &'b mut Vec<u8>,
) -> Result<&'b [u8], SendError> {
    let Some(codec) = dialect.codec() else { return Ok(canonical) };
    scratch.clear();
    let message = ValueRef::at(canonical, 0).unwrap_or(ValueRef::Nil);
    codec.encode(message, scratch).map_err(|error| {
        let (CodecError::NotExpressible { what } | CodecError::Malformed { what, .. }) = error;
        SendError::NotExpressible { codec: codec.name(), what }
    })?;
    if !dialect.framing().carries(scratch) {
        return Err(SendError::HoldsTerminator { dialect: dialect.name() });
    }
    Ok(scratch)
}

/// What the dialects of those who are sent one message make of it. Each is asked once, in whatever
/// order their speakers come. One dialect is the rule, and then nothing is allocated.
#[derive(Default)]
struct Payloads {
    /// That of the last peer whose dialect has a codec.
    last: Option<Made>,
    others: Vec<Made>,
}

/// What the codec of a dialect has made of a message.
struct Made {
    dialect: u32,
    bytes: Vec<u8>,
    error: Option<SendError>,
}

impl Payloads {
    /// The payload in the dialect that stands at this place. The first is written where there is
    /// room already.
    fn of<'b>(
        &'b mut self,
        at: u32,
        dialect: Dialect,
        canonical: &'b [u8],
        max: usize,
        spare: &mut Vec<u8>,
    ) -> Result<&'b [u8], SendError> {
        if dialect.codec().is_none() {
            return fits(canonical, max);
        }
        let made = match self.last.take() {
            Some(made) if made.dialect == at => made,
            before => {
                self.others.extend(before);
                match self.others.iter().position(|made| made.dialect == at) {
                    Some(known) => self.others.swap_remove(known),
                    None => {
                        let mut bytes = std::mem::take(spare);
                        let payload = encode(dialect, canonical, &mut bytes);
                        let error = payload.and_then(|payload| fits(payload, max)).err();
                        Made { dialect: at, bytes, error }
                    }
                }
            }
        };
        let Made { bytes, error, .. } = self.last.insert(made);
        match error {
            Some(error) => Err(error.clone()),
            None => Ok(bytes),
        }
    }
}

/// Whether a payload is no longer than it may be.
fn fits(payload: &[u8], max: usize) -> Result<&[u8], SendError> {
    let len = payload.len();
    if len > max { Err(SendError::TooLong { len, max }) } else { Ok(payload) }
}

/// Hands a payload to a transport.
#[inline]
fn hand_over(
    links: &mut [Link],
    now: Instant,
    wire: Wire,
    payload: &[u8],
    whose: Whose,
) -> Result<(), SendError> {
    let transport = links[wire.link as usize].transport.as_mut().ok_or(SendError::NotConnected)?;
    let outcome = transport.send(now, wire.conn, payload, whose);
    outcome.map_err(|Full { queued, max }| SendError::Full { queued, max })
}

impl<P: Default> Net<P> {
    /// Sends; a failure is a fault, and a peer that is too slow is cut off.
    pub(crate) fn send_to(&mut self, to: PeerId, message: &Outgoing) {
        let outcome = self.try_send_to(to, message);
        self.settle(to, message, outcome);
    }

    pub(crate) fn try_send_to(&mut self, to: PeerId, message: &Outgoing) -> Result<(), SendError> {
        let canonical = self.check(message)?;
        let dialect = self.peers.get(to.0).ok_or(SendError::NotConnected)?.dialect;
        self.with_payload(dialect, canonical, |net, payload| net.queue(to, canonical, payload))?
    }

    /// Sends to all of these that are connected, encoded once per dialect in use.
    pub(crate) fn send_each(&mut self, ids: impl IntoIterator<Item = PeerId>, message: &Outgoing) {
        let canonical = match self.check(message) {
            Ok(canonical) => canonical,
            Err(error) => return self.send_fault(None, message, error),
        };
        let (mut payloads, max) = (Payloads::default(), self.config.frame_len());
        for to in ids {
            let outcome = match self.peers.get(to.0).map(|entry| entry.dialect) {
                Some(at) => {
                    let (dialect, spare) = (self.dialects[at as usize], &mut self.encoded);
                    let payload = payloads.of(at, dialect, canonical, max, spare);
                    payload.and_then(|payload| self.queue(to, canonical, payload))
                }
                None => Err(SendError::NotConnected),
            };
            self.settle(to, message, outcome);
        }
        if let Some(made) = payloads.last {
            self.encoded = made.bytes;
        }
    }

    /// Sends to everybody who is connected, but one.
    pub(crate) fn broadcast(&mut self, except: Option<PeerId>, message: &Outgoing) {
        let canonical = match self.check(message) {
            Ok(canonical) => canonical,
            Err(error) => return self.send_fault(None, message, error),
        };
        // By index, because sending borrows the net; the list only grows by listening.
        for dialect in 0..self.dialects.len() as u32 {
            let is_for = |key: Key, entry: &Entry<P>| {
                entry.is_up() && entry.dialect == dialect && Some(PeerId(key)) != except
            };
            // What nobody speaks here is not translated, and cannot fail.
            if self.dialects[dialect as usize].codec().is_some()
                && !self.peers.iter().any(|(key, entry)| is_for(key, entry))
            {
                continue;
            }
            let encoded = self.with_payload(dialect, canonical, |net, payload| {
                let mut next = net.peers.first();
                while let Some(key) = next {
                    next = net.peers.next(key);
                    if net.peers.get(key).is_some_and(|entry| is_for(key, entry)) {
                        let outcome = net.queue(PeerId(key), canonical, payload);
                        net.settle(PeerId(key), message, outcome);
                    }
                }
            });
            if let Err(error) = encoded {
                self.send_fault(None, message, error);
            }
        }
    }

    /// The canonical bytes of a message that may be sent.
    fn check<'o>(&self, message: &'o Outgoing) -> Result<&'o [u8], SendError> {
        let canonical = message.to_bytes()?;
        if message.is_reserved() {
            return Err(SendError::Reserved);
        }
        let (limits, (elements, depth)) = (self.config.limits(), message.measure());
        if depth > limits.depth {
            return Err(SendError::TooDeep { depth, max: limits.depth });
        }
        if elements > limits.elements {
            return Err(SendError::TooManyElements { elements, max: limits.elements });
        }
        Ok(canonical)
    }

    /// Lends out the payload that a dialect makes of canonical bytes.
    fn with_payload<T>(
        &mut self,
        dialect: u32,
        canonical: &[u8],
        send: impl FnOnce(&mut Self, &[u8]) -> T,
    ) -> Result<T, SendError> {
        let (dialect, max) = (self.dialects[dialect as usize], self.config.frame_len());
        // In most dialects it is these bytes.
        if dialect.codec().is_none() {
            return Ok(send(self, fits(canonical, max)?));
        }
        let mut scratch = std::mem::take(&mut self.encoded);
        let payload = encode(dialect, canonical, &mut scratch);
        let outcome =
            payload.and_then(|payload| fits(payload, max)).map(|payload| send(self, payload));
        self.encoded = scratch;
        outcome
    }

    /// Hands a payload to the peer's transport, or keeps the message until there is one.
    fn queue(&mut self, to: PeerId, canonical: &[u8], payload: &[u8]) -> Result<(), SendError> {
        let max = self.config.outbound();
        let entry = self.peers.get_mut(to.0).ok_or(SendError::NotConnected)?;
        let wire = match (entry.phase, entry.wire, &mut entry.dialled) {
            (Phase::Up, Some(wire), _) => wire,
            (Phase::Dialling | Phase::Greeting, _, Some(dialled)) => {
                return dialled.early.push(canonical, max);
            }
            _ => return Err(SendError::NotConnected),
        };
        // What the peer would take for an attack is better not sent.
        let accepted = entry.vitals.as_ref().map_or(usize::MAX, |vitals| vitals.max_frame);
        if payload.len() > accepted {
            return Err(SendError::TooLong { len: payload.len(), max: accepted });
        }
        hand_over(&mut self.links, self.now, wire, payload, Whose::Game)?;
        entry.traffic().sent(self.now, payload.len());
        self.traffic.sent(self.now, payload.len());
        self.trace(to, || Step::Sent(MapRef::of(canonical)));
        Ok(())
    }

    /// Sends one of the library's own messages, past everything that waits for the connection, and
    /// a little past the limits of what a game may send.
    pub(super) fn say(
        &mut self,
        wire: Wire,
        peer: Option<PeerId>,
        message: &Outgoing,
    ) -> Result<(), SendError> {
        let dialect = self.dialects[self.links[wire.link as usize].dialect as usize];
        let mut scratch = std::mem::take(&mut self.encoded);
        let outcome = message.to_bytes().map_err(SendError::from).and_then(|canonical| {
            let payload = encode(dialect, canonical, &mut scratch)?;
            hand_over(&mut self.links, self.now, wire, payload, Whose::Own)?;
            // Who is turned away is no peer, and not traced; a greeting is traced later.
            if let Some(peer) = peer {
                self.trace(peer, || Step::Sent(MapRef::of(canonical)));
            }
            Ok(())
        });
        self.encoded = scratch;
        outcome
    }

    /// Sends what was kept, in the order in which it came.
    pub(super) fn send_early(&mut self, to: PeerId, early: &Early) {
        let Some(dialect) = self.peers.get(to.0).map(|entry| entry.dialect) else { return };
        for canonical in early.messages() {
            let outcome = self
                .with_payload(dialect, canonical, |net, payload| net.queue(to, canonical, payload));
            if let Err(error) = outcome.and_then(|queued| queued) {
                self.fault(Some(to), None, FaultCause::Send(error));
            }
        }
    }

    /// A peer that does not read is cut off; every other failure is told.
    #[inline]
    fn settle(&mut self, to: PeerId, message: &Outgoing, outcome: Result<(), SendError>) {
        if let Err(error) = outcome {
            self.settle_failure(to, message, error);
        }
    }

    #[cold]
    fn settle_failure(&mut self, to: PeerId, message: &Outgoing, error: SendError) {
        match error {
            SendError::Full { queued, max } if self.is_up(to) => {
                self.cut_off(to, DisconnectReason::SlowConsumer { queued, max });
            }
            error if self.is_told_already(to, &error) => {}
            error => self.send_fault(Some(to), message, error),
        }
    }

    /// Whether it was told in this pump already that a message is too long for this peer. Who takes
    /// next to nothing makes a fault of every broadcast, and must not hide the others.
    fn is_told_already(&mut self, to: PeerId, error: &SendError) -> bool {
        let SendError::TooLong { max, .. } = error else { return false };
        let frame_len = self.config.frame_len();
        let entry = self.peers.get_mut(to.0);
        let Some(vitals) = entry.and_then(|entry| entry.vitals.as_mut()) else { return false };
        *max == vitals.max_frame
            && *max < frame_len
            && vitals.told_too_long.replace(self.now) == Some(self.now)
    }

    /// There is nobody to send this to.
    pub(crate) fn not_connected(&mut self, message: &Outgoing) {
        self.send_fault(None, message, SendError::NotConnected);
    }

    fn send_fault(&mut self, to: Option<PeerId>, message: &Outgoing, error: SendError) {
        self.fault(to, Some(message.action()), FaultCause::Send(error));
    }
}
