//! The programs of the manual, built as a reader would type them and run against each other; what
//! they print is what the manual shows.
//!
//! They are a project of their own below cargo's folder for tests, with the library as its only
//! dependency. The programs for engines need those engines: they are checked where
//! `HEXAPOD_ENGINES` is set, as in the gate.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use hexapod::msg;

use crate::examples::Program;
use crate::harness::frame;
use crate::manual::{blocks, page};

/// A program that a page of the manual shows.
struct Listing {
    name: String,
    text: String,
}

/// The listings of a page, which begin with the name of their file.
fn listings(page: &str) -> Vec<Listing> {
    let languages = ["no_run", "ignore"];
    let blocks = languages.iter().flat_map(|language| blocks(page, language));
    let name = |text: &str| {
        let path = text.lines().next()?.strip_prefix("// src/bin/")?;
        Some(path.strip_suffix(".rs")?.to_owned())
    };
    blocks.filter_map(|text| Some(Listing { name: name(&text)?, text })).collect()
}

/// Makes a project of listings and runs a command of cargo's on it.
fn cargo(project: &str, command: &str, dependencies: &str, listings: &[Listing]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(project);
    let bins = folder.join("src/bin");
    // What another version of the manual has left there would be built too.
    let _ = fs::remove_dir_all(&bins);
    fs::create_dir_all(&bins).expect("a folder");
    let library = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = format!(
        "[package]\nname = \"{project}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [workspace]\n\n[dependencies]\nhexapod.path = {library:?}\n{dependencies}"
    );
    fs::write(folder.join("Cargo.toml"), manifest).expect("a file");
    // The same versions as the library's own, which are on this machine already.
    let lock = library.join("Cargo.lock");
    if lock.exists() && !folder.join("Cargo.lock").exists() {
        fs::copy(lock, folder.join("Cargo.lock")).expect("a copy");
    }
    for Listing { name, text } in listings {
        fs::write(bins.join(name).with_extension("rs"), text).expect("a file");
    }
    let target = folder.join("target");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.arg(command).arg("--quiet").current_dir(&folder).env("CARGO_TARGET_DIR", &target);
    if dependencies.is_empty() {
        cargo.arg("--offline");
    }
    let output = cargo.output().expect("cargo");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    target.join("debug")
}

/// What the manual shows of a terminal: a command, and what it prints.
struct Transcript {
    args: Vec<String>,
    lines: Vec<String>,
}

fn transcripts(page: &str) -> Vec<Transcript> {
    let read = |block: String| {
        let (command, lines) = block.split_once('\n')?;
        let args = command.strip_prefix("$ cargo run --bin ")?;
        Some(Transcript {
            args: args.split(' ').map(str::to_owned).collect(),
            lines: lines.lines().map(str::to_owned).collect(),
        })
    };
    blocks(page, "text").into_iter().filter_map(read).collect()
}

/// Programs of the manual that were built.
pub(crate) struct Built {
    folder: PathBuf,
}

impl Built {
    /// Builds the programs of a page, with one change: where a reader has this address, a server
    /// has a free port, which it tells, and a client is told.
    pub(crate) fn build(project: &str, page: &str, addr: &str) -> Self {
        let (mut programs, addr) = (listings(page), format!("\"{addr}\""));
        for Listing { name, text } in &mut programs {
            assert_eq!(text.matches(&addr).count(), 1, "{name}: an address");
            if !name.ends_with("_client") {
                let (before, behind) = text.split_once(&addr).expect("it is there");
                let (bound, rest) = behind.split_once('\n').expect("a line");
                let tell = "    println!(\"listening on {}\", server.local_addr().unwrap());";
                *text = format!("{before}\"127.0.0.1:0\"{bound}\n{tell}\n{rest}");
            } else {
                *text = text.replace(&addr, "std::env::var(\"ADDR\").unwrap()");
            }
        }
        Self { folder: cargo(project, "build", "", &programs) }
    }

    fn start(&self, args: &[String], addr: &str) -> Program {
        let program = self.folder.join(&args[0]).with_extension(env::consts::EXE_EXTENSION);
        Program::start(Command::new(program).args(&args[1..]).env("ADDR", addr))
    }

    /// A server, and its address.
    pub(crate) fn server(&self, name: &str) -> (Program, String) {
        let mut server = self.start(&[name.to_owned()], "");
        let addr = server.begins("listening on ");
        (server, addr)
    }
}

