//! The wire: byte by byte, with a client in sixty lines of Python.
//!
//! This page is enough to write a client or a server in any language. It describes the dialect
//! [`Dialect::REPOD`](crate::Dialect::REPOD), which is byte for byte what the Python library repod
//! speaks, and what two ends of hexapod say to each other on top of it.
//!
//! # Frames
//!
//! A connection is a TCP stream in each direction, and each stream is frames, one behind the other:
//! a length, then that many bytes of payload. The length is an unsigned integer of 32 bits, its
//! highest byte first, and does not count itself.
//!
//! ```text
//! 00 00 00 17                 | 23 bytes follow
//! 83                          | a map of 3 pairs
//! a6 61 63 74 69 6f 6e        |   "action"
//! a4 6d 6f 76 65              |   "move"
//! a1 78                       |   "x"
//! 07                          |   7
//! a1 79                       |   "y"
//! ca bf c0 00 00              |   -1.5, a float of 32 bits
//! ```
//!
//! A length of 0, or one beyond [`Config::max_frame_len`](crate::Config::max_frame_len) (1 MiB by
//! default), ends the connection before anything of the payload is read. Frames may be cut anywhere
//! on their way, but one that has begun has to end within thirty seconds.
//!
//! # Messages
//!
//! The payload is one value of
//! [MessagePack](https://github.com/msgpack/msgpack/blob/master/spec.md), with nothing behind it: a
//! map, in which the text key `"action"` stands exactly once, anywhere, with a text as its value.
//! All else is the game's.
//!
//! * Every form of MessagePack is read, whether or not there is a shorter one; what is written has
//!   the shortest, floats the size that the program gave them.
//! * Texts are UTF-8. Keys may be anything but arrays and maps. Pairs may stand in any order;
//!   should another key than `"action"` occur twice, the last one counts.
//! * Arrays and maps nest 32 deep at most, the message itself counted; a message holds 65,536
//!   values at most, counting each key, each value and each array or map itself.
//!
//! A payload that is broken, that goes beyond one of these bounds, or that has something behind its
//! value ends the connection. One that is good MessagePack, but no message (nil, a number, a map
//! without `"action"`, or with two), is left out and reported, and the next frame is read as if
//! nothing had been.
//!
//! | first byte | value | then come |
//! | --- | --- | --- |
//! | `00` … `7f` | 0 … 127 | |
//! | `80` … `8f` | a map of 0 … 15 pairs | key, value, key, value, … |
//! | `90` … `9f` | an array of 0 … 15 values | the values |
//! | `a0` … `bf` | a text of 0 … 31 bytes | the bytes |
//! | `c0` `c2` `c3` | nil, false, true | |
//! | `c4` `c5` `c6` | bytes | a length of 1, 2, 4 bytes; the bytes |
//! | `c7` `c8` `c9` | an extension | a length of 1, 2, 4 bytes; a type, one byte; the bytes |
//! | `ca` `cb` | a float | 4, 8 bytes of IEEE 754 |
//! | `cc` `cd` `ce` `cf` | an unsigned integer | 1, 2, 4, 8 bytes |
//! | `d0` `d1` `d2` `d3` | a signed integer | 1, 2, 4, 8 bytes, two's complement |
//! | `d4` `d5` `d6` `d7` `d8` | an extension of 1, 2, 4, 8, 16 bytes | a type, one byte; the bytes |
//! | `d9` `da` `db` | a text | a length of 1, 2, 4 bytes; the bytes |
//! | `dc` `dd` | an array | a length of 2, 4 bytes; the values |
//! | `de` `df` | a map | a length of 2, 4 bytes; the pairs |
//! | `e0` … `ff` | −32 … −1 | |
//!
//! `c1` is no MessagePack. Everything of more than one byte has its highest byte first. The
//! extension of type −1 is a point in time, as MessagePack has it.
//!
//! # The greeting
//!
//! The server speaks first, at once, and a client waits for that: nothing but a greeting may come
//! first. Here is the one of a game "dots", version "2":
//!
//! ```text
//! 00 00 00 44                 | 68 bytes follow
//! 82                          | a map of 2 pairs
//! a6 61 63 74 69 6f 6e        |   "action"
//! a9 63 6f 6e 6e 65 63 74     |   "connect
//!    65 64                    |      ed"
//! a7 68 65 78 61 70 6f 64     |   "hexapod"
//! 84                          |   a map of 4 pairs
//! a4 77 69 72 65              |     "wire"
//! 01                          |     1: the version of what this page says
//! a4 67 61 6d 65              |     "game"
//! a4 64 6f 74 73              |     "dots"
//! a7 76 65 72 73 69 6f 6e     |     "version"
//! a1 32                       |     "2"
//! a9 6d 61 78 5f 66 72 61     |     "max_fra
//!    6d 65                    |        me"
//! ce 00 10 00 00              |     1048576: the longest payload that the server accepts
//! ```
//!
//! A client that does not know the key `"hexapod"` passes over it. Where a game has not set its
//! name and version, the two are empty texts. A server that is full says `"full": true` in it, as a
//! fifth pair, and closes.
//!
//! A server need not say the key. Then there is no hello, no heartbeat and no goodbye, and all that
//! a client of hexapod wants of it is `{"action": "connected"}` within ten seconds.
//!
//! # The hello
//!
//! A client that wants heartbeats and reasons answers with a hello, as its very first frame:
//!
//! ```text
//! 00 00 00 38                 | 56 bytes follow
//! 85                          | a map of 5 pairs
//! a6 61 63 74 69 6f 6e        |   "action"
//! a6 24 68 65 6c 6c 6f        |   "$hello"
//! a4 77 69 72 65              |   "wire"
//! 01                          |   1
//! a4 67 61 6d 65              |   "game"
//! a4 64 6f 74 73              |   "dots"
//! a7 76 65 72 73 69 6f 6e     |   "version"
//! a1 32                       |   "2"
//! a9 6d 61 78 5f 66 72 61     |   "max_fra
//!    6d 65                    |      me"
//! ce 00 10 00 00              |   1048576: the longest payload that the client accepts
//! ```
//!
//! All four fields have to be there, or the connection ends; others are passed over. `wire`, `game`
//! and `version` have to be the server's. Where they differ, a client says its hello all the same
//! and closes, and the server says goodbye; a client that fits every version repeats what the
//! greeting says. After its hello a client may speak at once: it is not answered.
//!
//! Nobody sends the other a payload longer than its `max_frame`.
//!
//! A client that begins with anything else, or says nothing, is *plain*, and stays so: it is never
//! asked for signs of life and hears nothing whose action begins with `$`, and what it says with
//! such an action is the game's. Between a client that has said hello and a server that has sent
//! the key `"hexapod"`, all actions that begin with `$` are control messages. One that is not known
//! is passed over: later versions may have more.
//!
//! # Heartbeats
//!
//! Each side asks the other from time to time, at once after the hello and then every five seconds
//! by default. The number is any unsigned integer:
//!
//! ```text
//! 00 00 00 11                 | 17 bytes follow
//! 82                          | a map of 2 pairs
//! a6 61 63 74 69 6f 6e        |   "action"
//! a5 24 70 69 6e 67           |   "$ping"
//! a1 6e                       |   "n"
//! 01                          |   1
//! ```
//!
//! The answer has the same number, and should not wait, because the time that it takes is measured:
//!
//! ```text
//! 00 00 00 11                 | 17 bytes follow
//! 82                          | a map of 2 pairs
//! a6 61 63 74 69 6f 6e        |   "action"
//! a5 24 70 6f 6e 67           |   "$pong"
//! a1 6e                       |   "n"
//! 01                          |   1
//! ```
//!
//! Any byte is a sign of life, not only a pong. Who gives none for twenty seconds is disconnected.
//! A client need not ask; it has to answer.
//!
//! # Goodbyes
//!
//! The last frame of the side that ends a connection, where the other side is no plain peer:
//!
//! ```text
//! 00 00 00 25                 | 37 bytes follow
//! 83                          | a map of 3 pairs
//! a6 61 63 74 69 6f 6e        |   "action"
//! a4 24 62 79 65              |   "$bye"
//! a4 63 6f 64 65              |   "code"
//! a6 6b 69 63 6b 65 64        |   "kicked"
//! a4 74 65 78 74              |   "text"
//! a6 65 6e 6f 75 67 68        |   "enough"
//! ```
//!
//! | code | who says it | text |
//! | --- | --- | --- |
//! | `kicked` | a server | the game's words, the first 500 characters of them |
//! | `shutdown` | a server | empty |
//! | `closed` | either, because its game wants to | empty |
//! | `ended` | either, because of the other side's fault | which, in words for people |
//!
//! A code that is not known is read as `ended`; so is a client's `kicked` or `shutdown`.
//!
//! Who has said goodbye writes nothing more, shuts down the writing half of its connection, reads
//! and throws away what still comes, and closes when the other side has closed too, or after five
//! seconds. That is what makes a goodbye arrive: a system that closes a socket with unread data in
//! it throws away what it has not delivered.
//!
//! Who hears a goodbye does the same without saying one: it writes what it had sent before, and
//! closes. Where one end just closes, or shuts down its writing half, all that it has said is
//! heard and answered, and then the other end closes: that too is a normal end, `Closed`.
//!
//! # A client in Python
//!
//! It needs nothing but Python 3. It says hello, then one message, answers heartbeats, and prints
//! what it hears until the server says goodbye.
//!
//! ```python
//! import socket, struct, sys
//!
//! GAME, VERSION = "dots", "2"
//! CONSTANTS = {0xc0: None, 0xc2: False, 0xc3: True}
//! NUMBERS = {0xca: "f", 0xcb: "d", 0xcc: "B", 0xcd: "H", 0xce: "I", 0xcf: "Q",
//!            0xd0: "b", 0xd1: "h", 0xd2: "i", 0xd3: "q"}
//! LENGTHS = {0xc4: "B", 0xc5: "H", 0xc6: "I", 0xd9: "B", 0xda: "H", 0xdb: "I",
//!            0xdc: "H", 0xdd: "I", 0xde: "H", 0xdf: "I"}
//!
//! def pack(value):
//!     if value is None or isinstance(value, bool):
//!         return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
//!     if isinstance(value, int):
//!         return struct.pack(">Bq", 0xd3, value)
//!     if isinstance(value, float):
//!         return struct.pack(">Bd", 0xcb, value)
//!     if isinstance(value, str):
//!         return struct.pack(">BI", 0xdb, len(value.encode())) + value.encode()
//!     if isinstance(value, dict):
//!         pairs = (pack(key) + pack(item) for key, item in value.items())
//!         return struct.pack(">BI", 0xdf, len(value)) + b"".join(pairs)
//!     return struct.pack(">BI", 0xdd, len(value)) + b"".join(map(pack, value))
//!
//! def unpack(read):
//!     head = read(1)[0]
//!     number = lambda form: struct.unpack(">" + form, read(struct.calcsize(form)))[0]
//!     if head < 0x80 or head >= 0xe0:
//!         return head if head < 0x80 else head - 0x100
//!     if head in CONSTANTS or head in NUMBERS:
//!         return number(NUMBERS[head]) if head in NUMBERS else CONSTANTS[head]
//!     size = number(LENGTHS[head]) if head in LENGTHS else head & (31 if head >= 0xa0 else 15)
//!     if head < 0x90 or head >= 0xde:
//!         return dict((unpack(read), unpack(read)) for _ in range(size))
//!     if head < 0xa0 or head >= 0xdc:
//!         return [unpack(read) for _ in range(size)]
//!     return read(size) if head in (0xc4, 0xc5, 0xc6) else read(size).decode()
//!
//! stream = socket.create_connection((sys.argv[1], int(sys.argv[2]))).makefile("rwb")
//!
//! def send(action, **fields):
//!     payload = pack(dict(fields, action=action))
//!     stream.write(struct.pack(">I", len(payload)) + payload)
//!     stream.flush()
//!
//! while stream.read(4):  # the length of a frame; its payload ends where its value does
//!     message = unpack(stream.read)
//!     action = message.pop("action")
//!     if action == "connected" and "hexapod" in message:
//!         send("$hello", wire=1, game=GAME, version=VERSION, max_frame=1 << 20)
//!         send("say", text="hello from Python", numbers=[1, -2, 3.5, True])
//!     elif action == "$ping":
//!         send("$pong", n=message["n"])
//!     elif action == "$bye":
//!         print("the end:", message["code"], message["text"], flush=True)
//!     elif not action.startswith("$"):
//!         print(action, message, flush=True)
//! ```
//!
//! Next: [for those who come from Python](super::_09_from_python).
