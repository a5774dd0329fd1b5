//! The endpoints and the ways to them: the state of destinations, and the connections to them.
//!
//! From the ground up: names become addresses ([`discover`]), destinations have a state ([`state`]), streams are made to
//! addresses (`transport`), health is asked for (`health`), connections are kept and lent ([`pool`]). A plan and its
//! running destinations are [`live`]; a [`worker`] sees them with pools of its own.

pub mod discover;
pub(crate) mod health;
pub mod live;
pub mod pool;
pub mod state;
pub(crate) mod transport;
pub mod worker;
