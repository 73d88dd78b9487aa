//! Sending: who gets what, in which order, and what is told when it cannot be sent.

use std::net::SocketAddr;
use std::time::Instant;

use hexapod::{
    Client, Config, FaultCause, MemoryNetwork, Outgoing, PeerId, SendError, Server, Value, msg,
};

use crate::harness::{GREETING, Network, frame, on_both, until};

type Log = Vec<String>;

/// A server with so many clients, all connected. Each client writes down what it hears.
struct Party {
    server: Server<Log, u32>,
    log: Log,
    clients: Vec<(Client<Log>, Log)>,
    ids: Vec<PeerId>,
}

impl Party {
    fn new(network: &Network, guests: usize) -> Self {
        let (mut server, addr): (_, SocketAddr) = network.server(Config::new());
        server.on_error(|log: &mut Log, fault| log.push(fault.to_string()));
        let mut party = Self { server, log: Log::new(), clients: Vec::new(), ids: Vec::new() };
        for guest in 0..guests {
            let mut client = network.client::<Log>(addr);
            client.on_any(|ctx, msg| ctx.state.push(msg.to_string()));
            party.clients.push((client, Log::new()));
            party.until(|party| {
                party.clients[guest].0.is_connected() && party.server.peers().count() == guest + 1
            });
        }
        party.ids = party.server.peers().map(|peer| peer.id()).collect();
        party
    }

    fn pump(&mut self) {
        self.server.pump(&mut self.log);
        for (client, log) in &mut self.clients {
            client.pump(log);
        }
    }

    #[track_caller]
    fn until(&mut self, done: impl Fn(&Self) -> bool) {
        until(|| {
            self.pump();
            done(self)
        });
    }

    /// What each client has heard, as the `n`s of the messages.
    fn heard(&self) -> Vec<Vec<String>> {
        let number =
            |line: &String| line.replace("{\"action\": \"n\", \"n\": ", "").replace('}', "");
        self.clients.iter().map(|(_, log)| log.iter().map(number).collect()).collect()
    }
}

#[test]
fn each_way_of_sending_reaches_whom_it_names() {
    on_both(|network| {
        let mut party = Party::new(&network, 3);
        let [a, b, c] = party.ids[..] else { panic!("three") };
        party.server.broadcast(msg!("n", n: 1));
        party.server.broadcast_except(b, msg!("n", n: 2));
        party.server.send_to(c, msg!("n", n: 3));
        party.server.send_each([c, a], msg!("n", n: 4));
        party.server.each_peer(|peer| {
            let id = peer.id();
            *peer.data_mut() += 1;
            peer.send(msg!("n", n: 10 + id.number()));
        });
        party.server.get_mut(a).expect("here").send(msg!("n", n: 5));
        party.until(|party| {
            party.heard().iter().map(Vec::len).sum::<usize>() == 3 + 2 + 1 + 2 + 3 + 1
        });
        assert_eq!(
            party.heard(),
            [vec!["1", "2", "4", "11", "5"], vec!["1", "12"], vec!["1", "2", "3", "4", "13"]]
        );
        assert!(party.server.peers().all(|peer| *peer.data() == 1));
        assert_eq!(party.log, Log::new());
    });
}

#[test]
fn handlers_send_in_every_way_and_the_order_is_that_of_the_calls() {
    on_both(|network| {
        let mut party = Party::new(&network, 3);
        party.server.on("go", |ctx, _| {
            let me = ctx.peer();
            let others: Vec<PeerId> = ctx.peers().map(|p| p.id()).filter(|id| *id != me).collect();
            ctx.send(msg!("n", n: 1));
            ctx.broadcast(msg!("n", n: 2));
            ctx.broadcast_except(me, msg!("n", n: 3));
            ctx.send_each(others.iter().copied(), msg!("n", n: 4));
            ctx.send_to(others[0], msg!("n", n: 5));
            ctx.each_peer(|peer| peer.send(msg!("n", n: 6)));
            ctx.try_send(msg!("n", n: 7))?;
            ctx.try_send_to(others[1], msg!("n", n: 8))?;
            ctx.get_mut(others[1]).ok_or("gone")?.try_send(msg!("n", n: 9))?;
            Ok(())
        });
        party.clients[0].0.send(msg!("go"));
        party.until(|party| party.heard().iter().map(Vec::len).sum::<usize>() == 15);
        assert_eq!(
            party.heard(),
            [
                vec!["1", "2", "6", "7"],
                vec!["2", "3", "4", "5", "6"],
                vec!["2", "3", "4", "6", "8", "9"],
            ]
            .map(|v| v.into_iter().map(str::to_owned).collect::<Vec<_>>())
        );
    });
}

