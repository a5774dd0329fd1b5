//! Connections to endpoints: opened on first use, shared or lent, watched while idle.
//!
//! Why our own: a pool has to answer questions that general-purpose clients do not. Was a byte of
//! the request written (may it be sent again)? Was the connection used before (a stale one)? Is
//! there room, by Envoy's limits, or is the request refused at once? Is the peer's stream limit
//! reached, so that another connection is due? Here each answer is a field.
//!
//! ```text
//!  checkout ─▶ ready connection? ──yes──────────────────────────▶ lease ─▶ send ─▶ response
//!                 │ no                                              ▲                 │ body ends
//!                 ├─ may dial? ─▶ dial (task of its own) ──────────▶│                 ▼
//!                 └─ else wait in line (bounded: overflow)─────────▶│◀───────── idle / stream freed
//! ```
//!
//! * A dial belongs to the pool, not to the request that caused it: if that request gives up, the
//!   connection serves the next.
//! * HTTP/2: one dial at a time; the least loaded connection with room is used; another one is
//!   opened when all are at the peer's `SETTINGS_MAX_CONCURRENT_STREAMS`.
//! * An idle connection is watched by its task: one that the peer closes is gone before it is
//!   handed out, but for a close that is on its way (RT-20, the reuse race). The pool learns how long
//!   the endpoint keeps idle connections; a request that must not be sent twice gets none whose time
//!   is nearly up.
//! * An endpoint in use that loses its last HTTP/2 connection, or that cannot be reached, is dialled
//!   again in the background, with backoff and jitter, so that it returns without a request having
//!   to fail for it.
//!
//! # Cancellation
//! A dropped checkout leaves the line. A dropped lease closes an HTTP/1.1 connection that was in
//! the middle of an exchange and resets an HTTP/2 stream.

mod cluster;
mod connection;
mod endpoint;
mod failure;
mod handshake;
mod http1;
mod http2;
mod idle;
mod lane;
mod lease;
mod passthrough;
#[cfg(test)]
mod tests;
mod upstream_body;

pub use crate::upstream::transport::{Connect, Connecting, SocketConnector, Stream};
pub(crate) use cluster::{ClusterPool, Picked};
pub(crate) use endpoint::{CheckoutError, EndpointPool, Lease, SWEEP_INTERVAL};
pub use failure::TRAILERS_TOO_LARGE;
pub(crate) use failure::{Broken, Failure};
pub(crate) use passthrough::Passthrough;
pub(crate) use upstream_body::UpstreamBody;
