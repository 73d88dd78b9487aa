//! PodSixNet and repod, where a Python with them is found: `HEXAPOD_PODSIXNET_PYTHON`,
//! `HEXAPOD_REPOD_PYTHON`, or `python3`. Their servers run in a process of their own and count in
//! it, so of the workloads only the echo is theirs; their own clients are left out.

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
import socket, threading, time
from repod import Channel, Server
class Echo(Channel):
    def Network_move(self, data: dict) -> None:
        self.send(data)
free = socket.socket()
free.bind(("127.0.0.1", 0))
port = free.getsockname()[1]
free.close()
def tell():
    while socket.socket().connect_ex(("127.0.0.1", port)):
        time.sleep(0.01)
    print(port, flush=True)
threading.Thread(target=tell, daemon=True).start()
class Echoes(Server):
    channel_class = Echo
Echoes(host="127.0.0.1", port=port).launch()
"#;

/// The servers whose libraries a Python here can import. They need not be the same Python:
/// PodSixNet wants one of before 3.12, and repod one of 3.12 or newer.
pub(crate) fn found() -> Vec<Python> {
    let podsixnet = find("HEXAPOD_PODSIXNET_PYTHON", "PodSixNet.Server").map(|interpreter| {
        Python { name: "podsixnet", interpreter, program: PODSIXNET, frame: rencode, greeting: 0 }
    });
    let repod = find("HEXAPOD_REPOD_PYTHON", "repod").map(|interpreter| Python {
        name: "repod",
        interpreter,
        program: REPOD,
        frame: typed::frame,
        greeting: 22,
    });
    podsixnet.into_iter().chain(repod).collect()
}

/// A Python that can import the module: the one that the variable names, or the usual one.
fn find(variable: &str, module: &str) -> Option<String> {
    let interpreter = std::env::var(variable).unwrap_or_else(|_| "python3".to_owned());
    let tried = Command::new(&interpreter)
        .args(["-c", &format!("import {module}")])
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .status();
    if tried.is_ok_and(|status| status.success()) {
        return Some(interpreter);
    }
    println!("{module} does not take part: {interpreter} cannot import it; see {variable}");
    None
}

/// The message in PodSixNet's rencode, with its terminator; its floats are of 32 bits, as those of
/// its answer will be.
fn rencode() -> Vec<u8> {
    let mut frame = b"\x6b\x86action\x84move\x82id\x07\x81x\x42".to_vec();
    frame.extend(1.5_f32.to_be_bytes());
    frame.extend(b"\x81y\x42");
    frame.extend((-2.25_f32).to_be_bytes());
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

    fn serve(&self, _job: Job, desk: &Desk) {
        let mut child = Command::new(&self.interpreter)
            .args(["-c", self.program])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a Python");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        // It stays open until the end: PodSixNet tells each connection, and dies of a closed pipe.
        let mut stdout = BufReader::new(stdout);
        stdout.read_line(&mut line).expect("a port");
        let port: u16 = line.trim().parse().expect("a port");
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        desk.open(addr);
        while desk.is_open() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}
