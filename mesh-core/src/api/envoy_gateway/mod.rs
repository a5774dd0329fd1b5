//! Envoy Gateway's kinds, as far as they say what Istio's cannot.
//!
//! Istio's API has neither active health checks nor a short rate limit; rather than a dialect of our
//! own this takes those sections of `BackendTrafficPolicy`, word for word. What its other sections
//! say, Istio's own kinds say here: they are refused by name.

mod backend_traffic_policy;

pub use backend_traffic_policy::*;
