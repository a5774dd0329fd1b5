//! Faults of a route from their written block (FI-1, FI-2).

use std::time::Duration;

use http::StatusCode;

use crate::api::istio::{HttpFaultInjection, Percent as WrittenPercent};
use crate::error::Origin;
use crate::fault::{Abort, Delay, FaultPolicy, grpc_code};
use crate::units::Percent;

/// Faults (FI-1, FI-2).
pub(crate) fn policy(written: &HttpFaultInjection, origin: Origin) -> Result<Option<FaultPolicy>, String> {
    let delay = match &written.delay {
        Some(delay) => {
            delay.fixed_delay.map(|duration| (duration, share(delay.percentage.as_ref(), delay.percent)))
        }
        None => None,
    };
    let delay: Option<Delay> = match delay {
        Some((duration, percent)) => Some(Delay { duration, percent: percent? }),
        None => None,
    };
    let mut policy = FaultPolicy {
        delay: delay.filter(|delay| delay.duration > Duration::ZERO),
        origin,
        ..FaultPolicy::default()
    };
    if let Some(abort) = &written.abort {
        policy.abort = match (abort.http_status, abort.grpc_status.as_deref()) {
            (Some(status), _) => Some(Abort::http(
                u16::try_from(status)
                    .ok()
                    .filter(|status| (200..600).contains(status))
                    .and_then(|status| StatusCode::from_u16(status).ok())
                    .ok_or_else(|| format!("{status} is not an HTTP status from 200 to 599"))?,
            )),
            (None, Some(name)) => {
                let code =
                    grpc_code(name).ok_or_else(|| format!("{name:?} is not the name of a gRPC status"))?;
                Some(Abort::grpc(code))
            }
            (None, None) => None,
        };
        policy.abort_percent = share(abort.percentage.as_ref(), None)?;
    }
    Ok((policy.delay.is_some() || policy.abort.is_some()).then_some(policy))
}

/// A share of requests; none written is 0, as in Istio (FI-1).
fn share(percentage: Option<&WrittenPercent>, deprecated: Option<i32>) -> Result<Percent, String> {
    // The old field goes to Envoy as it is, where whatever is no percentage is all.
    let all = |percent: i32| if (0..=100).contains(&percent) { f64::from(percent) } else { 100.0 };
    let value = percentage.map(|percent| percent.value).or(deprecated.map(all)).unwrap_or_default();
    Percent::new(value).map_err(|error| error.to_string())
}
