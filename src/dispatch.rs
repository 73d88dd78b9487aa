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

use crate::context::Context;
use crate::error::{Fault, HandlerError};
use crate::message::{Message, RESERVED};
use crate::reason::{ConnectError, DisconnectReason};

/// What a handler may return: nothing, or a `Result<(), HandlerError>`.
///
/// With the second, `?` works on every error, and the closure ends in `Ok(())`.
#[diagnostic::on_unimplemented(
    message = "a handler returns `()` or `Result<(), HandlerError>`, not `{Self}`",
    note = "end the closure with `;`, or with `Ok(())` if it uses `?`"
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

type OnMessage<S, P> =
    Box<dyn FnMut(&mut Context<'_, S, P>, &Message<'_>) -> Result<(), HandlerError> + Send>;
type OnConnect<S, P> = Box<dyn FnMut(&mut Context<'_, S, P>) -> Result<(), HandlerError> + Send>;
type OnDisconnect<S, P> =
    Box<dyn FnMut(&mut Context<'_, S, P>, &DisconnectReason) -> Result<(), HandlerError> + Send>;
type OnConnectFailed<S, P> =
    Box<dyn FnMut(&mut Context<'_, S, P>, &ConnectError) -> Result<(), HandlerError> + Send>;
type OnError<S> = Box<dyn FnMut(&mut S, &Fault) + Send>;

/// The handlers of one endpoint.
pub(crate) struct Handlers<S, P> {
    actions: HashMap<String, OnMessage<S, P>>,
    unhandled: Option<OnMessage<S, P>>,
    any: Option<OnMessage<S, P>>,
    connect: Option<OnConnect<S, P>>,
    connect_failed: Option<OnConnectFailed<S, P>>,
    disconnect: Option<OnDisconnect<S, P>>,
    error: Option<OnError<S>>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handled {
    Yes,
    /// There is nobody for this action.
    No,
}

impl<S, P: Default> Handlers<S, P> {
    pub(crate) fn new() -> Self {
        Self {
            actions: HashMap::new(),
            unhandled: None,
            any: None,
            connect: None,
            connect_failed: None,
            disconnect: None,
            error: None,
        }
    }

    #[track_caller]
    pub(crate) fn on<R: Outcome>(
        &mut self,
        action: &str,
        mut handler: impl FnMut(&mut Context<'_, S, P>, &Message<'_>) -> R + Send + 'static,
    ) {
        refuse_reserved(action);
        let handler: OnMessage<S, P> = Box::new(move |ctx, msg| handler(ctx, msg).into_result());
        self.actions.insert(action.to_owned(), handler);
    }

    pub(crate) fn on_unhandled<R: Outcome>(
        &mut self,
        mut handler: impl FnMut(&mut Context<'_, S, P>, &Message<'_>) -> R + Send + 'static,
    ) {
        self.unhandled = Some(Box::new(move |ctx, msg| handler(ctx, msg).into_result()));
    }

    pub(crate) fn on_any<R: Outcome>(
        &mut self,
        mut handler: impl FnMut(&mut Context<'_, S, P>, &Message<'_>) -> R + Send + 'static,
    ) {
        self.any = Some(Box::new(move |ctx, msg| handler(ctx, msg).into_result()));
    }

    pub(crate) fn on_connect<R: Outcome>(
        &mut self,
        mut handler: impl FnMut(&mut Context<'_, S, P>) -> R + Send + 'static,
    ) {
        self.connect = Some(Box::new(move |ctx| handler(ctx).into_result()));
    }

    pub(crate) fn on_connect_failed<R: Outcome>(
        &mut self,
        mut handler: impl FnMut(&mut Context<'_, S, P>, &ConnectError) -> R + Send + 'static,
    ) {
        self.connect_failed = Some(Box::new(move |ctx, error| handler(ctx, error).into_result()));
    }

    pub(crate) fn on_disconnect<R: Outcome>(
        &mut self,
        mut handler: impl FnMut(&mut Context<'_, S, P>, &DisconnectReason) -> R + Send + 'static,
    ) {
        self.disconnect = Some(Box::new(move |ctx, reason| handler(ctx, reason).into_result()));
    }

    pub(crate) fn on_error(&mut self, handler: impl FnMut(&mut S, &Fault) + Send + 'static) {
        self.error = Some(Box::new(handler));
    }

    /// Runs the handlers of a message; the error of one does not keep the next from running.
    pub(crate) fn message(
        &mut self,
        ctx: &mut Context<'_, S, P>,
        message: &Message<'_>,
    ) -> Handled {
        let known = self.actions.get_mut(message.action());
        let mut handled = Handled::No;
        for handler in known.or(self.unhandled.as_mut()).into_iter().chain(self.any.as_mut()) {
            handled = Handled::Yes;
            if let Err(error) = handler(ctx, message) {
                ctx.failed(message.action(), error);
            }
        }
        handled
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

/// Names the right hook to those who look for an event among the actions.
#[track_caller]
fn refuse_reserved(action: &str) {
    let hook = match action {
        "connected" | "socketConnect" => "on_connect",
        "disconnected" => "on_disconnect",
        "error" => "on_error, or on_connect_failed on a client",
        _ if action.starts_with(RESERVED) => {
            panic!("on({action:?}, …): actions that begin with $ are the library's own")
        }
        _ => return,
    };
    panic!("on({action:?}, …): that is an event, not a message; register it with {hook}");
}

impl<S, P> fmt::Debug for Handlers<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut actions: Vec<_> = self.actions.keys().collect();
        actions.sort();
        f.debug_struct("Handlers").field("actions", &actions).finish_non_exhaustive()
    }
}
