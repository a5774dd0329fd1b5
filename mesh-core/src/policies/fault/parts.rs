//! A policy from its parts as the configuration has them (FI-1, FI-2).

use std::time::Duration;

use super::{Abort, Delay, FaultPolicy, grpc_code};
use crate::field::{FieldError, FieldErrors};
use crate::units::Percent;

/// The parts of a [`FaultPolicy`]; `None` is not written.
#[derive(Clone, Copy, Debug, Default)]
pub struct FaultParts<'a> {
    /// The delay.
    pub delay: Option<DelayParts>,
    /// The abort.
    pub abort: Option<AbortParts<'a>>,
}

/// The parts of a delay.
#[derive(Clone, Copy, Debug, Default)]
pub struct DelayParts {
    /// How long: at least 1 ms, whole milliseconds. Without it nothing is delayed.
    pub fixed_delay: Option<Duration>,
    /// How often, in percent.
    pub percentage: Option<f64>,
    /// How often, where `percentage` is not written; what is not between 0 and 100 is always, as in Envoy.
    pub percent: Option<i32>,
}

/// The parts of an abort.
#[derive(Clone, Copy, Debug, Default)]
pub struct AbortParts<'a> {
    /// The HTTP status, from 200 to 599.
    pub http_status: Option<i32>,
    /// The name of the gRPC status, where no HTTP status is written.
    pub grpc_status: Option<&'a str>,
    /// How often, in percent.
    pub percentage: Option<f64>,
}

impl FaultPolicy {
    /// The policy of these parts. A fault without a share is never injected, as in Istio.
    ///
    /// # Errors
    /// Names each field that breaks a rule: neither delay nor abort, a delay below 1 ms or of broken milliseconds, a
    /// status out of range or without a name, a share that is no percentage (FI-2).
    pub fn of_parts(parts: FaultParts<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        if parts.delay.is_none() && parts.abort.is_none() {
            errors.push(FieldError::new("", "one of `delay` and `abort` is needed"));
        }
        let delay = parts.delay.and_then(|parts| delay(parts, &mut errors));
        let (abort, abort_percent) =
            parts.abort.map_or_else(Default::default, |parts| abort(parts, &mut errors));
        errors.or(Self { delay, abort, abort_percent, ..Self::default() })
    }

    /// Whether no request ever gets a fault of its own.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.delay.is_none() && self.abort.is_none() && self.throttle.is_none()
    }
}

fn delay(parts: DelayParts, errors: &mut FieldErrors) -> Option<Delay> {
    errors.duration("delay.fixedDelay", parts.fixed_delay);
    let percent = match (parts.percentage, parts.percent) {
        (Some(share), _) => errors.share("delay.percentage.value", share),
        (None, Some(percent)) if (0..=100).contains(&percent) => {
            errors.share("delay.percent", f64::from(percent))
        }
        (None, Some(_)) => Percent::HUNDRED,
        (None, None) => Percent::ZERO,
    };
    let duration = parts.fixed_delay.filter(|duration| !duration.is_zero())?;
    Some(Delay { duration, percent })
}

fn abort(parts: AbortParts<'_>, errors: &mut FieldErrors) -> (Option<Abort>, Percent) {
    let status = parts.http_status.and_then(|status| errors.answer_status("abort.httpStatus", status));
    let mut abort = status.map(Abort::http);
    if let Some(name) = parts.grpc_status {
        match grpc_code(name) {
            Some(code) => abort = abort.or(Some(Abort::grpc(code))),
            None => {
                let error = FieldError::new("abort.grpcStatus", format!("{name:?} is not a gRPC status"));
                errors.push(error.hint("a name such as UNAVAILABLE; numbers are not accepted"));
            }
        }
    }
    let percent =
        parts.percentage.map_or(Percent::ZERO, |share| errors.share("abort.percentage.value", share));
    (abort, percent)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn made(delay: Option<DelayParts>, abort: Option<AbortParts<'_>>) -> Result<FaultPolicy, String> {
        let parts = FaultParts { delay, abort };
        FaultPolicy::of_parts(parts).map_err(|errors| errors.to_string())
    }

    #[test]
    fn fi_1_a_fault_without_a_share_is_never_injected() {
        let abort = AbortParts { http_status: Some(503), ..AbortParts::default() };
        let policy = made(None, Some(abort)).unwrap();
        assert_eq!(policy.abort, Some(Abort::http(StatusCode::SERVICE_UNAVAILABLE)));
        assert!(policy.abort_percent.is_zero());
        assert!(made(Some(DelayParts::default()), None).unwrap().is_empty());
    }

    #[test]
    fn fi_1_an_old_percent_out_of_range_is_always() {
        let second = Some(Duration::from_secs(1));
        let share = |percent| {
            let delay = DelayParts { fixed_delay: second, percent: Some(percent), percentage: None };
            made(Some(delay), None).unwrap().delay.unwrap().percent
        };
        assert_eq!(
            [share(0), share(100), share(-1), share(101)].map(Percent::value),
            [0.0, 100.0, 100.0, 100.0]
        );
    }

    #[test]
    fn fi_1_each_field_that_breaks_a_rule_is_named() {
        assert_eq!(made(None, None).unwrap_err(), "one of `delay` and `abort` is needed");
        let delay = DelayParts {
            fixed_delay: Some(Duration::from_micros(1)),
            percentage: Some(101.0),
            percent: None,
        };
        let abort = AbortParts { http_status: Some(99), grpc_status: Some("14"), percentage: Some(-1.0) };
        assert_eq!(
            made(Some(delay), Some(abort)).unwrap_err(),
            "delay.fixedDelay: a duration must be at least 1ms; \
             delay.percentage.value: the percentage 101 is not 0 and not between 0.0001 and 100; \
             abort.httpStatus: must be a status from 200 to 599, not 99; \
             abort.grpcStatus: \"14\" is not a gRPC status; \
             abort.percentage.value: the percentage -1 is not 0 and not between 0.0001 and 100"
        );
    }
}
