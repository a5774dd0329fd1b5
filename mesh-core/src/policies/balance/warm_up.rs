//! New hosts get their share little by little (LB-15).
//!
//! A host that has just started has empty caches and unopened connections; its full share at once
//! makes it slow, and then outlier detection throws it out. While it is warming up its weight is
//! multiplied with `max(minimum, (age / duration)^(1 / aggression))`.
//!
//! Worked example: 60 s, 10 %, aggression 1: after 3 s still 10 %, after 30 s half, after 60 s all.

use std::time::{Duration, Instant};

use crate::field::{FieldError, FieldErrors};

/// Istio's `warmup`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmUp {
    duration: Duration,
    /// Within 0 to 1.
    minimum: f64,
    /// Above 0.
    aggression: f64,
}

/// A warm-up that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WarmUpError {
    /// The least part of its weight is no part.
    #[error("the least part of a weight is within 0 and 1, not {0}")]
    Minimum(f64),
    /// The curve has no shape.
    #[error("the aggression is above 0, not {0}")]
    Aggression(f64),
}

/// The parts of a [`WarmUp`] as the configuration has them; `None` is the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct WarmUpParts {
    /// How long it lasts: at least 1 ms, whole milliseconds. It has no default.
    pub duration: Option<Duration>,
    /// The least part of the weight, in percent.
    pub minimum_percent: Option<f64>,
    /// The shape of the curve; above 0.
    pub aggression: Option<f64>,
}

impl WarmUp {
    /// No host is younger than this.
    const LEAST_AGE: Duration = Duration::from_secs(1);

    /// A warm-up of this length with the defaults: from 10 %, in a line.
    #[must_use]
    pub const fn new(duration: Duration) -> Self {
        Self { duration, minimum: 0.1, aggression: 1.0 }
    }

    /// The same from this part of the weight, 0 to 1, which a host gets at least.
    ///
    /// # Errors
    /// If it is no such part.
    pub fn minimum(self, minimum: f64) -> Result<Self, WarmUpError> {
        if (0.0..=1.0).contains(&minimum) {
            Ok(Self { minimum, ..self })
        } else {
            Err(WarmUpError::Minimum(minimum))
        }
    }

    /// The same in a curve of this shape: 1 is a line, more is faster at the start.
    ///
    /// # Errors
    /// If it is not above 0.
    pub fn aggression(self, aggression: f64) -> Result<Self, WarmUpError> {
        if aggression > 0.0 {
            Ok(Self { aggression, ..self })
        } else {
            Err(WarmUpError::Aggression(aggression))
        }
    }

