//! The context that a handler's outgoing calls inherit from the request it serves: deadline, request id, trace.
//!
//! A caller that waits for 200 ms more gains nothing from a call that may take a minute, and a trace with a gap is two
//! traces. Programs forget to pass these on by hand. So the server layer puts them into a task-local, and the client reads
//! them from there. A task that the handler spawns has no task-local: let it take [`Context::current`] along, as an
//! extension of its requests. The extension wins over the task-local.
//!
//! # Readiness
//! The inner service's, for both layers.
//!
//! # Clone
//! A clone of a [`Context`] has the same deadline, headers and claims.
//!
//! # Errors
//! None of their own. A [timeout layer](crate::timeout) within makes no call whose deadline has passed: 504 `UT`;
//! [`crate::Error::is_timeout`].
//!
//! # Cancellation
//! The layers hold no state.

mod inherit;
mod scope;

use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue};
use mesh_core::identity::Claims;
use mesh_core::telemetry::trace;
use mesh_core::timeout::{EXPECTED_TIMEOUT, grpc_timeout};

pub use inherit::{Inherit, InheritLayer};
pub use scope::{Scope, ScopeLayer};

use crate::clock::now;
use crate::grpc::is_grpc;

tokio::task_local! {
    static CURRENT: Context;
}

/// The facts that pass from an inbound request to the calls made for it.
#[derive(Clone, Debug, Default)]
pub struct Context {
    deadline: Option<Instant>,
    headers: Vec<(HeaderName, HeaderValue)>,
    claims: Option<Claims>,
}

impl Context {
    /// Reads the context of an inbound request: `grpc-timeout` or `x-envoy-expected-rq-timeout-ms`,
    /// and every header that belongs to a trace (TR-1).
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let expected = || {
            let millis = headers.get(EXPECTED_TIMEOUT)?.to_str().ok()?.parse().ok()?;
            Some(std::time::Duration::from_millis(millis))
        };
        let grpc = if is_grpc(headers) { grpc_timeout::of(headers) } else { None };
        let left = [grpc, expected()].into_iter().flatten().min();
        let traced = headers.iter().filter(|(name, _)| trace::is_propagated(name.as_str()));
        Self {
            deadline: left.and_then(|left| now().checked_add(left)),
            headers: traced.map(|(name, value)| (name.clone(), value.clone())).collect(),
            claims: None,
        }
    }

    /// The context of the request that the current task serves; `None` if the task serves no request.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// The instant at which the caller stops waiting.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The same context with this deadline, if it is earlier.
    #[must_use]
    pub fn deadline_at(mut self, deadline: Instant) -> Self {
        self.deadline = Some(self.deadline.map_or(deadline, |before| before.min(deadline)));
        self
    }

    /// The claims of the request's verified token, if it had one.
    #[must_use]
    pub fn claims(&self) -> Option<&Claims> {
        self.claims.as_ref()
    }

    /// The same context with the claims of a token; for authentication, once it has verified it.
    ///
    /// Claims belong to this request only: calls made for it do not inherit them.
    #[must_use]
    pub fn verified(mut self, claims: Claims) -> Self {
        self.claims = Some(claims);
        self
    }

    /// Adds the headers that an outgoing request does not have.
    fn complete(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            if !headers.contains_key(name) {
                headers.insert(name, value.clone());
            }
        }
    }
}
