//! What tests share: one server and its clients over TCP or in memory, and bare streams.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use hexapod::{Client, Config, MemoryNetwork, MemoryStream, Server};

/// The first bytes of every server with the default limits: repod's greeting, with one key more.
pub(crate) const GREETING: &[u8] = b"\0\0\0\x3f\x82\xa6action\xa9connected\xa7hexapod\x84\
    \xa4wire\x01\xa4game\xa0\xa7version\xa0\xa9max_frame\xce\0\x10\0\0";

/// The first bytes of a plain server: repod's greeting, byte for byte.
pub(crate) const PLAIN_GREETING: &[u8] = b"\0\0\0\x12\x81\xa6action\xa9connected";

/// How long a test waits for real sockets before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// The network of a test.
#[derive(Clone, Debug)]
pub(crate) enum Network {
    Tcp,
    Memory(MemoryNetwork),
}

/// Runs a test on both networks.
pub(crate) fn on_both(test: impl Fn(Network)) {
    test(Network::Memory(MemoryNetwork::new()));
    test(Network::Tcp);
}

impl Network {
    /// A server on a free port, in the dialect of its configuration.
    pub(crate) fn server<S, P: Default>(&self, config: Config) -> (Server<S, P>, SocketAddr) {
        let dialect = config.dialect;
        let mut server = Server::with_config(config.quiet(true));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let addr = match self {
            Self::Tcp => server.listen(any, dialect),
            Self::Memory(network) => server.listen_memory(network, any, dialect),
        };
        (server, addr.expect("a free port"))
    }

    pub(crate) fn client<S>(&self, addr: SocketAddr) -> Client<S> {
        self.client_with(addr, Config::new())
    }

    pub(crate) fn client_with<S>(&self, addr: SocketAddr, config: Config) -> Client<S> {
        let mut client = Client::with_config(config.quiet(true));
        match self {
            Self::Tcp => client.connect_to(addr),
            Self::Memory(network) => client.connect_to_memory(network, addr),
        }
        client
    }

    /// A bare stream: for what no client would say.
    pub(crate) fn stream(&self, addr: SocketAddr) -> Stream {
        match self {
            Self::Tcp => {
                let stream = TcpStream::connect(addr).expect("the server listens");
                stream.set_nonblocking(true).expect("non-blocking");
                stream.set_nodelay(true).expect("no delay");
                Stream::Tcp(stream)
            }
            Self::Memory(network) => {
                Stream::Memory(network.connect(addr).expect("the server listens"))
            }
        }
    }
}

/// A bare stream that never blocks.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Memory(MemoryStream),
}

impl Stream {
    /// Reads what is there; tells whether the far end is through.
    pub(crate) fn read_some(&mut self, into: &mut Vec<u8>) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        loop {
            let read = match self {
                Self::Tcp(stream) => stream.read(&mut buffer),
                Self::Memory(stream) => stream.read(&mut buffer),
            };
            match read {
                Ok(0) => return Ok(true),
                Ok(len) => into.extend(&buffer[..len]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes as much as fits now; tells how much.
    pub(crate) fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Memory(stream) => stream.write(bytes),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }

    /// Writes bytes that are known to fit.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        assert_eq!(self.write_some(bytes).expect("a stream that can be written"), bytes.len());
    }

    pub(crate) fn shut_down_writing(&mut self) {
        match self {
            Self::Tcp(stream) => drop(stream.shutdown(std::net::Shutdown::Write)),
            Self::Memory(stream) => stream.shut_down_writing(),
        }
    }
}

/// A network in memory, which a test may also ask for more than an address.
pub(crate) fn memory() -> (MemoryNetwork, Network) {
    let network = MemoryNetwork::new();
    (network.clone(), Network::Memory(network))
}

/// What a client of this library says first.
pub(crate) fn hello() -> Vec<u8> {
    let hello = hexapod::msg!("$hello", wire: 1, game: "", version: "", max_frame: 1 << 20);
    frame(hello.to_bytes().expect("a good message"))
}

/// A frame in repod's dialect around a payload.
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32).to_be_bytes()[..], payload].concat()
}

/// Goes on with a step until it says that it is done. Real sockets take their time; the step gives
/// them a moment, and a test that waits for what never comes fails here.
#[track_caller]
pub(crate) fn until(mut step: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !step() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain");
        thread::yield_now();
    }
}
