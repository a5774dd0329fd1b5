//! The base of every other room: names of workloads, endpoints, outcomes, patterns, hashes, chance.
//!
//! Nothing here knows of configuration or of policies. The rest of the crate and its users name these modules by
//! their paths at the root of the crate.

pub mod endpoint;
pub mod field;
pub mod grpc;
pub mod hash;
pub mod identity;
pub(crate) mod nearest;
pub mod outcome;
pub(crate) mod pattern;
pub(crate) mod request;
pub mod rng;
pub mod text_map;
pub mod units;
