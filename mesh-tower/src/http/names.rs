//! Names of the counters of what HTTP/2 refuses; [`crate::telemetry::names`] describes them.

/// HTTP/2 connections closed for PING, SETTINGS or GOAWAY frames without end.
pub const HTTP2_CONTROL_FLOOD: &str = "envoy_http2_outbound_control_flood";
/// HTTP/2 connections closed for PRIORITY frames, or frames of unknown types, without end.
pub const HTTP2_PRIORITY_FLOOD: &str = "envoy_http2_inbound_priority_frames_flood";
/// HTTP/2 connections closed for `WINDOW_UPDATE` frames without end.
pub const HTTP2_WINDOW_UPDATE_FLOOD: &str = "envoy_http2_inbound_window_update_frames_flood";
/// Heads and trailers over the limit that came over HTTP/2.
pub const HTTP2_HEADER_OVERFLOW: &str = "envoy_http2_header_overflow";
