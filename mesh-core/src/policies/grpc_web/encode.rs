//! gRPC messages as base64, while they come.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// A message begins with a flag and its length.
const PREFIX: u8 = 5;

/// Turns the bytes of an answer into text, each message padded by itself.
///
/// A page decodes what it has whenever a message is complete, so a message must not wait for the next
/// one's first byte to fill a group of three.
///
/// ```text
///  prefix, 1..=4 read ──▶ message, left > 0 ──▶ padded
///        ▲   └───────────── length 0 ─────────────┤
///        └────────────────────────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Encoder {
    /// Bytes that do not fill a group of three yet.
    held: [u8; 3],
    count: usize,
    /// How much of the message's prefix was seen.
    prefix: u8,
    /// How much of the message is to come, once the prefix is whole.
    left: u32,
}

impl Encoder {
    /// The text that is complete with these bytes.
    pub fn push(&mut self, mut bytes: &[u8]) -> Bytes {
        let mut out = String::with_capacity((bytes.len() + self.count) / 3 * 4 + 8);
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(self.within_message(bytes));
            self.append(piece, &mut out);
            if self.prefix == PREFIX && self.left == 0 {
                self.prefix = 0;
                self.pad(&mut out);
            }
            bytes = rest;
        }
        out.into()
    }

    /// The text of what is left, of an answer that ends within a message.
    pub fn finish(&mut self) -> Bytes {
        let mut out = String::new();
        self.pad(&mut out);
        out.into()
    }

    /// Whether nothing is held back.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many of these bytes belong to the prefix, or to the message after it.
    fn within_message(&mut self, bytes: &[u8]) -> usize {
        if self.prefix == PREFIX {
            let taken = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= u32::try_from(taken).expect("at most what is left");
            return taken;
        }
        let taken = bytes.len().min(usize::from(PREFIX - self.prefix));
        for byte in &bytes[..taken] {
            // The flag is shifted out by the four bytes of the length.
            self.left = self.left << 8 | u32::from(*byte);
            self.prefix += 1;
        }
        taken
    }

    fn append(&mut self, mut bytes: &[u8], out: &mut String) {
        if self.count > 0 {
            let (taken, rest) = bytes.split_at(bytes.len().min(self.held.len() - self.count));
            self.held[self.count..self.count + taken.len()].copy_from_slice(taken);
            self.count += taken.len();
            bytes = rest;
            if self.count < self.held.len() {
                return;
            }
            STANDARD.encode_string(self.held, out);
        }
        let (whole, rest) = bytes.split_at(bytes.len() / self.held.len() * self.held.len());
        STANDARD.encode_string(whole, out);
        self.held[..rest.len()].copy_from_slice(rest);
        self.count = rest.len();
    }

    fn pad(&mut self, out: &mut String) {
        STANDARD.encode_string(&self.held[..self.count], out);
        self.count = 0;
    }
}

/// All of it at once.
pub(super) fn whole(bytes: &[u8]) -> Bytes {
    STANDARD.encode(bytes).into()
}
