//! Scale: what a pump costs, how many players a core carries, and what runs out first.
//!
//! Figures are of one machine (two cores of a shared virtual one, Linux, November 2026) and move by
//! a fifth from day to day; what holds elsewhere are the proportions. `cargo bench` measures them
//! anew, beside the limit of the system in the same rounds.
//!
//! # What a pump costs
//!
//! A pump asks each socket whether something has come. That is what the library does instead of
//! being woken by the system, and it is the first line of the bill:
//!
//! | each | costs | what it is made of |
//! | --- | --- | --- |
//! | pump | 3.6 µs | most of it the listener, which is asked once a millisecond at most |
//! | peer that has nothing to say | 0.35 µs | one system call; the library's own part is a twentieth of it |
//! | peer that has something to say | about 0.7 µs | the same call, with bytes |
//! | message heard, of 57 bytes | 0.09 µs | the system's copies, framing, checking, calling the handler, four `get`s |
//! | byte of a longer message | 0.4 ns | the system's copies, and a look at each; in one of 100 kB 0.23 ns |
//! | message made | 0.05 µs | `msg!` with four fields |
//! | message to one more peer of a broadcast | 0.1 µs | encoded once, copied into each queue |
//! | peer that something was sent to | 3.6 µs | one system call, however many messages wait |
//!
//! So messages are cheap and system calls are not. A server that sends each peer ten messages in a
//! pump pays for one call; one that flushes after each pays for ten.
//!
//! # What sixty pumps a second allow
//!
//! A pump has 16.7 ms. With half of that for the game, 8 ms are left, on one core. From the lines
//! above:
//!
//! | game | for each pump | takes |
//! | --- | --- | --- |
//! | 20 players, each says 20 messages a second, all hear of all | 20 asked, 7 heard, 20 written to | 0.1 ms |
//! | 100 players, the same, in one snapshot to all | 100 asked, 33 heard, 100 written to | 0.5 ms |
//! | 1,000 players, one snapshot to all 20 times a second | 1,000 asked, 333 heard, 333 written to | 1.8 ms |
//! | 5,000 in a lobby, who chat now and then | 5,000 asked, few heard | 1.9 ms |
//!
//! What grows with the square of the players is what they say to each other: a hundred who each
//! tell all others everything twenty times a second make 200,000 deliveries, and a thousand would
//! make twenty million. Collect what has changed, and send one message for a tick.
//!
//! # Sleeping and spinning
//!
//! A server of sixty pumps a second sleeps in between: [`run`](crate::Server::run) does it. A
//! message waits for half a pump on average, and a thousand idle peers take 4.5 % of a core. A
//! server that is woken by the system takes nothing for them, and that is where a scan loses.
//!
//! A server that pumps without sleeping takes a whole core and answers in microseconds. Links that
//! have been quiet for a tenth of a second are asked once a millisecond then, and the others in
//! every pump: one active peer among a thousand is answered about as fast as if it were alone.
//!
//! # What runs out first
//!
//! * **Places**: [`max_peers`](crate::Config::max_peers) is 256, and
//!   [`max_peers_per_address`](crate::Config::max_peers_per_address) 64, until you say otherwise.
//! * **Descriptors**: one for each peer, and for each listener. `ulimit -n` says how many a process
//!   may have, often 1,024. Where none is left, `on_error` hears of it once, who is in stays, and
//!   newcomers wait until one is free.
//! * **The queue of newcomers**: the standard library listens with room for 128. Who comes on top
//!   of that before the next pump is not refused; its system asks again after a second. Two hundred
//!   who connect at once to a server of sixty pumps a second are in after one second, a thousand
//!   after about seven. A server that pumps faster while a crowd comes in has them at once.
//! * **The line**: a message of 60 bytes in a packet of its own is 120 on the line. A hundred
//!   players who get a kilobyte twenty times a second take 16 Mbit/s.
//!
//! # Memory
//!
//! | of whom | bytes on the heap |
//! | --- | --- |
//! | an idle peer, all included | 212 |
//! | the same, once it has spoken | 64 more, for what it has said and heard |
//! | the same, if it is a hexapod | 136 more: heartbeats, round trips, its limits |
//! | a peer with an unfinished message | what has come of it, rounded up |
//! | a peer that does not read | what waits for it, up to [`max_outbound`](crate::Config::max_outbound) |
//! | the server itself | 68 KiB to read into, and what its queues have grown to |
//!
//! An idle peer in detail: its address 32; where its connection is 24, whose the connection is 16;
//! when it was last heard 16; descriptor, state, dialect 24; six pointers to what it does not have
//! yet (counts, heartbeats, a client's words, two queues, an unfinished message) 48; its place in
//! two tables 32. That makes 192, and up to an eighth of it is room for more peers. Your own data
//! comes on top: an empty one takes nothing. What the system keeps for a socket is more than all of
//! this: a few kilobytes, and as much as waits in it.
//!
//! # Measured, and on paper
//!
//! | peers, idle | a pump takes | of a core, at 60 pumps a second |
//! | --- | --- | --- |
//! | 1 | 3.6 µs | 0.02 % |
//! | 10 | 6.9 µs | 0.04 % |
//! | 100 | 38 µs | 0.23 % |
//! | 1,000 | 0.36 ms | 2.1 % |
//! | 5,000 | 1.9 ms | 11.3 % |
//! | 9,975 | 6.6 ms | 39.5 % |
//!
//! From a thousand peers on, 95 % of that is the limit: reading as many sockets and nothing else.
//! Beyond five thousand the processor's caches are too small for what the system keeps of them. A
//! server that sleeps between its pumps finds them cold: a thousand take the 4.5 % above then. Who
//! is silent is looked for ten times a second, which for 10,000 peers, heartbeats included, is 15
//! ms of each second, a twenty-fifth of what reading them takes.
//!
//! Measured to 10,000. Beyond that the line goes on on paper: at 60 pumps a second a core is full
//! at about 25,000 idle peers. Who needs more than a few thousand in one process wants to be woken
//! by the system, and not to ask; that is not what this library is for. Several processes, each a
//! room or a world of its own, are the next step before that.
//!
//! # What was tried, and did not help
//!
//! * **A ring for each peer to read into**, with `readv`: as fast as one buffer for all, a third
//!   more for an idle socket, and kilobytes for each peer.
//! * **Asking each socket twice**, to be sure that it is empty: a short read says so already, and
//!   the second call costs as much as the first.
//! * **A table of lengths** instead of branches, to pass over values: fewer instructions and slower
//!   by half, because the next value's place then waits for a load, where a branch that is foreseen
//!   goes on at once.
//! * **One loop that checks whatever comes**: it kept in memory what belongs in registers. Now a
//!   short loop takes short values, and hands over whatever is strange.
//! * **Optimising across crates** (fat LTO): a hundredth.
//! * **Counting instructions alone**: a tenth of a message's time was spent on copies of sixteen
//!   bytes right after they had been written as two words, for which the processor waits. No count
//!   shows that; a profile by time does.
//! * **Skipping the check that a text is UTF-8** where it is known already: not without `unsafe`,
//!   which the library does without. It is about a tenth of what a message costs.
//! * **The standard library's hash** for actions: it withstands keys that were made to collide, but
//!   only the game puts anything into that table, and words at a time are several times as fast.
