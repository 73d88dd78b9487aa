//! Reports on standard error, for games that have not registered who is to be told.
//!
//! The first fault of each kind and action is printed, and no more than 64 in all: enough to find a
//! mistake at midnight, too little for a peer to fill a disk with.

use std::collections::HashSet;

use crate::error::Fault;
use crate::id::PeerId;
use crate::quote::Quoted;

/// How many different things are reported.
const REPORTS: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Reporter {
    quiet: bool,
    seen: HashSet<(&'static str, String)>,
}

impl Reporter {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet, seen: HashSet::new() }
    }

    pub(crate) fn fault(&mut self, fault: &Fault) {
        if self.is_new(fault.kind(), fault.action.as_deref().unwrap_or_default()) {
            self.print(&format!("{fault} (on_error would tell you of each)"));
        }
    }

    pub(crate) fn unhandled(&mut self, peer: PeerId, action: &str) {
        if self.is_new("unhandled", action) {
            let action = Quoted(action);
            self.print(&format!(
                "no handler for action {action}, which {peer} has sent (on_unhandled would get it)"
            ));
        }
    }

    pub(crate) fn connect_failed(&mut self, error: &str) {
        if self.is_new("connect", error) {
            self.print(&format!("{error} (on_connect_failed would tell you)"));
        }
    }

    fn is_new(&mut self, kind: &'static str, what: &str) -> bool {
        if self.quiet || self.seen.len() >= REPORTS {
            return false;
        }
        // A peer chooses its actions: what is remembered of one is bounded.
        let what: String = what.chars().take(64).collect();
        self.seen.insert((kind, what))
    }

    fn print(&self, line: &str) {
        eprintln!("hexapod: {line}");
        if self.seen.len() == REPORTS {
            eprintln!("hexapod: more will not be reported");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_once_and_a_bounded_number_of_them() {
        let mut reporter = Reporter::new(false);
        assert!(reporter.is_new("unhandled", "a"));
        assert!(!reporter.is_new("unhandled", "a"));
        assert!(reporter.is_new("handler", "a"));
        assert_eq!((0..1000).filter(|n| reporter.is_new("x", &n.to_string())).count(), 62);
        assert!(!Reporter::new(true).is_new("unhandled", "a"));
    }
}
