//! Retries (RT-7): a rule may write them, and the mesh config may.

use super::{PolicyResult, located};
use crate::api::istio::HttpRetry;
use crate::retry::{RetryParts, RetryPolicy};

/// Retries as written, on top of `base` where a part is not.
pub(crate) fn retry(written: &HttpRetry, base: &RetryPolicy) -> PolicyResult<RetryPolicy> {
    let parts = RetryParts {
        attempts: written.attempts,
        per_try_timeout: written.per_try_timeout,
        retry_on: written.retry_on.as_deref(),
        retry_remote_localities: written.retry_remote_localities,
        retry_ignore_previous_hosts: written.retry_ignore_previous_hosts,
        backoff: written.backoff,
    };
    RetryPolicy::of_parts(parts, base).map_err(|errors| located(errors, &[("", Some(&written.at))]))
}
