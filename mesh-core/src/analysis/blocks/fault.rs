//! Faults of a rule (FI-1, FI-2).

use super::{PolicyResult, located};
use crate::api::istio::HttpFaultInjection;
use crate::fault::{AbortParts, DelayParts, FaultParts, FaultPolicy};

/// Faults as written.
pub(crate) fn fault(written: &HttpFaultInjection) -> PolicyResult<FaultPolicy> {
    let (delay, abort) = (written.delay.as_ref(), written.abort.as_ref());
    let delayed = delay.and_then(|delay| delay.percentage.as_ref());
    let aborted = abort.and_then(|abort| abort.percentage.as_ref());
    let parts = FaultParts {
        delay: delay.map(|delay| DelayParts {
            fixed_delay: delay.fixed_delay,
            percentage: delayed.map(|share| share.value),
            percent: delay.percent,
        }),
        abort: abort.map(|abort| AbortParts {
            http_status: abort.http_status,
            grpc_status: abort.grpc_status.as_deref(),
            percentage: aborted.map(|share| share.value),
        }),
    };
    FaultPolicy::of_parts(parts).map_err(|errors| {
        let blocks = [
            ("", Some(&written.at)),
            ("delay", delay.map(|delay| &delay.at)),
            ("delay.percentage", delayed.map(|share| &share.at)),
            ("abort", abort.map(|abort| &abort.at)),
            ("abort.percentage", aborted.map(|share| &share.at)),
        ];
        located(errors, &blocks)
    })
}
