//! The endpoints and the ways to them.

pub(crate) mod transport;
