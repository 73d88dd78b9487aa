//! mio, and all else by hand: what someone writes who wants the least between themselves and the
//! system. A length in front, rmp-serde, a buffer per peer for what is to be written.

use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::suite::desk::Desk;
use crate::suite::{Contender, Job};
use crate::typed;

pub(crate) struct Mio;

const LISTENER: Token = Token(usize::MAX);

struct Peer {
    stream: TcpStream,
    /// The start of a frame that is not whole.
    inbound: Vec<u8>,
    outbound: Vec<u8>,
}

impl Contender for Mio {
    fn name(&self) -> &'static str {
        "mio"
    }

    fn frame(&self) -> Vec<u8> {
        typed::frame()
    }

    fn serve(&self, job: Job, desk: &Desk) {
        let mut poll = Poll::new().expect("a poll");
        let mut events = Events::with_capacity(1024);
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let mut listener = TcpListener::bind(any).expect("a free port");
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE).expect("a poll");
        let mut peers: Vec<Peer> = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        let mut sum = 0.0;
        desk.open(listener.local_addr().expect("an address"));
        while desk.is_open() {
            // Who has something to say by themselves looks at the clock of the game in between.
            let wait = match job {
                Job::Broadcast { .. } => Duration::ZERO,
                _ => Duration::from_millis(10),
            };
            poll.poll(&mut events, Some(wait)).expect("a poll");
            for event in &events {
                if event.token() == LISTENER {
                    while let Ok((mut stream, _)) = listener.accept() {
                        stream.set_nodelay(true).expect("no delay");
                        let token = Token(peers.len());
                        let interest = Interest::READABLE;
                        poll.registry().register(&mut stream, token, interest).expect("a poll");
                        peers.push(Peer { stream, inbound: Vec::new(), outbound: Vec::new() });
                        desk.connected.store(peers.len(), SeqCst);
                    }
                    continue;
                }
                let peer = &mut peers[event.token().0];
                sum += peer.read(job, &mut buffer, desk);
                peer.flush();
            }
            if let Job::Broadcast { burst } = job {
                for _ in 0..desk.bursts() {
                    for _ in 0..burst {
                        let frame = typed::frame();
                        peers.iter_mut().for_each(|peer| peer.outbound.extend_from_slice(&frame));
                    }
                    peers.iter_mut().for_each(Peer::flush);
                }
            }
        }
        std::hint::black_box(sum);
    }
}

impl Peer {
    /// Reads until nothing is left, as an edge-triggered poll wants it.
    fn read(&mut self, job: Job, buffer: &mut [u8], desk: &Desk) -> f64 {
        let mut sum = 0.0;
        loop {
            let kept = self.inbound.len();
            buffer[..kept].copy_from_slice(&self.inbound);
            let len = match self.stream.read(&mut buffer[kept..]) {
                Ok(0) => return sum,
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return sum,
                Err(_) => return sum,
            };
            let (mut rest, mut messages) = (&buffer[..kept + len], 0);
            while let Some((head, behind)) = rest.split_first_chunk::<4>() {
                let payload = u32::from_be_bytes(*head) as usize;
                let Some((payload, behind)) = behind.split_at_checked(payload) else { break };
                sum += typed::handle(payload);
                messages += 1;
                if let Job::Echo = job {
                    self.outbound.extend_from_slice(head);
                    self.outbound.extend_from_slice(payload);
                }
                rest = behind;
            }
            desk.received.fetch_add(messages, SeqCst);
            self.inbound.clear();
            self.inbound.extend_from_slice(rest);
        }
    }

    fn flush(&mut self) {
        if self.outbound.is_empty() {
            return;
        }
        match self.stream.write(&self.outbound) {
            Ok(len) => drop(self.outbound.drain(..len)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.outbound.clear(),
        }
    }
}
