//! tokio with length-delimited frames and rmp-serde, on one thread: the way of its tutorials. Each
//! peer has a task, and one more that writes what the peer is sent.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::bytes::Bytes;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use crate::suite::desk::Desk;
use crate::suite::{Contender, Job};
use crate::typed::{self, MOVE};

pub(crate) struct Tokio;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

impl Contender for Tokio {
    fn name(&self) -> &'static str {
        "tokio"
    }

    fn frame(&self) -> Vec<u8> {
        typed::frame()
    }

    fn serve(&self, job: Job, desk: &Desk) {
        // A task must own what it uses; the desk is only lent. It is told through these.
        let received: &'static AtomicU64 = Box::leak(Box::default());
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let mut peers: Vec<UnboundedSender<Bytes>> = Vec::new();
            desk.open(listener.local_addr().expect("an address"));
            let mut tick = tokio::time::interval(Duration::from_millis(2));
            while desk.is_open() {
                tokio::select! {
                    Ok((stream, _)) = listener.accept() => {
                        stream.set_nodelay(true).expect("no delay");
                        if let Job::Broadcast { .. } = job {
                            peers.push(writer(stream));
                        } else {
                            peers.push(reader(stream, job, received));
                        }
                        desk.connected.store(peers.len(), SeqCst);
                    }
                    // A game that has something to say by itself.
                    () = tokio::task::yield_now(), if matches!(job, Job::Broadcast { .. }) => {}
                    _ = tick.tick(), if matches!(job, Job::Count) => {}
                    () = tokio::time::sleep(Duration::from_millis(10)) => {}
                }
                if let Job::Broadcast { burst } = job {
                    for _ in 0..desk.bursts() * burst as u64 {
                        let payload = Bytes::from(MOVE.to_bytes());
                        for peer in &peers {
                            let _ = peer.send(payload.clone());
                        }
                    }
                }
                desk.received.store(received.load(SeqCst), SeqCst);
            }
        });
    }

    fn echo_client(&self, addr: SocketAddr) -> Option<Box<dyn FnMut()>> {
        let runtime = runtime();
        let mut framed = runtime.block_on(connect(addr));
        Some(Box::new(move || {
            runtime.block_on(async {
                framed.send(Bytes::from(MOVE.to_bytes())).await.expect("a server");
                let payload = framed.next().await.expect("an echo").expect("an echo");
                std::hint::black_box(typed::handle(&payload));
            });
        }))
    }

    fn one_way_client(&self, addr: SocketAddr) -> Option<Box<dyn FnMut(u64)>> {
        let runtime = runtime();
        let mut framed = runtime.block_on(connect(addr));
        Some(Box::new(move |count| {
            runtime.block_on(async {
                for _ in 0..count {
                    framed.feed(Bytes::from(MOVE.to_bytes())).await.expect("a server");
                }
                SinkExt::<Bytes>::flush(&mut framed).await.expect("a server");
            });
        }))
    }
}

async fn connect(addr: SocketAddr) -> Framed<TcpStream, LengthDelimitedCodec> {
    let stream = TcpStream::connect(addr).await.expect("the server listens");
    stream.set_nodelay(true).expect("no delay");
    Framed::new(stream, LengthDelimitedCodec::new())
}

/// A task that decodes what comes and echoes it, or counts it.
fn reader(stream: TcpStream, job: Job, received: &'static AtomicU64) -> UnboundedSender<Bytes> {
    tokio::spawn(async move {
        let mut framed = Framed::new(stream, LengthDelimitedCodec::new());
        while let Some(Ok(payload)) = framed.next().await {
            std::hint::black_box(typed::handle(&payload));
            match job {
                Job::Echo => {
                    if framed.send(payload.freeze()).await.is_err() {
                        return;
                    }
                }
                Job::Count | Job::Broadcast { .. } => {
                    received.fetch_add(1, SeqCst);
                }
            }
        }
    });
    unbounded_channel().0
}

/// A task that writes what it is handed, as much of it at once as there is.
fn writer(stream: TcpStream) -> UnboundedSender<Bytes> {
    let (sender, mut receiver) = unbounded_channel::<Bytes>();
    tokio::spawn(async move {
        let mut framed = Framed::new(stream, LengthDelimitedCodec::new());
        while let Some(payload) = receiver.recv().await {
            if framed.feed(payload).await.is_err() {
                return;
            }
            while let Ok(more) = receiver.try_recv() {
                if framed.feed(more).await.is_err() {
                    return;
                }
            }
            if SinkExt::<Bytes>::flush(&mut framed).await.is_err() {
                return;
            }
        }
    });
    sender
}
