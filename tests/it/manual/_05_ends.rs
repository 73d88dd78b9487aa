//! Ends and errors: each reason and each fault has its row, with the words that a program shows.

use std::net::SocketAddr;
use std::time::Duration;

use hexapod::{
    Client, Config, ConnectError, DisconnectReason, Fault, FaultCause, FrameError, Limit,
    MemoryNetwork, MessageError, ProtocolError, SendError, Server, Timeout, msg,
};

use super::{page, rows, variants};
use crate::harness::{GREETING, Network, until};

/// Holds a table of values and texts against the values themselves: each variant has its row, and
/// each text is what a program would show.
#[track_caller]
fn check(rows: &[Vec<String>], variants: &[String], samples: &[(&str, String)]) {
    let names: Vec<_> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    assert_eq!(names, variants, "one row for each, in the order of the code");
    for row in rows {
        let (name, text) = (row[0].trim_matches('`'), &row[1]);
        if text.starts_with('(') {
            continue;
        }
        let sample = samples.iter().find(|(sample, _)| *sample == name);
        let (_, sample) = sample.unwrap_or_else(|| panic!("{name}: no sample"));
        let text = text.trim_end_matches('…');
        assert!(sample.starts_with(text), "{name}: the manual says {text:?}, the code {sample:?}");
        assert!(row[1].ends_with('…') || sample == text, "{name}: {sample:?}");
    }
}

#[test]
fn every_reason_for_an_end_is_there_with_its_words() {
    let page = page("_05_ends.rs");
    let all = rows(&page, "value");
    let count = |file, name| variants(file, name).len();
    let reasons = count("reason.rs", "DisconnectReason");
    let (ends, rest) = all.split_at(reasons);
    let (failures, sends) = rest.split_at(count("reason.rs", "ConnectError"));

    let ours = || "dots 2".to_owned();
    let theirs = || "dots 1".to_owned();
    let samples = [
        ("Closed", DisconnectReason::Closed),
        ("CutOff", DisconnectReason::CutOff { bytes: 3 }),
        ("LocalClose", DisconnectReason::LocalClose),
        ("Kicked", DisconnectReason::Kicked("bye".into())),
        ("Shutdown", DisconnectReason::Shutdown),
        ("VersionMismatch", DisconnectReason::VersionMismatch { ours: ours(), theirs: theirs() }),
        ("EndedByPeer", DisconnectReason::EndedByPeer("silent for too long".into())),
        ("SlowConsumer", DisconnectReason::SlowConsumer { queued: 5_000_000, max: 4 << 20 }),
        ("Protocol", DisconnectReason::Protocol(ProtocolError::Frame(FrameError::Empty))),
        ("Timeout", DisconnectReason::Timeout(Timeout::Idle)),
        ("Io", DisconnectReason::Io(std::io::ErrorKind::ConnectionReset)),
    ]
    .map(|(name, reason)| (name, reason.to_string()));
    check(ends, &variants("reason.rs", "DisconnectReason"), &samples);
    for timeout in [Timeout::Frame, Timeout::Handshake] {
        let text = DisconnectReason::Timeout(timeout).to_string();
        assert!(page.contains(&format!("`{timeout:?}`, \"{text}\"")), "{text}");
    }

    let target = || "127.0.0.1:5071".to_owned();
    let far = || "10.0.0.1:5071".to_owned();
    let handshake = DisconnectReason::Timeout(Timeout::Handshake);
    let unreachable = std::io::ErrorKind::NetworkUnreachable;
    let samples = [
        ("BadTarget", ConnectError::BadTarget { target: "nonsense".into() }),
        (
            "NotFound",
            ConnectError::NotFound {
                target: "nowhere.example:5071".into(),
                cause: "Name or service not known".into(),
            },
        ),
        ("Refused", ConnectError::Refused { target: target() }),
        ("TimedOut", ConnectError::TimedOut { target: far(), after: Duration::from_secs(10) }),
        (
            "Io",
            ConnectError::Io {
                target: far(),
                kind: unreachable,
                cause: "Network is unreachable".into(),
            },
        ),
        ("NotAServer", ConnectError::NotAServer { target: target(), reason: handshake }),
        ("ServerFull", ConnectError::ServerFull { target: target() }),
        (
            "VersionMismatch",
            ConnectError::VersionMismatch { target: target(), ours: ours(), theirs: theirs() },
        ),
        ("Cancelled", ConnectError::Cancelled),
    ]
    .map(|(name, error)| (name, error.to_string()));
    check(failures, &variants("reason.rs", "ConnectError"), &samples);

    let samples = [
        ("NotConnected", SendError::NotConnected),
        ("Full", SendError::Full { queued: 5_000_000, max: 4 << 20 }),
        ("Busy", SendError::Busy { max: 1024 }),
        ("TooLong", SendError::TooLong { len: 2_000_000, max: 1 << 20 }),
        ("TooDeep", SendError::TooDeep { depth: 40, max: 32 }),
        ("TooManyElements", SendError::TooManyElements { elements: 70_000, max: 65_536 }),
        ("Reserved", SendError::Reserved),
        (
            "NotSerializable",
            SendError::NotSerializable {
                cause: "a message is a struct or a map, not an integer".into(),
            },
        ),
        ("NotExpressible", SendError::NotExpressible { codec: "rencode", what: "a timestamp" }),
        ("HoldsTerminator", SendError::HoldsTerminator { dialect: "words" }),
    ]
    .map(|(name, error)| (name, error.to_string()));
    check(sends, &variants("error.rs", "SendError"), &samples);
}

