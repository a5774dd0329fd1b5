//! Bounds the whole request, all attempts and back-offs included (RT-1, RT-2, RT-4).
//!
//! The clock starts when the request's last byte has been read, and stops with the response's last byte: the body
//! carries the deadline on. The layer announces the time left to the next hop (`x-envoy-expected-rq-timeout-ms`,
//! `grpc-timeout`), so that no server works for a caller that has gone. A deadline that a handler's request brought along
//! is an instant: an upload does not put it off.
//!
//! Only a call with a timeout has a timer. Once there is a response, only the caller's reads poll that timer: a caller
//! that stops reading learns of the timeout when it reads on. If the rest of the response has arrived by then, and has at
//! most 64 KiB, the caller gets it.
//!
//! A gRPC endpoint that keeps the announced deadline gives up at the same moment. Its `CANCELLED` or `DEADLINE_EXCEEDED`
//! is then our timeout, in the head and in trailers; in the stack the attempt judges that.
//!
//! # Readiness
//! The inner service's.
//!
//! # Clone
//! Nothing is shared.
//!
//! # Errors
//! 504 `UT`; gRPC status 4. After response headers the body fails. [`crate::Error::is_timeout`].
//!
//! # Cancellation
//! On expiry the inner call is dropped, which resets its stream.

mod body;
mod bound;
mod future;
mod layer;
mod service;
mod timer;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::TimeoutLayer;
pub use service::Timeout;
pub(crate) use service::Until;

#[cfg(test)]
mod tests;
