//! Processes that are suspended, resumed and killed: what a debugger, a shell's Ctrl-Z, a closed
//! laptop and a crash do to a game.
//!
//! ```text
//! stopped for longer than idle_timeout     the other end notices, and says why; both tell it once
//! both stopped, for however long           nobody listened, so nobody was silent: both go on
//! stopped for less                         nothing is lost, nothing is told, no burst
//! killed                                   the system closes the socket: noticed at once
//! ```

use std::io::Write;
use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::actor::{Pair, Patience, myself, start};
use crate::examples::{Program, accepted, payload};
use crate::harness::{GREETING, until};

const HOUR: Duration = Duration::from_secs(3600);

/// Heartbeats as fast as tests want them; waits as long as nothing depends on them.
const PATIENT: Patience = Patience {
    idle_timeout: Duration::from_secs(20),
    heartbeat: Duration::from_millis(200),
    connect_timeout: Duration::from_secs(20),
};

/// Suspends a process; returns once it stands still.
#[track_caller]
pub(crate) fn suspend(actor: &Program) {
    signal(actor, "STOP");
    until(|| state(actor).starts_with('T'));
}

#[track_caller]
pub(crate) fn resume(actor: &Program) {
    signal(actor, "CONT");
}

/// The standard library knows no signals; a program does.
#[track_caller]
fn signal(actor: &Program, name: &str) {
    let kill = Command::new("kill").arg(format!("-{name}")).arg(actor.id().to_string()).status();
    assert!(kill.expect("the program `kill`").success());
}

/// What the system says of a process: `S` sleeps, `R` runs, `T` is stopped.
#[track_caller]
fn state(actor: &Program) -> String {
    let ps = Command::new("ps").args(["-o", "state=", "-p", &actor.id().to_string()]).output();
    String::from_utf8(ps.expect("the program `ps`").stdout).expect("a letter").trim().to_owned()
}

#[test]
fn who_is_suspended_alone_is_noticed_and_told_and_who_is_suspended_together_goes_on() {
    let idle = Duration::from_secs(2);
    let [mut one, mut two, mut both] =
        [(); 3].map(|()| Pair::here(Patience { idle_timeout: idle, ..PATIENT }));
    for pair in [&mut one, &mut two, &mut both] {
        pair.echoes(0, 3);
    }
    let begun = Instant::now();
    for actor in [&one.client, &two.server, &both.server, &both.client] {
        suspend(actor);
    }
    // Who goes on notices by itself, and not before the time.
    assert_eq!(one.server.next(), "down: silent for too long");
    assert!(begun.elapsed() > idle / 2, "{:?}", begun.elapsed());
    assert_eq!(two.client.next(), "down: silent for too long");
    // Two that stand still together do so for longer than either would wait.
    thread::sleep((idle * 3 / 2).saturating_sub(begun.elapsed()));
    both.client.types("say 10");
    for actor in [&one.client, &two.server, &both.server, &both.client] {
        resume(actor);
    }
    // Who was stopped is told why it is over; who was not judged goes on where it was.
    assert_eq!(one.client.next(), "down: ended by the peer: silent for too long");
    assert_eq!(two.server.next(), "down: ended by the peer: silent for too long");
    both.hears("echo", 3, 10);
    // And nobody is told twice.
    [one, two, both].into_iter().for_each(Pair::quit);
}

#[test]
fn who_is_suspended_for_less_than_the_timeout_is_not_punished() {
    let [mut client, mut server] = [(); 2].map(|()| Pair::here(PATIENT));
    for pair in [&mut client, &mut server] {
        pair.echoes(0, 3);
    }
    suspend(&client.client);
    suspend(&server.server);
    // What is said to whom cannot hear waits, whoever says it.
    client.server.types("say 100");
    server.client.types("say 100");
    // Long enough to miss some heartbeats, and by far too short to be judged.
    thread::sleep(PATIENT.heartbeat * 6);
    resume(&client.client);
    resume(&server.server);
    client.hears("news", 0, 100);
    server.hears("echo", 3, 100);
    for mut pair in [client, server] {
        let said = pair.client.seen().iter().filter(|line| line.starts_with("echo")).count();
        pair.echoes(said as u32, 10);
        pair.quit();
    }
}

/// A client that was suspended asks once for a sign of life, and not once for each that it missed.
#[test]
fn heartbeats_that_were_missed_are_not_made_up_for() {
    let beat = PATIENT.heartbeat;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address").to_string();
    let mut client = start(myself(), "join", &addr, PATIENT);
    let mut stream = accepted(&listener);
    stream.write_all(GREETING).expect("a stream");
    client.says("up");
    // Whatever is said is a sign of life: this end says something whenever it has heard something.
    let mut hear_beats = |count: usize| {
        let mut beats = 0;
        while beats < count {
            let said = payload(&mut stream);
            beats += usize::from(said.windows(5).any(|bytes| bytes == b"$ping"));
            stream.write_all(b"\0\0\0\x0d\x82\xa6action\xa1x\xa1n\0").expect("a stream");
        }
    };
    hear_beats(2);
    suspend(&client);
    thread::sleep(beat * 6);
    let resumed = Instant::now();
    resume(&client);
    // One may have been on its way, and one is due at once; each other one takes its time. An
    // observer who is late himself sees no fewer of them, but none too early.
    hear_beats(2 + 3);
    let took = resumed.elapsed();
    assert!(took >= beat * 3, "three heartbeats took {took:?} and not three times {beat:?}");
}

#[test]
fn who_is_killed_is_noticed_at_once() {
    // Nobody asks, nobody judges: what is noticed is noticed by the system's word.
    let patience = Patience { idle_timeout: 10 * HOUR, heartbeat: HOUR, ..PATIENT };
    let [mut one, mut two] = [(); 2].map(|()| Pair::here(patience));
    one.echoes(0, 1);
    two.echoes(0, 1);
    let begun = Instant::now();
    drop(one.server);
    drop(two.client);
    for survivor in [&mut one.client, &mut two.server] {
        // A reset, if the killed one had not read everything.
        let told = survivor.next();
        let ends = ["down: closed by the peer", "down: connection reset"];
        assert!(ends.contains(&&told[..]), "{told}");
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
