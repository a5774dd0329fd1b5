//! Names and meanings of the metrics (ME-1).
//!
//! A Prometheus exporter shows histograms as summaries until it is given buckets, and dashboards read
//! `_bucket`. One line of its builder does it, whatever its version:
//!
//! ```
//! use mesh_tower::telemetry::names;
//! use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
//!
//! # fn example() -> Result<PrometheusBuilder, metrics_exporter_prometheus::BuildError> {
//! let prometheus = PrometheusBuilder::new()
//!     .set_buckets_for_metric(Matcher::Prefix(names::ISTIO.into()), &names::BUCKETS)?;
//! # Ok(prometheus) }
//! ```

use mesh_core::circuit::Resource;
pub use mesh_core::telemetry::labels::BUCKETS;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

pub use crate::http::names::*;

/// Requests, counted when they have ended.
pub const REQUESTS: &str = "istio_requests_total";
/// Time from the first byte of the request to the last byte of the response.
pub const DURATION: &str = "istio_request_duration_milliseconds";
/// Sizes of request bodies.
pub const REQUEST_BYTES: &str = "istio_request_bytes";
/// Sizes of response bodies.
pub const RESPONSE_BYTES: &str = "istio_response_bytes";
/// Requests counted under the label value `overflow`, because the cap on series was reached.
pub const SERIES_OVERFLOW: &str = "mesh_telemetry_series_overflow_total";
/// Access log lines that were not written.
pub const ACCESS_LOG_DROPPED: &str = "mesh_access_log_dropped_total";

/// HTTP/2 connections closed by the `h2` crate, which bounds resets, CONTINUATION and small DATA frames.
pub const HTTP2_FLOOD: &str = "mesh_http2_flood_total";
/// Requests over HTTP/1.1 whose head cannot be read or is over the limit; no other metric and no log line reports them.
pub const PROTOCOL_ERROR: &str = "envoy_http_downstream_cx_protocol_error";
/// Connections closed for the head of a request that did not end in time.
pub const HEADER_TIMEOUT: &str = "envoy_http_downstream_rq_header_timeout";
/// The prefix of the names of Istio's metrics; the histograms among them have the buckets [`BUCKETS`].
pub const ISTIO: &str = "istio_";

/// The histograms whose buckets are [`BUCKETS`]; configure the exporter with them (ME-5).
pub const HISTOGRAMS: [&str; 3] = [DURATION, REQUEST_BYTES, RESPONSE_BYTES];

/// Describes the metrics to the installed recorder. A mesh does so when it starts.
pub fn describe() {
    describe_counter!(REQUESTS, "Requests, counted when they have ended");
    describe_histogram!(
        DURATION,
        Unit::Milliseconds,
        "From the first byte of the request to the last of the response"
    );
    describe_histogram!(REQUEST_BYTES, Unit::Bytes, "Sizes of request bodies");
    describe_histogram!(RESPONSE_BYTES, Unit::Bytes, "Sizes of response bodies");
    describe_counter!(SERIES_OVERFLOW, "Requests counted under the label value overflow");
    describe_counter!(ACCESS_LOG_DROPPED, "Access log lines that were not written");
    for (name, meaning) in COUNTERS {
        describe_counter!(name, meaning);
    }
    for (name, meaning) in GAUGES {
        describe_gauge!(name, meaning);
    }
    for resource in Resource::ALL {
        describe_gauge!(resource.open_name(), "Whether this limit is met now");
    }
}

/// Our own counters, and Envoy's of clusters and of its fault filter.
const COUNTERS: [(&str, &str); 32] = [
    ("mesh_config_reload_total", "Loads of the configuration, by what became of them"),
    ("mesh_dns_lookups_total", "Questions to name servers, by what became of them"),
    ("mesh_mirror_requests_total", "Copies of requests, by what became of them"),
    ("envoy_cluster_upstream_rq_total", "Attempts, retries included"),
    ("envoy_cluster_upstream_rq_retry", "Retries"),
    ("envoy_cluster_upstream_rq_retry_success", "Retries that were answered well"),
    ("envoy_cluster_upstream_rq_retry_overflow", "Retries that a limit did not let"),
    ("envoy_cluster_upstream_rq_retry_limit_exceeded", "Requests whose retries were used up"),
    ("envoy_cluster_upstream_rq_timeout", "Requests that ended by their timeout"),
    ("envoy_cluster_upstream_rq_per_try_timeout", "Attempts that ended by the timeout of a try"),
    ("envoy_cluster_upstream_rq_pending_overflow", "Requests refused for want of room to wait"),
    ("envoy_cluster_upstream_reuse_race", "Requests sent again because a kept connection had just closed"),
    ("envoy_cluster_upstream_cx_total", "Connections opened"),
    ("envoy_cluster_upstream_cx_overflow", "Times that the limit of connections was met"),
    ("envoy_cluster_upstream_cx_connect_fail", "Connections that could not be made"),
    ("envoy_cluster_outlier_detection_ejections_enforced_total", "Endpoints ejected"),
    ("envoy_cluster_outlier_detection_ejections_overflow", "Ejections that the share allowed did not let"),
    ("envoy_cluster_lb_healthy_panic", "Picks among all endpoints because too few were healthy"),
    ("envoy_cluster_health_check_attempt", "Health checks"),
    ("envoy_cluster_health_check_success", "Health checks that passed"),
    ("envoy_cluster_health_check_failure", "Health checks that failed"),
    ("envoy_http_fault_delays_injected", "Delays injected"),
    ("envoy_http_fault_aborts_injected", "Aborts injected"),
    ("envoy_http_fault_response_rl_injected", "Slow responses injected"),
    ("envoy_http_fault_faults_overflow", "Faults that their limit did not let"),
    (HTTP2_CONTROL_FLOOD, "Connections closed for a flood of PING, SETTINGS or GOAWAY frames"),
    (HTTP2_PRIORITY_FLOOD, "Connections closed for a flood of PRIORITY or unknown frames"),
    (HTTP2_WINDOW_UPDATE_FLOOD, "Connections closed for a flood of WINDOW_UPDATE frames"),
    (HTTP2_FLOOD, "Connections closed for a flood of resets, CONTINUATION or small DATA frames"),
    (HTTP2_HEADER_OVERFLOW, "Heads and trailers over the limit that came over HTTP/2"),
    (PROTOCOL_ERROR, "Requests over HTTP/1.1 refused because their head cannot be read or is too large"),
    (HEADER_TIMEOUT, "Connections closed for a head that did not end in time"),
];

const GAUGES: [(&str, &str); 9] = [
    ("mesh_config_generation", "The number of the configuration in force"),
    ("mesh_dns_stale_seconds", "Age of the answer that is used although newer ones failed"),
    ("envoy_cluster_membership_total", "Endpoints"),
    ("envoy_cluster_membership_healthy", "Endpoints that are healthy"),
    ("envoy_cluster_health_check_healthy", "Endpoints that pass health checks"),
    ("envoy_cluster_outlier_detection_ejections_active", "Endpoints ejected now"),
    ("envoy_cluster_upstream_rq_active", "Requests now"),
    ("envoy_cluster_upstream_rq_pending_active", "Requests that wait for a connection now"),
    ("envoy_cluster_upstream_cx_active", "Connections now"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn me_5_one_line_gives_every_histogram_its_buckets() {
        assert!(HISTOGRAMS.iter().all(|name| name.starts_with(ISTIO)));
    }
}
