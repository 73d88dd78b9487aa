//! Cases 57, 61 and 95 to 98: what only whole processes show, and what differs between systems.
//!
//! The kinds of error of each call are scripted where the calls are: `case_95_…`, `case_96_…` and
//! `case_98_…` stand in `src/transport/tcp.rs` and `src/transport/stream/tests.rs`.

use std::net::{IpAddr, TcpListener};

use hexapod::{Client, Config, Server};

use crate::harness::until;

#[cfg(unix)]
mod processes {
    use std::env;
    use std::io::{self, Write};
    use std::net::TcpStream;
    use std::process::{self, Command};
    use std::time::{Duration, Instant};

    use hexapod::{Client, Config, msg};

    use crate::actor::{Patience, myself, start};
    use crate::attacks::{noise, room_for, size, streams};
    use crate::examples::Program;
    use crate::harness::{GREETING, Network, Stream, until};
    use crate::hostile::Scene;
    use crate::processes::{resume, suspend};

    /// What the process of many links is told: an address and a number.
    const LINKS: &str = "HEXAPOD_LINKS";

    /// A process that holds so many links, on each of which it has said something, until its input
    /// ends; then it says one thing more on each, and leaves.
    fn many_links(addr: &str, count: usize) -> Program {
        let role = "attacks::systems::processes::holds_many_links";
        let mut command = myself();
        command.args(["--exact", role, "--ignored", "--nocapture"]);
        Program::start(command.env(LINKS, format!("{addr} {count}")))
    }

    #[test]
    #[ignore = "a role in other tests"]
    fn holds_many_links() {
        let Ok(role) = env::var(LINKS) else { return };
        let (addr, count) = role.split_once(' ').expect("an address and a number");
        let mut links: Vec<TcpStream> = Vec::new();
        for _ in 0..count.parse().expect("a number") {
            let mut link = TcpStream::connect(addr).expect("the server listens");
            link.write_all(&noise()).expect("open");
            links.push(link);
        }
        io::stdin().lines().for_each(drop);
        links.iter_mut().for_each(|link| link.write_all(&noise()).expect("open"));
        process::exit(0);
    }

    #[test]
    fn case_57_a_process_with_a_hundred_links_is_stopped_continued_and_killed() {
        let count = size(30, 100);
        let mut scene = Scene::new(Network::Tcp, room_for(2 * count + 2));
        let mut stopped = many_links(&scene.addr.to_string(), count);
        let killed = many_links(&scene.addr.to_string(), count);
        scene.until(|scene| scene.world.noise == 2 * count);
        suspend(&stopped);
        for _ in 0..50 {
            scene.server.broadcast(msg!("news"));
            scene.pump();
        }
        assert_eq!(scene.world.left, [""; 0], "who is stopped is not gone");
        // The system closes what a killed process has, and that is noticed at once.
        drop(killed);
        scene.until(|scene| scene.world.left.len() == count);
        resume(&stopped);
        stopped.end_of_input();
        scene.until(|scene| scene.world.left.len() == 2 * count);
        assert_eq!(stopped.ends(), Some(0));
        let world = scene.end();
        assert_eq!(world.noise, 3 * count, "each of the continued ones has said its last word");
        assert!(world.left.iter().all(|line| {
            line.ends_with("closed by the peer") || line.ends_with("connection reset")
        }));
    }

    /// Real: a server in a process that may have forty descriptors, and sixty that want in.
    #[test]
    fn case_61_no_descriptors_left_while_accepting() {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -n 40 && exec \"$@\"", "sh"]).arg(myself().get_program());
        let patience = Patience {
            idle_timeout: Duration::from_secs(20),
            heartbeat: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(20),
        };
        let mut server = start(command, "serve", "127.0.0.1:0", patience);
        let addr = server.begins("listening on ").parse().expect("an address");
        let mut canary = Client::<u32>::with_config(Config::new().quiet(true));
        canary.on("echo", |ctx, msg| {
            assert_eq!(msg.get::<u32>("n")?, *ctx.state);
            *ctx.state += 1;
            Ok(())
        });
        canary.on_disconnect(|_, reason| panic!("the canary is dead: {reason}"));
        canary.connect_to(addr);
        let mut heard = 0;
        let mut chat = |lines: u32| {
            let wanted = heard + lines;
            let mut said = heard;
            until(|| {
                if canary.is_connected() && said == heard && said < wanted {
                    canary.send(msg!("echo", n: said));
                    said += 1;
                }
                canary.pump(&mut heard);
                canary.is_connected() && heard == wanted
            });
        };
        chat(10);
        let mut crowd: Vec<(Stream, Vec<u8>)> =
            streams(&Network::Tcp, addr, 60).into_iter().map(|it| (it, Vec::new())).collect();
        let fault = server.begins("fault: cannot accept connections now: ");
        // It serves those who are in all the while, and says it once.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(500) {
            chat(5);
        }
        let inside = heard_by(&mut crowd);
        assert!((1..40).contains(&inside), "{inside} were let in: {fault}");
        while let Some(line) = server.try_next() {
            assert!(!line.starts_with("fault: "), "told once, until it is over: {line}");
        }
        // Some leave, and those who have waited come in.
        let mut left = 0;
        crowd.retain(|(_, seen)| {
            let leaves = !seen.is_empty() && left < inside - 3;
            left += usize::from(leaves);
            !leaves
        });
        until(|| heard_by(&mut crowd) == crowd.len());
        chat(10);
    }

    /// How many have heard the greeting.
    fn heard_by(crowd: &mut [(Stream, Vec<u8>)]) -> usize {
        for (stream, seen) in &mut *crowd {
            stream.read_some(seen).expect("open");
        }
        crowd.iter().filter(|(_, seen)| seen.len() >= GREETING.len()).count()
    }
}

/// Windows gives `::1` first where `localhost` is looked up, and so do some others. Whoever listens
/// on one of the two is found by the name.
#[test]
fn case_97_localhost_is_found_in_either_family() {
    let mut found = 0;
    for host in ["127.0.0.1", "::1"] {
        let ip: IpAddr = host.parse().expect("an address");
        // The port must be free in the other family as well, or somebody else may answer.
        let Ok(listener) = TcpListener::bind((ip, 0)) else { continue };
        let addr = listener.local_addr().expect("bound");
        drop(listener);
        let Ok(mut server) = Server::<()>::bind(addr) else { continue };
        let mut client = Client::<()>::with_config(Config::new().quiet(true));
        client.connect_to(format!("localhost:{}", addr.port()));
        let mut ended = false;
        until(|| {
            server.pump(&mut ());
            client.pump(&mut ());
            ended = client.is_closed();
            client.is_connected() || ended
        });
        // Where the name stands for one family only, the other is not found, and that is told.
        found += usize::from(!ended);
    }
    assert!(found > 0, "localhost is nowhere");
}
