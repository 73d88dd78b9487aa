//! `cargo bench`: what hexapod costs, beside the limit that plain sockets set, in the same run.
//!
//! ```text
//! cargo bench                    all workloads, nine rounds each
//! cargo bench -- echo active     two of them
//! cargo bench -- --quick         small sizes, one round: shows that it runs, measures nothing
//! ```
//!
//! A table goes to standard output, and with every single round to `hexapod-bench.json` in the
//! target folder. Only ratios within a round say something about the library; all else is about
//! the machine. Others' libraries beside it: `benches/peers`.

mod suite;

use suite::Entrants;
use suite::limit::RawScan;
use suite::ours::Hexapod;

fn main() {
    suite::main(&Entrants { servers: &[&RawScan, &Hexapod], codecs: &[] });
}
