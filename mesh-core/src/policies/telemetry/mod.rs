//! Labels, log lines and trace context of a request, all pure.
//!
//! The adapters own counters, queues and exporters; the content of them is made here, so that the
//! library, the proxy and the test kit write the same line and count under the same labels.

pub mod access_log;
pub mod labels;
pub mod trace;