    /// The warm-up of these parts.
    ///
    /// # Errors
    /// Names each field that breaks a rule: a duration that is missing, below 1 ms or of broken milliseconds, a part
    /// that is no percentage, an aggression that is not above 0.
    pub fn of_parts(parts: WarmUpParts) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        if parts.duration.is_none() {
            errors.push(FieldError::new("", "`duration` is needed"));
        }
        errors.duration("duration", parts.duration);
        let mut warm_up = Self::new(parts.duration.unwrap_or_default());
        errors.percentage("minimumPercent", parts.minimum_percent);
        if let Some(Ok(made)) = parts.minimum_percent.map(|percent| warm_up.minimum(percent / 100.0)) {
            warm_up = made;
        }
        match parts.aggression.map(|aggression| warm_up.aggression(aggression)) {
            Some(Ok(made)) => warm_up = made,
            Some(Err(_)) => errors.push(FieldError::new("aggression", "must be > 0")),
            None => {}
        }
        errors.or(warm_up)
    }

    /// When a host in service since `since` will have warmed up; `None` if it has.
    #[must_use]
    pub fn warm_at(&self, since: Instant, now: Instant) -> Option<Instant> {
        // A warm-up beyond the range of an instant counts as none: full weight at once.
        let warm = since.checked_add(self.duration)?;
        (now < warm).then_some(warm)
    }

    /// The part of its weight that a host in service since `since` has now.
    #[must_use]
    pub fn factor(&self, since: Instant, now: Instant) -> f64 {
        let age = now.saturating_duration_since(since).max(Self::LEAST_AGE);
        if age >= self.duration {
            return 1.0;
        }
        let part = age.as_secs_f64() / self.duration.as_secs_f64();
        let part = if self.aggression == 1.0 { part } else { part.powf(1.0 / self.aggression) };
        part.clamp(self.minimum, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tests::ManualClock;

    fn factor(warm_up: WarmUp, age: f64) -> f64 {
        let start = ManualClock::default().now();
        warm_up.factor(start, start + Duration::from_secs_f64(age))
    }

    #[test]
    fn lb_15_weight_rises_in_a_line_from_ten_percent() {
        let warm_up = WarmUp::new(Duration::from_secs(60));
        let at = |age| factor(warm_up, age);
        assert_eq!(
            [at(0.0), at(3.0), at(6.0), at(30.0), at(45.0), at(60.0), at(9e9)],
            [0.1, 0.1, 0.1, 0.5, 0.75, 1.0, 1.0]
        );
    }

    #[test]
    fn lb_15_no_host_is_younger_than_a_second() {
        let short = WarmUp::new(Duration::from_secs(2));
        assert_eq!([factor(short, 0.0), factor(short, 1.5)], [0.5, 0.75]);
        assert_eq!(factor(WarmUp::new(Duration::from_millis(500)), 0.0), 1.0);
    }

    #[test]
    fn lb_15_a_host_is_warm_when_its_time_is_over() {
        let warm_up = WarmUp::new(Duration::from_secs(5));
        let start = ManualClock::default().now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(warm_up.warm_at(start, at(4)), Some(at(5)));
        assert_eq!(warm_up.warm_at(start, at(5)), None);
        assert_eq!(WarmUp::new(Duration::MAX).warm_at(start, start), None);
    }

    #[test]
    fn lb_15_what_is_no_curve_is_refused() {
        let warm_up = WarmUp::new(Duration::from_secs(5));
        for minimum in [-0.1, 1.1, 10.0, f64::NAN, f64::INFINITY] {
            assert!(warm_up.minimum(minimum).is_err(), "{minimum}");
        }
        for aggression in [0.0, -1.0, f64::NAN] {
            assert!(warm_up.aggression(aggression).is_err(), "{aggression}");
        }
        assert_eq!(warm_up.minimum(0.1).unwrap().aggression(1.0), Ok(warm_up));
    }

    #[test]
    fn lb_15_each_field_that_breaks_a_rule_is_named() {
        let refused = |parts| WarmUp::of_parts(parts).unwrap_err().to_string();
        assert_eq!(refused(WarmUpParts::default()), "`duration` is needed");
        let duration = Some(Duration::from_secs(5));
        let parts = WarmUpParts { duration, minimum_percent: Some(101.0), aggression: Some(0.0) };
        assert_eq!(
            refused(parts),
            "minimumPercent: must be between 0 and 100, not 101; aggression: must be > 0"
        );
        let parts = WarmUpParts { duration, ..WarmUpParts::default() };
        assert_eq!(WarmUp::of_parts(parts), Ok(WarmUp::new(Duration::from_secs(5))));
    }

    proptest! {
        /// The formula, computed another way.
        #[test]
        fn lb_15_the_curve_is_a_power(
            age in 1.0_f64..100.0,
            duration in 2.0_f64..100.0,
            minimum in 0.0_f64..=1.0,
            aggression in 0.1_f64..10.0,
        ) {
            let warm_up = WarmUp::new(Duration::from_secs_f64(duration));
            let warm_up = warm_up.minimum(minimum).unwrap().aggression(aggression).unwrap();
            let expected = ((age / duration).ln() / aggression).exp().max(minimum).min(1.0);
            prop_assert!((factor(warm_up, age) - expected).abs() < 1e-6);
        }

        #[test]
        fn lb_15_weight_never_falls(a in 0.0_f64..100.0, b in 0.0_f64..100.0, aggression in 0.1_f64..10.0) {
            let warm_up = WarmUp::new(Duration::from_secs(60)).aggression(aggression).unwrap();
            prop_assert!(factor(warm_up, a.min(b)) <= factor(warm_up, a.max(b)));
        }
    }
}