#[test]
fn what_cannot_be_sent_is_told_with_peer_action_and_cause() {
    let network = Network::Memory(MemoryNetwork::new());
    let mut party = Party::new(&network, 1);
    let here = party.ids[0];
    party.clients[0].0.close();
    party.until(|party| party.server.peers().next().is_none());
    let log_of = |party: &mut Party| {
        party.pump();
        std::mem::take(&mut party.log)
    };
    party.server.send_to(here, msg!("a"));
    party.server.send_each([here], msg!("b"));
    assert_eq!(
        log_of(&mut party),
        ["did not send \"a\" to #1: not connected", "did not send \"b\" to #1: not connected"]
    );
    // Nobody is there to hear it, and still it is wrong.
    party.server.broadcast(msg!("$mine"));
    party.server.broadcast(msg!("big", n: i128::MAX));
    party.server.broadcast(msg!("long", text: "x".repeat(1 << 20)));
    assert_eq!(
        log_of(&mut party),
        [
            "did not send \"$mine\": actions that begin with $ are the library's own",
            "did not send \"big\": the integer 170141183460469231731687303715884105727 is not \
             within -2^63 … 2^64 - 1",
            "did not send \"long\": a message of 1048599 bytes is longer than 1048576",
        ]
    );
    assert_eq!(party.server.try_send_to(here, msg!("a")), Err(SendError::NotConnected));
    let mut deep = Value::Nil;
    (0..32).for_each(|_| deep = Value::Array(vec![std::mem::replace(&mut deep, Value::Nil)]));
    party.server.broadcast(msg!("deep", x: deep));
    party.server.broadcast(msg!("many", x: vec![true; 70_000]));
    assert_eq!(
        log_of(&mut party),
        [
            "did not send \"deep\": arrays and maps nest 33 deep, and may 32",
            "did not send \"many\": the message holds 70005 values, and may 65536",
        ]
    );
}

#[test]
fn a_client_that_was_never_connected_says_so() {
    let mut client = Client::<Vec<Option<PeerId>>>::with_config(Config::new());
    client.on_error(|state, fault| {
        assert!(matches!(fault.cause, FaultCause::Send(SendError::NotConnected)));
        assert_eq!(fault.action.as_deref(), Some("hello"));
        state.push(fault.peer);
    });
    client.send(msg!("hello"));
    assert_eq!(client.try_send(msg!("hello")), Err(SendError::NotConnected));
    let mut state = Vec::new();
    assert!(client.pump(&mut state).is_idle());
    assert_eq!(state, [None]);
}

#[test]
fn more_faults_than_are_kept_are_counted() {
    let mut client = Client::<Log>::with_config(Config::new());
    client.on_error(|log, fault| log.push(fault.to_string()));
    (0..1000).for_each(|_| client.send(msg!("hello")));
    let mut log = Log::new();
    client.pump(&mut log);
    assert_eq!((log.len(), &log[256][..]), (257, "744 more faults in this pump"));
}

