//! The server: who is here, and who says what.
//!
//! It says everything in the words of two Python chats at once, repod's and PodSixNet's, so that
//! the clients of both understand it:
//!
//! ```text
//! to the server   nickname {nickname}   message {text} or {message}
//! to everybody    players {players, list}   message {text, nickname, message, who}   system {text}
//! ```
//!
//! Each listener has its dialect, and all who join are in one chat. To clients that speak JSON the
//! words are repod's. Those of PodSixNet have no `system`, and pass over it.
//!
//! Anybody may come, call themselves what they like, and talk as much as they like: a chat for the
//! whole world would look at that, too.

use std::io::{self, IsTerminal};
use std::mem;
use std::sync::mpsc::TryRecvError;
use std::thread;
use std::time::Duration;

use hexapod::{Context, Dialect, Outgoing, Peer, Server, msg};

use crate::FRAME;
use crate::terminal::{is_harmless, print, safe, typed_lines};

/// The most characters of a nickname. It is said again with every message, so it has to be short.
const NICK_CHARS: usize = 32;

/// The longest text of a message, in bytes. What goes out holds the text twice, and must still be
/// shorter than a frame may be.
const TEXT_BYTES: usize = 64 << 10;

/// How much of a text the log shows, in characters.
const LOGGED_CHARS: usize = 500;

/// How long the end of the chat may take to reach everybody.
const GOODBYE: Duration = Duration::from_secs(2);

/// The server's own state: whether it prints what is going on.
pub(crate) struct Log {
    pub(crate) prints: bool,
}

impl Log {
    fn line(&self, line: &str) {
        if self.prints {
            print(line);
        }
    }
}

/// What the server keeps for each peer.
pub(crate) struct Guest {
    nick: String,
}

impl Default for Guest {
    fn default() -> Self {
        Self { nick: nobody(Dialect::REPOD).to_owned() }
    }
}

/// What somebody is called who has not said a name, in the words of their own chat.
fn nobody(dialect: Dialect) -> &'static str {
    if dialect == Dialect::PODSIXNET { "anonymous" } else { "Anonymous" }
}

/// Makes a chat of a server.
pub(crate) fn open(server: &mut Server<Log, Guest>) {
    server
        .on_connect(|ctx| {
            ctx.data_mut().nick = nobody(ctx.dialect()).to_owned();
            let (id, nick) = (ctx.peer(), &ctx.data().nick);
            let (addr, dialect) = (ctx.addr(), ctx.dialect().name());
            ctx.state.line(&format!("{id} {nick} joined from {addr} ({dialect})"));
            ctx.broadcast(msg!("system", text: format!("{nick} joined the chat")));
            ctx.broadcast(players(ctx));
        })
        .on("nickname", |ctx, msg| {
            let nick = nickname(msg.get("nickname")?, ctx.dialect());
            let old = mem::replace(&mut ctx.data_mut().nick, nick);
            let (id, nick) = (ctx.peer(), &ctx.data().nick);
            if *nick != old {
                ctx.state.line(&format!("{id} {old} is now {nick}"));
                ctx.broadcast(msg!("system", text: format!("{old} is now {nick}")));
            }
            ctx.broadcast(players(ctx));
            Ok(())
        })
        .on("message", |ctx, msg| {
            let text = match msg.get::<Option<&str>>("text")? {
                Some(text) => text,
                None => msg.get("message")?,
            };
            if text.len() > TEXT_BYTES {
                ctx.send(msg!("system", text: "that was too long for a chat"));
                return Ok(());
            }
            let (id, nick) = (ctx.peer(), &ctx.data().nick);
            ctx.state.line(&format!("{id} {nick}: {}", safe(text, LOGGED_CHARS)));
            ctx.broadcast(msg!("message", text: text, nickname: nick, message: text, who: nick));
            Ok(())
        })
        .on_disconnect(|ctx, reason| {
            let (id, nick) = (ctx.peer(), &ctx.data().nick);
            ctx.state.line(&format!("{id} {nick} left: {reason}"));
            ctx.broadcast(msg!("system", text: format!("{nick} left the chat")));
            ctx.broadcast(players(ctx));
        });
}

/// Who is here, in the order in which they came.
fn players(ctx: &Context<'_, Log, Guest>) -> Outgoing {
    let nicks: Vec<_> = ctx.peers().map(|peer| &peer.data().nick).collect();
    msg!("players", players: nicks, list: nicks)
}

/// The nickname that somebody gets who asked for this one.
fn nickname(wanted: &str, dialect: Dialect) -> String {
    let nick: String = wanted.chars().filter(|char| is_harmless(*char)).take(NICK_CHARS).collect();
    match nick.trim() {
        "" => nobody(dialect),
        nick => nick,
    }
    .to_owned()
}

/// Serves until somebody types `quit`.
pub(crate) fn serve(mut server: Server<Log, Guest>) {
    let mut log = Log { prints: true };
    print("type quit to end the chat, or kick NICK and why");
    let mut typed = typed_lines();
    loop {
        match typed.try_recv().as_deref() {
            Ok("quit") => break end(server, &mut log),
            Ok(line) => match line.strip_prefix("kick ") {
                Some(order) => kick(&mut server, order),
                None if line.is_empty() => {}
                None => print("that is neither quit nor kick NICK and why"),
            },
            // The end of the input is no `quit`: a server may well be started without a terminal.
            // And on a terminal there is more to read behind a Ctrl-D.
            Err(TryRecvError::Disconnected) if io::stdin().is_terminal() => typed = typed_lines(),
            Err(_) => {}
        }
        server.pump(&mut log);
        thread::sleep(FRAME);
    }
}

/// Sends somebody away: `bob you are too loud`. The words arrive; `on_disconnect` does the rest.
fn kick(server: &mut Server<Log, Guest>, order: &str) {
    let order = order.trim();
    let (who, why) = order.split_once(' ').unwrap_or((order, ""));
    // The number, as the log shows it, serves where the nickname does not.
    let is_meant = |peer: &Peer<'_, Guest>| peer.data().nick == who || peer.id().to_string() == who;
    let ids: Vec<_> = server.peers().filter(is_meant).map(|peer| peer.id()).collect();
    match ids[..] {
        [] => print(&format!("nobody here is called {who}")),
        [id] => _ = server.kick(id, why.trim()),
        _ => print(&format!("{who} may be any of {ids:?}: kick one of these")),
    }
}

/// Ends the chat for everybody.
pub(crate) fn end(mut server: Server<Log, Guest>, log: &mut Log) {
    server.broadcast(msg!("system", text: "the server ends the chat"));
    if !server.shutdown(log, GOODBYE) {
        print("not everybody could be told in time");
    }
}
