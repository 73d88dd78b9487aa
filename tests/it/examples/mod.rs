//! The examples, run as programs: what a person types goes in, what a person sees comes out.
//!
//! `cargo test` builds them beside the tests. [`Program`] drives any program; the tests of real
//! peers use it too.

mod chat;
mod lag_time;
mod old;
mod relay;
mod whiteboard;

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use hexapod::Outgoing;

use crate::harness::{GREETING, frame, until};

/// Whether the examples speak JSON: they are built with the features of the tests.
const HAS_JSON: bool = cfg!(feature = "json");

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

/// An example that serves several dialects, and where it does.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) program: Program,
    pub(crate) repod: String,
    pub(crate) podsixnet: String,
    /// Only if the examples were built with the feature.
    pub(crate) json: Option<String>,
}

/// An example that listens in every dialect that it was built with.
#[track_caller]
pub(crate) fn serving_all(example_name: &str) -> Served {
    let mut command = Command::new(example(example_name));
    command.args(["serve", "127.0.0.1:0", "--podsixnet", "127.0.0.1:0"]);
    if HAS_JSON {
        command.args(["--json", "127.0.0.1:0"]);
    }
    let (mut program, repod) = serving(Program::start(&mut command));
    let mut also = |name: &str| {
        let line = program.begins("listening on ");
        line.strip_suffix(name).expect("a listener of that name").to_owned()
    };
    let podsixnet = also(" (podsixnet)");
    let json = HAS_JSON.then(|| also(" (json)"));
    Served { program, repod, podsixnet, json }
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
