//! The framing of HTTP/1.1 messages on the wire, in both directions, at the built proxy.

mod answers;
mod requests;
mod targets;
mod uploads;
