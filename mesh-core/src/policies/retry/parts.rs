//! A policy from its parts as the configuration has them (RT-7).

use std::time::Duration;

use super::{Backoff, RetryOn, RetryPolicy};
use crate::error::Origin;
use crate::field::{FieldError, FieldErrors};
use crate::nearest::nearest;

/// The parts of a [`RetryPolicy`]; `None` is not written.
#[derive(Clone, Copy, Debug, Default)]
pub struct RetryParts<'a> {
    /// Retries after the first try; 0, the default, switches retries off.
    pub attempts: Option<i32>,
    /// Limit of one try: at least 1 ms, whole milliseconds.
    pub per_try_timeout: Option<Duration>,
    /// Conditions, separated by commas (RT-8).
    pub retry_on: Option<&'a str>,
    /// Whether other localities are preferred after failures.
    pub retry_remote_localities: Option<bool>,
    /// Whether endpoints already tried are avoided.
    pub retry_ignore_previous_hosts: Option<bool>,
    /// Bound of the first wait: at least 1 ms, whole milliseconds.
    pub backoff: Option<Duration>,
}

impl RetryPolicy {
    /// The policy of these parts; what is not written is as in `base`.
    ///
    /// # Errors
    /// Names each field that breaks a rule: a negative number of attempts, a duration below 1 ms or of broken
    /// milliseconds, an unknown condition, and all that says something of retries which `attempts` switches off.
    pub fn of_parts(parts: RetryParts<'_>, base: &Self) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let attempts = parts.attempts.unwrap_or_default();
        errors.not_negative("attempts", attempts);
        if attempts == 0 {
            for (path, is_written) in [
                ("perTryTimeout", parts.per_try_timeout.is_some()),
                ("retryOn", parts.retry_on.is_some_and(|on| !on.is_empty())),
                ("retryRemoteLocalities", parts.retry_remote_localities.is_some()),
            ] {
                if is_written {
                    let error = FieldError::new(path, "`attempts: 0` switches retries off");
                    errors.push(error.hint("write `attempts`, or leave the others out").of_two_fields());
                }
            }
        }
        errors.duration("perTryTimeout", parts.per_try_timeout);
        errors.duration("backoff", parts.backoff);
        let on = conditions(parts.retry_on.unwrap_or_default(), &mut errors);
        let Some(attempts) = u32::try_from(attempts).ok().filter(|attempts| *attempts > 0) else {
            return errors.or(Self::off());
        };
        let mut policy = Self {
            attempts,
            per_try_timeout: parts.per_try_timeout,
            retry_remote_localities: parts.retry_remote_localities.unwrap_or_default(),
            avoid_previous_hosts: parts.retry_ignore_previous_hosts.unwrap_or(base.avoid_previous_hosts),
            backoff: parts.backoff.map_or(base.backoff, Backoff::new),
            written: true,
            origin: Origin::default(),
            ..base.clone()
        };
        if let Some(on) = on {
            (policy.on, policy.status_codes) = on;
        }
        errors.or(policy)
    }
}

/// The conditions; `None` for a blank list.
fn conditions(text: &str, errors: &mut FieldErrors) -> Option<(RetryOn, Vec<u16>)> {
    if text.trim().is_empty() {
        return None;
    }
    RetryOn::parse(text)
        .map_err(|error| {
            let names = RetryOn::NAMES.iter().map(|(name, _)| *name);
            let near = nearest(&error.token, names).map(|name| format!("did you mean `{name}`?"));
            let error = FieldError::new("retryOn", error.to_string());
            errors.push(match near {
                Some(hint) => error.hint(hint),
                None => error,
            });
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(parts: RetryParts<'_>) -> Result<RetryPolicy, String> {
        RetryPolicy::of_parts(parts, &RetryPolicy::default_policy()).map_err(|errors| errors.to_string())
    }

    #[test]
    fn rt_7_what_is_not_written_is_as_in_the_base() {
        let policy = made(RetryParts { attempts: Some(3), retry_on: Some(" "), ..RetryParts::default() });
        let default = RetryPolicy::default_policy();
        assert_eq!(policy, Ok(RetryPolicy { attempts: 3, written: true, ..default }));
        assert_eq!(made(RetryParts::default()), Ok(RetryPolicy::off()));
        let base = RetryPolicy::inbound();
        let parts = RetryParts { attempts: Some(1), retry_on: Some("503"), ..RetryParts::default() };
        let policy = RetryPolicy::of_parts(parts, &base).unwrap();
        assert_eq!((policy.on, &*policy.status_codes), (RetryOn::RETRIABLE_STATUS_CODES, &[503][..]));
        assert!(!policy.avoid_previous_hosts);
    }

    #[test]
    fn rt_7_each_field_that_breaks_a_rule_is_named() {
        let parts = RetryParts {
            attempts: Some(-1),
            per_try_timeout: Some(Duration::from_micros(100)),
            retry_on: Some("5xx,gateway-eror"),
            backoff: Some(Duration::from_nanos(1_500_000)),
            ..RetryParts::default()
        };
        assert_eq!(
            made(parts).unwrap_err(),
            "attempts: must be ≥ 0, not -1; perTryTimeout: a duration must be at least 1ms; \
             backoff: a duration must be whole milliseconds; \
             retryOn: `gateway-eror` is neither a retry condition nor a standard HTTP status"
        );
        let parts = RetryParts { retry_on: Some("5xx"), ..RetryParts::default() };
        assert_eq!(made(parts).unwrap_err(), "retryOn: `attempts: 0` switches retries off");
    }
}
