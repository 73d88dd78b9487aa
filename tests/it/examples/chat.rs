//! The chat: people at terminals, old clients, and hostile ones.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

use hexapod::msg;

use super::old::{Json, Old, PodSixNet, Repod};
use super::{
    HAS_JSON, Program, accepted, chat_server, example, framed, greeted, joined, payload, reads,
    serving_all,
};
use crate::harness::{PLAIN_GREETING, frame};

#[test]
fn two_join_a_served_chat_and_hear_each_other_until_quit() {
    let (mut server, addr) = chat_server();
    server.says("type quit to end the chat, or kick NICK and why");
    let mut ann = joined(&addr, "ann");
    server.begins("#1 Anonymous joined from 127.0.0.1:");
    server.says("#1 Anonymous is now ann");

    // Without --nick the first line is the nickname.
    let mut bob = Program::example("chat", ["join", &addr]);
    bob.begins("*** you are in: type your nickname first");
    assert_eq!(bob.next(), "*** Anonymous joined the chat");
    assert_eq!(bob.next(), "*** players: ann, Anonymous");
    bob.types("bob");
    bob.says("*** Anonymous is now bob");
    bob.says("*** players: ann, bob");
    for line in ["*** Anonymous joined the chat", "*** players: ann, Anonymous"] {
        assert_eq!(ann.next(), line);
    }
    for line in ["*** Anonymous is now bob", "*** players: ann, bob"] {
        assert_eq!(ann.next(), line);
    }

    ann.types("hello, bob");
    bob.types("grüße ✓, ann");
    // An empty line is not said.
    bob.types("");
    bob.types("and that is all");
    for participant in [&mut ann, &mut bob] {
        let mut lines = [participant.next(), participant.next(), participant.next()];
        lines.sort();
        assert_eq!(lines, ["ann: hello, bob", "bob: and that is all", "bob: grüße ✓, ann"]);
    }
    server.says("#2 bob: and that is all");

    server.types("quit");
    for participant in [&mut ann, &mut bob] {
        participant.says("*** the server ends the chat");
        assert_eq!(participant.next(), "*** the chat is over: the server was shut down");
        assert_eq!(participant.ends(), Some(0));
    }
    server.says("#1 ann left: the server was shut down");
    server.says("#2 bob left: the server was shut down");
    assert_eq!(server.ends(), Some(0));
}

#[test]
fn a_kick_shows_its_words_in_the_other_terminal() {
    let (mut server, addr) = chat_server();
    let (mut ann, mut bob) = (joined(&addr, "ann"), joined(&addr, "bob"));
    ann.says("*** players: ann, bob");
    server.types("kick  bob   grüße,  but not in here");
    bob.says("*** the chat is over: kicked: grüße,  but not in here");
    assert_eq!(bob.ends(), Some(0));
    server.says("#2 bob left: kicked: grüße,  but not in here");
    assert_eq!(ann.next(), "*** bob left the chat");
    assert_eq!(ann.next(), "*** players: ann");

    // Who is not meant stays, and whoever types is told why.
    for (typed, told) in [
        ("kick bob", "nobody here is called bob"),
        ("kick", "that is neither quit nor kick NICK and why"),
        ("kickann", "that is neither quit nor kick NICK and why"),
    ] {
        server.types(typed);
        assert_eq!(server.next(), told);
    }

    // An old client hears nothing of reasons: it just sees the end. Two of one nickname have
    // numbers to be told apart by, and words are not asked for.
    let (mut old, _cat) = (greeted(&addr), joined(&addr, "cat"));
    old.write_all(&framed(&msg!("nickname", nickname: "cat"))).expect("a stream");
    server.says("#3 Anonymous is now cat");
    server.types("kick cat for one of two");
    assert_eq!(server.next(), "cat may be any of [#3, #4]: kick one of these");
    server.types("kick #3");
    assert_eq!(server.next(), "#3 cat left: kicked");
    let mut heard = Vec::new();
    old.read_to_end(&mut heard).expect("an orderly end");
    assert!(!heard.windows(4).any(|bytes| bytes == b"$bye"));
    ann.says("*** cat left the chat");
    assert_eq!(ann.next(), "*** players: ann, cat");

    // The last word that somebody said is in nobody's way.
    server.types("kick ann \u{1b}[2J");
    ann.says(r"*** the chat is over: kicked: \u{1b}[2J");
    server.says(r"#1 ann left: kicked: \u{1b}[2J");
}

