//! One HTTP/1.1 connection to an endpoint.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use mesh_core::endpoint::Endpoint;
use tokio::task::AbortHandle;

use super::failure::{Failure, classify};
use super::stream::Written;
use crate::body::Body;
use crate::cluster::ConnectionPermit;

/// An exclusive HTTP/1.1 connection.
#[derive(Debug)]
pub(crate) struct Http1 {
    pub(super) sender: http1::SendRequest<Body>,
    pub(super) written: Written,
    pub(super) facts: Facts,
    pub(super) served: u32,
    pub(super) idle_since: Instant,
}

/// What is known of a connection of either kind; dropping it ends the connection's task.
#[derive(Debug)]
pub(super) struct Facts {
    /// Whom it was made to.
    pub(super) target: Arc<Endpoint>,
    pub(super) local: Option<SocketAddr>,
    pub(super) since: Instant,
    pub(super) task: AbortHandle,
    pub(super) _permit: ConnectionPermit,
}

impl Http1 {
    pub(super) fn is_open(&self) -> bool {
        self.sender.is_ready()
    }

    pub(super) async fn send(&mut self, mut request: Request<Body>) -> Result<Response<Incoming>, Failure> {
        let before = self.written.bytes();
        tell_no_body(&mut request);
        let reused = self.served > 0;
        self.served += 1;
        self.sender.try_send_request(request).await.map_err(|mut error| {
            let request = error.take_message().map(Box::new);
            let written = request.is_none() && self.written.bytes() != before;
            let error = error.into_error();
            let reset = classify(&error);
            Failure { reset, written, reused, drained: false, request, source: error.into() }
        })
    }
}

/// Says of a request that could have a body that it has none, as RFC 9110 (8.6) asks: there are servers
/// that answer 411 otherwise.
fn tell_no_body(request: &mut Request<Body>) {
    let expected = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH);
    if expected && request.body().is_end_stream() && !request.headers().contains_key(CONTENT_LENGTH) {
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
}
