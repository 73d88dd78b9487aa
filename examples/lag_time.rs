//! `cargo run --example lag_time`: how long a message takes to a player and back.
//!
//! ```text
//! cargo run --example lag_time -- serve [ADDR]            measures everybody who joins
//! cargo run --example lag_time -- join [ADDR] [COUNT]     lets itself be measured, 100 times
//! ```
//!
//! The server says `ping` with a count, the client says the same back, and the server counts on.
//! Old Python clients do that too. Beside it stands what hexapod's own heartbeats have measured,
//! where the other end is a hexapod. Both include the wait for the next frame on either side.

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, thread};

use hexapod::{Client, Outgoing, Server, msg};

const HERE: &str = "127.0.0.1:5071";
const FRAMES_PER_SECOND: u32 = 60;

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
    let args: Vec<String> = env::args().skip(1).collect();
    let ended = match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => serve(HERE),
        ["serve", addr] => serve(addr),
        ["join"] => join(HERE, 100),
        ["join", addr] => join(addr, 100),
        ["join", addr, count] if count.parse::<i64>().is_ok() => {
            join(addr, count.parse().unwrap_or(100))
        }
        _ => {
            eprintln!("usage: lag_time serve [ADDR] | join [ADDR] [COUNT]");
            return ExitCode::from(2);
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lag_time: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(addr: &str) -> Result<(), Box<dyn Error>> {
    let mut server = Server::<(), Lag>::bind(addr)?;
    for addr in server.local_addrs() {
        println!("listening on {addr}");
    }
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
    Ok(())
}

/// How it ended, once it has.
type End = Option<Result<(), String>>;

fn join(addr: &str, count: i64) -> Result<(), Box<dyn Error>> {
    let mut net = Client::<End>::connect(addr);
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
