//! The loop that server and client share: one pump.
//!
//! ```text
//! pump_at(now)
//!   repeat   lifecycle events -> handlers;  faults -> on_error
//!            the next peer's payloads, one by one -> message -> handlers
//!   then     silent peers are judged;  everything that was sent is written
//! ```
//!
//! Its three fields are disjoint, and that is what makes handlers borrow-check: a message borrows
//! the inbox, a context borrows the net, and the handlers run in their own place. Whatever is under
//! way is in these fields and not in local variables, so that after a handler's panic the next pump
//! goes on where this one was.

use std::time::{Duration, Instant};

use crate::codec::Codec;
use crate::config::Config;
use crate::context::Context;
use crate::dispatch::{Handlers, SetId};
use crate::error::FaultCause;
use crate::event::{Event, OwnedMessage, Queue};
use crate::id::PeerId;
use crate::inbox::{Inbox, Unread};
use crate::limits::Limits;
use crate::net::{Activity, Change, Handled, Net, Polled, Verdict};
use crate::report::Reporter;
use crate::sender::{Letter, Letterbox, Sender};

#[derive(Debug)]
pub(crate) struct Endpoint<S, P> {
    inbox: Inbox,
    pub(crate) net: Net<P>,
    /// The own set first; there is always one.
    sets: Vec<(SetId, Handlers<S, P>)>,
    last_set: u64,
    reporter: Reporter,
    /// Where other threads hand in what they have to say, once one has asked for it.
    letterbox: Option<Letterbox>,
    /// Where events wait, once somebody has asked for them.
    queue: Option<Queue>,
}

