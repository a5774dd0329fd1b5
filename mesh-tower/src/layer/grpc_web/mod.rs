//! Lets pages call gRPC services: grpc-web on one side, gRPC on the other (RF-6).
//!
//! A port whose protocol is GRPC-WEB (its name, or `appProtocol`) serves pages besides gRPC callers. What
//! stands further in sees gRPC, so that timeouts, retries and outlier detection read the status of the call;
//! the rules were chosen by the request as it came. What is written differently is decided in
//! [`mesh_core::grpc_web`].
//!
//! An answer that is no gRPC, such as an error page of something in between, becomes the status that stands
//! for it, with at most 16 KiB of its text as the message.
//!
//! [`GrpcWebLayer::new`] also serves around a gRPC server of one's own, whatever the port.
//!
//! # Readiness
//! The inner service's.
//!
//! # Clone
//! Nothing is shared.
//!
//! # Errors
//! A body that is not the base64 that it is said to be: 400. Errors of the inner service become answers
//! to a page, which [`Error::response`](crate::Error::response) knows from then on: 200 with `grpc-status`.
//!
//! # Cancellation
//! Nothing is held.
//!
//! # Example
//! ```
//! use mesh_tower::grpc_web::GrpcWebLayer;
//! use tower::ServiceBuilder;
//!
//! # use http::{Request, Response};
//! # use mesh_tower::{Body, BoxError};
//! # async fn grpc(_: Request<Body>) -> Result<Response<Body>, BoxError> { Ok(Response::default()) }
//! let service = ServiceBuilder::new().layer(GrpcWebLayer::new()).service(tower::service_fn(grpc));
//! ```

mod future;
mod layer;
mod request;
mod response;
mod service;

pub use future::ResponseFuture;
pub use layer::GrpcWebLayer;
pub use response::ResponseBody;
pub use service::GrpcWeb;

#[cfg(test)]
mod tests;
