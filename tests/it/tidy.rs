//! The rules of the house, as far as a machine can hold them. Each message names file and line.
//!
//! It reads the source as text: comments and literals are blanked out, the insides of
//! `#[cfg(test)]` too, and what is left is searched. That is no parser, and for these rules none is
//! needed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors, from the cellar up. A room imports from lower floors only.
const FLOORS: [&[&str]; 10] = [
    &["id", "limits", "msgpack", "quote", "ring", "slab", "value"],
    &["codec", "frame", "message"],
    &["config", "dialect", "inbox", "reason"],
    &["error", "event", "trace", "transport"],
    &["net", "sender", "typed"],
    &["context"],
    &["dispatch", "report"],
    &["drive", "endpoint"],
    &["client", "server"],
    &["lib"],
];

/// Who may import from a neighbour on the same floor.
const NEIGHBOURS: [(&str, &str); 9] = [
    ("codec", "frame"),
    ("codec", "message"),
    ("config", "dialect"),
    ("id", "slab"),
    ("inbox", "reason"),
    ("msgpack", "limits"),
    ("msgpack", "quote"),
    ("msgpack", "value"),
    ("value", "quote"),
];

/// Rooms beside the floors: they import whatever they like, and nobody but `lib.rs` knows them.
const BESIDE: [&str; 2] = ["fuzzing", "manual"];

/// Names that say nothing about what a file is.
const EMPTY_NAMES: [&str; 5] = ["util", "common", "helpers", "manager", "types"];

/// Words that are not left behind in the library.
const LEFT_BEHIND: [&str; 5] = ["todo!", "unimplemented!", "dbg!", "println!", "print!"];

/// The most lines of code in one file of the library.
const LONGEST_FILE: usize = 400;

const COLUMNS: usize = 100;

/// One file of Rust.
struct Source {
    /// From the root of the crate, with slashes.
    path: String,
    text: String,
    /// The text without comments, literals and tests, line for line and column for column.
    code: String,
}

impl Source {
    fn read(path: &Path) -> Self {
        let text = read(path);
        let mut code = blank(&text);
        remove_tests(&mut code);
        Self { path: relative(path), text, code }
    }

    /// Says where an offset is.
    fn at(&self, offset: usize) -> String {
        format!("{}:{}", self.path, line_of(&self.code, offset))
    }

    /// The file's place in the crate: `["net", "peers"]`; nothing for `lib.rs`.
    fn module(&self) -> Vec<String> {
        let path = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let path = path.strip_suffix("/mod").unwrap_or(path);
        path.split('/').filter(|name| *name != "lib").map(str::to_owned).collect()
    }

    /// The room that the file belongs to.
    fn room(&self) -> String {
        self.module().into_iter().next().unwrap_or_else(|| "lib".to_owned())
    }

    /// Whether the file is made of tests: `x/tests.rs`, and the bodies of the fuzz targets.
    fn is_tests(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.room() == "fuzzing"
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("inside of the crate");
    path.to_str().expect("UTF-8").replace('\\', "/")
}

/// All files below a folder, in order; none if there is no such folder.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    // What a crate in a folder of ours has built is nobody's source.
    paths.retain(|path| !path.ends_with("target"));
    paths.sort();
    let below = |path: PathBuf| if path.is_dir() { files_below(&path) } else { vec![path] };
    paths.into_iter().flat_map(below).collect()
}

/// The Rust files below folders of the crate.
fn sources(folders: &[&str]) -> Vec<Source> {
    let files = folders.iter().flat_map(|folder| files_below(&root().join(folder)));
    let rust = files.filter(|path| path.extension().is_some_and(|it| it == "rs"));
    rust.map(|path| Source::read(&path)).collect()
}

const ALL_FOLDERS: [&str; 5] = ["src", "examples", "tests", "benches", "fuzz/fuzz_targets"];

