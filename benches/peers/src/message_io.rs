//! message-io: its framed TCP, with rmp-serde. It has an event loop of its own; a server that has
//! something to say by itself is woken by a signal.
//!
//! Its framed TCP offers no way to switch delays off and writes length and payload apart, which is
//! what its echo times come from.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use message_io::network::{Endpoint, NetEvent, Transport};
use message_io::node::{self, NodeEvent};

use crate::suite::desk::{Desk, wait};
use crate::suite::{Contender, Job};
use crate::typed::{self, MOVE};

pub(crate) struct MessageIo;

impl Contender for MessageIo {
    fn name(&self) -> &'static str {
        "message-io"
    }

    fn frame(&self) -> Vec<u8> {
        let payload = MOVE.to_bytes();
        // A length below 128 is one byte.
        [&[payload.len() as u8][..], &payload].concat()
    }

    fn serve(&self, job: Job, desk: &Desk) {
        let (handler, listener) = node::split::<()>();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (_, addr) = handler.network().listen(Transport::FramedTcp, any).expect("a free port");
        let mut peers: HashMap<Endpoint, ()> = HashMap::new();
        let (mut received, mut sum) = (0, 0.0);
        handler.signals().send(());
        desk.open(addr);
        listener.for_each(|event| match event {
            NodeEvent::Network(NetEvent::Accepted(endpoint, _)) => {
                peers.insert(endpoint, ());
                desk.connected.store(peers.len(), SeqCst);
            }
            NodeEvent::Network(NetEvent::Message(endpoint, payload)) => match job {
                Job::Echo => {
                    sum += typed::handle(payload);
                    handler.network().send(endpoint, payload);
                }
                Job::Count | Job::Broadcast { .. } => {
                    sum += typed::handle(payload);
                    received += 1;
                    desk.received.store(received, SeqCst);
                }
            },
            NodeEvent::Network(NetEvent::Disconnected(endpoint)) => {
                peers.remove(&endpoint);
            }
            NodeEvent::Network(NetEvent::Connected(..)) => {}
            NodeEvent::Signal(()) => {
                if let Job::Broadcast { burst } = job {
                    for _ in 0..desk.bursts() {
                        let payload = MOVE.to_bytes();
                        for _ in 0..burst {
                            for endpoint in peers.keys() {
                                handler.network().send(*endpoint, &payload);
                            }
                        }
                    }
                }
                if !desk.is_open() {
                    handler.stop();
                    return;
                }
                let pause = match job {
                    Job::Broadcast { .. } => Duration::from_micros(100),
                    _ => Duration::from_millis(10),
                };
                handler.signals().send_with_timer((), pause);
            }
        });
        std::hint::black_box(sum);
    }

    fn echo_client(&self, addr: SocketAddr) -> Option<Box<dyn FnMut()>> {
        let (handler, endpoint, task, heard) = client(addr);
        let mut wanted = 0;
        let bytes = MOVE.to_bytes();
        let stop = StopAtTheEnd(handler.clone(), Some(task));
        Some(Box::new(move || {
            let _ = &stop;
            wanted += 1;
            handler.network().send(endpoint, &bytes);
            wait("an echo", || {
                std::thread::yield_now();
                (heard.load(SeqCst) >= wanted).then_some(())
            });
        }))
    }

    fn one_way_client(&self, addr: SocketAddr) -> Option<Box<dyn FnMut(u64)>> {
        let (handler, endpoint, task, _) = client(addr);
        let stop = StopAtTheEnd(handler.clone(), Some(task));
        let mut bytes = Vec::new();
        Some(Box::new(move |count| {
            let _ = &stop;
            for _ in 0..count {
                bytes.clear();
                MOVE.write(&mut bytes);
                handler.network().send(endpoint, &bytes);
            }
        }))
    }
}

type Heard = std::sync::Arc<std::sync::atomic::AtomicU64>;

struct StopAtTheEnd(node::NodeHandler<()>, Option<node::NodeTask>);

impl Drop for StopAtTheEnd {
    fn drop(&mut self) {
        self.0.stop();
        drop(self.1.take());
    }
}

/// A client whose events are heard on a thread of the library's.
fn client(addr: SocketAddr) -> (node::NodeHandler<()>, Endpoint, node::NodeTask, Heard) {
    let (handler, listener) = node::split::<()>();
    let (endpoint, _) =
        handler.network().connect_sync(Transport::FramedTcp, addr).expect("the server listens");
    let heard = Heard::default();
    let counter = heard.clone();
    let task = listener.for_each_async(move |event| {
        if let NodeEvent::Network(NetEvent::Message(_, payload)) = event {
            std::hint::black_box(typed::handle(payload));
            counter.fetch_add(1, SeqCst);
        }
    });
    (handler, endpoint, task, heard)
}
