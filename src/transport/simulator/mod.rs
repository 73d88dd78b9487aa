//! The simulator: a bad network around any pipe, seeded, with time as an argument.
//!
//! ```text
//! link ── write ──> [ pieces on their way, each with the time it is due ] ──> pipe
//! link <── read ── [ pieces on their way, each with the time it is due ] <── pipe
//! ```
//!
//! It stands at one end and works in both directions. It delays, cuts into pieces, limits the rate,
//! stalls, resets and half-closes; like the TCP that it stands for, it neither loses nor reorders
//! bytes. Time passes only by the `now` of calls, so with `pump_at` the same seed gives the same
//! run.
//!
//! Who is dropped while nothing moves has not left yet for the far end: the simulator keeps the
//! pipe, with what is on its way to it, until the cable is back or the stall is over.

mod flight;

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind};
use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Arrival, Pipe, Source};
use crate::limits::after;

use flight::{Flight, Outlet};

/// How many bytes are on their way in one direction before a write has to wait.
const WINDOW: usize = 256 << 10;

/// How many connections are kept that were dropped while nothing moved.
const ORPHANS: usize = 256;

/// A bad network for the connections of a server or client: for tests, and for a key in your game
/// that adds lag.
///
/// Hand it to [`Server::simulate`](crate::Server::simulate) or
/// [`Client::simulate`](crate::Client::simulate); one end is enough. Its clones are the same
/// simulator, so conditions can change while a game runs.
///
/// # Testing a game's networking in one thread
///
/// With a [`MemoryNetwork`](crate::MemoryNetwork) and a clock of your own, an hour of bad network
/// takes a moment, and a seed that fails fails again:
///
/// ```
/// use std::time::{Duration, Instant};
/// use hexapod::{Client, Conditions, Config, MemoryNetwork, Server, Simulator, msg};
///
/// fn play(seed: u64) -> (Vec<u32>, Option<Duration>) {
///     let network = MemoryNetwork::new();
///     let addr = "10.0.0.1:5071".parse().expect("an address");
///     let mut server = Server::<()>::bind_memory(&network, addr).expect("a free address");
///     server.on("count", |ctx, msg| {
///         ctx.send(msg!("counted", n: msg.get::<u32>("n")?));
///         Ok(())
///     });
///
///     let bad = Conditions::new()
///         .latency(Duration::from_millis(40))
///         .jitter(Duration::from_millis(25))
///         .max_piece(50);
///     let mut client = Client::<Vec<u32>>::with_config(Config::new());
///     client.simulate(&Simulator::new(seed, bad));
///     client.connect_to_memory(&network, addr);
///     client.on("counted", |ctx, msg| {
///         ctx.state.push(msg.get("n")?);
///         Ok(())
///     });
///
///     let (mut now, mut counted) = (Instant::now(), Vec::new());
///     for n in 0..600 {
///         now += Duration::from_millis(16);
///         if n < 100 {
///             client.send(msg!("count", n: n));
///         }
///         client.pump_at(now, &mut counted);
///         server.pump_at(now, &mut ());
///     }
///     (counted, client.round_trip().map(|trip| trip.smooth))
/// }
///
/// let (counted, round_trip) = play(7);
/// assert!(counted.into_iter().eq(0..100));
/// assert!(round_trip >= Some(Duration::from_millis(80)));
/// assert_eq!(play(7), play(7));
/// ```
#[derive(Clone)]
pub struct Simulator(Arc<Mutex<Control>>);

/// What a simulated network is like. The default is a perfect one.
///
/// What is said of one direction holds for both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conditions {
    /// How long a byte is on its way, one way. Default: no time.
    pub latency: Duration,
    /// How much longer it may take at random. Order is kept, as TCP keeps it. Default: none.
    pub jitter: Duration,
    /// How many bytes pass in a second, one way; 0 is any number. Default: 0.
    pub bandwidth: u64,
    /// The most bytes that one read gives and one write takes, at random from 1 to this; 0 is no
    /// cutting. Default: 0.
    ///
    /// A read that gives little is taken for the last one, so this also bounds what one pump gets.
    pub max_piece: usize,
    /// How often, on average, nothing moves for a while; zero is never. Default: zero.
    pub stall_every: Duration,
    /// For how long nothing moves then. Default: no time.
    pub stall_for: Duration,
    /// After how long, on average, a connection is reset; zero is never. Default: zero.
    pub reset_every: Duration,
}