#[test]
fn the_tutorial_does_what_it_says() {
    let page = page("_01_tutorial.rs");
    let programs = listings(&page);
    let names: Vec<_> = programs.iter().map(|listing| listing.name.clone()).collect();
    let pairs = ["echo", "chat", "counter"];
    let wanted = pairs.map(|name| [format!("{name}_server"), format!("{name}_client")]);
    assert_eq!(names, wanted.concat());
    let tutorial = Built::build("tutorial", &page, "127.0.0.1:5071");
    let transcripts = transcripts(&page);
    let [echo, alone, ann, seven, eleven] = &transcripts[..] else {
        panic!("{} transcripts", transcripts.len());
    };
    let shows = |mut program: Program, transcript: &Transcript| {
        for line in &transcript.lines {
            assert_eq!(&program.next(), line);
        }
        program
    };

    let (mut server, addr) = tutorial.server("echo_server");
    let mut client = shows(tutorial.start(&echo.args, &addr), echo);
    assert_eq!(client.ends(), Some(0));
    // Of a field that is missing or of another type standard error is told, once; the peer stays,
    // and the server goes on. There are 64 such lines at most, and one that says so.
    let mut stream = TcpStream::connect(&addr).expect("the server listens");
    let mut say = |message: hexapod::Outgoing| {
        let payload = frame(message.to_bytes().expect("good"));
        stream.write_all(&payload).expect("the peer stays");
    };
    say(msg!("shout"));
    say(msg!("shout", text: 7));
    (0..100).for_each(|n| say(msg!(&format!("unknown {n}"))));
    say(msg!("shout", text: "hello"));
    let first = server.begins("error: hexapod: the handler of \"shout\" from #2 failed: ");
    let more = " (on_error would tell you of each)";
    assert_eq!(first, format!("field \"text\" of action \"shout\" is missing{more}"));
    for n in 0..63 {
        let start = format!("error: hexapod: no handler for action \"unknown {n}\", which #2");
        server.begins(&start);
    }
    server.says("error: hexapod: more will not be reported");
    let mut heard = Vec::new();
    stream.shutdown(Shutdown::Write).expect("open");
    stream.read_to_end(&mut heard).expect("orderly");
    assert!(heard.ends_with(&frame(msg!("echo", text: "HELLO").to_bytes().expect("good"))));
    assert!(server.is_running() && server.try_next().is_none(), "{:?}", server.seen());

    // A port that was free a moment ago.
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
    let mut client = tutorial.start(&alone.args, &nobody.to_string());
    assert_eq!(client.ends(), Some(0));
    let mut seen = client.seen().to_vec();
    seen.sort();
    let standard = |line: &String| match line.starts_with("hexapod: ") {
        true => format!("error: {line}"),
        false => line.replace("127.0.0.1:5071", &nobody.to_string()),
    };
    assert_eq!(seen, alone.lines.iter().map(standard).collect::<Vec<_>>());

    let (server, addr) = tutorial.server("chat_server");
    let mut client = tutorial.start(&ann.args, &addr);
    assert_eq!(client.next(), ann.lines[0]);
    let mut bob = tutorial.start(&["chat_client".to_owned(), "bob".to_owned()], &addr);
    bob.says("* bob has come");
    bob.types("hello");
    bob.says("bob: hello");
    drop(bob);
    for line in &ann.lines[1..] {
        assert_eq!(&client.next(), line);
    }
    drop(server);
    client.begins("* the end: ");
    assert_eq!(client.ends(), Some(0));

    let (_server, addr) = tutorial.server("counter_server");
    let mut client = tutorial.start(&seven.args, &addr);
    // A client that was not given a turn for a moment sees the first count and the last at once.
    client.says(&seven.lines[1]);
    let mut cheat = shows(tutorial.start(&eleven.args, &addr), eleven);
    assert_eq!(cheat.ends(), Some(0));
    assert!(client.is_running(), "the other one plays on");
}

#[test]
fn the_programs_for_engines_compile() {
    let programs = listings(&page("_03_loops.rs"));
    let names: Vec<_> = programs.iter().map(|listing| &listing.name[..]).collect();
    assert_eq!(names, ["macroquad_game", "bevy_game"]);
    if env::var_os("HEXAPOD_ENGINES").is_none() {
        eprintln!("skipped: HEXAPOD_ENGINES is not set, and engines are large");
        return;
    }
    let engines = "macroquad = \"0.4\"\n\
        bevy = { version = \"0.19\", default-features = false, features = [\"bevy_log\"] }\n";
    cargo("engines", "check", engines, &programs);
}
