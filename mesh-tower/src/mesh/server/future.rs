//! The future of [`Server`](super::Server).

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use tower_service::Service;

use super::Unready;
use crate::body::Body;
use crate::error::{BoxError, Error};
use crate::stack::ServerStack;
use crate::telemetry;

type Inner<S, B> = <ServerStack<Unready<S>> as Service<Request<B>>>::Future;

/// The inner response, or the response made of its error.
#[pin_project::pin_project]
pub struct ResponseFuture<S, B>
where
    ServerStack<Unready<S>>: Service<Request<B>>,
{
    #[pin]
    future: Inner<S, B>,
    grpc: bool,
    http1: bool,
    /// HEAD over HTTP/2: servers would write the body of the error's response.
    silent: bool,
}

impl<S, B> ResponseFuture<S, B>
where
    ServerStack<Unready<S>>: Service<Request<B>>,
{
    pub(super) const fn new(future: Inner<S, B>, grpc: bool, http1: bool, silent: bool) -> Self {
        Self { future, grpc, http1, silent }
    }
}

impl<S, B, ResB> Future for ResponseFuture<S, B>
where
    ServerStack<Unready<S>>:
        Service<Request<B>, Response = Response<telemetry::Body<ResB>>, Error = BoxError>,
    ResB: http_body::Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        Poll::Ready(Ok(match ready!(this.future.poll(cx)) {
            Ok(response) => response.map(Body::new),
            Err(error) => {
                let error = Error::from_box(error);
                let mut response = error.response(*this.grpc);
                if *this.http1 && error.reply().closes() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                if *this.silent { response.map(|_| Body::empty()) } else { response }
            }
        }))
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    ServerStack<Unready<S>>: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
