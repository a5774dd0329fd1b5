//! [`Server`].

use std::convert::Infallible;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, Version};
use tower_service::Service;

use super::{ResponseFuture, Unready};
use crate::body::Body;
use crate::error::BoxError;
use crate::grpc::is_grpc;
use crate::stack::ServerStack;

/// A service of the mesh; see the [module](super).
#[derive(Clone, Debug)]
pub struct Server<S>(pub(super) ServerStack<Unready<S>>);

impl<S, B, ResB> Service<Request<B>> for Server<S>
where
    S: Service<Request<B>, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
    B: http_body::Body + 'static,
    ResB: http_body::Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // `Unready` keeps an error for the call, which answers with it.
        self.0.poll_ready(cx).map(|_| Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let grpc = is_grpc(request.headers());
        let http1 = request.version() < Version::HTTP_2;
        let silent = !http1 && request.method() == Method::HEAD;
        ResponseFuture::new(self.0.call(request), grpc, http1, silent)
    }
}
