//! Streams over scripted pipes: what each read gives and each write takes is written down.

use std::time::Duration;

use super::super::{ERROR_KINDS, Pipe};
use super::closing::DRAINED_READS;
use super::*;
use crate::frame::LengthPrefix;
use crate::limits::{QUIET_AFTER, READ_BUFFER};
use crate::reason::{DisconnectReason, Timeout};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};

/// A pipe that follows a script: what each read gives, and what each write takes.
#[derive(Debug, Default)]
struct Script {
    reads: VecDeque<io::Result<Vec<u8>>>,
    writes: VecDeque<io::Result<usize>>,
    written: Vec<u8>,
    /// What shutting down fails with, if it does.
    unshuttable: Option<ErrorKind>,
    read_calls: usize,
    write_calls: usize,
    shut: bool,
}

#[derive(Clone, Debug, Default)]
struct ScriptPipe(Arc<Mutex<Script>>);

impl Pipe for ScriptPipe {
    fn read(&mut self, _now: Instant, buffer: &mut [u8]) -> io::Result<usize> {
        let mut script = self.0.lock().unwrap();
        script.read_calls += 1;
        let next = script.reads.pop_front();
        let bytes = next.unwrap_or_else(|| Err(ErrorKind::WouldBlock.into()))?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn write(&mut self, _now: Instant, bytes: (&[u8], &[u8])) -> io::Result<usize> {
        let mut script = self.0.lock().unwrap();
        script.write_calls += 1;
        let all = [bytes.0, bytes.1].concat();
        let len = script.writes.pop_front().unwrap_or(Ok(usize::MAX))?.min(all.len());
        script.written.extend(&all[..len]);
        Ok(len)
    }

    fn shut_down_writing(&mut self, _now: Instant) -> io::Result<()> {
        let mut script = self.0.lock().unwrap();
        script.shut = true;
        script.unshuttable.map_or(Ok(()), |kind| Err(kind.into()))
    }
}

/// A source of prepared pipes.
#[derive(Debug)]
struct Prepared(Vec<ScriptPipe>);

impl Source for Prepared {
    type Pipe = ScriptPipe;

    fn next(&mut self, _now: Instant) -> Option<Arrival<ScriptPipe>> {
        let pipe = self.0.pop()?;
        Some(Arrival::Pipe(pipe, SocketAddr::from(([127, 0, 0, 1], 1))))
    }

    fn stop(&mut self) {
        self.0.clear();
    }

    fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}

struct Bench {
    streams: Streams<Prepared>,
    inbox: Inbox,
    now: Instant,
    pipe: ScriptPipe,
}

impl Bench {
    fn new(config: Config) -> Self {
        let pipe = ScriptPipe::default();
        let source = Prepared(vec![pipe.clone()]);
        let streams = Streams::new(source, &LengthPrefix, &config);
        Self { streams, inbox: Inbox::new(), now: Instant::now(), pipe }
    }

    fn reads(&self, result: io::Result<&[u8]>) {
        self.pipe.0.lock().unwrap().reads.push_back(result.map(<[u8]>::to_vec));
    }

    /// One pump, as text: `open`, `N` for a payload of N bytes, the reason of an end.
    fn pump(&mut self) -> Vec<String> {
        let mut seen = Vec::new();
        while let Some(event) = self.streams.poll(self.now, &mut self.inbox) {
            seen.push(match event {
                Incoming::Opened { .. } => "open".to_owned(),
                Incoming::Payload { .. } => self.payload_len().to_string(),
                Incoming::Closed { reason, .. } => reason.to_string(),
                other => format!("{other:?}"),
            });
        }
        self.streams.flush(self.now, Flush::AtEnd);
        seen
    }

    fn payload_len(&self) -> usize {
        let input = self.inbox.input();
        u32::from_be_bytes(input.start().unwrap()) as usize
    }

