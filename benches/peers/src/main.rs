//! The workloads of `cargo bench`, with other libraries beside hexapod, in the same rounds.
//!
//! ```text
//! cd benches/peers && cargo run --release -- --bench              everything
//! cd benches/peers && cargo run --release -- --bench echo codec   two workloads
//! ```
//!
//! Without `--bench` it only shows that all of them run. Each library is used as its documentation
//! shows it, by someone who means well: without delay where it lets that be set, one write for many
//! messages where it offers that.

#[path = "../../suite/mod.rs"]
mod suite;

mod message_io;
mod mio_by_hand;
mod python;
mod tokio_framed;
mod typed;
mod web_socket;

use suite::limit::RawScan;
use suite::ours::Hexapod;
use suite::{Contender, Entrants};

fn main() {
    let python = python::found();
    let mut servers: Vec<&dyn Contender> = vec![
        &RawScan,
        &Hexapod,
        &mio_by_hand::Mio,
        &tokio_framed::Tokio,
        &message_io::MessageIo,
        &web_socket::Tungstenite,
    ];
    servers.extend(python.iter().map(|server| server as &dyn Contender));
    suite::main(&Entrants { servers: &servers, codecs: &typed::CODECS });
}