/// The library's own code, without files that are all tests.
fn library() -> Vec<Source> {
    sources(&["src"]).into_iter().filter(|source| !source.is_tests()).collect()
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Where a word stands by itself. What begins or ends in a sign needs no border there.
fn find_word(text: &str, word: &str) -> Vec<usize> {
    let borders = |at: usize| {
        let before = text[..at].chars().next_back().is_some_and(is_word);
        let after = text[at + word.len()..].chars().next().is_some_and(is_word);
        !(before && word.starts_with(is_word) || after && word.ends_with(is_word))
    };
    text.match_indices(word).map(|(at, _)| at).filter(|at| borders(*at)).collect()
}

/// Blanks comments and the insides of literals, and leaves every line where it is.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let before = at.checked_sub(1).map_or(b' ', |at| bytes[at]);
        let end = at
            + if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                rest.find("*/").map_or(rest.len(), |end| end + 2)
            } else if let Some(len) = raw_string(rest).filter(|_| !before.is_ascii_alphanumeric()) {
                len
            } else if rest.starts_with('"') {
                quoted(rest, b'"')
            } else if rest.starts_with('\'') && is_char(rest) {
                quoted(rest, b'\'')
            } else {
                at += rest.chars().next().map_or(1, char::len_utf8);
                continue;
            };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8(out).expect("whole characters were blanked")
}

/// The length of a raw string literal, if one begins here.
fn raw_string(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = inside.len() - inside.trim_start_matches('#').len();
    let opening = inside[hashes..].strip_prefix('"')?;
    let closing = format!("\"{}", "#".repeat(hashes));
    let end = opening.find(&closing).map_or(opening.len(), |end| end + closing.len());
    Some(rest.len() - opening.len() + end)
}

