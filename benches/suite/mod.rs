//! The workloads, and what they share: who takes part, in which order, and what comes of it.
//!
//! ```text
//! round 1   limit, ours, …      round 2   limit, ours, …      …
//! ```
//!
//! Rounds are interleaved, so that a busy moment of the machine meets all who take part, and a
//! ratio is taken within its round. Within a round the quietest of many short windows counts: what
//! else the machine does can only add.

mod active;
mod broadcast;
mod codec;
pub(crate) mod desk;
mod echo;
mod heap;
mod idle;
pub(crate) mod limit;
mod one_way;
mod options;
pub(crate) mod ours;
mod pump;
mod raw;
mod report;

use std::net::{SocketAddr, TcpStream};

use desk::Desk;
use options::Options;
use report::{Better, Report, Table};

pub(crate) use raw::plain_connection;

/// What a server does with what it hears.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Job {
    /// Every message goes back to its sender.
    Echo,
    /// Every message is decoded, its four fields are read, and it is counted.
    Count,
    /// Whenever the desk asks, a burst of so many messages goes to everybody.
    Broadcast { burst: usize },
}

/// A library that takes part, with what it would be used for in a game.
pub(crate) trait Contender: Sync {
    fn name(&self) -> &'static str;

    /// Serves until the desk is closed, on a thread of its own.
    fn serve(&self, job: Job, desk: &Desk);

    /// The workloads' message in a frame, as a raw client writes it.
    fn frame(&self) -> Vec<u8>;

    /// How long the same message is when it comes back.
    fn reply_len(&self) -> usize {
        self.frame().len()
    }

    /// A raw client's connection, past what a server says first.
    fn connect(&self, addr: SocketAddr) -> TcpStream {
        plain_connection(addr)
    }

    /// The library's own client; each call is one message there and back.
    fn echo_client(&self, _addr: SocketAddr) -> Option<Box<dyn FnMut()>> {
        None
    }

    /// The library's own client; each call sends so many messages.
    fn one_way_client(&self, _addr: SocketAddr) -> Option<Box<dyn FnMut(u64)>> {
        None
    }

    /// Whether the server runs in a process of its own, where the desk sees nothing but echoes.
    fn is_elsewhere(&self) -> bool {
        false
    }
}

/// A codec that takes part: its name, and what handles so many messages.
pub(crate) type Codec = (&'static str, fn(u64));

/// Who takes part. The limit is the first of the servers, and hexapod the second.
pub(crate) struct Entrants<'e> {
    pub(crate) servers: &'e [&'e dyn Contender],
    pub(crate) codecs: &'e [Codec],
}

/// One workload: its name on the command line, and what runs it.
type Workload = (&'static str, fn(&Entrants<'_>, &Options, &mut Report));

const WORKLOADS: [Workload; 7] = [
    ("echo", echo::run),
    ("one_way", one_way::run),
    ("broadcast", broadcast::run),
    ("idle", idle::run),
    ("active", active::run),
    ("codec", codec::run),
    ("pump", pump::run),
];

pub(crate) fn main(entrants: &Entrants<'_>) {
    let options = Options::from_arguments(&WORKLOADS.map(|(name, _)| name));
    let mut report = Report::new(&options);
    for (name, run) in WORKLOADS {
        if options.wants(name) {
            run(entrants, &options, &mut report);
        }
    }
    report.finish();
}

/// Measures everybody once per round; a contender may have no figure.
fn rounds<'n, T>(
    report: &mut Report,
    options: &Options,
    title: &str,
    contenders: &[(&'n str, T)],
    mut measure: impl FnMut(&T) -> Option<f64>,
) -> Vec<(&'n str, Vec<f64>)> {
    let mut rows: Vec<_> = contenders.iter().map(|(name, _)| (*name, Vec::new())).collect();
    for round in 1..=options.rounds {
        for ((name, contender), (_, figures)) in contenders.iter().zip(&mut rows) {
            report.progress(format_args!("{title}, round {round} of {}: {name}", options.rounds));
            figures.extend(measure(contender).filter(|figure| figure.is_finite()));
        }
    }
    // Who has a figure for some rounds only cannot be compared within rounds.
    rows.retain(|(_, figures)| figures.len() == options.rounds);
    rows
}

/// The servers with their names.
fn named<'e>(entrants: &Entrants<'e>) -> Vec<(&'static str, &'e dyn Contender)> {
    entrants.servers.iter().map(|server| (server.name(), *server)).collect()
}
