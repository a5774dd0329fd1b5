//! Findings that need the whole configuration: conflicts between documents, and hosts that cannot be reached.

pub(super) mod check;
pub(super) mod conflicts;
pub(super) mod ingress;
pub(super) mod known;
pub(super) mod unserved;
