//! hexapod, used as a game would use it, with the default limits but for the number of peers.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

use hexapod::{Client, Config, HandlerError, Message, Outgoing, Server, msg};

use super::desk::{Desk, wait};
use super::{Contender, Job, plain_connection};

pub(crate) struct Hexapod;

/// As many peers as a workload has, all from one address.
pub(crate) fn config() -> Config {
    Config::new().max_peers(20_000).max_peers_per_address(20_000).quiet(true)
}

/// The message of all workloads: 53 bytes.
pub(crate) fn message() -> Outgoing {
    msg!("move", id: 7, x: 1.5, y: -2.25, name: "player-7")
}

/// Reads all that the message holds.
pub(crate) fn read(msg: &Message<'_>) -> Result<f64, HandlerError> {
    let (id, x, y): (u32, f64, f64) = (msg.get("id")?, msg.get("x")?, msg.get("y")?);
    let name: &str = msg.get("name")?;
    Ok(f64::from(id) + x + y + name.len() as f64)
}

/// What has been heard.
#[derive(Default)]
struct World {
    messages: u64,
    sum: f64,
}

impl Contender for Hexapod {
    fn name(&self) -> &'static str {
        "hexapod"
    }

    fn frame(&self) -> Vec<u8> {
        let message = message();
        let payload = message.to_bytes().expect("a good message");
        [&(payload.len() as u32).to_be_bytes()[..], payload].concat()
    }

    fn connect(&self, addr: SocketAddr) -> TcpStream {
        let mut stream = plain_connection(addr);
        // The greeting.
        let mut len = [0; 4];
        stream.read_exact(&mut len).expect("the server greets");
        let mut greeting = vec![0; u32::from_be_bytes(len) as usize];
        stream.read_exact(&mut greeting).expect("the server greets");
        stream
    }

    fn serve(&self, job: Job, desk: &Desk) {
        let mut server = Server::<World>::with_config(config());
        let addr = server.listen("127.0.0.1:0", Default::default()).expect("a free port");
        match job {
            Job::Echo => {
                server.on("move", |ctx, msg| ctx.send(Outgoing::from(msg)));
            }
            Job::Count => {
                server.on("move", |ctx, msg| {
                    ctx.state.sum += read(msg)?;
                    ctx.state.messages += 1;
                    Ok(())
                });
            }
            Job::Broadcast { .. } => {}
        }
        let mut world = World::default();
        let mut peers = 0;
        desk.open(addr);
        while desk.is_open() {
            let now = Instant::now();
            let activity = server.pump_at(now, &mut world);
            if activity.opened > 0 {
                peers += activity.opened;
                desk.connected.store(peers as usize, SeqCst);
            }
            if let Job::Broadcast { burst } = job {
                for _ in 0..desk.bursts() {
                    for _ in 0..burst {
                        server.broadcast(message());
                    }
                    server.flush();
                }
            }
            desk.received.store(world.messages, SeqCst);
            desk.rest(now);
        }
        std::hint::black_box(world.sum);
    }

    fn echo_client(&self, addr: SocketAddr) -> Option<Box<dyn FnMut()>> {
        let mut client = connected(addr);
        let mut heard = 0;
        Some(Box::new(move || {
            client.send(message());
            let wanted = heard + 1;
            wait("an echo", || {
                client.pump(&mut heard);
                (heard == wanted).then_some(())
            });
        }))
    }

    fn one_way_client(&self, addr: SocketAddr) -> Option<Box<dyn FnMut(u64)>> {
        /// Messages between two pumps, and bytes that may wait for a server that is behind.
        const BATCH: u64 = 256;
        const BEHIND: u64 = 256 << 10;
        let mut client = connected(addr);
        let len = self.frame().len() as u64;
        let mut waiting = 0;
        Some(Box::new(move |count| {
            for n in 1..=count {
                client.send(message());
                waiting += len;
                if n % BATCH == 0 || n == count {
                    waiting -= client.pump(&mut 0).bytes_written.min(waiting);
                }
                while waiting > BEHIND {
                    waiting -= client.pump(&mut 0).bytes_written.min(waiting);
                }
            }
        }))
    }
}

/// A client that counts what comes back, once it is connected.
fn connected(addr: SocketAddr) -> Client<u64> {
    let mut client = Client::<u64>::with_config(Config::new().quiet(true));
    client.on("move", |ctx, _| *ctx.state += 1);
    client.connect_to(addr);
    wait("a connection", || {
        client.pump(&mut 0);
        client.is_connected().then_some(())
    });
    client
}
