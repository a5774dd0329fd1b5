//! The end of one request, for its metrics and its line in the access log.

use std::borrow::Cow;
use std::time::Duration;

use mesh_core::telemetry::labels::ResponseFacts;

use crate::error::Error;

/// The facts of a request that has ended.
pub(super) struct Summary<'a> {
    pub(super) facts: ResponseFacts,
    /// `None`: the record has the details.
    pub(super) details: Option<Cow<'a, str>>,
    pub(super) sizes: Sizes,
    pub(super) duration: Duration,
    pub(super) error: Option<&'a Error>,
}

/// Body sizes of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) received: u64,
    pub(super) sent: u64,
}
