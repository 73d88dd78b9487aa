//! The manual: how to make a game with it, what happens when, and what goes over the wire.
//!
//! 1. [**Tutorial**](_1_tutorial): an echo, a chat, a counter that everybody shares.
//! 2. [**Loops**](_2_loops): in macroquad, in bevy, on a thread, without a loop of your own; events
//!    as a queue; other threads.
//! 3. [**A pump**](_3_pump): all that happens in it, in order; what a handler may do.
//! 4. [**Ends and errors**](_4_ends): every reason for an end, every fault, and what to do.
//! 5. [**Limits**](_5_limits): what each protects, and what it costs.
//! 6. [**Testing**](_6_testing): your game's netcode in one thread, with lag, loss of links, and a
//!    clock of your own; and how to watch it run.
//! 7. [**The wire**](_7_wire): byte by byte, with a client in sixty lines of Python.
//! 8. [**Coming from Python**](_8_from_python): PodSixNet and repod, name by name; old clients on a
//!    new server.
//!
//! The programs in it are compiled and run by the library's tests, its tables compared with the
//! code, its bytes with those of a server.

pub mod _1_tutorial;
pub mod _2_loops;
pub mod _3_pump;
pub mod _4_ends;
pub mod _5_limits;
pub mod _6_testing;
pub mod _7_wire;
pub mod _8_from_python;
