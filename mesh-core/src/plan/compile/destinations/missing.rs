//! Why a destination has no cluster.

use std::sync::Arc;

use crate::error::Origin;

/// Why there is no such cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Host,
    /// The service has no such port; it has these.
    Port(Vec<u16>),
    /// No rule for the host has the subset; these there are, and the rule's name.
    Subset(Vec<String>, Option<Origin>),
    /// The document of this name describes it, or how it is called, and is refused (Y-12).
    Refused(Arc<str>),
}
