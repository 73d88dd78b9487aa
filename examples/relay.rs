//! `cargo run --example relay -- serve [ADDR]`: says what one peer says to all of them.
//!
//! Every `chat` message goes to everybody, its sender included, byte for byte: the relay need not
//! know what is in there. Messages of other actions are only counted.

use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, io, thread};

use hexapod::{Outgoing, Server};

fn main() -> io::Result<ExitCode> {
    let args: Vec<_> = env::args().skip(1).collect();
    let addr = match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => "127.0.0.1:5071",
        ["serve", addr] => addr,
        _ => {
            eprintln!("usage: relay serve [ADDR]");
            return Ok(ExitCode::from(2));
        }
    };
    let mut server = Server::<u64>::bind(addr)?;
    server.on("chat", |ctx, msg| ctx.broadcast(Outgoing::from(msg)));
    server.on_unhandled(|ctx, _| *ctx.state += 1);
    for addr in server.local_addrs() {
        println!("listening on {addr}");
    }
    let (mut others, mut printed, mut last) = (0, 0, Instant::now());
    loop {
        server.pump(&mut others);
        if others != printed && last.elapsed() >= Duration::from_secs(1) {
            println!("messages that were not chat: {others}");
            (printed, last) = (others, Instant::now());
        }
        thread::sleep(Duration::from_millis(16));
    }
}
