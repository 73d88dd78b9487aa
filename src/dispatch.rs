//! Handlers: the closures that a game has registered, and which of them an event goes to.
//!
//! ```text
//! "move"      the handler of "move", or on_unhandled if there is none; then on_any
//! lifecycle   on_connect, on_connect_failed, on_disconnect
//! a fault     on_error
//! ```
//!
//! Handlers stay in the registry while they run, so a panic in one costs nobody a handler.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use crate::context::Context;
use crate::error::{Fault, HandlerError};
use crate::message::{Message, RESERVED};
use crate::msgpack::word;
use crate::net::Handled;
use crate::reason::{ConnectError, DisconnectReason};

/// What a handler may return: nothing, or a `Result<(), HandlerError>`.
///
/// With the second, `?` works on every error, and the closure ends in `Ok(())`.
#[diagnostic::on_unimplemented(
    message = "a handler returns `()` or `Result<(), HandlerError>`, not `{Self}`",
    note = "end the closure with `;`, or with `Ok(())` if it uses `?`",
    note = "a `Result` with another error becomes one with `?`: `… {{ move_to(ctx)?; Ok(()) }}`"
)]
pub trait Outcome: sealed::Sealed {
    #[doc(hidden)]
    fn into_result(self) -> Result<(), HandlerError>;
}

/// What seals a trait is that nobody else can name this.
#[allow(unnameable_types)]
mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl Sealed for Result<(), crate::error::HandlerError> {}
    impl Sealed for <fn() -> ! as Returns>::Type {}

    /// The type of `todo!()` and `panic!()`, which cannot be written down: it is what a function of
    /// this shape returns.
    pub trait Returns {
        type Type;
    }

    impl<T> Returns for fn() -> T {
        type Type = T;
    }
}

impl Outcome for () {
    fn into_result(self) -> Result<(), HandlerError> {
        Ok(())
    }
}

// The only `Result` here: a second one would leave the error's type of a closure open.
impl Outcome for Result<(), HandlerError> {
    fn into_result(self) -> Result<(), HandlerError> {
        self
    }
}

/// A body that never returns, such as `todo!()`, is a handler too.
impl Outcome for <fn() -> ! as sealed::Returns>::Type {
    fn into_result(self) -> Result<(), HandlerError> {
        self
    }
}

pub(crate) type OnMessage<S, P> =
    Box<dyn FnMut(&mut Context<'_, S, P>, &Message<'_>) -> Result<(), HandlerError> + Send>;