    fn conn(&self) -> Conn {
        self.streams.links.first().expect("one link")
    }
}

fn frames(lens: &[usize]) -> Vec<u8> {
    let frame = |len: &usize| [&(*len as u32).to_be_bytes()[..], &vec![7; *len]].concat();
    lens.iter().flat_map(frame).collect()
}

#[test]
fn every_cut_of_a_stream_gives_the_same_frames() {
    let stream = frames(&[1, 2, 30, 5]);
    for cut in 0..=stream.len() {
        for second in cut..=stream.len() {
            let mut bench = Bench::new(Config::new());
            for piece in [&stream[..cut], &stream[cut..second], &stream[second..]] {
                if !piece.is_empty() {
                    bench.reads(Ok(piece));
                }
            }
            let seen: Vec<String> = (0..4).flat_map(|_| bench.pump()).collect();
            assert_eq!(seen, ["open", "1", "2", "30", "5"], "cut at {cut} and {second}");
        }
    }
}

#[test]
fn an_idle_link_keeps_no_buffer() {
    let mut bench = Bench::new(Config::new());
    bench.reads(Ok(&frames(&[3])[..5]));
    bench.pump();
    let conn = bench.conn();
    assert_eq!(bench.streams.links.get(conn).unwrap().inbound.len(), 5);
    bench.reads(Ok(&frames(&[3])[5..]));
    assert_eq!(bench.pump(), ["3"]);
    let link = bench.streams.links.get(conn).unwrap();
    assert_eq!(format!("{:?}", link.inbound), "Ring(None)");
}

#[test]
fn the_share_of_a_pump_is_kept_and_the_rest_comes_next() {
    let mut bench = Bench::new(Config::new().messages_per_pump(2));
    bench.reads(Ok(&frames(&[1, 2, 3, 4, 5])));
    bench.reads(Ok(&[]));
    assert_eq!(bench.pump(), ["open", "1", "2"]);
    assert_eq!(bench.pump(), ["3", "4"]);
    assert_eq!(bench.pump(), ["5", "closed by the peer"]);
}

/// Whoever has said less than a read can take has no more to say for now: asking again would be a
/// system call in vain, for each peer that says something.
#[test]
fn a_short_read_ends_a_turn() {
    let mut bench = Bench::new(Config::new());
    assert_eq!(bench.pump(), ["open"]);
    for lens in [&[1][..], &[2, 3], &[READ_BUFFER - 5]] {
        bench.reads(Ok(&frames(lens)));
        bench.pipe.0.lock().unwrap().read_calls = 0;
        assert_eq!(bench.pump().len(), lens.len());
        assert_eq!(bench.pipe.0.lock().unwrap().read_calls, 1, "{lens:?}");
    }
    // A full one may not have been all.
    bench.reads(Ok(&frames(&[READ_BUFFER - 4])));
    bench.reads(Ok(&frames(&[4])));
    assert_eq!(bench.pump(), [(READ_BUFFER - 4).to_string(), "4".to_owned()]);
}

/// Design section 8: which kinds of error mean what, whatever the system.
#[test]
fn every_kind_of_error_ends_at_most_this_link() {
    for kind in [
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::BrokenPipe,
        ErrorKind::NotConnected,
        ErrorKind::TimedOut,
        ErrorKind::InvalidInput,
        ErrorKind::HostUnreachable,
        ErrorKind::Other,
    ] {
        let mut bench = Bench::new(Config::new());
        bench.reads(Ok(&frames(&[1])));
        bench.reads(Err(ErrorKind::WouldBlock.into()));
        bench.reads(Err(kind.into()));
        assert_eq!(bench.pump(), ["open", "1"]);
        let seen: Vec<String> = (0..2).flat_map(|_| bench.pump()).collect();
        assert_eq!(seen, [kind.to_string()], "reading");
        assert!(bench.streams.is_done());

        let mut bench = Bench::new(Config::new());
        bench.pipe.0.lock().unwrap().writes.push_back(Err(kind.into()));
        assert_eq!(bench.pump(), ["open"]);
        let conn = bench.conn();
        bench.streams.send(bench.now, conn, b"x", Whose::Game).unwrap();
        bench.reads(Err(ErrorKind::WouldBlock.into()));
        bench.pump();
        // What had been received before is handled, then the link ends.
        bench.reads(Ok(&frames(&[2])));
        let seen: Vec<String> = (0..3).flat_map(|_| bench.pump()).collect();
        assert!(
            seen == ["2".to_owned(), kind.to_string()] || seen == [kind.to_string()],
            "writing: {seen:?}"
        );
        assert!(bench.streams.is_done());
    }
}

/// Every kind of error at every call. A script goes on failing for as long as it is asked.
#[test]
fn case_95_no_kind_of_error_stalls_spins_panics_or_hurts_another_link() {
    const CALLS: usize = 60;
    for kind in ERROR_KINDS {
        let is_later = matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted);
        let failing = || (0..CALLS).map(|_| Err(kind.into()));
        for place in ["read", "write", "shut down", "drain", "flush at the end"] {
            let (bad, good) = (ScriptPipe::default(), ScriptPipe::default());
            let source = Prepared(vec![good.clone(), bad.clone()]);
            let streams = Streams::new(source, &LengthPrefix, &Config::new());
            let inbox = Inbox::new();
            let mut bench = Bench { streams, inbox, now: Instant::now(), pipe: good };
            assert_eq!(bench.pump(), ["open", "open"]);
            let bad_conn = bench.conn();
            let good_conn = bench.streams.links.next(bad_conn).expect("two links");
            let mut expected = vec!["7".to_owned()];
            {
                let mut script = bad.0.lock().unwrap();
                match place {
                    "read" | "drain" => script.reads.extend(failing()),
                    "shut down" => script.unshuttable = Some(kind),
                    _ => script.writes.extend((0..CALLS).map(|_| Err(kind.into()))),
                }
                (script.read_calls, script.write_calls) = (0, 0);
            }
            match place {
                "read" if is_later => {}
                "read" => expected.push(kind.to_string()),
                "write" => {
                    bench.streams.send(bench.now, bad_conn, b"x", Whose::Game).unwrap();
                    if !is_later {
                        expected.push(kind.to_string());
                    }
                }
                "flush at the end" => {
                    bench.streams.send(bench.now, bad_conn, b"x", Whose::Game).unwrap();
                    bench.streams.close(bad_conn, Close::Gracefully);
                    expected.push("Undelivered".to_owned());
                }
                _ => bench.streams.close(bad_conn, Close::Gracefully),
            }
            bench.streams.send(bench.now, good_conn, b"to the good one", Whose::Game).unwrap();
            bench.reads(Ok(&frames(&[7])));
            let mut seen: Vec<String> = Vec::new();
            for pump in 0..5 {
                let (reads, writes) = calls(&bad);
                seen.extend(bench.pump());
                let (reads, writes) = (calls(&bad).0 - reads, calls(&bad).1 - writes);
                assert!(reads <= DRAINED_READS && writes <= 8, "{place}, {kind:?}: it spins");
                // What only waits is tried again, until its time is over.
                if pump == 3 {
                    bench.now += Config::new().flush_timeout;
                }
            }
            seen.extend(bench.pump());
            seen.iter_mut().for_each(|line| {
                line.truncate(if line.starts_with("Undel") { 11 } else { usize::MAX });
            });
            assert_eq!(seen, expected, "{place}, {kind:?}");
            assert_eq!(bench.pipe.0.lock().unwrap().written, frames_of(b"to the good one"));
            // Who was closed is gone; who only has to wait is still here, and is heard later.
            let is_there = bench.streams.links.get(bad_conn).is_some();
            assert_eq!(is_there, is_later && ["read", "write"].contains(&place), "{place} {kind}");
            if is_there {
                bad.0.lock().unwrap().reads.clear();
                bad.0.lock().unwrap().writes.clear();
                bad.0.lock().unwrap().reads.push_back(Ok(frames(&[3])));
                assert_eq!(bench.pump(), ["3"], "{place}, {kind:?}");
                let written = bad.0.lock().unwrap().written.clone();
                assert_eq!(written, if place == "write" { frames_of(b"x") } else { vec![] });
            }
            assert!(bench.streams.links.get(good_conn).is_some());
        }
    }
}

