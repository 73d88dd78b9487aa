//! Statistics: what has come and gone, for each peer and in all, and what went wrong how often.
//!
//! Counting costs an addition. A peer's counters are allocated with its first message, so one that
//! says nothing costs nothing.

use std::time::Instant;

use crate::error::FaultCause;

/// What has come from a peer and gone to it, or from and to all of them.
///
/// Of a peer it is what its connection has seen; it is still there in `on_disconnect`. Of a server
/// or client it is what all have seen that ever were here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Messages that have come and were handled, those of the library itself not counted.
    pub messages_received: u64,
    /// Messages that were sent. Some may still be waiting.
    pub messages_sent: u64,
    /// The bytes of the messages that have come, without the headers of frames.
    pub bytes_received: u64,
    /// The bytes of the messages that were sent, without the headers of frames.
    pub bytes_sent: u64,
    /// The pump in which a message has come last.
    pub last_received: Option<Instant>,
    /// The pump in which, or after which, a message was sent last.
    pub last_sent: Option<Instant>,
}

impl Traffic {
    pub(super) fn received(&mut self, now: Instant, bytes: usize) {
        self.last_received = Some(now);
        self.messages_received += 1;
        self.bytes_received += bytes as u64;
    }

    pub(super) fn sent(&mut self, now: Instant, bytes: usize) {
        self.last_sent = Some(now);
        self.messages_sent += 1;
        self.bytes_sent += bytes as u64;
    }
}

/// How often what has gone wrong: one counter for each cause that
/// [`on_error`](crate::Server::on_error) is told, and one for what needs no telling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Faults {
    /// Errors of handlers.
    pub handler: u64,
    /// Messages that could not be sent.
    pub send: u64,
    /// Values that have come and are no message.
    pub not_a_message: u64,
    /// Connections that closed before all was delivered.
    pub undelivered: u64,
    /// Connections that were turned away.
    pub refused: u64,
    /// Times that a listener could not accept.
    pub listener: u64,
    /// Messages for whose action there was no handler.
    pub unhandled: u64,
}

impl Faults {
    pub(crate) fn count(&mut self, cause: &FaultCause) {
        let counter = match cause {
            FaultCause::Handler(_) => &mut self.handler,
            FaultCause::Send(_) => &mut self.send,
            FaultCause::NotAMessage(_) => &mut self.not_a_message,
            FaultCause::Undelivered { .. } => &mut self.undelivered,
            FaultCause::Refused { .. } => &mut self.refused,
            FaultCause::Listener(_) => &mut self.listener,
            // It stands for others, which were counted.
            FaultCause::More { .. } => return,
        };
        *counter += 1;
    }
}
