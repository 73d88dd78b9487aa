//! [`Sender`]: sending from other threads.
//!
//! A server or client belongs to one thread. What other threads have to say waits in a bounded
//! queue and is sent by the next pump.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::error::SendError;
use crate::id::PeerId;
use crate::message::Outgoing;

/// Sends messages from any thread, through the next pump of the server or client that made it.
///
/// ```
/// use hexapod::{Client, MemoryNetwork, Server, msg};
///
/// let network = MemoryNetwork::new();
/// let addr = "10.0.0.1:5071".parse()?;
/// let mut server = Server::<()>::bind_memory(&network, addr)?;
/// let sender = server.sender();
/// std::thread::spawn(move || sender.send(msg!("news", text: "from another thread")));
/// # server.pump(&mut ());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Its clones send through the same queue.
#[derive(Clone, Debug)]
pub struct Sender {
    letters: SyncSender<Letter>,
    max: usize,
}

/// A message, and to whom it goes: `None` is everybody.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) to: Option<PeerId>,
    pub(crate) message: Outgoing,
}

impl Sender {
    /// Sends a message to everybody who is connected when it is sent. On a client that is the
    /// server, and the message is kept until the connection is up.
    ///
    /// # Errors
    ///
    /// [`SendError::Busy`] if too many wait for the next pump already, [`SendError::NotConnected`]
    /// if the server or client is gone. What goes wrong later goes to `on_error`.
    pub fn send(&self, message: Outgoing) -> Result<(), SendError> {
        self.post(Letter { to: None, message })
    }

    /// Sends a message to one peer.
    ///
    /// # Errors
    ///
    /// As for [`Sender::send`].
    pub fn send_to(&self, id: PeerId, message: Outgoing) -> Result<(), SendError> {
        self.post(Letter { to: Some(id), message })
    }

    fn post(&self, letter: Letter) -> Result<(), SendError> {
        self.letters.try_send(letter).map_err(|error| match error {
            TrySendError::Full(_) => SendError::Busy { max: self.max },
            TrySendError::Disconnected(_) => SendError::NotConnected,
        })
    }
}

/// Where letters wait for the next pump.
#[derive(Debug)]
pub(crate) struct Letterbox {
    sender: Sender,
    letters: Receiver<Letter>,
}

impl Letterbox {
    pub(crate) fn new(max: usize) -> Self {
        let (sender, letters) = sync_channel(max);
        Self { sender: Sender { letters: sender, max }, letters }
    }

    pub(crate) fn sender(&self) -> Sender {
        self.sender.clone()
    }

    pub(crate) fn next(&self) -> Option<Letter> {
        self.letters.try_recv().ok()
    }
}