/// How often a pipe was read and written.
fn calls(pipe: &ScriptPipe) -> (usize, usize) {
    let script = pipe.0.lock().unwrap();
    (script.read_calls, script.write_calls)
}

fn frames_of(payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32).to_be_bytes()[..], payload].concat()
}

/// Ports are given out again: what is remembered of a connection is not remembered by its address.
#[test]
fn case_56_the_same_address_again_is_somebody_else() {
    let (old, new) = (ScriptPipe::default(), ScriptPipe::default());
    let source = Prepared(vec![old.clone()]);
    let streams = Streams::new(source, &LengthPrefix, &Config::new());
    let mut bench = Bench { streams, inbox: Inbox::new(), now: Instant::now(), pipe: old };
    bench.reads(Ok(&frames(&[9])[..6]));
    assert_eq!(bench.pump(), ["open"]);
    let stale = bench.conn();
    bench.streams.send(bench.now, stale, b"for the old one", Whose::Game).unwrap();
    bench.reads(Err(ErrorKind::ConnectionReset.into()));
    bench.pump();
    bench.pump();
    // All pipes of the script come from the same address and port.
    bench.streams.source.0.push(new.clone());
    bench.pipe = new;
    bench.reads(Ok(&frames(&[2])));
    assert_eq!(bench.pump(), ["open", "2"], "no byte of the old frame is in front of it");
    assert_ne!(bench.conn(), stale);
    bench.streams.send(bench.now, stale, b"to nobody", Whose::Game).unwrap();
    bench.streams.close(stale, Close::Now);
    bench.pump();
    assert_eq!(bench.pipe.0.lock().unwrap().written, b"");
    assert_eq!(bench.streams.links.iter().count(), 1);
}