pub(crate) type OnConnect<S, P> =
    Box<dyn FnMut(&mut Context<'_, S, P>) -> Result<(), HandlerError> + Send>;
pub(crate) type OnDisconnect<S, P> =
    Box<dyn FnMut(&mut Context<'_, S, P>, &DisconnectReason) -> Result<(), HandlerError> + Send>;
pub(crate) type OnConnectFailed<S, P> =
    Box<dyn FnMut(&mut Context<'_, S, P>, &ConnectError) -> Result<(), HandlerError> + Send>;
pub(crate) type OnError<S> = Box<dyn FnMut(&mut S, &Fault) + Send>;

/// A hash of eight bytes at a time, which is far cheaper than the standard one for words as short
/// as actions.
///
/// It can be foreseen, and here that does no harm: a peer chooses what is looked up, and the game
/// alone what is there to collide with.
#[derive(Default)]
pub(crate) struct WordHash(u64);

impl Hasher for WordHash {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            self.write_u64(word(chunk));
        }
    }

    /// The length of what follows.
    #[inline]
    fn write_usize(&mut self, len: usize) {
        self.write_u64(len as u64);
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        // The golden ratio's digits: an odd number without a pattern.
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

/// A set of handlers, to be attached to a server or client beside its own.
///
/// Every set hears every event, so parts of a program (a chat window, a score board, a logger) can
/// each bring their own and take them away again.
///
/// ```
/// use hexapod::{Handlers, Server};
///
/// let mut audit = Handlers::<u32>::new();
/// audit.on_any(|ctx, _| *ctx.state += 1);
///
/// let mut server = Server::<u32>::with_config(Default::default());
/// let id = server.attach(audit);
/// // …
/// server.detach(id);
/// ```
///
/// Sets are called in the order in which they were attached, the own one first. On a client `P` is
/// `()`.
pub struct Handlers<S, P = ()> {
    /// By the bytes of the action, which is a text.
    pub(crate) actions: HashMap<Box<[u8]>, OnMessage<S, P>, BuildHasherDefault<WordHash>>,
    pub(crate) unhandled: Option<OnMessage<S, P>>,
    pub(crate) any: Option<OnMessage<S, P>>,
    pub(crate) connect: Option<OnConnect<S, P>>,
    pub(crate) connect_failed: Option<OnConnectFailed<S, P>>,
    pub(crate) disconnect: Option<OnDisconnect<S, P>>,
    pub(crate) error: Option<OnError<S>>,
}

/// Names a set of handlers that was attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SetId(pub(crate) u64);

impl<S, P: Default> Handlers<S, P> {
    /// An empty set.
    pub fn new() -> Self {
        Self {
            actions: HashMap::default(),
            unhandled: None,
            any: None,
            connect: None,
            connect_failed: None,
            disconnect: None,
            error: None,
        }
    }

    #[track_caller]
    pub(crate) fn insert(&mut self, action: &str, handler: OnMessage<S, P>) {
        refuse_reserved(action);
        self.actions.insert(action.as_bytes().into(), handler);
    }

    /// Runs the handlers of a message; the error of one does not keep the next from running.
    pub(crate) fn message(
        &mut self,
        ctx: &mut Context<'_, S, P>,
        message: &Message<'_>,
    ) -> Handled {
        let known = self.actions.get_mut(message.action_bytes());
        let own = known.or(self.unhandled.as_mut());
        if own.is_none() && self.any.is_none() {
            return Handled::No;
        }
        let mut run = |handler: &mut OnMessage<S, P>| {
            if let Err(error) = handler(ctx, message) {
                ctx.failed(message.action(), error);
            }
        };
        own.map(&mut run);
        self.any.as_mut().map(&mut run);
        Handled::Yes
    }

    pub(crate) fn connected(&mut self, ctx: &mut Context<'_, S, P>) -> Result<(), HandlerError> {
        self.connect.as_mut().map_or(Ok(()), |handler| handler(ctx))
    }

    pub(crate) fn connect_failed(
        &mut self,
        ctx: &mut Context<'_, S, P>,
        error: &ConnectError,
    ) -> Option<Result<(), HandlerError>> {
        self.connect_failed.as_mut().map(|handler| handler(ctx, error))
    }

    pub(crate) fn disconnected(
        &mut self,
        ctx: &mut Context<'_, S, P>,
        reason: &DisconnectReason,
    ) -> Result<(), HandlerError> {
        self.disconnect.as_mut().map_or(Ok(()), |handler| handler(ctx, reason))
    }

    /// Tells a fault; tells whether anybody was there to hear it.
    pub(crate) fn fault(&mut self, state: &mut S, fault: &Fault) -> Handled {
        match &mut self.error {
            Some(handler) => {
                handler(state, fault);
                Handled::Yes
            }
            None => Handled::No,
        }
    }
}

impl<S, P: Default> Default for Handlers<S, P> {
    fn default() -> Self {
        Self::new()
    }
}

/// The methods that register handlers, for each type that has some: a set, a server, a client.
macro_rules! registering {
    (impl<$($param:ident),*> $type:ty, data $data:ty, |$this:ident| $set:expr) => {
        /// Registering handlers. Each may be registered at any time; a second one replaces the
        /// first.
        impl<$($param),*> $type
        where
            $data: Default,
        {
            /// Registers the handler of an action.
            ///
            /// # Panics
            ///
            /// If the action is the name of an event (`connected`, `disconnected`, `error`,
            /// `socketConnect`) or begins with `$`.
            #[track_caller]
            pub fn on<R: $crate::dispatch::Outcome>(
                &mut self,
                action: &str,
                mut handler: impl FnMut(
                    &mut $crate::context::Context<'_, S, $data>,
                    &$crate::message::Message<'_>,
                ) -> R
                + Send
                + 'static,
            ) -> &mut Self {
                let $this = &mut *self;
                $set.insert(action, Box::new(move |ctx, msg| handler(ctx, msg).into_result()));
                self
            }

            /// Registers the handler of an action whose fields are a struct: see
            /// [`Message::typed`](crate::Message::typed). A message that does not fit is a fault of
            /// the handler.
            ///
            /// # Panics
            ///
            /// As [`on`](Self::on).
            #[cfg(feature = "serde")]
            #[track_caller]
            pub fn on_as<T, R>(
                &mut self,
                action: &str,
                mut handler: impl FnMut(&mut $crate::context::Context<'_, S, $data>, T) -> R
                + Send
                + 'static,
            ) -> &mut Self
            where
                T: serde::de::DeserializeOwned,
                R: $crate::dispatch::Outcome,
            {
                let $this = &mut *self;
                let typed = move |ctx: &mut $crate::context::Context<'_, S, $data>,
                                  msg: &$crate::message::Message<'_>| {
                    handler(ctx, msg.typed()?).into_result()
                };
                $set.insert(action, Box::new(typed));
                self
            }

            /// Registers who hears messages for whose action this set has no handler.
            pub fn on_unhandled<R: $crate::dispatch::Outcome>(
                &mut self,
                mut handler: impl FnMut(
                    &mut $crate::context::Context<'_, S, $data>,
                    &$crate::message::Message<'_>,
                ) -> R
                + Send
                + 'static,
            ) -> &mut Self {
                let $this = &mut *self;
                $set.unhandled = Some(Box::new(move |ctx, msg| handler(ctx, msg).into_result()));
                self
            }

            /// Registers who hears every message, after its own handler.
            pub fn on_any<R: $crate::dispatch::Outcome>(
                &mut self,
                mut handler: impl FnMut(
                    &mut $crate::context::Context<'_, S, $data>,
                    &$crate::message::Message<'_>,
                ) -> R
                + Send
                + 'static,
            ) -> &mut Self {
                let $this = &mut *self;
                $set.any = Some(Box::new(move |ctx, msg| handler(ctx, msg).into_result()));
                self
            }

            /// Registers who hears of a peer that has connected, before any message of it.
            ///
            /// On a client that is the server, once it has greeted; what the client has sent before
            /// has gone out already.
            pub fn on_connect<R: $crate::dispatch::Outcome>(
                &mut self,
                mut handler: impl FnMut(&mut $crate::context::Context<'_, S, $data>) -> R
                + Send
                + 'static,
            ) -> &mut Self {
                let $this = &mut *self;
                $set.connect = Some(Box::new(move |ctx| handler(ctx).into_result()));
                self
            }

            /// Registers who hears that a client's attempt to connect has failed. Without it the
            /// reason goes to standard error.
            pub fn on_connect_failed<R: $crate::dispatch::Outcome>(
                &mut self,
                mut handler: impl FnMut(
                    &mut $crate::context::Context<'_, S, $data>,
                    &$crate::reason::ConnectError,
                ) -> R
                + Send
                + 'static,
            ) -> &mut Self {
                let $this = &mut *self;
                $set.connect_failed =
                    Some(Box::new(move |ctx, error| handler(ctx, error).into_result()));
                self
            }

            /// Registers who hears that a peer has left, and why: once for each peer that had
            /// connected, after its last message. Its data is still there; it cannot be sent to any
            /// more.
            pub fn on_disconnect<R: $crate::dispatch::Outcome>(
                &mut self,
                mut handler: impl FnMut(
                    &mut $crate::context::Context<'_, S, $data>,
                    &$crate::reason::DisconnectReason,
                ) -> R
                + Send
                + 'static,
            ) -> &mut Self {
                let $this = &mut *self;
                $set.disconnect =
                    Some(Box::new(move |ctx, reason| handler(ctx, reason).into_result()));
                self
            }

            /// Registers who hears what went wrong: handlers' errors, messages that could not be
            /// sent, and all else that ends no connection. Without it the first of each kind goes
            /// to standard error.
            pub fn on_error(
                &mut self,
                handler: impl FnMut(&mut S, &$crate::error::Fault) + Send + 'static,
            ) -> &mut Self {
                let $this = &mut *self;
                $set.error = Some(Box::new(handler));
                self
            }
        }
    };
}
pub(crate) use registering;

registering!(impl<S, P> Handlers<S, P>, data P, |set| set);

/// Names the right hook to those who look for an event among the actions.
#[track_caller]
fn refuse_reserved(action: &str) {
    let hook = match action {
        "connected" | "socketConnect" => "on_connect",
        "disconnected" => "on_disconnect",
        "error" => "on_error, or on_connect_failed on a client",
        _ if action.as_bytes().first() == Some(&RESERVED) => {
            panic!("on({action:?}, …): actions that begin with $ are the library's own")
        }
        _ => return,
    };
    panic!("on({action:?}, …): that is an event, not a message; register it with {hook}");
}

impl<S, P> fmt::Debug for Handlers<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions = self.actions.keys();
        let mut actions: Vec<_> = actions.map(|action| String::from_utf8_lossy(action)).collect();
        actions.sort();
        f.debug_struct("Handlers").field("actions", &actions).finish_non_exhaustive()
    }
}
