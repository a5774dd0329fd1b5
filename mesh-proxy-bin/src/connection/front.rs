//! Between hyper and the stack: what a connection's requests carry, and what errors become.
//!
//! The stack is called as it is, unboxed and not cloned: one connection's requests start one after the other,
//! and the stack is always ready.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, SERVER, UPGRADE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use mesh_core::headers::{FieldLimit, websocket};
use mesh_core::reply::LocalReply;
use mesh_core::telemetry::trace::REQUEST_ID;
use mesh_tower::normalize::Downstream;
use mesh_tower::upstream::pool::TRAILERS_TOO_LARGE;
use mesh_tower::{Body, BoxError, Error, grpc};
use pin_project::pin_project;
use tower_service::Service;

use crate::connection::activity::{Activity, Open, Order};
use crate::connection::registry::Registry;
use crate::connection::reply::Reply;
use crate::connection::upgrade;

/// Our value of `server` (HD-3).
pub(crate) const SERVER_NAME: HeaderValue = HeaderValue::from_static("mesh-proxy");

/// The service that hyper calls for one connection.
#[derive(Debug)]
pub(crate) struct Front<S> {
    pub(crate) stack: RefCell<S>,
    pub(crate) downstream: Downstream,
    pub(crate) activity: Arc<Activity>,
    pub(crate) registry: Arc<Registry>,
    /// How large a request's trailers may be.
    pub(crate) max_fields: FieldLimit,
    /// Whether local replies carry `server`: not those to the application behind its own sidecar (HD-3).
    pub(crate) server: Option<HeaderValue>,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Front<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    B: http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static,
{
    type Response = Response<Reply<B>>;
    type Error = h2::Error;
    type Future = Answer<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mut request = request.map(|body| Body::limited(body, self.max_fields));
        let open = self.activity.begin();
        let http1 = request.version() < Version::HTTP_2;
        let connect = request.method() == Method::CONNECT;
        let silent = !http1 && request.method() == Method::HEAD;
        // A gRPC error is a 200, which would open a tunnel without an endpoint.
        let is_grpc = !connect && grpc::is_grpc(request.headers());
        let switch = if connect || (http1 && request.headers().contains_key(UPGRADE)) {
            let caller = hyper::upgrade::on(&mut request);
            Some(Box::new(Switch {
                caller,
                registry: self.registry.clone(),
                activity: self.activity.clone(),
            }))
        } else {
            None
        };
        request.extensions_mut().insert(self.downstream.clone());
        let future = self.stack.borrow_mut().call(request);
        Answer {
            future,
            facts: Some(Facts { open, http1, silent, is_grpc, server: self.server.clone(), switch }),
        }
    }
}

/// The caller's half of a connection, or of a stream, that may change its protocol.
#[derive(Debug)]
struct Switch {
    caller: OnUpgrade,
    registry: Arc<Registry>,
    activity: Arc<Activity>,
}

/// Facts of a request that its response needs.
#[derive(Debug)]
struct Facts {
    open: Open,
    http1: bool,
    /// HEAD over HTTP/2: no byte of a body may follow.
    silent: bool,
    is_grpc: bool,
    server: Option<HeaderValue>,
    switch: Option<Box<Switch>>,
}

/// The future of an answer.
#[pin_project]
#[derive(Debug)]
pub(crate) struct Answer<F> {
    #[pin]
    future: F,
    facts: Option<Facts>,
}

impl<F, B> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, BoxError>>,
    B: http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static,
{
    type Output = Result<Response<Reply<B>>, h2::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.future.poll(cx));
        let facts = this.facts.take().expect("a future is not polled after it is ready");
        let http1 = facts.http1;
        let mut closing = http1 && facts.open.order() >= Order::Drain;
        let mut response = match result {
            Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => switch(response, facts),
            // A success would open the caller's tunnel without an endpoint.
            Ok(response) if !http1 && facts.switch.is_some() && response.status().is_success() => {
                local(&protocol_error(), facts)
            }
            Ok(mut response) if http1 && facts.is_grpc && !response.body().is_end_stream() => {
                response.headers_mut().remove(CONTENT_LENGTH);
                response.map(|body| Reply::stack(body, facts.open).until_trailers())
            }
            Ok(response) if facts.silent => response.map(|body| Reply::silent(body, facts.open)),
            Ok(response) => response.map(|body| Reply::stack(body, facts.open)),
            Err(error) => {
                let error = Error::from_box(error);
                closing |= http1 && error.reply().closes();
                if !http1 && error.reply().details == TRAILERS_TOO_LARGE {
                    // The stream is reset: its request was malformed.
                    return Poll::Ready(Err(h2::Reason::ENHANCE_YOUR_CALM.into()));
                }
                local(&error, facts)
            }
        };
        if http1 {
            // The endpoint's version does not concern the caller.
            *response.version_mut() = Version::HTTP_11;
        } else if let Some(id) = response.headers_mut().get_mut(REQUEST_ID) {
            // Never the same again: not worth a place in the connection's table of headers.
            id.set_sensitive(true);
        }
        if closing && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Poll::Ready(Ok(response))
    }
}

/// A local reply (RF-2, RF-4).
fn local<B>(error: &Error, facts: Facts) -> Response<Reply<B>> {
    let mut response = error.response(facts.is_grpc);
    if let Some(name) = facts.server {
        response.headers_mut().insert(SERVER, name);
    }
    response.map(|body| Reply::local(if facts.silent { Body::empty() } else { body }, facts.open))
}

fn protocol_error() -> Error {
    LocalReply::reset(mesh_core::outcome::Reset::Protocol, false, None).into()
}

/// The endpoint has changed the protocol: the rest of the connection is a tunnel.
fn switch<B>(mut response: Response<B>, mut facts: Facts) -> Response<Reply<B>>
where
    B: http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static,
{
    let Some(switch) = facts.switch.take() else {
        // The caller did not ask for an upgrade, and would not understand its answer.
        return local(&protocol_error(), facts);
    };
    let endpoint = mesh_tower::upgrade::on(&mut response);
    let (mut head, body) = response.into_parts();
    if !facts.http1 {
        // The answer to an extended CONNECT.
        head.status = StatusCode::OK;
        websocket::agree(&mut head.headers);
    }
    let Switch { caller, registry, activity } = *switch;
    upgrade::tunnel(caller, endpoint, body, &registry, &activity);
    Response::from_parts(head, Reply::local(Body::empty(), facts.open))
}
