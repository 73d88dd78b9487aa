//! [`Trace`]: every step of every connection, for the one who looks for a mistake.
//!
//! ```text
//!    0.016 s  #1 -- connected with 127.0.0.1:53422
//!    0.016 s  #1 -> {"action": "connected", "hexapod": {…}}
//!    0.033 s  #1 <- {"action": "move", "x": 7}
//!    9.240 s  #1 -- disconnected: closed by the peer
//! ```
//!
//! What a handler never sees is in it too: the library's own messages, whose actions begin with
//! `$`. What went wrong without ending a connection is not: that is what `on_error` is for.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::id::PeerId;
use crate::message::{ACTION, MapRef};
use crate::reason::{ConnectError, DisconnectReason};

/// One step of a connection: what [`on_trace`](crate::Server::on_trace) is shown.
///
/// As text it is a line of a log.
///
/// ```
/// use hexapod::{Server, Step};
/// # let mut server = Server::<()>::with_config(Default::default());
/// server.on_trace(|trace| match trace.step {
///     Step::Received(_) | Step::Sent(_) if trace.action() == Some("position") => {} // too many
///     _ => eprintln!("{trace}"),
/// });
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Trace<'t> {
    /// How long the server or client has existed, by the clock of its pumps.
    pub at: Duration,
    /// Whose connection it is; on a client, the server's.
    pub peer: PeerId,
    /// What has happened.
    pub step: Step<'t>,
}

/// What has happened on a connection.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Step<'t> {
    /// It is up. A client has heard the server's greeting before, and said hello.
    Connected(SocketAddr),
    /// A client's attempt has failed.
    ConnectFailed(&'t ConnectError),
    /// A message has come; its handlers run next.
    Received(MapRef<'t>),
    /// A message was queued. It is written at the end of the pump.
    Sent(MapRef<'t>),
    /// It is over; the handlers of `on_disconnect` are yet to run.
    Disconnected(&'t DisconnectReason),
}

impl<'t> Trace<'t> {
    /// The action of the message that was received or sent.
    pub fn action(&self) -> Option<&'t str> {
        match self.step {
            Step::Received(message) | Step::Sent(message) => message.get(ACTION)?.as_str(),
            _ => None,
        }
    }
}

impl fmt::Display for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, peer, step } = self;
        write!(f, "{:8.3} s  {peer} ", at.as_secs_f64())?;
        match step {
            Step::Connected(addr) => write!(f, "-- connected with {addr}"),
            Step::ConnectFailed(error) => write!(f, "-- not connected: {error}"),
            Step::Received(message) => write!(f, "<- {message}"),
            Step::Sent(message) => write!(f, "-> {message}"),
            Step::Disconnected(reason) => write!(f, "-- disconnected: {reason}"),
        }
    }
}

/// Who is shown every step.
pub(crate) struct Tracer(Box<dyn FnMut(&Trace<'_>) + Send>);

impl Tracer {
    pub(crate) fn new(show: impl FnMut(&Trace<'_>) + Send + 'static) -> Self {
        Self(Box::new(show))
    }

    pub(crate) fn show(&mut self, trace: &Trace<'_>) {
        (self.0)(trace);
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tracer")
    }
}
