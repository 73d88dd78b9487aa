//! A real cable, pulled: a server and a client in two network namespaces of Linux, joined by a
//! pair of virtual network cards.
//!
//! ```text
//! [ client, 192.0.2.2 ]── cable ──────────── cable ──[ server, 192.0.2.1 ]
//!                           └─ pulled here: no route here, no carrier there, no word to anybody
//! ```
//!
//! It needs the program `ip` and the rights to make a namespace. Where these are missing the test
//! says that it was skipped, and passes; but it fails if `HEXAPOD_REQUIRE_NETNS` is set.

use std::env;
use std::process::{self, Command};
use std::time::Duration;

use crate::actor::{Pair, Patience, myself, start};

/// Waits as long as nothing depends on it.
const PATIENT: Patience = Patience {
    idle_timeout: Duration::from_secs(60),
    heartbeat: Duration::from_millis(200),
    connect_timeout: Duration::from_secs(20),
};

const CLIENT: usize = 0;
const SERVER: usize = 1;
/// Addresses that are set aside for examples; nobody is at the third, and no way leads to the last.
const ADDRS: [&str; 2] = ["192.0.2.2", "192.0.2.1"];
const NOBODY: &str = "192.0.2.3:5071";
const NOWHERE: &str = "198.51.100.1:5071";

/// Two namespaces and what joins them. They are removed when it is dropped.
#[derive(Debug)]
struct Cable {
    rooms: [String; 2],
}

impl Cable {
    /// A cable that is plugged in; `None` if there can be none, and the test is to be skipped.
    fn new(test: &str) -> Option<Self> {
        // Names that no other test gives, and no other run of this one.
        let name = |room| format!("hexapod-{}-{test}-{room}", process::id());
        let cable = Self { rooms: ["client", "server"].map(name) };
        let laid = cable.lay();
        if let Err(why) = &laid {
            assert!(
                env::var_os("HEXAPOD_REQUIRE_NETNS").is_none(),
                "HEXAPOD_REQUIRE_NETNS is set, and no network namespace can be made: {why}"
            );
            eprintln!("skipped: no network namespace can be made here: {why}");
        }
        laid.is_ok().then_some(cable)
    }

    fn lay(&self) -> Result<(), String> {
        self.rooms.iter().try_for_each(|room| ip(&["netns", "add", room]))?;
        self.join()
    }

    /// Joins the two rooms.
    fn join(&self) -> Result<(), String> {
        let [client, server] = &self.rooms;
        let other_end = ["type", "veth", "peer", "name", "cable", "netns", server];
        ip(&[&["link", "add", "cable", "netns", client][..], &other_end].concat())?;
        for (room, addr) in self.rooms.iter().zip(ADDRS) {
            ip(&["-n", room, "addr", "add", &format!("{addr}/24"), "dev", "cable"])?;
            ip(&["-n", room, "link", "set", "cable", "up"])?;
        }
        Ok(())
    }

    /// Another machine takes the server's place: nothing there knows of what was before.
    fn replace_server(&self) {
        let [client, server] = &self.rooms;
        ip(&["-n", client, "link", "del", "cable"]).expect("a cable");
        ip(&["netns", "del", server]).expect("a room");
        ip(&["netns", "add", server]).expect("a room");
        self.join().expect("a new cable");
    }

    /// This binary, in one of the two rooms.
    fn myself_in(&self, room: usize) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.rooms[room]]).arg(myself().get_program());
        command
    }

    #[track_caller]
    fn pair(&self, patience: Patience) -> Pair {
        let ends = [self.myself_in(SERVER), self.myself_in(CLIENT)];
        Pair::new(ends, &format!("{}:0", ADDRS[SERVER]), patience)
    }

    fn pull(&self) {
        ip(&["-n", &self.rooms[CLIENT], "link", "set", "cable", "down"]).expect("a cable");
    }

    fn plug_in(&self) {
        ip(&["-n", &self.rooms[CLIENT], "link", "set", "cable", "up"]).expect("a cable");
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for room in &self.rooms {
            // It may never have come about.
            let _ = ip(&["netns", "del", room]);
        }
    }
}

fn ip(args: &[&str]) -> Result<(), String> {
    let done = Command::new("ip").args(args).output().map_err(|error| format!("ip: {error}"))?;
    let told = String::from_utf8_lossy(&done.stderr);
    done.status.success().then_some(()).ok_or_else(|| format!("ip {}: {told}", args.join(" ")))
}

#[test]
fn a_pulled_cable_is_noticed_at_both_ends_and_a_short_pull_loses_nothing() {
    let Some(cable) = Cable::new("pull") else { return };
    // The same pull is too long for the one and short for the other.
    let impatient = Patience { idle_timeout: Duration::from_millis(1500), ..PATIENT };
    let (mut short, mut long) = (cable.pair(PATIENT), cable.pair(impatient));
    short.echoes(0, 3);
    long.echoes(0, 3);

    // Where nobody is, nobody answers; and that no way leads there, the system knows.
    let mut lost = start(cable.myself_in(CLIENT), "join", NOWHERE, PATIENT);
    let why = lost.begins(&format!("failed: cannot connect to {NOWHERE}: "));
    assert!(why.starts_with("Network is unreachable"), "{why}");
    let hasty = Patience { connect_timeout: Duration::from_secs(1), ..PATIENT };
    let mut alone = start(cable.myself_in(CLIENT), "join", NOBODY, hasty);
    assert_eq!(alone.begins("failed: "), format!("no answer from {NOBODY} within 1s"));

    cable.pull();
    short.client.types("say 100");
    short.server.types("say 100");
    for end in [&mut long.client, &mut long.server] {
        assert_eq!(end.next(), "down: silent for too long");
    }

    cable.plug_in();
    let heard: Vec<String> = (0..200).map(|_| short.client.next()).collect();
    for (action, from) in [("echo", 3), ("news", 0)] {
        let heard = heard.iter().filter(|line| line.starts_with(action));
        assert!(heard.eq(&Vec::from_iter((from..from + 100).map(|n| format!("{action} {n}")))));
    }
    short.echoes(103, 3);
    short.quit();
    long.quit();
}

#[test]
fn a_server_that_was_rebooted_does_not_know_its_client_and_the_reason_says_so() {
    let Some(cable) = Cable::new("reboot") else { return };
    let mut pair = cable.pair(PATIENT);
    pair.echoes(0, 3);
    cable.pull();
    // It is killed where nobody hears of it.
    let Pair { server, mut client } = pair;
    drop(server);
    cable.replace_server();
    assert_eq!(client.next(), "down: connection reset");
}
