//! Broadcast: the server says one message, or sixteen at once, to everybody; a raw client for each
//! reads them. A burst is over when all have been read.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::Instant;

use super::desk::with_server;
use super::raw::read_spinning;
use super::{Better, Contender, Entrants, Job, Options, Report, Table, named, rounds};

pub(crate) fn run(entrants: &Entrants<'_>, options: &Options, report: &mut Report) {
    let contenders: Vec<_> =
        named(entrants).into_iter().filter(|(_, contender)| !contender.is_elsewhere()).collect();
    let (tokio, mio) = ([("tokio", 1.2)], [("mio", 1.0)]);
    let crowds = [
        (100, 1, "broadcast to 100, burst of 1", &tokio[..]),
        (100, 16, "broadcast to 100, burst of 16", &[]),
        (1000, 1, "broadcast to 1,000, burst of 1", &mio[..]),
        (1000, 16, "broadcast to 1,000, burst of 16", &mio[..]),
    ];
    for (peers, burst, title, goals) in crowds {
        let peers = options.size(peers, 8);
        let rows = rounds(report, options, title, &contenders, |contender| {
            Some(deliveries(*contender, options, peers, burst))
        });
        report.add(Table { title, unit: "k deliveries/s", better: Better::More, rows, goals });
    }
}

fn deliveries(contender: &dyn Contender, options: &Options, peers: usize, burst: usize) -> f64 {
    with_server(contender, Job::Broadcast { burst }, |desk, addr| {
        let mut streams: Vec<TcpStream> = (0..peers).map(|_| contender.connect(addr)).collect();
        desk.wait_for_connections(peers);
        for stream in &streams {
            stream.set_nonblocking(true).expect("non-blocking");
            match stream.peek(&mut [0]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                early => panic!("nothing has been asked for yet: {early:?}"),
            }
        }
        let len = burst * contender.reply_len();
        let mut buffer = vec![0; 4096];
        let mut round = || {
            desk.ask_for_a_burst();
            streams.iter_mut().for_each(|stream| read_spinning(stream, len, &mut buffer));
        };
        (0..options.size(5, 1)).for_each(|_| round());
        let (begun, time) = (Instant::now(), options.millis(700));
        // The quietest burst counts.
        let mut shortest = f64::INFINITY;
        for _ in 0..200 {
            let before = Instant::now();
            round();
            shortest = shortest.min(before.elapsed().as_secs_f64());
            if begun.elapsed() > time {
                break;
            }
        }
        (peers * burst) as f64 / shortest / 1e3
    })
}
