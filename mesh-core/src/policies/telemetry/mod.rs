//! What is told about a request: labels, log lines and trace context, all pure.
//!
//! The adapters own counters, queues and exporters; here stands what goes into them, so that the
//! library, the proxy and the test kit write the same line and count under the same labels.

pub mod access_log;
pub mod labels;
pub mod trace;
