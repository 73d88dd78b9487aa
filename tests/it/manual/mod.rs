//! The manual, held against the library, page by page: its statements, tables, bytes, its Python.
//! Its Rust examples are doc tests; the programs of its tutorial are run in `tutorial.rs`.

mod _02_messages;
mod _04_pump;
mod _05_ends;
mod _06_limits;
mod _08_wire;
mod _10_security;
mod _11_scale;

use std::fs;
use std::path::Path;

/// A page of the manual: its text, without the signs of a comment.
pub(crate) fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual").join(name);
    let source = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let strip = |line: &str| line.get(4..).unwrap_or_default().to_owned() + "\n";
    source.lines().take_while(|line| line.starts_with("//!")).map(strip).collect()
}

/// The blocks of code of a language on a page: what stands behind three backticks.
pub(crate) fn blocks(page: &str, language: &str) -> Vec<String> {
    let parts: Vec<_> = page.split("```").collect();
    assert!(parts.len() % 2 == 1, "a block that does not end");
    let inside = parts.iter().skip(1).step_by(2);
    inside
        .filter_map(|part| Some(part.strip_prefix(language)?.strip_prefix('\n')?.into()))
        .collect()
}

/// The rows of the tables on a page whose heads begin with a word: the texts of their cells.
pub(crate) fn rows(page: &str, head: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        let line = line.trim_start_matches('|').trim_end_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let (mut rows, mut inside) = (Vec::new(), false);
    for line in page.lines() {
        if !line.starts_with('|') {
            inside = false;
        } else if cells(line)[0] == head {
            inside = true;
        } else if inside && !line.starts_with("| ---") {
            rows.push(cells(line));
        }
    }
    assert!(!rows.is_empty(), "no table begins with {head}");
    rows
}

/// The names of an enum's variants, as its source has them.
pub(crate) fn variants(file: &str, name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    let source = fs::read_to_string(path).expect("a source");
    let start = source.find(&format!("pub enum {name} {{")).expect("the enum");
    let body = source[start..].split("\n}").next().expect("its end");
    let variant = |line: &str| {
        let name = line.strip_prefix("    ")?.split([' ', '(', '{', ',']).next()?;
        name.starts_with(char::is_uppercase).then(|| name.to_owned())
    };
    body.lines().filter_map(variant).collect()
}