#[test]
fn the_end_of_the_input_ends_a_client_and_leaves_a_server() {
    let (mut server, addr) = chat_server();
    server.end_of_input();
    let mut ann = joined(&addr, "ann");
    let mut bob = joined(&addr, "bob");
    // All that was typed before the end arrives, in order, though it is not waited for.
    (0..100).for_each(|n| bob.types(&format!("line {n}")));
    bob.end_of_input();
    bob.says("*** goodbye");
    assert_eq!(bob.ends(), Some(0));
    ann.says("bob: line 0");
    for n in 1..100 {
        assert_eq!(ann.next(), format!("bob: line {n}"));
    }
    assert_eq!(ann.next(), "*** bob left the chat");
    assert_eq!(ann.next(), "*** players: ann");
    server.says("#2 bob left: closed by the peer");
    assert!(server.is_running());

    // Who wants no nickname is given one.
    let mut nobody = Program::example("chat", ["join", &addr]);
    nobody.types("\nit is me");
    ann.says("*** players: ann, Anonymous");
    assert_eq!(ann.next(), "Anonymous: it is me");
    nobody.end_of_input();
    ann.says("*** players: ann");

    // Everything at once, before the connection can be up.
    let mut cat = Program::example("chat", ["join", &addr]);
    cat.types("cat\nmeow");
    cat.end_of_input();
    ann.says("cat: meow");
    ann.says("*** cat left the chat");
    assert_eq!(cat.ends(), Some(0));
    assert!(server.is_running());
}

#[test]
fn the_second_chat_joins_the_first() {
    const PORT: &str = "127.0.0.1:5071";
    if TcpListener::bind(PORT).is_err() {
        eprintln!("skipped: somebody else is at {PORT}");
        return;
    }
    let mut host = Program::example("chat", []);
    if host.next() != format!("listening on {PORT}") {
        eprintln!("skipped: somebody else came to {PORT}");
        return;
    }
    host.begins("nobody was chatting there, so you are the host");
    host.types("ann");
    host.says("*** players: ann");
    let mut guest = Program::example("chat", []);
    guest.says(&format!("joining the chat at {PORT}"));
    guest.types("bob");
    guest.says("*** players: ann, bob");
    guest.types("hello, ann");
    host.says("bob: hello, ann");
    host.types("hello, bob");
    guest.says("ann: hello, bob");
    host.says("ann: hello, bob");

    host.types("I have to go");
    host.end_of_input();
    guest.says("ann: I have to go");
    guest.says("*** ann left the chat");
    guest.says("*** the server ends the chat");
    guest.says("*** the chat is over: the server was shut down");
    assert_eq!(guest.ends(), Some(0));
    host.says("*** goodbye");
    assert_eq!(host.ends(), Some(0));
}

