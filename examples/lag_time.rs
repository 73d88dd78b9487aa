//! `cargo run --example lag_time`: how long a message takes to a player and back.
//!
//! ```text
//! cargo run --example lag_time -- serve [ADDR]            measures everybody who joins
//! cargo run --example lag_time -- join [ADDR] [COUNT]     lets itself be measured, 100 times
//! ```
//!
//! `serve … --podsixnet ADDR --json ADDR` measures those who speak these dialects, too, and
//! `join … --podsixnet`, or `--json` with the feature of that name, is one of them.
//!
//! The server says `ping` with a count, the client says the same back, and the server counts on.
//! The clients of both Python libraries do that too. Beside it stands what hexapod's own heartbeats
//! have measured, where the other end is a hexapod. Both include the wait for the next frame on
//! either side.

#[path = "arguments/mod.rs"]
mod arguments;

use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use hexapod::{Client, Config, Dialect, Outgoing, Server, msg};

use arguments::{Failure, is_addr};

const FRAMES_PER_SECOND: u32 = 60;

const USAGE: &str = "\
usage: lag_time serve [ADDR] [--podsixnet ADDR] [--json ADDR]
       lag_time join [ADDR] [COUNT] [--podsixnet | --json]
ADDR is HOST:PORT; without it, 127.0.0.1:5071, to join with --podsixnet 127.0.0.1:31425, and with
--json 127.0.0.1:5072. Port 0 is any free port.";

/// What the server knows of a peer: which ping is on its way since when, and how long all took.
struct Lag {
    count: i64,
    sent: Instant,
    trips: Vec<Duration>,
}

impl Default for Lag {
    fn default() -> Self {
        Self { count: 0, sent: Instant::now(), trips: Vec::new() }
    }
}

impl Lag {
    fn ping(&mut self) -> Outgoing {
        self.sent = Instant::now();
        msg!("ping", count: self.count)
    }

    /// A line of the table: count, shortest, median, and what 99 of 100 stay below.
    fn line(&self) -> String {
        let mut trips = self.trips.clone();
        trips.sort();
        let Some(last) = trips.len().checked_sub(1) else { return "nothing came back".to_owned() };
        let at = |percent: usize| millis(trips[last * percent / 100]);
        format!("{:>6}   {}   {}   {}", trips.len(), at(0), at(50), at(99))
    }
}

fn millis(time: Duration) -> String {
    format!("{:>8.2} ms", time.as_secs_f64() * 1000.0)
}

fn main() -> ExitCode {
    arguments::run("lag_time", USAGE, |args| match args {
        ["serve", args @ ..] => {
            serve(arguments::listen(args)?);
            Ok(())
        }
        ["join", args @ ..] => {
            let (dialect, home, args) = arguments::join(args)?;
            let (addr, count) = match args[..] {
                [] => (home, "100"),
                [addr] if is_addr(addr) => (addr, "100"),
                [addr, count] if is_addr(addr) => (addr, count),
                _ => return Err(Failure::Usage),
            };
            Ok(join(addr, dialect, count.parse().map_err(|_| Failure::Usage)?)?)
        }
        _ => Err(Failure::Usage),
    })
}

fn serve(mut server: Server<(), Lag>) {
    println!("peer    count      shortest         median         99 of 100    heartbeat");
    server
        .on_connect(|ctx| {
            let ping = ctx.data_mut().ping();
            ctx.send(ping);
        })
        .on("ping", |ctx, msg| {
            let count: i64 = msg.get("count")?;
            let lag = ctx.data_mut();
            if count != lag.count {
                return Err(format!("{} is on its way, and {count} came back", lag.count).into());
            }
            lag.trips.push(lag.sent.elapsed());
            lag.count += 1;
            let ping = lag.ping();
            ctx.send(ping);
            Ok(())
        })
        .on_disconnect(|ctx, reason| {
            println!("{:<4} {}   left: {reason}", ctx.peer(), ctx.data().line());
        });
    let mut shown = Instant::now();
    server.run(&mut (), FRAMES_PER_SECOND, |server, ()| {
        if shown.elapsed() >= Duration::from_secs(1) {
            shown = Instant::now();
            for peer in server.peers() {
                let heartbeat = peer.round_trip().map(|trip| millis(trip.smooth));
                let heartbeat = heartbeat.unwrap_or_else(|| "plain".to_owned());
                println!("{:<4} {}   {heartbeat}", peer.id(), peer.data().line());
            }
        }
    });
}

/// How it ended, once it has.
type End = Option<Result<(), String>>;

fn join(addr: &str, dialect: Dialect, count: i64) -> Result<(), Box<dyn Error>> {
    let mut net = Client::<End>::with_config(Config::new().dialect(dialect));
    net.connect_to(addr);
    net.on("ping", move |ctx, msg| {
        ctx.send(Outgoing::from(msg));
        if msg.get::<i64>("count")? >= count - 1 {
            ctx.close();
        }
        Ok(())
    });
    net.on_connect_failed(|ctx, error| *ctx.state = Some(Err(error.to_string())));
    net.on_disconnect(|ctx, reason| {
        println!("it is over: {reason}");
        *ctx.state = Some(Ok(()));
    });
    let (mut end, mut heartbeat) = (None, None);
    while end.is_none() || !net.is_closed() {
        net.pump(&mut end);
        heartbeat = net.round_trip().or(heartbeat);
        thread::sleep(Duration::from_secs(1) / FRAMES_PER_SECOND);
    }
    if let Some(trip) = heartbeat {
        println!("heartbeats took {} at best, {} of late", millis(trip.min), millis(trip.last));
    }
    Ok(end.unwrap_or(Ok(()))?)
}
