//! Is there room? (CB)
//!
//! A destination that slows down must not take its callers with it: what is beyond its limits is
//! refused at once, with a flag (`UO`) that distinguishes it from the application's own 503, and is
//! never retried. Limits hold per cluster and process, all threads together (CB-1).
//!
//! ```text
//! call -> requests < maxRequests? -> idle connection? -> go
//!              | no                       | no -> connections < maxConnections? -> dial
//!              v                                         | no -> pending < maxPending? -> wait
//!           503 UO  <----------------------------------------------- no
//! ```
//!
//! Worked example: `maxConnections: 2, http1MaxPendingRequests: 1`: of four slow calls at once two
//! run, one waits and one gets 503 UO within microseconds.

mod concurrency;
mod idle_limit;
mod limits;
mod parts;
mod permit;
mod policy;

pub use concurrency::{Concurrency, RetryBudget};
pub use idle_limit::IdleLimit;
pub use limits::{Limits, Resource};
pub use parts::{BudgetParts, HttpParts, PingParts, PoolParts, TcpParts};
pub use permit::Permit;
pub use policy::{CircuitPolicy, Http2Keepalive, Keepalive};
