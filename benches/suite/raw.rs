//! A raw client: a socket and bytes, nothing that could be slow.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::desk::wait;

/// A connection without delay.
pub(crate) fn plain_connection(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("the server listens");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// Reads so many bytes, spinning.
pub(crate) fn read_spinning(stream: &mut TcpStream, len: usize, buffer: &mut [u8]) {
    let mut left = len;
    wait("a reply", || {
        let room = left.min(buffer.len());
        match stream.read(&mut buffer[..room]) {
            Ok(0) => panic!("the server has closed the connection"),
            Ok(read) => left -= read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
            Err(error) => panic!("{error}"),
        }
        (left == 0).then_some(())
    });
}

/// Sends one message there and back, as often as the time allows; the median in microseconds, of
/// the quietest window.
pub(crate) fn echo(mut once: impl FnMut(), most: usize, time: Duration) -> f64 {
    let mut trips = Vec::with_capacity(most);
    let begun = Instant::now();
    // The first ones warm up.
    (0..most.min(WINDOW)).for_each(|_| once());
    while trips.len() < most && (trips.is_empty() || begun.elapsed() < time) {
        let before = Instant::now();
        once();
        trips.push(before.elapsed().as_secs_f64() * 1e6);
    }
    trips.chunks(WINDOW).map(super::report::median).fold(f64::INFINITY, f64::min)
}

/// How many trips make a window.
const WINDOW: usize = 50;

/// One message there and back on a raw connection.
pub(crate) fn echo_once(stream: &mut TcpStream, frame: &[u8], reply_len: usize, buffer: &mut [u8]) {
    stream.write_all(frame).expect("there is room for one message");
    read_spinning(stream, reply_len, buffer);
}
