//! One way: a client says as much as it can, and the server decodes, dispatches and reads all.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use super::desk::{Desk, wait, with_server};
use super::{Better, Contender, Entrants, Job, Options, Report, Table, heap, named, rounds};

/// How long a window is.
const WINDOW: Duration = Duration::from_millis(10);

/// How many messages a raw client writes at once, and an own client between two looks at the clock.
const BLOCK: u64 = 1024;

pub(crate) fn run(entrants: &Entrants<'_>, options: &Options, report: &mut Report) {
    let contenders: Vec<_> =
        named(entrants).into_iter().filter(|(_, contender)| !contender.is_elsewhere()).collect();
    let mut cpu: Vec<(&str, Vec<f64>)> = Vec::new();
    let mut heap: Vec<(&str, Vec<f64>)> = Vec::new();
    let title = "one way, raw client";
    let rows = rounds(report, options, title, &contenders, |contender| {
        let figures = with_server(*contender, Job::Count, |desk, addr| {
            let mut stream = contender.connect(addr);
            let block = contender.frame().repeat(BLOCK as usize);
            // Buffers find their sizes before anything is counted.
            for _ in 0..options.size(50, 1) {
                stream.write_all(&block).expect("the server reads");
            }
            settle(desk, options.size(50, 1) as u64 * BLOCK);
            measured(desk, options, || stream.write_all(&block).expect("the server reads"))
        });
        if let Some(nanos) = figures.cpu {
            push(&mut cpu, contender.name(), nanos);
        }
        push(&mut heap, contender.name(), figures.allocations);
        Some(figures.rate)
    });
    let goals = &[("message-io", 1.2)];
    report.add(Table { title, unit: "M messages/s", better: Better::More, rows, goals });
    // Who works on several threads has no figure of its own for one.
    cpu.retain(|(name, figures)| figures.len() == options.rounds && *name != "message-io");
    let title = "one way, raw client: CPU of the server";
    report.add(Table { title, unit: "ns/message", better: Better::Less, rows: cpu, goals: &[] });
    let title = "one way, raw client: allocations";
    report.add(Table { title, unit: "per message", better: Better::Less, rows: heap, goals: &[] });

    let title = "one way, own client";
    let rows = rounds(report, options, title, &contenders, |contender| {
        with_server(*contender, Job::Count, |desk, addr| own(*contender, desk, options, addr))
    });
    let goals = &[("message-io", 8.0), ("tokio", 1.3)];
    report.add(Table { title, unit: "M messages/s", better: Better::More, rows, goals });
}

fn push<'n>(rows: &mut Vec<(&'n str, Vec<f64>)>, name: &'n str, figure: f64) {
    match rows.iter_mut().find(|(known, _)| *known == name) {
        Some((_, figures)) => figures.push(figure),
        None => rows.push((name, vec![figure])),
    }
}

fn own(contender: &dyn Contender, desk: &Desk, options: &Options, addr: SocketAddr) -> Option<f64> {
    let mut send = contender.one_way_client(addr)?;
    send(BLOCK);
    // What its own client has buffered may stay there until more comes.
    Some(measured(desk, options, || send(BLOCK)).rate)
}

struct Figures {
    /// Million messages per second, in the quietest window.
    rate: f64,
    /// Nanoseconds of CPU per message, where the system tells.
    cpu: Option<f64>,
    /// Allocations per message.
    allocations: f64,
}

/// Sends blocks for as long as the time allows; counts what has been handled.
fn measured(desk: &Desk, options: &Options, mut send_block: impl FnMut()) -> Figures {
    let before = (desk.received.load(SeqCst), desk.cpu(), heap::calls());
    let (begun, time) = (Instant::now(), options.millis(300));
    let (mut rate, mut window) = (0.0_f64, (begun, before.0));
    while begun.elapsed() < time {
        send_block();
        let elapsed = window.0.elapsed();
        if elapsed > WINDOW {
            let received = desk.received.load(SeqCst);
            rate = rate.max((received - window.1) as f64 / elapsed.as_secs_f64());
            window = (Instant::now(), received);
        }
    }
    let messages = (desk.received.load(SeqCst) - before.0) as f64;
    let calls = heap::calls() - before.2;
    let cpu = desk.cpu().zip(before.1).map(|(now, then)| (now - then).as_nanos() as f64);
    Figures {
        rate: rate / 1e6,
        cpu: cpu.map(|nanos| nanos / messages),
        allocations: calls as f64 / messages,
    }
}

/// Waits until the server has handled so many messages.
fn settle(desk: &Desk, messages: u64) {
    wait("the server to be through", || (desk.received.load(SeqCst) >= messages).then_some(()));
}
