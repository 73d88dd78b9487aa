//! `cargo run --example echo [ADDR]`: the smallest server. What you say to it, it says back.

use std::{env, io, thread, time::Duration};

use hexapod::{Outgoing, Server};

fn main() -> io::Result<()> {
    let addr = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:5071".to_owned());
    // The game's state and the data of each peer: nothing. An echo has no memory.
    let mut server = Server::<()>::bind(addr)?;
    server.on_unhandled(|ctx, msg| ctx.send(Outgoing::from(msg)));
    for addr in server.local_addrs() {
        println!("listening on {addr}");
    }
    loop {
        server.pump(&mut ());
        thread::sleep(Duration::from_millis(16));
    }
}
