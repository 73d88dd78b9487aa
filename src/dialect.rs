//! [`Dialect`]: a framing and a codec, and so a language that peers speak.

use std::fmt;

#[cfg(feature = "json")]
use crate::codec::Json;
use crate::codec::{Codec, Rencode, RencodeFrames};
use crate::frame::{Framing, LengthPrefix, Terminator};

/// A language on the wire: how messages are told apart, and how one is written.
///
/// Each listener speaks one, because the server speaks first. The peers of all listeners are in one
/// table and hear the same messages, each in its own dialect:
///
/// ```
/// use hexapod::{Dialect, Server};
///
/// let mut server = Server::<()>::bind("127.0.0.1:0")?; // repod and Rust
/// let addr = server.listen("127.0.0.1:0", Dialect::PODSIXNET)?;
/// # let _ = addr;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// To tell dialects apart, compare them: `ctx.dialect() == Dialect::PODSIXNET`. They are no
/// patterns of a `match`.
///
/// What a dialect cannot express is not sent to those who speak it, and is reported; the others get
/// it. A format of your own makes a dialect as well: see [`Codec`].
#[derive(Clone, Copy)]
pub struct Dialect {
    name: &'static str,
    framing: &'static dyn Framing,
    /// `None` where payloads are canonical messages: nothing is looked at twice, nothing copied.
    codec: Option<&'static dyn Codec>,
}

impl Dialect {
    /// The default: a length of four bytes, then MessagePack. Byte for byte what
    /// [repod](https://pypi.org/project/repodnet/) speaks.
    pub const REPOD: Self = Self { name: "repod", framing: &LengthPrefix, codec: None };

    /// What [PodSixNet](https://pypi.org/project/PodSixNet/) speaks: rencode, then `\0---\0`.
    ///
    /// Its floats have 32 bits: 0.1 comes as 0.10000000149011612, and 1e39 cannot be sent. A text
    /// and bytes are the same there: what is UTF-8 comes as text. Lists and tuples are two things:
    /// see [`Tuple`](crate::Tuple). Integers beyond 64 bits and tuples as keys are left out, with a
    /// fault. Timestamps, extensions, bytes that are not UTF-8 (its programs end their connection
    /// over them) or that are a key, and a text that holds `\0---\0` cannot be sent.
    pub const PODSIXNET: Self =
        Self { name: "podsixnet", framing: &RencodeFrames, codec: Some(&Rencode) };

    /// JSON, then `\0---\0`: for clients in other languages (feature `json`).
    ///
    /// A number comes as an integer if it is written as one, and as a float if it has a `.` or an
    /// exponent (`1.0`, `1e2`), is an integer beyond 64 bits, or `-0`; one beyond the range of
    /// floats, `1e999`, is no JSON here. Keys that are integers are sent as text. Bytes,
    /// timestamps, extensions, NaN, infinities, keys that are neither text nor integers, and a map
    /// in which an integer would be the same key as a text cannot be sent. Where a key occurs
    /// twice, the last one counts. At most 127 levels nest, whatever
    /// [`Config`](crate::Config) allows.
    #[cfg(feature = "json")]
    pub const JSON: Self = Self::terminated("json", &Json);

    /// A dialect of this name whose payloads stand behind their length, four bytes, big-endian.
    ///
    /// Two dialects of the same name are taken for one and the same.
    pub const fn length_prefixed(name: &'static str, codec: &'static dyn Codec) -> Self {
        Self { name, framing: &LengthPrefix, codec: Some(codec) }
    }

    /// A dialect of this name in which the five bytes `\0---\0` follow each payload: PodSixNet's
    /// mark. A payload that holds them cannot be sent; formats that are text never do.
    ///
    /// Two dialects of the same name are taken for one and the same.
    pub const fn terminated(name: &'static str, codec: &'static dyn Codec) -> Self {
        Self { name, framing: &Terminator, codec: Some(codec) }
    }

    /// The dialect's name.
    pub fn name(self) -> &'static str {
        self.name
    }

    pub(crate) fn framing(self) -> &'static dyn Framing {
        self.framing
    }

    pub(crate) fn codec(self) -> Option<&'static dyn Codec> {
        self.codec
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self::REPOD
    }
}

