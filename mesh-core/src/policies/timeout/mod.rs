//! How long may a request take, and what do the next hops learn of it? (RT-1 to RT-5)
//!
//! A timeout that stays on one hop makes the hops behind it work for a caller that has left. So
//! the effective timeout becomes a [`Deadline`], an instant, which travels with the request's
//! context and is written into the headers of each attempt as the time left.
//!
//! Worked example: rule `timeout: 2s`, caller's `grpc-timeout: 1500m`: the effective timeout is
//! 1.5 s. An attempt that starts 0.4 s in, with `perTryTimeout: 500ms`, carries
//! `grpc-timeout: 1100000u` and `x-envoy-expected-rq-timeout-ms: 500`.

mod announced;
mod deadline;
pub mod grpc_timeout;
mod policy;

pub use announced::AnnouncedDeadline;
pub use deadline::{Deadline, Elapsed};
pub use policy::{CONTROL_HEADERS, EXPECTED_TIMEOUT, TimeoutHeaders, effective};
