//! The limit of one try, for the layer that keeps it.

use std::time::Duration;

/// The most time of an attempt between its send and the response headers (RT-3); an extension of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PerTryTimeout(pub(crate) Duration);
