//! Names of the counters of HTTP/2 floods and overflows; [`crate::telemetry::names`] describes them.

/// HTTP/2 connections closed for a flood of PING, SETTINGS or GOAWAY frames.
pub const HTTP2_CONTROL_FLOOD: &str = "envoy_http2_outbound_control_flood";
/// HTTP/2 connections closed for a flood of PRIORITY frames, or of frames of unknown types.
pub const HTTP2_PRIORITY_FLOOD: &str = "envoy_http2_inbound_priority_frames_flood";
/// HTTP/2 connections closed for a flood of `WINDOW_UPDATE` frames.
pub const HTTP2_WINDOW_UPDATE_FLOOD: &str = "envoy_http2_inbound_window_update_frames_flood";
/// Heads and trailers over the limit that came over HTTP/2.
pub const HTTP2_HEADER_OVERFLOW: &str = "envoy_http2_header_overflow";
