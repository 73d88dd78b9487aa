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
    accepting: Accepting,
}

/// How a listener copes with the errors of `accept`.
#[derive(Debug, Default)]
struct Accepting {
    /// No accepting before this, after an error.
    rest_until: Option<Instant>,
    /// The error that has been told and is not over.
    trouble: Option<ErrorKind>,
}

impl Accepting {
    /// The next connection, if one is waiting that is still good.
    fn next<T>(
        &mut self,
        now: Instant,
        mut accept: impl FnMut() -> io::Result<(T, SocketAddr)>,
        prepare: impl Fn(&T) -> io::Result<()>,
    ) -> Option<Arrival<T>> {
        if self.rest_until.is_some_and(|until| now < until) {
            return None;
        }
        // A connection that was reset while it waited makes an error of its own: on to the next.
        for _ in 0..128 {
            match accept() {
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
}

impl TcpSource {
    pub(crate) fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        let addrs: Vec<SocketAddr> = addr.to_socket_addrs().map_err(not_written_well)?.collect();
        let listener = TcpListener::bind(&addrs[..]).map_err(|error| {
            let text = format!("cannot listen at {}: {error}", Listed(&addrs));
            io::Error::new(error.kind(), text)
        })?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener: Some(listener), accepting: Accepting::default() })
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
        self.accepting.next(now, || listener.accept(), prepare)
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
    oneself_or_not((stream.local_addr()?, stream.peer_addr()?))
}

fn oneself_or_not((near, far): (SocketAddr, SocketAddr)) -> io::Result<()> {
    if near == far { Err(ErrorKind::ConnectionRefused.into()) } else { Ok(()) }
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
    use super::super::ERROR_KINDS;
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

    /// A listener that gives these results, and how often it was asked.
    struct Listener {
        accepting: Accepting,
        results: Vec<io::Result<u32>>,
        calls: usize,
    }

    impl Listener {
        fn new(results: impl IntoIterator<Item = io::Result<u32>>) -> Self {
            let mut results: Vec<_> = results.into_iter().collect();
            results.reverse();
            Self { accepting: Accepting::default(), results, calls: 0 }
        }

        /// What `next` has to give, as text.
        fn next(&mut self, now: Instant) -> Option<String> {
            let addr = SocketAddr::from(([127, 0, 0, 1], 1));
            let accept = || {
                self.calls += 1;
                let next = self.results.pop();
                next.unwrap_or_else(|| Err(ErrorKind::WouldBlock.into())).map(|it| (it, addr))
            };
            // Who has a number above 100 was reset while it waited.
            let prepare = |number: &u32| match number {
                0..100 => Ok(()),
                _ => Err(ErrorKind::InvalidInput.into()),
            };
            Some(match self.accepting.next(now, accept, prepare)? {
                Arrival::Pipe(number, _) => number.to_string(),
                Arrival::Failed(error) => error.to_string(),
                Arrival::Trouble(error) => error.kind().to_string(),
            })
        }
    }

    #[test]
    fn case_95_every_kind_of_error_of_accept_lets_the_next_one_in() {
        let begun = Instant::now();
        for kind in ERROR_KINDS {
            let mut listener = Listener::new([Err(kind.into()), Ok(1), Ok(2)]);
            let seen: Vec<_> =
                (0..4_u32).filter_map(|n| listener.next(begun + n * ACCEPT_REST)).collect();
            let own = match kind {
                ErrorKind::WouldBlock
                | ErrorKind::Interrupted
                | ErrorKind::ConnectionAborted
                | ErrorKind::ConnectionReset => None,
                kind => Some(kind.to_string()),
            };
            let expected: Vec<_> =
                own.into_iter().chain(["1".to_owned(), "2".to_owned()]).collect();
            assert_eq!(seen, expected, "{kind:?}");
        }
    }

    #[test]
    fn case_61_a_listener_without_descriptors_rests_tells_it_once_and_accepts_again() {
        const EMFILE: i32 = 24;
        let begun = Instant::now();
        let trouble = || Err(io::Error::from_raw_os_error(EMFILE));
        let mut listener = Listener::new((0..20).map(|_| trouble()).chain([Ok(1), trouble()]));
        // A thousand pumps in two seconds ask twenty times, and tell it once.
        let mut seen = Vec::new();
        for pump in 0..1000 {
            seen.extend(listener.next(begun + pump * Duration::from_millis(2)));
        }
        assert_eq!((listener.calls, seen.len()), (20, 1), "{seen:?}");
        // When one got in, the next trouble is news.
        let later = begun + Duration::from_secs(3);
        assert_eq!(listener.next(later).as_deref(), Some("1"));
        assert_eq!(listener.next(later), Some(seen.remove(0)));
    }

    /// A storm of connections that were reset before they were accepted neither ends nor stalls.
    #[test]
    fn case_48_resets_before_accept_are_passed_over_and_bounded() {
        let begun = Instant::now();
        let aborted = || Err(ErrorKind::ConnectionAborted.into());
        let mut listener = Listener::new((0..1000).map(|_| aborted()).chain([Ok(7)]));
        let pumps = (1..20).find(|_| listener.next(begun).is_some()).expect("it gets in");
        assert_eq!((pumps, listener.calls), (8, 1001));
    }

    #[test]
    fn case_98_a_socket_that_cannot_be_prepared_is_nobody() {
        let mut listener = Listener::new([Ok(101), Ok(102), Ok(3), Ok(104)]);
        let now = Instant::now();
        assert_eq!(listener.next(now).as_deref(), Some("3"), "the next one gets its place");
        assert_eq!((listener.next(now), listener.accepting.trouble), (None, None));
    }

    #[test]
    fn case_95_every_kind_of_error_of_connect_is_a_failed_attempt() {
        for kind in ERROR_KINDS {
            let error = failure("there:1", &kind.into(), SOON);
            let fits = match kind {
                ErrorKind::ConnectionRefused => matches!(error, ConnectError::Refused { .. }),
                ErrorKind::TimedOut | ErrorKind::WouldBlock => {
                    matches!(error, ConnectError::TimedOut { .. })
                }
                _ => matches!(error, ConnectError::Io { kind: told, .. } if told == kind),
            };
            assert!(fits && error.to_string().contains("there:1"), "{kind:?}: {error}");
        }
    }

    /// Whether they inherit that from the listener is for the system to say; that they do not
    /// block is not.
    #[test]
    fn case_96_accepted_sockets_never_block_and_never_delay() {
        let mut source = TcpSource::bind("127.0.0.1:0").unwrap();
        let far = TcpStream::connect(source.local_addr().unwrap()).unwrap();
        let mut stream = loop {
            match source.next(Instant::now()) {
                Some(Arrival::Pipe(stream, _)) => break stream,
                Some(other) => panic!("{other:?}"),
                None => thread::yield_now(),
            }
        };
        // A blocking socket would give up after this, and by the wrong kind on some systems.
        stream.set_read_timeout(Some(SOON)).unwrap();
        let begun = Instant::now();
        let error = Pipe::read(&mut stream, begun, &mut [0; 9]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(begun.elapsed() < SOON / 2 && stream.nodelay().unwrap());
        drop(far);
    }

    /// On loopback the system may give a connection the very port that it goes to.
    #[test]
    fn case_63_a_connection_to_itself_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (near, far) = (TcpStream::connect(addr).unwrap(), listener.accept().unwrap());
        assert!(refuse_self(&near).is_ok() && refuse_self(&far.0).is_ok());
        let oneself = (addr, addr);
        assert_eq!(oneself_or_not(oneself).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
}
