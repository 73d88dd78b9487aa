//! tungstenite: WebSocket over non-blocking sockets that are scanned, as hexapod scans its own,
//! with rmp-serde. A read buffer of 4 KiB, for the default of 128 KiB is cleared before each read.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, WebSocket};

use crate::suite::desk::{Desk, wait};
use crate::suite::{Contender, Job, plain_connection};
use crate::typed::{self, MOVE};

pub(crate) struct Tungstenite;

fn config() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(4 << 10)
}

impl Contender for Tungstenite {
    fn name(&self) -> &'static str {
        "tungstenite"
    }

    /// A client's frame is masked; a mask of zeros changes nothing.
    fn frame(&self) -> Vec<u8> {
        let payload = MOVE.to_bytes();
        [&[0x82, 0x80 | payload.len() as u8, 0, 0, 0, 0][..], &payload].concat()
    }

    fn reply_len(&self) -> usize {
        2 + MOVE.to_bytes().len()
    }

    fn connect(&self, addr: SocketAddr) -> TcpStream {
        web_socket(addr).get_ref().try_clone().expect("a descriptor")
    }

    fn serve(&self, job: Job, desk: &Desk) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("non-blocking");
        let mut peers: Vec<WebSocket<TcpStream>> = Vec::new();
        let (mut received, mut sum, mut accepted) = (0, 0.0, None::<Instant>);
        desk.open(listener.local_addr().expect("an address"));
        while desk.is_open() {
            let now = Instant::now();
            if accepted.is_none_or(|then| now - then >= Duration::from_millis(1)) {
                accepted = Some(now);
                while let Ok((stream, _)) = listener.accept() {
                    // The handshake blocks, which is no part of what is measured.
                    stream.set_nonblocking(false).expect("blocking");
                    stream.set_nodelay(true).expect("no delay");
                    let peer = tungstenite::accept_with_config(stream, Some(config()));
                    let peer = peer.expect("a handshake");
                    peer.get_ref().set_nonblocking(true).expect("non-blocking");
                    peers.push(peer);
                    desk.connected.store(peers.len(), SeqCst);
                }
            }
            for peer in &mut peers {
                while let Ok(Message::Binary(payload)) = peer.read() {
                    sum += typed::handle(&payload);
                    received += 1;
                    desk.received.store(received, SeqCst);
                    if let Job::Echo = job {
                        let _ = peer.send(Message::Binary(payload));
                    }
                }
            }
            if let Job::Broadcast { burst } = job {
                for _ in 0..desk.bursts() {
                    for _ in 0..burst {
                        let payload = tungstenite::Bytes::from(MOVE.to_bytes());
                        for peer in &mut peers {
                            let _ = peer.write(Message::Binary(payload.clone()));
                        }
                    }
                    for peer in &mut peers {
                        let _ = peer.flush();
                    }
                }
            }
            desk.rest(now);
        }
        std::hint::black_box(sum);
    }

    fn echo_client(&self, addr: SocketAddr) -> Option<Box<dyn FnMut()>> {
        let mut socket = web_socket(addr);
        socket.get_ref().set_nonblocking(true).expect("non-blocking");
        Some(Box::new(move || {
            socket.send(Message::Binary(MOVE.to_bytes().into())).expect("there is room");
            wait("an echo", || match socket.read() {
                Ok(Message::Binary(payload)) => {
                    std::hint::black_box(typed::handle(&payload));
                    Some(())
                }
                Ok(_) => None,
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => None,
                Err(error) => panic!("{error}"),
            });
        }))
    }

    fn one_way_client(&self, addr: SocketAddr) -> Option<Box<dyn FnMut(u64)>> {
        let mut socket = web_socket(addr);
        Some(Box::new(move |count| {
            for _ in 0..count {
                socket.write(Message::Binary(MOVE.to_bytes().into())).expect("a server");
            }
            socket.flush().expect("a server");
        }))
    }
}

fn web_socket(addr: SocketAddr) -> WebSocket<TcpStream> {
    let stream = plain_connection(addr);
    let (socket, _) =
        tungstenite::client::client_with_config(format!("ws://{addr}/"), stream, Some(config()))
            .expect("a handshake");
    socket
}
