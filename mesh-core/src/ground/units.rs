//! Amounts that are valid once built.

use std::time::Duration;

use crate::rng::Rng;

/// A share of requests, held as Envoy holds it: a numerator over a million (FI-2).
///
/// `Percent::new(12.5)` hits one request in eight; values between 0 and 0.0001 are refused because
/// they would silently mean "never".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u32);

impl Percent {
    /// Never.
    pub const ZERO: Self = Self(0);
    /// Always.
    pub const HUNDRED: Self = Self(1_000_000);
    /// The least percentage that is ever met.
    const LEAST: f64 = 0.0001;

    /// Makes a share from a percentage.
    ///
    /// # Errors
    /// If `value` is not 0 and not within 0.0001..=100.
    pub fn new(value: f64) -> Result<Self, PercentError> {
        if value == 0.0 {
            Ok(Self::ZERO)
        } else if (Self::LEAST..=100.0).contains(&value) {
            // Truncation is Envoy's rule; the range check keeps it within 1..=1_000_000.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
            Ok(Self((value * 10_000.0) as u32))
        } else {
            Err(PercentError(value))
        }
    }

    /// The same, but what is too small to ever be met is nothing (VA-10).
    pub(crate) fn or_never(value: f64) -> Result<Self, PercentageError> {
        if (0.0..Self::LEAST).contains(&value) {
            Ok(Self::ZERO)
        } else {
            Self::new(value).map_err(|PercentError(value)| PercentageError(value))
        }
    }

    /// Whether this request is one of the share.
    #[must_use]
    pub fn hit(self, rng: &mut impl Rng) -> bool {
        match self {
            Self::ZERO => false,
            Self::HUNDRED => true,
            Self(numerator) => rng.below(1_000_000) < numerator,
        }
    }

    /// The share as a percentage.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }

    /// Whether the share is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// The rule of most durations of a configuration: at least 1 ms, whole milliseconds (Y-6).
pub(crate) fn standard_duration(value: Duration) -> Result<(), &'static str> {
    if value < Duration::from_millis(1) {
        Err("a duration must be at least 1ms")
    } else if value.subsec_nanos().is_multiple_of(1_000_000) {
        Ok(())
    } else {
        Err("a duration must be whole milliseconds")
    }
}

/// A percentage out of range.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is not 0 and not between 0.0001 and 100")]
pub struct PercentError(f64);

/// A number that is no percentage, however small.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("must be between 0 and 100, not {0}")]
pub(crate) struct PercentageError(f64);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SeededRng;

    #[test]
    fn fi_2_percent_truncates_to_a_millionth() {
        assert_eq!(Percent::new(12.5).unwrap(), Percent(125_000));
        assert_eq!(Percent::new(0.0001).unwrap(), Percent(1));
        assert!(Percent::new(0.000_01).is_err());
        assert!(Percent::new(100.1).is_err());
        assert!(Percent::new(-1.0).is_err());
        assert!(Percent::new(f64::NAN).is_err());
    }

    #[test]
    fn fi_2_hits_are_the_share() {
        let mut rng = SeededRng::new(7);
        let percent = Percent::new(10.0).unwrap();
        let hits = (0..100_000).filter(|_| percent.hit(&mut rng)).count();
        assert!((9_600..10_400).contains(&hits), "{hits}");
        assert!(!Percent::ZERO.hit(&mut rng));
        assert!(Percent::HUNDRED.hit(&mut rng));
    }
}
