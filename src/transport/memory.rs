//! A network in memory: the same server and clients without sockets, in one thread.
//!
//! ```text
//! MemoryNetwork    listeners by address
//! MemoryStream     two lanes, one each way; a lane holds up to 64 KiB like a socket's buffer
//! ```
//!
//! It behaves like TCP on a good day, and in one thing like TCP on a bad day: who drops a stream
//! with unread bytes in it destroys what is on its way to the far end.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{Arrival, Pipe, Source};
use crate::reason::ConnectError;

/// How many bytes are on their way in one direction before a write has to wait.
const LANE: usize = 64 << 10;

/// How many connections wait to be accepted before the next is refused.
const BACKLOG: usize = 1024;

/// A network inside the program: for tests, bots, and a host that plays along.
///
/// Its clones are the same network. Servers listen on it with
/// [`Server::bind_memory`](crate::Server::bind_memory), clients join with
/// [`Client::connect_memory`](crate::Client::connect_memory), and [`MemoryNetwork::connect`] gives
/// the bare stream, to say what no client would.
///
/// ```
/// use hexapod::{Client, MemoryNetwork, Server, msg};
///
/// let network = MemoryNetwork::new();
/// let mut server = Server::<()>::bind_memory(&network, "10.0.0.1:5071".parse()?)?;
/// server.on("ping", |ctx, _| ctx.send(msg!("pong")));
///
/// let mut client = Client::<u32>::connect_memory(&network, "10.0.0.1:5071".parse()?);
/// client.on("pong", |ctx, _| *ctx.state += 1);
/// client.send(msg!("ping"));
///
/// let mut pongs = 0;
/// for _ in 0..4 {
///     client.pump(&mut pongs);
///     server.pump(&mut ());
/// }
/// assert_eq!(pongs, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct MemoryNetwork(Arc<Mutex<Hub>>);

#[derive(Default)]
struct Hub {
    listeners: BTreeMap<SocketAddr, VecDeque<(MemoryStream, SocketAddr)>>,
    last_port: u16,
}

impl Hub {
    /// A port that was not given out lately.
    fn port(&mut self) -> u16 {
        self.last_port = if self.last_port < 1024 { 1024 } else { self.last_port };
        self.last_port = self.last_port.checked_add(1).unwrap_or(1024);
        self.last_port
    }
}

/// Nothing that is locked here is left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryNetwork {
    /// An empty network.
    pub fn new() -> Self {
        Self::default()
    }

    /// A bare stream to a server on this network, from 127.0.0.1.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused` if nobody listens at the address, or 1,024 are waiting there already.
    pub fn connect(&self, addr: SocketAddr) -> io::Result<MemoryStream> {
        self.connect_from(Ipv4Addr::LOCALHOST.into(), addr)
    }

    /// A bare stream to a server on this network, from an address of choice.
    ///
    /// # Errors
    ///
    /// As for [`MemoryNetwork::connect`].
    pub fn connect_from(&self, from: IpAddr, addr: SocketAddr) -> io::Result<MemoryStream> {
        let mut hub = lock(&self.0);
        let from = SocketAddr::new(from, hub.port());
        match hub.listeners.get_mut(&addr) {
            Some(waiting) if waiting.len() < BACKLOG => {
                let (near, far) = MemoryStream::pair();
                waiting.push_back((far, from));
                Ok(near)
            }
            _ => Err(ErrorKind::ConnectionRefused.into()),
        }
    }

    pub(crate) fn listen(&self, mut addr: SocketAddr) -> io::Result<MemoryListener> {
        let mut hub = lock(&self.0);
        if addr.port() == 0 {
            let port = hub.port();
            addr.set_port(port);
        }
        if hub.listeners.contains_key(&addr) {
            return Err(ErrorKind::AddrInUse.into());
        }
        hub.listeners.insert(addr, VecDeque::new());
        Ok(MemoryListener { network: self.clone(), addr: Some(addr) })
    }
}

impl fmt::Debug for MemoryNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(lock(&self.0).listeners.keys()).finish()
    }
}

/// One direction of a stream.
#[derive(Debug, Default)]
struct Lane {
    bytes: VecDeque<u8>,
    /// The writing end has said that nothing more comes.
    ended: bool,
    /// The reading end is gone.
    deserted: bool,
    /// What was on its way is destroyed, and reading fails.
    reset: bool,
}

/// One end of a byte stream in memory. Reading and writing never block: "later" is
/// [`ErrorKind::WouldBlock`].
#[derive(Debug)]
pub struct MemoryStream {
    inbound: Arc<Mutex<Lane>>,
    outbound: Arc<Mutex<Lane>>,
}

impl MemoryStream {
    fn pair() -> (Self, Self) {
        let (there, back) = (Arc::<Mutex<Lane>>::default(), Arc::<Mutex<Lane>>::default());
        (
            Self { inbound: Arc::clone(&back), outbound: Arc::clone(&there) },
            Self { inbound: there, outbound: back },
        )
    }

    /// Says that nothing more will be written. Reading goes on.
    pub fn shut_down_writing(&mut self) {
        lock(&self.outbound).ended = true;
    }

