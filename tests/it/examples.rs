//! The examples, run as programs: what a person types goes in, what a person sees comes out.
//!
//! `cargo test` builds them beside the tests. [`Program`] drives any program; `python.rs` uses it
//! too.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use hexapod::{Outgoing, Value, msg};

use crate::harness::{GREETING, PLAIN_GREETING, frame, until};

/// How long a test waits for a program before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that was started, with pipes in place of a terminal. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    /// What it prints, line by line. What goes to standard error comes behind `error: `.
    output: Receiver<String>,
    seen: Vec<String>,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        let (sender, output) = mpsc::channel();
        forward("", child.stdout.take().expect("a pipe"), sender.clone());
        forward("error: ", child.stderr.take().expect("a pipe"), sender);
        let input = child.stdin.take();
        Self { name, child, input, output, seen: Vec::new() }
    }

    pub(crate) fn example<const N: usize>(name: &str, args: [&str; N]) -> Self {
        Self::start(Command::new(example(name)).args(args))
    }

    /// Types a line.
    #[track_caller]
    pub(crate) fn types(&mut self, line: &str) {
        let input = self.input.as_mut().expect("an input that has not ended");
        if let Err(error) = input.write_all(format!("{line}\n").as_bytes()) {
            self.fail(&format!("it takes no input: {error}"));
        }
    }

    pub(crate) fn end_of_input(&mut self) {
        self.input = None;
    }

    /// Waits for a line that fits, and passes over those before it.
    #[track_caller]
    pub(crate) fn line_with(&mut self, fits: impl Fn(&str) -> bool, wanted: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = match self.output.recv_timeout(left) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => self.fail(&format!("it never said {wanted:?}")),
                Err(RecvTimeoutError::Disconnected) => {
                    self.fail(&format!("it ended without saying {wanted:?}"))
                }
            };
            self.seen.push(line.clone());
            if fits(&line) {
                return line;
            }
        }
    }

    /// Waits for exactly this line.
    #[track_caller]
    pub(crate) fn says(&mut self, wanted: &str) {
        self.line_with(|line| line == wanted, wanted);
    }

    /// Waits for a line that begins like this; returns the rest of it.
    #[track_caller]
    pub(crate) fn begins(&mut self, wanted: &str) -> String {
        let line = self.line_with(|line| line.starts_with(wanted), wanted);
        line[wanted.len()..].to_owned()
    }

    /// The very next line.
    #[track_caller]
    pub(crate) fn next(&mut self) -> String {
        self.line_with(|_| true, "another line")
    }

    /// A line that is there by now: for who has something else to do meanwhile.
    pub(crate) fn try_next(&mut self) -> Option<String> {
        let line = self.output.try_recv().ok()?;
        self.seen.push(line.clone());
        Some(line)
    }

    /// The number that the system gave it.
    #[cfg(unix)]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Waits for the end; returns the exit code.
    #[track_caller]
    pub(crate) fn ends(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                self.seen.extend(self.output.iter());
                return status.code();
            }
            if Instant::now() >= deadline {
                self.fail("it did not end");
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// All that was printed and has been waited for.
    pub(crate) fn seen(&self) -> &[String] {
        &self.seen
    }

    #[track_caller]
    fn fail(&mut self, what: &str) -> ! {
        self.seen.extend(self.output.try_iter());
        panic!("{}: {what}; it said:\n{}\n", self.name, self.seen.join("\n"));
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends on the lines of a pipe until it ends.
fn forward(mark: &'static str, pipe: impl Read + Send + 'static, to: mpsc::Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            // Nobody may be listening any more.
            let _ = to.send(format!("{mark}{}", line.trim_end_matches('\r')));
        }
    });
}

/// Where `cargo test` has built an example: `examples` lies beside the folder of this test.
fn example(name: &str) -> PathBuf {
    let test = env::current_exe().expect("this test");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("a folder of cargo's");
    let path = profile.join("examples").join(name).with_extension(env::consts::EXE_EXTENSION);
    assert!(
        path.exists(),
        "there is no {}: `cargo test` builds it, but `cargo test --test it` does not; \
         run `cargo build --examples` before",
        path.display()
    );
    path
}

/// A chat that is served on a free port, and its address.
pub(crate) fn chat_server() -> (Program, String) {
    serving(Program::example("chat", ["serve", "127.0.0.1:0"]))
}

/// Waits until an example listens; returns its address.
#[track_caller]
pub(crate) fn serving(mut program: Program) -> (Program, String) {
    let addr = program.begins("listening on ");
    assert!(addr.starts_with("127.0.0.1:") && !addr.ends_with(":0"), "{addr}");
    (program, addr)
}

/// Somebody who has joined a chat, and has been given their nickname.
#[track_caller]
pub(crate) fn joined(addr: &str, nick: &str) -> Program {
    let mut program = Program::example("chat", ["join", addr, "--nick", nick]);
    program.says(&format!("*** Anonymous is now {nick}"));
    program.line_with(|line| line.starts_with("*** players: ") && line.ends_with(nick), nick);
    program
}

/// A bare stream to a server whose greeting has been read.
#[track_caller]
pub(crate) fn greeted(addr: &str) -> TcpStream {
    let mut stream = patient(TcpStream::connect(addr).expect("the server listens"));
    reads(&mut stream, GREETING);
    stream
}

