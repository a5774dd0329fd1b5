//! [`Route`].

use std::sync::Arc;
use std::task::{Context as Task, Poll};

use bytes::Bytes;
use http::header::LOCATION;
use http::{Request, Response};
use mesh_core::reply::LocalReply;
use mesh_core::route::{Action, Fallback, Found, RequestView};
use tower_service::Service;

use super::Matched;
use super::layer::{Rules, rules};
use crate::context::Context;
use crate::error::{BoxError, Error};
use crate::future::ReadyOr;
use crate::grpc::is_grpc;
use crate::record::{Record, Slot};
use crate::worker::Worker;

/// Routes requests; see the [module](super).
#[derive(Clone, Debug)]
pub struct Route<S> {
    pub(super) inner: S,
    pub(super) worker: Arc<Worker>,
    pub(super) listener: Option<Arc<str>>,
}

enum Step {
    Forward(Matched),
    Answer(Response<Bytes>),
    Refuse(LocalReply),
}

impl<S> Route<S> {
    fn decide<B>(&self, request: &Request<B>) -> Step {
        let view = self.worker.view();
        let record = Record::of(request.extensions()).cloned().unwrap_or_default();
        let facts = RequestView::of(request);
        let https = facts.scheme == "https";
        let found = match rules(view.plan(), self.listener.as_deref(), facts.authority, https) {
            Rules::Table(table) if table.reads_claims() => {
                let context = request.extensions().get::<Context>();
                match context.and_then(Context::claims) {
                    Some(claims) => table.find(&facts.claims(claims)),
                    None => table.find(&facts),
                }
            }
            Rules::Table(table) => table.find(&facts),
            Rules::UnknownPort => Found::NoHost(view.unknown_port()),
            Rules::NoListener => Found::NoHost(Fallback::NotFound),
        };
        let route = match found {
            Found::Route(_, route) => route.clone(),
            Found::NoRule(_) | Found::NoHost(Fallback::NotFound) => {
                return Step::Refuse(LocalReply::no_route());
            }
            Found::NoHost(Fallback::BlackHole) => return Step::Refuse(LocalReply::black_hole()),
            Found::NoHost(Fallback::Passthrough) => view.allow_any().clone(),
        };
        record.note(|decision| {
            decision.generation = view.plan().generation;
            decision.route = Some(route.clone());
        });
        match &route.action {
            Action::Forward(_) | Action::Passthrough => {
                Step::Forward(Matched::new(view, route, record, Slot::survey(request)))
            }
            Action::Redirect(redirect) => match redirect.location(&facts) {
                Some((status, location)) => {
                    let grpc = is_grpc(request.headers());
                    let mut response = LocalReply::configured(status).response(grpc).map(|_| Bytes::new());
                    response.headers_mut().insert(LOCATION, location);
                    route.response_headers.apply_response(response.headers_mut(), &());
                    record.note(|decision| decision.details = "direct_response".into());
                    Step::Answer(response)
                }
                None => Step::Refuse(LocalReply::bad_request("redirect_location_invalid")),
            },
            Action::DirectResponse(direct) => {
                let mut response = direct.response(is_grpc(request.headers()));
                route.response_headers.apply_response(response.headers_mut(), &());
                record.note(|decision| decision.details = "direct_response".into());
                Step::Answer(response)
            }
        }
    }
}

impl<S, B, ResB> Service<Request<B>> for Route<S>
where
    S: Service<Request<B>, Response = Response<ResB>>,
    S::Error: Into<BoxError>,
    ResB: From<Bytes>,
{
    type Response = Response<ResB>;
    type Error = BoxError;
    type Future = ReadyOr<S::Future, Response<ResB>>;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.decide(&request) {
            Step::Forward(mut matched) => {
                matched.take_options(request.extensions_mut());
                matched.attach(request.extensions_mut());
                ReadyOr::Calling(self.inner.call(request))
            }
            Step::Answer(response) => ReadyOr::ok(response.map(Into::into)),
            Step::Refuse(reply) => ReadyOr::fail(Error::local(reply)),
        }
    }
}
