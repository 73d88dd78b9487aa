//! The manual: how to make a game with it, what happens when, and what goes over the wire.
//!
//! 1. [**Tutorial**](_01_tutorial): an echo, a chat, a counter that everybody shares.
//! 2. [**Messages**](_02_messages): which types a field can be, types of your own, what to believe.
//! 3. [**Loops**](_03_loops): in macroquad, in bevy, on a thread, without a loop of your own; a
//!    host that plays; events as a queue; other threads.
//! 4. [**A pump**](_04_pump): all that happens in it, in order; what a handler may do; rooms; parts
//!    of a program with handlers of their own.
//! 5. [**Ends and errors**](_05_ends): every reason for an end, every fault, and what to do.
//! 6. [**Limits**](_06_limits): what each protects, and what it costs.
//! 7. [**Testing**](_07_testing): your game's netcode in one thread, with lag, broken links, and a
//!    clock of your own; and how to watch it run.
//! 8. [**The wire**](_08_wire): byte by byte, with a client in sixty lines of Python.
//! 9. [**Coming from Python**](_09_from_python): PodSixNet and repod, name by name; old clients on
//!    a new server.
//! 10. [**Security**](_10_security): who may attack, what is promised against it, what a game must
//!     do, and a list for the day before you open the port.
//! 11. [**Scale**](_11_scale): what a pump costs, how many players a core carries, what runs out
//!     first; what was tried to make it faster.
//!
//! New to all this? Read the first three pages; the others are there when you ask yourself
//! something.
//!
//! The programs in it are compiled and run by the library's tests, its tables compared with the
//! code, its bytes with those of a server.

pub mod _01_tutorial;
pub mod _02_messages;
pub mod _03_loops;
pub mod _04_pump;
pub mod _05_ends;
pub mod _06_limits;
pub mod _07_testing;
pub mod _08_wire;
pub mod _09_from_python;
pub mod _10_security;
pub mod _11_scale;
