//! How HTTP/1.1 messages are framed on the wire, in both directions, at the built proxy.

mod answers;
mod requests;
mod targets;
mod uploads;
