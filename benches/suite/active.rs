//! One active peer among a thousand that are connected: what its echo takes, beside one that is
//! alone with the same server.

use std::thread;
use std::time::Duration;

use super::desk::with_server;
use super::{Better, Contender, Entrants, Job, Options, Report, Table, named, raw, rounds};

pub(crate) fn run(entrants: &Entrants<'_>, options: &Options, report: &mut Report) {
    let crowd = options.size(999, 7);
    let contenders: Vec<(&str, (&dyn Contender, usize))> = named(entrants)
        .into_iter()
        .filter(|(_, contender)| !contender.is_elsewhere())
        .flat_map(|(name, contender)| {
            let alone = (name == "hexapod").then_some(("hexapod, alone", (contender, 0)));
            alone.into_iter().chain([(name, (contender, crowd))])
        })
        .collect();
    let title = "echo of one among 1,000 connected";
    let rows = rounds(report, options, title, &contenders, |(contender, others)| {
        let median = with_server(*contender, Job::Echo, |desk, addr| {
            let crowd: Vec<_> = (0..*others).map(|_| contender.connect(addr)).collect();
            let mut stream = contender.connect(addr);
            desk.wait_for_connections(others + 1);
            stream.set_nonblocking(true).expect("non-blocking");
            // Long enough for a server to see who is quiet.
            thread::sleep(Duration::from_millis(250));
            let (frame, len, mut buffer) =
                (contender.frame(), contender.reply_len(), vec![0; 4096]);
            let (most, time) = (options.size(5_000, 20), options.millis(1000));
            let once = || raw::echo_once(&mut stream, &frame, len, &mut buffer);
            let median = raw::echo(once, most, time);
            drop(crowd);
            median
        });
        Some(median)
    });
    let goals = &[("hexapod, alone", 1.3)];
    report.add(Table { title, unit: "µs (median)", better: Better::Less, rows, goals });
}
