//! How a destination is called: the DestinationRules of a host, and one cluster for each service, port and subset.

pub(super) mod callable;
pub(super) mod callables;
pub(super) mod clusters;
pub(super) mod destination_rules;
pub(super) mod keys;
pub(super) mod locality;
pub(super) mod missing;
pub(super) mod policies;
pub(super) mod rules;