#[test]
fn every_fault_is_there_with_its_words() {
    // A peer's id cannot be made up: here is #3.
    let mut server = Server::<()>::with_config(Config::new());
    let network = MemoryNetwork::new();
    let addr = SocketAddr::from(([10, 0, 0, 1], 5071));
    server.listen_memory(&network, addr, hexapod::Dialect::REPOD).expect("free");
    let streams = [(); 3].map(|()| network.connect(addr).expect("the server listens"));
    server.pump(&mut ());
    let peer = server.peers().nth(2).map(|peer| peer.id());
    drop(streams);

    let stranger = SocketAddr::from(([10, 0, 0, 9], 4000));
    let causes = [
        ("Handler", FaultCause::Handler("it failed".into())),
        ("Send", FaultCause::Send(SendError::NotConnected)),
        ("NotAMessage", FaultCause::NotAMessage(MessageError::NoAction)),
        ("Undelivered", FaultCause::Undelivered { bytes: 5 }),
        ("Refused", FaultCause::Refused { addr: stranger, limit: Limit::Peers }),
        ("Listener", FaultCause::Listener(std::io::Error::other("Too many open files"))),
        ("More", FaultCause::More { faults: 7 }),
    ];
    let samples = causes.map(|(name, cause)| {
        let has_action = matches!(cause, FaultCause::Handler(_) | FaultCause::Send(_));
        let action = has_action.then(|| "move".to_owned());
        (name, Fault { peer, action, cause }.to_string())
    });
    let rows = rows(&page("_05_ends.rs"), "cause");
    check(&rows, &variants("error.rs", "FaultCause"), &samples);
}

type Log = Vec<String>;

/// A server and a client in memory that are connected, and write down how it ends.
fn pair() -> (Server<Log>, Client<Log>) {
    let network = Network::Memory(MemoryNetwork::new());
    let (mut server, addr) = network.server::<Log, ()>(Config::new());
    server.on("close", |ctx, _| ctx.close());
    server.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
    server.on_error(|log, fault| log.push(fault.to_string()));
    let mut client = network.client::<Log>(addr);
    client.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
    until(|| {
        client.pump(&mut Log::new());
        server.pump(&mut Log::new());
        client.is_connected()
    });
    (server, client)
}

#[test]
fn whose_close_it_was_is_seen_on_both_sides() {
    type Close = fn(&mut Server<Log>, &mut Client<Log>);
    let closes: [Close; 3] = [
        |_, client| client.close(),
        |_, client| client.send(msg!("close")),
        |server, _| server.close(),
    ];
    let words = [
        ["closed by the peer", "closed by this side"],
        ["closed by this side", "closed by the peer"],
        ["the server was shut down", "the server was shut down"],
    ];
    for (close, [here, there]) in closes.into_iter().zip(words) {
        let (mut server, mut client) = pair();
        let mut logs = (Log::new(), Log::new());
        close(&mut server, &mut client);
        for _ in 0..4 {
            client.pump(&mut logs.1);
            server.pump(&mut logs.0);
        }
        assert_eq!(logs, (vec![here.to_owned()], vec![there.to_owned()]));
    }
}

#[test]
fn faults_are_kept_up_to_256_until_they_are_told() {
    let (mut server, mut client) = pair();
    server.on("fail", |_, _| Err::<(), _>("on purpose".into()));
    server.on("many", |ctx, _| (0..300).for_each(|_| ctx.send(msg!("$mine"))));
    let mut log = Log::new();
    // One a message: each is told, however many they are.
    (0..1000).for_each(|_| client.send(msg!("fail")));
    until(|| {
        client.pump(&mut Log::new());
        server.pump(&mut log);
        log.len() >= 1000
    });
    assert!(log.iter().all(|line| line.ends_with("failed: on purpose")), "{log:?}");
    // Three hundred of one handler are too many.
    log.clear();
    client.send(msg!("many"));
    client.pump(&mut Log::new());
    server.pump(&mut log);
    assert_eq!((log.len(), &log[256][..]), (257, "44 more faults in this pump"));
    assert_eq!((server.faults().handler, server.faults().send), (1000, 300));
}

#[test]
fn a_plain_peer_only_sees_its_connection_end() {
    // Whatever the reason: its last bytes are the greeting.
    let network = Network::Memory(MemoryNetwork::new());
    let ends: [fn(&mut Server<()>, hexapod::PeerId); 2] =
        [|server, id| assert!(server.kick(id, "because")), |server, _| server.close()];
    for end in ends {
        let (mut server, addr) = network.server::<(), ()>(Config::new());
        let (mut stream, mut heard) = (network.stream(addr), Vec::new());
        server.pump(&mut ());
        let id = server.peers().next().expect("the stream").id();
        end(&mut server, id);
        server.pump(&mut ());
        assert!(stream.read_some(&mut heard).expect("orderly"), "it ends");
        assert_eq!(heard, GREETING);
    }
}
