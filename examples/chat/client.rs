//! The client: says what is typed, and prints what arrives. It speaks as repod's own chat client
//! does, or as PodSixNet's, and joins a chat server in Python as well.

use std::sync::mpsc::{Receiver, TryRecvError};

use hexapod::{Client, Dialect, DisconnectReason, msg};

use crate::terminal::{print, safe};

/// How much of a nickname, and of a text, is printed, in characters.
const NICK_CHARS: usize = 64;
const TEXT_CHARS: usize = 2000;

/// How many lines are said in one turn. Whoever pipes a file in is not to overrun the server.
const LINES_PER_TURN: usize = 16;

/// The names of the fields, which differ between the two Python chats.
struct Words {
    text: &'static str,
    nick: &'static str,
    nicks: &'static str,
}

const REPOD: Words = Words { text: "text", nick: "nickname", nicks: "list" };
const PODSIXNET: Words = Words { text: "message", nick: "who", nicks: "players" };

/// Somebody who chats from this terminal.
pub(crate) struct Participant {
    net: Client<View>,
    words: &'static Words,
    view: View,
    has_nick: bool,
}

/// What the handlers leave behind: how the chat ended, once it has.
#[derive(Default)]
pub(crate) struct View {
    end: Option<Result<(), String>>,
}

impl Participant {
    /// Joins with a client that is connected, or about to be. Without a nickname the first line
    /// that is typed will be it.
    pub(crate) fn new(mut net: Client<View>, dialect: Dialect, nick: Option<&str>) -> Self {
        let words = if dialect == Dialect::PODSIXNET { &PODSIXNET } else { &REPOD };
        let first = if nick.is_some() { "" } else { "your nickname first, then " };
        let leave = if cfg!(windows) { "Ctrl-Z and Enter" } else { "Ctrl-D" };
        net.on_connect(move |_| {
            print(&format!("*** you are in: type {first}your messages; {leave} leaves"));
        })
        .on("message", |_, msg| {
            let nick = safe(msg.get(words.nick)?, NICK_CHARS);
            print(&format!("{nick}: {}", safe(msg.get(words.text)?, TEXT_CHARS)));
            Ok(())
        })
        .on("players", |_, msg| {
            let nicks: Vec<&str> = msg.get(words.nicks)?;
            print(&format!("*** players: {}", safe(&nicks.join(", "), TEXT_CHARS)));
            Ok(())
        })
        .on("system", |_, msg| {
            print(&format!("*** {}", safe(msg.get("text")?, TEXT_CHARS)));
            Ok(())
        })
        // Another server may say more than this client understands.
        .on_unhandled(|_, _| {})
        .on_error(|_, fault| print(&format!("*** {fault}")))
        .on_connect_failed(|ctx, error| ctx.state.end = Some(Err(error.to_string())))
        .on_disconnect(|ctx, reason| {
            match reason {
                DisconnectReason::LocalClose => print("*** goodbye"),
                reason => print(&format!("*** the chat is over: {reason}")),
            }
            ctx.state.end = Some(Ok(()));
        });
        if let Some(nick) = nick {
            // It is kept until the connection is up.
            net.send(msg!("nickname", nickname: nick));
        }
        Self { net, words, view: View::default(), has_nick: nick.is_some() }
    }

    /// One turn; tells how the chat ended, once it has, and all that was said has been delivered.
    pub(crate) fn turn(&mut self, typed: &Receiver<String>) -> Option<Result<(), String>> {
        for _ in 0..LINES_PER_TURN {
            // Before the connection is up, lines wait: who closes too early would say nothing.
            if !self.net.is_connected() {
                break;
            }
            match typed.try_recv() {
                Ok(line) => self.say(&line),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => self.net.close(),
            }
        }
        self.net.pump(&mut self.view);
        if self.net.is_closed() { self.view.end.take() } else { None }
    }

    fn say(&mut self, line: &str) {
        let is_nick = !std::mem::replace(&mut self.has_nick, true);
        match line {
            // Nothing said; or no nickname, and the server has one for such people.
            "" => {}
            nick if is_nick => self.net.send(msg!("nickname", nickname: nick)),
            text => self.net.send(msg!("message", (self.words.text): text)),
        }
    }
}
