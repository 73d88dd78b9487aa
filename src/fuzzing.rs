//! The bodies of the fuzz targets, which are tests as well.
//!
//! ```text
//! fuzz/fuzz_targets/frame.rs     ──> frame      a stream in any pieces gives the same frames
//! fuzz/fuzz_targets/msgpack.rs   ──> msgpack    bytes, view and tree say the same
//! fuzz/fuzz_targets/endpoint.rs  ──> endpoint   a server among strangers, as a script
//! fuzz/fuzz_targets/rencode.rs   ──> rencode    PodSixNet's frames, and what is in them
//! fuzz/fuzz_targets/json.rs      ──> json       JSON against serde_json's tree
//! fuzz/fuzz_targets/terminator.rs ─> terminator payloads with a mark behind
//! fuzz/fuzz_targets/simulation.rs ─> simulation a server and clients over bad pipes
//! ```
//!
//! Each takes bytes, whatever they are, and panics where a promise is broken. Under `cargo fuzz`
//! libFuzzer makes them. Under `cargo test` they come from a seed, from messages that were damaged
//! a little, and from the files in `fuzz/corpus` and `fuzz/regressions`. The simulation has a
//! driver of its own beside that: there a seed decides, and there are as many as one likes.
//!
//! This is no part of what the library offers: it is compiled for these two uses only.

mod endpoint;
mod frame;
#[cfg(feature = "json")]
mod json;
mod msgpack;
mod quick;
mod rencode;
mod simulation;
mod terminator;
mod world;

/// Runs a measured piece of work and tells how many bytes it had allocated at its peak, beyond what
/// was allocated before. It takes an allocator that counts, which this crate cannot have: that
/// needs `unsafe`. Without one it answers 0.
pub type Measure<'m> = dyn FnMut(&mut dyn FnMut()) -> usize + 'm;

/// A stream that is cut into reads in any way gives the frames that it holds, and the same end.
///
/// The first bytes say how many links there are, which limits they have, and how the stream is cut;
/// the rest is the stream. What comes is sent back, through writes that are cut just as oddly.
///
/// # Panics
///
/// If a promise is broken.
pub fn frame(data: &[u8]) {
    if quick::is_enough(data) { quick::frames(data) } else { frame::run(data) }
}

/// A payload that is accepted is one and the same value, however it is looked at.
///
/// # Panics
///
/// If a promise is broken.
pub fn msgpack(data: &[u8]) {
    msgpack_measured(data, &mut |work| {
        work();
        0
    });
}

/// As [`msgpack()`], and reading it reserves memory only for what is there.
///
/// # Panics
///
/// If a promise is broken.
pub fn msgpack_measured(data: &[u8], measure: &mut Measure<'_>) {
    if quick::is_enough(data) { quick::payload(data) } else { msgpack::run(data, measure) }
}

/// A server keeps its promises to the game and to a well-behaved peer, whatever the others do.
///
/// The bytes are a script: who connects, what is written, when time passes, who breaks off.
///
/// # Panics
///
/// If a promise is broken.
pub fn endpoint(data: &[u8]) {
    endpoint::run(data);
}

/// A server and its clients keep their promises over bad pipes, in all dialects.
///
/// The bytes decide what would otherwise follow from a seed.
///
/// # Panics
///
/// If a promise is broken.
pub fn simulation(data: &[u8]) {
    simulation::body(data);
}

/// A stream of PodSixNet's gives the same frames however it is cut, and what is in them is one and
/// the same value, read, written and read again.
///
/// # Panics
///
/// If a promise is broken.
pub fn rencode(data: &[u8]) {
    if quick::is_enough(data) { quick::podsixnets(data) } else { rencode::run(data) }
}

/// A payload of JSON is what serde_json says it is.
///
/// # Panics
///
/// If a promise is broken.
#[cfg(feature = "json")]
pub fn json(data: &[u8]) {
    json::run(data);
}

/// Frames end at the first terminator, however the stream is cut.
///
/// # Panics
///
/// If a promise is broken.
pub fn terminator(data: &[u8]) {
    terminator::run(data);
}

/// A fuzz input as a list of instructions. Where it ends, it goes on with zeros.
#[derive(Clone, Copy, Debug)]
struct Script<'d> {
    rest: &'d [u8],
}

impl<'d> Script<'d> {
    fn new(data: &'d [u8]) -> Self {
        Self { rest: data }
    }

    fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or_default()
    }

    /// A byte, made small enough.
    fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// So many bytes, or fewer at the end.
    fn bytes(&mut self, len: usize) -> &'d [u8] {
        let (now, later) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = later;
        now
    }
}

