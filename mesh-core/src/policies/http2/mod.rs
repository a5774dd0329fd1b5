//! Bounds for frames of HTTP/2 that cost their sender nothing (RFC 9113 section 10.5).
//!
//! A PING must be answered, SETTINGS too; a PRIORITY must be looked at. A peer that sends nothing else keeps us busy
//! for 9 bytes apiece. The `h2` crate bounds resets, CONTINUATION and small DATA frames, and counts none of these, so the frames are
//! counted as they are read: [`FrameGuard`] knows the nine bytes of a frame's head and nothing of its payload.

mod allowance;
mod guard;

pub use guard::{Flood, FrameGuard};
