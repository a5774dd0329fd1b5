//! The limits of a destination, as Istio's connection pool settings make them.

use std::time::Duration;

use super::{Concurrency, RetryBudget};
use crate::error::Origin;
use crate::headers::FieldLimit;

/// TCP keepalive; what is `None` is the system's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keepalive {
    /// Probes before the connection counts as dead.
    pub probes: Option<u32>,
    /// Idle time before the first probe.
    pub time: Option<Duration>,
    /// Time between probes.
    pub interval: Option<Duration>,
}

/// HTTP/2 PINGs on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http2Keepalive {
    /// Time between PINGs.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// The limits of a destination, and how connections to it are made (CB-2, CB-3).
#[derive(Clone, Debug, PartialEq)]
pub struct CircuitPolicy {
    /// Connections at once.
    pub max_connections: u32,
    /// Requests that wait for a connection.
    pub max_pending_requests: u32,
    /// Requests under way, over HTTP/1 and HTTP/2.
    pub max_requests: u32,
    /// Retries under way, unless there is a `retry_budget`.
    pub max_retries: u32,
    /// Retries as a share of the load (CB-8).
    pub retry_budget: Option<RetryBudget>,
    /// Requests that one connection serves; `None` is without limit, 1 means no reuse.
    pub max_requests_per_connection: Option<u32>,
    /// Streams at once on one HTTP/2 connection.
    pub max_concurrent_streams: u32,
    /// How long a connect may take (CB-9).
    pub connect_timeout: Duration,
    /// How long a connection may stay unused; `None` is without limit.
    pub idle_timeout: Option<Duration>,
    /// TCP keepalive.
    pub tcp_keepalive: Option<Keepalive>,
    /// How old a connection may grow; `None` is without limit.
    pub max_connection_duration: Option<Duration>,
    /// HTTP/2 PINGs.
    pub http2_keepalive: Option<Http2Keepalive>,
    /// How large the head and the trailers of a response may be, each.
    pub max_fields: FieldLimit,
    /// Whether HTTP/1 requests are sent over HTTP/2 (CB-7).
    pub h2_upgrade: bool,
    /// Whether the caller's protocol is used upstream (CB-7).
    pub use_client_protocol: bool,
    /// Where it was written.
    pub origin: Origin,
}

impl CircuitPolicy {
    /// The limit on retries in flight.
    #[must_use]
    pub fn concurrency(&self) -> Concurrency {
        self.retry_budget.map_or(Concurrency::MaxRetries(self.max_retries), Concurrency::Budget)
    }
}

impl Default for CircuitPolicy {
    /// Istio's defaults: no limit that a user would meet.
    fn default() -> Self {
        Self {
            max_connections: u32::MAX,
            max_pending_requests: u32::MAX,
            max_requests: u32::MAX,
            max_retries: u32::MAX,
            retry_budget: None,
            max_requests_per_connection: None,
            max_concurrent_streams: (1 << 31) - 1,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Some(Duration::from_secs(3_600)),
            tcp_keepalive: None,
            max_connection_duration: None,
            http2_keepalive: None,
            max_fields: FieldLimit::default(),
            h2_upgrade: false,
            use_client_protocol: false,
            origin: Origin::default(),
        }
    }
}
