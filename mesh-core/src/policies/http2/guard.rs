//! The frames of one direction of a connection, counted.

use std::time::Instant;

use super::allowance::Allowance;

const PREFACE: u8 = 24;
const HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// How many PRIORITY frames for each stream, as in Envoy. Also frames of unknown types, which end nowhere: the
/// priorities of RFC 9218 are among them.
const PRIORITIES: u64 = 100;

/// `WINDOW_UPDATE` frames: so many for nothing, two for each stream, and one for every four bytes that were sent. A
/// peer that says for each single DATA frame that it was read, for its stream and for the connection, sends two for
/// ten bytes. Envoy allows twenty.
const UPDATES: u64 = 1_000;
const UPDATES_PER_STREAM: u64 = 2;
const BYTES_PER_UPDATE: u64 = 4;

/// What our answers to a PING and to SETTINGS have: they earn the peer nothing.
const PING_ANSWER: u64 = 17;
const SETTINGS_ANSWER: u64 = 9;

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Flood {
    /// PING, SETTINGS or GOAWAY.
    #[error("a flood of control frames")]
    Control,
    /// PRIORITY, or of no known type.
    #[error("a flood of PRIORITY frames")]
    Priority,
    /// `WINDOW_UPDATE`.
    #[error("a flood of WINDOW_UPDATE frames")]
    WindowUpdate,
    /// Not many frames but one head, or trailers, of too many bytes.
    #[error("a header block that is too large")]
    HeaderBlock,
}

/// Reads along, byte by byte as they come, and counts.
///
/// A frame costs some twenty instructions; what it holds is stepped over.
///
/// ```
/// use std::time::Instant;
/// use mesh_core::http2::{Flood, FrameGuard};
///
/// /// What comes of five thousand PING frames at once.
/// fn flood(now: Instant) -> Option<Flood> {
///     let mut guard = FrameGuard::of_server(64 * 1024);
///     let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
///     (0..5_000).find_map(|_| guard.read(&ping, 0, || now).err())
/// }
/// ```
#[derive(Debug)]
pub struct FrameGuard {
    /// Of a client's preface, still to come.
    preface: u8,
    /// A frame's head, as far as it came.
    head: [u8; HEAD],
    come: u8,
    /// Of the frame's payload, still to come.
    payload: u32,
    /// Whether the fields of a message are being sent, and whether they end with this frame.
    in_block: bool,
    ends_block: bool,
    /// How many bytes they have so far.
    block: u32,
    max_block: u32,
    /// How many blocks were begun.
    streams: u64,
    priorities: u64,
    updates: u64,
    /// How many bytes our answers to control frames have.
    answers: u64,
    control: Allowance,
}

impl FrameGuard {
    /// Of what a client sends: it begins with the preface. A header block may have so many bytes.
    #[must_use]
    pub const fn of_client(max_block: u32) -> Self {
        Self { preface: PREFACE, ..Self::of_server(max_block) }
    }

    /// Of what a server sends.
    #[must_use]
    pub const fn of_server(max_block: u32) -> Self {
        Self {
            preface: 0,
            head: [0; HEAD],
            come: 0,
            payload: 0,
            in_block: false,
            ends_block: false,
            block: 0,
            max_block,
            streams: 0,
            priorities: 0,
            updates: 0,
            answers: 0,
            control: Allowance::new(),
        }
    }

    /// The number of the head, or trailers, that the peer has begun to send and not ended; 0 if there is none. The
    /// preface of a connection is the first.
    #[must_use]
    pub const fn unfinished(&self) -> u64 {
        if self.in_block || self.preface > 0 { self.streams + 1 } else { 0 }
    }

    /// Looks at the bytes that came next. `sent` is how many bytes were sent to the peer so far.
    ///
    /// # Errors
    /// If the peer has sent too much of something.
    pub fn read(&mut self, mut bytes: &[u8], sent: u64, now: impl Fn() -> Instant) -> Result<(), Flood> {
        if self.preface > 0 {
            let skipped = bytes.len().min(self.preface.into());
            self.preface -= skipped as u8;
            bytes = &bytes[skipped..];
        }
        loop {
            let skipped = bytes.len().min(self.payload as usize);
            self.payload -= skipped as u32;
            bytes = &bytes[skipped..];
            if self.payload == 0 && self.ends_block {
                (self.in_block, self.ends_block) = (false, false);
            }
            if bytes.is_empty() {
                return Ok(());
            }
            let come = usize::from(self.come);
            let taken = bytes.len().min(HEAD - come);
            self.head[come..come + taken].copy_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            self.come += taken as u8;
            if usize::from(self.come) < HEAD {
                return Ok(());
            }
            self.come = 0;
            self.begin(sent, &now)?;
        }
    }

    /// A frame's head is here.
    fn begin(&mut self, sent: u64, now: &impl Fn() -> Instant) -> Result<(), Flood> {
        let [high, middle, low, kind, flags, ..] = self.head;
        let length = u32::from_be_bytes([0, high, middle, low]);
        self.payload = length;
        match kind {
            // `h2` bounds empty DATA, and how many streams are reset.
            DATA | RST_STREAM => Ok(()),
            HEADERS | PUSH_PROMISE | CONTINUATION => {
                if kind != CONTINUATION {
                    self.streams += 1;
                    self.block = 0;
                }
                self.in_block = true;
                self.ends_block = flags & END_HEADERS != 0;
                self.block = self.block.saturating_add(length);
                if self.block > self.max_block { Err(Flood::HeaderBlock) } else { Ok(()) }
            }
            WINDOW_UPDATE => {
                self.updates += 1;
                let allowed = UPDATES + UPDATES_PER_STREAM * self.streams + sent / BYTES_PER_UPDATE;
                if self.updates > allowed { Err(Flood::WindowUpdate) } else { Ok(()) }
            }
            SETTINGS | PING | GOAWAY => {
                if flags & ACK == 0 {
                    self.answers += if kind == PING { PING_ANSWER } else { SETTINGS_ANSWER };
                }
                let sent = sent.saturating_sub(self.answers);
                if self.control.take(now(), self.streams, sent) { Ok(()) } else { Err(Flood::Control) }
            }
            _ => {
                self.priorities += 1;
                if self.priorities > PRIORITIES * (1 + self.streams) { Err(Flood::Priority) } else { Ok(()) }
            }
        }
    }
}

#[cfg(test)]
mod tests;