impl<S, P: Default> Endpoint<S, P> {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            inbox: Inbox::new(),
            reporter: Reporter::new(config.quiet),
            net: Net::new(config),
            letterbox: None,
            queue: None,
            sets: vec![(SetId(0), Handlers::new())],
            last_set: 0,
        }
    }

    /// The endpoint's own set of handlers.
    pub(crate) fn handlers(&mut self) -> &mut Handlers<S, P> {
        &mut self.sets[0].1
    }

    pub(crate) fn attach(&mut self, handlers: Handlers<S, P>) -> SetId {
        self.last_set += 1;
        self.sets.push((SetId(self.last_set), handlers));
        SetId(self.last_set)
    }

    pub(crate) fn detach(&mut self, id: SetId) -> Option<Handlers<S, P>> {
        let at = self.sets.iter().position(|(set, _)| *set == id).filter(|at| *at > 0)?;
        self.net.forget_set(at);
        Some(self.sets.remove(at).1)
    }

    /// Begins to keep events; what waits already stays.
    pub(crate) fn queue_events(&mut self, max: usize) {
        let mut queue = Queue::new(max);
        while let Some(event) = self.next_event() {
            queue.push(event);
        }
        self.queue = Some(queue);
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.queue.as_mut()?.next()
    }

    /// Keeps an event, if somebody has asked for them.
    fn keep(&mut self, event: impl FnOnce() -> Event) -> Handled {
        match &mut self.queue {
            Some(queue) => {
                queue.push(event());
                Handled::Yes
            }
            None => Handled::No,
        }
    }

    pub(crate) fn sender(&mut self) -> Sender {
        let max = self.net.config.max_letters.max(1);
        self.letterbox.get_or_insert_with(|| Letterbox::new(max)).sender()
    }

    pub(crate) fn next_letter(&self) -> Option<Letter> {
        self.letterbox.as_ref()?.next()
    }

    pub(crate) fn next_timeout(&self) -> Option<Duration> {
        self.net.next_timeout(!self.is_full())
    }

    /// Whether there is a queue of events without room: then nothing is read.
    fn is_full(&self) -> bool {
        self.queue.as_ref().is_some_and(Queue::is_full)
    }

    pub(crate) fn drop_queue(&mut self) {
        self.queue = None;
    }

    pub(crate) fn pump_at(&mut self, now: Instant, state: &mut S) -> Activity {
        let goes_on = self.net.begin(now, &mut self.inbox);
        let mut rest = goes_on.then(|| self.net.so_far());
        loop {
            if !self.net.has_no_news() {
                self.tell(state);
            }
            if self.is_full() {
                // The rest waits where it is, in the sockets too: that is what holds peers back.
                // Next time it is somebody else's turn, lest who says most fills the queue alone.
                self.net.yield_turn(&mut self.inbox);
                break self.net.beat();
            }
            match self.net.poll(&mut self.inbox) {
                Polled::Payload(peer) => self.deliver_all(peer, state),
                Polled::Event => {}
                // That was the rest of a round, and nothing has come in it: here is a whole one.
                Polled::Done if rest.take().is_some_and(|then| then == self.net.so_far()) => {
                    self.net.next_round();
                }
                Polled::Done => break self.net.judge(),
            }
        }
        self.tell(state);
        self.net.end(&mut self.inbox)
    }

    /// Runs the handlers of a peer's messages, one after the other, as far as they have come.
    fn deliver_all(&mut self, peer: PeerId, state: &mut S) {
        let Some(dialect) = self.net.peer(peer).map(|peer| peer.dialect()) else { return };
        let (codec, limits) = (dialect.codec(), self.net.config.limits());
        loop {
            self.deliver(peer, codec, limits, state);
            if self.is_full() || !self.net.next_payload(&mut self.inbox) {
                break;
            }
        }
    }

    /// Runs the handlers of one message.
    #[inline]
    fn deliver(&mut self, peer: PeerId, codec: Option<&dyn Codec>, limits: Limits, state: &mut S) {
        let read = self.inbox.message(codec, limits);
        let message = match &read {
            Ok(message) => message,
            Err(Unread::NotAMessage(error)) => {
                return self.net.fault(Some(peer), None, FaultCause::NotAMessage(*error));
            }
            Err(Unread::Broken(error)) => return self.net.malformed(peer, *error),
        };
        if self.net.hear(peer, message) == Verdict::Session {
            return;
        }
        let mut handled = Handled::No;
        if let Some(queue) = &mut self.queue {
            queue.push(Event::Message { peer, message: OwnedMessage::from(message) });
            handled = Handled::Yes;
        }
        let mut ctx = Context::new(state, &mut self.net, peer);
        for (_, set) in &mut self.sets {
            handled = handled.or(set.message(&mut ctx, message));
        }
        if handled == Handled::No {
            self.net.unhandled();
            self.reporter.unhandled(peer, message.action());
        }
    }

    /// Runs the handlers of lifecycle events and faults that have come up.
    fn tell(&mut self, state: &mut S) {
        loop {
            while let Some(fault) = self.net.next_fault() {
                let mut handled = Handled::No;
                for (_, set) in &mut self.sets {
                    handled = handled.or(set.fault(state, &fault));
                }
                if handled == Handled::No {
                    self.reporter.fault(&fault);
                }
            }
            let Some(event) = self.net.event() else { return };
            // Zero is the queue, if there is one. After a panic, who has been told is not again.
            if event.told == 0 {
                event.told = 1;
                let (peer, change) = (event.peer, event.change.clone());
                let handled = self.keep(|| match change {
                    Change::Up => Event::Connected { peer },
                    Change::Failed(error) => Event::ConnectFailed { error },
                    Change::Down(reason) => Event::Disconnected { peer, reason },
                });
                if let Some(event) = self.net.event() {
                    event.handled = handled;
                }
                continue;
            }
            if event.told <= self.sets.len() {
                event.told += 1;
                let (peer, change, at) = (event.peer, event.change.clone(), event.told - 2);
                let handled = self.change(at, peer, &change, state);
                if let Some(event) = self.net.event() {
                    event.handled = event.handled.or(handled);
                }
                continue;
            }
            if let (Change::Failed(error), Handled::No) = (&event.change, event.handled) {
                self.reporter.connect_failed(&error.to_string());
            }
            self.net.event_done();
        }
    }

    /// Tells one set of an event.
    fn change(&mut self, at: usize, peer: PeerId, change: &Change, state: &mut S) -> Handled {
        let mut ctx = Context::new(state, &mut self.net, peer);
        let set = &mut self.sets[at].1;
        let (hook, outcome) = match change {
            Change::Up => ("on_connect", set.connected(&mut ctx)),
            Change::Down(reason) => ("on_disconnect", set.disconnected(&mut ctx, reason)),
            Change::Failed(error) => match set.connect_failed(&mut ctx, error) {
                Some(outcome) => ("on_connect_failed", outcome),
                None => return Handled::No,
            },
        };
        if let Err(error) = outcome {
            ctx.failed(hook, error);
        }
        Handled::Yes
    }
}