/// The length of a literal between quotes.
fn quoted(rest: &str, quote: u8) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// Whether a quote begins a character and not a lifetime.
fn is_char(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

/// Blanks what stands behind `#[cfg(test)]`: a module with its content, or one item.
fn remove_tests(code: &mut String) {
    const MARK: &str = "#[cfg(test)]";
    while let Some(at) = code.find(MARK) {
        let behind = &code[at + MARK.len()..];
        let first = behind.find([';', '{']).unwrap_or(behind.len());
        let len = match behind[first..].chars().next() {
            Some('{') => first + block(&behind[first..]),
            _ => (first + 1).min(behind.len()),
        };
        let end = at + MARK.len() + len;
        let blank: String =
            code[at..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        code.replace_range(at..end, &blank);
    }
}

/// The length of a block in braces.
fn block(text: &str) -> usize {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

/// The rooms of the crate that a file names, and where: `use crate::net::Peer` names `net`.
fn imports(source: &Source) -> Vec<(String, usize)> {
    let code = &source.code;
    let mut found = Vec::new();
    for at in find_word(code, "crate::") {
        // `$crate` in a macro is the crate's face, as it is for everybody outside.
        if !code[..at].ends_with('$') {
            names(&code[at + "crate::".len()..], at, &mut found);
        }
    }
    for at in find_word(code, "super::") {
        if code[..at].ends_with("super::") {
            continue;
        }
        let ups = code[at..].split("super::").take_while(|between| between.is_empty()).count();
        let behind = &code[at + ups * "super::".len()..];
        let depth = source.module().len() + inline_modules(code, at);
        match depth.checked_sub(ups) {
            Some(0) => names(behind, at, &mut found),
            Some(_) => {}
            None => panic!("{}: more `super` than there is above", source.at(at)),
        }
    }
    found
}

/// The first names of a path, or of each path in a group.
fn names(behind: &str, at: usize, found: &mut Vec<(String, usize)>) {
    let name = |text: &str| text.trim_start().split(|c| !is_word(c)).next().map(str::to_owned);
    if !behind.starts_with('{') {
        found.extend(name(behind).map(|name| (name, at)));
        return;
    }
    let (mut depth, mut from) = (0, 1);
    let group = &behind[..block(behind)];
    for (to, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if (byte == b',' && depth == 1) || depth == 0 {
            found.extend(name(&group[from..to]).filter(|it| !it.is_empty()).map(|it| (it, at)));
            from = to + 1;
        }
    }
}

/// How many `mod x { … }` are open at an offset.
fn inline_modules(code: &str, at: usize) -> usize {
    let opened_before = find_word(code, "mod").into_iter().filter(|start| *start < at);
    let encloses = |start: &usize| {
        let Some(open) = code[*start..].find(['{', ';']) else { return false };
        let open = start + open;
        code[open..].starts_with('{') && open < at && at < open + block(&code[open..])
    };
    opened_before.filter(encloses).count()
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

#[track_caller]
fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_reader_of_sources_knows_what_is_code() {
    let text = "use crate::a; // crate::b\nlet s = \"crate::c \\\" crate::d\"; /* crate::e */\n\
                let r = r#\"crate::f \" \"#; let c = '\"'; fn x<'a>(y: &'a str) { crate::g::h() }\n\
                use crate::{\n    i::{j, k},\n    l,\n};\n#[cfg(test)]\nmod tests {\n    \
                use crate::m;\n}\nmod inner {\n    use super::super::n;\n    use super::o;\n}\n\
                use super::p::{q};\n$crate::r!();\n";
    let mut code = blank(text);
    remove_tests(&mut code);
    assert_eq!(code.len(), text.len());
    let source = Source { path: "src/top.rs".into(), text: text.into(), code };
    let names: Vec<_> = imports(&source)
        .into_iter()
        .map(|(name, at)| format!("{name}{}", line_of(text, at)))
        .collect();
    assert_eq!(names, ["a1", "g3", "i4", "l4", "n13", "p16"]);
    let deep = Source { path: "src/net/peers.rs".into(), ..source };
    assert_eq!(deep.module(), ["net", "peers"]);
    let names: Vec<_> = imports(&deep).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "g", "i", "l"], "its `super` is its own room");
}

#[test]
fn imports_only_go_down() {
    let (mut faults, mut used, mut edges) = (Vec::new(), BTreeSet::new(), 0);
    for source in library() {
        let from = source.room();
        if BESIDE.contains(&&from[..]) || from == "lib" {
            continue;
        }
        let Some(from_floor) = floor(&from) else {
            faults.push(format!("{}:1: {from} has no floor in tests/it/tidy.rs", source.path));
            continue;
        };
        for (to, at) in imports(&source) {
            // An exported macro lives at the root, wherever it is written.
            let is_macro = source.code[at..].starts_with(&format!("crate::{to}!"));
            if to == from || is_macro {
                continue;
            }
            edges += 1;
            let neighbours = NEIGHBOURS.iter().position(|edge| *edge == (&from[..], &to[..]));
            used.extend(neighbours);
            let fault = match floor(&to) {
                Some(to_floor) if to_floor < from_floor || neighbours.is_some() => continue,
                Some(to_floor) => format!(
                    "{from} (floor {from_floor}) imports {to} (floor {to_floor}): imports only \
                     go down"
                ),
                None if BESIDE.contains(&&to[..]) => format!("{from} imports {to}, a room beside"),
                None => format!("{from} imports {to} from the crate's face: name its room"),
            };
            faults.push(format!("{}: {fault}", source.at(at)));
        }
    }
    none(&faults);
    assert!(edges > 100, "only {edges} imports were found: the reader is broken");
    assert_eq!(used.len(), NEIGHBOURS.len(), "an exception that nobody uses: {used:?}");
}

#[test]
fn neighbours_make_no_circle() {
    let mut edges = NEIGHBOURS.to_vec();
    // Whoever imports nothing is built; then those who need only them; and so on.
    loop {
        let before = edges.len();
        let pending: BTreeSet<&str> = edges.iter().map(|(from, _)| *from).collect();
        edges.retain(|(_, to)| pending.contains(to));
        if edges.len() == before {
            break;
        }
    }
    assert!(edges.is_empty(), "a circle: {edges:?}");
    for (from, to) in NEIGHBOURS {
        assert_eq!(floor(from), floor(to), "{from} and {to} are no neighbours");
    }
}

#[test]
fn every_room_has_a_floor_and_every_file_a_module() {
    let (mut faults, sources) = (Vec::new(), sources(&["src"]));
    let mut rooms: BTreeSet<String> = sources.iter().map(Source::room).collect();
    for beside in BESIDE {
        rooms.remove(beside);
    }
    for room in FLOORS.concat() {
        if !rooms.remove(room) {
            faults.push(format!("tests/it/tidy.rs:1: there is no room {room} any more"));
        }
    }
    faults.extend(rooms.iter().map(|room| format!("src/{room}: no floor in tests/it/tidy.rs")));
    // A file that nobody declares is never compiled, and nobody is told.
    for source in &sources {
        let module = source.module();
        let Some((name, parents)) = module.split_last() else { continue };
        let declared = sources.iter().any(|other| {
            let declares = |text: &str| !find_word(text, &format!("mod {name};")).is_empty();
            other.module() == parents && declares(&blank(&other.text))
        });
        if !declared {
            faults.push(format!("{}:1: nobody says `mod {name};`", source.path));
        }
    }
    for path in files_below(&root().join("tests/it")) {
        // `x/y.rs` is said in `x/mod.rs`, and `x/mod.rs` itself in `main.rs`.
        let name = path.with_extension("");
        let name = if name.ends_with("mod") { name.parent().expect("a folder") } else { &name };
        let said = name.parent().map(|folder| folder.join("mod.rs")).filter(|it| it.exists());
        let said = said.unwrap_or_else(|| root().join("tests/it/main.rs"));
        let name = name.file_name().and_then(|name| name.to_str()).expect("a name");
        if name != "main" && find_word(&read(&said), &format!("mod {name};")).is_empty() {
            let said = relative(&said);
            faults.push(format!("{}:1: {said} does not say `mod {name};`", relative(&path)));
        }
    }
    none(&faults);
}

#[test]
fn every_file_says_first_what_it_is() {
    let sources = sources(&ALL_FOLDERS);
    assert!(sources.len() > 40, "only {} files were found", sources.len());
    let silent = sources.iter().filter(|source| !source.text.starts_with("//! "));
    let faults: Vec<_> =
        silent.map(|source| format!("{}:1: it does not open with //!", source.path)).collect();
    none(&faults);
}

#[test]
fn only_one_room_names_rmp() {
    let mut faults = Vec::new();
    for source in sources(&["src"]).iter().filter(|source| source.room() != "msgpack") {
        for at in find_word(&source.code, "rmp") {
            faults.push(format!("{}: rmp is msgpack's affair", source.at(at)));
        }
    }
    none(&faults);
}

#[test]
fn names_of_files_say_something() {
    let mut faults = Vec::new();
    for folder in ALL_FOLDERS {
        for path in files_below(&root().join(folder)) {
            let path = relative(&path);
            let words = path.split('/').flat_map(|part| part.split(['.', '_']));
            for word in words.filter(|word| EMPTY_NAMES.contains(word)) {
                faults.push(format!("{path}:1: {word} says nothing about what is in there"));
            }
        }
    }
    none(&faults);
}

#[test]
fn nothing_unsafe_nothing_unfinished() {
    let mut faults = Vec::new();
    for source in library() {
        let code = &source.code;
        for at in find_word(code, "unsafe") {
            faults.push(format!("{}: unsafe", source.at(at)));
        }
        for word in LEFT_BEHIND {
            for at in find_word(code, word) {
                faults.push(format!("{}: {word} was left behind", source.at(at)));
            }
        }
        for word in ["eprintln!", "eprint!"] {
            for at in find_word(code, word) {
                if source.path != "src/report.rs" {
                    faults.push(format!("{}: {word} is report.rs's affair", source.at(at)));
                }
            }
        }
        for at in find_word(&source.text, "FIXME") {
            faults.push(format!("{}: FIXME", source.at(at)));
        }
    }
    none(&faults);
    let lib = read(&root().join("src/lib.rs"));
    assert!(lib.contains("\n#![forbid(unsafe_code)]\n"), "src/lib.rs forbids it outright");
}

#[test]
fn lines_fit_a_hundred_columns() {
    let mut faults = Vec::new();
    let mut judge = |path: &str, text: &str, excused: fn(&str) -> bool| {
        for (number, line) in text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > COLUMNS && !excused(line) {
                faults.push(format!("{path}:{}: {columns} columns", number + 1));
            }
        }
    };
    for source in sources(&ALL_FOLDERS) {
        judge(&source.path, &source.text, |line| line.starts_with("//! |"));
    }
    let pages =
        fs::read_dir(root()).expect("the root").map(|entry| entry.expect("an entry").path());
    let pages = pages.filter(|path| path.is_file());
    let pages = pages.chain(ALL_FOLDERS.iter().flat_map(|it| files_below(&root().join(it))));
    for path in pages.filter(|path| path.extension().is_some_and(|it| it == "md")) {
        // Neither a table's row nor an address can be broken.
        judge(&relative(&path), &read(&path), |line| line.starts_with('|') || line.contains("://"));
    }
    none(&faults);
}

#[test]
fn no_file_of_the_library_is_too_long() {
    let lines =
        |source: &Source| source.code.lines().filter(|line| !line.trim().is_empty()).count();
    let mut lengths: Vec<_> =
        library().iter().map(|source| (lines(source), source.path.clone())).collect();
    lengths.sort();
    for (lines, path) in lengths.iter().rev().take(5) {
        eprintln!("{path}: {lines} lines of code");
    }
    let total: usize = lengths.iter().map(|(lines, _)| lines).sum();
    eprintln!("{} files: {total} lines of code", lengths.len());
    let faults: Vec<_> = lengths
        .iter()
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .map(|(lines, path)| format!("{path}:1: {lines} lines of code: make it a folder"))
        .collect();
    none(&faults);
}

#[test]
fn two_dependencies_and_no_more() {
    // Each is a line `name = …` of the section, or a section of its own.
    let manifest = read(&root().join("Cargo.toml"));
    let (mut section, mut own) = (String::new(), BTreeSet::new());
    let mut optional = BTreeSet::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.to_owned();
            assert!(
                !name.starts_with("target.") && name != "build-dependencies",
                "Cargo.toml: [{name}]: no dependencies but the two"
            );
        }
        let dependency = match section.strip_prefix("dependencies") {
            Some("") => line.split_once('=').map(|(name, _)| name.trim()),
            Some(name) => name.strip_prefix('.'),
            None => None,
        };
        let Some(name) = dependency.filter(|_| !line.starts_with('#')) else { continue };
        own.insert(name.to_owned());
        if line.contains("optional = true") {
            optional.insert(name.to_owned());
        }
    }
    let always: Vec<_> = own.difference(&optional).collect();
    assert_eq!(always, ["rmp", "thiserror"], "Cargo.toml: [dependencies]");
}

#[test]
fn no_file_names_a_place_on_somebodys_machine() {
    // In two pieces, so that this file does not name them either.
    let places =
        [["/ho", "me/"], ["/ro", "ot"], ["/tm", "p/"], ["/wo", "rk"]].map(|it| it.concat());
    let skipped = [
        ".git",
        "target",
        "benches/peers/target",
        "fuzz/target",
        "fuzz/artifacts",
        "fuzz/corpus",
        "fuzz/coverage",
    ];
    let (mut folders, mut files) = (vec![root()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if skipped.contains(&&relative(&path)[..]) {
                continue;
            }
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert!(files.len() > 40, "only {} files were found", files.len());
    let mut faults = Vec::new();
    for path in files {
        // What is not text (a corpus of a fuzz target, say) names nothing.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for place in &places {
            for at in find_word(&text, place) {
                // The middle of an address or of a relative path is no place on a machine.
                let inside = text[..at].ends_with(|c| is_word(c) || "./-~$})".contains(c));
                if !inside {
                    let line = line_of(&text, at);
                    faults.push(format!("{}:{line}: names {place}", relative(&path)));
                }
            }
        }
    }
    none(&faults);
}
