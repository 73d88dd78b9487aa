//! TCP: listening sockets, and one attempt to connect.
//!
//! Sockets are non-blocking and TCP_NODELAY always. The standard library can neither connect nor
//! look up a name without blocking, so a short-lived thread does these two for a [`TcpDialer`] and
//! hands the socket back; whoever pumps never waits.
//!
//! A listener's backlog is the standard library's 128: what comes beyond that between two pumps
//! waits a second for its next try.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Arrival, Pipe, Source};
use crate::limits::ACCEPT_REST;
use crate::reason::ConnectError;

impl Pipe for TcpStream {
    fn read(&mut self, _now: Instant, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(self, buffer)
    }

    fn write(&mut self, _now: Instant, bytes: (&[u8], &[u8])) -> io::Result<usize> {
        match bytes {
            (all, []) => Write::write(self, all),
            (first, second) => {
                self.write_vectored(&[io::IoSlice::new(first), io::IoSlice::new(second)])
            }
        }
    }

    fn shut_down_writing(&mut self, _now: Instant) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// What every socket gets. Only Linux leaves accepted sockets blocking, so all are set.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)
}

/// Accepts connections.
#[derive(Debug)]
pub(crate) struct TcpSource {
    listener: Option<TcpListener>,
    /// No accepting before this, after an error.
    rest_until: Option<Instant>,
    /// The error that has been told and is not over.
    trouble: Option<ErrorKind>,
}

impl TcpSource {
    pub(crate) fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        let addrs: Vec<SocketAddr> = addr.to_socket_addrs().map_err(not_written_well)?.collect();
        let listener = TcpListener::bind(&addrs[..]).map_err(|error| {
            let text = format!("cannot listen at {}: {error}", Listed(&addrs));
            io::Error::new(error.kind(), text)
        })?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener: Some(listener), rest_until: None, trouble: None })
    }
}

/// An address that is not written like one.
fn not_written_well(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::InvalidInput => io::Error::new(
            ErrorKind::InvalidInput,
            "that is no address: write host:port, for instance 0.0.0.0:5071",
        ),
        _ => error,
    }
}

