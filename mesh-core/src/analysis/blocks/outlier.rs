//! Outlier detection (OD-1): a DestinationRule may write it, and the mesh config may.

use super::{PolicyResult, located};
use crate::api::istio::OutlierDetection;
use crate::outlier::{OutlierParts, OutlierPolicy};

/// Outlier detection as written.
pub(crate) fn outlier(written: &OutlierDetection) -> PolicyResult<OutlierPolicy> {
    let parts = OutlierParts {
        split_external_local_origin_errors: written.split_external_local_origin_errors,
        consecutive_local_origin_failures: written.consecutive_local_origin_failures,
        consecutive_gateway_errors: written.consecutive_gateway_errors,
        consecutive_5xx_errors: written.consecutive_5xx_errors,
        interval: written.interval,
        base_ejection_time: written.base_ejection_time,
        max_ejection_percent: written.max_ejection_percent,
        min_health_percent: written.min_health_percent,
        http_error_codes: &written.outlier_detection_http_error_codes,
    };
    OutlierPolicy::of_parts(parts).map_err(|errors| located(errors, &[("", Some(&written.at))]))
}
