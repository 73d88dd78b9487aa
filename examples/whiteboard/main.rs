//! `cargo run --example whiteboard`: a board on which everybody draws.
//!
//! ```text
//! cargo run --example whiteboard -- serve [ADDR]                       the board
//! cargo run --example whiteboard -- join [ADDR] --save FILE.svg        draws on it, and saves it
//! ```
//!
//! The windows to it are the whiteboards of two Python libraries: repod's come to ADDR, PodSixNet's
//! to the address behind `--podsixnet`, and whoever speaks JSON to the one behind `--json` (feature
//! `json`). All see what all draw: `server.rs` shows what is said.
//!
//! `join` has no window. It draws an insect, waits until the board has shown it, and saves what it
//! has seen. `--podsixnet` and `--json` let it do so in another dialect.

#[path = "../arguments/mod.rs"]
mod arguments;
mod client;
mod figure;
mod server;
mod svg;

use std::process::ExitCode;

use arguments::{Failure, is_addr};

const USAGE: &str = "\
usage: whiteboard serve [ADDR] [--podsixnet ADDR] [--json ADDR]
       whiteboard join [ADDR] [--podsixnet | --json] --save FILE.svg
ADDR is HOST:PORT; without it, 127.0.0.1:5071, to join with --podsixnet 127.0.0.1:31425, and with
--json 127.0.0.1:5072. Port 0 is any free port.";

fn main() -> ExitCode {
    arguments::run("whiteboard", USAGE, |args| match args {
        ["serve", args @ ..] => {
            server::serve(arguments::listen(args)?);
            Ok(())
        }
        ["join", args @ ..] => {
            let (dialect, home, args) = arguments::join(args)?;
            let (addr, file) = match args[..] {
                ["--save", file] => (home, file),
                [addr, "--save", file] | ["--save", file, addr] if is_addr(addr) => (addr, file),
                _ => return Err(Failure::Usage),
            };
            Ok(client::draw_and_save(addr, dialect, file)?)
        }
        _ => Err(Failure::Usage),
    })
}