/// Addresses, as a text.
struct Listed<'a>(&'a [SocketAddr]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, addr) in self.0.iter().enumerate() {
            write!(f, "{}{addr}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl Source for TcpSource {
    type Pipe = TcpStream;

    fn next(&mut self, now: Instant) -> Option<Arrival<TcpStream>> {
        let listener = self.listener.as_ref()?;
        if self.rest_until.is_some_and(|until| now < until) {
            return None;
        }
        // A connection that was reset while it waited makes an error of its own: on to the next.
        for _ in 0..128 {
            match listener.accept() {
                Ok((stream, addr)) => {
                    self.trouble = None;
                    if prepare(&stream).is_ok() {
                        return Some(Arrival::Pipe(stream, addr));
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return None,
                    ErrorKind::Interrupted
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::ConnectionReset => {}
                    // No descriptors left, say. To try again at once would only burn time.
                    kind => {
                        self.rest_until = Some(now + ACCEPT_REST);
                        let told = self.trouble.replace(kind) == Some(kind);
                        return (!told).then_some(Arrival::Trouble(error));
                    }
                },
            }
        }
        None
    }

    fn stop(&mut self) {
        self.listener = None;
    }

    fn is_done(&self) -> bool {
        self.listener.is_none()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.listener.as_ref()?.local_addr().ok()
    }
}

type Dialled = Result<(TcpStream, SocketAddr), ConnectError>;

/// One attempt to connect: a name or an address, all that it stands for, one time-out.
#[derive(Debug)]
pub(crate) struct TcpDialer {
    target: String,
    timeout: Duration,
    outcome: Option<Receiver<Dialled>>,
    /// When the attempt was first asked about.
    since: Option<Instant>,
}

impl TcpDialer {
    /// Begins to connect, on a thread of its own.
    pub(crate) fn start(target: String, timeout: Duration) -> Self {
        let (sender, receiver) = mpsc::sync_channel(1);
        let wanted = target.clone();
        let work = {
            let sender = sender.clone();
            // Nobody may be waiting any more; then the socket is closed again.
            move || drop(sender.send(dial(&wanted, timeout)))
        };
        if let Err(error) = thread::Builder::new().name("hexapod connect".to_owned()).spawn(work) {
            drop(sender.send(Err(failure(&target, &error, timeout))));
        }
        Self { target, timeout, outcome: Some(receiver), since: None }
    }

    /// Connects now and waits for it.
    pub(crate) fn finish(target: String, timeout: Duration) -> Result<Self, ConnectError> {
        let dialled = dial(&target, timeout)?;
        let (sender, receiver) = mpsc::sync_channel(1);
        drop(sender.send(Ok(dialled)));
        Ok(Self { target, timeout, outcome: Some(receiver), since: None })
    }
}

impl Source for TcpDialer {
    type Pipe = TcpStream;

    fn next(&mut self, now: Instant) -> Option<Arrival<TcpStream>> {
        let receiver = self.outcome.as_ref()?;
        let since = *self.since.get_or_insert(now);
        let arrival = match receiver.try_recv() {
            Ok(Ok((stream, addr))) => Arrival::Pipe(stream, addr),
            Ok(Err(error)) => Arrival::Failed(error),
            // The thread keeps the time-out, but a look-up of a name may outlast it.
            Err(TryRecvError::Empty)
                if now.saturating_duration_since(since)
                    <= self.timeout.saturating_add(self.timeout / 4) =>
            {
                return None;
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {
                Arrival::Failed(ConnectError::TimedOut {
                    target: self.target.clone(),
                    after: self.timeout,
                })
            }
        };
        self.outcome = None;
        Some(arrival)
    }

    fn stop(&mut self) {
        self.outcome = None;
    }

    fn is_done(&self) -> bool {
        self.outcome.is_none()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}

/// Looks the name up and tries every address in turn; each gets its share of the time that is left.
fn dial(target: &str, timeout: Duration) -> Dialled {
    let begun = Instant::now();
    let addrs: Vec<SocketAddr> = match target.to_socket_addrs() {
        Ok(addrs) => addrs.collect(),
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            return Err(ConnectError::BadTarget { target: target.to_owned() });
        }
        Err(error) => return Err(not_found(target, &error)),
    };
    let mut last = None;
    for (tried, addr) in addrs.iter().enumerate() {
        let left = timeout.saturating_sub(begun.elapsed()) / (addrs.len() - tried) as u32;
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(addr, left).and_then(|stream| {
            prepare(&stream)?;
            refuse_self(&stream)?;
            Ok(stream)
        }) {
            Ok(stream) => return Ok((stream, *addr)),
            Err(error) => last = Some(error),
        }
    }
    Err(match last {
        Some(error) => failure(target, &error, timeout),
        None if addrs.is_empty() => {
            let cause = "the name stands for no address".to_owned();
            ConnectError::NotFound { target: target.to_owned(), cause }
        }
        None => ConnectError::TimedOut { target: target.to_owned(), after: timeout },
    })
}

/// On loopback a connection to a free port may be given that very port and meet itself.
fn refuse_self(stream: &TcpStream) -> io::Result<()> {
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    Ok(())
}

fn not_found(target: &str, error: &io::Error) -> ConnectError {
    ConnectError::NotFound { target: target.to_owned(), cause: error.to_string() }
}

fn failure(target: &str, error: &io::Error, timeout: Duration) -> ConnectError {
    let target = target.to_owned();
    match error.kind() {
        ErrorKind::ConnectionRefused => ConnectError::Refused { target },
        ErrorKind::TimedOut | ErrorKind::WouldBlock => {
            ConnectError::TimedOut { target, after: timeout }
        }
        kind => ConnectError::Io { target, kind, cause: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn fails(target: &str) -> String {
        dial(target, SOON).expect_err("no connection").to_string()
    }

    #[test]
    fn failures_say_what_to_do() {
        // A port that was just free; that nobody takes it meanwhile is likely, and enough.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).unwrap();
        assert_eq!(
            fails(&free.to_string()),
            format!("nobody listens at {free} (connection refused)")
        );
        assert_eq!(
            fails("localhost"),
            "\"localhost\" is no address: write host:port, for instance localhost:5071"
        );
        assert!(fails("no-such-host.invalid:5071").starts_with("cannot find no-such-host.invalid"));
    }

    #[test]
    fn a_listener_that_cannot_be_had_says_which_and_why() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = taken.local_addr().unwrap();
        let text = TcpSource::bind(addr).unwrap_err().to_string();
        assert!(text.starts_with(&format!("cannot listen at {addr}: ")), "{text}");
        let text = TcpSource::bind("5071").unwrap_err().to_string();
        assert_eq!(text, "that is no address: write host:port, for instance 0.0.0.0:5071");
    }

    #[test]
    fn every_address_of_a_name_is_tried() {
        // localhost stands for ::1 as well on most systems, and nobody listens there.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stream, addr) = dial(&format!("localhost:{port}"), SOON).expect("one of them answers");
        assert_eq!((addr.port(), stream.nodelay().unwrap()), (port, true));
    }
}
