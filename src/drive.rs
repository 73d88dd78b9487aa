//! Driving: the ways to turn a server or a client, the same for both.
//!
//! ```text
//! pump            once a frame, from your loop
//! pump_at(now)    with a clock of your own
//! pump_until      until something has happened: bots, tests
//! run             a loop, for programs that have none; ended by a StopHandle
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long to sleep between pumps where a call waits for something.
pub(crate) const STEP: Duration = Duration::from_millis(1);

/// Ends a [`run`](crate::Server::run), from a handler or from any thread.
#[derive(Clone, Debug, Default)]
pub struct StopHandle(Arc<AtomicBool>);

impl StopHandle {
    /// Asks for the end. What runs comes to it after the pump that is under way.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the end was asked for.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The methods that turn an endpoint, for its two faces. A face has the fields `endpoint` and
/// `stop`, and the method `post`, which sends what other threads have handed in.
macro_rules! driving {
    (impl<$($param:ident),*> $type:ty, data $data:ty, ends as $reason:expr) => {
        /// Turning it.
        impl<$($param),*> $type
        where
            $data: Default,
        {
            /// One turn: reads what has come, runs handlers with this state, writes what was sent.
            ///
            /// It never waits and never fails. A peer's fault is that peer's end, a handler's error
            /// goes to `on_error`.
            ///
            /// # Panics
            ///
            /// Only if a handler does. The message that it panicked over is done with; the next
            /// pump goes on behind it, with nothing lost and nothing twice.
            pub fn pump(&mut self, state: &mut S) -> $crate::net::Activity {
                self.pump_at(std::time::Instant::now(), state)
            }

            /// [`pump`](Self::pump) at a time of your own: for tests, which need not wait for a
            /// time-out.
            pub fn pump_at(
                &mut self,
                now: std::time::Instant,
                state: &mut S,
            ) -> $crate::net::Activity {
                self.post_letters();
                self.endpoint.pump_at(now, state)
            }

            /// Pumps until the state is as wished, or the deadline has passed; tells which. It
            /// sleeps a millisecond where a pump had nothing to do.
            pub fn pump_until(
                &mut self,
                state: &mut S,
                deadline: std::time::Instant,
                mut done: impl FnMut(&mut S) -> bool,
            ) -> bool {
                loop {
                    let activity = self.pump(state);
                    if done(state) {
                        return true;
                    }
                    if std::time::Instant::now() >= deadline {
                        return false;
                    }
                    if activity.is_idle() {
                        std::thread::sleep($crate::drive::STEP);
                    }
                }
            }

            /// A loop for programs that have none: pumps and calls `tick` this many times a second,
            /// until a [`StopHandle`](crate::StopHandle) asks for the end; then it shuts down.
            /// Tells whether all was delivered.
            ///
            /// A tick that takes too long is not made up for by a burst of others.
            ///
            /// # Panics
            ///
            /// If `ticks_per_second` is 0, or as [`pump`](Self::pump) does.
            pub fn run(
                mut self,
                state: &mut S,
                ticks_per_second: u32,
                mut tick: impl FnMut(&mut Self, &mut S),
            ) -> bool {
                let step = std::time::Duration::from_secs(1) / ticks_per_second;
                let mut next = std::time::Instant::now();
                while !self.stop.is_stopped() {
                    self.pump(state);
                    tick(&mut self, state);
                    self.flush();
                    let now = std::time::Instant::now();
                    next = (next + step).max(now);
                    std::thread::sleep(next - now);
                }
                let within = self.endpoint.net.config.flush_timeout;
                self.shutdown(state, within)
            }

            /// A handle that ends [`run`](Self::run).
            pub fn stop_handle(&self) -> $crate::drive::StopHandle {
                self.stop.clone()
            }

            /// A sender for other threads. What it is given goes out with the next pump.
            pub fn sender(&mut self) -> $crate::sender::Sender {
                self.endpoint.sender()
            }

            /// How long after the last pump there is something to be done for the sake of time: a
            /// heartbeat to be sent, a silent peer or a late frame to be judged, a closing
            /// connection to be given up, an event to be told. `None` if nothing will be. What
            /// comes from outside, a connection that was asked for included, is not foreseen: who
            /// sleeps between pumps sleeps no longer than that may wait.
            pub fn next_timeout(&self) -> Option<std::time::Duration> {
                self.endpoint.next_timeout()
            }

            /// Begins to keep events for [`next_event`](Self::next_event), at most this many.
            ///
            /// Handlers run as before. When the queue is full, reading stops until some were
            /// fetched: nothing is dropped, and peers that send more are held back.
            pub fn queue_events(&mut self, max: usize) {
                self.endpoint.queue_events(max);
            }

            /// The next event that was kept. It owns what it tells, so the game may send meanwhile.
            pub fn next_event(&mut self) -> Option<$crate::event::Event> {
                self.endpoint.next_event()
            }

            /// Registers who is shown every step of every connection, while it happens: for logs.
            ///
            /// The library's own messages are among them. It is given no state, because it is
            /// called while handlers run. Without it nothing of the kind is done.
            pub fn on_trace(
                &mut self,
                tracer: impl FnMut(&$crate::trace::Trace<'_>) + Send + 'static,
            ) -> &mut Self {
                self.endpoint.net.on_trace(tracer);
                self
            }

            /// What has come and gone in all, so far.
            pub fn traffic(&self) -> $crate::net::Traffic {
                self.endpoint.net.traffic
            }

            /// How often what has gone wrong, so far.
            pub fn faults(&self) -> $crate::net::Faults {
                self.endpoint.net.fault_counts
            }

            /// How many bytes wait to be sent now, to all together.
            pub fn queued(&self) -> usize {
                self.endpoint.net.queued()
            }

            /// Writes what was sent since the last pump, for those who send afterwards.
            pub fn flush(&mut self) {
                self.endpoint.net.flush();
            }

            /// Lets nobody in any more and closes every connection. What was sent is still
            /// delivered, by the pumps that follow; the handlers of `on_disconnect`, or of
            /// `on_connect_failed`, run in the next one.
            pub fn close(&mut self) {
                self.post_letters();
                self.endpoint.net.close_all(&$reason);
            }

            /// Sends what other threads have handed in; not more than waited at once, for they may
            /// go on handing in.
            fn post_letters(&mut self) {
                for _ in 0..self.endpoint.net.config.max_letters.max(1) {
                    match self.endpoint.next_letter() {
                        Some(letter) => self.post(letter),
                        None => break,
                    }
                }
            }

            /// Whether there is no connection, nor anything left to deliver.
            pub fn is_closed(&self) -> bool {
                self.endpoint.net.is_quiet()
            }

            /// Closes, and pumps until all is delivered or the time is over: this call waits. Tells
            /// whether all was delivered; what was not went to `on_error` too.
            pub fn shutdown(mut self, state: &mut S, within: std::time::Duration) -> bool {
                let deadline = $crate::limits::after(std::time::Instant::now(), within);
                let lost = self.endpoint.net.undelivered;
                // Nobody can fetch from it any more, and a full one keeps ends from being told.
                self.endpoint.drop_queue();
                self.close();
                loop {
                    self.pump(state);
                    if self.is_closed() {
                        return self.endpoint.net.undelivered == lost;
                    }
                    if std::time::Instant::now() >= deadline {
                        // One more pump tells what is given up.
                        self.endpoint.net.abandon();
                        self.pump(state);
                        return false;
                    }
                    std::thread::sleep($crate::drive::STEP);
                }
            }
        }
    };
}
pub(crate) use driving;
