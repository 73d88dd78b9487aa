//! Clients of old, without the programs: bare streams that speak as they do.
//!
//! What a client of PodSixNet says and hears is given as Python would show it, and turned into
//! rencode here, for the library's own is what is tested:
//!
//! ```text
//! {'action': 'pos', 'p': (10, 100)}
//! 68 86 61 63 74 69 6f 6e 83 70 6f 73 81 70 e2 0a 3e 64, and 00 2d 2d 2d 00
//! ```

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use hexapod::Outgoing;

use super::{framed, greeted, patient, payload, reads};

const TERMINATOR: &[u8] = b"\0---\0";

/// Somebody on a bare stream, whose messages are texts.
pub(super) trait Old {
    fn says(&mut self, message: &str);

    fn heard(&mut self) -> String;

    /// The next message is this one.
    #[track_caller]
    fn hears(&mut self, wanted: &str) {
        assert_eq!(self.heard(), wanted);
    }

    /// Passes over messages until this one comes.
    fn waits_for(&mut self, wanted: &str) {
        while self.heard() != wanted {}
    }
}

/// A client of PodSixNet.
pub(super) struct PodSixNet(BufReader<TcpStream>);

impl PodSixNet {
    #[track_caller]
    pub(super) fn joins(addr: &str) -> Self {
        let mut it = Self::on(TcpStream::connect(addr).expect("the server listens"));
        assert!(it.heard().starts_with("{'action': 'connected'"));
        it
    }

    pub(super) fn on(stream: TcpStream) -> Self {
        Self(BufReader::new(patient(stream)))
    }
}

impl Old for PodSixNet {
    fn says(&mut self, message: &str) {
        let bytes = [&written(&mut &*message), TERMINATOR].concat();
        self.0.get_mut().write_all(&bytes).expect("a stream");
    }

    fn heard(&mut self) -> String {
        let message = read(&mut self.0);
        assert_eq!(bytes::<5>(&mut self.0), TERMINATOR, "behind {message}");
        message
    }
}

/// Somebody who speaks JSON.
pub(super) struct Json(BufReader<TcpStream>);

impl Json {
    #[track_caller]
    pub(super) fn joins(addr: &str) -> Self {
        let mut it = Self::on(TcpStream::connect(addr).expect("the server listens"));
        assert!(it.heard().starts_with(r#"{"action":"connected""#));
        it
    }

    pub(super) fn on(stream: TcpStream) -> Self {
        Self(BufReader::new(patient(stream)))
    }
}

impl Old for Json {
    fn says(&mut self, message: &str) {
        let bytes = [message.as_bytes(), TERMINATOR].concat();
        self.0.get_mut().write_all(&bytes).expect("a stream");
    }

    fn heard(&mut self) -> String {
        let mut message = Vec::new();
        self.0.read_until(0, &mut message).expect("a message in time");
        assert_eq!(message.pop(), Some(0));
        assert_eq!(bytes::<4>(&mut self.0), TERMINATOR[1..]);
        String::from_utf8(message).expect("UTF-8")
    }
}

/// A client of repod.
pub(super) struct Repod(TcpStream);

impl Repod {
    #[track_caller]
    pub(super) fn joins(addr: &str) -> Self {
        Self(greeted(addr))
    }

    pub(super) fn says(&mut self, message: &Outgoing) {
        self.0.write_all(&framed(message)).expect("a stream");
    }

    /// The next message is this one.
    #[track_caller]
    pub(super) fn hears(&mut self, wanted: &Outgoing) {
        reads(&mut self.0, &framed(wanted));
    }

    /// Passes over messages until this one comes.
    pub(super) fn waits_for(&mut self, wanted: &Outgoing) {
        let wanted = wanted.to_bytes().expect("a message");
        while payload(&mut self.0) != wanted {}
    }
}

fn bytes<const N: usize>(stream: &mut impl Read) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).expect("bytes in time");
    bytes
}

