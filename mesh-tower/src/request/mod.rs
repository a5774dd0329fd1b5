//! The facts that a request carries through the stack: its caller, its options, the decisions about it.
//!
//! Layers do not read one another's state: each fact that one layer finds for another has its type here.

pub(crate) mod announced;
mod attempt;
pub mod boxed_request;
mod downstream;
pub(crate) mod expiry;
mod facts;
mod limit;
mod matched;
pub(crate) mod options;
pub mod record;
mod slot;
pub mod snapshot;
mod undeclared;

pub(crate) use attempt::{Attempt, Awaited};
pub use downstream::Downstream;
pub(crate) use facts::{Facts, VariableSource};
pub(crate) use limit::PerTryTimeout;
pub use matched::Matched;
pub(crate) use record::Record;
pub(crate) use slot::{Entered, Open, Slot};
pub(crate) use undeclared::{declared_ports, undeclared};