/// A frame around a payload, written without the code that is under test.
fn framed(payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("a short payload");
    [&len.to_be_bytes()[..], payload].concat()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// A generator of numbers that are the same each time: xorshift64*.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
        }

        fn below(&mut self, end: usize) -> usize {
            (self.next() % end as u64) as usize
        }

        fn bytes(&mut self, len: usize) -> Vec<u8> {
            (0..len).map(|_| self.next() as u8).collect()
        }

        fn length(&mut self, end: usize) -> Vec<u8> {
            let len = self.below(end);
            self.bytes(len)
        }

        /// Any value as MessagePack, in a form that need not be the smallest.
        fn value(&mut self, depth: usize) -> Vec<u8> {
            let len = self.below(4);
            let kinds = if depth == 0 { 12 } else { 16 };
            match self.below(kinds) {
                0 => vec![0xc0],
                1 => vec![0xc2 | (len as u8 & 1)],
                2 => vec![len as u8],
                3 => vec![0xff - len as u8],
                4 => [vec![0xcb], self.bytes(8)].concat(),
                5 => [vec![0xca], self.bytes(4)].concat(),
                6 => [vec![0xcf + 4 * (len as u8 & 1)], self.bytes(8)].concat(),
                7 => [&[0xd6, 0xff][..], &self.bytes(4)].concat(),
                8 => [&[0xd7, 0xff, 0][..], &self.bytes(7)].concat(),
                9 => [&[0xc7, len as u8, 7][..], &self.bytes(len)].concat(),
                10 => [&[0xc4, len as u8][..], &self.bytes(len)].concat(),
                11 => self.text(),
                12 | 13 => self.values(vec![0x90 | len as u8], len, depth - 1),
                14 => self.values(vec![0xdd, 0, 0, 0, len as u8], len, depth - 1),
                _ => {
                    let pairs = (0..len).map(|_| [self.text(), self.value(depth - 1)].concat());
                    [vec![0x80 | len as u8]].into_iter().chain(pairs).flatten().collect()
                }
            }
        }

        fn values(&mut self, mut head: Vec<u8>, len: usize, depth: usize) -> Vec<u8> {
            (0..len).for_each(|_| head.extend(self.value(depth)));
            head
        }

        fn text(&mut self) -> Vec<u8> {
            let text = ["", "x", "action", "n", "größer", "list"][self.below(6)].as_bytes();
            let head = [vec![0xa0 | text.len() as u8], vec![0xd9, text.len() as u8]];
            [&head[self.below(2)], text].concat()
        }

        /// A message with some fields.
        fn message(&mut self) -> Vec<u8> {
            let len = self.below(5);
            let mut bytes = vec![0x81 + len as u8];
            bytes.extend(b"\xa6action");
            bytes.extend(self.text());
            for _ in 0..len {
                bytes.extend(self.text());
                bytes.extend(self.value(3));
            }
            bytes
        }

        /// Any value as rencode, in a form that need not be the shortest.
        fn rencoded(&mut self, depth: usize) -> Vec<u8> {
            let len = self.below(5);
            let kinds = if depth == 0 { 10 } else { 15 };
            let inside = |random: &mut Self, count: usize| {
                (0..count).flat_map(|_| random.rencoded(depth - 1)).collect::<Vec<u8>>()
            };
            match self.below(kinds) {
                0 => vec![self.below(0x2c) as u8],
                1 => vec![0x43 + self.below(0x23) as u8],
                2 => [&[0x2c][..], &self.bytes(8)].concat(),
                3 => [&[0x3e][..], &self.bytes(1)].concat(),
                4 => [&[0x40][..], &[0, 0x2d, 0x2d, 0x2d], &[0][..len / 4]].concat(),
                5 => [&[0x42][..], &self.bytes(4)].concat(),
                6 => format!("\x3d{}{}\x7f", ["", "-", " +", "0", "1_"][len], self.below(1 << 40))
                    .into(),
                7 => format!(
                    "{}{len}:{}",
                    ["", "0"][len / 4],
                    &"\0--äx"[..len.min(3)].repeat(2)[..len.min(3)]
                )
                .into(),
                8 => [vec![0x80 + len as u8], self.bytes(len)].concat(),
                9 => b"\x85\0---\0".to_vec(),
                10 => [vec![0xc0 + len as u8], inside(self, len)].concat(),
                11 => [vec![0xe0 + len as u8], inside(self, len)].concat(),
                12 => [vec![0x66 + len as u8], inside(self, 2 * len)].concat(),
                13 => [vec![0x3a + len as u8 % 2], inside(self, len), vec![0x7f]].concat(),
                _ => [vec![0x3c], inside(self, 2 * len), vec![0x7f]].concat(),
            }
        }

        /// Any value as JSON.
        #[cfg(feature = "json")]
        fn json(&mut self, depth: usize) -> String {
            let len = self.below(4);
            let texts = ["\"\"", "\"action\"", "\"\\u0000---\\u0000\"", "\"ü\\n\\\\\""];
            match self.below(if depth == 0 { 6 } else { 9 }) {
                0 => ["null", "true", "false", "-0"][len].to_owned(),
                1 => self.next().to_string(),
                2 => format!("-{}.{}", self.below(100), self.below(1000)),
                3 => format!("{}e{}{}", self.below(10), ["", "-", "+"][len % 3], self.below(400)),
                4 => ["9223372036854775808", "18446744073709551616", "0.0", "1E1"][len].to_owned(),
                5 => texts[len].to_owned(),
                6 => format!(
                    "[{}]",
                    (0..len).map(|_| self.json(depth - 1)).collect::<Vec<_>>().join(", ")
                ),
                _ => {
                    let pair = |_| format!("{}:{}", texts[self.below(4)], self.json(depth - 1));
                    format!("{{{}}}", (0..len).map(pair).collect::<Vec<_>>().join(","))
                }
            }
        }

        /// Some frames, one behind the other.
        fn frames(&mut self) -> Vec<u8> {
            (0..=self.below(12)).flat_map(|_| framed(&self.message())).collect()
        }

        /// Changes, drops or doubles a few bytes, or none.
        fn damage(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
            for _ in 0..self.below(4) {
                let at = self.below(bytes.len().max(1));
                match (self.below(4), bytes.get_mut(at)) {
                    (0, Some(_)) => drop(bytes.remove(at)),
                    (1, _) => bytes.insert(at, self.next() as u8),
                    (2, Some(byte)) => *byte = self.next() as u8,
                    (_, Some(byte)) => *byte ^= 1 << self.below(8),
                    (_, None) => {}
                }
            }
            bytes
        }
    }

    /// The files of a target's corpus and of its past failures; none where the crate came without.
    fn files(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        let mut files = Vec::new();
        for folder in ["corpus", "regressions"] {
            for entry in fs::read_dir(fuzz.join(folder).join(target)).into_iter().flatten() {
                let path = entry.expect("an entry of a folder").path();
                let bytes = fs::read(&path).expect("a readable file");
                files.push((path, bytes));
            }
        }
        files.sort();
        files
    }

    /// Runs a body on the target's files, on these files a little damaged, and on made inputs.
    fn exercise(target: &str, rounds: usize, body: fn(&[u8]), make: fn(&mut Random) -> Vec<u8>) {
        let files = files(target);
        for (path, bytes) in &files {
            // What a failing test prints ends with the file that it is about.
            println!("{}", path.display());
            body(bytes);
        }
        println!("made inputs");
        let mut random = Random(0x6865_7861_706f_6421);
        for _ in 0..rounds {
            let made = make(&mut random);
            body(&made);
            body(&random.damage(made));
            if !files.is_empty() {
                let (_, bytes) = &files[random.below(files.len())];
                body(&random.damage(bytes[..bytes.len().min(2048)].to_vec()));
            }
        }
    }

    #[test]
    fn frames_are_the_same_however_the_stream_is_cut() {
        exercise("frame", 2500, frame, |random| match random.below(4) {
            0 => random.length(200),
            _ => [random.bytes(4), random.length(40), random.frames()].concat(),
        });
    }

    #[test]
    fn a_payload_is_the_same_however_it_is_looked_at() {
        exercise("msgpack", 4000, msgpack, |random| match random.below(4) {
            0 => random.length(40),
            1 => random.value(6),
            _ => random.message(),
        });
    }

    #[test]
    fn frames_of_podsixnets_end_where_their_values_end() {
        exercise("rencode", 4000, rencode, |random| match random.below(4) {
            0 => random.length(30),
            1 => random.rencoded(5),
            2 => {
                let message = [b"\x68\x86action\x81x\x81v", &random.rencoded(4)[..]].concat();
                [&message[..], b"\0---\0"].concat()
            }
            _ => (0..random.below(5))
                .flat_map(|_| [&random.rencoded(3)[..], b"\0---\0"].concat())
                .collect(),
        });
    }

    #[cfg(feature = "json")]
    #[test]
    fn json_is_what_serde_json_says_it_is() {
        exercise("json", 4000, json, |random| match random.below(3) {
            0 => random.json(6).into(),
            1 => format!("{{\"action\": \"x\", \"v\": {}}}", random.json(4)).into(),
            _ => random.length(12),
        });
    }

    #[test]
    fn frames_end_at_the_first_terminator() {
        exercise("terminator", 4000, terminator, |random| {
            let dull = |random: &mut Random| [0, 0x2d, 0x2d, 0x2d, b'x'][random.below(5)];
            let mut bytes = random.bytes(4);
            for _ in 0..random.below(60) {
                match random.below(6) {
                    0 => bytes.extend(b"\0---\0"),
                    1 => bytes.extend(b"{}"),
                    _ => bytes.push(dull(random)),
                }
            }
            bytes
        });
    }

    #[test]
    fn a_server_keeps_its_promises_among_strangers() {
        exercise("endpoint", 900, endpoint, |random| random.length(300));
    }

    #[test]
    fn a_simulation_by_script_keeps_its_promises() {
        exercise("simulation", 8, simulation, |random| random.length(900));
    }
}