#[test]
fn interrupted_is_retried_and_never_for_ever() {
    let mut bench = Bench::new(Config::new());
    for _ in 0..3 {
        bench.reads(Err(ErrorKind::Interrupted.into()));
    }
    bench.reads(Ok(&frames(&[1])));
    assert_eq!(bench.pump(), ["open", "1"]);
    for _ in 0..20 {
        bench.reads(Err(ErrorKind::Interrupted.into()));
    }
    bench.reads(Ok(&frames(&[2])));
    let seen: Vec<String> = (0..4).flat_map(|_| bench.pump()).collect();
    assert_eq!(seen, ["2"]);
}

#[test]
fn one_write_for_everything_that_was_sent_and_none_when_idle() {
    let mut bench = Bench::new(Config::new());
    bench.pump();
    let conn = bench.conn();
    for len in [1, 2, 3] {
        bench.streams.send(bench.now, conn, &vec![7; len], Whose::Game).unwrap();
    }
    bench.pump();
    bench.pump();
    let script = bench.pipe.0.lock().unwrap();
    assert_eq!((script.write_calls, &script.written), (1, &frames(&[1, 2, 3])));
}

#[test]
fn partial_writes_at_every_offset_deliver_the_same_bytes() {
    for step in 1..=9 {
        let mut bench = Bench::new(Config::new());
        bench.pump();
        let conn = bench.conn();
        bench.pipe.0.lock().unwrap().writes = (0..50).map(|_| Ok(step)).collect();
        for len in [1, 2, 3, 11] {
            bench.streams.send(bench.now, conn, &vec![7; len], Whose::Game).unwrap();
            bench.streams.flush(bench.now, Flush::AtEnd);
        }
        (0..40).for_each(|_| bench.streams.flush(bench.now, Flush::AtEnd));
        assert_eq!(bench.pipe.0.lock().unwrap().written, frames(&[1, 2, 3, 11]));
    }
}

#[test]
fn a_graceful_end_writes_shuts_down_and_drains() {
    let mut bench = Bench::new(Config::new());
    bench.pump();
    let conn = bench.conn();
    bench.pipe.0.lock().unwrap().writes.extend([Ok(2), Err(ErrorKind::WouldBlock.into())]);
    bench.streams.send(bench.now, conn, b"bye", Whose::Game).unwrap();
    bench.streams.close(conn, Close::Gracefully);
    bench.streams.flush(bench.now, Flush::AtEnd);
    bench.streams.flush(bench.now, Flush::AtEnd);
    assert!(!bench.pipe.0.lock().unwrap().shut, "not before all is written");
    bench.streams.flush(bench.now, Flush::AtEnd);
    assert!(bench.pipe.0.lock().unwrap().shut);
    bench.reads(Ok(b"what comes late is thrown away"));
    assert_eq!(bench.pump(), [""; 0]);
    assert!(!bench.streams.links.is_empty(), "waits for the far end");
    bench.reads(Ok(b""));
    assert_eq!(bench.pump(), [""; 0]);
    assert!(bench.streams.links.is_empty());
    assert_eq!(
        bench.pipe.0.lock().unwrap().written,
        frames(&[3])[..4].iter().copied().chain(*b"bye").collect::<Vec<u8>>()
    );
}

#[test]
fn a_graceful_end_has_a_deadline_and_says_what_was_lost() {
    let mut bench = Bench::new(Config::new());
    bench.pump();
    let conn = bench.conn();
    bench.pipe.0.lock().unwrap().writes =
        (0..9).map(|_| Err(ErrorKind::WouldBlock.into())).collect();
    bench.streams.send(bench.now, conn, b"bye", Whose::Game).unwrap();
    bench.streams.close(conn, Close::Gracefully);
    bench.streams.flush(bench.now, Flush::AtEnd);
    bench.now += Config::new().flush_timeout - Duration::from_millis(1);
    assert_eq!(bench.pump(), [""; 0]);
    bench.now += Duration::from_millis(1);
    assert_eq!(bench.pump(), [""; 0]);
    let seen = bench.pump();
    assert!(seen[0].starts_with("Undelivered") && seen[0].contains("bytes: 7"), "{seen:?}");
}

