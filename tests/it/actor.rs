//! An end of hexapod as a process of its own: this very test binary, started again with a role.
//!
//! What it is to do comes by standard input, what it sees goes to standard output, line by line:
//!
//! ```text
//! to a server    say N     it sends `news` to everybody, N times, counting on
//! to a client    say N     it sends `echo`, which the server sends back, N times, counting on
//! from both      listening on 127.0.0.1:4321 | up | echo 0 | news 0 | down: why | failed: why
//! ```
//!
//! It ends where its input ends: an actor does not outlive the test that it plays in.

use std::env;
use std::io::{self, Write};
use std::process::{self, Command};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::Duration;

use hexapod::{Client, Config, Dialect, Outgoing, Server, msg};

use crate::examples::Program;

/// What an actor is told about its role: `serve 127.0.0.1:0`, and its patience in milliseconds.
const ROLE: &str = "HEXAPOD_ROLE";

/// How patient an actor is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) idle_timeout: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) connect_timeout: Duration,
}

/// A server and a client that is up.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) server: Program,
    pub(crate) client: Program,
}

impl Pair {
    #[track_caller]
    pub(crate) fn here(patience: Patience) -> Self {
        Self::new([myself(), myself()], "127.0.0.1:0", patience)
    }

    /// A pair whose ends are started by these commands, which name this binary last.
    #[track_caller]
    pub(crate) fn new([server, client]: [Command; 2], addr: &str, patience: Patience) -> Self {
        let mut server = start(server, "serve", addr, patience);
        let addr = server.begins("listening on ");
        let mut client = start(client, "join", &addr, patience);
        client.says("up");
        assert_eq!(server.next(), "up");
        Self { server, client }
    }

    /// Says so many things there and back, beginning with this number; nothing else is seen.
    #[track_caller]
    pub(crate) fn echoes(&mut self, from: u32, count: u32) {
        self.client.types(&format!("say {count}"));
        self.hears("echo", from, count);
    }

    /// The client hears so many of these next, in order, and nothing else.
    #[track_caller]
    pub(crate) fn hears(&mut self, action: &str, from: u32, count: u32) {
        for n in from..from + count {
            assert_eq!(self.client.next(), format!("{action} {n}"));
        }
    }

    /// Ends both. Nothing was seen that has not been waited for, but the client's end.
    #[track_caller]
    pub(crate) fn quit(self) {
        let Self { mut server, mut client } = self;
        end(&mut client);
        if !server.seen().iter().any(|line| line.starts_with("down: ")) {
            let told = server.next();
            assert!(told.starts_with("down: "), "{told}");
        }
        end(&mut server);
    }
}

/// Ends an actor, who has seen nothing more.
#[track_caller]
fn end(actor: &mut Program) {
    let waited_for = actor.seen().len();
    actor.types("quit");
    assert_eq!(actor.ends(), Some(0));
    let more = &actor.seen()[waited_for..];
    assert!(more.is_empty(), "more was seen: {more:?}");
}

/// This binary.
pub(crate) fn myself() -> Command {
    Command::new(env::current_exe().expect("this test"))
}

/// Starts an actor by a command that names this binary last.
pub(crate) fn start(mut command: Command, what: &str, addr: &str, patience: Patience) -> Program {
    let Patience { idle_timeout, heartbeat, connect_timeout } = patience;
    let [idle, beat, connect] = [idle_timeout, heartbeat, connect_timeout].map(|it| it.as_millis());
    let role = format!("{what} {addr} {idle} {beat} {connect}");
    command.args(["--exact", "actor::plays_its_role", "--ignored", "--nocapture"]);
    Program::start(command.env(ROLE, role))
}

#[test]
#[ignore = "a role in other tests"]
fn plays_its_role() {
    let Ok(role) = env::var(ROLE) else { return };
    let [what, addr, idle, beat, connect] = role.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{ROLE}={role}")
    };
    let time = |text: &str| Duration::from_millis(text.parse().expect("milliseconds"));
    let config =
        Config::new().idle_timeout(time(idle)).heartbeat(time(beat)).connect_timeout(time(connect));
    // The test runner may have left its own line unfinished.
    tell("");
    match what {
        "serve" => serve(addr, config),
        _ => join(addr, config),
    }
    // Nothing more on standard output, the runner's summary least of all.
    process::exit(0);
}

fn serve(addr: &str, config: Config) {
    let mut server = Server::<()>::with_config(config);
    let addr = server.listen(addr, Dialect::REPOD).expect("a free address");
    server
        .on_connect(|_| tell("up"))
        .on("echo", |ctx, msg| ctx.send(Outgoing::from(msg)))
        .on_disconnect(|_, reason| tell(&format!("down: {reason}")))
        .on_error(|(), fault| tell(&format!("fault: {fault}")));
    tell(&format!("listening on {addr}"));
    perform(|news| {
        news.for_each(|n| server.broadcast(msg!("news", n: n)));
        server.pump(&mut ());
    });
}

fn join(addr: &str, config: Config) {
    let mut client = Client::<()>::with_config(config);
    client
        .on_connect(|_| tell("up"))
        .on_any(|_, msg| {
            tell(&format!("{} {}", msg.action(), msg.get::<u32>("n")?));
            Ok(())
        })
        .on_connect_failed(|_, error| tell(&format!("failed: {error}")))
        .on_disconnect(|_, reason| tell(&format!("down: {reason}")));
    client.connect_to(addr);
    perform(|echoes| {
        echoes.for_each(|n| client.send(msg!("echo", n: n)));
        client.pump(&mut ());
    });
}

/// Turns an actor until it is told to quit; each turn is given the numbers that it is to say.
fn perform(mut turn: impl FnMut(std::ops::Range<u32>)) {
    let (told, mut said) = (typed(), 0);
    loop {
        let from = said;
        match told.try_recv() {
            Ok(order) => match order.strip_prefix("say ") {
                Some(count) => said += count.parse::<u32>().expect("a number"),
                None => return,
            },
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => {}
        }
        turn(from..said);
        thread::sleep(Duration::from_millis(1));
    }
}

fn typed() -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        io::stdin().lines().map_while(Result::ok).try_for_each(|it| sender.send(it))
    });
    lines
}

fn tell(line: &str) {
    // Nobody may be listening any more; then the input ends, too.
    let _ = writeln!(io::stdout(), "{line}");
}
