//! Warm-up of new endpoints (LB-15).

use super::{PolicyResult, located};
use crate::api::istio::WarmupConfiguration;
use crate::balance::{WarmUp, WarmUpParts};

/// Warm-up as written.
pub(crate) fn warm_up(written: &WarmupConfiguration) -> PolicyResult<WarmUp> {
    let parts = WarmUpParts {
        duration: written.duration,
        minimum_percent: written.minimum_percent,
        aggression: written.aggression,
    };
    WarmUp::of_parts(parts).map_err(|errors| located(errors, &[("", Some(&written.at))]))
}
