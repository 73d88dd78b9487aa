//! Idle peers: what a thousand connections cost that say nothing, at 60 pumps a second: CPU of the
//! server's thread, and heap.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::desk::with_server;
use super::{Better, Entrants, Job, Options, Report, Table, heap, named, rounds};

pub(crate) fn run(entrants: &Entrants<'_>, options: &Options, report: &mut Report) {
    let contenders: Vec<_> =
        named(entrants).into_iter().filter(|(_, contender)| !contender.is_elsewhere()).collect();
    let peers = options.size(1000, 8);
    let mut bytes: Vec<(&str, Vec<f64>)> =
        contenders.iter().map(|(name, _)| (*name, Vec::new())).collect();
    let title = "1,000 idle peers, 60 pumps/s: CPU";
    let rows = rounds(report, options, title, &contenders, |contender| {
        with_server(*contender, Job::Echo, |desk, addr| {
            let mut streams: Vec<TcpStream> = Vec::with_capacity(peers);
            // The first has found room for whatever is there once and for all.
            streams.push(contender.connect(addr));
            desk.wait_for_connections(1);
            let before = heap::live();
            streams.extend((1..peers).map(|_| contender.connect(addr)));
            desk.wait_for_connections(peers);
            desk.set_calm();
            thread::sleep(options.millis(300));
            let taken = heap::live() - before;
            if let Some((_, figures)) = bytes.iter_mut().find(|(name, _)| *name == contender.name())
            {
                figures.push(taken as f64 / (peers - 1) as f64);
            }
            let (begun, cpu) = (Instant::now(), desk.cpu()?);
            thread::sleep(if options.quick { Duration::from_millis(40) } else { MEASURED });
            let used = (desk.cpu()? - cpu).as_secs_f64();
            Some(used / begun.elapsed().as_secs_f64() * 1e3)
        })
    });
    let goals = &[("raw-scan", 1.1)];
    report.add(Table { title, unit: "ms per second", better: Better::Less, rows, goals });
    let title = "1,000 idle peers: heap, all threads";
    let goals = &[];
    report.add(Table { title, unit: "bytes/peer", better: Better::Less, rows: bytes, goals });
    report.bound("heap per idle peer", "hexapod", 256.0);
}

const MEASURED: Duration = Duration::from_millis(1000);
