//! The terminal: lines that somebody types, and texts of strangers that are safe to print.

use std::io::{self, BufRead, Write};
use std::sync::mpsc::{self, Receiver};
use std::thread;

/// How many lines wait to be taken. A file that is piped in is read as fast as the chat takes it.
const LINES: usize = 16;

/// The lines of standard input. The channel ends where the input ends.
///
/// Reading waits, and a loop that has a network to turn cannot: so a thread of its own reads.
pub(crate) fn typed_lines() -> Receiver<String> {
    let (sender, lines) = mpsc::sync_channel(LINES);
    thread::spawn(move || {
        for line in io::stdin().lock().split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Prints a line.
pub(crate) fn print(line: &str) {
    // `println!` would panic when nobody reads the output any more. A chat goes on without.
    let _ = writeln!(io::stdout(), "{line}");
}

/// A text that came from somebody else, safe to print: it cannot move the cursor, colour the
/// screen, begin a new line or reverse the reading direction, and is cut when it is very long.
pub(crate) fn safe(text: &str, max_chars: usize) -> String {
    let mut safe = String::new();
    for char in text.chars().take(max_chars) {
        if is_harmless(char) {
            safe.push(char);
        } else {
            safe.extend(char.escape_unicode());
        }
    }
    if text.chars().nth(max_chars).is_some() {
        safe.push('…');
    }
    safe
}

/// Whether a character does nothing to a terminal but appear on it.
pub(crate) fn is_harmless(char: char) -> bool {
    !char.is_control()
        && !matches!(
            char,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}
