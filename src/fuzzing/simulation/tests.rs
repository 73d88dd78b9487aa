//! Seeds: some in each `cargo test`, as many as one likes otherwise.
//!
//! ```text
//! HEXAPOD_SEEDS=10000 cargo test --release --all-features --lib simulation -- --nocapture
//! HEXAPOD_SEED=17     one seed, with what happened in it
//! HEXAPOD_FROM=5000   where the seeds begin
//! HEXAPOD_SCRIPT=file a fuzzer's bytes instead of a seed, with what happened
//! ```

use std::any::Any;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::ledger::Diary;
use super::{Choices, Report, run};

/// How many seeds there are without any wish.
const SEEDS: u64 = 60;

/// After so many failures no further seed is begun.
const FAILURES: usize = 12;

fn wish(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text}: a number is wanted")))
}

fn play(seed: u64, diary: &Diary) -> Report {
    run(Choices::seed(seed), diary)
}

/// Plays, and prints what has happened whatever the end.
fn tell(what: &str, choices: Choices) {
    let diary = Diary::open();
    match catch_unwind(AssertUnwindSafe(|| run(choices, &diary))) {
        Ok(report) => println!("{}{what} is well: {report:?}", diary.read()),
        Err(panic) => {
            println!("{}", diary.read());
            resume_unwind(panic);
        }
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}

/// Plays a seed again and tells what comes before its end.
fn replay(seed: u64) -> String {
    let diary = Diary::open();
    let again = catch_unwind(AssertUnwindSafe(|| play(seed, &diary)));
    let outcome = match &again {
        Ok(report) => format!("this time all is well: {report:?}"),
        Err(panic) => words(&**panic).to_owned(),
    };
    format!("{}{outcome}\n", diary.read())
}

fn command(seed: u64) -> String {
    let features = if cfg!(feature = "json") { " --features json" } else { "" };
    format!(
        "HEXAPOD_SEED={seed} cargo test{features} --lib simulation::tests::seeds -- --nocapture"
    )
}

#[test]
fn seeds() {
    if let Some(seed) = wish("HEXAPOD_SEED") {
        return tell(&format!("seed {seed}"), Choices::seed(seed));
    }
    if let Some(file) = env::var_os("HEXAPOD_SCRIPT") {
        let script = fs::read(&file).expect("HEXAPOD_SCRIPT: a file that can be read");
        return tell(&file.to_string_lossy(), Choices::script(&script));
    }
    let (count, from) = (wish("HEXAPOD_SEEDS").unwrap_or(SEEDS), wish("HEXAPOD_FROM").unwrap_or(0));
    let threads = thread::available_parallelism().map_or(1, |it| it.get().min(8));
    let (next, begun) = (AtomicU64::new(from), Instant::now());
    let sums = Mutex::new((Report::default(), BTreeMap::<&str, u64>::new()));
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + count {
                        break;
                    }
                    let report = match catch_unwind(|| play(seed, &Diary::default())) {
                        Ok(report) => report,
                        Err(panic) => {
                            let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                            failed.push((seed, words(&*panic).to_owned()));
                            // A few more may tell what it depends on.
                            if failed.len() >= FAILURES {
                                next.store(from + count, Ordering::Relaxed);
                            }
                            continue;
                        }
                    };
                    let mut sums = sums.lock().unwrap_or_else(PoisonError::into_inner);
                    let (all, ends) = &mut *sums;
                    all.steps += report.steps;
                    all.pumps += report.pumps;
                    all.messages += report.messages;
                    all.bytes += report.bytes;
                    all.connections += report.connections;
                    all.trips += report.trips;
                    report.ends.iter().for_each(|end| *ends.entry(end).or_default() += 1);
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.sort();
    if let Some((seed, _)) = failed.first() {
        let all: String =
            failed.iter().map(|(seed, why)| format!("seed {seed}: {why}\n")).collect();
        let played = next.into_inner().min(from + count) - from;
        panic!("\n{}\n{all}of {played} seeds\n{}\n", replay(*seed), command(*seed));
    }
    let (all, ends) = sums.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!(
        "{count} seeds from {from}: {} steps, {} pumps, {} messages, {} bytes, {} connections, \
         {} panics of handlers, {:.1} s\n{ends:#?}",
        all.steps,
        all.pumps,
        all.messages,
        all.bytes,
        all.connections,
        all.trips,
        begun.elapsed().as_secs_f64(),
    );
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..8 {
        let (one, other) = (play(seed, &Diary::default()), play(seed, &Diary::open()));
        assert_eq!(format!("{one:?}"), format!("{other:?}"), "seed {seed}");
    }
    assert_ne!(play(1, &Diary::default()).mark, play(2, &Diary::default()).mark);
}