#[test]
fn the_chat_speaks_to_old_clients_and_tames_hostile_ones() {
    let (mut server, addr) = chat_server();
    let mut ann = joined(&addr, "ann");
    let mut stream = greeted(&addr);
    let everybody = |nicks: &[&str]| msg!("players", players: nicks, list: nicks);
    reads(&mut stream, &framed(&msg!("system", text: "Anonymous joined the chat")));
    reads(&mut stream, &framed(&everybody(&["ann", "Anonymous"])));

    // PodSixNet's word for the text is `message`.
    let old = msg!("message", message: "from of old");
    stream.write_all(&framed(&old)).expect("a stream");
    let (text, nick) = ("from of old", "Anonymous");
    let said = msg!("message", text: text, nickname: nick, message: text, who: nick);
    reads(&mut stream, &framed(&said));
    ann.says("Anonymous: from of old");

    // Neither the screen nor the log obeys a stranger.
    let nickname = format!("\x1b[2J\r\n\u{202e}{}", "x".repeat(100));
    stream.write_all(&framed(&msg!("nickname", nickname: nickname))).expect("a stream");
    let nick = format!("[2J{}", "x".repeat(29));
    reads(&mut stream, &framed(&msg!("system", text: format!("Anonymous is now {nick}"))));
    reads(&mut stream, &framed(&everybody(&["ann", &nick])));
    let text = format!("\x1b[2J\x07\n*** players: nobody\u{9b}{}", "y".repeat(9000));
    stream.write_all(&framed(&msg!("message", text: text))).expect("a stream");
    let payload_of_text = payload(&mut stream);
    assert!(payload_of_text.windows(text.len()).any(|part| part == text.as_bytes()));
    let tame = format!(r"{nick}: \u{{1b}}[2J\u{{7}}\u{{a}}*** players: nobody\u{{9b}}yyy");
    assert!(ann.begins(&tame).len() < 2100);
    assert!(server.begins(&format!("#2 {tame}")).len() < 600);

    // A nickname of nothing is none; what is too long or no text hurts nobody.
    stream.write_all(&framed(&msg!("nickname", nickname: " \t\n"))).expect("a stream");
    ann.says("*** players: ann, Anonymous");
    stream.write_all(&framed(&msg!("message", text: "z".repeat(70_000)))).expect("a stream");
    stream.write_all(&framed(&msg!("message", text: 5))).expect("a stream");
    stream.write_all(&framed(&msg!("message", text: "still here"))).expect("a stream");
    assert_eq!(ann.next(), "Anonymous: still here");
    reads(&mut stream, &framed(&msg!("system", text: format!("{nick} is now Anonymous"))));
    reads(&mut stream, &framed(&everybody(&["ann", "Anonymous"])));
    reads(&mut stream, &framed(&msg!("system", text: "that was too long for a chat")));

    // Who breaks the wire has left like anybody else.
    stream.write_all(&frame(&[0xc1])).expect("a stream");
    ann.says("*** Anonymous left the chat");
    ann.says("*** players: ann");
    server.begins("#2 Anonymous left: not understood: ");
}

#[test]
fn the_client_says_what_repods_client_says() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address").to_string();
    for options in [&["--nick", "ann"][..], &[]] {
        let mut chat = Command::new(example("chat"));
        let mut ann = Program::start(chat.args(["join", &addr]).args(options));
        if options.is_empty() {
            ann.types("ann");
        }
        ann.types("grüße ✓");
        let mut stream = accepted(&listener);
        stream.write_all(PLAIN_GREETING).expect("a stream");
        reads(&mut stream, &framed(&msg!("nickname", nickname: "ann")));
        reads(&mut stream, &framed(&msg!("message", text: "grüße ✓")));
        // A hostile server does not get at the screen either.
        let system = msg!("system", text: "\x1b]0;title\x07\n");
        stream.write_all(&framed(&system)).expect("a stream");
        ann.says(r"*** \u{1b}]0;title\u{7}\u{a}");
        let players = msg!("players", list: ["a\x1b[2J", "b\u{202e}"]);
        stream.write_all(&framed(&players)).expect("a stream");
        ann.says(r"*** players: a\u{1b}[2J, b\u{202e}");
        let message = msg!("message", nickname: "\rann", text: "\u{7f}\tx");
        stream.write_all(&framed(&message)).expect("a stream");
        ann.says(r"\u{d}ann: \u{7f}\u{9}x");
        // What it should not say is told, and does no harm.
        stream.write_all(&framed(&msg!("system", text: 5))).expect("a stream");
        ann.begins("*** the handler of \"system\" from #1 failed: ");
        drop(stream);
        ann.says("*** the chat is over: closed by the peer");
        assert_eq!(ann.ends(), Some(0));
    }

    // Somebody who answers, but is no chat.
    let mut ann = Program::example("chat", ["join", &addr]);
    let mut stream = accepted(&listener);
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\n").expect("a stream");
    ann.begins(&format!("error: chat: {addr} answers, but not as a game server: "));
    assert_eq!(ann.ends(), Some(1));
}