#[test]
fn a_graceful_end_that_cannot_write_says_what_was_lost() {
    let mut bench = Bench::new(Config::new());
    bench.pump();
    let conn = bench.conn();
    bench.pipe.0.lock().unwrap().writes.extend([Ok(3), Err(ErrorKind::BrokenPipe.into())]);
    bench.streams.send(bench.now, conn, b"bye", Whose::Game).unwrap();
    bench.streams.close(conn, Close::Gracefully);
    bench.streams.flush(bench.now, Flush::AtEnd);
    bench.streams.flush(bench.now, Flush::AtEnd);
    let seen = bench.pump();
    assert!(seen[0].starts_with("Undelivered") && seen[0].contains("bytes: 4"), "{seen:?}");
    assert!(bench.streams.links.is_empty());
}

#[test]
fn a_burst_beyond_the_bound_is_written_at_once_and_listed_once() {
    let mut bench = Bench::new(Config::new().max_frame_len(100).max_outbound(116));
    bench.pump();
    let conn = bench.conn();
    for _ in 0..10 {
        bench.streams.send(bench.now, conn, &[7; 100], Whose::Game).unwrap();
        assert_eq!(bench.streams.unsent.len(), 1);
    }
    // The system takes nothing more: now it is a slow reader.
    bench.pipe.0.lock().unwrap().writes.push_back(Err(ErrorKind::WouldBlock.into()));
    let full = bench.streams.send(bench.now, conn, &[7; 100], Whose::Game).unwrap_err();
    assert_eq!((full.queued, full.max), (104, 116));
}

#[test]
fn a_frame_that_never_ends_is_judged_and_a_pause_is_not_held_against_it() {
    let timeout = Config::new().frame_timeout;
    let mut bench = Bench::new(Config::new());
    bench.reads(Ok(&frames(&[9])[..5]));
    assert_eq!(bench.pump(), ["open"]);
    // The game was stopped for an hour: the peer could do nothing for it.
    bench.now += Duration::from_secs(3600);
    assert_eq!(bench.pump(), [""; 0]);
    for _ in 0..timeout.as_secs() {
        bench.now += Duration::from_secs(1);
        assert_eq!(bench.pump(), [""; 0]);
    }
    bench.now += Duration::from_secs(1);
    assert_eq!(bench.pump(), ["too slow: a frame was never finished"]);
}

/// Who sleeps as long as `next_reading` allows does not pause, and judges in time. Nobody is
/// forgiven twice for the same frame, be it that every gap between two pumps is a pause.
#[test]
fn whoever_pumps_seldom_judges_unfinished_frames_too() {
    let timeout = Duration::from_secs(30);
    let late = "too slow: a frame was never finished";
    let judged_after = |gap: Option<Duration>, drip: bool| {
        let mut bench = Bench::new(Config::new().frame_timeout(timeout));
        bench.reads(Ok(&frames(&[99])[..5]));
        assert_eq!(bench.pump(), ["open"]);
        let begun = bench.now;
        for _ in 0..20 {
            let due = bench.streams.next_reading().expect("a frame is awaited");
            bench.now = gap.map_or(due + Duration::from_millis(16), |gap| bench.now + gap);
            if drip {
                bench.reads(Ok(b"x"));
            }
            if bench.pump() == [late] {
                return (bench.now - begun).as_secs();
            }
        }
        panic!("{gap:?}: a frame that never ends is forgiven for ever");
    };
    for drip in [false, true] {
        assert_eq!(judged_after(None, drip), 30, "slept until something was due");
        assert_eq!(judged_after(Some(timeout / 2), drip), 45, "the first pump beyond the timeout");
        assert_eq!(judged_after(Some(timeout), drip), 90, "forgiven once");
        assert_eq!(judged_after(Some(10 * timeout), drip), 600, "forgiven once");
    }
}

