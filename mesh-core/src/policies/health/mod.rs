//! Does an endpoint say that it is well? (HC)
//!
//! Outlier detection learns of a dead endpoint from requests that fail. A health check asks before a
//! request is at stake, and finds recovery without one. This room decides what an answer means and
//! when to ask again; the adapter asks.
//!
//! ```text
//!              first answer decides
//!  Unchecked ------------------------> Healthy <------------------------+
//!      |                                  |                             | healthyThreshold
//!      |  first answer decides            | unhealthyThreshold network  | successes in a row
//!      |                                  | failures in a row, or one   |
//!      +-----------------------------> Unhealthy: clear "no" ------------+
//! ```
//!
//! Worked example, the defaults (every 3 s, 1 s patience, 3 failures out, 1 success back): an endpoint
//! whose machine dies is out after 3 · (3 s + 1 s) = 12 s at most, 12.9 s with the jitter of 10 %, for each
//! question waits 3 s from the answer, or the end of patience, before; one that answers 503 is out with
//! that answer; both are back with the first 200.
//!
//! A new endpoint is neither well nor ill: while others are known to be well it waits for its first
//! answer, and until then it counts for nothing where load is spread by health (LB-12 to LB-14).

mod grpc;
mod host;
mod parts;
mod policy;
mod readiness;

pub use grpc::{GRPC_PATH, grpc_request, is_serving};
pub use host::{Finding, HostHealth, State, in_service};
pub use parts::{HealthParts, HttpProbeParts, ProbeKind, TcpProbeParts};
pub use policy::{HealthPolicy, Probe};
pub use readiness::{Readiness, ReadinessCheck, ReadinessPolicy};
