//! The command line.

use std::process;

/// How much is measured.
pub(crate) struct Options {
    pub(crate) quick: bool,
    pub(crate) rounds: usize,
    workloads: Vec<String>,
}

impl Options {
    pub(crate) fn from_arguments(known: &[&str]) -> Self {
        let (mut quick, mut rounds, mut workloads) = (false, None, Vec::new());
        // Cargo says `--bench` where it is asked to measure, and nothing where it is to test.
        let mut is_bench = false;
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--bench" => is_bench = true,
                "--quick" => quick = true,
                "--rounds" => rounds = arguments.next().and_then(|count| count.parse().ok()),
                name if known.contains(&name) => workloads.push(argument),
                _ => {
                    eprintln!("usage: [--quick] [--rounds N] [{}]…", known.join(" | "));
                    process::exit(2);
                }
            }
        }
        quick |= !is_bench;
        let rounds = rounds.unwrap_or(if quick { 1 } else { 9 }).max(1);
        Self { quick, rounds, workloads }
    }

    pub(crate) fn wants(&self, workload: &str) -> bool {
        self.workloads.is_empty() || self.workloads.iter().any(|name| name == workload)
    }

    /// The full size, or a small one that only shows that it runs.
    pub(crate) fn size(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// How long one figure may take.
    pub(crate) fn millis(&self, full: u64) -> std::time::Duration {
        std::time::Duration::from_millis(if self.quick { 10 } else { full })
    }
}
