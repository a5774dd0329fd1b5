//! Faults that a request asks for by header (FI-7).
//!
//! Off unless a workload enables them: then a tester can fail his own requests in a shared system
//! without a rule that fails everybody's.

use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode};

use super::{Abort, Delay, Throttle};
use crate::outcome::GrpcCode;
use crate::units::Percent;

const DELAY: HeaderName = HeaderName::from_static("x-envoy-fault-delay-request");
const DELAY_PERCENT: HeaderName = HeaderName::from_static("x-envoy-fault-delay-request-percentage");
const ABORT: HeaderName = HeaderName::from_static("x-envoy-fault-abort-request");
const ABORT_GRPC: HeaderName = HeaderName::from_static("x-envoy-fault-abort-grpc-request");
const ABORT_PERCENT: HeaderName = HeaderName::from_static("x-envoy-fault-abort-request-percentage");

const THROUGHPUT: HeaderName = HeaderName::from_static("x-envoy-fault-throughput-response");
const THROUGHPUT_PERCENT: HeaderName =
    HeaderName::from_static("x-envoy-fault-throughput-response-percentage");

/// The headers read here; where they may speak they are removed before sending upstream.
pub static CONTROL_HEADERS: [HeaderName; 7] =
    [DELAY, DELAY_PERCENT, ABORT, ABORT_GRPC, ABORT_PERCENT, THROUGHPUT, THROUGHPUT_PERCENT];

/// The largest shares that headers may ask for; zero forbids that fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeaderFaults {
    /// Of delays.
    pub delay: Percent,
    /// Of aborts.
    pub abort: Percent,
    /// Of slow responses.
    pub throughput: Percent,
    /// How many requests may be under a fault at once; `None` is without limit.
    pub max_active: Option<u32>,
}

impl HeaderFaults {
    /// All faults, for at most this share of requests each.
    #[must_use]
    pub const fn up_to(share: Percent) -> Self {
        Self { delay: share, abort: share, throughput: share, max_active: None }
    }

    /// The delay that the headers ask for, if a request may ask for one.
    pub(super) fn asked_delay(self, headers: &HeaderMap) -> Option<Delay> {
        if self.delay.is_zero() {
            return None;
        }
        let millis = number::<u64>(headers, &DELAY)?;
        let percent = share(headers, &DELAY_PERCENT, self.delay);
        Some(Delay { duration: Duration::from_millis(millis), percent })
    }

    /// The abort that the headers ask for, and its share, if a request may ask for one. The HTTP
    /// status wins over the gRPC one; what is out of range is ignored.
    pub(super) fn asked_abort(self, headers: &HeaderMap) -> Option<(Abort, Percent)> {
        if self.abort.is_zero() {
            return None;
        }
        let http = number::<u16>(headers, &ABORT).filter(|code| (200..600).contains(code));
        let http = http.and_then(|code| StatusCode::from_u16(code).ok()).map(Abort::http);
        let grpc = || number::<GrpcCode>(headers, &ABORT_GRPC).filter(|code| *code <= 16).map(Abort::grpc);
        Some((http.or_else(grpc)?, share(headers, &ABORT_PERCENT, self.abort)))
    }

    /// The slow response that the headers ask for, if a request may ask for one.
    pub(super) fn asked_throttle(self, headers: &HeaderMap) -> Option<Throttle> {
        if self.throughput.is_zero() {
            return None;
        }
        let kib = number::<u64>(headers, &THROUGHPUT).filter(|kib| *kib > 0)?;
        let percent = share(headers, &THROUGHPUT_PERCENT, self.throughput);
        Some(Throttle { bytes_per_second: kib.saturating_mul(1024), percent })
    }
}

/// The share asked for, capped by the configured one, which is also what no header means.
fn share(headers: &HeaderMap, name: &HeaderName, cap: Percent) -> Percent {
    let asked = number::<u32>(headers, name).and_then(|percent| Percent::new(percent.into()).ok());
    asked.map_or(cap, |asked| asked.min(cap))
}

