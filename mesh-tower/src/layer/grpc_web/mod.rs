//! Lets pages call gRPC services: grpc-web on one side, gRPC on the other (RF-6).
//!
//! A port with the protocol GRPC-WEB (by its name, or by `appProtocol`) serves pages besides gRPC callers. The layers
//! within see gRPC, so that timeouts, retries and outlier detection read the status of the call. The route was matched
//! before, by the request as it arrived. [`mesh_core::grpc_web`] encodes and decodes.
//!
//! An answer that is not gRPC, for example an error page of a proxy, becomes the gRPC status of its HTTP status, with at
//! most 16 KiB of its text as the message.
//!
//! [`GrpcWebLayer::new`] also works around a gRPC server of your own, on any port.
//!
//! # Readiness
//! The inner service's.
//!
//! # Clone
//! Clones share no state.
//!
//! # Errors
//! A body that should be base64 and is not: 400. Errors of the inner service become answers to a page: from here on,
//! [`Error::response`](crate::Error::response) makes them 200 with `grpc-status`.
//!
//! # Cancellation
//! The layer holds no state.
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
