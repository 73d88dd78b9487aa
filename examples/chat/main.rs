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

mod client;
mod server;
mod terminal;

use std::error::Error;
use std::io::{self, ErrorKind};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, thread};

use hexapod::{Client, Dialect, MemoryNetwork, Server};

use client::Participant;
use server::{Guest, Log};

/// Where repod's games are at home, too.
const HERE: &str = "127.0.0.1:5071";

/// The time between two turns of the network.
const FRAME: Duration = Duration::from_millis(16);

/// How long to look for a chat on this machine.
const SEARCH: Duration = Duration::from_secs(5);

const USAGE: &str = "\
usage: chat                               join the chat on this machine, or host it
       chat serve [ADDR]                  host a chat until you type quit
       chat join [ADDR] [--nick NAME]     join a chat
ADDR is HOST:PORT; without it, 127.0.0.1:5071. Port 0 is any free port.";

fn main() -> ExitCode {
    let args: Vec<String> =
        env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    let is_addr = |arg: &str| !arg.starts_with('-');
    let ended = match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => host_or_join(),
        ["serve"] => serve(HERE),
        ["serve", addr] if is_addr(addr) => serve(addr),
        ["join"] => join(HERE, None),
        ["join", addr] if is_addr(addr) => join(addr, None),
        ["join", "--nick", nick] => join(HERE, Some(nick)),
        ["join", addr, "--nick", nick] | ["join", "--nick", nick, addr] if is_addr(addr) => {
            join(addr, Some(nick))
        }
        ["-h" | "--help"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(addr: &str) -> Result<(), Box<dyn Error>> {
    let server = server::open(addr).map_err(|error| cannot_listen(addr, &error))?;
    server::serve(server);
    Ok(())
}

fn join(addr: &str, nick: Option<&str>) -> Result<(), Box<dyn Error>> {
    chat(Participant::new(Client::connect(addr), nick), None)
}

/// Joins the chat on this machine. If nobody answers, this is the one who hosts it.
fn host_or_join() -> Result<(), Box<dyn Error>> {
    if let Ok(net) = Client::connect_blocking(HERE, SEARCH) {
        println!("joining the chat at {HERE}");
        return chat(Participant::new(net, None), None);
    }
    let mut server = match server::open(HERE) {
        Ok(server) => server,
        // Two were started at once, and the other one was quicker.
        Err(error) if error.kind() == ErrorKind::AddrInUse => return join(HERE, None),
        Err(error) => return Err(cannot_listen(HERE, &error).into()),
    };
    println!("nobody was chatting there, so you are the host: the chat ends when you leave");
    // The host is a client like any other, only nearer: on a network inside this program.
    let network = MemoryNetwork::new();
    let inside = server.listen_memory(&network, ([127, 0, 0, 1], 0).into(), Dialect::REPOD)?;
    chat(Participant::new(Client::connect_memory(&network, inside), None), Some(server))
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

fn cannot_listen(addr: &str, error: &io::Error) -> String {
    format!("cannot listen at {addr}: {error}")
}
