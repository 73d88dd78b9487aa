//! The codec alone: the message of all workloads, decoded as far as dispatch needs it, decoded with
//! its four fields read, and encoded.

use std::hint::black_box;
use std::time::Instant;

use super::{Better, Codec, Entrants, Options, Report, Table, ours, rounds};

pub(crate) fn run(entrants: &Entrants<'_>, options: &Options, report: &mut Report) {
    let decode = "decode: rmp-serde";
    let mut measure = |title, kind, own: &[Codec], goals: &[(&str, f64)]| {
        let others = entrants.codecs.iter().filter(|(name, _)| name.starts_with(kind));
        let codecs: Vec<Codec> = own.iter().chain(others).copied().collect();
        let messages = options.size(200_000, 100) as u64;
        let rows = rounds(report, options, title, &codecs, |handle| {
            handle(messages / 10);
            // The quietest of ten windows.
            let windows = (0..10).map(|_| {
                let begun = Instant::now();
                handle(messages / 10);
                begun.elapsed().as_nanos() as f64 / (messages / 10) as f64
            });
            Some(windows.fold(f64::INFINITY, f64::min))
        });
        report.add(Table { title, unit: "ns/message", better: Better::Less, rows, goals });
    };
    let own: [Codec; 2] = [("offsets by heart", by_heart), ("hexapod", dispatch)];
    measure("decode for dispatch", "decode", &own, &[(decode, 0.35)]);
    let own: [Codec; 2] = [("offsets by heart", by_heart), ("hexapod", four_gets)];
    measure("decode for dispatch, and four gets", "decode", &own, &[(decode, 0.8)]);
    measure("encode", "encode", &[("hexapod", encode)], &[]);
}

/// Reads the fields where this one message has them, without a look at anything else.
fn by_heart(messages: u64) {
    let message = ours::message();
    let bytes = message.to_bytes().expect("a good message");
    let after = |key: &[u8]| {
        bytes.windows(key.len()).position(|at| at == key).expect("a field") + key.len()
    };
    let (id, x, y, name) = (after(b"\xa2id"), after(b"\xa1x"), after(b"\xa1y"), after(b"\xa4name"));
    let float = |bytes: &[u8], at: usize| {
        f64::from_be_bytes(bytes[at + 1..at + 9].try_into().expect("eight bytes"))
    };
    for _ in 0..messages {
        let bytes = black_box(bytes);
        let text = std::str::from_utf8(&bytes[name + 1..]).expect("a text");
        black_box((bytes[id], float(bytes, x), float(bytes, y), text));
    }
}

fn dispatch(messages: u64) {
    let message = ours::message();
    for _ in 0..messages {
        black_box(&message).view(|msg| {
            black_box(msg.action());
        });
    }
}

fn four_gets(messages: u64) {
    let message = ours::message();
    for _ in 0..messages {
        black_box(&message).view(|msg| {
            black_box(msg.action());
            black_box(ours::read(msg).is_ok());
        });
    }
}

fn encode(messages: u64) {
    for _ in 0..messages {
        black_box(ours::message().to_bytes().is_ok());
    }
}