impl PartialEq for Dialect {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Dialect {}

impl fmt::Debug for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialect({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, Input, LOOKED_AT, Progress};

    /// Each framing with a payload of exactly this length, where it has one.
    fn payloads(len: usize) -> Vec<(&'static dyn Framing, Vec<u8>)> {
        let mut payloads: Vec<(&'static dyn Framing, Vec<u8>)> = vec![
            (&LengthPrefix, vec![7; len]),
            // What looks like the start of a terminator all the time.
            (&Terminator, b"\0--\0---".iter().copied().cycle().take(len).collect()),
        ];
        // A list without a length, of texts that hold a terminator, as far as they fit.
        let texts = b"\x86\0---\0x".iter().copied().cycle().take(len.saturating_sub(2) / 7 * 7);
        let rest = len.saturating_sub(2) % 7;
        if len >= 2 {
            let list = [b"\x3b".to_vec(), texts.collect(), vec![1; rest], b"\x7f".to_vec()];
            payloads.push((&RencodeFrames, list.concat()));
        }
        payloads
    }

    /// A payload's frame, and where it stands.
    fn framed(framing: &dyn Framing, payload: &[u8]) -> (Vec<u8>, Frame) {
        let header = framing.header(payload.len());
        let stream = [header.as_bytes(), payload, framing.trailer()].concat();
        let start = header.as_bytes().len();
        let frame = Frame { payload: start..start + payload.len(), len: stream.len() };
        (stream, frame)
    }

    /// Case 10 of `tests/ATTACKS.md`: every frame of up to 64 bytes comes in three pieces, cut at
    /// every pair of places, and lies in a ring that wraps around at the first of them.
    #[test]
    fn case_10_every_pair_of_cuts_of_every_frame_of_up_to_64_bytes() {
        let mut pairs = 0;
        for len in 1..=60 {
            for (framing, payload) in payloads(len) {
                let (stream, whole) = framed(framing, &payload);
                if !framing.carries(&payload) || stream.len() > 64 {
                    continue;
                }
                for first in 0..stream.len() {
                    for second in first..stream.len() {
                        let mut progress = Progress::default();
                        for end in [first, second] {
                            let input = Input::new(stream[..end].split_at(first));
                            let found = framing.find(input, &mut progress, 60);
                            assert_eq!(found, Ok(None), "{framing:?} {len}: {first}, {second}");
                        }
                        let input = Input::new(stream.split_at(first));
                        let found = framing.find(input, &mut progress, 60);
                        assert_eq!(found, Ok(Some(whole.clone())), "{len}: {first}, {second}");
                        pairs += 1;
                    }
                }
            }
        }
        assert!(pairs > 90_000, "only {pairs} pairs");
    }

    /// Case 5 of `tests/ATTACKS.md`: a megabyte that comes byte by byte, or an eighth of it unless
    /// `HEXAPOD_ATTACKS=full`. The bytes that are looked at are counted.
    #[test]
    fn case_05_a_megabyte_byte_by_byte_is_looked_at_once() {
        let len = if std::env::var_os("HEXAPOD_ATTACKS").is_some() { 1 << 20 } else { 1 << 17 };
        let fill = |item: &[u8]| item.iter().copied().cycle().take(len).collect::<Vec<u8>>();
        let values = |item: &[u8]| [&b"\x3b"[..], &item.repeat(len / item.len()), b"\x7f"].concat();
        let text = [format!("{len}:").into_bytes(), vec![7; len]].concat();
        let texts = [&b"70:"[..], &[b'x'; 70]].concat();
        let digits = [&b"\x3d"[..], &[b'7'; 63], b"\x7f"].concat();
        let nests = b"\x3b\x3b\x3c\x3d1234567\x7f\x01\x7f\x7f\x7f";
        // What is allowed for each byte: four bytes of length; a head as far as it has come; a
        // zero, and what might be the terminator that begins with it.
        let cases: [(&str, &dyn Framing, Vec<u8>, usize); 7] = [
            ("a length in front", &LengthPrefix, vec![7; len], 4),
            ("text, then a mark", &Terminator, vec![b'x'; len], 2),
            ("what is nearly a mark", &Terminator, fill(b"\0--\0---x"), 16),
            ("a text of rencode", &RencodeFrames, text, 2),
            ("texts of rencode", &RencodeFrames, values(&texts), 4),
            ("containers of rencode", &RencodeFrames, values(nests), 12),
            ("ints of 63 digits", &RencodeFrames, values(&digits), 40),
        ];
        for (name, framing, payload, each) in cases {
            let max = payload.len();
            let (stream, whole) = framed(framing, &payload);
            let (mut progress, before) = (Progress::default(), LOOKED_AT.get());
            for end in 1..stream.len() {
                let input = Input::new(stream[..end].split_at(end / 2));
                assert_eq!(framing.find(input, &mut progress, max), Ok(None), "{name} {end}");
                // Here and not at the end, lest a search that starts over take an hour to be found.
                assert!(LOOKED_AT.get() - before <= each * end + 64, "{name}: too much at {end}");
                assert!(progress.state.len() <= 5 && progress.state.capacity() <= 16, "{name}");
            }
            let found = framing.find(Input::new((&stream, &[])), &mut progress, max);
            assert_eq!(found, Ok(Some(whole)), "{name}");
            let looked_at = LOOKED_AT.get() - before;
            let times = looked_at as f64 / stream.len() as f64;
            eprintln!(
                "{name}: {} calls, {looked_at} bytes looked at, {times:.1} each",
                stream.len()
            );
        }
    }
}
