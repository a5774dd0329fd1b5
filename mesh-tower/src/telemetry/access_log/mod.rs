//! The access log: its lines reach the target, and no request ever waits for them (AL-6).
//!
//! ```text
//! request ends -> line made in a buffer of the thread -> queue (bounded) -> writer thread -> target
//!                                                          full: dropped, counted
//! ```

mod line;
mod queue;
mod target;

pub(super) use line::Line;
pub use target::{AccessLog, Lines};
