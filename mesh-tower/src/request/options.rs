//! What one call wants otherwise than its rule says (RT-18, OU-4).
//!
//! Rules are written for all calls of a kind; now and then a caller knows better: this report may take
//! a minute, this POST may be repeated, this probe must meet `v2`. Headers could say some of it, as text
//! that nobody checks; this says it in types, and to this process only: what arrives over a connection
//! has no options.
//!
//! An option beats a control header, which beats the rule, which beats the mesh's default. Options say
//! how a call is made. They say nothing about who may call: security is decided elsewhere.
//!
//! # Example
//! ```no_run
//! # async fn example(client: mesh_tower::Client) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! use mesh_tower::{Body, CallOptions};
//!
//! let order = http::Request::post("http://orders/").body(Body::from("…"))?;
//! let options = CallOptions::new().timeout(Duration::from_secs(2)).idempotent(true);
//! let response = client.request_with(order, options).await?;
//! # Ok(()) }
//! ```
//! With tonic, put the options into the request's extensions; the channel passes them on.

use std::sync::Arc;
use std::time::Duration;

use mesh_core::balance::HashKey;
use mesh_core::fault::FaultPolicy;
use mesh_core::retry::{RetryOn, RetryPolicy, UnknownToken};

/// Options of one call; an extension of its request.
///
/// # Clone
/// A clone is the same options.
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

/// What a timeout bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallTimeout {
    /// Until the response's last byte; zero is without limit.
    Whole(Duration),
    /// Until its headers.
    Headers(Duration),
}

impl CallOptions {
    /// Options that change nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the rule's `timeout`, which bounds everything until the response's last byte (RT-1). Zero
    /// is without limit.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(CallTimeout::Whole(limit));
        self
    }

    /// Replaces the rule's `timeout` by a limit on the time until response headers: for a stream, which
    /// may go on for as long as it likes once it has begun.
    ///
    /// The server is not told of it. A deadline that the call inherits, or that its `grpc-timeout` sets,
    /// holds for the whole of it all the same.
    pub fn timeout_to_headers(mut self, limit: Duration) -> Self {
        self.timeout = Some(CallTimeout::Headers(limit));
        self
    }

    /// Replaces the rule's retries; obeyed to the letter, also for a POST (RT-19).
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(Arc::new(RetryPolicy { written: true, ..policy }));
        self
    }

    /// The same from a number and conditions as in a rule, such as `"5xx,reset"` (RT-8).
    ///
    /// # Errors
    /// If a condition is unknown.
    pub fn retries(self, attempts: u32, on: &str) -> Result<Self, UnknownToken> {
        let (on, status_codes) = RetryOn::parse(on)?;
        Ok(self.retry(RetryPolicy { attempts, on, status_codes, ..RetryPolicy::default_policy() }))
    }

    /// Without retries.
    pub fn no_retries(self) -> Self {
        self.retry(RetryPolicy::off())
    }

    /// Whether sending it twice does what sending it once does: then the default policy may repeat it as
    /// it may a GET (RT-19).
    pub fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = Some(idempotent);
        self
    }

    /// Goes to this subset of the destination that the rule draws; 503 `NC` if there is none.
    pub fn subset(mut self, name: impl Into<Arc<str>>) -> Self {
        self.subset = Some(name.into());
        self
    }

    /// Hashes this in place of what the destination's `consistentHash` names: the call goes where a
    /// request goes whose header or cookie has this value. It is nothing to a destination that does not
    /// balance by hash.
    pub fn hash_key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.hash_key = Some(HashKey::new(key));
        self
    }

    /// Injects these faults in place of the rule's, once for the call: retries never see them (FI-6).
    pub fn fault(mut self, policy: FaultPolicy) -> Self {
        self.fault = Some(Arc::new(policy));
        self
    }

    /// Injects these faults into each attempt, so that the retries meet them (FI-10).
    pub fn attempt_fault(mut self, policy: FaultPolicy) -> Self {
        self.attempt_fault = Some(Arc::new(policy));
        self
    }
}

/// Marks the calls of a gRPC channel of ours, which heeds what servers say of retries (RT-16).
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByChannel;
