//! Bounds the whole request, all attempts and back-offs included (RT-1, RT-2, RT-4).
//!
//! The clock starts when the request's last byte has been read, and stops with the response's last
//! byte: the body carries the deadline on. What is left is told to the next hop
//! (`x-envoy-expected-rq-timeout-ms`, `grpc-timeout`), so that nobody works for a caller that has
//! gone. A deadline that a handler's request brought along is an instant, which no upload puts off. A timer
//! exists only where a timeout does, and nobody but the caller wakes it once there is a response: a caller that
//! stops reading finds out when it reads on. What has arrived to its end by then, up to 64 KiB, is passed on.
//!
//! A gRPC endpoint that keeps the deadline it was told gives up at the same moment. Its `CANCELLED` or `DEADLINE_EXCEEDED`
//! is our timeout then, in the head and in trailers; in the stack the attempt judges that.
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
