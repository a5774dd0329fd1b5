//! Per-call overrides of the route's policy (RT-18, OU-4).

use std::sync::Arc;
use std::time::Duration;

use mesh_core::balance::HashKey;
use mesh_core::fault::FaultPolicy;
use mesh_core::retry::{RetryOn, RetryPolicy, UnknownToken};

/// Per-call overrides of the route's policy; an extension of the request.
///
/// A rule holds for all calls of a kind, but a caller may know more about one call: this report may take a minute, this
/// POST may be repeated, this probe must reach `v2`. Headers could say some of that, as unchecked text. Options say it in
/// types, and only to this process: a request that arrives over a connection has no options.
///
/// An option beats a control header, which beats the rule, which beats the mesh's default (RT-18). Options never change
/// who may call.
///
/// # Clone
/// Clones have the same options; policies are shared.
///
/// # Example
/// ```no_run
/// # async fn example(client: mesh_tower::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use mesh_tower::{Body, CallOptions};
///
/// let order = http::Request::post("http://orders/").body(Body::from("…"))?;
/// let options = CallOptions::new().timeout(Duration::from_secs(2)).idempotent(true);
/// let response = client.request_with(order, options).await?;
/// # Ok(()) }
/// ```
/// With tonic, put the options into the request's extensions; the channel passes them on.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct CallOptions {
    pub(crate) timeout: Option<CallTimeout>,
    pub(crate) retry: Option<Arc<RetryPolicy>>,
    pub(crate) idempotent: Option<bool>,
    pub(crate) subset: Option<Arc<str>>,
    pub(crate) hash_key: Option<HashKey>,
    pub(crate) fault: Option<Arc<FaultPolicy>>,
    pub(crate) attempt_fault: Option<Arc<FaultPolicy>>,
}

/// A call's own timeout, by the end of the time that it bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallTimeout {
    /// Until the response's last byte; zero means no limit.
    Whole(Duration),
    /// Until the response's headers.
    Headers(Duration),
}

impl CallOptions {
    /// Options that change nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the rule's `timeout`, which bounds the call until the response's last byte (RT-1). Zero means no limit.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(CallTimeout::Whole(limit));
        self
    }

    /// Replaces the rule's `timeout` by a limit on the time until response headers: for a stream, which has no limit once
    /// it has begun.
    ///
    /// The call does not announce this limit to the server. A deadline that the call inherits, or that its `grpc-timeout`
    /// sets, still bounds the whole call.
    pub fn timeout_to_headers(mut self, limit: Duration) -> Self {
        self.timeout = Some(CallTimeout::Headers(limit));
        self
    }

    /// Replaces the rule's retries. The policy holds exactly as written, also for a POST (RT-19).
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(Arc::new(RetryPolicy { written: true, ..policy }));
        self
    }

    /// Replaces the rule's retries by a number and conditions as a rule writes them: `"5xx,reset"` (RT-8).
    ///
    /// # Errors
    /// If a condition is unknown.
    pub fn retries(self, attempts: u32, on: &str) -> Result<Self, UnknownToken> {
        let (on, status_codes) = RetryOn::parse(on)?;
        Ok(self.retry(RetryPolicy { attempts, on, status_codes, ..RetryPolicy::default_policy() }))
    }

    /// Makes no retries.
    pub fn no_retries(self) -> Self {
        self.retry(RetryPolicy::off())
    }

    /// Says whether a second request has no further effect: then the default policy may repeat the call like a GET
    /// (RT-19).
    pub fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = Some(idempotent);
        self
    }

    /// Goes to this subset of the destination that the rule draws; 503 `NC` if the subset does not exist.
    pub fn subset(mut self, name: impl Into<Arc<str>>) -> Self {
        self.subset = Some(name.into());
        self
    }

    /// Hashes this key in place of the header or cookie that the destination's `consistentHash` names: the call goes to
    /// the same endpoint as a request with this value. A destination that does not balance by hash ignores it.
    pub fn hash_key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.hash_key = Some(HashKey::new(key));
        self
    }

    /// Injects these faults in place of the rule's, once for the call: no retry follows them (FI-6).
    pub fn fault(mut self, policy: FaultPolicy) -> Self {
        self.fault = Some(Arc::new(policy));
        self
    }

    /// Injects these faults into each attempt, so that retries can follow them (FI-10).
    pub fn attempt_fault(mut self, policy: FaultPolicy) -> Self {
        self.attempt_fault = Some(Arc::new(policy));
        self
    }
}

/// Marks the calls of a [`Channel`](crate::Channel), which obeys the server's pushback on retries (RT-16).
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByChannel;
