//! Base64 as it comes, in any chunks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// Four characters are three bytes.
const QUAD: usize = 4;

/// A body that is declared as base64 and is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Characters that stand for nothing, or padding that is wrong.
    #[error("the body is not base64")]
    Text,
    /// It ends within four characters; padding is mandatory.
    #[error("the body ends within a group of base64")]
    Length,
}

/// Turns the text of a request back into bytes.
///
/// Padding may stand after any group: a client that encodes each message by itself pads each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decoder {
    held: [u8; QUAD],
    count: usize,
}

impl Decoder {
    /// The bytes that are complete with this piece of text.
    ///
    /// # Errors
    /// If it is not base64; nothing more is to be asked then.
    pub fn push(&mut self, mut text: &[u8]) -> Result<Bytes, Malformed> {
        let mut out = Vec::with_capacity((self.count + text.len()) / QUAD * 3);
        if self.count > 0 {
            let (taken, rest) = text.split_at(text.len().min(QUAD - self.count));
            self.held[self.count..self.count + taken.len()].copy_from_slice(taken);
            self.count += taken.len();
            text = rest;
            if self.count < QUAD {
                return Ok(Bytes::new());
            }
            groups(&self.held, &mut out)?;
        }
        let (whole, rest) = text.split_at(text.len() / QUAD * QUAD);
        groups(whole, &mut out)?;
        self.held[..rest.len()].copy_from_slice(rest);
        self.count = rest.len();
        Ok(out.into())
    }

    /// Whether the text may end here.
    ///
    /// # Errors
    /// If it ends within a group.
    pub const fn finish(&self) -> Result<(), Malformed> {
        if self.count == 0 { Ok(()) } else { Err(Malformed::Length) }
    }
}

/// Decodes whole groups; each that is padded ends a text.
fn groups(mut text: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    while !text.is_empty() {
        let padding = text.iter().position(|byte| *byte == b'=');
        let end = padding.map_or(text.len(), |position| (position / QUAD + 1) * QUAD);
        STANDARD.decode_vec(&text[..end], out).map_err(|_| Malformed::Text)?;
        text = &text[end..];
    }
    Ok(())
}