/// The next one who connects here.
#[track_caller]
pub(crate) fn accepted(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).expect("non-blocking");
    let mut accepted = None;
    until(|| {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    patient(accepted.expect("a stream").0)
}

/// A stream that waits, but not for ever.
fn patient(stream: TcpStream) -> TcpStream {
    stream.set_nonblocking(false).expect("blocking");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.set_write_timeout(Some(PATIENCE)).expect("a time-out");
    stream
}

/// Reads exactly these bytes.
#[track_caller]
pub(crate) fn reads(stream: &mut TcpStream, wanted: &[u8]) {
    let mut bytes = vec![0; wanted.len()];
    stream.read_exact(&mut bytes).expect("bytes in time");
    assert_eq!(
        bytes,
        wanted,
        "{:?} instead of {:?}",
        String::from_utf8_lossy(&bytes),
        String::from_utf8_lossy(wanted)
    );
}

/// Reads one frame and returns its payload.
#[track_caller]
pub(crate) fn payload(stream: &mut TcpStream) -> Vec<u8> {
    let mut len = [0; 4];
    stream.read_exact(&mut len).expect("a header in time");
    let mut payload = vec![0; u32::from_be_bytes(len) as usize];
    stream.read_exact(&mut payload).expect("a payload in time");
    payload
}

/// The frame of a message.
fn framed(message: &Outgoing) -> Vec<u8> {
    frame(message.to_bytes().expect("a message"))
}

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

#[test]
fn wrong_arguments_and_dead_addresses_are_told() {
    let wrong: [&[&str]; 5] =
        [&["dance"], &["serve", "a", "b"], &["join", "--nick"], &["--nick", "x"], &["serve", "-x"]];
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

/// A map of the kind that only a relay takes: long forms, odd keys, every type.
fn odd_map() -> Vec<u8> {
    let mut bytes = b"\x8a\xa1k\xcd\x00\x01\xa6action\xd9\x04chat".to_vec();
    for pair in [
        &b"\x07\xa5seven"[..],                   // an integer as key
        b"\xc0\xc3",                             // nil as key
        b"\xcb\x3f\xf0\0\0\0\0\0\0\xca\0\0\0\0", // a float as key
        b"\xc4\x01\xff\xc4\x02\0\xff",           // bytes as key
        b"\xa0\xdc\0\x02\x90\x80",               // an empty key; an array with a long head
        b"\xa1k\xd3\0\0\0\0\0\0\0\x02",          // a key that was there before
        b"\xa2ts\xd6\xff\0\0\0\x01",             // a timestamp
        b"\xa3ext\xd4\x05\x2a",                  // an extension
    ] {
        bytes.extend(pair);
    }
    bytes
}

#[test]
fn the_relay_passes_on_every_byte() {
    let (mut relay, addr) = serving(Program::example("relay", ["serve", "127.0.0.1:0"]));
    let (mut one, mut two) = (greeted(&addr), greeted(&addr));
    let plain = framed(&msg!("chat", text: "grüße ✓", "list": [1, 2, 3]));
    for chat in [frame(&odd_map()), plain] {
        // Others are counted and not passed on, so the next thing that arrives is the chat.
        one.write_all(&framed(&msg!("secret"))).expect("a stream");
        one.write_all(&chat).expect("a stream");
        reads(&mut one, &chat);
        reads(&mut two, &chat);
    }
    relay.says("messages that were not chat: 2");
    two.write_all(&framed(&msg!("whatever"))).expect("a stream");
    relay.says("messages that were not chat: 3");
}

#[test]
fn the_echo_says_everything_back() {
    let (_echo, addr) = serving(Program::example("echo", ["127.0.0.1:0"]));
    let mut stream = greeted(&addr);
    for said in [frame(&odd_map()), framed(&msg!("connected")), framed(&msg!("", x: Value::Nil))] {
        stream.write_all(&said).expect("a stream");
        reads(&mut stream, &said);
    }
}

#[test]
fn the_lag_time_of_a_hexapod_and_of_an_old_client_is_measured() {
    let (mut server, addr) = serving(Program::example("lag_time", ["serve", "127.0.0.1:0"]));
    let mut player = Program::example("lag_time", ["join", &addr, "5"]);
    player.says("it is over: closed by this side");
    assert_eq!(player.ends(), Some(0));
    let line = server.line_with(|line| line.starts_with("#1 ") && line.contains("left"), "#1");
    assert!(line.contains(" 5   ") && line.ends_with("   left: closed by the peer"), "{line}");

    // What an old client does: it says the same back, eleven times, and leaves.
    let mut stream = greeted(&addr);
    for count in 0..=10_u8 {
        let ping = framed(&msg!("ping", count: count));
        reads(&mut stream, &ping);
        stream.write_all(&ping).expect("a stream");
    }
    // Who says something else back is told off, and measured no further.
    stream.write_all(&framed(&msg!("ping", count: 3))).expect("a stream");
    let told = "11 is on its way, and 3 came back";
    server.line_with(|line| line.contains(told), told);
    drop(stream);
    let line = server.line_with(|line| line.starts_with("#2 ") && line.contains("left"), "#2");
    assert!(line.contains(" 11   "), "{line}");
}