#[test]
fn sending_goes_on_while_a_message_is_read() {
    // The message borrows the inbox, sending does not: what is read may be sent at once.
    let network = Network::Memory(MemoryNetwork::new());
    let mut party = Party::new(&network, 2);
    party.server.on("say", |ctx, msg| {
        let text: &str = msg.get("text")?;
        *ctx.data_mut() += 1;
        ctx.broadcast(msg!("n", n: ctx.data(), text: text, all: msg.field("text")));
        ctx.send(msg!("n", n: text.len()));
        Ok(())
    });
    party.clients[0].0.send(msg!("say", text: "hi"));
    party.until(|party| party.clients[0].1.len() == 2 && party.clients[1].1.len() == 1);
    let said = r#"{"action": "n", "n": 1, "text": "hi", "all": "hi"}"#;
    assert_eq!(party.clients[0].1, [said, r#"{"action": "n", "n": 2}"#]);
    assert_eq!(party.clients[1].1, [said]);
}

#[test]
fn a_flush_sends_without_a_pump() {
    on_both(|network| {
        let mut party = Party::new(&network, 1);
        party.server.broadcast(msg!("n", n: 1));
        party.server.flush();
        let Party { clients, .. } = &mut party;
        until(|| {
            let (client, log) = &mut clients[0];
            client.pump(log);
            log.len() == 1
        });
        clients[0].0.send(msg!("x"));
        clients[0].0.flush();
        until(|| party.server.pump(&mut party.log).messages == 1);
    });
}

#[test]
fn activity_counts_what_a_pump_has_done() {
    let network = Network::Memory(MemoryNetwork::new());
    let (mut server, addr) = network.server::<Log, ()>(Config::new());
    server.on("hello", |ctx, _| ctx.send(msg!("hello")));
    let mut stream = network.stream(addr);
    let hello = frame(b"\x81\xa6action\xa5hello");
    stream.say(&hello.repeat(3));
    let done = server.pump(&mut Log::new());
    let bytes = (done.bytes_read, done.bytes_written);
    assert_eq!(bytes, (3 * hello.len() as u64, (GREETING.len() + 3 * hello.len()) as u64));
    assert_eq!((done.messages, done.opened, done.closed), (3, 1, 0));
    assert!(server.pump(&mut Log::new()).is_idle());
    stream.shut_down_writing();
    let done = server.pump(&mut Log::new());
    assert_eq!((done.messages, done.opened, done.closed), (0, 0, 1));
}

#[test]
fn everything_is_counted_for_each_peer_and_in_all() {
    let network = Network::Memory(MemoryNetwork::new());
    let (mut server, addr) = network.server::<Log, ()>(Config::new());
    server.on("echo", |ctx, msg| ctx.send(Outgoing::from(msg)));
    server.on("fail", |_, _| Err::<(), _>("on purpose".into()));
    server.on_disconnect(|ctx, _| {
        let traffic = ctx.get(ctx.peer()).map(|peer| peer.traffic());
        ctx.state.push(format!("{:?}", traffic.map(|it| it.messages_received)));
    });
    let (mut log, mut streams) = (Log::new(), [network.stream(addr), network.stream(addr)]);
    let echo = msg!("echo", text: "x".repeat(100));
    let echo = echo.to_bytes().expect("good");
    (0..3).for_each(|_| streams[0].say(&frame(echo)));
    for payload in [&b"\x81\xa6action\xa4fail"[..], b"\x81\xa6action\xa4what", b"\xc0"] {
        streams[1].say(&frame(payload));
    }
    let now = Instant::now();
    server.pump_at(now, &mut log);
    server.broadcast(msg!("$mine"));

    let traffic: Vec<_> = server.peers().map(|peer| peer.traffic()).collect();
    assert_eq!((traffic[0].messages_received, traffic[0].messages_sent), (3, 3));
    let bytes = 3 * echo.len() as u64;
    assert_eq!((traffic[0].bytes_received, traffic[0].bytes_sent), (bytes, bytes));
    assert_eq!((traffic[1].messages_received, traffic[1].messages_sent), (2, 0));
    assert_eq!((traffic[0].last_received, traffic[0].last_sent), (Some(now), Some(now)));
    assert_eq!((traffic[1].last_received, traffic[1].last_sent), (Some(now), None));
    let all = server.traffic();
    assert_eq!((all.messages_received, all.messages_sent), (5, 3));
    let faults = server.faults();
    assert_eq!((faults.handler, faults.unhandled, faults.not_a_message, faults.send), (1, 1, 1, 1));

    // What waits is seen, for the one who does not read and in all.
    let id = server.peers().next().expect("the first").id();
    assert_eq!(server.queued(), 0);
    server.send_to(id, msg!("much", bytes: vec![0_u8; 200_000]));
    server.pump(&mut log);
    let queued: Vec<_> = server.peers().map(|peer| peer.queued()).collect();
    assert!(queued[0] > 100_000 && queued[1] == 0 && server.queued() == queued[0], "{queued:?}");
    assert_eq!(server.get_mut(id).map(|peer| peer.as_peer().queued()), Some(queued[0]));
    drop(streams);
    until(|| {
        server.pump(&mut log);
        log.len() == 2
    });
    assert_eq!(log, ["Some(3)", "Some(2)"]);
    assert_eq!(server.traffic().messages_received, 5, "who has left still counts");
}
