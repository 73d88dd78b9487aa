//! The far ends: clients of this library, honest but unlucky, and strangers without manners.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv6Addr};
use std::panic::resume_unwind;

use super::choices::Choices;
use super::ledger::{Book, Ledger, normal};
use super::tap::Tap;
use crate::client::Client;
use crate::error::{Fault, FaultCause};
use crate::fuzzing::endpoint::PAYLOADS;
use crate::fuzzing::world::Tripped;
use crate::id::PeerId;
use crate::message::{Message, ValueRef};
use crate::reason::{ConnectError, DisconnectReason};
use crate::transport::MemoryStream;

/// What a client has gone through with one connection.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) line: usize,
    pub(super) tap: Option<Tap>,
    pub(super) book: Book,
    pub(super) heard: Vec<Vec<u8>>,
    pub(super) echoes: u64,
    /// How much of that was compared.
    pub(super) compared: usize,
    pub(super) is_up: bool,
    pub(super) reason: Option<DisconnectReason>,
    pub(super) failure: Option<ConnectError>,
    /// How many messages were accepted for sending, and how many of them came to nothing.
    pub(super) accepted: u64,
    pub(super) unsent: u64,
    /// Whether this end has ended it.
    pub(super) is_ours: bool,
}

/// The state of a client's game.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) calls: Vec<Call>,
    choices: Choices,
    /// Whether handlers do only what they should.
    pub(super) is_honest: bool,
}

impl Life {
    /// The connection that an id stands for: they count up.
    fn call(&mut self, peer: PeerId) -> &mut Call {
        &mut self.calls[peer.number() as usize - 1]
    }

    fn fault(&mut self, fault: &Fault) {
        assert!(!fault.to_string().is_empty());
        let Some(peer) = fault.peer else { return };
        let call = self.call(peer);
        match fault.cause {
            FaultCause::Send(_) => call.unsent += 1,
            FaultCause::Undelivered { .. } => call.unsent = call.accepted,
            _ => {}
        }
    }
}

/// A client of this library.
pub(super) struct Friend {
    pub(super) client: Client<Life>,
    pub(super) life: Life,
    pub(super) ledger: Ledger,
    /// Whether its pipes are as they should be, so that the tap sees what it does.
    pub(super) is_exact: bool,
}

impl Friend {
    pub(super) fn new(
        client: Client<Life>,
        choices: Choices,
        is_exact: bool,
        honest: bool,
    ) -> Self {
        let life = Life { calls: Vec::new(), choices, is_honest: honest };
        let mut friend = Self { client, life, ledger: Ledger::default(), is_exact };
        friend
            .client
            .on_connect(|ctx| {
                let peer = ctx.peer();
                let call = ctx.state.call(peer);
                assert!(!call.is_up && call.reason.is_none() && call.failure.is_none());
                call.is_up = true;
            })
            .on_connect_failed(|ctx, error| {
                let peer = ctx.peer();
                let call = ctx.state.call(peer);
                assert!(!call.is_up && call.failure.is_none(), "failed, and was up");
                call.failure = Some(error.clone());
            })
            .on_disconnect(|ctx, reason| {
                let peer = ctx.peer();
                let call = ctx.state.call(peer);
                assert!(call.is_up && call.reason.is_none(), "told twice of its end");
                call.reason = Some(reason.clone());
                assert!(ctx.try_send(crate::msg!("late")).is_err(), "sent behind the end");
            })
            .on_error(Life::fault)
            .on_any(|ctx, msg| {
                let peer = ctx.peer();
                let call = ctx.state.call(peer);
                assert!(call.is_up && call.reason.is_none(), "a message outside of its time");
                call.heard.push(heard(msg));
                call.echoes += u64::from(msg.action() == "echo");
                if ctx.state.is_honest {
                    return Ok(());
                }
                match ctx.state.choices.below(40) {
                    1 => Err("as it likes")?,
                    2 => resume_unwind(Box::new(Tripped)),
                    3 => {
                        ctx.state.call(peer).is_ours = true;
                        ctx.close();
                    }
                    4 | 5 => {
                        let n = ctx.state.call(peer).accepted;
                        if ctx.try_send(crate::msg!("to", who: n, n: n)).is_ok() {
                            ctx.state.call(peer).accepted += 1;
                        }
                    }
                    _ => {}
                }
                Ok(())
            });
        friend
    }

    pub(super) fn call(&mut self) -> Option<&mut Call> {
        self.life.calls.last_mut()
    }

    /// Says something; it is numbered.
    pub(super) fn say(&mut self, what: usize) -> bool {
        let Some(call) = self.life.calls.last_mut() else { return false };
        let n = call.accepted;
        let message = match what {
            0 => crate::msg!("echo", n: n),
            1 => crate::msg!("say", n: n, text: "a word to all"),
            2 => crate::msg!("kick", n: n, who: n),
            3 => crate::msg!("to", n: n, who: n),
            4 => crate::msg!("nums", n: n, list: [1, 2, 3]),
            5 => crate::msg!("flood", n: n, text: "0123456789"),
            6 => crate::msg!("trip", n: n),
            7 => crate::msg!("close", n: n),
            8 => crate::msg!("say", n: n, text: "long ".repeat(30)),
            _ => crate::msg!("blob", n: n, bytes: [7_u8; 5]),
        };
        let is_accepted = self.client.try_send(message).is_ok();
        if is_accepted {
            self.life.calls.last_mut().expect("a call").accepted += 1;
        }
        is_accepted
    }
}

fn heard(message: &Message<'_>) -> Vec<u8> {
    normal(ValueRef::Map(message.fields()))
}

/// Somebody with a bare stream.
pub(super) struct Stranger {
    pub(super) line: usize,
    pub(super) stream: MemoryStream,
    pub(super) reads: bool,
    /// How much was written.
    pub(super) wrote: u64,
    pub(super) ended: bool,
    /// Frames that it says, in its dialect.
    pub(super) phrases: Vec<Vec<u8>>,
}

impl Stranger {
    /// What a stranger of a dialect has to say.
    pub(super) fn phrases(dialect: crate::dialect::Dialect) -> Vec<Vec<u8>> {
        let framed = |payload: &[u8]| {
            let header = dialect.framing().header(payload.len());
            [header.as_bytes(), payload, dialect.framing().trailer()].concat()
        };
        let said = |payload: &&[u8]| {
            let Some(codec) = dialect.codec() else { return Some(framed(payload)) };
            let mut bytes = Vec::new();
            codec.encode(ValueRef::at(payload, 0)?, &mut bytes).ok()?;
            Some(framed(&bytes))
        };
        // What is no MessagePack at all cannot be said in any other way.
        let well = |payload: &&&[u8]| {
            let limits = crate::limits::Limits::default();
            let mut index = crate::message::Index::default();
            dialect.codec().is_none()
                || !matches!(
                    Message::read(payload, &mut index, limits),
                    Err(crate::message::ReadError::Malformed(_))
                )
        };
        PAYLOADS.iter().filter(well).filter_map(said).collect()
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        if let Ok(len) = self.stream.write(bytes) {
            self.wrote += len as u64;
        }
    }

    pub(super) fn read(&mut self) {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    let kind = error.kind();
                    assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::ConnectionReset));
                    break;
                }
            }
        }
    }
}

/// The address of a line: households have a number of their own.
pub(super) fn addr(line: usize, household: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, household, 0, 0, 0, line as u16))
}
