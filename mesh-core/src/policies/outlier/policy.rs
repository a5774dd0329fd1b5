//! Which outcomes are failures, and how long a host is out (OD-1).

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::Origin;

/// Istio's `outlierDetection`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlierPolicy {
    /// Errors in a row that eject; 0 is off.
    pub consecutive_5xx: u32,
    /// 502, 503 and 504 in a row that eject; 0 is off.
    pub consecutive_gateway: u32,
    /// Whether failures to connect and timeouts are counted apart from responses.
    pub split_local_origin: bool,
    /// Local failures in a row that eject, if they are counted apart; 0 is off.
    pub consecutive_local: u32,
    /// The statuses that are errors; empty means 500 to 599.
    pub error_codes: Vec<RangeInclusive<u16>>,
    /// Time between ticks.
    pub interval: Duration,
    /// How long the first ejection lasts.
    pub base_ejection_time: Duration,
    /// The largest share of hosts that may be out, 0 to 100.
    pub max_ejection_percent: u32,
    /// Below this share of healthy hosts all are used (LB-14), 0 to 100; 0 is off.
    pub min_health_percent: u32,
    /// Where it was written.
    pub origin: Origin,
}

impl OutlierPolicy {
    const MAX_EJECTION_TIME: Duration = Duration::from_secs(300);

    /// The longest ejection: five minutes, or the base if that is more (OD-7).
    #[must_use]
    pub fn max_ejection_time(&self) -> Duration {
        Self::MAX_EJECTION_TIME.max(self.base_ejection_time)
    }

    /// How long an ejection with this multiplier lasts.
    #[must_use]
    pub fn ejection_time(&self, multiplier: u32) -> Duration {
        self.base_ejection_time.saturating_mul(multiplier).min(self.max_ejection_time())
    }

    /// Whether one more of `hosts` may be ejected beside `ejected` (OD-6).
    #[must_use]
    pub fn has_room(&self, ejected: usize, hosts: usize) -> bool {
        let after = (ejected as u128 + 1) * 100;
        after <= hosts as u128 * u128::from(self.max_ejection_percent)
    }

    /// Whether a response of this status is an error.
    #[must_use]
    pub fn is_error(&self, status: u16) -> bool {
        if self.error_codes.is_empty() {
            (500..600).contains(&status)
        } else {
            self.error_codes.iter().any(|range| range.contains(&status))
        }
    }
}

impl Default for OutlierPolicy {
    fn default() -> Self {
        Self {
            consecutive_5xx: 5,
            consecutive_gateway: 0,
            split_local_origin: false,
            consecutive_local: 5,
            error_codes: Vec::new(),
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection_percent: 10,
            min_health_percent: 0,
            origin: Origin::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn od_7_ejection_time_is_capped() {
        let policy = OutlierPolicy::default();
        let seconds = |multiplier| policy.ejection_time(multiplier).as_secs();
        assert_eq!([seconds(1), seconds(2), seconds(10), seconds(11)], [30, 60, 300, 300]);
        let slow = OutlierPolicy { base_ejection_time: Duration::from_secs(600), ..policy };
        assert_eq!(slow.ejection_time(3), Duration::from_secs(600));
    }

    #[test]
    fn od_6_with_ten_percent_ten_hosts_are_needed() {
        let policy = OutlierPolicy::default();
        assert!(!policy.has_room(0, 9));
        assert!(policy.has_room(0, 10));
        assert!(!policy.has_room(1, 19));
        assert!(policy.has_room(1, 20));
        assert!(!policy.has_room(0, 0));
        assert!(!OutlierPolicy { max_ejection_percent: 0, ..policy.clone() }.has_room(0, 100));
        assert!(OutlierPolicy { max_ejection_percent: 100, ..policy }.has_room(0, 1));
    }

    #[test]
    fn od_1_error_codes_replace_5xx() {
        let policy = OutlierPolicy { error_codes: vec![429..=429, 503..=504], ..OutlierPolicy::default() };
        assert!(policy.is_error(429) && policy.is_error(504));
        assert!(!policy.is_error(500));
        assert!(OutlierPolicy::default().is_error(500) && !OutlierPolicy::default().is_error(499));
    }
}
