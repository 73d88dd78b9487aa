//! PodSixNet and repod, where a Python with them is found: `HEXAPOD_PEERS_PYTHON`, or `python3`.
//! Their servers run in a process of their own and count in it, so of the workloads only the echo
//! is theirs; their own clients are left out.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::suite::desk::Desk;
use crate::suite::{Contender, Job, plain_connection};
use crate::typed;

/// A server written in Python.
pub(crate) struct Python {
    name: &'static str,
    interpreter: String,
    program: &'static str,
    /// The message as its raw client writes it, and what the server says first.
    frame: fn() -> Vec<u8>,
    greeting: usize,
}

const PODSIXNET: &str = r#"
import sys
from time import sleep
from PodSixNet.Channel import Channel
from PodSixNet.Server import Server
class Echo(Channel):
    def Network_move(self, data):
        self.Send(data)
class Echoes(Server):
    channelClass = Echo
server = Echoes(localaddr=("127.0.0.1", 0))
print(server.socket.getsockname()[1], flush=True)
while True:
    server.Pump()
"#;

const REPOD: &str = r#"
import socket, sys
from repod import Channel, Server
class Echo(Channel):
    def on_move(self, data: dict) -> None:
        self.send(data)
free = socket.socket()
free.bind(("127.0.0.1", 0))
port = free.getsockname()[1]
free.close()
print(port, flush=True)
class Echoes(Server):
    channel_class = Echo
Echoes(host="127.0.0.1", port=port).launch()
"#;

/// The servers whose libraries a Python here can import.
pub(crate) fn found() -> Vec<Python> {
    let interpreter =
        std::env::var("HEXAPOD_PEERS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let all = [
        ("podsixnet", "PodSixNet.Server", PODSIXNET, rencode as fn() -> Vec<u8>, 0),
        ("repod", "repod", REPOD, typed::frame as fn() -> Vec<u8>, 22),
    ];
    let can_import = |module: &str| {
        let import = format!("import {module}");
        let tried = Command::new(&interpreter)
            .args(["-c", &import])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    };
    let found = all.into_iter().filter(|(_, module, ..)| can_import(module));
    let found = found.map(|(name, _, program, frame, greeting)| Python {
        name,
        interpreter: interpreter.clone(),
        program,
        frame,
        greeting,
    });
    let found: Vec<_> = found.collect();
    if found.len() < 2 {
        println!("PodSixNet and repod take part where a Python has them: HEXAPOD_PEERS_PYTHON");
    }
    found
}

/// The message in PodSixNet's rencode, with its terminator.
fn rencode() -> Vec<u8> {
    let mut frame = b"\x6b\x86action\x84move\x82id\x07\x81x\x2c".to_vec();
    frame.extend(1.5_f64.to_be_bytes());
    frame.extend(b"\x81y\x2c");
    frame.extend((-2.25_f64).to_be_bytes());
    frame.extend(b"\x84name\x88player-7\0---\0");
    frame
}

impl Contender for Python {
    fn name(&self) -> &'static str {
        self.name
    }

    fn frame(&self) -> Vec<u8> {
        (self.frame)()
    }

    fn connect(&self, addr: SocketAddr) -> TcpStream {
        let mut stream = plain_connection(addr);
        let mut greeting = vec![0; self.greeting];
        stream.read_exact(&mut greeting).expect("the server greets");
        if self.greeting == 0 {
            // PodSixNet greets with its terminator at the end, whatever its version says before.
            let mut said = Vec::new();
            while !said.ends_with(b"\0---\0") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("the server greets");
                said.push(byte[0]);
            }
        }
        stream
    }

    fn is_elsewhere(&self) -> bool {
        true
    }

    fn serve(&self, job: Job, desk: &Desk) {
        let mut child = Command::new(&self.interpreter)
            .args(["-c", self.program])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a Python");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a port");
        let port: u16 = line.trim().parse().expect("a port");
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        let _ = job;
        while TcpStream::connect(addr).is_err() && desk.is_open() {
            std::thread::sleep(Duration::from_millis(10));
        }
        desk.open(addr);
        while desk.is_open() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}
