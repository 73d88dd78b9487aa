//! Echo: one message there and back, all ends spinning. Once with a raw client, so that the server
//! is measured; once with the library's own.

use super::desk::with_server;
use super::{Better, Entrants, Job, Options, Report, Table, named, raw, rounds};

pub(crate) fn run(entrants: &Entrants<'_>, options: &Options, report: &mut Report) {
    let contenders = named(entrants);
    let (most, time) = (options.size(5_000, 20), options.millis(1000));
    let title = "echo, raw client";
    let rows = rounds(report, options, title, &contenders, |contender| {
        let median = with_server(*contender, Job::Echo, |_, addr| {
            let mut stream = contender.connect(addr);
            stream.set_nonblocking(true).expect("non-blocking");
            let (frame, len, mut buffer) =
                (contender.frame(), contender.reply_len(), vec![0; 4096]);
            raw::echo(|| raw::echo_once(&mut stream, &frame, len, &mut buffer), most, time)
        });
        Some(median)
    });
    let goals = &[("raw-scan", 1.05)];
    report.add(Table { title, unit: "µs (median)", better: Better::Less, rows, goals });

    let title = "echo, own client";
    let rows = rounds(report, options, title, &contenders, |contender| {
        with_server(*contender, Job::Echo, |_, addr| {
            Some(raw::echo(contender.echo_client(addr)?, most, time))
        })
    });
    let goals = &[("tokio", 0.12)];
    report.add(Table { title, unit: "µs (median)", better: Better::Less, rows, goals });
}