    /// Breaks the connection: both ends fail from here on, and what is on its way is lost.
    pub fn reset(&mut self) {
        for lane in [&self.inbound, &self.outbound] {
            let mut lane = lock(lane);
            lane.bytes.clear();
            lane.reset = true;
        }
    }
}

impl Read for MemoryStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut lane = lock(&self.inbound);
        if lane.reset {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if lane.bytes.is_empty() && !lane.ended && !buffer.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        lane.bytes.read(buffer)
    }
}

impl Write for MemoryStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lane = lock(&self.outbound);
        if lane.deserted || lane.reset || lane.ended {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let len = bytes.len().min(LANE.saturating_sub(lane.bytes.len()));
        if len == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        lane.bytes.extend(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for MemoryStream {
    fn drop(&mut self) {
        let unread = {
            let mut lane = lock(&self.inbound);
            lane.deserted = true;
            !lane.bytes.is_empty()
        };
        let mut lane = lock(&self.outbound);
        lane.ended = true;
        if unread {
            lane.bytes.clear();
            lane.reset = true;
        }
    }
}

impl Pipe for MemoryStream {
    fn read(&mut self, _now: Instant, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(self, buffer)
    }

    fn write(&mut self, _now: Instant, bytes: (&[u8], &[u8])) -> io::Result<usize> {
        let first = Write::write(self, bytes.0)?;
        if first < bytes.0.len() || bytes.1.is_empty() {
            return Ok(first);
        }
        // What the first piece took stays taken, whatever becomes of the second.
        Ok(first + Write::write(self, bytes.1).unwrap_or(0))
    }

    fn shut_down_writing(&mut self, _now: Instant) -> io::Result<()> {
        Self::shut_down_writing(self);
        Ok(())
    }
}

/// Accepts streams of a network in memory.
#[derive(Debug)]
pub(crate) struct MemoryListener {
    network: MemoryNetwork,
    addr: Option<SocketAddr>,
}

impl Source for MemoryListener {
    type Pipe = MemoryStream;

    fn next(&mut self, _now: Instant) -> Option<Arrival<MemoryStream>> {
        let mut hub = lock(&self.network.0);
        let (stream, addr) = hub.listeners.get_mut(&self.addr?)?.pop_front()?;
        Some(Arrival::Pipe(stream, addr))
    }

    fn stop(&mut self) {
        if let Some(addr) = self.addr.take() {
            // Those that wait are dropped outside of the lock.
            let waiting = lock(&self.network.0).listeners.remove(&addr);
            drop(waiting);
        }
    }

    fn is_done(&self) -> bool {
        self.addr.is_none()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.addr
    }
}

impl Drop for MemoryListener {
    fn drop(&mut self) {
        self.stop();
    }
}

/// One attempt to join a server in memory: it is decided when it is first asked about.
#[derive(Debug)]
pub(crate) struct MemoryDialer {
    network: MemoryNetwork,
    addr: Option<SocketAddr>,
}

impl MemoryDialer {
    pub(crate) fn new(network: &MemoryNetwork, addr: SocketAddr) -> Self {
        Self { network: network.clone(), addr: Some(addr) }
    }
}

impl Source for MemoryDialer {
    type Pipe = MemoryStream;

    fn next(&mut self, _now: Instant) -> Option<Arrival<MemoryStream>> {
        let addr = self.addr.take()?;
        Some(match self.network.connect(addr) {
            Ok(stream) => Arrival::Pipe(stream, addr),
            Err(_) => Arrival::Failed(ConnectError::Refused { target: addr.to_string() }),
        })
    }

    fn stop(&mut self) {
        self.addr = None;
    }

    fn is_done(&self) -> bool {
        self.addr.is_none()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_ends_like_tcp_does() {
        let (mut a, mut b) = MemoryStream::pair();
        a.write_all(b"hi").unwrap();
        a.shut_down_writing();
        b.write_all(b"you too").unwrap();
        let mut buffer = [0; 9];
        assert_eq!(Read::read(&mut b, &mut buffer).unwrap(), 2);
        assert_eq!(Read::read(&mut b, &mut buffer).unwrap(), 0);
        assert_eq!(Read::read(&mut a, &mut buffer).unwrap(), 7);
        drop(a);
        let gone = Write::write(&mut b, b"?").unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn unread_bytes_at_the_drop_destroy_what_is_on_its_way() {
        let (mut a, mut b) = MemoryStream::pair();
        a.write_all(b"never read").unwrap();
        b.write_all(b"lost").unwrap();
        drop(b);
        let error = Read::read(&mut a, &mut [0; 9]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }

    #[test]
    fn a_full_lane_makes_writing_wait() {
        let (mut a, mut b) = MemoryStream::pair();
        assert_eq!(Write::write(&mut a, &vec![0; LANE + 9]).unwrap(), LANE);
        assert_eq!(Write::write(&mut a, b"x").unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(Read::read(&mut b, &mut [0; 3]).unwrap(), 3);
        assert_eq!(Write::write(&mut a, b"abcd").unwrap(), 3);
    }
}
