//! Names of the metrics, and what they mean (ME-1).

use metrics::{Unit, describe_counter, describe_histogram};

pub use mesh_core::telemetry::labels::BUCKETS;

/// Requests, counted when they have ended.
pub const REQUESTS: &str = "istio_requests_total";
/// From the first byte of the request to the last of the response.
pub const DURATION: &str = "istio_request_duration_milliseconds";
/// Sizes of request bodies.
pub const REQUEST_BYTES: &str = "istio_request_bytes";
/// Sizes of response bodies.
pub const RESPONSE_BYTES: &str = "istio_response_bytes";
/// Requests counted under the label value `overflow`, for want of room for another series.
pub const SERIES_OVERFLOW: &str = "mesh_telemetry_series_overflow_total";
/// Access log lines that were not written.
pub const ACCESS_LOG_DROPPED: &str = "mesh_access_log_dropped_total";

/// The histograms whose buckets are [`BUCKETS`]; exporters want to be told (ME-5).
pub const HISTOGRAMS: [&str; 3] = [DURATION, REQUEST_BYTES, RESPONSE_BYTES];

/// Tells the installed recorder what the metrics mean.
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
}
