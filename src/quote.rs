//! Text from the wire, made safe to print: quoted, escaped, and cut.
//!
//! Whoever writes to a log what a peer has sent goes through here, so that no peer can clear a
//! terminal, forge a line of a log, or fill it.

use std::fmt::{self, Write};

/// The most characters of a text that are shown.
const SHOWN: usize = 64;

/// The most characters of a sentence: it has words of its own around a peer's.
#[cfg(feature = "serde")]
const SHOWN_OF_SENTENCE: usize = 256;

/// Shows a text in quotes, without control or text-direction characters, cut when it is long.
#[derive(Clone, Copy)]
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

/// Shows a text as [`Quoted`] does, without the quotes: for words that were meant to be read.
#[derive(Clone, Copy)]
pub(crate) struct Plain<'a>(pub(crate) &'a str);

/// Shows a text as [`Plain`] does, but more of it: for what others say about a peer's text, with
/// that text in the middle of it.
#[cfg(feature = "serde")]
#[derive(Clone, Copy)]
pub(crate) struct Sentence<'a>(pub(crate) &'a str);

/// What is left as it is in a text without quotes around it.
const PLAIN: [char; 3] = ['\'', '"', '\\'];

/// Writes the characters that are shown, those that could do harm escaped.
fn tamed(f: &mut fmt::Formatter<'_>, text: &str, shown: usize, unescaped: &[char]) -> fmt::Result {
    for char in text.chars().take(shown) {
        match char {
            // These reorder what a terminal shows; `escape_debug` leaves some of them alone.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                write!(f, "{}", char.escape_unicode())?;
            }
            char if unescaped.contains(&char) => f.write_char(char)?,
            _ => write!(f, "{}", char.escape_debug())?,
        }
    }
    Ok(())
}

fn cut(f: &mut fmt::Formatter<'_>, text: &str, shown: usize) -> fmt::Result {
    match text.chars().nth(shown) {
        Some(_) => write!(f, "… ({} bytes)", text.len()),
        None => Ok(()),
    }
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        tamed(f, self.0, SHOWN, &['\''])?;
        f.write_char('"')?;
        cut(f, self.0, SHOWN)
    }
}

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tamed(f, self.0, SHOWN, &PLAIN)?;
        cut(f, self.0, SHOWN)
    }
}

#[cfg(feature = "serde")]
impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tamed(f, self.0, SHOWN_OF_SENTENCE, &PLAIN)?;
        cut(f, self.0, SHOWN_OF_SENTENCE)
    }
}

impl fmt::Debug for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An error that gets out of `main` is shown by its `Debug`: so that reads like its `Display`.
macro_rules! debug_like_display {
    ($($error:ident),*) => {
        $(impl std::fmt::Debug for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        })*
    };
}
pub(crate) use debug_like_display;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_tamed() {
        assert_eq!(Quoted("it's fine").to_string(), "\"it's fine\"");
        assert_eq!(Quoted("a\x1b[2J\"\n").to_string(), r#""a\u{1b}[2J\"\n""#);
        assert_eq!(Quoted("a\u{202e}b").to_string(), r#""a\u{202e}b""#);
        assert_eq!(Plain("it's \"fine\"\n").to_string(), "it's \"fine\"\\n");
        #[cfg(feature = "serde")]
        {
            let long = format!("bad: \"\x1b{}\"", "a".repeat(300));
            let expected = format!("bad: \"\\u{{1b}}{}… (308 bytes)", "a".repeat(249));
            assert_eq!(Sentence(&long).to_string(), expected);
        }
        let long = Quoted(&"ä".repeat(65)).to_string();
        assert_eq!(long, format!("\"{}\"… (130 bytes)", "ä".repeat(64)));
    }
}
