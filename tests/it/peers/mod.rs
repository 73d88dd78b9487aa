//! The real peers: programs of our own on PodSixNet, on repod, and in Node (`tests/python/`,
//! `tests/node/`), in one game with ours.
//!
//! They need what they run on: a Python that can `import repod` (3.12 or newer), one that can
//! `import PodSixNet` (3.11 or older, for it stands on asyncore), and Node. The variables
//! `HEXAPOD_REPOD_PYTHON`, `HEXAPOD_PODSIXNET_PYTHON` and `HEXAPOD_NODE` name them; else those on
//! the path are asked. Without one, its tests say that they were skipped, and pass; but they fail
//! if `HEXAPOD_REQUIRE_PYTHON` or `HEXAPOD_REQUIRE_NODE` is set.

mod defects;
mod mixed;
#[cfg(feature = "json")]
mod node;
mod podsixnet;
mod repod;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hexapod::Dialect;

use crate::examples::Program;

/// The dialects that this build has.
fn dialects() -> Vec<Dialect> {
    vec![
        Dialect::REPOD,
        Dialect::PODSIXNET,
        #[cfg(feature = "json")]
        Dialect::JSON,
    ]
}

/// What runs a peer's programs.
struct Interpreter {
    /// The variable that names it, and the one that says that it has to be there.
    named_by: &'static str,
    required_by: &'static str,
    /// Under which names it is looked for.
    usual: &'static [&'static str],
    /// Arguments with which it ends well if it can run the programs.
    trial: [&'static str; 2],
    /// How to get it.
    advice: &'static str,
}

const REPOD: Interpreter = Interpreter {
    named_by: "HEXAPOD_REPOD_PYTHON",
    required_by: "HEXAPOD_REQUIRE_PYTHON",
    usual: &["python3", "python3.13", "python3.12"],
    trial: ["-c", "import repod"],
    advice: "a Python that can import repod (`pip install repodnet`)",
};

const PODSIXNET: Interpreter = Interpreter {
    named_by: "HEXAPOD_PODSIXNET_PYTHON",
    required_by: "HEXAPOD_REQUIRE_PYTHON",
    usual: &["python3", "python3.11", "python3.10"],
    trial: ["-c", "import PodSixNet.Server"],
    advice: "a Python up to 3.11 that can import PodSixNet (`pip install PodSixNet`)",
};

#[cfg(feature = "json")]
const NODE: Interpreter = Interpreter {
    named_by: "HEXAPOD_NODE",
    required_by: "HEXAPOD_REQUIRE_NODE",
    usual: &["node", "nodejs"],
    trial: ["-e", "0"],
    advice: "Node",
};

impl Interpreter {
    /// Its name; `None` if there is none, and the test is to be skipped.
    fn find(&self) -> Option<String> {
        if let Ok(named) = env::var(self.named_by) {
            assert!(self.can_run(&named), "{}: {named} is not {}", self.named_by, self.advice);
            return Some(named);
        }
        let found = self.usual.iter().find(|name| self.can_run(name));
        if found.is_none() {
            let required = env::var_os(self.required_by).is_some();
            assert!(!required, "{} is set, and the path has not {}", self.required_by, self.advice);
            eprintln!("skipped: the path has not {}; {} names one", self.advice, self.named_by);
        }
        found.map(|name| (*name).to_owned())
    }

    fn can_run(&self, name: &str) -> bool {
        let mut command = Command::new(name);
        command.args(self.trial).stdin(Stdio::null());
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }
}

/// A file below `tests`.
fn script(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

/// Runs one of our programs in Python.
fn run(python: &str, name: &str, args: &[&str]) -> Program {
    let mut command = Command::new(python);
    command.arg("-X").arg("utf8").arg(script("python").join(name)).args(args);
    Program::start(command.env("PYTHONDONTWRITEBYTECODE", "1"))
}

/// The two parts of an address.
fn host_and_port(addr: &str) -> [&str; 2] {
    let (host, port) = addr.rsplit_once(':').expect("an address with a port");
    [host, port]
}
