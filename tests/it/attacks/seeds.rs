//! Seeds for the fuzz targets, made of the attacks themselves and of the golden vectors.
//!
//! ```text
//! HEXAPOD_SEEDS=folder cargo test --all-features --test it attacks:: -- --include-ignored
//! ```
//!
//! Then each attack that is no longer than [`LONGEST`] is a file in the folder, below the name of
//! each target that takes bytes like its own; `cargo fuzz cmin` leaves of them what is of use.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;

use hexapod::Dialect;
use serde_json::Value as Json;

use super::MARK;
use crate::wire;

/// No seed is longer: what a megabyte does is a test's business and no fuzzer's.
const LONGEST: usize = 3000;

/// Keeps an attack as a seed, if seeds are wanted.
pub(super) fn keep(dialect: Dialect, pieces: &[&[u8]]) {
    let Some(folder) = env::var_os("HEXAPOD_SEEDS").map(PathBuf::from) else { return };
    let (stream, first) = (pieces.concat(), pieces[0]);
    let keep = |target: &str, bytes: &[u8]| {
        if bytes.len() <= LONGEST {
            let folder = folder.join(target);
            fs::create_dir_all(&folder).expect("a folder for seeds");
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            fs::write(folder.join(format!("{:016x}", hasher.finish())), bytes).expect("a seed");
        }
    };
    let unmarked = || first.strip_suffix(MARK).unwrap_or(first);
    match dialect.name() {
        "podsixnet" => keep("rencode", first),
        "json" => {
            keep("json", unmarked());
            // A limit of 300 bytes, cut into pieces of some bytes.
            keep("terminator", &[&[3, 4, 7, 1], &stream[..]].concat());
        }
        _ => {
            keep("msgpack", first.get(4..).unwrap_or_default());
            // One link, frames of up to 5,000 bytes, as many as there are; reads of 3 and 5 bytes.
            keep("frame", &[&[4, 6, 5, 4, 2, 4, 6, 1, 3], &stream[..]].concat());
            // Who connects, writes all of it in parts, and is pumped after each.
            let mut script = vec![1, 3, 0];
            for part in stream.chunks(255) {
                script.extend([1, part.len() as u8]);
                script.extend(part);
                script.push(6);
            }
            keep("endpoint", &script);
        }
    }
}

#[test]
#[ignore = "it only writes files, where HEXAPOD_SEEDS says"]
fn golden_vectors_are_seeds() {
    for (file, dialect) in [
        (include_str!("../../data/msgpack.json"), Dialect::REPOD),
        (include_str!("../../data/rencode.json"), Dialect::PODSIXNET),
    ] {
        let file: Json = serde_json::from_str(file).expect("JSON");
        for vector in file["vectors"].as_array().expect("vectors") {
            let Some(hex) = vector["hex"].as_str() else { continue };
            keep(dialect, &[&wire::bytes(hex)]);
        }
    }
}
