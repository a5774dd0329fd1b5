//! What a request carries through the stack: its caller, its options, what was decided about it.
//!
//! Layers do not look into one another; what one of them finds out for the others stands here.

pub(crate) mod announced;
mod downstream;
pub(crate) mod expiry;
mod facts;
mod limit;
mod matched;
pub mod options;
pub mod passage;
pub mod record;
mod slot;
pub mod snapshot;
mod undeclared;

pub use downstream::Downstream;
pub(crate) use facts::{Asked, Facts};
pub(crate) use limit::PerTryTimeout;
pub use matched::Matched;
pub(crate) use record::Record;
pub(crate) use slot::{Entered, Open, Slot};
pub(crate) use undeclared::undeclared;
