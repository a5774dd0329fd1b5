//! A policy from its parts as the configuration has them (OD-1).

use std::time::Duration;

use super::OutlierPolicy;
use crate::field::{FieldError, FieldErrors};

/// The parts of an [`OutlierPolicy`]; `None` is the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutlierParts<'a> {
    /// Whether failures to connect and timeouts are counted apart from responses.
    pub split_external_local_origin_errors: bool,
    /// Local failures in a row that eject, if they are counted apart; 0 is off.
    pub consecutive_local_origin_failures: Option<u32>,
    /// 502, 503 and 504 in a row that eject; 0 is off.
    pub consecutive_gateway_errors: Option<u32>,
    /// Errors in a row that eject; 0 is off.
    pub consecutive_5xx_errors: Option<u32>,
    /// Time between ticks: at least 1 ms, whole milliseconds.
    pub interval: Option<Duration>,
    /// How long the first ejection lasts: at least 1 ms, whole milliseconds.
    pub base_ejection_time: Option<Duration>,
    /// The largest share of hosts that may be out, 0 to 100.
    pub max_ejection_percent: Option<i32>,
    /// Below this share of healthy hosts all are used, 0 to 100.
    pub min_health_percent: Option<i32>,
    /// The statuses that are errors, 100 to 599; none is 500 to 599.
    pub http_error_codes: &'a [u32],
}

impl OutlierPolicy {
    /// The policy of these parts.
    ///
    /// # Errors
    /// Names each field that breaks a rule: a duration below 1 ms or of broken milliseconds, a share that is no
    /// percentage, local failures that are not counted apart, a number that is no status.
    pub fn of_parts(parts: OutlierParts<'_>) -> Result<Self, FieldErrors> {
        let default = Self::default();
        let mut errors = FieldErrors::default();
        errors.duration("interval", parts.interval);
        errors.duration("baseEjectionTime", parts.base_ejection_time);
        let mut percent = |path, value: Option<i32>, default: u32| {
            errors.percentage(path, value.map(f64::from));
            value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default)
        };
        let max_ejection_percent =
            percent("maxEjectionPercent", parts.max_ejection_percent, default.max_ejection_percent);
        let min_health_percent =
            percent("minHealthPercent", parts.min_health_percent, default.min_health_percent);
        let counts_local = parts.consecutive_local_origin_failures.is_some_and(|count| count > 0);
        if counts_local && !parts.split_external_local_origin_errors {
            let message = "local failures are counted apart only when they are split off";
            let error = FieldError::new("consecutiveLocalOriginFailures", message);
            errors.push(error.hint("set `splitExternalLocalOriginErrors: true`"));
        }
        let mut error_codes = Vec::with_capacity(parts.http_error_codes.len());
        for (index, code) in parts.http_error_codes.iter().enumerate() {
            match u16::try_from(*code).ok().filter(|code| (100..600).contains(code)) {
                Some(code) => error_codes.push(code..=code),
                None => {
                    let message = format!("must be a status from 100 to 599, not {code}");
                    errors.push(FieldError::item("outlierDetectionHttpErrorCodes", index, message));
                }
            }
        }
        errors.or(Self {
            consecutive_5xx: parts.consecutive_5xx_errors.unwrap_or(default.consecutive_5xx),
            consecutive_gateway: parts.consecutive_gateway_errors.unwrap_or(default.consecutive_gateway),
            split_local_origin: parts.split_external_local_origin_errors,
            consecutive_local: parts.consecutive_local_origin_failures.unwrap_or(default.consecutive_local),
            error_codes,
            interval: parts.interval.unwrap_or(default.interval),
            base_ejection_time: parts.base_ejection_time.unwrap_or(default.base_ejection_time),
            max_ejection_percent,
            min_health_percent,
            origin: default.origin,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn od_1_without_parts_it_is_the_default() {
        assert_eq!(OutlierPolicy::of_parts(OutlierParts::default()), Ok(OutlierPolicy::default()));
    }

    #[test]
    fn od_1_each_field_that_breaks_a_rule_is_named() {
        let parts = OutlierParts {
            consecutive_local_origin_failures: Some(3),
            interval: Some(Duration::ZERO),
            base_ejection_time: Some(Duration::from_micros(1_500)),
            max_ejection_percent: Some(101),
            min_health_percent: Some(-1),
            http_error_codes: &[503, 99, 70_000],
            ..OutlierParts::default()
        };
        assert_eq!(
            OutlierPolicy::of_parts(parts).unwrap_err().to_string(),
            "interval: a duration must be at least 1ms; \
             baseEjectionTime: a duration must be whole milliseconds; \
             maxEjectionPercent: must be between 0 and 100, not 101; \
             minHealthPercent: must be between 0 and 100, not -1; \
             consecutiveLocalOriginFailures: local failures are counted apart only when they are split off; \
             outlierDetectionHttpErrorCodes[1]: must be a status from 100 to 599, not 99; \
             outlierDetectionHttpErrorCodes[2]: must be a status from 100 to 599, not 70000"
        );
        let split =
            OutlierParts { split_external_local_origin_errors: true, http_error_codes: &[429], ..parts };
        let split = OutlierParts { interval: None, base_ejection_time: None, ..split };
        let split = OutlierParts { max_ejection_percent: Some(100), min_health_percent: Some(0), ..split };
        assert_eq!(OutlierPolicy::of_parts(split).unwrap().error_codes, [429..=429]);
    }
}
