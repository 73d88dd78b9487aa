//! The desk between a server's thread and the one that measures it.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use super::{Contender, Job};

/// How long anybody waits for anything before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// One pump of a game.
const TICK: Duration = Duration::from_nanos(1_000_000_000 / 60);

#[derive(Default)]
pub(crate) struct Desk {
    addr: OnceLock<SocketAddr>,
    over: AtomicBool,
    /// Whether the server pumps 60 times a second and not all the time.
    calm: AtomicBool,
    /// Where the system keeps the CPU time of the server's thread.
    clock: OnceLock<PathBuf>,
    /// How many connections the server has, and how many messages it has handled.
    pub(crate) connected: AtomicUsize,
    pub(crate) received: AtomicU64,
    /// How many bursts it has been asked for.
    asked: AtomicU64,
}

/// The server's side.
impl Desk {
    /// The server is ready.
    pub(crate) fn open(&self, addr: SocketAddr) {
        if let Ok(task) = fs::read_link("/proc/thread-self") {
            let _ = self.clock.set(PathBuf::from("/proc").join(task).join("schedstat"));
        }
        let _ = self.addr.set(addr);
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.over.load(SeqCst)
    }

    /// How many bursts have been asked for since this was last asked.
    pub(crate) fn bursts(&self) -> u64 {
        match self.asked.load(SeqCst) {
            0 => 0,
            _ => self.asked.swap(0, SeqCst),
        }
    }

    /// What a server that is pumped does between two pumps.
    pub(crate) fn rest(&self, pumped: Instant) {
        if self.calm.load(SeqCst) {
            thread::sleep(TICK.saturating_sub(pumped.elapsed()));
        } else {
            std::hint::spin_loop();
        }
    }
}

/// The side that measures.
impl Desk {
    pub(crate) fn set_calm(&self) {
        self.calm.store(true, SeqCst);
    }

    pub(crate) fn ask_for_a_burst(&self) {
        self.asked.fetch_add(1, SeqCst);
    }

    /// The CPU time that the server's thread has used so far, if the system tells.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let text = fs::read_to_string(self.clock.get()?).ok()?;
        text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    }

    pub(crate) fn wait_for_connections(&self, count: usize) {
        wait("the server to accept everybody", || {
            thread::yield_now();
            (self.connected.load(SeqCst) >= count).then_some(())
        });
    }
}

/// Waits for something that is to come soon.
#[track_caller]
pub(crate) fn wait<T>(what: &str, mut step: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(done) = step() {
            return done;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
    }
}

/// Runs a server beside some work.
pub(crate) fn with_server<T>(
    contender: &dyn Contender,
    job: Job,
    work: impl FnOnce(&Desk, SocketAddr) -> T,
) -> T {
    /// The server ends however the work ends.
    struct Closing<'d>(&'d Desk);
    impl Drop for Closing<'_> {
        fn drop(&mut self) {
            self.0.over.store(true, SeqCst);
        }
    }

    let desk = Desk::default();
    thread::scope(|scope| {
        scope.spawn(|| contender.serve(job, &desk));
        let _closing = Closing(&desk);
        let addr = wait(contender.name(), || desk.addr.get().copied());
        work(&desk, addr)
    })
}