/// Both sets of fields of a chat, as Python shows them.
fn in_python(nick: &str, text: &str) -> String {
    format!(
        "{{'action': 'message', 'text': '{text}', 'nickname': '{nick}', 'message': '{text}', \
         'who': '{nick}'}}"
    )
}

#[test]
fn four_kinds_are_in_one_chat() {
    let mut served = serving_all("chat");
    let mut ann = joined(&served.repod, "ann");

    // What PodSixNet's client does. It passes over `system`.
    let mut pia = PodSixNet::joins(&served.podsixnet);
    let python =
        |who: &str| format!("{{'action': 'players', 'players': [{who}], 'list': [{who}]}}");
    pia.hears("{'action': 'system', 'text': 'anonymous joined the chat'}");
    pia.hears(&python("'ann', 'anonymous'"));
    pia.says("{'action': 'nickname', 'nickname': 'pía'}");
    pia.hears("{'action': 'system', 'text': 'anonymous is now pía'}");
    pia.hears(&python("'ann', 'pía'"));
    ann.says("*** players: ann, anonymous");
    ann.says("*** players: ann, pía");
    served.program.line_with(|line| line.ends_with(" (podsixnet)"), "who joined, and how");

    // What repod's does.
    let mut rob = Repod::joins(&served.repod);
    rob.hears(&msg!("system", text: "Anonymous joined the chat"));
    let nicks = ["ann", "pía", "Anonymous"];
    rob.hears(&msg!("players", players: nicks, list: nicks));
    rob.says(&msg!("nickname", nickname: "rob"));
    pia.waits_for(&python("'ann', 'pía', 'rob'"));

    // This one's client in PodSixNet's dialect.
    let args = ["join", &served.podsixnet, "--podsixnet", "--nick", "liz"];
    let mut liz = Program::example("chat", args);
    liz.says("*** players: ann, pía, rob, liz");

    let mut jan = served.json.as_deref().map(Json::joins);
    if let Some(jan) = &mut jan {
        jan.hears(r#"{"action":"system","text":"Anonymous joined the chat"}"#);
        let nicks = r#"["ann","pía","rob","liz","Anonymous"]"#;
        jan.hears(&format!(r#"{{"action":"players","players":{nicks},"list":{nicks}}}"#));
        jan.says(r#"{"action":"nickname","nickname":"jan"}"#);
    }

    for nick in ["ann", "pía", "rob", "liz", "jan"] {
        let text = format!("{nick} says grüße ✓");
        match nick {
            "ann" => ann.types(&text),
            "pía" => pia.says(&format!("{{'action': 'message', 'message': '{text}'}}")),
            "rob" => rob.says(&msg!("message", text: text)),
            "liz" => liz.types(&text),
            _ => match &mut jan {
                Some(jan) => jan.says(&format!(r#"{{"action":"message","text":"{text}"}}"#)),
                None => continue,
            },
        }
        ann.says(&format!("{nick}: {text}"));
        liz.says(&format!("{nick}: {text}"));
        pia.waits_for(&in_python(nick, &text));
        rob.waits_for(&msg!("message", text: text, nickname: nick, message: text, who: nick));
        if let Some(jan) = &mut jan {
            jan.waits_for(
                &in_python(nick, &text).replace('\'', "\"").replace(": ", ":").replace(", ", ","),
            );
        }
    }

    // A name of nothing is PodSixNet's own one there.
    pia.says("{'action': 'nickname', 'nickname': ''}");
    ann.says("*** pía is now anonymous");
    drop(pia);
    ann.says("*** anonymous left the chat");
    liz.end_of_input();
    ann.says("*** liz left the chat");
    assert_eq!(liz.ends(), Some(0));
    served.program.types("quit");
    ann.says("*** the chat is over: the server was shut down");
    assert_eq!(served.program.ends(), Some(0));
}

#[test]
fn the_client_says_what_podsixnets_client_says() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address").to_string();
    let mut ann = Program::example("chat", ["join", "--podsixnet", &addr, "--nick", "ann"]);
    ann.types("hello");
    let mut server = PodSixNet::on(accepted(&listener));
    server.says("{'action': 'connected'}");
    server.hears("{'action': 'nickname', 'nickname': 'ann'}");
    server.says("{'action': 'players', 'players': ['pia', 'ann']}");
    ann.says("*** players: pia, ann");
    server.hears("{'action': 'message', 'message': 'hello'}");
    server.says("{'action': 'message', 'message': 'hello', 'who': 'ann'}");
    ann.says("ann: hello");
    drop(server);
    ann.says("*** the chat is over: closed by the peer");
    assert_eq!(ann.ends(), Some(0));

    if HAS_JSON {
        let mut ann = Program::example("chat", ["join", &addr, "--json", "--nick", "ann"]);
        ann.types("hello");
        let mut server = Json::on(accepted(&listener));
        server.says(r#"{"action":"connected"}"#);
        server.hears(r#"{"action":"nickname","nickname":"ann"}"#);
        server.hears(r#"{"action":"message","text":"hello"}"#);
    }
}

#[test]
fn json_without_its_feature_is_told() {
    for example_name in ["chat", "lag_time", "whiteboard"] {
        for args in [&["serve", "--json", "127.0.0.1:0"][..], &["join", "--json"]] {
            if HAS_JSON {
                continue;
            }
            let mut program = Program::start(Command::new(example(example_name)).args(args));
            assert_eq!(program.ends(), Some(2));
            assert_eq!(
                program.seen(),
                [format!(
                    "error: {example_name}: --json needs the feature json: \
                     cargo run --features json --example {example_name} -- …"
                )]
            );
        }
    }
}

#[test]
fn wrong_arguments_and_dead_addresses_are_told() {
    let wrong: [&[&str]; 9] = [
        &["dance"],
        &["serve", "a", "b"],
        &["serve", "-x"],
        &["serve", "--podsixnet"],
        &["serve", "--podsixnet", "--podsixnet"],
        &["join", "--nick"],
        &["join", "--podsixnet", "--podsixnet"],
        &["--podsixnet"],
        &["--nick", "x"],
    ];
    for args in wrong {
        let mut chat = Program::start(Command::new(example("chat")).args(args));
        assert_eq!(chat.ends(), Some(2));
        assert!(chat.seen()[0].starts_with("error: usage: chat "), "{:?}", chat.seen());
        assert!(chat.seen().iter().all(|line| line.starts_with("error: ")), "{:?}", chat.seen());
    }
    let mut relay = Program::example("relay", []);
    assert_eq!(relay.ends(), Some(2));
    assert_eq!(relay.seen(), ["error: usage: relay serve [ADDR]"]);

    let (_server, addr) = chat_server();
    let mut second = Program::example("chat", ["serve", &addr]);
    second.begins(&format!("error: chat: cannot listen at {addr}: "));
    assert_eq!(second.ends(), Some(1));

    // A port that was free a moment ago.
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
    let mut lonely = Program::example("chat", ["join", &nobody.to_string(), "--nick", "ann"]);
    lonely.begins(&format!("error: chat: nobody listens at {nobody}"));
    assert_eq!(lonely.ends(), Some(1));
}
