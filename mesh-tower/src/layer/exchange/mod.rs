//! One request onto a connection of the endpoint that was picked for it: the innermost service of a stack.
//!
//! ```text
//!  circuit ─▶ balance ─▶ fault ─▶ outlier ─▶ exchange ─▶ pool ─▶ wire
//! ```
//!
//! This is the order of the layers of an attempt. A layer of one's own may stand anywhere between them.
//!
//! [`balance`](crate::balance) has picked, [`outlier`](crate::outlier) records; here is the exchange between the two. It
//! knows the request and its attempt; the [pool](crate::upstream::pool), which it asks, knows destinations and connections only.
//!
//! # Readiness
//! Always ready; refusal happens in `call` (CB-5).
//!
//! # Errors
//! Overflow of the connections' limits `UO`, and every kind of reset; see [`crate::Error`]. Without
//! [`OutlierLayer::per_route`](crate::outlier::OutlierLayer::per_route) around it 503 `UH`, whose cause names that layer.
//!
//! # Cancellation
//! Dropping the future, or the response body, resets the stream, or closes the connection. Before the request has a
//! connection it is only forgotten.

mod body;
mod send;
mod service;

pub use body::ResponseBody;
pub use service::Exchange;
