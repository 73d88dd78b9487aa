//! `cargo run --example chat`: a chat for terminals.
//!
//! ```text
//! cargo run --example chat                                    joins, or hosts what it then joins
//! cargo run --example chat -- serve [ADDR]                    the server alone, until `quit`
//! cargo run --example chat -- join [ADDR] [--nick NAME]       the client alone
//! ```
//!
//! So run it in two terminals: the first hosts, the second joins. Python's clients on repod can
//! join too, and this client can join a chat server on repod: `server.rs` shows what is said.
//!
//! With `serve … --podsixnet ADDR --json ADDR` clients of PodSixNet and of any language with JSON
//! are in the same chat, and with `join … --podsixnet` this one joins a chat server on PodSixNet.
//! `--json` needs the feature: `cargo run --features json --example chat -- …`.

#[path = "../arguments/mod.rs"]
mod arguments;
mod client;
mod server;
mod terminal;

use std::error::Error;
use std::io::ErrorKind;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use hexapod::{Client, Config, Dialect, MemoryNetwork, Server};

use arguments::{Failure, HERE, is_addr};
use client::Participant;
use server::{Guest, Log};

/// The time between two turns of the network.
const FRAME: Duration = Duration::from_millis(16);

/// How long to look for a chat on this machine.
const SEARCH: Duration = Duration::from_secs(5);

const USAGE: &str = "\
usage: chat                               join the chat on this machine, or host it
       chat serve [ADDR]                  host a chat until you type quit
                  [--podsixnet ADDR]      for clients of PodSixNet, too
                  [--json ADDR]           for clients that speak JSON, too
       chat join [ADDR] [--nick NAME]     join a chat
                 [--podsixnet | --json]   in another dialect
ADDR is HOST:PORT; without it, 127.0.0.1:5071, to join with --podsixnet 127.0.0.1:31425, and with
--json 127.0.0.1:5072. Port 0 is any free port.";

fn main() -> ExitCode {
    arguments::run("chat", USAGE, |args| match args {
        [] => Ok(host_or_join()?),
        ["serve", args @ ..] => {
            let mut server = arguments::listen(args)?;
            server::open(&mut server);
            server::serve(server);
            Ok(())
        }
        ["join", args @ ..] => {
            let (dialect, home, args) = arguments::join(args)?;
            let (addr, nick) = match args[..] {
                [] => (home, None),
                ["--nick", nick] => (home, Some(nick)),
                [addr] if is_addr(addr) => (addr, None),
                [addr, "--nick", nick] | ["--nick", nick, addr] if is_addr(addr) => {
                    (addr, Some(nick))
                }
                _ => return Err(Failure::Usage),
            };
            Ok(join(addr, dialect, nick)?)
        }
        _ => Err(Failure::Usage),
    })
}

fn join(addr: &str, dialect: Dialect, nick: Option<&str>) -> Result<(), Box<dyn Error>> {
    let mut net = Client::with_config(Config::new().dialect(dialect));
    net.connect_to(addr);
    chat(Participant::new(net, dialect, nick), None)
}

/// Joins the chat on this machine. If nobody answers, this is the one who hosts it.
fn host_or_join() -> Result<(), Box<dyn Error>> {
    if let Ok(net) = Client::connect_blocking(HERE, SEARCH) {
        println!("joining the chat at {HERE}");
        return chat(Participant::new(net, Dialect::REPOD, None), None);
    }
    let mut server = match Server::bind(HERE) {
        Ok(server) => server,
        // Two were started at once, and the other one was quicker.
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            return join(HERE, Dialect::REPOD, None);
        }
        Err(error) => return Err(format!("cannot listen at {HERE}: {error}").into()),
    };
    server::open(&mut server);
    println!("listening on {HERE}");
    println!("nobody was chatting there, so you are the host: the chat ends when you leave");
    // The host is a client like any other, only nearer: on a network inside this program.
    let network = MemoryNetwork::new();
    let inside = server.listen_memory(&network, ([127, 0, 0, 1], 0).into(), Dialect::REPOD)?;
    let net = Client::connect_memory(&network, inside);
    chat(Participant::new(net, Dialect::REPOD, None), Some(server))
}

/// Chats until it is over. A host turns its server along.
fn chat(mut me: Participant, mut host: Option<Server<Log, Guest>>) -> Result<(), Box<dyn Error>> {
    let mut log = Log { prints: false };
    let typed = terminal::typed_lines();
    loop {
        if let Some(server) = &mut host {
            server.pump(&mut log);
        }
        if let Some(end) = me.turn(&typed) {
            if let Some(server) = host {
                server::end(server, &mut log);
            }
            return Ok(end?);
        }
        thread::sleep(FRAME);
    }
}