fn number<T: std::str::FromStr>(headers: &HeaderMap, name: &HeaderName) -> Option<T> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::fault::{FaultPolicy, Injection};
    use crate::rng::SeededRng;

    fn decide(policy: &FaultPolicy, pairs: &[(&HeaderName, &'static str)]) -> Injection {
        let headers = pairs.iter().map(|(name, value)| ((*name).clone(), HeaderValue::from_static(value)));
        let permitted = policy.headers.expect("enabled");
        permitted.applied_to(policy, &headers.collect()).decide(&mut SeededRng::new(1))
    }

    fn enabled() -> FaultPolicy {
        FaultPolicy { headers: Some(HeaderFaults::up_to(Percent::HUNDRED)), ..FaultPolicy::default() }
    }

    #[test]
    fn fi_7_headers_ask_for_faults() {
        let asked = [(&DELAY, "100"), (&ABORT, "503")];
        let injection = decide(&enabled(), &asked);
        assert_eq!(injection.delay, Some(Duration::from_millis(100)));
        assert_eq!(injection.abort, Some(Abort::http(StatusCode::SERVICE_UNAVAILABLE)));
    }

    #[test]
    fn fi_7_the_configured_share_is_a_cap() {
        let policy = FaultPolicy { headers: Some(HeaderFaults::default()), ..FaultPolicy::default() };
        assert!(decide(&policy, &[(&ABORT, "503"), (&ABORT_PERCENT, "100")]).is_none());
        assert!(decide(&enabled(), &[(&ABORT, "503"), (&ABORT_PERCENT, "0")]).is_none());
    }

    #[test]
    fn fi_7_a_share_of_zero_leaves_the_rule_its_own_fault() {
        let own = Delay { duration: Duration::from_secs(5), percent: Percent::HUNDRED };
        let abort = Abort::http(StatusCode::IM_A_TEAPOT);
        let throttle = Throttle { bytes_per_second: 7, percent: Percent::HUNDRED };
        let policy = FaultPolicy {
            delay: Some(own),
            abort: Some(abort),
            abort_percent: Percent::HUNDRED,
            throttle: Some(throttle),
            headers: Some(HeaderFaults::default()),
            ..FaultPolicy::default()
        };
        let asked = [(&DELAY, "1"), (&ABORT, "503"), (&THROUGHPUT, "1")];
        let injection = decide(&policy, &asked);
        assert_eq!((injection.delay, injection.abort), (Some(own.duration), Some(abort)));
        assert_eq!(injection.throttle, Some(7));
        // Where it may, a header replaces the rule's.
        let headers = Some(HeaderFaults { delay: Percent::HUNDRED, ..HeaderFaults::default() });
        let injection = decide(&FaultPolicy { headers, ..policy }, &asked);
        assert_eq!((injection.delay, injection.abort), (Some(Duration::from_millis(1)), Some(abort)));
    }

    #[test]
    fn fi_7_out_of_range_is_ignored() {
        for (name, value) in [(&ABORT, "199"), (&ABORT, "600"), (&ABORT_GRPC, "17"), (&DELAY, "-1")] {
            assert!(decide(&enabled(), &[(name, value)]).is_none(), "{name}: {value}");
        }
        assert_eq!(decide(&enabled(), &[(&ABORT_GRPC, "14")]).abort, Some(Abort::grpc(14)));
    }

    #[test]
    fn fi_7_a_response_may_be_slowed_down() {
        let asked = decide(&enabled(), &[(&THROUGHPUT, "3")]);
        assert_eq!((asked.throttle, asked.delay, asked.abort), (Some(3 * 1024), None, None));
        assert!(!asked.is_none());
        assert!(decide(&enabled(), &[(&THROUGHPUT, "3"), (&THROUGHPUT_PERCENT, "0")]).is_none());
        assert!(decide(&enabled(), &[(&THROUGHPUT, "0")]).is_none());
    }

    #[test]
    fn fi_7_rules_hold_where_headers_say_nothing() {
        let abort = Abort::http(StatusCode::IM_A_TEAPOT);
        let policy = FaultPolicy { abort: Some(abort), abort_percent: Percent::HUNDRED, ..enabled() };
        assert_eq!(decide(&policy, &[]).abort, Some(abort));
    }
}
