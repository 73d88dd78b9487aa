//! The loop that server and client share: one pump.
//!
//! ```text
//! pump_at(now)
//!   repeat   lifecycle events -> handlers;  faults -> on_error
//!            the next payload -> message -> handlers
//!   then     silent peers are judged;  everything that was sent is written
//! ```
//!
//! Its three fields are disjoint, and that is what makes handlers borrow-check: a message borrows
//! the inbox, a context borrows the net, and the handlers run in their own place. Whatever is under
//! way is in these fields and not in local variables, so that after a handler's panic the next pump
//! goes on where this one was.

use std::time::Instant;

use crate::config::Config;
use crate::context::Context;
use crate::dispatch::{Handled, Handlers};
use crate::error::FaultCause;
use crate::id::PeerId;
use crate::inbox::Inbox;
use crate::message::ReadError;
use crate::net::{Activity, Change, Lifecycle, Net, Polled, Verdict};
use crate::reason::ProtocolError;
use crate::report::Reporter;

#[derive(Debug)]
pub(crate) struct Endpoint<S, P> {
    inbox: Inbox,
    pub(crate) net: Net<P>,
    pub(crate) handlers: Handlers<S, P>,
    reporter: Reporter,
}

impl<S, P: Default> Endpoint<S, P> {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            inbox: Inbox::new(),
            reporter: Reporter::new(config.quiet),
            net: Net::new(config),
            handlers: Handlers::new(),
        }
    }

    pub(crate) fn pump_at(&mut self, now: Instant, state: &mut S) -> Activity {
        self.net.begin(now);
        loop {
            self.tell(state);
            match self.net.poll(&mut self.inbox) {
                Polled::Payload(peer) => self.deliver(peer, state),
                Polled::Event => {}
                Polled::Done => break,
            }
        }
        self.net.judge();
        self.tell(state);
        self.net.end()
    }

    /// Runs the handlers of one message.
    fn deliver(&mut self, peer: PeerId, state: &mut S) {
        let Some(dialect) = self.net.peer(peer).map(|peer| peer.dialect()) else { return };
        let limits = self.net.config.limits();
        let message = match self.inbox.message(dialect.codec(), limits) {
            Ok(message) => message,
            Err(ReadError::NotAMessage(error)) => {
                return self.net.fault(Some(peer), None, FaultCause::NotAMessage(error));
            }
            Err(ReadError::Malformed(error)) => {
                return self.net.malformed(peer, ProtocolError::Payload(error));
            }
        };
        if self.net.hear(peer, &message) == Verdict::Session {
            return;
        }
        let action = message.action();
        let mut ctx = Context::new(state, &mut self.net, peer);
        if self.handlers.message(&mut ctx, &message) == Handled::No {
            self.reporter.unhandled(peer, action);
        }
    }

    /// Runs the handlers of lifecycle events and faults that have come up.
    fn tell(&mut self, state: &mut S) {
        loop {
            while let Some(fault) = self.net.next_fault() {
                if self.handlers.fault(state, &fault) == Handled::No {
                    self.reporter.fault(&fault);
                }
            }
            let Some(event) = self.net.event() else { return };
            // After a panic the handlers of this event have been told, and are not told again.
            if !std::mem::replace(&mut event.told, true) {
                let Lifecycle { peer, change, .. } = event;
                let (peer, change) = (*peer, change.clone());
                self.change(peer, &change, state);
            }
            self.net.event_done();
        }
    }

    fn change(&mut self, peer: PeerId, change: &Change, state: &mut S) {
        let mut ctx = Context::new(state, &mut self.net, peer);
        let (hook, outcome) = match change {
            Change::Up => ("on_connect", self.handlers.connected(&mut ctx)),
            Change::Down(reason) => ("on_disconnect", self.handlers.disconnected(&mut ctx, reason)),
            Change::Failed(error) => match self.handlers.connect_failed(&mut ctx, error) {
                Some(outcome) => ("on_connect_failed", outcome),
                None => return self.reporter.connect_failed(&error.to_string()),
            },
        };
        if let Err(error) = outcome {
            ctx.failed(hook, error);
        }
    }
}