/// A server and its peer that stood still together: the peer could not go on.
#[test]
fn a_pause_in_a_frame_is_forgiven_whatever_the_timeout() {
    for timeout in [200, 1000, 4000, 30_000].map(Duration::from_millis) {
        for percent in [51, 90, 100, 110, 200, 1000] {
            let mut bench = Bench::new(Config::new().frame_timeout(timeout));
            bench.reads(Ok(&frames(&[9])[..5]));
            assert_eq!(bench.pump(), ["open"]);
            for _ in 0..2 {
                bench.now += timeout * 45 / 100;
                assert_eq!(bench.pump(), [""; 0]);
            }
            bench.now += timeout * percent / 100;
            assert_eq!(bench.pump(), [""; 0], "{timeout:?}, {percent} % of it stood still");
            bench.now += timeout / 2;
            bench.reads(Ok(&frames(&[9])[5..]));
            assert_eq!(bench.pump(), ["9"], "{timeout:?}, {percent} % of it stood still");
        }
    }
    // The next frame is forgiven its own pause.
    let timeout = Duration::from_secs(1);
    let mut bench = Bench::new(Config::new().frame_timeout(timeout));
    bench.pump();
    for _ in 0..5 {
        bench.reads(Ok(&frames(&[9])[..5]));
        assert_eq!(bench.pump(), [""; 0]);
        bench.now += timeout * 3;
        assert_eq!(bench.pump(), [""; 0]);
        bench.reads(Ok(&frames(&[9])[5..]));
        assert_eq!(bench.pump(), ["9"]);
    }
}

#[test]
fn quiet_links_are_read_once_a_millisecond_and_busy_ones_always() {
    let mut bench = Bench::new(Config::new());
    bench.pump();
    let pumps_until_heard = |bench: &mut Bench| {
        bench.reads(Ok(&frames(&[1])));
        (1..50)
            .find(|_| {
                bench.now += Duration::from_micros(100);
                bench.pump() == ["1"]
            })
            .expect("heard at last")
    };
    assert_eq!(pumps_until_heard(&mut bench), 1);
    bench.now += QUIET_AFTER * 2;
    bench.pump();
    let quiet = pumps_until_heard(&mut bench);
    assert!((2..=10).contains(&quiet), "{quiet}");
    assert_eq!(pumps_until_heard(&mut bench), 1);
}

#[test]
fn what_an_idle_link_costs() {
    // Owner 16, active 16, two rings and an unfinished frame 24, descriptor, state, unsent 16.
    assert!(size_of::<Link<u32>>() <= 72, "{}", size_of::<Link<u32>>());
}

/// Found by the simulation: whoever slept exactly until the deadline found nothing to be done, and
/// the same deadline again.
#[test]
fn at_the_deadline_of_a_frame_it_is_over_and_not_before() {
    let mut bench = Bench::new(Config::new().frame_timeout(Duration::from_secs(2)));
    bench.reads(Ok(&frames(&[3])[..5]));
    assert_eq!(bench.pump(), ["open"]);
    let deadline = bench.now + Duration::from_secs(2) + Duration::from_nanos(1);
    // Before that it wants to be woken, lest a sleep be a pause.
    while let Some(due) = bench.streams.next_reading().filter(|due| *due != deadline) {
        assert!(due < deadline, "it is late");
        bench.now = due;
        assert_eq!(bench.pump(), [""; 0]);
    }
    bench.now = deadline - Duration::from_nanos(1);
    assert_eq!(bench.pump(), [""; 0]);
    bench.now = deadline;
    assert_eq!(bench.pump(), [DisconnectReason::Timeout(Timeout::Frame).to_string()]);
}

/// Found by the simulation: a pump that goes on where a panic has ended the last one did not notice
/// that there was a pause between them.
#[test]
fn a_pause_within_a_round_is_not_held_against_a_frame() {
    let mut bench =
        Bench::new(Config::new().frame_timeout(Duration::from_secs(2)).accepts_per_pump(1));
    bench.streams.source.0.insert(0, ScriptPipe::default());
    bench.reads(Ok(&frames(&[3])[..5]));
    assert_eq!(bench.pump(), ["open"]);
    bench.now += Duration::from_millis(16);
    let opened = bench.streams.poll(bench.now, &mut bench.inbox);
    assert!(matches!(opened, Some(Incoming::Opened { .. })), "{opened:?}");
    // The handler of that event panics, and the machine falls asleep. The next byte has come then,
    // and the last one is on its way.
    bench.now += Duration::from_secs(600);
    bench.reads(Ok(&frames(&[3])[5..6]));
    assert_eq!(bench.pump(), [""; 0]);
    bench.reads(Ok(&frames(&[3])[6..]));
    assert_eq!(bench.pump(), ["3"]);
}
