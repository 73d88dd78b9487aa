//! The arguments that examples for several dialects have in common, and how their servers listen.
//!
//! ```text
//! serve [ADDR] [--podsixnet ADDR] [--json ADDR]     one server, and a listener for each dialect
//! join [ADDR] [--podsixnet | --json] …              a client speaks one of them
//! ```
//!
//! This is no example by itself: `chat`, `lag_time` and `whiteboard` each take it in as a module.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use hexapod::{Config, Dialect, Server};

/// Where the games of repod are at home. Those of hexapod are there, too.
pub(crate) const HERE: &str = "127.0.0.1:5071";

/// The dialect of `--json`, in a build that has it.
const JSON: Option<Dialect> = {
    #[cfg(feature = "json")]
    let json = Some(Dialect::JSON);
    #[cfg(not(feature = "json"))]
    let json = None;
    json
};

/// Why an example ends with an exit code that is not 0.
pub(crate) enum Failure {
    /// The arguments are not those of the usage.
    Usage,
    /// `--json`, in a build without it.
    NoJson,
    /// It went wrong.
    Other(Box<dyn Error>),
}

impl<E: Into<Box<dyn Error>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// Runs an example with the arguments of its command line.
pub(crate) fn run(
    program: &str,
    usage: &str,
    example: fn(&[&str]) -> Result<(), Failure>,
) -> ExitCode {
    let args = env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    let args: Vec<String> = args.collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if matches!(args[..], ["-h" | "--help"]) {
        println!("{usage}");
        return ExitCode::SUCCESS;
    }
    let error = match example(&args) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Other(error)) => {
            eprintln!("{program}: {error}");
            return ExitCode::FAILURE;
        }
        Err(Failure::Usage) => usage.to_owned(),
        Err(Failure::NoJson) => format!(
            "{program}: --json needs the feature json: \
             cargo run --features json --example {program} -- …"
        ),
    };
    eprintln!("{error}");
    ExitCode::from(2)
}

/// Whether this can be an address, and is no option.
pub(crate) fn is_addr(arg: &str) -> bool {
    !arg.starts_with('-')
}

/// The dialect that an option stands for; nothing for other arguments.
fn dialect(option: &str) -> Result<Option<Dialect>, Failure> {
    match option {
        "--podsixnet" => Ok(Some(Dialect::PODSIXNET)),
        "--json" => JSON.map(Some).ok_or(Failure::NoJson),
        _ => Ok(None),
    }
}

/// What stands behind `serve`: a server that listens there, and says so.
pub(crate) fn listen<S, P: Default>(args: &[&str]) -> Result<Server<S, P>, Failure> {
    let (mut first, mut others) = (None, Vec::new());
    let mut args = args.iter().copied();
    while let Some(arg) = args.next() {
        match dialect(arg)? {
            Some(dialect) => {
                let addr = args.next().filter(|addr| is_addr(addr)).ok_or(Failure::Usage)?;
                others.push((addr, dialect));
            }
            None if is_addr(arg) && first.is_none() => first = Some(arg),
            None => return Err(Failure::Usage),
        }
    }
    let first = (first.unwrap_or(HERE), Dialect::REPOD);
    let mut server = Server::with_config(Config::new());
    for (addr, dialect) in [first].into_iter().chain(others) {
        let listens = server.listen(addr, dialect);
        let addr = listens.map_err(|error| format!("cannot listen at {addr}: {error}"))?;
        let is_usual = dialect == Dialect::REPOD;
        let name = if is_usual { String::new() } else { format!(" ({})", dialect.name()) };
        // `println!` would panic if nobody read it.
        let _ = writeln!(io::stdout(), "listening on {addr}{name}");
    }
    Ok(server)
}

/// What stands behind `join`: the dialect, where its games are at home, and the other arguments.
pub(crate) fn join<'a>(args: &[&'a str]) -> Result<(Dialect, &'static str, Vec<&'a str>), Failure> {
    let (mut found, mut others) = (None, Vec::new());
    for arg in args {
        match dialect(arg)? {
            None => others.push(*arg),
            Some(_) if found.is_some() => return Err(Failure::Usage),
            dialect => found = dialect,
        }
    }
    let dialect = found.unwrap_or(Dialect::REPOD);
    let home = match dialect.name() {
        "podsixnet" => "127.0.0.1:31425",
        "json" => "127.0.0.1:5072",
        _ => HERE,
    };
    Ok((dialect, home, others))
}
