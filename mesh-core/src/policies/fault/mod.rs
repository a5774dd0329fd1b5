//! Is a fault injected? (FI)
//!
//! A timeout or a retry is untested until something fails. A rule may delay or abort
//! a share of its requests; the decision is a value, so that the same seed fails the same requests
//! in a test and in the proxy, and the record of an injected failure says that it was injected.
//!
//! Delay and abort are drawn independently, delay first (FI-3): with `delay 10 %` and `abort 10 %`
//! one request in a hundred is both delayed and aborted. Percentages are Envoy's: 12.5 % is
//! 125,000 of a million, hit by a draw below that (FI-2).

mod grpc;
mod headers;
mod injection;
mod parts;
mod policy;

pub use grpc::grpc_code;
pub use headers::{CONTROL_HEADERS, HeaderFaults};
pub use injection::{Abort, Delay, Injection, Throttle};
pub use parts::{AbortParts, DelayParts, FaultParts};
pub use policy::{ActiveFaults, FaultPolicy};