/// A chaining setter for each field, of the field's name.
macro_rules! setters {
    ($($field:ident: $type:ty),* $(,)?) => {
        impl Conditions {
            /// A perfect network.
            pub fn new() -> Self {
                Self::default()
            }

            $(
                #[doc = concat!(
                    "Sets [`", stringify!($field), "`](Self#structfield.", stringify!($field), ").",
                )]
                #[must_use]
                pub fn $field(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

setters! {
    latency: Duration,
    jitter: Duration,
    bandwidth: u64,
    max_piece: usize,
    stall_every: Duration,
    stall_for: Duration,
    reset_every: Duration,
}

/// No wait is drawn longer than this: a year.
const LONG: Duration = Duration::from_secs(365 * 24 * 3600);

/// What all connections of a simulator share.
#[derive(Debug)]
struct Control {
    conditions: Conditions,
    seed: Random,
    unplugged: bool,
    /// Counted up to reset, or to half-close, all connections that there are.
    resets: u64,
    half_closes: u64,
    /// The last time that is known, and how many pipes and sources there are to tell the next.
    now: Option<Instant>,
    clocks: usize,
    /// Connections that were dropped while nothing moved, the oldest first. None of them holds the
    /// simulator, so they go when it goes.
    orphans: VecDeque<Orphan>,
}

impl Control {
    /// Those of the orphans who wait no longer, to be let go once this is unlocked.
    fn released(&mut self) -> VecDeque<Orphan> {
        if self.unplugged || self.orphans.is_empty() {
            return VecDeque::new();
        }
        // The end of a stall is only seen where there is a clock. Where none is left it is now.
        let (now, has_clock) = (self.now, self.clocks > 0);
        let is_over = |until: Instant| now.is_some_and(|now| until <= now);
        let (waiting, released) = mem::take(&mut self.orphans)
            .into_iter()
            .partition(|it| has_clock && it.stalled_until.is_some_and(|until| !is_over(until)));
        self.orphans = waiting;
        released
    }
}

/// A connection that was dropped while nothing moved. The far end does not know of it yet.
#[derive(Debug)]
struct Orphan {
    outlet: Outlet,
    now: Option<Instant>,
    stalled_until: Option<Instant>,
    has_waited: bool,
}

impl Orphan {
    /// A system goes on delivering what a program has written before it closed. Here nobody is left
    /// to wait for it, so it arrives at once.
    fn go(mut self) {
        let Some(now) = self.now else { return };
        for (due, _) in &mut self.outlet.flight.pieces {
            *due = now;
        }
        self.outlet.flight.ended = true;
        self.outlet.deliver(now);
        // The far end could not know that it talked to nobody.
        if self.has_waited {
            self.outlet.drain(now);
        }
    }
}

impl Simulator {
    /// A simulator whose randomness follows from this seed.
    pub fn new(seed: u64, conditions: Conditions) -> Self {
        Self(Arc::new(Mutex::new(Control {
            conditions,
            seed: Random(seed),
            unplugged: false,
            resets: 0,
            half_closes: 0,
            now: None,
            clocks: 0,
            orphans: VecDeque::new(),
        })))
    }

    /// What the network is like now.
    pub fn conditions(&self) -> Conditions {
        self.control().conditions
    }

    /// Changes what the network is like, for connections that are up as well. What is on its way
    /// already takes as long as it would have.
    pub fn set(&self, conditions: Conditions) {
        self.control().conditions = conditions;
    }

    /// Pulls the cable: nothing moves any more, and nobody is told, not even of who leaves.
    ///
    /// Connections that end meanwhile, or whose server or client is dropped, are kept until the
    /// cable is back, or the last clone of the simulator is dropped: the last 256 of them.
    pub fn unplug(&self) {
        self.control().unplugged = true;
    }

    /// Puts the cable back: what was on its way arrives.
    pub fn plug_in(&self) {
        let released = {
            let mut control = self.control();
            control.unplugged = false;
            control.released()
        };
        released.into_iter().for_each(Orphan::go);
    }

    /// Resets every connection that there is.
    pub fn reset_all(&self) {
        let lost = {
            let mut control = self.control();
            control.resets += 1;
            mem::take(&mut control.orphans)
        };
        drop(lost);
    }

    /// Ends the direction from the simulated end to the far one, on every connection that there is.
    pub fn half_close_all(&self) {
        self.control().half_closes += 1;
    }

    /// Tells what time it is, and then what is to be known of the network.
    fn look<T>(&self, now: Instant, look: impl FnOnce(&Control) -> T) -> T {
        let (released, seen) = {
            let mut control = self.control();
            control.now = Some(now);
            (control.released(), look(&control))
        };
        released.into_iter().for_each(Orphan::go);
        seen
    }

    /// A pipe or a source is gone, and what a pipe may have left.
    fn leave(&self, orphan: Option<Orphan>) {
        let (released, lost) = {
            let mut control = self.control();
            control.clocks -= 1;
            control.orphans.extend(orphan);
            let released = control.released();
            if let Some(kept) = control.orphans.back_mut() {
                kept.has_waited = true;
            }
            let is_crowded = control.orphans.len() > ORPHANS;
            (released, if is_crowded { control.orphans.pop_front() } else { None })
        };
        released.into_iter().for_each(Orphan::go);
        drop(lost);
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Simulator").field(&self.conditions()).finish()
    }
}

/// SplitMix64: small, and good enough for weather.
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, but without, 1.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// When something comes next that comes this often on average; never for zero.
    fn arrival(&mut self, now: Instant, every: Duration) -> Option<Instant> {
        let wait = every.min(LONG).mul_f64(-(1.0 - self.fraction()).ln());
        (!every.is_zero()).then(|| after(now, wait))
    }
}

/// A pipe through a bad network.
#[derive(Debug)]
pub(crate) struct SimulatedPipe {
    simulator: Simulator,
    random: Random,
    outlet: Outlet,
    inbound: Flight,
    /// How reading has ended.
    read_error: Option<ErrorKind>,
    /// The last time that is known.
    now: Option<Instant>,
    stalled_until: Option<Instant>,
    next_stall: Option<Instant>,
    next_reset: Option<Instant>,
    /// The conditions for which the next stall and reset were drawn.
    drawn_for: Option<Conditions>,
    /// It was reset: what is on its way is lost, in both directions.
    reset: bool,
    resets: u64,
    half_closes: u64,
}

impl SimulatedPipe {
    fn new(pipe: Box<dyn Pipe>, simulator: &Simulator) -> Self {
        let mut control = simulator.control();
        control.clocks += 1;
        Self {
            simulator: simulator.clone(),
            random: Random(control.seed.next()),
            outlet: Outlet::new(pipe),
            inbound: Flight::default(),
            read_error: None,
            now: None,
            stalled_until: None,
            next_stall: None,
            next_reset: None,
            drawn_for: None,
            reset: false,
            resets: control.resets,
            half_closes: control.half_closes,
        }
    }

    /// Lets time pass; tells the conditions, or nothing while nothing moves.
    fn advance(&mut self, now: Instant) -> io::Result<Option<Conditions>> {
        let (weather, unplugged, resets, half_closes) = self.simulator.look(now, |control| {
            (control.conditions, control.unplugged, control.resets, control.half_closes)
        });
        if self.drawn_for.replace(weather) != Some(weather) {
            self.next_stall = self.random.arrival(now, weather.stall_every);
            self.next_reset = self.random.arrival(now, weather.reset_every);
        }
        self.now = Some(now);
        if self.resets < resets || self.next_reset.is_some_and(|then| then <= now) {
            self.reset = true;
        }
        if self.reset {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if mem::replace(&mut self.half_closes, half_closes) < half_closes {
            self.outlet.flight.ended = true;
        }
        if self.next_stall.is_some_and(|then| then <= now) {
            self.stalled_until = Some(after(now, weather.stall_for));
            self.next_stall = self.random.arrival(now, weather.stall_every);
        }
        if unplugged || self.stalled_until.is_some_and(|until| now < until) {
            return Ok(None);
        }
        self.outlet.deliver(now);
        Ok(Some(weather))
    }

    /// Takes from the pipe what has come.
    fn collect(&mut self, now: Instant, weather: &Conditions) {
        let Some(pipe) = &mut self.outlet.pipe else { return };
        let mut buffer = [0; 4096];
        while self.inbound.room() > 0 && self.read_error.is_none() {
            let room = self.inbound.room().min(buffer.len());
            match pipe.read(now, &mut buffer[..room]) {
                Ok(0) => self.inbound.ended = true,
                Ok(count) => {
                    self.inbound.take_off(now, &buffer[..count], weather, &mut self.random);
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::Interrupted => return,
                    kind => self.read_error = Some(kind),
                },
            }
        }
    }

    /// How much of so many bytes moves at once.
    fn piece(&mut self, weather: &Conditions, len: usize) -> usize {
        match weather.max_piece {
            0 => len,
            most => len.min(1 + self.random.next() as usize % most),
        }
    }
}

impl Pipe for SimulatedPipe {
    fn read(&mut self, now: Instant, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(weather) = self.advance(now)? else { return Err(ErrorKind::WouldBlock.into()) };
        self.collect(now, &weather);
        let most = self.piece(&weather, buffer.len());
        let mut read = 0;
        while let Some(bytes) = self.inbound.landed(now) {
            let count = bytes.len().min(most - read);
            if count == 0 {
                break;
            }
            buffer[read..read + count].copy_from_slice(&bytes[..count]);
            self.inbound.unload(count);
            read += count;
        }
        match (read, self.inbound.pieces.is_empty(), self.read_error) {
            (0, true, Some(error)) => Err(error.into()),
            (0, true, None) if self.inbound.ended => Ok(0),
            (0, ..) => Err(ErrorKind::WouldBlock.into()),
            _ => Ok(read),
        }
    }

    fn write(&mut self, now: Instant, (first, second): (&[u8], &[u8])) -> io::Result<usize> {
        // While nothing moves, what is written still finds room, as in a socket's buffer.
        let weather = self.advance(now)?.unwrap_or_else(|| self.simulator.conditions());
        if self.outlet.flight.ended {
            return Err(self.outlet.error.unwrap_or(ErrorKind::BrokenPipe).into());
        }
        let bytes = if first.is_empty() { second } else { first };
        let len = bytes.len().min(self.outlet.flight.room());
        if len == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let len = self.piece(&weather, len);
        self.outlet.flight.take_off(now, &bytes[..len], &weather, &mut self.random);
        self.advance(now)?;
        Ok(len)
    }

    fn shut_down_writing(&mut self, now: Instant) -> io::Result<()> {
        self.outlet.flight.ended = true;
        self.advance(now).map(drop)
    }
}

impl Drop for SimulatedPipe {
    /// What is still to be delivered is: at once, or when something moves again. After a reset it
    /// does not arrive at all.
    fn drop(&mut self) {
        let outlet = mem::take(&mut self.outlet);
        let now = self.now;
        // By its own clock, which another's need not go with.
        let stalled_until = self.stalled_until.filter(|until| now.is_some_and(|now| now < *until));
        let orphan = Orphan { outlet, now, stalled_until, has_waited: false };
        self.simulator.leave((!self.reset).then_some(orphan));
    }
}

/// The pipes of a source, each through a bad network.
#[derive(Debug)]
pub(crate) struct Simulated<S> {
    source: S,
    simulator: Simulator,
}

impl<S: Source> Simulated<S> {
    pub(crate) fn new(source: S, simulator: Simulator) -> Self {
        simulator.control().clocks += 1;
        Self { source, simulator }
    }
}

impl<S> Drop for Simulated<S> {
    fn drop(&mut self) {
        self.simulator.leave(None);
    }
}

impl<S: Source + 'static> Source for Simulated<S> {
    type Pipe = SimulatedPipe;

    fn next(&mut self, now: Instant) -> Option<Arrival<Self::Pipe>> {
        self.simulator.look(now, |_| ());
        Some(match self.source.next(now)? {
            Arrival::Pipe(pipe, addr) => {
                Arrival::Pipe(SimulatedPipe::new(Box::new(pipe), &self.simulator), addr)
            }
            Arrival::Failed(error) => Arrival::Failed(error),
            Arrival::Trouble(error) => Arrival::Trouble(error),
        })
    }

    fn stop(&mut self) {
        self.source.stop();
    }

    fn is_done(&self) -> bool {
        self.source.is_done()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.source.local_addr()
    }
}
