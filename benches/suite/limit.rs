//! The limit: the same loop over the same sockets, on messages of a fixed 64 bytes that nobody
//! frames, decodes or dispatches.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use super::desk::Desk;
use super::{Contender, Job};

/// The length of every message.
const LEN: usize = 64;

pub(crate) struct RawScan;

/// A connection, and how much of a message has come that is not whole.
struct Link {
    stream: TcpStream,
    partial: usize,
}

impl Contender for RawScan {
    fn name(&self) -> &'static str {
        "raw-scan"
    }

    fn frame(&self) -> Vec<u8> {
        vec![7; LEN]
    }

    fn serve(&self, job: Job, desk: &Desk) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("non-blocking");
        let mut links: Vec<Link> = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        let (mut received, mut accepted) = (0, None::<Instant>);
        desk.open(listener.local_addr().expect("an address"));
        while desk.is_open() {
            let now = Instant::now();
            // To accept costs as much as ten idle reads: once a millisecond is enough.
            if accepted.is_none_or(|then| now - then >= Duration::from_millis(1)) {
                accepted = Some(now);
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true).expect("non-blocking");
                    stream.set_nodelay(true).expect("no delay");
                    links.push(Link { stream, partial: 0 });
                    desk.connected.store(links.len(), SeqCst);
                }
            }
            for link in &mut links {
                received += link.turn(job, &mut buffer);
            }
            if let Job::Broadcast { burst } = job {
                for _ in 0..desk.bursts() {
                    let said = vec![7; burst * LEN];
                    for link in &mut links {
                        link.stream.write_all(&said).expect("everybody reads");
                    }
                }
            }
            desk.received.store(received, SeqCst);
            desk.rest(now);
        }
    }
}

impl Link {
    /// Reads what has come; tells how many messages that were.
    fn turn(&mut self, job: Job, buffer: &mut [u8]) -> u64 {
        match self.stream.read(buffer) {
            Ok(len) => {
                let (messages, partial) = ((self.partial + len) / LEN, (self.partial + len) % LEN);
                self.partial = partial;
                if let Job::Echo = job {
                    self.stream.write_all(&buffer[..len]).expect("everybody reads");
                }
                messages as u64
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            // The run is over.
            Err(_) => 0,
        }
    }
}
