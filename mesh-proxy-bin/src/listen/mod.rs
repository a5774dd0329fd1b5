//! Follows the plan's listeners: sockets, certificates, and a worker for each core.

mod accept;
pub(crate) mod bind;
pub(crate) mod listeners;
mod tls;
pub(crate) mod worker;