/// Takes a value from a text in Python and writes it as PodSixNet does.
fn written(text: &mut &str) -> Vec<u8> {
    if let Some(rest) = text.strip_prefix('\'') {
        let (inside, rest) = rest.split_once('\'').expect("a text that ends");
        *text = rest;
        let head = match inside.len() {
            len @ ..64 => vec![0x80 + len as u8],
            len => format!("{len}:").into_bytes(),
        };
        return [&head, inside.as_bytes()].concat();
    }
    for (open, close, head, values) in
        [('{', '}', 0x66, 2), ('[', ']', 0xc0, 1), ('(', ')', 0xe0, 1)]
    {
        let Some(rest) = text.strip_prefix(open) else { continue };
        let mut items = Vec::new();
        *text = rest;
        while !text.starts_with(close) {
            items.push(written(text));
            *text = text.trim_start_matches([',', ':', ' ']);
        }
        *text = &text[1..];
        return [vec![head + (items.len() / values) as u8], items.concat()].concat();
    }
    let end = text.find([',', ':', '}', ']', ')']).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    *text = rest;
    match number.parse::<i64>() {
        Ok(int @ 0..=43) => vec![int as u8],
        Ok(int @ -128..=127) => vec![0x3e, int as u8],
        Ok(int) => [&[0x41][..], &int.to_be_bytes()].concat(),
        Err(_) => {
            let float: f32 = number.parse().expect("a number");
            [&[0x42][..], &float.to_be_bytes()].concat()
        }
    }
}

/// Reads a value of rencode, as Python shows it.
fn read(stream: &mut impl Read) -> String {
    let [code] = bytes(stream);
    value(code, stream)
}

fn value(code: u8, stream: &mut impl Read) -> String {
    let mut items = |count: u8| (0..count).map(|_| read(stream)).collect::<Vec<_>>();
    let (open, items, close) = match code {
        0xc0..=0xdf => ("[", items(code - 0xc0), "]"),
        0xe0..=0xff => ("(", items(code - 0xe0), ")"),
        0x66..=0x7e => ("{", items(2 * (code - 0x66)), "}"),
        0x3a => ("(", until_end(stream), ")"),
        0x3b => ("[", until_end(stream), "]"),
        0x3c => ("{", until_end(stream), "}"),
        _ => return scalar(code, stream),
    };
    let items = match open {
        "{" => items.chunks(2).map(|pair| pair.join(": ")).collect(),
        _ => items,
    };
    format!("{open}{}{close}", items.join(", "))
}

fn until_end(stream: &mut impl Read) -> Vec<String> {
    let mut items = Vec::new();
    loop {
        match bytes(stream) {
            [0x7f] => return items,
            [code] => items.push(value(code, stream)),
        }
    }
}

fn scalar(code: u8, stream: &mut impl Read) -> String {
    let len = match code {
        0..=0x2b => return code.to_string(),
        0x3e => return i8::from_be_bytes(bytes(stream)).to_string(),
        0x3f => return i16::from_be_bytes(bytes(stream)).to_string(),
        0x40 => return i32::from_be_bytes(bytes(stream)).to_string(),
        0x41 => return i64::from_be_bytes(bytes(stream)).to_string(),
        0x42 => return format!("{:?}", f32::from_be_bytes(bytes(stream))),
        0x46..=0x65 => return format!("-{}", code - 0x45),
        0x80..=0xbf => usize::from(code - 0x80),
        b'1'..=b'9' => {
            let mut len = usize::from(code - b'0');
            loop {
                match bytes(stream) {
                    [b':'] => break len,
                    [digit] => len = 10 * len + usize::from(digit - b'0'),
                }
            }
        }
        _ => panic!("{code:#x} is nothing that a game says here"),
    };
    let mut text = vec![0; len];
    stream.read_exact(&mut text).expect("a text in time");
    format!("'{}'", String::from_utf8(text).expect("UTF-8"))
}
