//! Retries from their written block (RT-7): the mesh config writes one, and each rule may.

use crate::api::istio::HttpRetry;
use crate::retry::{Backoff, RetryOn, RetryPolicy};

/// Retries as written, on top of `base` where a part is not (RT-7).
pub(crate) fn policy(written: &HttpRetry, base: &RetryPolicy) -> Result<RetryPolicy, String> {
    let attempts = u32::try_from(written.attempts.unwrap_or_default())
        .map_err(|_| "the number of attempts may not be negative".to_owned())?;
    let origin = written.at.origin();
    if attempts == 0 {
        return Ok(RetryPolicy { origin, ..RetryPolicy::off() });
    }
    let mut policy = RetryPolicy {
        attempts,
        per_try_timeout: written.per_try_timeout,
        retry_remote_localities: written.retry_remote_localities.unwrap_or_default(),
        avoid_previous_hosts: written.retry_ignore_previous_hosts.unwrap_or(base.avoid_previous_hosts),
        backoff: written.backoff.map_or(base.backoff, Backoff::new),
        written: true,
        origin,
        ..base.clone()
    };
    if let Some(on) = written.retry_on.as_deref().filter(|on| !on.trim().is_empty()) {
        (policy.on, policy.status_codes) = RetryOn::parse(on).map_err(|error| error.to_string())?;
    }
    Ok(policy)
}
