//! PodSixNet's frames: one value of rencode, then the terminator.
//!
//! ```text
//! 67 86 … 40 00 2d 2d 2d  00  | 00 2d 2d 2d 00
//! a value; what looks like a  | the terminator,
//! terminator is part of it    | at its end
//! ```
//!
//! PodSixNet itself cuts a frame at the first terminator, wherever it stands. Here the value tells
//! where it ends, so its clients may send what its servers choke on.
//!
//! The search goes on where it stopped. What it has to know there is how many values are still to
//! come, for each container that is open: those that say their length need no entry of their own,
//! so [`DEEPEST`] entries are enough for what is accepted, and the state is kept only while a frame
//! is unfinished. How the values nest is no business of a framing.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

use super::forms::{Form, head};
use crate::frame::{
    Frame, FrameError, Framing, Header, Input, Progress, TERMINATOR, looks_like_other,
};
use crate::limits::DEEPEST;

#[derive(Debug)]
pub(crate) struct RencodeFrames;

impl Framing for RencodeFrames {
    fn find(
        &self,
        input: Input<'_>,
        progress: &mut Progress,
        max: usize,
    ) -> Result<Option<Frame>, FrameError> {
        let mut search = Search::resumed(input, progress, max);
        let found = search.value().and_then(|found| if found { search.end() } else { Ok(None) })?;
        if found.is_none() {
            search.suspend(progress);
        }
        Ok(found)
    }

    fn header(&self, _payload_len: usize) -> Header {
        Header::NONE
    }

    fn trailer(&self) -> &'static [u8] {
        &TERMINATOR
    }

    fn carries(&self, _payload: &[u8]) -> bool {
        // The codec has seen to it.
        true
    }
}

/// The search for the end of a value.
struct Search<'i> {
    input: Input<'i>,
    max: usize,
    /// Where the next head begins, which need not have come yet.
    at: usize,
    /// How many values are to come before the innermost container's end, or the end of all.
    pending: u32,
    /// The same for the containers around it; those up to `open` count.
    outside: [u32; DEEPEST],
    open: usize,
}

impl<'i> Search<'i> {
    fn resumed(input: Input<'i>, progress: &Progress, max: usize) -> Self {
        let (pending, outside) = progress.state.split_last().unwrap_or((&1, &[]));
        let mut search = Self {
            input,
            max,
            at: progress.scanned,
            pending: *pending,
            outside: [0; DEEPEST],
            open: outside.len(),
        };
        for (place, known) in search.outside.iter_mut().zip(outside) {
            *place = *known;
        }
        search
    }

    /// Keeps what has to be known where the search goes on.
    fn suspend(&self, progress: &mut Progress) {
        // Where nothing has come there is nothing to be known.
        if self.at > 0 {
            progress.scanned = self.at;
            progress.state.clear();
            progress.state.extend_from_slice(self.outside.get(..self.open).unwrap_or_default());
            progress.state.push(self.pending);
        }
    }

    /// Goes to the end of the value; tells whether it is known.
    fn value(&mut self) -> Result<bool, FrameError> {
        while self.open > 0 || self.pending > 0 {
            let head = head(self.input, self.at)
                .map_err(|broken| FrameError::Endless { what: broken.what, at: broken.at })?;
            let Some(head) = head else { return Ok(false) };
            if head.form == Form::End {
                self.close()?;
            } else {
                self.pending = self.pending.saturating_sub(1);
            }
            match head.form {
                Form::Fixed(_, values) => {
                    let values = u32::try_from(values).unwrap_or(u32::MAX);
                    self.pending = self.pending.saturating_add(values);
                }
                Form::Open(_) => self.open()?,
                _ => {}
            }
            self.at = head.end;
            // Each value that is to come takes a byte at least.
            let least = self.at.saturating_add(usize::try_from(self.pending).unwrap_or(usize::MAX));
            if least > self.max {
                let looks_like = looks_like_other("PodSixNet's rencode", self.input);
                return Err(FrameError::TooLong { len: least, max: self.max, looks_like });
            }
        }
        Ok(true)
    }

    fn open(&mut self) -> Result<(), FrameError> {
        let what = "lists, tuples and dicts inside of more than 128 others";
        let place = self.outside.get_mut(self.open);
        *place.ok_or(FrameError::Endless { what, at: self.at })? = self.pending;
        self.open = self.open.saturating_add(1);
        self.pending = 0;
        Ok(())
    }

    fn close(&mut self) -> Result<(), FrameError> {
        let around = self.open.checked_sub(1).filter(|_| self.pending == 0);
        let outside = around.and_then(|around| self.outside.get(around));
        let what = "an end where nothing can end";
        self.pending = *outside.ok_or(FrameError::Endless { what, at: self.at })?;
        self.open = self.open.saturating_sub(1);
        Ok(())
    }

    /// Looks for the terminator, which has to follow.
    fn end(&self) -> Result<Option<Frame>, FrameError> {
        let behind = self.input.from(self.at);
        if behind.bytes().zip(TERMINATOR).any(|(byte, expected)| byte != expected) {
            let looks_like = looks_like_other("PodSixNet's rencode", self.input);
            return Err(FrameError::NotTerminated { at: self.at, looks_like });
        }
        let len = self.at.saturating_add(TERMINATOR.len());
        let frame = Frame { payload: 0..self.at, len };
        Ok((behind.len() >= TERMINATOR.len()).then_some(frame))
    }
}
