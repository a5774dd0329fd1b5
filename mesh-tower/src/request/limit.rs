//! The limit of one try, on its way to who keeps it.

use std::time::Duration;

/// How long an attempt may take from the moment it is sent until response headers (RT-3); an
/// extension of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PerTryTimeout(pub(crate) Duration);
